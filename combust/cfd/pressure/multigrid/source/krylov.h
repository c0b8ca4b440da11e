// Vectors of the conjugate gradients in double precision: what an iteration does with them in two passes.
#pragma once
#include "level.h"

// Of this rank's cells, without ghosts: conductances at the n + 1 faces of each direction and their sum about each cell.
struct Fine {
    const double *c[3], *main;
};

// main u - the neighbours of a row, u padded.
template <class T>
inline void row_of(const Level &a, const Fine &f, const T *u, int64_t z, int64_t y, double *out) {
    const int64_t n = a.n[2], ny = a.n[1], at = row(a, z + a.g[0], y + a.g[1]) + a.g[2], k = (z * ny + y) * n;
    const T *x = u + at;
    const double *main = f.main + k;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) out[i] = main[i] * static_cast<double>(x[i]);
    if (a.g[2]) {
        const double *c = f.c[2] + (z * ny + y) * (n + 1);
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            out[i] -= c[i] * static_cast<double>(x[i - 1]) + c[i + 1] * static_cast<double>(x[i + 1]);
    }
    if (a.g[1]) {
        const double *c = f.c[1] + (z * (ny + 1) + y) * n, *d = c + n;
        const int64_t s = a.m[2];
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            out[i] -= c[i] * static_cast<double>(x[i - s]) + d[i] * static_cast<double>(x[i + s]);
    }
    if (a.g[0]) {
        const double *c = f.c[0] + k, *d = c + ny * n;
        const int64_t s = a.m[1] * a.m[2];
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            out[i] -= c[i] * static_cast<double>(x[i - s]) + d[i] * static_cast<double>(x[i + s]);
    }
}

// w = A u, and the products (r, u), (w, u), (r, w), (w, w), (w, s), (r, r). u : what the cycle found
inline void applied(const Level &a, const Fine &f, const double *r, const double *s, double *w, double *products) {
    wrapped(a, a.x);
    const int64_t n = a.n[2];
    double total[6] = {0.0, 0.0, 0.0, 0.0, 0.0, 0.0};
    for (int64_t z = 0; z < a.n[0]; z++)
        for (int64_t y = 0; y < a.n[1]; y++) {
            const int64_t k = (z * a.n[1] + y) * n;
            const float *u = a.x + row(a, z + a.g[0], y + a.g[1]) + a.g[2];
            row_of(a, f, a.x, z, y, w + k);
            double ru = 0.0, wu = 0.0, rw = 0.0, ww = 0.0, ws = 0.0, rr = 0.0;
#pragma omp simd reduction(+ : ru, wu, rw, ww, ws, rr)
            for (int64_t i = 0; i < n; i++) {
                const double R = r[k + i], W = w[k + i], U = static_cast<double>(u[i]);
                ru += R * U, wu += W * U, rw += R * W, ww += W * W, ws += W * s[k + i], rr += R * R;
            }
            total[0] += ru, total[1] += wu, total[2] += rw, total[3] += ww, total[4] += ws, total[5] += rr;
        }
    for (int i = 0; i < 6; i++) products[i] = total[i];
}

// p = u + beta p, s = w + beta s, x += alpha p, r -= alpha s, u taken `scale` times; the next load of the cycle is r
// taken `load` times. x is padded by one layer.
inline void advanced(const Level &a, const Level &padded, const double *numbers, const double *w, double *p, double *s,
                     double *x, double *r) {
    const double scale = numbers[0], beta = numbers[1], alpha = numbers[2], load = numbers[3];
    const int64_t n = a.n[2];
    for (int64_t z = 0; z < a.n[0]; z++)
        for (int64_t y = 0; y < a.n[1]; y++) {
            const int64_t k = (z * a.n[1] + y) * n;
            const int64_t at = row(a, z + a.g[0], y + a.g[1]) + a.g[2];
            const float *u = a.x + at;
            float *b = a.b + at;
            double *X = x + row(padded, z + padded.g[0], y + padded.g[1]) + padded.g[2];
#pragma omp simd
            for (int64_t i = 0; i < n; i++) {
                const double P = scale * static_cast<double>(u[i]) + beta * p[k + i];
                const double S = scale * w[k + i] + beta * s[k + i], R = r[k + i] - alpha * S;
                p[k + i] = P, s[k + i] = S, r[k + i] = R;
                X[i] += alpha * P;
                b[i] = static_cast<float>(load * R);
            }
        }
}

// r = load - A x, and the squares of r and of the largest terms it is the difference of, main x. x is padded by one layer,
// its shared ghosts filled.
inline void remaining(const Level &padded, const Fine &f, const double *load, double *x, double *r, double *squares) {
    wrapped(padded, x);
    const Level &a = padded;
    const int64_t n = a.n[2];
    squares[0] = squares[1] = 0.0;
    for (int64_t z = 0; z < a.n[0]; z++)
        for (int64_t y = 0; y < a.n[1]; y++) {
            const int64_t k = (z * a.n[1] + y) * n;
            row_of(padded, f, x, z, y, r + k);
            const double *X = x + row(padded, z + a.g[0], y + a.g[1]) + a.g[2], *main = f.main + k;
            double rr = 0.0, terms = 0.0;
#pragma omp simd reduction(+ : rr, terms)
            for (int64_t i = 0; i < n; i++) {
                const double R = load[k + i] - r[k + i], term = main[i] * X[i];
                r[k + i] = R;
                rr += R * R, terms += term * term;
            }
            squares[0] += rr, squares[1] += terms;
        }
}

// The load of the cycle: r taken `factor` times.
inline void given(const Level &a, double factor, const double *r) {
    for (int64_t z = 0; z < a.n[0]; z++)
        for (int64_t y = 0; y < a.n[1]; y++) {
            const double *from = r + (z * a.n[1] + y) * a.n[2];
            float *b = a.b + row(a, z + a.g[0], y + a.g[1]) + a.g[2];
#pragma omp simd
            for (int64_t i = 0; i < a.n[2]; i++) b[i] = static_cast<float>(factor * from[i]);
        }
}

// Conductances of the first level, taken `factor` times: those at low faces of cells and at the last high ones.
inline void taken(const Level &a, const Fine &f, double factor) {
    for (int axis = 0; axis < 3; axis++) {
        if (!a.g[axis]) continue;
        int64_t n[3] = {a.n[0], a.n[1], a.n[2]};
        n[axis]++;
        for (int64_t z = 0; z < n[0]; z++)
            for (int64_t y = 0; y < n[1]; y++) {
                const double *from = f.c[axis] + (z * n[1] + y) * n[2];
                float *c = a.c[axis] + row(a, z + a.g[0], y + a.g[1]) + a.g[2];
                for (int64_t i = 0; i < n[2]; i++) c[i] = static_cast<float>(factor * from[i]);
            }
    }
}
