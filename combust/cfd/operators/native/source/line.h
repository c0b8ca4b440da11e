// Rows of padded cells side by side with what fluxes take of them, and the fluxes between two such rows.
#pragma once

#include <type_traits>

#include "tile.h"

constexpr int EDGE = LANES;             // numbers before the first cell of a line: its neighbour is the last of them
constexpr int WIDTH = TILE + 2 * EDGE;  // of a row of a line: cells -EDGE .. TILE + EDGE - 1

// Fields with ghosts, from their first owned cell on; thermal diffusion only where a gas has it.
struct Padded {
    Field q, mole_diffusivity, conductivity, thermal_diffusion;
};

// Cells -1 .. cells of a part of a row: T, conductivity, sum of Y/W, then Y, mole and thermal diffusivities by species.
struct Line {
    double *T, *conductivity, *total, *Y, *B, *D;

    Line(double* at, std::int64_t species)
        : T(at + EDGE), conductivity(T + WIDTH), total(T + 2 * WIDTH), Y(T + 3 * WIDTH), B(Y + species * WIDTH),
          D(B + species * WIDTH) {}
    static std::int64_t rows(std::int64_t species) { return 3 + 3 * species; }
};

// A copy of cells -1 .. cells from rows that lie `apart`, `then` is read next; behind these cells the last one again.
static inline void take(double* to, const double* from, std::int64_t apart, std::int64_t rows, int cells, const double* then) {
    for (std::int64_t k = 0; k < rows; k++) {
        double* row = to + k * WIDTH;
        const double *at = from + k * apart, *next = k + 1 < rows ? at + apart : then;
        row[-1] = at[-1], row[cells] = at[cells];
        for (int c = 0; c < cells; c += LANES) {
            fetch(next + c);
            store_part(row + c, load_part(at + c, cells - c), cells - c);
        }
        for (int c = cells + 1; c <= cells + 1 || c % LANES; c++) row[c] = row[cells];
    }
}

static inline void add_up(const Gas& gas, Line& line, int cells) {
    for (int c = -LANES; c <= cells; c += LANES) {
        V total = {};
        for (std::int64_t k = 0; k < gas.species; k++) total += load(line.Y + k * WIDTH + c) * gas.r_molar_mass[k];
        store(line.total + c, total);
    }
}

// Rows of species that lie so far apart.
struct Soon {
    const double* at;
    std::int64_t apart;
};

// Fluxes of (rho h, rho Y), in rows that lie `apart`, at the faces between cells c + shift of `left` and c of `right`.
// soon : rows that are read after this, of which memory is asked meanwhile; weight, slope : of the right cell, and the inverse distance, for each face, or (`one`) one number for all.
// The formulas are those of scalars.diffusive_flux, with
// X_right - X_left = ((Y_right - Y_left) total_left - Y_left (total_right - total_left)) / (W total_left total_right).
template <bool one, bool thermal>
void fluxes(const Gas& gas, const Line& left, int shift, const Line& right, const double* weight, const double* slope,
            double* flux, std::int64_t apart, int faces, Soon soon) {
    for (int c = 0; c < faces; c += LANES) {
        const int l = c + shift;
        const V w = one ? all(*weight) : load(weight + c), per_distance = one ? all(*slope) : load(slope + c);
        const V T = load(left.T + l), step_T = load(right.T + c) - T;
        const V face_T = T + w * step_T, slope_T = step_T * per_distance;
        const V total = load(left.total + l), other = load(right.total + c), step_total = other - total;
        const V scale = per_distance / (total * other);
        double* at = flux + c;
        V sum = {};
        for (std::int64_t k = 0, i = 0; k < gas.species; k++, i += WIDTH) {
            fetch(soon.at + k * soon.apart + c);
            const V Y = load(left.Y + i + l), B = load(left.B + i + l);
            const V step_X = ((load(right.Y + i + c) - Y) * total - Y * step_total) * gas.r_molar_mass[k];
            V j = (B + w * (load(right.B + i + c) - B)) * -step_X * scale;
            if (thermal) {
                const V D = load(left.D + i + l);
                j -= (D + w * (load(right.D + i + c) - D)) * slope_T;
            }
            store(at + (k + 1) * apart, j);
            sum += j;
        }
        const Range range(gas, face_T);
        Powers powers;
        const auto corrected = [&](auto mixed) {
            for (std::int64_t k = 0, i = 0; k < gas.species; k++, i += WIDTH) {
                const V Y = load(left.Y + i + l);
                const V j = load(at + (k + 1) * apart) - (Y + w * (load(right.Y + i + c) - Y)) * sum;
                store(at + (k + 1) * apart, j);
                add<mixed.value>(powers, gas, range, k, face_T, j);
            }
        };
        if (range.row)
            corrected(std::false_type{});
        else
            corrected(std::true_type{});
        const V lambda = load(left.conductivity + l);
        const V conducted = (lambda + w * (load(right.conductivity + c) - lambda)) * slope_T;
        store(at, powers.enthalpy(face_T) - conducted);
    }
}
