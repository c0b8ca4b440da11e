// Sparse factors of shift - J and solves with them: the pattern is that of combust.kinetics.integrate.native.pattern.
//
// Unknowns are y_1 .. y_n in an order that keeps the fill small, then N = sum y_k / W_k, through which all species act
// alike, and T; so the dense row and columns of T and of the mixture are a border and the rest stays sparse. There is no
// pivoting: a small pivot spoils the error estimate of the step, which is then refused.
#pragma once

#include "work.h"

// Turns the entries into factors, one after the other: each loses the products L_ik U_kj, held in a register meanwhile.
// Diagonals are replaced by their inverses; returns the sign of the determinant.
static V factorise(const Mechanism& m, V* A) {
    const int size = m[species] + 2;
    const std::int32_t *lower = m[lower_start], *diagonal = m[diagonal_place], *end = m[row_end], *column = m[entry_column];
    const std::int32_t *start = m[product_of], *entry = m[product_entry];
    V sign = all(1.0);
    for (int i = 0; i < size; i++) {
        for (int p = lower[i]; p < end[i]; p++) {
            V x = A[p];
            for (int j = start[p]; j < start[p + 1]; j++) x -= A[entry[2 * j]] * A[entry[2 * j + 1]];
            A[p] = p < diagonal[i] ? x * A[diagonal[column[p]]] : x;
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
