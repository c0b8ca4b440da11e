// Rosenbrock steps of many cells, LANES of them side by side, each with its own step size: when one arrives, the next
// cell takes its place, so that none waits for another. The rules of a step are those of
// combust.kinetics.integrate.progress.
#pragma once

#include <atomic>
#include <chrono>
#include <cmath>
#include <vector>

#include "systems.h"

struct Method {  // see combust.kinetics.integrate.rosenbrock; a, c (stages, stages), m, e, fresh (stages)
    std::int64_t stages;
    const double *a, *c, *m, *e;
    const std::int32_t* fresh;
    double gamma, error_order, rtol, atol;
};

struct Rules {  // of step sizes, see combust.kinetics.integrate.progress
    double safety, grow, shrink, again, landing, relax, min_fraction, slack;
    std::int64_t max_steps;
};

struct Job {  // arrays (1 + species, cells) and (cells); held and member may be null
    std::int64_t hold, cells, threads;
    const double *z, *s, *held, *dt, *first;
    const std::int32_t* member;
    double* end;
    std::int32_t *tries, *rejected;
    std::uint8_t* failed;
    std::int64_t watched;  // rows of z that are recorded at every state, -1 for T sum y/W; none: nothing is
    const std::int32_t* watch;
    const double *settled, *least;  // of the cells that may end early, see combust.kinetics.integrate.ending; null: none
    double part;
    void (*progress)(std::int64_t arrived);  // called by one thread now and then ...
    std::int64_t* answered;                  // ... and stops all where it does not make this 1
};

struct Shared {
    std::atomic<std::int64_t> next{0}, arrived{0};
    std::atomic<bool> stop{false};
};

class Stepper {
  public:
    Stepper(const Mechanism& m, const Method& method, const Rules& rules, const Job& job, Shared& shared)
        : m(m), method(method), rules(rules), job(job), shared(shared), n(m[species]), w(m), z(n + 1), s(n + 1), f(n + 1),
          chemical(n + 1), x(n + 2), at(n + 1), U(method.stages * (n + 1)), steepest(LANES * job.watched) {}

    std::vector<double> record;

    void run(bool reports) {
        int busy = 0;
        for (int i = 0; i < LANES; i++) busy += load(i);
        if (!busy) return;
        for (int i = 0; i < LANES; i++)
            if (cell[i] < 0) copy_lane(i);
        auto told = std::chrono::steady_clock::now();
        while (busy && !shared.stop) {
            V error, sign;
            step(error, sign);
            for (int i = 0; i < LANES; i++) {
                if (cell[i] < 0) continue;
                if (!over[i]) {
                    move(i, error[i], sign[i] < 0.0);
                    if (going(i)) continue;
                }
                store(i);
                busy -= !load(i);
            }
            if (reports && job.progress) {
                const auto now = std::chrono::steady_clock::now();
                if (now - told > std::chrono::milliseconds(200)) {
                    told = now;
                    *job.answered = 0;
                    job.progress(shared.arrived);
                    if (!*job.answered) shared.stop = true;
                }
            }
        }
    }

  private:
    const Mechanism& m;
    const Method& method;
    const Rules& rules;
    const Job& job;
    Shared& shared;
    const int n;
    Work w;
    Rows z, s, f, chemical, x, at, U;
    V held = all(1.0), h = all(1.0), end = all(1.0), elapsed = {}, cap = {};
    std::int64_t cell[LANES];  // -1: none
    std::int32_t member[LANES] = {}, tries[LANES] = {}, rejected[LANES] = {};
    bool fresh[LANES] = {}, stuck[LANES] = {}, over[LANES] = {};
    double start[LANES] = {}, hottest[LANES] = {};
    std::vector<double> steepest;  // of each lane and watched row, so far

    // The next cell of the queue; false where it is empty.
    bool load(int i) {
        const std::int64_t c = shared.next++;
        cell[i] = -1;
        if (c >= job.cells) return false;
        cell[i] = c;
        for (int k = 0; k <= n; k++) {
            z[k][i] = job.z[k * job.cells + c];
            s[k][i] = job.s[k * job.cells + c];
        }
        held[i] = job.held ? job.held[c] : 1.0;
        member[i] = job.member ? job.member[c] : 0;
        h[i] = job.first[c];
        end[i] = job.dt[c];
        elapsed[i] = 0.0;
        cap[i] = INFINITY;
        tries[i] = rejected[i] = 0;
        fresh[i] = true;
        stuck[i] = over[i] = false;
        start[i] = hottest[i] = z[0][i];
        for (int j = 0; j < job.watched; j++) steepest[i * job.watched + j] = 0.0;
        return true;
    }

    // Any cell's state for a lane that has none: what it computes is not looked at, but it should be quick.
    void copy_lane(int i) {
        for (int k = 0; k <= n; k++) z[k][i] = z[k][0], s[k][i] = s[k][0];
        held[i] = held[0];
        h[i] = h[0];
    }

    void store(int i) {
        const std::int64_t c = cell[i];
        for (int k = 0; k <= n; k++) job.end[k * job.cells + c] = z[k][i];
        job.tries[c] = tries[i];
        job.rejected[c] = rejected[i];
        job.failed[c] = stuck[i];
        shared.arrived++;
    }

