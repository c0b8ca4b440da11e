// Production rates and their derivatives, as combust.kinetics.rates.production and jacobian have them.
#pragma once

#include "constants.h"

// Rows of a table behind its first ones, X of the species: one, non-integer powers and, with slopes, their derivatives;
// regular at zero, see combust.kinetics.rates.powers. unit: X of 1 kmol/m3.
template <bool slopes>
void fill_powers(const Mechanism& m, V* table, const V* unit) {
    const int n = m[species], count = m[powers];
    table[n] = all(1.0);
    for (int i = 0; i < count; i++) {
        const int k = m[power_species][i];
        const double order = m[power_order][i];
        const V trace = unit ? m[power_trace][0] * unit[k] : all(m[power_trace][0]), X = table[k];
        const Mask exact = order >= 1.0 ? (Mask)(X > 0.0) | (Mask)(X >= trace) : (Mask)(X >= trace);
        const V at = where(exact, X, trace), x = where(exact, all(1.0), X / trace), up = larger(x, V{});
        const V ln_at = logarithm(larger(at, all(TINY)));
        const V near = order < 1.0 ? x * (2.0 - order - (1.0 - order) * up) : V{};
        table[n + 1 + i] = exponential(order * ln_at) * where(exact, all(1.0), near);
        if (slopes) {
            const V bend = order < 1.0 ? 2.0 - order - 2.0 * (1.0 - order) * up : V{};
            table[n + 1 + count + i] = exponential((order - 1.0) * ln_at) * where(exact, all(order), bend);
        }
    }
}

// 1, or 0 where the negative ones of some factors weigh more than one: a reaction with an order below one then has no rate.
static inline V forward_only(const V* table, const std::int32_t* rows, const double* weight, int start, int end) {
    V total = {};
    for (int i = start; i < end; i++) total += where(table[rows[i]] < 0.0, all(weight[i]), V{});
    return where(total <= 1.0, all(1.0), V{});
}

static inline V multiplier_of(const Mechanism& m, int row, const std::int32_t* member) {
    V x;
    for (int i = 0; i < LANES; i++) x[i] = m[multiplier][static_cast<std::int64_t>(row) * m[members] + member[i]];
    return x;
}

// Adds d q/dC_j of one side of reaction r, k times a product, to the entries of the matrix that it changes.
static inline void add_entries(const Mechanism& m, Work& w, int r, const std::int32_t* start, const V* table, V k, bool reverse) {
    const int net_from = m[net_start][r], net_count = m[net_start][r + 1] - net_from;
    for (int e = start[0]; e < start[1]; e++) {
        const int j = m[entry_species][e];
        V d = k * (m[entry_count][e] * m[r_molar_mass][j]);
        if (reverse) d *= w.coefficient[j];
        for (int i = m[rest_start][e]; i < m[rest_start][e + 1]; i++) d *= table[m[rest_rows][i]];
        const std::int32_t* place = m[entry_place] + m[entry_first][e];
        for (int i = 0; i < net_count; i++) w.entries[place[i]] += m[net_mass][net_from + i] * d;
    }
}

