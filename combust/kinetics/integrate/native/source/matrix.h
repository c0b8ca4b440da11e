// Sparse factors of shift - J and solves with them: the pattern is that of combust.kinetics.integrate.native.pattern.
//
// Unknowns are y_1 .. y_n in an order that keeps the fill small, then N = sum y_k / W_k, through which all species act
// alike, and T; so the dense row and columns of T and of the mixture are a border and the rest stays sparse. There is no
// pivoting: a small pivot spoils the error estimate of the step, which is then refused.
#pragma once

#include "work.h"

// Turns the entries into factors, rows in turn. Diagonals are replaced by their inverses; returns the sign of the determinant.
static V factorise(const Mechanism& m, V* A) {
    const int size = m[species] + 2;
    const std::int32_t *lower = m[lower_start], *diagonal = m[diagonal_place], *end = m[row_end], *column = m[entry_column];
    const std::int32_t* target = m[update_target];
    V sign = all(1.0);
    for (int i = 0; i < size; i++) {
        for (int p = lower[i]; p < diagonal[i]; p++) {
            const int k = column[p];
            const V l = A[p] * A[diagonal[k]];
            A[p] = l;
            for (int u = diagonal[k] + 1; u < end[k]; u++) A[*target++] -= l * A[u];
        }
        const V pivot = A[diagonal[i]];
        sign = where(pivot < 0.0, -sign, sign);
        A[diagonal[i]] = 1.0 / pivot;
    }
    return sign;
}

// x in place of the right side, in the order of the unknowns.
static void solve(const Mechanism& m, const V* A, V* x) {
    const int size = m[species] + 2;
    const std::int32_t *lower = m[lower_start], *diagonal = m[diagonal_place], *end = m[row_end], *column = m[entry_column];
    for (int i = 0; i < size; i++) {
        V sum = x[i];
        for (int p = lower[i]; p < diagonal[i]; p++) sum -= A[p] * x[column[p]];
        x[i] = sum;
    }
    for (int i = size - 1; i >= 0; i--) {
        V sum = x[i];
        for (int u = diagonal[i] + 1; u < end[i]; u++) sum -= A[u] * x[column[u]];
        x[i] = sum * A[diagonal[i]];
    }
}
