// Rows of cells in vectors of LANES: what is left at the end of a row goes in a vector of its own, through the same
// operations, so that no cell's digits hang on its place.
#pragma once

#include "lanes.h"

static inline V load(const double* from) {
    V x;
    std::memcpy(&x, from, sizeof x);
    return x;
}

static inline void store(double* to, V x) { std::memcpy(to, &x, sizeof x); }

// The first `count` lanes; the others are the last of these.
static inline V load_part(const double* from, int count) {
    if (count >= LANES) return load(from);
    V x = all(from[count - 1]);
    for (int i = 0; i < count; i++) x[i] = from[i];
    return x;
}

static inline void store_part(double* to, V x, int count) {
    if (count >= LANES) return store(to, x);
    for (int i = 0; i < count; i++) to[i] = x[i];
}

// Asks for a line of numbers from memory, to be there when it is read: rows of species lie so far apart that the processor
// does not see what comes next.
static inline void fetch(const double* at) { __builtin_prefetch(at); }

static inline bool every(Mask m) {
    std::int64_t both = m[0];
    for (int i = 1; i < LANES; i++) both &= m[i];
    return both != 0;
}

// A field (components, planes, rows, cells) whose cells lie side by side; strides in numbers.
struct Field {
    double* at;
    std::int64_t component, plane, row;

    double* operator()(std::int64_t k, std::int64_t z, std::int64_t y) const {
        return at + k * component + z * plane + y * row;
    }
};

struct Extent {
    std::int64_t planes, rows, cells;
};
