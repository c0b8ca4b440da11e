// Steps of cells that share matrices made of Jacobians: the W-method of combust.kinetics.integrate.w_method, and the
// response of a step's end to other sources. Errors are measured as combust.surrogates.trust.router does.
#pragma once

#include <atomic>
#include <cmath>
#include <vector>

#include "systems.h"
#include "threads.h"

// What error is allowed; the same fields as Limits in shared.py.
struct Limits {
    const double* peak;  // of each species, mass fraction
    double kelvin, share, relative, cold, grown, accelerating, growth, scarce, fallen, faint, faint_cold, release;
};

// Cells of fields of `stride` cells; row: the matrix of each.
struct Cells {
    std::int64_t hold, stride, count, threads, matrices;
    const std::int64_t *cell, *row;
    const double *matrix, *z, *chemical, *source, *before, *held;
    double dt;
    double tried, rtol, atol;  // slow cells are those that chemistry changes by no more tolerances than `tried` over dt
};

// One where NaN is the larger of two.
static inline V largest(V a, V b) { return where((Mask)(a > b) | (Mask)(a != a), a, b); }

// Blocks of cells of one matrix: where they begin and end in `order`.
struct Blocks {
    std::vector<std::int64_t> order;
    struct Part {
        std::int64_t row, first, last;
    };
    std::vector<Part> parts;

    explicit Blocks(const Cells& c) : order(c.count) {
        std::vector<std::int64_t> end(c.matrices + 1, 0);
        for (std::int64_t i = 0; i < c.count; i++) end[c.row[i] + 1]++;
        for (std::int64_t r = 0; r < c.matrices; r++) end[r + 1] += end[r];
        for (std::int64_t r = 0; r < c.matrices; r++)
            for (std::int64_t i = end[r]; i < end[r + 1]; i += LANES)
                parts.push_back({r, i, i + LANES < end[r + 1] ? i + LANES : end[r + 1]});
        for (std::int64_t i = 0; i < c.count; i++) order[end[c.row[i]]++] = i;
    }
};

// y = M x, M (rows, columns) of numbers.
static inline void times(const double* M, int rows, int columns, const V* x, V* y) {
    int i = 0;
    for (; i + 4 <= rows; i += 4) {
        V a = {}, b = {}, c = {}, d = {};
        const double* row = M + static_cast<std::int64_t>(i) * columns;
        for (int j = 0; j < columns; j++) {
            a += row[j] * x[j];
            b += row[columns + j] * x[j];
            c += row[2 * columns + j] * x[j];
            d += row[3 * columns + j] * x[j];
        }
        y[i] = a, y[i + 1] = b, y[i + 2] = c, y[i + 3] = d;
    }
    for (; i < rows; i++) {
        V a = {};
        for (int j = 0; j < columns; j++) a += M[static_cast<std::int64_t>(i) * columns + j] * x[j];
        y[i] = a;
    }
}

// What sources add to dz/dt.
static inline void transport(const Mechanism& m, Work& w, Hold hold, const V* z, const V* s, V* f) {
    thermodynamics<false, false>(m, w, z[0], logarithm_or_nan(z[0]), 1.0 / z[0]);
    const V capacity = energies(m, w, hold, z);
    V heat = s[0];
    for (int k = 0; k < m[species]; k++) heat -= w.energy[k] * s[1 + k], f[1 + k] = s[1 + k];
    f[0] = heat / capacity;
}

// Size of an error of a step that changes z by `change` to `end`, in units of what is allowed.
static inline V misfit(const Mechanism& m, const Limits& of, const V* end, const V* change, const V* error, V sum) {
    V wrong = {}, changed = {};
    for (int k = 0; k < m[species]; k++) {
        const V weight = of.peak[k] * sum;
        wrong = largest(magnitude(error[1 + k]) / weight, wrong);
        changed = largest(magnitude(change[1 + k]) / weight, changed);
    }
    const V T = magnitude(error[0]) / (of.kelvin + of.relative * magnitude(change[0]));
    return largest(T, wrong / (of.share + of.relative * changed));
}

// The same of the species alone that grow by chemistry; moved: z with what transport adds, rise: dt f of the chemistry.
static inline V growth(const Mechanism& m, const Limits& of, const V* moved, const V* end, const V* error, const V* rise, V sum) {
    V most = {};
    const V heated = (end[0] - moved[0]) / of.release, burning = of.share * (heated * heated);
    const V faint = where(moved[0] < of.cold, all(of.faint_cold), all(of.faint));
    for (int k = 1; k <= m[species]; k++) {
        const V weight = of.peak[k - 1] * sum, before = moved[k], after = end[k], linear = before + rise[k];
        const Mask fast = (Mask)(largest(after, linear) > of.grown * before);
        const Mask unstable = (Mask)(after > linear) & (Mask)(linear > before) & (Mask)(after > of.accelerating * before);
        const Mask scarce = (Mask)(before < of.scarce * weight) & (Mask)(rise[k] > 0.1 * of.faint * weight);
        const Mask growing = fast | unstable | (scarce & (Mask)(after < of.fallen * before));
        const V allowed = faint + of.growth * (magnitude(after - before) / weight) + burning;
        most = largest(where(growing, magnitude(error[k]) / weight / allowed, V{}), most);
    }
    return most;
}

// Reads rows of some cells of a field into lanes, the last one again where there are fewer.
struct Lanes {
    const Cells& c;
    std::int64_t at[LANES];
    int used;

