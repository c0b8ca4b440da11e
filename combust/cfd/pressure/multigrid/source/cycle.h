// One V-cycle: Gauss-Seidel by two colours before and after, the colours in the opposite order after, so that the whole
// is symmetric; linear interpolation along each direction, and its transpose.
#pragma once
#include <algorithm>
#include <cstring>

#include "level.h"

// Places of colours, which go on counting at a seam.
inline int64_t counted(const Level &a, int axis, int64_t i) { return i + (a.seam[axis] && i >= a.seam[axis]); }

// Whether both sides of a seam are worked on, and their values before that are needed.
inline bool cut(const Level &a, int axis, const Range &r) {
    return a.seam[axis] && a.seam[axis] - 1 >= r.begin && a.seam[axis] < r.end;
}

// Values of one colour from those of the other in a part of a row, `at` its first cell.
inline void smooth_part(const Level &a, int64_t at, int64_t odd, int64_t begin, int64_t end) {
    const int64_t sy = a.g[1] ? a.m[2] : 0, sz = a.g[0] ? a.m[1] * a.m[2] : 0, sx = a.g[2] ? 1 : 0;
    float *x = a.x + at;
    const float *b = a.b + at, *inverse = a.inverse + at;
    const float *cx = a.c[2] + at, *cy = a.c[1] + at, *cz = a.c[0] + at;
    if (sz) {
#pragma omp simd
        for (int64_t i = begin; i < end; i++) {
            const float sum = b[i] + cx[i] * x[i - sx] + cx[i + sx] * x[i + sx] + cy[i] * x[i - sy]
                              + cy[i + sy] * x[i + sy] + cz[i] * x[i - sz] + cz[i + sz] * x[i + sz];
            x[i] = (i + odd) & 1 ? x[i] : sum * inverse[i];
        }
    } else {
#pragma omp simd
        for (int64_t i = begin; i < end; i++) {
            const float sum = b[i] + cx[i] * x[i - sx] + cx[i + sx] * x[i + sx] + cy[i] * x[i - sy]
                              + cy[i + sy] * x[i + sy];
            x[i] = (i + odd) & 1 ? x[i] : sum * inverse[i];
        }
    }
}

// Runs work(i) along a direction. At a seam the values behind it follow from those before it as they were, as those
// before it do from these: both ranks that hold them, and the transpose, then find the same.
template <class Work>
inline void past_seam(bool seam, int64_t first, const Range &r, float *before, float *old, int64_t count, Work work) {
    for (int64_t i = r.begin; i < r.end; i++) {
        if (seam && i == first - 1) std::copy(before, before + count, old);
        if (seam && i == first) std::swap_ranges(before, before + count, old);
        work(i);
        if (seam && i == first) std::copy(old, old + count, before);
    }
}

// Values of one colour from those of the other, in rows that leave out `layers` of the shared ghosts.
inline void smooth(const Level &a, int colour, int64_t layers) {
    wrapped(a, a.x);
    const Range rz = range(a, 0, layers), ry = range(a, 1, layers), rx = range(a, 2, layers);
    const int64_t origin = a.parity + a.g[0] + a.g[1] + a.g[2] + colour, plane = a.m[1] * a.m[2];
    const bool planes = cut(a, 0, rz), rows = cut(a, 1, ry), cells = cut(a, 2, rx);
    const int64_t seam = a.seam[2] ? std::min(std::max(a.seam[2], rx.begin), rx.end) : rx.end;
    past_seam(planes, a.seam[0], rz, a.x + row(a, a.seam[0] - 1, 0), a.old, plane, [&](int64_t z) {
        past_seam(rows, a.seam[1], ry, a.x + row(a, z, a.seam[1] - 1), a.old + plane, a.m[2], [&](int64_t y) {
            const int64_t at = row(a, z, y), odd = counted(a, 0, z) + counted(a, 1, y) + origin;
            float *last = a.x + at + seam - 1, before = *last;
            smooth_part(a, at, odd, rx.begin, seam);
            if (cells) std::swap(*last, before);
            smooth_part(a, at, odd + 1, seam, rx.end);
            if (cells) *last = before;
        });
    });
}

// The first half of the smoothing from x = 0.
inline void start(const Level &a) {
    const Range rz = range(a, 0, 0), ry = range(a, 1, 0), rx = range(a, 2, 0);
    const int64_t origin = a.parity + a.g[0] + a.g[1] + a.g[2];
    for (int64_t z = rz.begin; z < rz.end; z++)
        for (int64_t y = ry.begin; y < ry.end; y++) {
            const int64_t at = row(a, z, y), odd = counted(a, 0, z) + counted(a, 1, y) + origin;
            const int64_t seam = a.seam[2] ? a.seam[2] : rx.end;
            float *x = a.x + at;
            const float *b = a.b + at, *inverse = a.inverse + at;
#pragma omp simd
            for (int64_t i = rx.begin; i < rx.end; i++) x[i] = (i + (i >= seam) + odd) & 1 ? 0.0f : b[i] * inverse[i];
        }
}

