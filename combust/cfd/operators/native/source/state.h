// What follows from the state of a cell alone, as combust.cfd.operators.scalars has it.
#pragma once

#include "pointwise.h"

constexpr double GAS_CONSTANT = 8314.46261815324;  // J/kmol/K

// use(k, mixed) for all species: mixed is a constant that says what `add` takes the range of the data for.
template <typename Use>
static inline void each_species(const Gas& gas, const Range& range, Use use) {
    if (range.row)
        for (std::int64_t k = 0; k < gas.species; k++) use(k, std::false_type());
    else
        for (std::int64_t k = 0; k < gas.species; k++) use(k, std::true_type());
}

// The larger one; what is no number stays.
static inline V largest(V a, V b) { return where((Mask)(b > a) | (Mask)(b != b), b, a); }

// A part of a row of cells, which `in_tiles` gives work.
struct Part {
    std::int64_t z, y, x;
    int cells;

    V of(const Field& f, std::int64_t k, int c) const { return load_part(f(k, z, y) + x + c, cells - c); }
    void put(const Field& f, std::int64_t k, int c, V value) const { store_part(f(k, z, y) + x + c, value, cells - c); }
};

// work(rows, part) for all parts of rows. Fields are read component by component, as memory streams, into `count` rows that
// stay in the cache: so many streams at once are none.
template <typename Work>
std::int64_t in_parts(const Extent& n, std::int64_t threads, std::int64_t count, Work work) {
    return in_tiles(n, threads, count, [&](Rows& own, std::int64_t z, std::int64_t y, std::int64_t x, int cells) {
        work(own, Part{z, y, x, cells});
    });
}

// Components from `first` on of a field, so many, into rows.
static inline void take(const Part& part, const Field& f, std::int64_t first, std::int64_t count, double* rows) {
    for (std::int64_t k = 0; k < count; k++)
        for (int c = 0; c < part.cells; c += LANES) store(rows + k * TILE + c, part.of(f, first + k, c));
}

// The sum of so many components from the second one on, in a row.
static inline void sum_of(const Part& part, const Field& f, std::int64_t count, double* row) {
    for (std::int64_t k = 0; k < count; k++)
        for (int c = 0; c < part.cells; c += LANES) {
            const V next = part.of(f, 1 + k, c);
            store(row + c, k ? load(row + c) + next : next);
        }
}

// Mean heat capacity [J/kg/K] and sum_k Y_k / W_k at T, of rows of Y_k.
static inline void mean_of(const Gas& gas, const double* Y, V T, V& cp, V& moles) {
    const Range range(gas, T);
    Powers sum;
    moles = V{};
    each_species(gas, range, [&](std::int64_t k, auto mixed) {
        const V own = load(Y + k * TILE);
        add<mixed>(sum, gas, range, k, T, own);
        moles += own * gas.r_molar_mass[k];
    });
    cp = sum.heat_capacity(T);
}

