// Sums over species of weights times enthalpies, from polynomials of degree 5 in T (combust.kinetics.rates.thermo): the
// coefficients are summed, 6 products a species, and serve h and cp alike.
#pragma once

#include "vectors.h"

struct Gas {
    std::int64_t species;
    const double *T_mid, *low, *high;  // (species), (species, 6): of 1, T ... T^5 in h_k [J/kg] up to T_mid, and above
    const double *molar_mass, *r_molar_mass;
    double lowest, highest;  // of T_mid
};

// Which coefficients hold for cells of temperatures T: one row for all of them, or some of each.
struct Range {
    const double* row;  // null: mixed

    Range(const Gas& gas, V T)
        : row(every(T <= gas.lowest) ? gas.low : every(T > gas.highest) ? gas.high : nullptr) {}
    bool operator==(const Range& other) const { return row && row == other.row; }
};

struct Powers {
    V a[6] = {};

    V enthalpy(V T) const { return a[0] + T * (a[1] + T * (a[2] + T * (a[3] + T * (a[4] + T * a[5])))); }
    V heat_capacity(V T) const {
        return a[1] + T * (2.0 * a[2] + T * (3.0 * a[3] + T * (4.0 * a[4] + T * (5.0 * a[5]))));
    }
};

// Adds a species of that weight.
template <bool mixed>
static inline void add(Powers& sum, const Gas& gas, const Range& range, std::int64_t k, V T, V weight) {
    if (mixed) {
        const double *low = gas.low + 6 * k, *high = gas.high + 6 * k;
        const Mask upper = T > gas.T_mid[k];
        for (int i = 0; i < 6; i++) sum.a[i] += weight * where(upper, all(high[i]), all(low[i]));
    } else {
        const double* row = range.row + 6 * k;
        for (int i = 0; i < 6; i++) sum.a[i] += weight * all(row[i]);
    }
}

// Of rows of weights (species, stride).
static inline Powers summed(const Gas& gas, const Range& range, V T, const double* weights, std::int64_t stride) {
    Powers sum;
    if (range.row)
        for (std::int64_t k = 0; k < gas.species; k++) add<false>(sum, gas, range, k, T, load(weights + k * stride));
    else
        for (std::int64_t k = 0; k < gas.species; k++) add<true>(sum, gas, range, k, T, load(weights + k * stride));
    return sum;
}
