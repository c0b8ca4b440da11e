// What Python calls.

#include <atomic>
#include <memory>
#include <vector>

#include "corrected.h"
#include "few.h"
#include "slow.h"
#include "threads.h"

struct Records {
    std::vector<double> values;
};

extern "C" {

// Integrates all cells of a job; `out` is what was recorded, to be read by `recorded` and given back by `forget`.
std::int64_t combust_integrate(const Mechanism* m, const Method* method, const Rules* rules, const Job* job, Records** out) {
    *out = nullptr;
    return outcome_of([&] {
        Shared shared;
        std::vector<std::unique_ptr<Stepper>> steppers;
        for (int i = 0; i < job->threads; i++) steppers.emplace_back(new Stepper(*m, *method, *rules, *job, shared));
        in_threads(job->threads, [&](int i) {
            try {
                steppers[i]->run(i == 0);
            } catch (...) {
                shared.stop = true;
                throw;
            }
        });
        if (!job->watched) return;
        auto records = std::make_unique<Records>();
        for (auto& stepper : steppers)
            records->values.insert(records->values.end(), stepper->record.begin(), stepper->record.end());
        *out = records.release();
    });
}

std::int64_t combust_recorded(const Records* records, const double** values) {
    *values = records->values.data();
    return static_cast<std::int64_t>(records->values.size());
}

void combust_forget(Records* records) { delete records; }

// dz/dt (1 + species, cells).
std::int64_t combust_rates(const Mechanism* mechanism, std::int64_t hold, std::int64_t cells, std::int64_t threads,
                           const double* z, const double* s, const double* held, const std::int32_t* member, double* f) {
    const Mechanism& m = *mechanism;
    const int n = m[species];
    std::atomic<std::int64_t> next{0};
    const auto work = [&](int) {
        Work w(m);
        Rows state(n + 1), source(n + 1), result(n + 1);
        std::int32_t of[LANES];
        V kept = all(1.0);
        for (std::int64_t c = LANES * next++; c < cells; c = LANES * next++) {
            const std::int64_t last = cells - 1;
            for (int i = 0; i < LANES; i++) {
                const std::int64_t from = c + i < last ? c + i : last;
                for (int k = 0; k <= n; k++) state[k][i] = z[k * cells + from], source[k][i] = s ? s[k * cells + from] : 0.0;
                if (held) kept[i] = held[from];
                of[i] = member ? member[from] : 0;
            }
            rate(m, w, static_cast<Hold>(hold), state.at, source.at, kept, member ? of : nullptr, result.at);
            for (int i = 0; i < LANES && c + i < cells; i++)
                for (int k = 0; k <= n; k++) f[k * cells + c + i] = result[k][i];
        }
    };
    return outcome_of([&] { in_threads(threads, work); });
}

// x (1 + species, cells) with (shift - J) x = b at the states z, and the sign of the determinant (cells).
std::int64_t combust_solve(const Mechanism* mechanism, std::int64_t hold, std::int64_t cells, const double* z,
                           const double* s, const double* held, const double* shift, const double* b, double* x_out,
                           double* sign_out) {
    const Mechanism& m = *mechanism;
    const int n = m[species];
    const auto work = [&] {
        Work w(m);
        Rows state(n + 1), source(n + 1), f(n + 1), chemical(n + 1), x(n + 2);
        for (std::int64_t c = 0; c < cells; c += LANES) {
            V kept = all(1.0), size = all(1.0);
            for (int i = 0; i < LANES; i++) {
                const std::int64_t from = c + i < cells ? c + i : cells - 1;
                for (int k = 0; k <= n; k++) state[k][i] = z[k * cells + from], source[k][i] = s[k * cells + from];
                if (held) kept[i] = held[from];
                size[i] = shift[from];
                for (int j = 0; j < n; j++) x[j][i] = b[(1 + m[unknown_species][j]) * cells + from];
                x[n][i] = 0.0;
                x[n + 1][i] = b[from];
            }
            linearise(m, w, static_cast<Hold>(hold), state.at, source.at, kept, nullptr, size, f.at, chemical.at);
            const V sign = factorise(m, w.entries.at);
            solve(m, w.entries.at, x.at);
            for (int i = 0; i < LANES && c + i < cells; i++) {
                for (int j = 0; j < n; j++) x_out[(1 + m[unknown_species][j]) * cells + c + i] = x[j][i];
                x_out[c + i] = x[n + 1][i];
                sign_out[c + i] = sign[i];
            }
        }
    };
    return outcome_of(work);
}

// dz/dt without sources (1 + species, cells) and its Jacobian with sources (1 + species, 1 + species, cells).
std::int64_t combust_linearise(const Mechanism* mechanism, std::int64_t hold, std::int64_t cells, std::int64_t threads,
                               const double* z, const double* s, const double* held, const std::int32_t* member,
                               double* chemical, double* jacobian) {
    const Mechanism& m = *mechanism;
    const int n = m[species];
    std::atomic<std::int64_t> next{0};
    const auto work = [&](int) {
        Work w(m);
        Rows state(n + 1), source(n + 1), f(n + 1), own(n + 1), row(n + 2);
        std::int32_t of[LANES];
        V kept = all(1.0);
        for (std::int64_t c = LANES * next++; c < cells; c = LANES * next++) {
            for (int i = 0; i < LANES; i++) {
                const std::int64_t from = c + i < cells ? c + i : cells - 1;
                for (int k = 0; k <= n; k++) state[k][i] = z[k * cells + from], source[k][i] = s ? s[k * cells + from] : 0.0;
                if (held) kept[i] = held[from];
                of[i] = member ? member[from] : 0;
            }
            linearise(m, w, static_cast<Hold>(hold), state.at, source.at, kept, member ? of : nullptr, V{}, f.at, own.at);
            for (int k = 0; k <= n; k++) {
                jacobian_row(m, w.entries.at, k, row.at);
                for (int i = 0; i < LANES && c + i < cells; i++) {
                    chemical[k * cells + c + i] = own[k][i];
                    for (int j = 0; j <= n; j++) jacobian[(k * (n + 1) + j) * cells + c + i] = row[j][i];
                }
            }
        }
    };
    return outcome_of([&] { in_threads(threads, work); });
}

// See shared.h and corrected.h.
std::int64_t combust_slow(const Mechanism* m, const Limits* limits, const Cells* cells, std::int64_t whole, double* end,
                          double* error) {
    return outcome_of([&] { slow_steps(*m, *limits, *cells, whole, end, error); });
}

std::int64_t combust_respond(const Mechanism* m, const Limits* limits, const Cells* cells, double* end, double* size) {
    return outcome_of([&] { responses(*m, *limits, *cells, end, size); });
}

std::int64_t combust_correct(const Mechanism* m, const Limits* limits, const Rule* rule, const Cells* cells,
                             const double* guess, const std::uint8_t* begun, double* end, double* error, double* grown,
                             std::uint8_t* sound) {
    return outcome_of([&] { corrected_steps(*m, *limits, *rule, *cells, guess, begun, end, error, grown, sound); });
}

std::int64_t combust_nearest(std::int64_t size, std::int64_t count, std::int64_t cells, std::int64_t threads,
                             const double* places, const double* scale, const double* z, std::int64_t* nearest) {
    return outcome_of([&] { nearest_states(size, count, cells, threads, places, scale, z, nearest); });
}

// A few reactors to their ends; ELSE where the usual way must take them, as something is not as usual.
std::int64_t combust_few(const Mechanism* m, const Method* method, const Rules* rules, Few* few, const Job* told) {
    bool done = false;
    const std::int64_t outcome = outcome_of([&] { done = FewReactors(*m, *method, *rules, *few, *told).run(); });
    return outcome == DONE && !done ? ELSE : outcome;
}

std::int64_t combust_slow_steps(const Mechanism* m, const Slow* job) { return tolerated_steps(*m, *job); }
std::int64_t combust_slow_changes(const Mechanism* m, const Slow* job) { return tolerated_changes(*m, *job); }
std::int64_t combust_chemical_changes(const Mechanism* m, const Slow* job) { return chemical_changes(*m, *job); }
}