// omega [kmol/m3/s] at T and C, which stand in w.C. With slopes also d(omega)/dT at constant C, the entries
// W_k/W_j d(omega_k)/dC_j of the matrix, and W_k d(omega_k)/d(sum C) in `common`, of what depends on all species alike.
template <bool slopes>
void production(const Mechanism& m, Work& w, V T, const std::int32_t* member) {
    const int n = m[species], irreversible = m[reactions] - m[reversible];
    const V ln_T = logarithm(T), r_T = 1.0 / T;
    V sum_C = {};
    for (int k = 0; k < n; k++) sum_C += w.C[k];
    thermodynamics<slopes>(m, w, T, ln_T, r_T);
    rate_constants<slopes>(m, w, T, ln_T, r_T, sum_C);
    factors_of<slopes>(m, w, T, ln_T, r_T, sum_C);
    fill_powers<slopes>(m, w.C.at, nullptr);
    if (m[reversible]) {
        for (int k = 0; k < n; k++) {
            w.activity[k] = w.C[k] * w.coefficient[k];
            w.inverse[k] = 1.0 / w.coefficient[k];
        }
        fill_powers<slopes>(m, w.activity.at, w.coefficient.at);
        fill_powers<slopes>(m, w.inverse.at, w.inverse.at);
    }
    for (int k = 0; k < n; k++) {
        w.omega[k] = V{};
        if (slopes) w.omega_dT[k] = w.common[k] = V{};
    }
    if (slopes) {
        for (int i = 0; i < m[body_sums]; i++) w.sums[i] = V{};
        std::memset(w.entries.at, 0, sizeof(V) * m[matrix_entries]);
    }
    const V r_sum_C = 1.0 / larger(sum_C, all(TINY));
    for (int r = 0; r < m[reactions]; r++) {
        const int row = m[exponent][r];
        V k = m[A][r] * w.constant[row], q = {}, back = {}, k_back = {};
        const V f = w.factor[m[factor_row][r]];
        const std::int32_t *from = m[reactant_start] + r, *rows = m[reactant_rows];
        const int s = r - irreversible;
        if (s >= 0) {
            const std::int32_t *to = m[product_start] + s, *product = m[product_rows];
            k_back = k;
            // in turn, because activities are huge and their inverses tiny: so the product stays in range
            int i = from[0], j = to[0];
            while (i < from[1] || j < to[1]) {
                if (i < from[1]) k_back *= w.inverse[rows[i++]];
                if (!slopes && j < to[1]) k_back *= w.activity[product[j]];
                j++;
            }
            if (m[edged]) k_back *= forward_only(w.activity.at, product, m[product_edge], to[0], to[1]);
            if (member) k_back *= multiplier_of(m, m[reactions] + s, member);
            back = k_back;
            if (slopes)
                for (int i = to[0]; i < to[1]; i++) back *= w.activity[product[i]];
        }
        if (m[edged]) k *= forward_only(w.C.at, rows, m[reactant_edge], from[0], from[1]);
        if (member) k *= multiplier_of(m, r, member);
        V ahead = k;
        for (int i = from[0]; i < from[1]; i++) ahead *= w.C[rows[i]];
        const V q0 = ahead - back;
        q = f * q0;
        const int net_from = m[net_start][r], net_to = m[net_start][r + 1];
        for (int i = net_from; i < net_to; i++) w.omega[m[net_species][i]] += m[net_nu][i] * q;
        if (!slopes) continue;

        // d ln kf/dT = (b + Ea/RT)/T; d ln kr/dT lacks dH/RT^2 - dn/T, which is what (1 - h_k/RT)/T adds up to
        V q_dT = (f * w.slope[row] + w.factor_dT[m[factor_row][r]]) * q0;
        if (s >= 0) {
            V shift = {};
            for (int i = net_from; i < net_to; i++) shift += m[net_nu][i] * (1.0 - w.h_RT[m[net_species][i]]);
            q_dT -= f * back * shift * r_T;
        }
        for (int i = net_from; i < net_to; i++) w.omega_dT[m[net_species][i]] += m[net_nu][i] * q_dT;
        add_entries(m, w, r, m[forward_start] + r, w.C.at, f * k, false);
        if (s >= 0) add_entries(m, w, r, m[reverse_start] + s, w.activity.at, -f * k_back, true);
        const int body = m[collider_body][r];
        if (body >= 0) {
            const V effect = q0 * w.factor_dM[m[factor_row][r]];
            const double usual = m[body_usual][body];
            const std::int32_t* sum = m[collider_sum];
            for (int i = net_from; i < net_to; i++) {
                w.common[m[net_species][i]] += m[net_mass][i] * usual * effect;
                w.sums[sum[i]] += m[net_mass][i] * effect;
            }
        }
        if (row >= m[arrhenius] + m[blowers_masel]) {
            const V effect = q * w.by_ln_p[row] * r_sum_C;
            for (int i = net_from; i < net_to; i++) w.common[m[net_species][i]] += m[net_mass][i] * effect;
        }
    }
    if (!slopes) return;
    for (int i = 0; i < m[body_entries]; i++)
        w.entries[m[body_entry_place][i]] += m[body_entry_weight][i] * w.sums[m[body_entry_sum][i]];
}
