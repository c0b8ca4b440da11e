// NASA polynomials, as combust.kinetics.rates.thermo has them.
#pragma once

#include "work.h"

constexpr double GAS_CONSTANT = 8314.46261815324;  // J/kmol/K

// cp/R, h/RT and, where asked for, d(cp/R)/dT and the activity coefficient exp(g/RT) RT/p_ref of every species.
template <bool slopes, bool activities = true>
void thermodynamics(const Mechanism& m, Work& w, V T, V ln_T, V r_T) {
    const int n = m[species], rows = m[thermo_rows], size = rows * n;
    for (int k = 0; k < n; k++) {
        V a[9];
        const Mask upper = T > m[T_mid][k];
        for (int i = 0; i < rows; i++) a[i] = where(upper, all(m[high][i * n + k]), all(m[low][i * n + k]));
        for (int range = 0; range < m[upper_ranges]; range++) {
            const Mask in = T > m[T_upper][range * n + k];
            for (int i = 0; i < rows; i++) a[i] = where(in, all(m[upper_rows][range * size + i * n + k]), a[i]);
        }
        V cp = a[0] + T * (a[1] + T * (a[2] + T * (a[3] + T * a[4])));
        V h = a[0] + T * (a[1] * 0.5 + T * (a[2] * (1.0 / 3) + T * (a[3] * 0.25 + T * (a[4] * 0.2)))) + a[5] * r_T;
        V g = a[0] * (1.0 - ln_T) - T * (a[1] * 0.5 + T * (a[2] * (1.0 / 6) + T * (a[3] * (1.0 / 12) + T * (a[4] * 0.05))))
              + a[5] * r_T - a[6];
        if (rows > 7) {
            cp += (a[7] * r_T + a[8]) * r_T;
            h += (a[8] * ln_T - a[7] * r_T) * r_T;
            g += (a[8] * (ln_T + 1.0) - a[7] * 0.5 * r_T) * r_T;
        }
        w.cp_R[k] = cp;
        w.h_RT[k] = h;
        if (slopes) {
            w.cp_R_dT[k] = a[1] + T * (2 * a[2] + T * (3 * a[3] + T * (4 * a[4])));
            if (rows > 7) w.cp_R_dT[k] -= (2 * a[7] * r_T + a[8]) * r_T * r_T;
        }
        if (activities && m[reversible])
            w.coefficient[k] = later(g - m[shift_h][k] * r_T + m[shift_s][k] + ln_T - m[ln_c_ref][0]);
    }
    if (activities && m[reversible]) exponentials(w.coefficient.at, n);
}
