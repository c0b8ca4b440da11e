// Stages of Runge-Kutta-Chebyshev without fluxes: see combust.cfd.operators.scalars.
#pragma once

#include "pointwise.h"

extern "C" {

// fields : U0, source, rate, T, and the results U1, (T, Y)
std::int64_t combust_first_stage(const Gas* gas, const Extent* n, std::int64_t threads, const Field* fields, double step) {
    const Field &U0 = fields[0], &source = fields[1], &rate = fields[2], &guess = fields[3], &U1 = fields[4], &q = fields[5];
    const std::int64_t rows = 1 + gas->species;
    return in_tiles(*n, threads, rows + 3, [&](Rows& own, std::int64_t z, std::int64_t y, std::int64_t x, int cells) {
        double *at = own[rows], *T = own[rows + 1], *r_rho = own[rows + 2];
        for (std::int64_t k = 0; k < rows; k++) {
            const std::int64_t next = k + 1 < rows ? k + 1 : k;
            for (int c = 0; c < cells; c += LANES) {
                const int count = cells - c;
                for (const Field* f : {&U0, &source, &rate}) fetch((*f)(next, z, y) + x + c);
                const auto part = [&](const Field& f) { return load_part(f(k, z, y) + x + c, count); };
                const V U = part(U0) + step * (part(source) + part(rate));
                store(own[k] + c, U);
                store_part(U1(k, z, y) + x + c, U, count);
            }
        }
        for (int c = 0; c < cells; c += LANES) store(at + c, load_part(guess(0, z, y) + x + c, cells - c));
        temperature(*gas, own[0], at, cells, 1, T, r_rho);
        for (int c = 0; c < cells; c += LANES) store_part(q(0, z, y) + x + c, load(T + c), cells - c);
        for (std::int64_t k = 1; k < rows; k++)
            for (int c = 0; c < cells; c += LANES)
                store_part(q(k, z, y) + x + c, load(own[k] + c) * load(r_rho + c), cells - c);
    });
}

// fields : U, U0, wdot (of species alone), and the result (U - U0) / dt - wdot
std::int64_t combust_transport_rate(const Extent* n, std::int64_t threads, const Field* fields, std::int64_t rows, double dt) {
    const Field &U = fields[0], &U0 = fields[1], &wdot = fields[2], &Q = fields[3];
    return in_tiles(*n, threads, 0, [&](Rows&, std::int64_t z, std::int64_t y, std::int64_t x, int cells) {
        for (std::int64_t k = 0; k < rows; k++)
            for (int c = 0; c < cells; c += LANES) {
                const int count = cells - c;
                const V change = (load_part(U(k, z, y) + x + c, count) - load_part(U0(k, z, y) + x + c, count)) / dt;
                const V reacted = k ? load_part(wdot(k - 1, z, y) + x + c, count) : V{};
                store_part(Q(k, z, y) + x + c, change - reacted, count);
            }
    });
}
}
