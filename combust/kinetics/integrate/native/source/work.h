// Arrays that one thread works in, each a row of lanes per species, reaction or entry.
#pragma once

#include <cstdlib>
#include <new>

#include "lanes.h"
#include "tables.h"

struct Rows {
    V* at = nullptr;
    explicit Rows(std::size_t count) : at(static_cast<V*>(std::aligned_alloc(sizeof(V), sizeof(V) * (count ? count : 1)))) {
        if (!at) throw std::bad_alloc();
    }
    ~Rows() { std::free(at); }
    Rows(const Rows&) = delete;
    Rows& operator=(const Rows&) = delete;
    V& operator[](std::size_t i) { return at[i]; }
    const V& operator[](std::size_t i) const { return at[i]; }
};

struct Work {
    // thermodynamics of the species
    Rows cp_R, h_RT, cp_R_dT, energy, capacity;
    // tables that rates of progress are products of: concentrations, activities, inverse activity coefficients, each
    // followed by a row of ones, the non-integer powers and their slopes
    Rows C, activity, inverse, coefficient;
    // rate constants before A and falloff, their slopes by T and by ln p; third bodies and falloff factors
    Rows constant, slope, by_ln_p, factor, factor_dM, factor_dT, broadening, nodes, node_slopes;
    // what comes of them
    Rows progress, progress_dT, partial;  // of each reaction, and its derivatives by concentrations
    Rows omega, omega_dT, common;
    Rows entries;  // of the matrix, see matrix.h

    explicit Work(const Mechanism& m)
        : cp_R(m[species]), h_RT(m[species]), cp_R_dT(m[species]), energy(m[species]), capacity(m[species]),
          C(m[table_rows]), activity(m[table_rows]), inverse(m[table_rows]), coefficient(m[species]),
          constant(m[exponents]), slope(m[exponents]), by_ln_p(m[exponents]),
          factor(m[factors]), factor_dM(m[factors]), factor_dT(m[factors]), broadening(4 * m[falloff]),
          nodes(m[plog_terms] + m[plog_sums]), node_slopes(m[plog_terms] + m[plog_sums]),
          progress(m[reactions]), progress_dT(m[reactions]), partial(m[partials]),
          omega(m[species]), omega_dT(m[species]), common(m[species]),
          entries(m[matrix_entries]) {}
};
