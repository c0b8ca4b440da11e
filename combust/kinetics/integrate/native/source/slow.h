// Steps of slow cells that all share one matrix, as combust.kinetics.integrate.w_method has them: errors in tolerances.
#pragma once

#include "shared.h"

// Cells of a block: z, s and `end` (1 + species, total); `cells` of them, by number, whose steps share `matrix`.
struct Slow {
    std::int64_t hold, total, count, threads;
    const std::int64_t* cells;  // null: all of them in order
    const double *z, *s, *chemical;  // chemical (1 + species, count): dz/dt without s
    const double* matrix;            // (1 + species, 1 + species)
    double dt, rtol, atol;
    double *end, *error;  // error (count)
    const double *source, *last;  // of a correction: s and the end state before
};

// Some cells side by side: their numbers, of which the last repeats where there are fewer.
struct Side {
    std::int64_t at[LANES], first;
    int count;
    bool row = true;  // whether they follow each other

    Side(const Slow& job, std::int64_t from)
        : first(from), count(static_cast<int>(job.count - from < LANES ? job.count - from : LANES)) {
        for (int i = 0; i < LANES; i++) {
            const std::int64_t place = from + (i < count ? i : count - 1);
            at[i] = job.cells ? job.cells[place] : place;
            row = row && at[i] == at[0] + i;
        }
    }
    V of(const double* field) const {
        V x;
        if (row) std::memcpy(&x, field + at[0], sizeof x);
        else for (int i = 0; i < LANES; i++) x[i] = field[at[i]];
        return x;
    }
    V here(const double* field) const {  // of a field of the chosen cells alone
        V x;
        if (count == LANES) std::memcpy(&x, field + first, sizeof x);
        else for (int i = 0; i < LANES; i++) x[i] = field[first + (i < count ? i : count - 1)];
        return x;
    }
    void put(double* field, V x) const {
        if (row) std::memcpy(field + at[0], &x, sizeof x);
        else for (int i = 0; i < count; i++) field[at[i]] = x[i];
    }
    void put_here(double* field, V x) const {
        for (int i = 0; i < count; i++) field[first + i] = x[i];
    }
};

// work(w, side, rows) for all of them; rows : so many of 1 + species each.
template <typename Task>
std::int64_t in_sides(const Mechanism& m, const Slow& job, int rows, Task work) {
    std::atomic<std::int64_t> next{0};
    return outcome_of([&] {
        in_threads(job.threads, [&](int) {
            Work w(m);
            Rows own(rows * (m[species] + 1));
            for (std::int64_t c = LANES * next++; c < job.count; c = LANES * next++) work(w, Side(job, c), own.at);
        });
    });
}

// The step of w_method.slow_step into `end`, and its error.
static std::int64_t tolerated_steps(const Mechanism& m, const Slow& job) {
    const int size = m[species] + 1;
    return in_sides(m, job, 6, [&](Work& w, const Side& side, V* own) {
        V *z = own, *s = z + size, *k1 = s + size, *at = k1 + size, *f = at + size, *k2 = f + size;
        for (int k = 0; k < size; k++) z[k] = side.of(job.z + k * job.total), s[k] = side.of(job.s + k * job.total);
        transport(m, w, static_cast<Hold>(job.hold), z, s, f);
        for (int k = 0; k < size; k++) f[k] += side.here(job.chemical + k * job.count);
        times(job.matrix, size, size, f, k1);
        for (int k = 0; k < size; k++) at[k] = z[k] + job.dt * k1[k];
        rate(m, w, static_cast<Hold>(job.hold), at, s, all(1.0), nullptr, f);
        for (int k = 0; k < size; k++) f[k] -= 2.0 * k1[k];
        times(job.matrix, size, size, f, k2);
        for (int k = 0; k < size; k++) {
            side.put(job.end + k * job.total, z[k] + job.dt * (1.5 * k1[k] + 0.5 * k2[k]));
            f[k] = 0.5 * job.dt * (k1[k] + k2[k]);
        }
        side.put_here(job.error, in_tolerances(job, size, z, f, 1.0));
    });
}

// The end state after `last`, whose source changes to s, by w_method.slow_change, and the size of the change.
static std::int64_t tolerated_changes(const Mechanism& m, const Slow& job) {
    const int size = m[species] + 1;
    return in_sides(m, job, 4, [&](Work& w, const Side& side, V* own) {
        V *z = own, *s = z + size, *f = s + size, *change = f + size;
        for (int k = 0; k < size; k++) {
            z[k] = side.of(job.z + k * job.total);
            s[k] = side.of(job.s + k * job.total) - side.of(job.source + k * job.total);
        }
        transport(m, w, static_cast<Hold>(job.hold), z, s, f);
        times(job.matrix, size, size, f, change);
        for (int k = 0; k < size; k++) side.put(job.end + k * job.total, side.of(job.last + k * job.total) + change[k]);
        side.put_here(job.error, in_tolerances(job, size, z, change, 1.0));
    });
}

// What chemistry changes over dt, in tolerances.
static std::int64_t chemical_changes(const Mechanism& m, const Slow& job) {
    const int size = m[species] + 1;
    return in_sides(m, job, 2, [&](Work&, const Side& side, V* own) {
        V *z = own, *chemical = z + size;
        for (int k = 0; k < size; k++) {
            z[k] = side.of(job.z + k * job.total);
            chemical[k] = side.here(job.chemical + k * job.count);
        }
        side.put_here(job.error, in_tolerances(job, size, z, chemical, job.dt));
    });
}
