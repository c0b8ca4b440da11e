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

// d q/dC_j of one side of a reaction for each of its species, k times what is left of the product.
static inline void derive(const Mechanism& m, Work& w, const std::int32_t* start, const V* table, V k, bool reverse) {
    for (int e = start[0]; e < start[1]; e++) {
        V d = reverse ? k * w.coefficient[m[entry_species][e]] : k;
        for (int i = m[rest_start][e]; i < m[rest_start][e + 1]; i++) d *= table[m[rest_rows][i]];
        w.partial[e] = d;
    }
}

// Rates of progress of all reactions; with slopes their derivatives by T and, in w.partial, by what they depend on.
template <bool slopes>
void progress_of(const Mechanism& m, Work& w, V r_T, V r_sum_C, const std::int32_t* member) {
    const int irreversible = m[reactions] - m[reversible];
    const std::int32_t *reactant = m[reactant_rows], *product = m[product_rows];
    for (int r = 0; r < m[reactions]; r++) {
        const int row = m[exponent][r], s = r - irreversible;
        const int from = m[reactant_start][r], to = m[reactant_start][r + 1];
        const V f = w.factor[m[factor_row][r]], rate_constant = m[A][r] * w.constant[row];
        V k = rate_constant, k_back = {}, back = {};
        if (s >= 0) {
            const int first = m[product_start][s], last = m[product_start][s + 1];
            k_back = rate_constant;
            if (m[edged]) k_back *= forward_only(w.activity.at, product, m[product_edge], first, last);
            if (member) k_back *= multiplier_of(m, m[reactions] + s, member);
            back = k_back;
            // in turn, because activities are huge and their inverses tiny: so the product stays in range
            for (int i = from, j = first; i < to || j < last; i++, j++) {
                if (i < to) back *= w.inverse[reactant[i]];
                if (j < last) back *= w.activity[product[j]];
            }
            if (slopes)
                for (int i = from; i < to; i++) k_back *= w.inverse[reactant[i]];
        }
        if (m[edged]) k *= forward_only(w.C.at, reactant, m[reactant_edge], from, to);
        if (member) k *= multiplier_of(m, r, member);
        V ahead = k;
        for (int i = from; i < to; i++) ahead *= w.C[reactant[i]];
        const V q0 = ahead - back, q = f * q0;
        w.progress[r] = q;
        if (!slopes) continue;

        // d ln kf/dT = (b + Ea/RT)/T; d ln kr/dT lacks dH/RT^2 - dn/T, which is what (1 - h_k/RT)/T adds up to
        V q_dT = (f * w.slope[row] + w.factor_dT[m[factor_row][r]]) * q0;
        if (s >= 0) {
            V shift = {};
            for (int i = m[net_start][r]; i < m[net_start][r + 1]; i++)
                shift += m[net_nu][i] * (1.0 - w.h_RT[m[net_species][i]]);
            q_dT -= f * back * shift * r_T;
        }
        w.progress_dT[r] = q_dT;
        derive(m, w, m[forward_start] + r, w.C.at, f * k, false);
        if (s >= 0) derive(m, w, m[reverse_start] + s, w.activity.at, -f * k_back, true);
        const int by_body = m[body_row][r], by_pressure = m[pressure_row][r];
        if (by_body >= 0) w.partial[by_body] = q0 * w.factor_dM[m[factor_row][r]];
        if (by_pressure >= 0) w.partial[by_pressure] = q * w.by_ln_p[row] * r_sum_C;
    }
}

// A weighted sum of rows.
static inline V sum_of(const V* rows, const std::int32_t* row, const double* weight, int start, int end) {
    V sum = {};
    for (int i = start; i < end; i++) sum += weight[i] * rows[row[i]];
    return sum;
}

// omega [kmol/m3/s] at T and C, which stand in w.C. With slopes also d(omega)/dT at constant C, in w.partial what the
// entries W_k/W_j d(omega_k)/dC_j of the matrix are sums of, and in w.common W_k d(omega_k)/d(sum C), of what depends on
// all species alike.
template <bool slopes>
void production(const Mechanism& m, Work& w, V T, const std::int32_t* member) {
    const int n = m[species];
    const V ln_T = logarithm_or_nan(T), r_T = 1.0 / T;
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
    progress_of<slopes>(m, w, r_T, 1.0 / larger(sum_C, all(TINY)), member);
    for (int k = 0; k < n; k++) {
        const int start = m[species_start][k], end = m[species_start][k + 1];
        w.omega[k] = sum_of(w.progress.at, m[species_reaction], m[species_nu], start, end);
        if (!slopes) continue;
        w.omega_dT[k] = sum_of(w.progress_dT.at, m[species_reaction], m[species_nu], start, end);
        w.common[k] = sum_of(w.partial.at, m[common_row], m[common_weight], m[common_start][k], m[common_start][k + 1]);
    }
}
