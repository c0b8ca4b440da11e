// Diffusion of (rho h, rho Y) in a block: its rate, or a whole stage of Runge-Kutta-Chebyshev, in one pass through
// memory. Each flux is computed once and kept until the cells on both of its sides are done; (T, Y) of a stage may take
// the place of those before it, since no flux needs them any more.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>

#include "box.h"
#include "line.h"
#include "threads.h"

// What is to be done. Of a stage U = start U0 + last U1 + before U2 + now rate + begun rate0 + (now + begun) source; of
// the rate alone U is where it goes, and other fields are not set. After the last stage U is where the mean rate of
// transport goes, (U - U0) over the step less the rates of reactions, which are given in q; no T is made.
enum Kind : std::int64_t { RATE, STAGE, LAST_STAGE };

struct Diffusion {
    Padded given;
    Field U0, U1, U2, rate0, source, U, q;
    double start, last, before, now, begun, per_step;
    std::int64_t kind, thermal;
    double* out;  // sums of U through all ends, then enthalpy that leaves through the two ends of each direction, as named
    std::int64_t names[3];  // places of planes, rows and cells among z, y, x
};

// (T, Y) on both sides of a cut between parts, as they were before the stage.
struct Cut {
    std::vector<double> numbers;
    Field below, above;
};

// What leaves through the ends, for each line that touches them: sums that hang on no thread.
struct Ends {
    std::vector<double> sums[6];  // low and high of planes, rows, cells: (lines, 1 + species)
};

class Portion {
  public:
    Portion(const Gas& gas, const Box& box, const Diffusion& task, Ends& ends)
        : gas(gas), box(box), task(task), ends(ends), n(gas.species), width(1 + n), wide(box.dimensions > 1),
          deep(box.dimensions > 2), lines(3 * Line::rows(n) * WIDTH + 8), along(width * WIDTH),
          rows(4 * width + 3), planes(deep ? box.n.rows * width : 0),
          column(box.n.cells > TILE ? box.n.planes * box.n.rows * width : 0) {}

    // Of planes, or rows where there are none, from `first` on to `last`; below, above : the cuts there, or null.
    void run(std::int64_t first, std::int64_t last, const Field* below, const Field* above) {
        begin = first, end = last, behind = below, ahead = above;
        for (x = 0; x < box.n.cells; x += TILE) {
            cells = static_cast<int>(std::min<std::int64_t>(TILE, box.n.cells - x));
            if (deep) first_planes();
            for (std::int64_t z = deep ? begin : 0; z < (deep ? end : 1); z++)
                plane(z, deep ? 0 : begin, deep ? box.n.rows : end);
        }
    }

  private:
    const Gas& gas;
    const Box& box;
    const Diffusion& task;
    Ends& ends;
    const std::int64_t n, width;
    const bool wide, deep;
    std::vector<double> lines, along;
    Rows rows, planes;
    std::vector<double> column;
    std::int64_t begin = 0, end = 0, x = 0;
    int cells = 0;
    const Field *behind = nullptr, *ahead = nullptr;

    Line line(std::int64_t i) {
        const auto address = reinterpret_cast<std::uintptr_t>(lines.data());
        return Line(lines.data() + (64 - address % 64) % 64 / sizeof(double) + i * Line::rows(n) * WIDTH, n);
    }

    // Fluxes through the low faces of the first plane.
    void first_planes() {
        Line below = line(0), here = line(1);
        for (std::int64_t y = 0; y < box.n.rows; y++) {
            take_line(below, begin - 1, y);
            take_line(here, begin, y);
            across(below, here, box.planes, 0, begin, y, planes[y * width], species(begin, y));
        }
    }

    void plane(std::int64_t z, std::int64_t from, std::int64_t to) {
        Line beside = line(0), here = line(1), next = line(2);
        double *low = rows[0], *high = rows[width], *deep_high = rows[2 * width];
        take_line(here, z, from);
        if (wide) {
            take_line(beside, z, from - 1);
            across(beside, here, box.rows, 2, from, z, low, species(z, from));
        }
        for (std::int64_t y = from; y < to; y++) {
            if (!column.empty()) renew(here, z, y);
            const std::int64_t after = std::min(y + 2, to);
            if (wide) {
                take_line(next, z, y + 1);
                across(here, next, box.rows, 2, y + 1, z, high, species(z, after));
            }
            double* deep_low = deep ? planes[y * width] : nullptr;
            if (deep) {
                take_line(beside, z + 1, y);
                across(here, beside, box.planes, 0, z + 1, y, deep_high, species(z + 1, after - 1));
            }
            within(here, z, y, diffusivities(z, after));
            update(z, y, low, high, deep_low, deep_high);
            if (task.kind == STAGE) primitive(here, z, y);
            if (deep) std::memcpy(deep_low, deep_high, width * TILE * sizeof(double));
            std::swap(low, high);
            std::swap(here, next);
        }
    }

