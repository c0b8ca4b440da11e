// A part of a row of cells, whose fields lie together: what the caches take, whatever the strides of the arrays.
#pragma once

#include <vector>

#include "gas.h"

constexpr int TILE = 128;  // cells; a multiple of LANES

// Rows of TILE numbers, each in cache lines of its own.
struct Rows {
    std::vector<double> numbers;
    double* first;

    explicit Rows(std::int64_t count) : numbers(count * TILE + 8) {
        const auto address = reinterpret_cast<std::uintptr_t>(numbers.data());
        first = numbers.data() + (64 - address % 64) % 64 / sizeof(double);
    }
    Rows(const Rows&) = delete;
    double* operator[](std::int64_t i) { return first + i * TILE; }
};

// Of (rho h, rho Y) in rows: T by Newton steps from a guess, and 1/rho.
static inline void temperature(const Gas& gas, const double* U, const double* guess, int cells, int steps, double* T_out,
                               double* r_rho) {
    for (int c = 0; c < cells; c += LANES) {
        V T = load(guess + c), rho = {};
        for (std::int64_t k = 1; k <= gas.species; k++) rho += load(U + k * TILE + c);
        Range range(gas, T);
        Powers sum = summed(gas, range, T, U + TILE + c, TILE);
        for (int step = 0; step < steps; step++) {
            if (step) {
                const Range now(gas, T);
                if (!(now == range)) sum = summed(gas, range = now, T, U + TILE + c, TILE);
            }
            T += (load(U + c) - sum.enthalpy(T)) / sum.heat_capacity(T);
        }
        store(T_out + c, T);
        store(r_rho + c, 1.0 / rho);
    }
}
