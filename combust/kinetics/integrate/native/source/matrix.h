// Sparse factors of shift - J and solves with them: the pattern is that of combust.kinetics.integrate.native.pattern.
//
// Unknowns are y_1 .. y_n in an order that keeps the fill small, then N = sum y_k / W_k, through which all species act
// alike, and T; so the dense row and columns of T and of the mixture are a border and the rest stays sparse. There is no
// pivoting: a small pivot spoils the error estimate of the step, which is then refused.
//
// Each entry loses its products L_ik U_kj in the order of k, whichever loop takes them: so the digits are the same.
#pragma once

#include "work.h"

constexpr int BLOCK = 4;  // of the dense part: pattern.py makes it a whole number of these
#ifdef __AVX512F__
constexpr int TILE = 4;  // as many rows and columns of sums as registers hold
#else
constexpr int TILE = 2;
#endif
constexpr int PANEL = 16;  // columns whose products are taken at once: they stay in the cache

// The rows of the dense part, from its first column on.
struct Dense {
    V* A;
    const std::int32_t* end;
    int size;

    V* operator[](int i) const { return A + end[i] - size; }
};

typedef V Sums[TILE][TILE];

// Takes off the products of columns first to last.
static inline void lessen(const Dense& d, int row, int column, int first, int last, Sums& x) {
    const V* L[TILE];
    for (int i = 0; i < TILE; i++) L[i] = d[row + i];
    for (int k = first; k < last; k++) {
        const V* U = d[k] + column;
        for (int i = 0; i < TILE; i++)
            for (int j = 0; j < TILE; j++) x[i][j] -= L[i][k] * U[j];
    }
}

// A tile of L, of the diagonal or of U, whose products with the tiles before it are taken off.
static inline V finish(const Dense& d, int row, int column, Sums& x) {
    V sign = all(1.0);
    for (int i = 0; i < TILE; i++)
        for (int j = 0; j < TILE; j++) {
            const int products = row > column ? j : row < column ? i : i < j ? i : j;
            for (int k = 0; k < products; k++)
                x[i][j] -= (row < column ? d[row + i][row + k] : x[i][k]) * (row > column ? d[column + k][column + j] : x[k][j]);
            if (row > column || (row == column && i > j)) x[i][j] *= row > column ? d[column + j][column + j] : x[j][j];
            if (row == column && i == j) {
                sign = where(x[i][i] < 0.0, -sign, sign);
                x[i][i] = 1.0 / x[i][i];
            }
        }
    return sign;
}

static inline V tile(const Dense& d, int row, int column, int first, int last, bool ends) {
    V sign = all(1.0);
    Sums x;
    for (int i = 0; i < TILE; i++)
        for (int j = 0; j < TILE; j++) x[i][j] = d[row + i][column + j];
    lessen(d, row, column, first, last, x);
    if (ends) sign = finish(d, row, column, x);
    for (int i = 0; i < TILE; i++)
        for (int j = 0; j < TILE; j++) d[row + i][column + j] = x[i][j];
    return sign;
}

static V factorise_dense(const Dense& d) {
    V sign = all(1.0);
    for (int first = 0; first < d.size; first += PANEL) {
        const int last = first + PANEL < d.size ? first + PANEL : d.size;
        for (int i = first; i < d.size; i += TILE)
            for (int j = first; j < last; j += TILE) sign *= tile(d, i, j, first, i < j ? i : j, true);
        for (int i = first; i < last; i += TILE)
            for (int j = last; j < d.size; j += TILE) tile(d, i, j, first, i, true);
        for (int j = last; j < d.size; j += TILE)
            for (int i = last; i < d.size; i += TILE) tile(d, i, j, first, last, false);
    }
    return sign;
}

// Turns the entries into factors, row after row. Diagonals are replaced by their inverses; returns the sign of the
// determinant.
static V factorise(const Mechanism& m, V* A) {
    const int size = m[species] + 2, border = m[dense_from];
    const std::int32_t *lower = m[lower_start], *diagonal = m[diagonal_place], *end = m[row_end], *column = m[entry_column];
    const std::int32_t* loses = m[update_entry];
    V sign = all(1.0);
    for (int i = 0; i < size; i++) {
        for (int p = lower[i]; p < diagonal[i] && column[p] < border; p++) {
            const int k = column[p], count = end[k] - diagonal[k] - 1;
            const V x = A[p] *= A[diagonal[k]], *U = A + diagonal[k] + 1;
            for (int j = 0; j < count; j++) A[loses[j]] -= x * U[j];
            loses += count;
        }
        if (i >= border) continue;
        const V pivot = A[diagonal[i]];
        sign = where(pivot < 0.0, -sign, sign);
        A[diagonal[i]] = 1.0 / pivot;
    }
    return sign * factorise_dense({A, end + border, size - border});
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