extern "C" {

// fields : U, T, and the result (T, Y)
std::int64_t combust_primitive(const Gas* gas, const Extent* n, std::int64_t threads, const Field* fields, std::int64_t steps) {
    const Field &U = fields[0], &guess = fields[1], &q = fields[2];
    const std::int64_t rows = 1 + gas->species;
    return in_parts(*n, threads, rows + 3, [&](Rows& own, Part part) {
        double *at = own[rows], *T = own[rows + 1], *r_rho = own[rows + 2];
        take(part, U, 0, rows, own[0]);
        take(part, guess, 0, 1, at);
        temperature(*gas, own[0], at, part.cells, static_cast<int>(steps), T, r_rho);
        for (int c = 0; c < part.cells; c += LANES) part.put(q, 0, c, load(T + c));
        for (std::int64_t k = 1; k < rows; k++)
            for (int c = 0; c < part.cells; c += LANES) part.put(q, k, c, load(own[k] + c) * load(r_rho + c));
    });
}

// fields : rates of U by diffusion, of species by reactions, (T, Y), density, and the result S
std::int64_t combust_divergence_source(const Gas* gas, const Extent* n, std::int64_t threads, const Field* fields) {
    const Field &rate = fields[0], &wdot = fields[1], &q = fields[2], &rho = fields[3], &S = fields[4];
    const std::int64_t species = gas->species;
    return in_parts(*n, threads, 2 * species + 1, [&](Rows& own, Part part) {
        double *R = own[0], *T_and_Y = own[species];
        for (std::int64_t k = 0; k < species; k++)
            for (int c = 0; c < part.cells; c += LANES)
                store(R + k * TILE + c, part.of(rate, 1 + k, c) + part.of(wdot, k, c));
        take(part, q, 0, 1 + species, T_and_Y);
        for (int c = 0; c < part.cells; c += LANES) {
            const V T = load(T_and_Y + c);
            const Range range(*gas, T);
            Powers heat, capacity;
            V made = {}, moles = {};
            each_species(*gas, range, [&](std::int64_t k, auto mixed) {
                const V change = load(R + k * TILE + c), Y = load(T_and_Y + (k + 1) * TILE + c);
                add<mixed>(heat, *gas, range, k, T, change);
                add<mixed>(capacity, *gas, range, k, T, Y);
                made += change * gas->r_molar_mass[k];
                moles += Y * gas->r_molar_mass[k];
            });
            const V heating = part.of(rate, 0, c) - heat.enthalpy(T);
            part.put(S, 0, c, (heating / (capacity.heat_capacity(T) * T) + made / moles) / part.of(rho, 0, c));
        }
    });
}

// fields : (T, Y), and the result 1 / (gamma p0)
std::int64_t combust_compressibility(const Gas* gas, const Extent* n, std::int64_t threads, const Field* fields, double p0) {
    const Field &q = fields[0], &theta = fields[1];
    return in_parts(*n, threads, 1 + gas->species, [&](Rows& own, Part part) {
        take(part, q, 0, 1 + gas->species, own[0]);
        for (int c = 0; c < part.cells; c += LANES) {
            V cp, moles;
            mean_of(*gas, own[1] + c, load(own[0] + c), cp, moles);
            part.put(theta, 0, c, (cp - GAS_CONSTANT * moles) / cp / p0);
        }
    });
}

// fields : U, T, and the result (p_eos - p0) / p0
std::int64_t combust_equation_of_state_error(const Gas* gas, const Extent* n, std::int64_t threads, const Field* fields,
                                             double p0) {
    const Field &U = fields[0], &T = fields[1], &error = fields[2];
    return in_parts(*n, threads, 1, [&](Rows& own, Part part) {
        double* moles = own[0];
        for (std::int64_t k = 0; k < gas->species; k++)
            for (int c = 0; c < part.cells; c += LANES) {
                const V next = part.of(U, 1 + k, c) * gas->r_molar_mass[k];
                store(moles + c, k ? load(moles + c) + next : next);
            }
        for (int c = 0; c < part.cells; c += LANES)
            part.put(error, 0, c, GAS_CONSTANT * part.of(T, 0, c) * load(moles + c) / p0 - 1.0);
    });
}

// fields : U, (T, Y), conductivity, mole diffusivities, and the largest diffusivity of each cell
std::int64_t combust_diffusivity(const Gas* gas, const Extent* n, std::int64_t threads, const Field* fields) {
    const Field &U = fields[0], &q = fields[1], &conductivity = fields[2], &B = fields[3], &found = fields[4];
    const std::int64_t species = gas->species;
    return in_parts(*n, threads, species + 3, [&](Rows& own, Part part) {
        double *T_and_Y = own[0], *rho = own[species + 1], *most = own[species + 2];
        take(part, q, 0, 1 + species, T_and_Y);
        sum_of(part, U, species, rho);
        for (std::int64_t k = 0; k < species; k++)
            for (int c = 0; c < part.cells; c += LANES) {
                const V next = part.of(B, k, c) * gas->r_molar_mass[k];
                store(most + c, k ? largest(load(most + c), next) : next);
            }
        for (int c = 0; c < part.cells; c += LANES) {
            V cp, moles;
            mean_of(*gas, T_and_Y + TILE + c, load(T_and_Y + c), cp, moles);
            part.put(found, 0, c, largest(load(most + c) / moles, part.of(conductivity, 0, c) / cp) / load(rho + c));
        }
    });
}

// fields : rho Y after the reactions, U before the step, its mean rate by transport, and the result (rho Y - U) / dt - Q
std::int64_t combust_mean_rates(const Extent* n, std::int64_t threads, const Field* fields, std::int64_t species, double dt) {
    const Field &after = fields[0], &U = fields[1], &Q = fields[2], &rates = fields[3];
    return in_parts(*n, threads, 0, [&](Rows&, Part part) {
        for (std::int64_t k = 0; k < species; k++)
            for (int c = 0; c < part.cells; c += LANES)
                part.put(rates, k, c, (part.of(after, k, c) - part.of(U, 1 + k, c)) / dt - part.of(Q, 1 + k, c));
    });
}

// now + w (now - before) of so many fields without gaps: now, before, result of each in turn
std::int64_t combust_ahead(std::int64_t threads, std::int64_t count, double* const* fields, const std::int64_t* sizes, double w) {
    return outcome_of([&] {
        in_threads(threads, [&](std::int64_t thread) {
            for (std::int64_t i = 0; i < count; i++) {
                const double *now = fields[3 * i], *before = fields[3 * i + 1];
                const std::int64_t parts = (sizes[i] + LANES - 1) / LANES;
                const std::int64_t first = parts * thread / threads * LANES;
                const std::int64_t end = std::min(sizes[i], parts * (thread + 1) / threads * LANES);
                for (std::int64_t x = first; x < end; x += LANES) {
                    const int left = static_cast<int>(std::min<std::int64_t>(LANES, end - x));
                    const V a = load_part(now + x, left), b = load_part(before + x, left);
                    store_part(fields[3 * i + 2] + x, a + w * (a - b), left);
                }
            }
        });
    });
}
}
