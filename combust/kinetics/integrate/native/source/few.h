// A few reactors from their states to the end of their dt, in one call: the tests and steps are those of
// combust.kinetics.integrate.reactor, whose operations cost more than a step where there are so few cells.
#pragma once

#include "stepper.h"

struct Few {  // arrays (cells) and (species, cells)
    std::int64_t hold, cells;
    const double *T, *p, *Y, *dt, *heat, *feed;  // heat and feed: the sources, or null
    double low, high;                            // K, within which states are known to be fine
    double off;                                  // of sum Y from one, at most
    double slow, faint, first_change;            // see combust.kinetics.integrate.reactor
    double round_off;                            // of the sum of all atoms: changes of elements are within it
    const double* atoms;                         // per mass (elements, species)
    std::int64_t elements;
    double *T_end, *Y_end;
    std::int64_t skipped, steps, rejected;  // what it took
};

class FewReactors {
  public:
    FewReactors(const Mechanism& m, const Method& method, const Rules& rules, Few& few, Job told)
        : m(m), method(method), rules(rules), few(few), told(told), hold(static_cast<Hold>(few.hold)), n(m[species]),
          cells(few.cells), w(m), z(n + 1), s(n + 1), f(n + 1), moved(n + 1), f_moved(n + 1),
          start((n + 1) * cells), sources((n + 1) * cells), ends((n + 1) * cells), held(cells), first(cells) {}

    // False where something is not as usual: a state to be refused or warned of, a cell that does not arrive or ends
    // below zero, elements to be put right.
    bool run() {
        if (!load()) return false;
        for (std::int64_t c = 0; c < cells; c += LANES) explicit_step(c);
        if (!implicit.empty() && !(integrate() && above_zero())) return false;
        if (!elements_kept()) return false;
        for (std::int64_t c = 0; c < cells; c += LANES)
            if (!keep_energy(c)) return false;
        return true;
    }

  private:
    const Mechanism& m;
    const Method& method;
    const Rules& rules;
    Few& few;
    const Job told;  // whom to tell how many arrived
    const Hold hold;
    const int n;
    const std::int64_t cells;
    Work w;
    Rows z, s, f, moved, f_moved;
    std::vector<double> start, sources, ends, held, first;  // (1 + species, cells) and (cells)
    std::vector<std::int64_t> implicit;

    bool usual(double T) const { return T >= few.low && T <= few.high; }

    // The states, of mass fractions made to sum to one.
    bool load() {
        for (std::int64_t c = 0; c < cells; c++) {
            const double T = few.T[c], p = few.p[c], dt = few.dt[c];
            double total = 0.0, moles = 0.0;
            for (int k = 0; k < n; k++) total += few.Y[k * cells + c];
            if (!(usual(T) && p > 0.0 && std::isfinite(p) && dt > 0.0 && std::isfinite(dt) && std::fabs(total - 1.0) <= few.off))
                return false;
            start[c] = T;
            sources[c] = few.heat ? few.heat[c] : 0.0;
            bool finite = std::isfinite(sources[c]);
            for (int k = 0; k < n; k++) {
                const std::int64_t at = (1 + k) * cells + c;
                start[at] = few.Y[k * cells + c] / total;
                sources[at] = few.feed ? few.feed[k * cells + c] : 0.0;
                moles += start[at] * m[r_molar_mass][k];
                finite = finite && std::isfinite(sources[at]);
            }
            if (!finite) return false;
            held[c] = hold == UV ? p / (GAS_CONSTANT * T * moles) : p;
        }
        return true;
    }

    // What several cells from `from` on hold; lanes beyond the last cell repeat it.
    V lanes_of(const double* values, std::int64_t from) const {
        V x;
        for (int i = 0; i < LANES; i++) x[i] = values[from + i < cells ? from + i : cells - 1];
        return x;
    }

    void load_lanes(const std::vector<double>& values, Rows& rows, std::int64_t from) const {
        for (int k = 0; k <= n; k++) rows[k] = lanes_of(values.data() + k * cells, from);
    }

    // Root mean square of by * change over the tolerance at z.
    V size(V by, const Rows& change, V total) {
        V sum = {};
        for (int k = 0; k <= n; k++) {
            const V d = by * change[k] / scale(k, total);
            sum += d * d;
        }
        return square_root(sum / (1.0 + n));
    }

    V scale(int k, V total) const { return method.rtol * magnitude(z[k]) + method.atol * (k ? total : z[0]); }