    Lanes(const Cells& c, const Blocks& blocks, const Blocks::Part& part, std::int64_t* place) : c(c) {
        used = static_cast<int>(part.last - part.first);
        for (int i = 0; i < LANES; i++) {
            const std::int64_t own = blocks.order[part.first + (i < used ? i : used - 1)];
            place[i] = own, at[i] = c.cell[own];
        }
    }
    void read(const double* field, int rows, V* x) const {
        for (int k = 0; k < rows; k++)
            for (int i = 0; i < LANES; i++) x[k][i] = field[k * c.stride + at[i]];
    }
};

// Root mean square of `scale` times defects, in the tolerances `of` (rtol, atol) at z.
template <typename Tolerances>
static inline V in_tolerances(const Tolerances& of, int size, const V* z, const V* defect, double scale) {
    V total = {}, square = {};
    for (int k = 1; k < size; k++) total += z[k];
    for (int k = 0; k < size; k++) {
        const V x = scale * defect[k] / (of.rtol * magnitude(z[k]) + of.atol * (k ? total : z[0]));
        square += x * x;
    }
    return square_root(square / static_cast<double>(size));
}

// Steps of the W-method: their ends, (1 + species, count), or, `whole`, among those of all cells, and errors (count) in
// units of what is allowed, infinite where a cell is not slow.
static void slow_steps(const Mechanism& m, const Limits& of, const Cells& c, bool whole, double* end, double* error) {
    const Blocks blocks(c);
    const int size = m[species] + 1;
    const Hold hold = static_cast<Hold>(c.hold);
    std::atomic<std::size_t> next{0};
    in_threads(c.threads, [&](std::int64_t) {
        Work w(m);
        Rows z(size), f(size), s(size), f0(size), k1(size), ahead(size), f1(size), k2(size), wrong(size), moved(size);
        std::int64_t place[LANES];
        for (std::size_t b = next++; b < blocks.parts.size(); b = next++) {
            const Blocks::Part& part = blocks.parts[b];
            const Lanes lanes(c, blocks, part, place);
            const double* M = c.matrix + part.row * size * size;
            V held = all(1.0), sum = {};
            lanes.read(c.z, size, z.at), lanes.read(c.chemical, size, f.at), lanes.read(c.source, size, s.at);
            if (c.held) lanes.read(c.held, 1, &held);
            const Mask slow = ~(Mask)(in_tolerances(c, size, z.at, f.at, c.dt) > c.tried);  // NaN shows in the error
            bool any = false;
            for (int i = 0; i < lanes.used; i++) any |= slow[i] != 0, error[place[i]] = __builtin_inf();
            if (!any) continue;
            transport(m, w, hold, z.at, s.at, f0.at);
            for (int k = 0; k < size; k++) f0[k] += f[k];
            times(M, size, size, f0.at, k1.at);
            for (int k = 0; k < size; k++) ahead[k] = z[k] + c.dt * k1[k];
            rate(m, w, hold, ahead.at, s.at, held, nullptr, f1.at);
            for (int k = 0; k < size; k++) f1[k] -= 2.0 * k1[k];
            times(M, size, size, f1.at, k2.at);
            for (int k = 0; k < size; k++) {
                ahead[k] = z[k] + c.dt * (1.5 * k1[k] + 0.5 * k2[k]);
                wrong[k] = 0.5 * c.dt * (k1[k] + k2[k]);
                moved[k] = z[k] + c.dt * (f0[k] - f[k]);
                f[k] *= c.dt;
                f1[k] = ahead[k] - z[k];
                if (k) sum += ahead[k];
            }
            const V size_of = misfit(m, of, ahead.at, f1.at, wrong.at, sum);
            const V grown = growth(m, of, moved.at, ahead.at, wrong.at, f.at, sum);
            const V worst = largest(size_of, grown);
            for (int i = 0; i < lanes.used; i++) {
                const std::int64_t at = whole ? lanes.at[i] : place[i], stride = whole ? c.stride : c.count;
                for (int k = 0; k < size; k++) end[k * stride + at] = ahead[k][i];
                error[place[i]] = slow[i] ? worst[i] : __builtin_inf();
            }
        }
    });
}

// Ends of steps, (1 + species, stride), that are moved to first order by the change of the sources since `before`; how
// large that is, (count), in units of what is allowed.
static void responses(const Mechanism& m, const Limits& of, const Cells& c, double* end, double* change_size) {
    const Blocks blocks(c);
    const int size = m[species] + 1;
    const Hold hold = static_cast<Hold>(c.hold);
    std::atomic<std::size_t> next{0};
    in_threads(c.threads, [&](std::int64_t) {
        Work w(m);
        Rows z(size), s(size), old(size), pushed(size), moved(size), change(size);
        std::int64_t place[LANES];
        for (std::size_t b = next++; b < blocks.parts.size(); b = next++) {
            const Blocks::Part& part = blocks.parts[b];
            const Lanes lanes(c, blocks, part, place);
            V sum = {};
            lanes.read(c.z, size, z.at), lanes.read(c.source, size, s.at), lanes.read(c.before, size, old.at);
            for (int k = 0; k < size; k++) s[k] -= old[k];
            transport(m, w, hold, z.at, s.at, pushed.at);
            for (int k = 0; k < size; k++) pushed[k] *= c.dt;
            times(c.matrix + part.row * size * size, size, size, pushed.at, change.at);
            lanes.read(end, size, moved.at);
            for (int k = 0; k < size; k++) {
                moved[k] += change[k];
                pushed[k] = moved[k] - z[k];
                if (k) sum += moved[k];
            }
            const V worst = misfit(m, of, moved.at, pushed.at, change.at, sum);
            for (int i = 0; i < lanes.used; i++) {
                for (int k = 0; k < size; k++) end[k * c.stride + lanes.at[i]] = moved[k][i];
                change_size[place[i]] = worst[i];
            }
        }
    });
}