    Soon species(std::int64_t z, std::int64_t y) const {
        return {task.given.q(1, z, y) + x, task.given.q.component};
    }
    Soon diffusivities(std::int64_t z, std::int64_t y) const {
        return {task.given.mole_diffusivity(0, z, y) + x, task.given.mole_diffusivity.component};
    }

    void take_line(Line& to, std::int64_t z, std::int64_t y) {
        const Padded& f = task.given;
        const std::int64_t at = deep ? z : y;
        const Field* cut = at < begin ? behind : at >= end ? ahead : nullptr;
        const Field& q = cut ? *cut : f.q;
        const double* from = (cut ? q(0, 0, deep ? y : 0) : q(0, z, y)) + x;
        const double *lambda = f.conductivity(0, z, y) + x, *B = f.mole_diffusivity(0, z, y) + x,
                     *D = f.thermal_diffusion(0, z, y) + x;
        take(to.T, from, 0, 1, cells, from + q.component);
        take(to.Y, from + q.component, q.component, n, cells, B);
        take(to.B, B, f.mole_diffusivity.component, n, cells, lambda);
        take(to.conductivity, lambda, 0, 1, cells, D);
        if (task.thermal) take(to.D, D, f.thermal_diffusion.component, n, cells, D);
        add_up(gas, to, cells);
    }

    // Where the tile before this one has put new values in the place of old ones, it left its last cell here.
    void renew(Line& here, std::int64_t z, std::int64_t y) {
        double* kept = &column[(z * box.n.rows + y) * width];
        for (std::int64_t k = 0; k < width; k++) {
            double* row = k ? here.Y + (k - 1) * WIDTH : here.T;
            const double own = row[cells - 1];
            if (x) row[-1] = kept[k];
            kept[k] = own;
        }
        if (x) add_up(gas, here, cells);
    }

    // Fluxes between two lines: at face `face` of planes or rows, whose ends are `first` and the next.
    void across(const Line& low, const Line& high, const Direction& axis, int first, std::int64_t face, std::int64_t place,
                double* flux, Soon soon) {
        (task.thermal ? fluxes<true, true> : fluxes<true, false>)(
            gas, low, 0, high, axis.right + face, axis.per_distance + face, flux, TILE, cells, soon);
        const int side = face != 0;
        const double* area = axis.area[side];
        if (area && (!side || face == (first ? box.n.rows : box.n.planes))) {
            double* sums = &ends.sums[first + side][place * width];
            for (std::int64_t k = 0; k < width; k++)
                for (int c = 0; c < cells; c++) sums[k] += flux[k * TILE + c] * area[place * box.n.cells + x + c];
        }
        if (!axis.face) return;
        for (std::int64_t i = 0; i < width * TILE; i++) flux[i] *= axis.face[face];
    }

    // Fluxes along a line, at its faces x .. x + cells.
    void within(const Line& here, std::int64_t z, std::int64_t y, Soon soon) {
        const Direction& axis = box.cells;
        (task.thermal ? fluxes<false, true> : fluxes<false, false>)(
            gas, here, -1, here, axis.right + x, axis.per_distance + x, along.data(), WIDTH, cells + 1, soon);
        const std::int64_t place = z * box.n.rows + y;
        for (int side = 0; side < 2; side++)
            if (const double* area = axis.area[side]; area && (side ? x + cells == box.n.cells : x == 0))
                for (std::int64_t k = 0; k < width; k++)
                    ends.sums[4 + side][place * width + k] = along[k * WIDTH + side * cells] * area[place];
        if (!axis.face) return;
        for (std::int64_t k = 0; k < width; k++)
            for (int c = 0; c <= cells; c++) along[k * WIDTH + c] *= axis.face[x + c];
    }

    void update(std::int64_t z, std::int64_t y, const double* low, const double* high, const double* deep_low,
                const double* deep_high) {
        const double per_row = wide ? box.rows.per_volume[y] : 0.0, per_plane = deep ? box.planes.per_volume[z] : 0.0;
        const double both = task.now + task.begun;
        for (std::int64_t k = 0; k < width; k++) {
            const auto from = [&](const Field& f) { return task.kind ? f(k, z, y) + x : nullptr; };
            const double *U0 = from(task.U0), *U1 = from(task.U1), *U2 = from(task.U2), *rate0 = from(task.rate0),
                         *source = from(task.source), *flux = along.data() + k * WIDTH;
            double *U = task.U(k, z, y) + x, *kept = rows[3 * width + k];
            const std::int64_t next = k < n ? 1 : 0;
            for (int c = 0; c < cells; c += LANES) {
                const int count = cells - c;
                const std::int64_t at = k * TILE + c;
                if (task.kind != RATE) {
                    fetch(U0 + next * task.U0.component + c);
                    fetch(U1 + next * task.U1.component + c);
                    fetch(U2 + next * task.U2.component + c);
                    fetch(rate0 + next * task.rate0.component + c);
                    fetch(source + next * task.source.component + c);
                }
                V loss = {};
                if (deep) loss += (load(deep_high + at) - load(deep_low + at)) * per_plane;
                if (wide) loss += (load(high + at) - load(low + at)) * per_row;
                loss += (load(flux + c + 1) - load(flux + c)) * load(box.cells.per_volume + x + c);
                if (task.kind == RATE) {
                    store_part(U + c, -loss, count);
                    continue;
                }
                const V begin = load_part(U0 + c, count);
                const V now = task.start * begin + task.last * load_part(U1 + c, count)
                              + task.before * load_part(U2 + c, count) + both * load_part(source + c, count)
                              + task.begun * load_part(rate0 + c, count) - task.now * loss;
                if (task.kind == LAST_STAGE) {
                    const V reacted = k ? load_part(task.q(k - 1, z, y) + x + c, count) : V{};
                    store_part(U + c, (now - begin) * task.per_step - reacted, count);
                    continue;
                }
                store(kept + c, now);
                store_part(U + c, now, count);
            }
        }
    }

