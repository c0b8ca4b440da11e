// Times of the parts of a step for benchmarks/cost.py, which compiles this with the integrator.

#include <ctime>
#include <malloc.h>

#include "integrate.cpp"

static double cpu_seconds() {
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec + 1e-9 * now.tv_nsec;
}

template <typename Work>
static double of_one(int repeats, Work work) {
    const double start = cpu_seconds();
    for (int i = 0; i < repeats; i++) work();
    return (cpu_seconds() - start) / repeats;
}

static double allocated() {
    const auto info = mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd);
}

// At constant pressure, of eight cells z (1 + species, 8): seconds of rates, Jacobian, factors and a solve, and bytes
// that a thread works in.
extern "C" void cost_parts(const Mechanism* mechanism, std::int64_t stages, const double* z, double p, double shift,
                           std::int64_t repeats, double* found) {
    const Mechanism& m = *mechanism;
    Method method{};
    method.stages = stages;
    const int n = m[species];
    Work w(m);
    Rows state(n + 1), source(n + 1), f(n + 1), chemical(n + 1), x(n + 2), factors(m[matrix_entries]);
    for (int k = 0; k <= n; k++) {
        source[k] = V{};
        for (int i = 0; i < LANES; i++) state[k][i] = z[k * LANES + i];
    }
    const V held = all(p), size = all(shift);
    found[0] = of_one(repeats, [&] { rate(m, w, HP, state.at, source.at, held, nullptr, f.at); });
    found[1] = of_one(repeats, [&] { linearise(m, w, HP, state.at, source.at, held, nullptr, size, f.at, chemical.at); });
    for (int i = 0; i < m[matrix_entries]; i++) factors[i] = w.entries[i];
    const double both = of_one(repeats, [&] {
        for (int i = 0; i < m[matrix_entries]; i++) w.entries[i] = factors[i];
        factorise(m, w.entries.at);
    });
    const double copies = of_one(repeats, [&] {
        for (int i = 0; i < m[matrix_entries]; i++) w.entries[i] = factors[i];
        __asm__ volatile("" : : "r"(w.entries.at) : "memory");
    });
    found[2] = both - copies;
    factorise(m, w.entries.at);
    found[3] = of_one(repeats, [&] {
        for (int k = 0; k < n + 2; k++) x[k] = all(1.0);
        solve(m, w.entries.at, x.at);
    });
    const double before = allocated();
    Shared shared;
    const Rules rules{};
    const Job job{};
    Stepper stepper(m, method, rules, job, shared);
    __asm__ volatile("" : : "r"(&stepper) : "memory");  // else its arrays, which nothing uses, are not made
    found[4] = allocated() - before;
}