    // One step of all lanes: the new states are left in `at`.
    void step(V& error, V& sign) {
        const std::int32_t *of_row = m[unknown_species], *members_of = job.member ? member : nullptr;
        const Hold hold = static_cast<Hold>(job.hold);
        const V r_h = 1.0 / h;
        linearise(m, w, hold, z.at, s.at, held, members_of, r_h * (1.0 / method.gamma), f.at, chemical.at);
        if (job.watched) show();
        sign = factorise(m, w.entries.at);
        for (int stage = 0; stage < method.stages; stage++) {
            const double *a = method.a + stage * method.stages, *c = method.c + stage * method.stages;
            if (stage && method.fresh[stage]) {
                advance(a, stage);  // rates leave the factors in w.entries alone
                rate(m, w, hold, at.at, s.at, held, members_of, f.at);
            }
            V* u = U.at + stage * (n + 1);
            for (int k = 0; k <= n; k++) u[k] = V{};
            for (int j = 0; j < stage; j++) {
                if (c[j] == 0.0) continue;
                const V weight = c[j] * r_h, *before = U.at + j * (n + 1);
                for (int k = 0; k <= n; k++) u[k] += weight * before[k];
            }
            for (int i = 0; i < n; i++) x[i] = f[1 + of_row[i]] + u[1 + of_row[i]];
            x[n] = V{};
            x[n + 1] = f[0] + u[0];
            solve(m, w.entries.at, x.at);
            for (int i = 0; i < n; i++) u[1 + of_row[i]] = x[i];
            u[0] = x[n + 1];
        }
        advance(method.m, method.stages);
        error = defect();
    }

    // at = z + sum of weights times stages
    void advance(const double* weights, int stages) {
        for (int k = 0; k <= n; k++) at[k] = z[k];
        for (int j = 0; j < stages; j++) {
            if (weights[j] == 0.0) continue;
            const V* u = U.at + j * (n + 1);
            for (int k = 0; k <= n; k++) at[k] += weights[j] * u[k];
        }
    }

    // The error estimate in tolerances: root mean square over the components, and what falls below zero.
    V defect() {
        V sum = {}, total = {}, lowest = {};
        for (int k = 1; k <= n; k++) total += z[k];
        for (int k = 0; k <= n; k++) {
            V d = {};
            for (int j = 0; j < method.stages; j++)
                if (method.e[j] != 0.0) d += method.e[j] * U[j * (n + 1) + k];
            d /= method.rtol * magnitude(z[k]) + method.atol * (k ? total : z[0]);
            sum += d * d;
        }
        V error = square_root(sum / (1.0 + n));
        if (!m[edged]) return error;
        for (int k = 1; k <= n; k++)
            lowest = larger(lowest, smaller(z[k], V{}) + smaller(h * s[k], V{}) - at[k]);
        lowest /= method.atol * total;
        return where(lowest > error, lowest, error);
    }

    void show() {
        for (int i = 0; i < LANES; i++) {
            if (cell[i] < 0 || !fresh[i]) continue;
            record.push_back(static_cast<double>(cell[i]));
            record.push_back(elapsed[i]);
            record.push_back(z[0][i]);
            bool past = job.settled != nullptr;
            for (int j = 0; j < job.watched; j++) {
                const int row = job.watch[j];
                double value = row < 0 ? 0.0 : z[row][i], slope = row < 0 ? 0.0 : chemical[row][i];
                if (row < 0) {
                    double moles = 0.0, change = 0.0;
                    for (int k = 0; k < n; k++) {
                        moles += z[1 + k][i] * m[r_molar_mass][k];
                        change += chemical[1 + k][i] * m[r_molar_mass][k];
                    }
                    value = z[0][i] * moles;
                    slope = chemical[0][i] * moles + z[0][i] * change;
                }
                record.push_back(value);
                record.push_back(slope);
                double& most = steepest[i * job.watched + j];
                most = std::fmax(most, slope);
                past = past && slope < job.part * most;
            }
            hottest[i] = std::fmax(hottest[i], z[0][i]);
            over[i] = past && nearly_settled(i);
        }
    }

    // What is left of the rise of T is a small part of what there has been: combust.kinetics.integrate.ending.
    bool nearly_settled(int i) {
        const double rise = hottest[i] - start[i], to = job.settled[cell[i]];
        return rise >= job.least[cell[i]] && to - z[0][i] < job.part * rise;
    }

    // Takes the step of a lane if its error is within the tolerance and it leaps over nothing, and chooses the next.
    void move(int i, double error, bool leaps) {
        const bool good = error <= 1.0 && !leaps;
        if (good)
            for (int k = 0; k <= n; k++) z[k][i] = at[k][i];
        const double step = h[i], whole = end[i];
        double left = good ? whole - elapsed[i] - step : whole - elapsed[i];
        if (std::fabs(left) <= 1e-12 * whole) left = 0.0;
        elapsed[i] = whole - left;
        double factor = rules.safety * std::pow(error < 1e-12 ? 1e-12 : error, -1.0 / method.error_order);
        factor = std::isnan(factor) || factor < rules.shrink ? rules.shrink : factor > rules.grow ? rules.grow : factor;
        double following = step * (good || factor < 0.9 ? factor : 0.9);
        if (!good && !fresh[i]) following = std::fmin(following, rules.again * step);
        double limit = following < cap[i] ? INFINITY : rules.relax * cap[i];
        cap[i] = leaps ? rules.landing * step : limit;
        following = std::fmin(following, cap[i]);
        h[i] = left > 0.0 ? left / std::fmax(std::ceil(left / following * rules.slack), 1.0) : step;
        fresh[i] = good;
        tries[i]++;
        rejected[i] += !good;
    }

    bool going(int i) {
        if (!(end[i] - elapsed[i] > 0.0)) return false;
        stuck[i] = tries[i] >= rules.max_steps || h[i] < rules.min_fraction * end[i];
        return !stuck[i];
    }
};