// What is left of b in a row, in the cells from `begin` to `end`.
inline void left_over(const Level &a, int64_t z, int64_t y, int64_t begin, int64_t end, float *r) {
    const int64_t sy = a.g[1] ? a.m[2] : 0, sz = a.g[0] ? a.m[1] * a.m[2] : 0, sx = a.g[2] ? 1 : 0;
    const int64_t at = row(a, z, y);
    const float *x = a.x + at, *b = a.b + at, *main = a.main + at;
    const float *cx = a.c[2] + at, *cy = a.c[1] + at, *cz = a.c[0] + at;
#pragma omp simd
    for (int64_t i = begin; i < end; i++) {
        float sum = b[i] + cx[i] * x[i - sx] + cx[i + sx] * x[i + sx] + cy[i] * x[i - sy] + cy[i + sy] * x[i + sy];
        sum += cz[i] * x[i - sz] + cz[i + sz] * x[i + sz];
        r[i] = sum - main[i] * x[i];
    }
}

// The transpose of the interpolation: the next level's load, in this rank's cells.
inline void restricted(const Level &a, const Level &next) {
    for (int64_t z = a.begin[0]; z < a.end[0]; z++)
        for (int64_t y = a.begin[1]; y < a.end[1]; y++)
            std::fill(next.b + row(next, z, y) + a.begin[2], next.b + row(next, z, y) + a.end[2], 0.0f);
    const int64_t shared_z[2] = {a.low[0] > 0, a.high[0] > 0}, shared_y[2] = {a.low[1] > 0, a.high[1] > 0};
    const int64_t bx = a.g[2] - (a.low[2] > 0), ex = a.g[2] + a.n[2] + (a.high[2] > 0);
    float *r = a.rows, *sums = a.rows + std::max(a.m[2], next.m[2]) + 8;
    std::memset(r, 0, sizeof(float) * (a.m[2] + 4));
    for (int64_t z = a.g[0] - shared_z[0]; z < a.g[0] + a.n[0] + shared_z[1]; z++)
        for (int64_t y = a.g[1] - shared_y[0]; y < a.g[1] + a.n[1] + shared_y[1]; y++) {
            left_over(a, z, y, bx, ex, r);
            if (a.wrap[2]) r[a.g[2] - 1] = r[a.g[2] + a.n[2] - 1], r[a.g[2] + a.n[2]] = r[a.g[2]];
            const int64_t width = next.m[2];
            const float *t = a.taps;
#pragma omp simd
            for (int64_t i = a.begin[2]; i < a.end[2]; i++) {
                const float *line = r + a.tap[i];
                sums[i] = t[i] * line[0] + t[i + width] * line[1] + t[i + 2 * width] * line[2]
                          + t[i + 3 * width] * line[3] + t[i + 4 * width] * line[4];
            }
            for (int k = 0; k < 4; k++) {
                const int64_t Z = k < 2 ? a.near[0][z] : a.next[0][z], Y = k % 2 ? a.next[1][y] : a.near[1][y];
                const float w = (k < 2 ? a.own[0][z] : a.other[0][z]) * (k % 2 ? a.other[1][y] : a.own[1][y]);
                if (w == 0.0f || Z < a.begin[0] || Z >= a.end[0] || Y < a.begin[1] || Y >= a.end[1]) continue;
                float *b = next.b + row(next, Z, Y);
#pragma omp simd
                for (int64_t i = a.begin[2]; i < a.end[2]; i++) b[i] += w * sums[i];
            }
        }
}

// Adds what the next level found.
inline void prolonged(const Level &a, const Level &next) {
    const Range rz = range(a, 0, 1), ry = range(a, 1, 1), rx = range(a, 2, 1);
    float *blend = a.rows;
    for (int64_t z = rz.begin; z < rz.end; z++)
        for (int64_t y = ry.begin; y < ry.end; y++) {
            for (int k = 0; k < 4; k++) {
                const int64_t Z = k < 2 ? a.near[0][z] : a.next[0][z], Y = k % 2 ? a.next[1][y] : a.near[1][y];
                const float w = (k < 2 ? a.own[0][z] : a.other[0][z]) * (k % 2 ? a.other[1][y] : a.own[1][y]);
                const float *x = next.x + row(next, Z, Y);
                if (k == 0) {
#pragma omp simd
                    for (int64_t i = 0; i < next.m[2]; i++) blend[i] = w * x[i];
                } else if (w != 0.0f) {
#pragma omp simd
                    for (int64_t i = 0; i < next.m[2]; i++) blend[i] += w * x[i];
                }
            }
            float *x = a.x + row(a, z, y);
#pragma omp simd
            for (int64_t i = rx.begin; i < rx.end; i++)
                x[i] += a.own[2][i] * blend[a.near[2][i]] + a.other[2][i] * blend[a.next[2][i]];
        }
}

inline void down(const Level &a, const Level &next) {
    start(a);
    smooth(a, 1, 1);
    wrapped(a, a.x);
    restricted(a, next);
}

inline void up(const Level &a, const Level &next) {
    prolonged(a, next);
    smooth(a, 1, 2);
    smooth(a, 0, 3);
}

// The last level has a few cells only.
inline void bottom(const Level &a) {
    start(a);
    smooth(a, 1, 0);
    for (int sweep = 0; sweep < 4; sweep++) smooth(a, 0, 0), smooth(a, 1, 0);
    for (int sweep = 0; sweep < 5; sweep++) smooth(a, 1, 0), smooth(a, 0, 0);
}
