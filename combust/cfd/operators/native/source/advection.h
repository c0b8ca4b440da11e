// Advection of (rho h, rho Y), as combust.cfd.operators.scalars and its reconstructions have it: fluxes of a line of faces
// at a time, of which those below and behind a line of cells are kept from the line before.
#pragma once

#include "state.h"

enum Scheme : std::int64_t { UPWIND, CENTRAL, VAN_LEER, KOREN };

// Of an axis: the velocity and the mass fluxes at its faces, and its metrics, which begin at face 0 or cell 0 of the block.
struct Axis {
    std::int64_t active;
    Field u, mass;
    const double *per_volume, *right, *half, *per_reach, *face;  // face: weights of faces, null where all are 1
    const double *low_area, *high_area;  // of the faces at the block's ends, null where nothing leaves there
};

struct Advection {
    Extent n;
    std::int64_t scheme, threads;
    double p0;
    Field q, rate;
    Axis axes[3];
    double* out;  // (1 + species) what leaves
};

static inline V limited_by_van_leer(V a, V b) {
    const V product = a * b;
    const Mask same = product > 0.0;
    return where(same, 2.0 * product / where(same, a + b, all(1.0)), V{});
}

static inline V limited_by_koren(V step, V a, V b) {
    const V most = smaller(magnitude(a), magnitude(b));
    return where(a * b > 0.0, smaller(larger(step, -most), most), V{});
}

// What is equal for all rows at a face: the side upstream, the weight of the right cell, inverse distances between the
// four cells around, half the width of the cell upstream, and what makes Koren's parabola.
struct Around {
    Mask left;
    V right, reach[3], half, near, far;
};

// metric(i): of the cell or face i places on.
template <Scheme scheme, class Half, class Reach>
static inline Around around(V u, V right, Half half, Reach reach) {
    Around at;
    at.left = u > 0.0;
    at.right = right;
    if (scheme == UPWIND || scheme == CENTRAL) return at;
    for (int i = 0; i < 3; i++) at.reach[i] = reach(i - 1);
    at.half = where(at.left, half(-1), half(0));
    if (scheme == KOREN) {
        const V before = where(at.left, half(-2), half(1)), after = where(at.left, half(0), half(-1));
        const V share = at.half / (before + at.half + after);
        at.near = share * (before + at.half), at.far = share * after;
    }
    return at;
}

// The value at a face from the four cells around.
template <Scheme scheme>
static inline V face_value(V q0, V q1, V q2, V q3, const Around& at) {
    if (scheme == UPWIND) return where(at.left, q1, q2);
    if (scheme == CENTRAL) return q1 + at.right * (q2 - q1);
    const V d0 = q1 - q0, d1 = q2 - q1, d2 = q3 - q2;
    const V a = where(at.left, d0, d2), reach = where(at.left, at.reach[0], at.reach[2]);
    const V upstream = where(at.left, q1, q2);
    const V s = a * reach, t = d1 * at.reach[1];
    const V step = scheme == VAN_LEER ? limited_by_van_leer(s, t) * at.half : limited_by_koren(at.near * t + at.far * s, a, d1);
    return where(at.left, upstream + step, upstream - step);
}

// Fluxes of a block's lines of faces, for one thread.
template <Scheme scheme>
struct Lines {
    const Gas& gas;
    const Advection& job;
    std::int64_t wide;  // places of a row of a buffer
    std::vector<Around> at;
    Lines(const Gas& gas, const Advection& job) : gas(gas), job(job), wide((job.n.cells / LANES + 2) * LANES), at(wide / LANES) {}

