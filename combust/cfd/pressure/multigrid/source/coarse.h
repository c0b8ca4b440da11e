// The operator of the next level: a link between two of its cells is what lies between their centres, in series along the
// way and side by side across it.
#pragma once
#include "level.h"

inline float link(const Level &a, const float *c, int64_t at, int64_t step, float before, float after) {
    if (!(c[at] > 0.0f)) return 0.0f;
    float resistance = 1.0f / c[at];
    if (before > 0.0f) resistance += before / c[at - step];
    if (after > 0.0f) resistance += after / c[at + step];
    return 1.0f / resistance;
}

// Conductances of the next level at the low faces of this rank's cells, and at the last one's high face.
inline void coarsened(const Level &a, const Level &next) {
    const int64_t step[3] = {a.m[1] * a.m[2], a.m[2], 1};
    for (int axis = 0; axis < 3; axis++) {
        if (!next.g[axis]) continue;
        int64_t end[3] = {a.end[0], a.end[1], a.end[2]};
        end[axis]++;
        for (int64_t Z = a.begin[0]; Z < end[0]; Z++)
            for (int64_t Y = a.begin[1]; Y < end[1]; Y++)
                for (int64_t X = a.begin[2]; X < end[2]; X++) {
                    const int64_t place[3] = {Z, Y, X};
                    int64_t count[3];
                    for (int other = 0; other < 3; other++) count[other] = other == axis ? 1 : a.count[other][place[other]];
                    const float before = a.before[axis][place[axis]], after = a.after[axis][place[axis]];
                    float sum = 0.0f;
                    for (int64_t z = 0; z < count[0]; z++)
                        for (int64_t y = 0; y < count[1]; y++)
                            for (int64_t x = 0; x < count[2]; x++) {
                                const int64_t at = row(a, a.first[0][Z] + z, a.first[1][Y] + y) + a.first[2][X] + x;
                                sum += link(a, a.c[axis], at, step[axis], before, after);
                            }
                    next.c[axis][row(next, Z, Y) + X] = sum;
                }
    }
}

// The diagonal, and 1 over it, in all cells that are worked on.
inline void inverted(const Level &a) {
    const Range rz = range(a, 0, 0), ry = range(a, 1, 0), rx = range(a, 2, 0);
    const int64_t sy = a.m[2], sz = a.m[1] * a.m[2];
    for (int64_t z = rz.begin; z < rz.end; z++)
        for (int64_t y = ry.begin; y < ry.end; y++) {
            const int64_t at = row(a, z, y);
            const float *cx = a.c[2] + at, *cy = a.c[1] + at, *cz = a.c[0] + at;
            for (int64_t i = rx.begin; i < rx.end; i++) {
                float sum = 0.0f;
                if (a.g[2]) sum += cx[i] + cx[i + 1];
                if (a.g[1]) sum += cy[i] + cy[i + sy];
                if (a.g[0]) sum += cz[i] + cz[i + sz];
                a.main[at + i] = sum;
                a.inverse[at + i] = sum > 0.0f ? 1.0f / sum : 0.0f;
            }
        }
}
