// A block of cells for operators that take neighbours.
#pragma once

#include "vectors.h"

// Metrics of a direction (mesh.grid.AxisMetric) at faces 0 .. n and cells, with some numbers behind, which are read; face
// weights and areas of the two ends are null where all are 1, or 0.
struct Direction {
    const double *per_distance, *right, *per_volume, *face, *area[2];
};

struct Box {
    Extent n;
    Direction planes, rows, cells;
    std::int64_t dimensions;  // that count: cells, then rows, then planes
};
