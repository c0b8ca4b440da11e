// LANES cells side by side, and the two functions that rates are made of.
#pragma once

#include <cstdint>
#include <cstring>

#ifndef LANES
#define LANES 8
#endif

typedef double V __attribute__((vector_size(8 * LANES)));
typedef std::int64_t Mask __attribute__((vector_size(8 * LANES)));  // all bits set where true

static inline V all(double x) { return V{} + x; }
static inline V where(Mask m, V a, V b) { return m ? a : b; }
static inline V larger(V a, V b) { return where(a > b, a, b); }
static inline V smaller(V a, V b) { return where(a < b, a, b); }
static inline V magnitude(V a) { return where(a < 0.0, -a, a); }
static inline V square_root(V x) {
    V y;
    for (int i = 0; i < LANES; i++) y[i] = __builtin_sqrt(x[i]);
    return y;
}

// 2^n for whole n from -1022 to 1023.
template <class X, class M>
static inline X power_of_two(M n) {
    M bits = (n + 1023) << 52;
    X y;
    std::memcpy(&y, &bits, sizeof y);
    return y;
}

// e^x within 1 ulp: x = n ln 2 + r, a Taylor series in |r| <= ln(2)/2, and 2^n in two factors for the ends of the range.
template <class X, class M>
static inline X exponential_of(X x) {
    const X most = X{} + 1400.0;
    x = x > most ? most : (x < -most ? -most : x);  // NaN stays
    const double shift = 6755399441055744.0;  // 1.5 2^52: adding it rounds to a whole number
    X rounded = x * 1.4426950408889634 + shift;
    M n;
    std::memcpy(&n, &rounded, sizeof n);
    n = (n << 13) >> 13;  // the low bits of the sum are n itself
    rounded -= shift;
    X r = x - rounded * 6.93147180369123816490e-01 - rounded * 1.90821492927058770002e-10;
    X p = X{} + 1.0 / 6227020800.0;
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r * r + r + 1.0;
    M half = n >> 1;
    return p * power_of_two<X, M>(half) * power_of_two<X, M>(n - half);
}

static inline V exponential(V x) { return exponential_of<V, Mask>(x); }

// With few lanes the exponentials of several rows go together in wide registers: `later` leaves arguments to `exponentials`.
constexpr bool TOGETHER = LANES < 8;
typedef double Wide __attribute__((vector_size(64)));
typedef std::int64_t WideMask __attribute__((vector_size(64)));

static inline V later(V x) { return TOGETHER ? x : exponential(x); }

static inline void exponentials(V* rows, int count) {
    if (!TOGETHER) return;
    char* at = reinterpret_cast<char*>(rows);
    for (std::size_t left = count * sizeof(V); left > 0;) {
        const std::size_t part = left < sizeof(Wide) ? left : sizeof(Wide);
        Wide x = {};
        if (part == sizeof(Wide)) {
            std::memcpy(&x, at, sizeof(Wide));
            x = exponential_of<Wide, WideMask>(x);
            std::memcpy(at, &x, sizeof(Wide));
        } else {
            std::memcpy(&x, at, part);
            x = exponential_of<Wide, WideMask>(x);
            std::memcpy(at, &x, part);
        }
        at += part, left -= part;
    }
}

// ln x of normal numbers x > 0: x = 2^n m with m around 1, and the series of 2 artanh((m - 1)/(m + 1)).
static inline V logarithm(V x) {
    Mask bits;
    std::memcpy(&bits, &x, sizeof bits);
    const std::int64_t root_half = 0x3fe6a09e667f3bcd;
    Mask n = (bits - root_half) >> 52;
    bits -= n << 52;
    V m;
    std::memcpy(&m, &bits, sizeof m);
    V power = __builtin_convertvector(n, V);
    V f = m - 1.0, s = f / (f + 2.0), z = s * s;
    V p = all(1.0 / 23.0);
    p = p * z + 1.0 / 21.0;
    p = p * z + 1.0 / 19.0;
    p = p * z + 1.0 / 17.0;
    p = p * z + 1.0 / 15.0;
    p = p * z + 1.0 / 13.0;
    p = p * z + 1.0 / 11.0;
    p = p * z + 1.0 / 9.0;
    p = p * z + 1.0 / 7.0;
    p = p * z + 1.0 / 5.0;
    p = p * z + 1.0 / 3.0;
    V tail = s * z * (p + p) + power * 1.90821492927058770002e-10;
    return power * 6.93147180369123816490e-01 + (s + s + tail);
}

// The same, and NaN of what is negative or no number: of a temperature that a step has led astray.
static inline V logarithm_or_nan(V x) { return where(x >= 0.0, logarithm(x), all(__builtin_nan(""))); }