    // (1 + species, places) fluxes at the faces of an axis at z, y into `to`, and the mass flux.
    template <int axis>
    void fluxes(std::int64_t z, std::int64_t y, double* to) {
        const Axis& a = job.axes[axis];
        const Field& q = job.q;
        const std::int64_t step = axis == 0 ? q.plane : axis == 1 ? q.row : 1, line = axis == 0 ? z : y;
        const std::int64_t faces = job.n.cells + (axis == 2);
        const auto count = [&](std::int64_t x) { return static_cast<int>(faces - x); };
        for (std::int64_t x = 0; x < faces; x += LANES) {
            const auto of = [&](const double* metric, std::int64_t i) {
                return axis == 2 ? load_part(metric + x + i, count(x)) : all(metric[line + i]);
            };
            at[x / LANES] = around<scheme>(
                load_part(a.u(0, z, y) + x, count(x)), of(a.right, 0), [&](int i) { return of(a.half, i); },
                [&](int i) { return of(a.per_reach, i); });
        }
        const bool far = scheme == VAN_LEER || scheme == KOREN;
        for (std::int64_t row = 0; row <= gas.species; row++)
            for (std::int64_t x = 0; x < faces; x += LANES) {
                const double* p = q(row, z, y) + x;
                const auto cell = [&](int i) { return load_part(p + i * step, count(x)); };
                store(to + row * wide + x, face_value<scheme>(far ? cell(-2) : V{}, cell(-1), cell(0), far ? cell(1) : V{},
                                                              at[x / LANES]));
            }
        for (std::int64_t x = 0; x < faces; x += LANES)
            store_part(a.mass(0, z, y) + x, carried(load_part(a.u(0, z, y) + x, count(x)), to + x), count(x));
    }

    // The mass flux, of values (T, Y) at faces that fluxes take the place of.
    V carried(V u, double* to) const {
        const V T = load(to);
        const Range range(gas, T);
        Powers sum;
        V moles = {}, mass = {};
        each_species(gas, range, [&](std::int64_t k, auto mixed) {
            const V Y = load(to + (k + 1) * wide);
            add<mixed>(sum, gas, range, k, T, Y);
            moles += Y * gas.r_molar_mass[k];
        });
        const V flow = u * job.p0 / (GAS_CONSTANT * T * moles);
        store(to, flow * sum.enthalpy(T));
        for (std::int64_t k = 1; k <= gas.species; k++) {
            const V flux = flow * load(to + k * wide);
            mass += flux;
            store(to + k * wide, flux);
        }
        return mass;
    }

    // What leaves a cell through a row of faces of an axis and the next one, per volume.
    template <int axis>
    V left_by(const double* low, const double* high, std::int64_t line, std::int64_t x, int count) const {
        const Axis& a = job.axes[axis];
        const auto of = [&](const double* metric, std::int64_t i) {
            return axis == 2 ? load_part(metric + x + i, count) : all(metric[line + i]);
        };
        V lower = load(low + x), upper = load(high + x);
        if (a.face) lower *= of(a.face, 0), upper *= of(a.face, 1);
        return (upper - lower) * of(a.per_volume, 0);
    }

    // The rate of a line of cells from the fluxes below and above them: low[axis], high[axis].
    void rates(std::int64_t z, std::int64_t y, const double* const* low, const double* const* high) const {
        for (std::int64_t row = 0; row <= gas.species; row++)
            for (std::int64_t x = 0; x < job.n.cells; x += LANES) {
                const int count = static_cast<int>(std::min<std::int64_t>(LANES, job.n.cells - x));
                const std::int64_t at = row * wide;
                V rate = {};
                if (low[0]) rate -= left_by<0>(low[0] + at, high[0] + at, z, x, count);
                if (low[1]) rate -= left_by<1>(low[1] + at, high[1] + at, y, x, count);
                if (low[2]) rate -= left_by<2>(low[2] + at, high[2] + at, y, x, count);
                store_part(job.rate(row, z, y) + x, rate, count);
            }
    }

    // out += sign times what passes some faces of a line, of these areas.
    void leaves(const double* flux, const double* area, std::int64_t faces, double sign, double* out) const {
        for (std::int64_t row = 0; row <= gas.species; row++) {
            double sum = 0.0;
            for (std::int64_t x = 0; x < faces; x++) sum += flux[row * wide + x] * area[x];
            out[row] += sign * sum;
        }
    }

