// Rate constants and their falloff, as combust.kinetics.rates.rate_constants and pressure_rates have them.
#pragma once

#include "thermo.h"

constexpr double TINY = 1e-300, LN10 = 2.302585092994046;

static inline V log10_of(V x) { return logarithm(larger(x, all(TINY))) * (1.0 / LN10); }

// Exponentials of Arrhenius, P-log and Chebyshev rates; with slopes d ln k/dT at constant C, and d ln k / d ln p.
template <bool slopes>
void plog_constants(const Mechanism& m, Work& w, V ln_T, V r_T, V ln_p, int first) {
    const int terms = m[plog_terms];
    for (int i = 0; i < terms; i++) {
        w.nodes[i] = m[plog_ln_A][i] + m[plog_b][i] * ln_T - m[plog_Ea_R][i] * r_T;
        if (slopes) w.node_slopes[i] = (m[plog_b][i] + m[plog_Ea_R][i] * r_T) * r_T;
    }
    for (int i = 0; i < m[plog_sums]; i++) {  // several rates at one pressure, relative to the largest
        const std::int32_t* rows = m[plog_summed] + i * m[plog_slots];
        const double* sign = m[plog_sign] + i * m[plog_slots];
        V top = w.nodes[rows[0]], total = {}, change = {};
        for (int s = 1; s < m[plog_slots]; s++) top = larger(top, w.nodes[rows[s]]);
        for (int s = 0; s < m[plog_slots]; s++) {
            const V share = sign[s] * exponential(w.nodes[rows[s]] - top);
            total += share;
            if (slopes) change += share * w.node_slopes[rows[s]];
        }
        w.nodes[terms + i] = top + logarithm_or_nan(total);  // rates that are negative together have none
        if (slopes) w.node_slopes[terms + i] = change / total;
    }
    const int pressures = m[plog_pressures];
    for (int r = 0; r < m[plog]; r++) {
        const std::int32_t* node = m[plog_node] + r * pressures;
        const double *start = m[plog_ln_p] + r * (pressures - 1), *r_width = m[plog_r_width] + r * (pressures - 1);
        V ln_k = w.nodes[node[0]], dT = slopes ? w.node_slopes[node[0]] : V{}, rate = {};
        for (int i = 0; i + 1 < pressures; i++) {
            const V place = (ln_p - start[i]) * r_width[i];
            const Mask started = ln_p - start[i] >= 0.0;
            const Mask ended = i + 2 < pressures ? (Mask)(ln_p - start[i + 1] >= 0.0) : (Mask)(place >= 1.0);
            const V part = where(ended, all(1.0), where(started, place, V{}));
            const V rise = w.nodes[node[i + 1]] - w.nodes[node[i]];
            ln_k += part * rise;
            if (slopes) {
                dT += part * (w.node_slopes[node[i + 1]] - w.node_slopes[node[i]]);
                rate += where(started & ~ended, all(r_width[i]), V{}) * rise;
            }
        }
        w.constant[first + r] = exponential(ln_k);
        if (slopes) {
            w.slope[first + r] = dT + rate * r_T;  // p = R T sum C grows with T
            w.by_ln_p[first + r] = rate;
        }
    }
}

template <bool slopes>
void chebyshev_constants(const Mechanism& m, Work& w, V r_T, V ln_p, int first) {
    const int count = m[chebyshev], order_x = m[chebyshev_x], order_y = m[chebyshev_y];
    for (int r = 0; r < count; r++) {
        const V x = m[cheb_x0][r] + m[cheb_x1][r] * r_T, y = m[cheb_y0][r] + m[cheb_y1][r] * ln_p;
        V ln_k = {}, by_x = {}, by_y = {};
        V Px = all(1.0), Px_last = {}, Dx = {}, Dx_last = {};
        for (int i = 0; i < order_x; i++) {
            V sum = {}, sum_slope = {}, Py = all(1.0), Py_last = {}, Dy = {}, Dy_last = {};
            for (int j = 0; j < order_y; j++) {
                const double c = m[cheb_coefficients][(i * order_y + j) * count + r];
                sum += c * Py;
                if (slopes) sum_slope += c * Dy;
                // T_1 = y T_0, then T_(j+1) = 2 y T_j - T_(j-1), and the derivative of that
                const V P = j ? 2 * y * Py - Py_last : y, D = j ? 2 * Py + 2 * y * Dy - Dy_last : all(1.0);
                Py_last = Py, Py = P, Dy_last = Dy, Dy = D;
            }
            ln_k += Px * sum;
            if (slopes) by_x += Dx * sum, by_y += Px * sum_slope;
            const V P = i ? 2 * x * Px - Px_last : x, D = i ? 2 * Px + 2 * x * Dx - Dx_last : all(1.0);
            Px_last = Px, Px = P, Dx_last = Dx, Dx = D;
        }
        w.constant[first + r] = exponential(ln_k);
        if (slopes) {
            const V rate = by_y * m[cheb_y1][r];
            w.slope[first + r] = (rate - by_x * m[cheb_x1][r] * r_T) * r_T;
            w.by_ln_p[first + r] = rate;
        }
    }
}