    // (T, Y) of the new U, by one Newton step from the old T.
    void primitive(const Line& here, std::int64_t z, std::int64_t y) {
        double *kept = rows[3 * width], *T = rows[4 * width], *r_rho = rows[4 * width + 1];
        temperature(gas, kept, here.T, cells, 1, T, r_rho);
        std::memcpy(task.q(0, z, y) + x, T, cells * sizeof(double));
        for (std::int64_t k = 1; k < width; k++)
            for (int c = 0; c < cells; c += LANES)
                store_part(task.q(k, z, y) + x + c, load(kept + k * TILE + c) * load(r_rho + c), cells - c);
    }
};

// Copies of the planes, or rows, on both sides of a cut.
static inline Cut cut_at(const Field& q, const Box& box, std::int64_t width, std::int64_t place) {
    const bool deep = box.dimensions > 2;
    const std::int64_t count = deep ? box.n.rows : 1, row = box.n.cells + 2, size = width * count * row;
    Cut cut{std::vector<double>(2 * size), {}, {}};
    for (int side = 0; side < 2; side++) {
        Field& copy = side ? cut.above : cut.below;
        copy = Field{cut.numbers.data() + side * size + 1, count * row, 0, row};
        const std::int64_t at = place - 1 + side;
        for (std::int64_t k = 0; k < width; k++)
            for (std::int64_t y = 0; y < count; y++)
                std::memcpy(copy(k, 0, y) - 1, (deep ? q(k, at, y) : q(k, 0, at)) - 1, row * sizeof(double));
    }
    return cut;
}

static inline void add_ends(const Ends& ends, const Diffusion& task, std::int64_t width) {
    for (int i = 0; i < 6; i++) {
        const auto& sums = ends.sums[i];
        double heat = 0.0;
        for (std::size_t at = 0; at < sums.size(); at++) {
            const double leaves = i % 2 ? sums[at] : -sums[at];
            task.out[at % width] += leaves;
            if (at % width == 0) heat += leaves;
        }
        if (task.names[i / 2] >= 0) task.out[width + 2 * task.names[i / 2] + i % 2] = heat;
    }
}

extern "C" std::int64_t combust_diffusion(const Gas* gas, const Box* box, const Diffusion* task, std::int64_t threads) {
    return outcome_of([&] {
        const std::int64_t width = 1 + gas->species, count = box->dimensions > 2 ? box->n.planes : box->n.rows;
        const std::int64_t parts = std::max<std::int64_t>(1, std::min(threads, count / 2));
        const std::int64_t lines[3] = {box->n.rows, box->n.planes, box->n.planes * box->n.rows};
        Ends ends;
        const Direction* axes[3] = {&box->planes, &box->rows, &box->cells};
        for (int i = 0; i < 6; i++)
            if (axes[i / 2]->area[i % 2]) ends.sums[i].assign(lines[i / 2] * width, 0.0);
        std::vector<std::int64_t> starts;
        for (std::int64_t i = 0; i <= parts; i++) starts.push_back(count * i / parts);
        std::vector<Cut> cuts;
        for (std::int64_t i = 1; i < parts; i++) cuts.push_back(cut_at(task->given.q, *box, width, starts[i]));
        std::vector<std::unique_ptr<Portion>> workers;
        for (std::int64_t i = 0; i < parts; i++) workers.emplace_back(new Portion(*gas, *box, *task, ends));
        std::atomic<std::int64_t> next{0};
        in_threads(parts, [&](std::int64_t) {
            for (std::int64_t i = next++; i < parts; i = next++)
                workers[i]->run(starts[i], starts[i + 1], i ? &cuts[i - 1].below : nullptr,
                                i + 1 < parts ? &cuts[i].above : nullptr);
        });
        add_ends(ends, *task, width);
    });
}