    // Lines of the planes z0 to z1 and, of a block of one plane, y0 to y1; `out` (lines, 1 + species).
    void run(std::int64_t z0, std::int64_t z1, std::int64_t y0, std::int64_t y1, double* out) {
        const std::int64_t size = (1 + gas.species) * wide, count = y1 - y0;
        const auto& axes = job.axes;
        std::vector<double> x_faces(axes[2].active ? size : 0), y_faces(axes[1].active ? 2 * size : 0);
        std::vector<double> z_faces(axes[0].active ? 2 * size * count : 0);
        for (std::int64_t z = z0; z < z1; z++)
            for (std::int64_t y = y0; y < y1; y++) {
                const double *low[3] = {}, *high[3] = {};
                double* leaving = out + (z * job.n.rows + y) * (1 + gas.species);
                if (axes[0].active) pass<0>(z, y, z == z0, z_faces.data() + 2 * size * (y - y0), size, low[0], high[0], leaving);
                if (axes[1].active) pass<1>(z, y, y == y0, y_faces.data(), size, low[1], high[1], leaving);
                if (axes[2].active) {
                    fluxes<2>(z, y, x_faces.data());
                    low[2] = x_faces.data(), high[2] = low[2] + 1;
                    const std::int64_t line = z * job.n.rows + y;
                    if (axes[2].low_area) leaves(low[2], axes[2].low_area + line, 1, -1.0, leaving);
                    if (axes[2].high_area) leaves(low[2] + job.n.cells, axes[2].high_area + line, 1, 1.0, leaving);
                }
                rates(z, y, low, high);
            }
    }

    // Fluxes below and above a line of cells along z or y; those below are kept from the line before, unless it is the first.
    template <int axis>
    void pass(std::int64_t z, std::int64_t y, bool first, double* kept, std::int64_t size, const double*& low,
              const double*& high, double* leaving) {
        const Axis& a = job.axes[axis];
        const std::int64_t line = axis == 0 ? z : y, last = axis == 0 ? job.n.planes - 1 : job.n.rows - 1;
        const std::int64_t at = (axis == 0 ? y : z) * job.n.cells;
        double *below = kept + size * (line % 2), *above = kept + size * ((line + 1) % 2);
        if (first) fluxes<axis>(z, y, below);
        axis == 0 ? fluxes<axis>(z + 1, y, above) : fluxes<axis>(z, y + 1, above);
        low = below, high = above;
        if (line == 0 && a.low_area) leaves(below, a.low_area + at, job.n.cells, -1.0, leaving);
        if (line == last && a.high_area) leaves(above, a.high_area + at, job.n.cells, 1.0, leaving);
    }
};

// The lines of all threads, cut by planes, or by lines of one plane; sums do not hang on how they are cut.
template <Scheme scheme>
void advection(const Gas& gas, const Advection& job) {
    const std::int64_t lines = job.n.planes * job.n.rows, rows = 1 + gas.species;
    const bool planes = job.n.planes > 1;
    const std::int64_t n = planes ? job.n.planes : job.n.rows, threads = std::min(job.threads, n);
    std::vector<double> out(lines * rows);
    in_threads(threads, [&](std::int64_t i) {
        Lines<scheme> of(gas, job);
        const std::int64_t from = n * i / threads, to = n * (i + 1) / threads;
        if (planes) of.run(from, to, 0, job.n.rows, out.data());
        else of.run(0, job.n.planes, from, to, out.data());
    });
    for (std::int64_t row = 0; row < rows; row++) job.out[row] = 0.0;
    for (std::int64_t line = 0; line < lines; line++)
        for (std::int64_t row = 0; row < rows; row++) job.out[row] += out[line * rows + row];
}

extern "C" std::int64_t combust_advection(const Gas* gas, const Advection* job) {
    return outcome_of([&] {
        switch (job->scheme) {
            case UPWIND: return advection<UPWIND>(*gas, *job);
            case CENTRAL: return advection<CENTRAL>(*gas, *job);
            case VAN_LEER: return advection<VAN_LEER>(*gas, *job);
            case KOREN: return advection<KOREN>(*gas, *job);
        }
    });
}