    // Heun's step where it will do; the others are noted, with their first steps.
    void explicit_step(std::int64_t from) {
        load_lanes(start, z, from);
        load_lanes(sources, s, from);
        const V dt = lanes_of(few.dt, from), kept = lanes_of(held.data(), from);
        rate(m, w, hold, z.at, s.at, kept, nullptr, f.at);
        V total = {};
        for (int k = 1; k <= n; k++) total += z[k];
        const V change = size(dt, f, total);
        Mask slow = change <= few.slow;
        if (any(slow)) {
            for (int k = 0; k <= n; k++) moved[k] = z[k] + dt * f[k];
            rate(m, w, hold, moved.at, s.at, kept, nullptr, f_moved.at);
            Mask grows = {};
            for (int k = 0; k <= n; k++) {
                grows |= (f_moved[k] > 2.0 * magnitude(f[k])) & (dt * f_moved[k] > few.faint * scale(k, total));
                moved[k] = z[k] + 0.5 * dt * (f[k] + f_moved[k]);
                f_moved[k] -= f[k];
            }
            slow &= (size(0.5 * dt, f_moved, total) <= 0.5) & ~grows;
        }
        for (int i = 0; i < LANES && from + i < cells; i++) {
            const std::int64_t c = from + i;
            if (slow[i]) {
                few.skipped++;
                for (int k = 0; k <= n; k++) ends[k * cells + c] = moved[k][i];
            } else {
                implicit.push_back(c);
                first[c] = few.dt[c] / std::fmax(change[i] / few.first_change, 1.0);
            }
        }
    }

    static bool any(Mask x) {
        bool found = false;
        for (int i = 0; i < LANES; i++) found = found || x[i];
        return found;
    }

    std::vector<double> chosen(const double* values, int rows) const {
        std::vector<double> some;
        for (int k = 0; k < rows; k++)
            for (const std::int64_t c : implicit) some.push_back(values[k * cells + c]);
        return some;
    }

    bool integrate() {
        const std::int64_t count = static_cast<std::int64_t>(implicit.size());
        const auto from = chosen(start.data(), n + 1), by = chosen(sources.data(), n + 1);
        const auto kept = chosen(held.data(), 1), over = chosen(few.dt, 1), steps = chosen(first.data(), 1);
        std::vector<double> to((n + 1) * count);
        std::vector<std::int32_t> tries(count), rejected(count);
        std::vector<std::uint8_t> failed(count);
        Job job = told;
        job.hold = few.hold, job.cells = count, job.threads = 1, job.z = from.data(), job.s = by.data();
        job.held = kept.data(), job.dt = over.data(), job.first = steps.data(), job.end = to.data();
        job.tries = tries.data(), job.rejected = rejected.data(), job.failed = failed.data();
        Shared shared;
        Stepper(m, method, rules, job, shared).run(true);
        if (shared.stop) return false;
        for (std::int64_t i = 0; i < count; i++) {
            if (failed[i]) return false;
            few.steps += tries[i] - rejected[i];
            few.rejected += rejected[i];
            for (int k = 0; k <= n; k++) ends[k * cells + implicit[i]] = to[k * count + i];
        }
        return true;
    }

    // What combust.kinetics.integrate.tighter integrates once more is not there.
    bool above_zero() const {
        for (const std::int64_t c : implicit)
            for (int k = 1; k <= n; k++) {
                const std::int64_t at = k * cells + c;
                const double lowest = std::fmin(start[at], 0.0) + std::fmin(few.dt[c] * sources[at], 0.0) - method.atol;
                if (!(ends[at] >= lowest)) return false;
            }
        return true;
    }

    // What combust.kinetics.integrate.conserved puts right is not there.
    bool elements_kept() const {
        for (std::int64_t c = 0; c < cells; c++) {
            double worst = 0.0, all_atoms = 0.0;
            for (std::int64_t e = 0; e < few.elements; e++) {
                double lost = 0.0;
                for (int k = 0; k < n; k++) {
                    const std::int64_t at = (1 + k) * cells + c;
                    const double atoms = few.atoms[e * n + k];
                    lost += atoms * (start[at] + few.dt[c] * sources[at] - ends[at]);
                    all_atoms += atoms * ends[at];
                }
                worst = std::fmax(worst, std::fabs(lost));
            }
            if (!(worst <= few.round_off * all_atoms)) return false;
        }
        return true;
    }

    // The ends, with T from the energy that the sources leave, by two of Newton's steps.
    bool keep_energy(std::int64_t from) {
        load_lanes(start, z, from);
        V energy = lanes_of(sources.data(), from) * lanes_of(few.dt, from);
        energies_at(z[0]);
        for (int k = 0; k < n; k++) energy += z[1 + k] * w.energy[k];
        load_lanes(ends, z, from);
        V T = z[0];
        for (int step = 0; step < 2; step++) {
            const V capacity = energies_at(T);
            V missing = energy;
            for (int k = 0; k < n; k++) missing -= z[1 + k] * w.energy[k];
            T += missing / capacity;
        }
        for (int i = 0; i < LANES && from + i < cells; i++) {
            if (!usual(T[i])) return false;
            few.T_end[from + i] = T[i];
            for (int k = 0; k < n; k++) few.Y_end[k * cells + from + i] = z[1 + k][i];
        }
        return true;
    }

    // e_k in w.energy at T; returns the heat capacity of z.
    V energies_at(V T) {
        thermodynamics<false>(m, w, T, logarithm_or_nan(T), 1.0 / T);
        z[0] = T;
        return energies(m, w, hold, z.at);
    }
};
