// Steps that are corrected with exact rates and shared Jacobians, as combust.surrogates.trust.corrector and router do.
#pragma once

#include "shared.h"

// What may be corrected and what is asked of it; the same fields as Rule in shared.py.
struct Rule {
    std::int64_t actives, elements, rounds;
    const std::int32_t* active;  // species that react
    const double* atoms;         // (elements, actives) kmol/kg
    const double* fourth;        // (matrices, size, 2 size), the others' are in Cells
    double defect, negative, coldest, hottest;
};

// What a correction leaves undone: of elements and energy, relative, and below zero.
struct Left {
    V defect, negative;
};

constexpr int ELEMENTS = 12, PASSES = 2, NEWTON = 5;
constexpr double TINY_PIVOT = 1e-300;

// x of (N diag(y) N^T) x = b; an element that is not there gets zero.
static inline void eliminate(const Rule& r, const V* y, V* b) {
    const int n = static_cast<int>(r.elements), count = static_cast<int>(r.actives);
    V A[ELEMENTS][ELEMENTS];
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++) {
            V sum = {};
            for (int k = 0; k < count; k++) sum += (r.atoms[i * count + k] * r.atoms[j * count + k]) * y[k];
            A[i][j] = A[j][i] = sum;
        }
    for (int i = 0; i < n; i++) {
        const V inverse = where(A[i][i] > TINY_PIVOT, 1.0 / larger(A[i][i], all(TINY_PIVOT)), V{});
        for (int row = i + 1; row < n; row++) {
            const V share = A[row][i] * inverse;
            for (int column = i; column < n; column++) A[row][column] -= share * A[i][column];
            b[row] -= share * b[i];
        }
        A[i][i] = inverse;
    }
    for (int i = n - 1; i >= 0; i--) {
        for (int column = i + 1; column < n; column++) b[i] -= A[i][column] * b[column];
        b[i] *= A[i][i];
    }
}

// y with the elements of `kept`, by factors; what elements still lack, infinite where a factor is not positive.
static inline V keep_elements(const Rule& r, const V* kept, V* y, V* factor) {
    const int n = static_cast<int>(r.elements), count = static_cast<int>(r.actives);
    V most = {}, b[ELEMENTS], lacks = {}, there = {};
    for (int k = 0; k < count; k++) factor[k] = all(1.0);
    for (int pass = 0; pass <= PASSES; pass++) {
        for (int i = 0; i < n; i++) {
            b[i] = V{};
            for (int k = 0; k < count; k++) b[i] += r.atoms[i * count + k] * (kept[k] - y[k]);
        }
        if (pass == PASSES) break;
        eliminate(r, y, b);
        for (int k = 0; k < count; k++) {
            V change = {};
            for (int i = 0; i < n; i++) change += r.atoms[i * count + k] * b[i];
            y[k] += y[k] * change;
            factor[k] *= 1.0 + change;
        }
    }
    for (int k = 0; k < count; k++) most = largest(magnitude(factor[k] - 1.0), most);
    for (int i = 0; i < n; i++) {
        V has = {};
        for (int k = 0; k < count; k++) has += r.atoms[i * count + k] * kept[k];
        lacks += magnitude(b[i]), there += magnitude(has);
    }
    return where(most < 1.0, lacks / larger(there, all(TINY_PIVOT)), all(__builtin_inf()));
}

// T at which y has the energy of `before` at T, and the error of that energy over c T.
static inline V heat(const Mechanism& m, Work& w, Hold hold, const Rule& r, const V* before, V* z) {
    V energy = {};
    const auto at = [&](V T, const V* y, V& sum) {
        thermodynamics<false, false>(m, w, T, logarithm_or_nan(T), 1.0 / T);
        V capacity = {};
        const double kept = hold == UV ? 1.0 : 0.0;
        sum = V{};
        for (int k = 0; k < m[species]; k++) {
            const double R = GAS_CONSTANT * m[r_molar_mass][k];
            sum += y[k] * ((w.h_RT[k] - kept) * R * T);
            capacity += y[k] * ((w.cp_R[k] - kept) * R);
        }
        return capacity;
    };
    V T = before[0], sum;
    at(T, before + 1, energy);
    for (int i = 0; i < NEWTON; i++) {
        const V c = at(T, z + 1, sum);
        const V next = T + (energy - sum) / c;
        T = where(next < r.coldest, all(r.coldest), where(next > r.hottest, all(r.hottest), next));
    }
    const V c = at(T, z + 1, sum);
    z[0] = T;
    return magnitude(energy - sum) / (magnitude(c) * T);
}

// z1 - change with the elements and energy of z1, and nothing that reacts below zero.
static inline Left taken_off(const Mechanism& m, Work& w, Hold hold, const Rule& r, const V* z1, const V* change, V* end,
                             V* room) {
    V *y = room, *kept = room + r.actives, *factor = room + 2 * r.actives, total = {}, negative = {};
    for (int k = 1; k <= m[species]; k++) total += z1[k], end[k] = z1[k];
    for (int i = 0; i < r.actives; i++) {
        const int k = 1 + r.active[i];
        const V wanted = z1[k] - change[k];
        kept[i] = z1[k];
        negative = largest(where(wanted < 0.0, -wanted, where(wanted == wanted, V{}, wanted)), negative);
        y[i] = where(wanted < 0.0, V{}, wanted);
    }
    const V missing = keep_elements(r, kept, y, factor);
    for (int i = 0; i < r.actives; i++) end[1 + r.active[i]] = y[i];
    return {missing + heat(m, w, hold, r, z1, end), negative / total};
}

