// A level of the multigrid, as Python lays it out in memory (memory.py): all members take eight bytes.
#pragma once
#include <cstdint>

// Fields are padded, x fastest. Of a direction n cells are this rank's, with g layers of ghosts before and after them, m
// in all. Ghosts that ranks share are worked on as well, low and high layers of them; those of a direction that closes on
// itself within the rank (wrap) are copied before they are read; those beyond sides of the domain are zero.
struct Level {
    int64_t n[3], g[3], m[3], low[3], high[3], wrap[3];
    int64_t parity;            // of the first cell's place in the whole grid: red cells are even
    // Of directions that close on themselves over ranks with an odd number of cells: the padded cell of place 0, which has
    // the colour of the last place, the one before it. 0: none here.
    int64_t seam[3];
    int64_t begin[3], end[3];  // padded cells of the next level that this rank restricts to
    float *c[3];               // conductances at the low faces of cells
    float *main, *inverse;     // the diagonal, and 1 over it
    float *x, *b;              // the unknown and the load
    // Per padded cell of a direction: the cells of the next level that it takes values of, with their weights.
    int32_t *near[3], *next[3];
    float *own[3], *other[3];
    // Per padded cell of the next level along x: where its five weights of a row's residuals begin, and these.
    int32_t *tap;
    float *taps;
    // Per padded cell of the next level: its first cell here and how many there are; of the path over its low face the
    // parts of the links before and after that face.
    int32_t *first[3], *count[3];
    float *before[3], *after[3];
    float *rows;  // scratch: three rows of the longer of both levels
    float *old;   // scratch where there are seams: a plane and a row
};

// Cells of a direction that are worked on, with `layers` of the ghosts that are shared left out.
struct Range {
    int64_t begin, end;
};

inline Range range(const Level &a, int axis, int64_t layers) {
    const int64_t low = a.low[axis] > 0 ? a.low[axis] - layers : 0, high = a.high[axis] > 0 ? a.high[axis] - layers : 0;
    return {a.g[axis] - low, a.g[axis] + a.n[axis] + high};
}

inline int64_t row(const Level &a, int64_t z, int64_t y) { return (z * a.m[1] + y) * a.m[2]; }

// Ghosts of directions that close on themselves within this rank.
template <class T>
inline void wrapped(const Level &a, T *f) {
    const int64_t sy = a.m[2], sz = a.m[1] * a.m[2];
    const int64_t step[3] = {sz, sy, 1};
    for (int axis = 2; axis >= 0; axis--) {
        if (!a.wrap[axis]) continue;
        const int o = axis == 2 ? 1 : 2, p = axis == 0 ? 1 : 0;  // the two other directions, the shorter steps inside
        const int64_t low = (a.g[axis] - 1) * step[axis], high = (a.g[axis] + a.n[axis]) * step[axis];
        const int64_t period = a.n[axis] * step[axis];
        for (int64_t i = 0; i < a.m[p]; i++)
            for (int64_t j = 0; j < a.m[o]; j++) {
                T *line = f + i * step[p] + j * step[o];
                line[low] = line[low + period];
                line[high] = line[high - period];
            }
    }
}
