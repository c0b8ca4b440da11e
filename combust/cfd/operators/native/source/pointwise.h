// Work on cells one by one, tile by tile, in threads that change no digit.
#pragma once

#include <algorithm>
#include <atomic>

#include "threads.h"
#include "tile.h"

// work(rows, z, y, x, cells) for every part of every row; rows : `count` of them for its own use.
template <typename Work>
std::int64_t in_tiles(Extent n, std::int64_t threads, std::int64_t count, Work work) {
    const std::int64_t lines = n.planes * n.rows;
    std::atomic<std::int64_t> next{0};
    return outcome_of([&] {
        in_threads(threads, [&](std::int64_t) {
            Rows rows(count);
            for (std::int64_t line = next++; line < lines; line = next++)
                for (std::int64_t x = 0; x < n.cells; x += TILE)
                    work(rows, line / n.rows, line % n.rows, x, static_cast<int>(std::min<std::int64_t>(TILE, n.cells - x)));
        });
    });
}
