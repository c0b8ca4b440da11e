// Mixture-averaged transport coefficients, as combust.kinetics.transport.properties has them.
#pragma once

#include "state.h"

constexpr double ABSENT = 1e-20;  // floor of mole fractions
constexpr int TERMS = 5;          // of fits in ln T
constexpr int AT_ONCE = 4;        // rows of Wilke's sums, and pairs that share a division

struct Fits {
    const double *root_viscosity, *conductivity;  // (species, 5): powers of ln T
    const double* diffusivity;                    // (pairs, 5) of species 1 and 0, 2 and 0, 2 and 1, 3 and 0 ...
    const double* wilke;                          // (species, species, 3)
};

static inline V fit(const double* c, V x) { return c[0] + x * (c[1] + x * (c[2] + x * (c[3] + x * c[4]))); }

// Inverse numbers of which AT_ONCE share a division, in place.
static inline void invert(V* x, int n) {
    int i = 0;
    for (; i + AT_ONCE <= n; i += AT_ONCE) {
        V* p = x + i;
        const V ab = p[0] * p[1], de = p[2] * p[3], r = 1.0 / (ab * de), r_ab = r * de, r_de = r * ab;
        const V a = p[0], d = p[2];
        p[0] = r_ab * p[1], p[1] = r_ab * a, p[2] = r_de * p[3], p[3] = r_de * d;
    }
    for (; i < n; i++) x[i] = 1.0 / x[i];
}

// sum_k X_k mu_k / sum_j phi_kj X_j, without the root of T; s : roots of mu_k.
static inline V wilke(const Fits& fits, int n, const V* X, const V* Xb, const V* Xbb, const V* s) {
    V mu = {};
    for (int from = 0; from < n; from += AT_ONCE) {
        V sums[AT_ONCE][3] = {};
        const double* row[AT_ONCE];
        for (int i = 0; i < AT_ONCE; i++) row[i] = fits.wilke + 3 * n * std::min(from + i, n - 1);
        for (int j = 0; j < n; j++)
            for (int i = 0; i < AT_ONCE; i++) {
                const double* a = row[i] + 3 * j;
                sums[i][0] += a[0] * X[j], sums[i][1] += a[1] * Xb[j], sums[i][2] += a[2] * Xbb[j];
            }
        V whole[AT_ONCE];
        for (int i = 0; i < AT_ONCE; i++) {
            const V own = s[std::min(from + i, n - 1)];
            whole[i] = sums[i][0] + own * (sums[i][1] + own * sums[i][2]);
        }
        invert(whole, AT_ONCE);
        for (int i = 0; i < std::min(AT_ONCE, n - from); i++) mu += X[from + i] * s[from + i] * s[from + i] * whole[i];
    }
    return mu;
}

// sum_{j != k} X_j / D_kj of each species; some pairs share a division.
static inline void resistances(const Fits& fits, int n, const V* X, V ln_T, V* resistance) {
    const double* c = fits.diffusivity;
    for (int k = 0; k < n; k++) {
        V own = {};
        int j = 0;
        for (; j + AT_ONCE <= k; j += AT_ONCE, c += AT_ONCE * TERMS) {
            V each[AT_ONCE];
            for (int i = 0; i < AT_ONCE; i++) each[i] = fit(c + i * TERMS, ln_T);
            invert(each, AT_ONCE);
            for (int i = 0; i < AT_ONCE; i++) own += X[j + i] * each[i], resistance[j + i] += X[k] * each[i];
        }
        for (; j < k; j++, c += TERMS) {
            const V r = 1.0 / fit(c, ln_T);
            own += X[j] * r;
            resistance[j] += X[k] * r;
        }
        resistance[k] = own;
    }
}


// Vectors a species of one vector of cells.
struct MixtureRows {
    static std::int64_t rows(std::int64_t n) { return 1 + (7 * n + 1) * LANES / TILE; }
    int n;
    V *X, *s, *r, *Xb, *Xbb, *resistance, *before;
    MixtureRows(int n, double* at)
        : n(n), X(reinterpret_cast<V*>(at)), s(X + n), r(s + n), Xb(r + n), Xbb(Xb + n), resistance(Xbb + n),
          before(resistance + n) {}
};

// Viscosity, conductivity and rho D_k W_k / W of the part's cells from c on.
static inline void coefficients_of(const Gas& gas, const Fits& fits, const MixtureRows& m, const Part& part, int c,
                                   const double* T_and_Y, const Field* results) {
    const int n = m.n;
    const V T = load(T_and_Y + c), ln_T = logarithm_or_nan(T), root_T = square_root(T);
    V moles = {};
    for (int k = 0; k < n; k++) moles += m.X[k] = load(T_and_Y + (k + 1) * TILE + c) * gas.r_molar_mass[k];
    const V mean_mass = 1.0 / moles;
    m.before[0] = V{};
    for (int k = 0; k < n; k++) {
        const V share = m.X[k] * mean_mass;
        m.X[k] = where(share < ABSENT, all(ABSENT), share);
        m.s[k] = fit(fits.root_viscosity + k * TERMS, ln_T);
        m.resistance[k] = fit(fits.conductivity + k * TERMS, ln_T);
        m.r[k] = m.s[k] * m.resistance[k];
        m.before[k + 1] = m.before[k] + m.X[k] * gas.molar_mass[k];
    }
    invert(m.r, n);
    V sum = {}, inverse = {};
    for (int k = 0; k < n; k++) {
        const V b = m.r[k] * m.resistance[k];
        sum += m.X[k] * m.resistance[k], inverse += m.X[k] * (m.r[k] * m.s[k]);
        m.Xb[k] = m.X[k] * b, m.Xbb[k] = m.Xb[k] * b;
    }
    part.put(results[0], 0, c, root_T * wilke(fits, n, m.X, m.Xb, m.Xbb, m.s));
    part.put(results[1], 0, c, 0.5 * root_T * (sum + 1.0 / inverse));
    resistances(fits, n, m.X, ln_T, m.resistance);
    invert(m.resistance, n);
    const V factor = root_T / (GAS_CONSTANT * m.before[n]);
    V after = {};  // of species k + 1 on: a sum without k itself keeps the limit of a pure species
    for (int k = n - 1; k >= 0; k--) {
        part.put(results[2], k, c, factor * gas.molar_mass[k] * (m.before[k] + after) * m.resistance[k]);
        after += m.X[k] * gas.molar_mass[k];
    }
}

// fields : (T, Y), and the results: viscosity, conductivity, rho D_k W_k / W; of at least two species
extern "C" std::int64_t combust_coefficients(const Gas* gas, const Fits* fits, const Extent* extent, std::int64_t threads,
                                             const Field* fields) {
    const int n = static_cast<int>(gas->species);
    return in_parts(*extent, threads, 1 + n + MixtureRows::rows(n), [&](Rows& own, Part part) {
        take(part, fields[0], 0, 1 + n, own[0]);
        const MixtureRows rows(n, own[1 + n]);
        for (int c = 0; c < part.cells; c += LANES) coefficients_of(*gas, *fits, rows, part, c, own[0], fields + 1);
    });
}