// T^b exp(-Ea/RT), where Ea is 0 below an enthalpy of reaction of -4 E0, that enthalpy above 4 E0, a curve between.
template <bool slopes>
void blowers_masel_constants(const Mechanism& m, Work& w, V T, V ln_T, V r_T, int first) {
    for (int r = 0; r < m[blowers_masel]; r++) {
        const std::int32_t* of = m[bm_species] + r * m[bm_slots];
        const double *net = m[bm_net] + r * m[bm_slots], E0 = m[bm_E0_R][r], W = m[bm_w_R][r];
        V H = {}, cp = {};
        for (int i = 0; i < m[bm_slots]; i++) H += net[i] * w.h_RT[of[i]], cp += net[i] * w.cp_R[of[i]];
        H *= T;
        const double v = 2 * W * (W + E0) / (W - E0), bound = 4 * (E0 < 0 ? -E0 : E0);
        const V h = smaller(larger(H, all(-bound)), all(bound)), a = W + 0.5 * h, c = v - 2 * W + h;
        const V r_D = 1.0 / larger(v * v - 4 * W * W + h * h, all(TINY)), middle = a * c * c * r_D;
        const Mask exothermic = H < -4 * E0, endothermic = H > 4 * E0;
        const V Ea = where(exothermic, V{}, where(endothermic, H, middle));
        w.constant[first + r] = exponential(m[bm_b][r] * ln_T - Ea * r_T);
        if (slopes) {
            const V slope = (0.5 * c * c + 2 * a * c - 2 * h * middle) * r_D;
            const V by_H = where(exothermic, V{}, where(endothermic, all(1.0), slope));
            w.slope[first + r] = (m[bm_b][r] + Ea * r_T - by_H * cp) * r_T;
        }
    }
}

template <bool slopes>
void rate_constants(const Mechanism& m, Work& w, V T, V ln_T, V r_T, V sum_C) {
    for (int i = 0; i < m[arrhenius]; i++) {
        const double b_i = m[b][i], E = m[Ea_R][i];
        w.constant[i] = b_i == 0.0 && E == 0.0 ? all(TOGETHER ? 0.0 : 1.0) : later(b_i * ln_T - E * r_T);
        if (slopes) w.slope[i] = (b_i + E * r_T) * r_T;
    }
    exponentials(w.constant.at, m[arrhenius]);
    blowers_masel_constants<slopes>(m, w, T, ln_T, r_T, m[arrhenius]);
    if (!m[plog] && !m[chebyshev]) return;
    const V ln_p = logarithm(larger(GAS_CONSTANT * T * sum_C, all(TINY)));
    const int first = m[arrhenius] + m[blowers_masel];
    if (m[plog]) plog_constants<slopes>(m, w, ln_T, r_T, ln_p, first);
    if (m[chebyshev]) chebyshev_constants<slopes>(m, w, r_T, ln_p, first + m[plog]);
}

// F and d ln F by ln Pr and by T at constant Pr, of one falloff row.
struct Broadening {
    V F, by_ln_Pr, by_T;
};

template <bool slopes>
Broadening sri(const Mechanism& m, int i, V T, V ln_T, V r_T, V Pr) {
    const V first = m[sri_a][i] * exponential(-m[sri_b][i] * r_T), second = exponential(-T * m[sri_r_c][i]);
    const V center = first + second, log_Pr = log10_of(Pr), power = 1.0 / (1.0 + log_Pr * log_Pr), ln_center = logarithm(center);
    Broadening out = {};
    out.F = m[sri_d][i] * exponential(m[sri_e][i] * ln_T + power * ln_center);
    if (slopes) {
        out.by_ln_Pr = -2.0 * log_Pr * power * power * ln_center * (1.0 / LN10);
        out.by_T = m[sri_e][i] * r_T + power * (first * m[sri_b][i] * r_T * r_T - second * m[sri_r_c][i]) / center;
    }
    return out;
}

