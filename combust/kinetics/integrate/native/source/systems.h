// What is integrated in a cell, as combust.kinetics.integrate.systems has it: z = (T, y), its rate and shift - J.
#pragma once

#include "kinetics.h"
#include "matrix.h"

enum Hold { FLOW, HP, UV };

// Concentrations of the state in w.C; returns 1/density as rates of y need it, and sum y_k / W_k.
struct Mixture {
    V r_rho, moles;
};

static inline Mixture concentrations(const Mechanism& m, Work& w, Hold hold, const V* z, V held) {
    const int n = m[species];
    V moles = {};
    for (int k = 0; k < n; k++) moles += (w.C[k] = z[1 + k] * m[r_molar_mass][k]);
    if (hold == FLOW) return {all(1.0), moles};
    const V rho = hold == UV ? held : held / (GAS_CONSTANT * z[0] * moles);
    for (int k = 0; k < n; k++) w.C[k] *= rho;
    return {1.0 / rho, moles};
}

// e_k [J/kg] and c_k = de_k/dT of the species; returns c = sum y_k c_k.
static inline V energies(const Mechanism& m, Work& w, Hold hold, const V* z) {
    const double kept = hold == UV ? 1.0 : 0.0;
    V capacity = {};
    for (int k = 0; k < m[species]; k++) {
        const double R = GAS_CONSTANT * m[r_molar_mass][k];
        w.energy[k] = (w.h_RT[k] - kept) * R * z[0];
        w.capacity[k] = (w.cp_R[k] - kept) * R;
        capacity += z[1 + k] * w.capacity[k];
    }
    return capacity;
}

// dz/dt with sources s, and without them.
static void rate(const Mechanism& m, Work& w, Hold hold, const V* z, const V* s, V held, const std::int32_t* member, V* f) {
    const int n = m[species];
    const Mixture mix = concentrations(m, w, hold, z, held);
    production<false>(m, w, z[0], member);
    const V capacity = energies(m, w, hold, z);
    V heat = s[0];
    for (int k = 0; k < n; k++) {
        f[1 + k] = m[molar_mass][k] * w.omega[k] * mix.r_rho + s[1 + k];
        heat -= w.energy[k] * f[1 + k];
    }
    f[0] = heat / capacity;
}

// The same and, in w.entries, the matrix shift - J in the order of the unknowns; `chemical` is dz/dt without sources.
static void linearise(const Mechanism& m, Work& w, Hold hold, const V* z, const V* s, V held, const std::int32_t* member,
                      V shift, V* f, V* chemical) {
    const int n = m[species], N = n, last = n + 1;
    const std::int32_t *lower = m[lower_start], *diagonal = m[diagonal_place], *end = m[row_end], *column = m[entry_column];
    const std::int32_t* of_row = m[unknown_species];
    V* A = w.entries.at;
    const Mixture mix = concentrations(m, w, hold, z, held);
    production<true>(m, w, z[0], member);
    const V capacity = energies(m, w, hold, z), r_T = 1.0 / z[0];
    V heat = s[0], own = {};
    for (int k = 0; k < n; k++) {
        chemical[1 + k] = m[molar_mass][k] * w.omega[k] * mix.r_rho;
        w.omega_dT[k] *= m[molar_mass][k] * mix.r_rho;
        f[1 + k] = chemical[1 + k] + s[1 + k];
        heat -= w.energy[k] * f[1 + k];
        own -= w.energy[k] * chemical[1 + k];
    }
    const V r_capacity = 1.0 / capacity;
    f[0] = heat * r_capacity;
    chemical[0] = own * r_capacity;

    for (int i = 0; i < m[matrix_entries]; i++)
        A[m[term_place][i]] = sum_of(w.partial.at, m[term_row], m[term_weight], m[term_start][i], m[term_start][i + 1]);
    V* T_row = A + lower[last];
    for (int i = 0; i < n + 2; i++) T_row[i] = V{};
    V T_moles = {}, T_dT = {};
    for (int i = 0; i < n; i++) {
        const int k = of_row[i];
        const V e = w.energy[k];
        if (hold == HP) {  // d ln rho = -dT/T - mean_W/W_j dY_j, and all concentrations move with rho
            V along = w.common[k] * mix.moles - chemical[1 + k];
            for (int p = lower[i]; p < end[i] - 2; p++) along += A[p] * z[1 + of_row[column[p]]];
            w.omega_dT[k] -= along * r_T;
            w.common[k] -= along / mix.moles;
        }
        for (int p = lower[i]; p < end[i] - 2; p++) {
            T_row[column[p]] += e * A[p];
            A[p] = -A[p];
        }
        A[diagonal[i]] += shift;
        A[end[i] - 2] = -w.common[k];
        A[end[i] - 1] = -w.omega_dT[k];
        T_moles += e * w.common[k];
        T_dT += w.capacity[k] * f[1 + k] + e * w.omega_dT[k];
        T_dT += f[0] * z[1 + k] * w.cp_R_dT[k] * (GAS_CONSTANT * m[r_molar_mass][k]);
    }
    V* N_row = A + lower[N];
    for (int i = 0; i < n; i++) {
        N_row[i] = all(-m[r_molar_mass][of_row[i]]);
        T_row[i] = (T_row[i] + f[0] * w.capacity[of_row[i]]) * r_capacity;
    }
    N_row[n] = all(1.0);
    N_row[n + 1] = V{};
    T_row[n] = T_moles * r_capacity;
    T_row[n + 1] = shift + T_dT * r_capacity;
}

// Row k of J, whose columns are T, y_1 .. y_n, from the entries that `linearise` made with a shift of zero.
static void jacobian_row(const Mechanism& m, const V* A, int k, V* row) {
    const int n = m[species];
    const std::int32_t *lower = m[lower_start], *end = m[row_end], *column = m[entry_column], *of_row = m[unknown_species];
    int i = n + 1;  // the unknown whose row it is
    if (k)
        for (i = 0; of_row[i] != k - 1;) i++;
    const V by_moles = A[end[i] - 2];  // N = sum y_j / W_j
    row[0] = -A[end[i] - 1];
    for (int j = 0; j < n; j++) row[1 + j] = -by_moles * m[r_molar_mass][j];
    for (int p = lower[i]; p < end[i] - 2; p++) row[1 + of_row[column[p]]] -= A[p];
}