// Steps to `guess` (1 + species, cells) corrected: their ends and errors in units of what is allowed, those of the
// species that grow, and whether elements, energy and signs are kept; begun: whether the step itself did.
static void corrected_steps(const Mechanism& m, const Limits& of, const Rule& r, const Cells& c, const double* guess,
                            const std::uint8_t* begun, double* end, double* error, double* grown, std::uint8_t* sound) {
    const Blocks blocks(c);
    const int size = m[species] + 1;
    const Hold hold = static_cast<Hold>(c.hold);
    std::atomic<std::size_t> next{0};
    in_threads(c.threads, [&](std::int64_t) {
        Work w(m);
        Rows z(size), z1(size), f(size), s(size), chemical(size), f1(size), apart(2 * size), change(size), from(size);
        Rows now(size), left(size), wrong(size), moved(size), chosen(size), off(size), room(3 * r.actives);
        std::int64_t place[LANES];
        for (std::size_t b = next++; b < blocks.parts.size(); b = next++) {
            const Blocks::Part& part = blocks.parts[b];
            const Lanes lanes(c, blocks, part, place);
            V held = all(1.0);
            lanes.read(c.z, size, z.at), lanes.read(c.chemical, size, chemical.at), lanes.read(c.source, size, s.at);
            lanes.read(guess, size, z1.at);
            if (c.held) lanes.read(c.held, 1, &held);
            if (hold == FLOW) transport(m, w, hold, z.at, s.at, f.at);
            for (int k = 0; k < size; k++) {
                f[k] = hold == FLOW ? f[k] + chemical[k] : chemical[k];
                moved[k] = z[k] + c.dt * (f[k] - chemical[k]);
                chemical[k] *= c.dt;
                from[k] = z1[k];
            }
            Mask going{};
            for (int i = 0; i < lanes.used; i++) going[i] = -1;
            for (int round = 0; round < r.rounds; round++) {
                const auto depart = [&](const V* state, V* first, V* second) {
                    rate(m, w, hold, state, s.at, held, nullptr, f1.at);
                    for (int k = 0; k < size; k++) {
                        first[k] = state[k] - z[k] - (0.5 * c.dt) * (f[k] + f1[k]);
                        if (second) second[k] = c.dt * (f1[k] - f[k]);
                    }
                };
                depart(from.at, apart.at, apart.at + size);
                times(r.fourth + part.row * size * 2 * size, size, 2 * size, apart.at, change.at);
                const Left lacks = taken_off(m, w, hold, r, from.at, change.at, now.at, room.at);
                depart(now.at, left.at, nullptr);
                times(c.matrix + part.row * size * size, size, size, left.at, wrong.at);
                V sum = {}, sum1 = {};
                for (int k = 1; k < size; k++) sum += now[k], sum1 += z1[k];
                for (int k = 0; k < size; k++) off[k] = z1[k] - now[k], apart[k] = z1[k] - z[k], left[k] = now[k] - z[k];
                const V own = misfit(m, of, z1.at, apart.at, off.at, sum1);
                const V corrected = misfit(m, of, now.at, left.at, wrong.at, sum);
                const Mask stays = (Mask)(own < corrected);
                for (int k = 0; k < size; k++) {
                    chosen[k] = where(stays, z1[k], now[k]);
                    off[k] = where(stays, off[k], wrong[k]);
                }
                const V estimate = where(stays, own, corrected);
                const V faint = growth(m, of, moved.at, chosen.at, off.at, chemical.at, where(stays, sum1, sum));
                bool again = false;
                for (int i = 0; i < lanes.used; i++) {
                    if (!going[i]) continue;
                    const std::int64_t at = lanes.at[i];
                    const bool good = begun[at] && lacks.defect[i] <= r.defect && lacks.negative[i] <= r.negative;
                    for (int k = 0; k < size; k++) end[k * c.stride + at] = chosen[k][i];
                    error[at] = estimate[i], grown[at] = faint[i], sound[at] = good;
                    going[i] = good && std::isfinite(estimate[i]) && !(estimate[i] <= 1.0 && faint[i] <= 1.0) ? -1 : 0;
                    again |= going[i] != 0;
                }
                if (!again) break;
                for (int k = 0; k < size; k++) from[k] = now[k];
            }
        }
    });
}

// The nearest of `count` reference states (size, count), in the coordinates of combust.surrogates.trust.references.
static void nearest_states(std::int64_t size, std::int64_t count, std::int64_t cells, std::int64_t threads, const double* places,
                           const double* scale, const double* z, std::int64_t* nearest) {
    std::atomic<std::int64_t> next{0};
    in_threads(threads, [&](std::int64_t) {
        Rows at(size);
        for (std::int64_t c = LANES * next++; c < cells; c = LANES * next++) {
            V sum = {}, least = all(__builtin_inf());
            Mask best = {};
            for (int k = 0; k < size; k++)
                for (int i = 0; i < LANES; i++) at[k][i] = z[k * cells + (c + i < cells ? c + i : cells - 1)];
            for (int k = 1; k < size; k++) sum += at[k];
            at[0] = at[0] / scale[0];
            for (int k = 1; k < size; k++) {
                const V y = at[k] / sum;
                at[k] = scale[2] * exponential(scale[1] * logarithm(larger(y, V{}) + scale[3]));
            }
            for (std::int64_t r = 0; r < count; r++) {
                V distance = {};
                for (int k = 0; k < size; k++) {
                    const V apart = at[k] - places[r * size + k];
                    distance += apart * apart;
                }
                const Mask closer = (Mask)(distance < least);
                least = where(closer, distance, least);
                best = closer ? Mask{} + r : best;
            }
            for (int i = 0; i < LANES && c + i < cells; i++) nearest[c + i] = best[i];
        }
    });
}