template <bool slopes>
Broadening troe(V center, V center_dT, V Pr) {
    const V log_Fc = log10_of(center), x = log10_of(Pr) - 0.4 - 0.67 * log_Fc, n = 0.75 - 1.27 * log_Fc;
    const V r = 1.0 / (n - 0.14 * x), f = x * r, r_spread = 1.0 / (1.0 + f * f);
    Broadening out = {};
    out.F = exponential(LN10 * log_Fc * r_spread);
    if (slopes) {
        const V dlog = where(center > TINY, center_dT / larger(center, all(TINY)), V{}) * (1.0 / LN10);
        const V pull = 2.0 * f * log_Fc * r_spread * r * r;
        out.by_ln_Pr = -pull * n * r_spread;
        out.by_T = LN10 * (dlog - pull * (-0.67 * n + 1.27 * x) * dlog) * r_spread;
    }
    return out;
}

// The exponentials of falloff rows, four each: the low-pressure limit over the other one, and Troe's three.
static inline void falloff_exponentials(const Mechanism& m, V* row, V T, V ln_T, V r_T) {
    const int count = m[falloff], first = count - m[troe_rows];
    for (int i = 0; i < count; i++) {
        V* e = row + 4 * i;
        e[0] = later(m[falloff_ln_A][i] + m[falloff_b][i] * ln_T - m[falloff_Ea_R][i] * r_T);
        if (i < first) continue;
        const int j = i - first;
        e[1] = later(-T * m[troe_r_T3][j]), e[2] = later(-T * m[troe_r_T1][j]), e[3] = later(-m[troe_T2][j] * r_T);
    }
    exponentials(row, 4 * count);
}

template <bool slopes>
void falloff_factors(const Mechanism& m, Work& w, V T, V ln_T, V r_T) {
    const int count = m[falloff], with_sri = count - m[troe_rows] - m[tsang_rows], plain = with_sri - m[sri_rows];
    const int first = 1 + m[bodies];
    falloff_exponentials(m, w.broadening.at, T, ln_T, r_T);
    for (int i = 0; i < count; i++) {
        const V* e = w.broadening.at + 4 * i;
        const double low_b = m[falloff_b][i], low_E = m[falloff_Ea_R][i];
        const V k = m[falloff_sign][i] * e[0];
        const V Pr = k * w.factor[1 + m[falloff_body][i]], dlnPr = (low_b + low_E * r_T) * r_T;
        const V r = 1.0 / (1.0 + Pr);
        const double activated = m[falloff_activated][i];
        V value = (Pr + activated * (1.0 - Pr)) * r, dM = {}, dT = {};
        if (slopes) {
            const V by_Pr = (1.0 - 2.0 * activated) * r * r;
            dM = by_Pr * k, dT = by_Pr * Pr * dlnPr;
        }
        if (i >= plain) {
            Broadening broad;
            if (i < with_sri) {
                broad = sri<slopes>(m, i - plain, T, ln_T, r_T, Pr);
            } else if (i < with_sri + m[tsang_rows]) {
                const int j = i - with_sri;
                broad = troe<slopes>(m[tsang_A][j] + m[tsang_B][j] * T, all(m[tsang_B][j]), Pr);
            } else {
                const int j = i - with_sri - m[tsang_rows];
                const double a = m[troe_a][j], r3 = m[troe_r_T3][j], r1 = m[troe_r_T1][j], T2 = m[troe_T2][j];
                const V e3 = (1.0 - a) * e[1], e1 = a * e[2], e2 = e[3];
                broad = troe<slopes>(e3 + e1 + e2, e2 * T2 * r_T * r_T - e3 * r3 - e1 * r1, Pr);
            }
            if (slopes) {  // F is constant below TINY, also where the only collider is slightly negative
                const Mask moves = Pr > TINY;
                const V by_M = where(moves, broad.by_ln_Pr * k / larger(Pr, all(TINY)), V{});
                const V by_T = broad.by_T + where(moves, broad.by_ln_Pr * dlnPr, V{});
                dM = broad.F * (dM + value * by_M), dT = broad.F * (dT + value * by_T);
            }
            value *= broad.F;
        }
        w.factor[first + i] = value;
        if (slopes) w.factor_dM[first + i] = dM, w.factor_dT[first + i] = dT;
    }
}

// The factor table [1, third bodies, falloff] and its derivatives by M and T.
template <bool slopes>
void factors_of(const Mechanism& m, Work& w, V T, V ln_T, V r_T, V sum_C) {
    w.factor[0] = all(1.0);
    if (slopes) w.factor_dM[0] = w.factor_dT[0] = V{};
    for (int body = 0; body < m[bodies]; body++) {
        V M = m[body_usual][body] * sum_C;
        for (int i = m[body_start][body]; i < m[body_start][body + 1]; i++)
            M += m[body_extra][i] * w.C[m[body_species][i]];
        w.factor[1 + body] = M;
        if (slopes) w.factor_dM[1 + body] = all(1.0), w.factor_dT[1 + body] = V{};
    }
    if (m[falloff]) falloff_factors<slopes>(m, w, T, ln_T, r_T);
}
