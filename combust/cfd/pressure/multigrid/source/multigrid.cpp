// The pressure on this rank: a V-cycle in single precision that preconditions conjugate gradients in double. Levels come
// as Python made them; messages between ranks are Python's.
#include "coarse.h"
#include "cycle.h"
#include "krylov.h"

extern "C" {

void combust_pressure_taken(const Level *a, const Fine *f, double factor) { taken(*a, *f, factor); }

void combust_pressure_coarsened(const Level *a) { coarsened(a[0], a[1]); }

// Once the ghosts that ranks share are there.
void combust_pressure_ready(const Level *a) {
    for (int axis = 0; axis < 3; axis++)
        if (a->g[axis]) wrapped(*a, a->c[axis]);
    inverted(*a);
}

void combust_pressure_down(const Level *a) { down(a[0], a[1]); }

void combust_pressure_up(const Level *a) { up(a[0], a[1]); }

// The operators of all levels after the first, which no ranks share.
void combust_pressure_all_ready(const Level *a, int64_t levels) {
    combust_pressure_ready(a);
    for (int64_t l = 0; l + 1 < levels; l++) {
        coarsened(a[l], a[l + 1]);
        combust_pressure_ready(a + l + 1);
    }
}

// A cycle over levels that no ranks share.
void combust_pressure_cycle(const Level *a, int64_t levels) {
    for (int64_t l = 0; l + 1 < levels; l++) down(a[l], a[l + 1]);
    bottom(a[levels - 1]);
    for (int64_t l = levels - 2; l >= 0; l--) up(a[l], a[l + 1]);
}

void combust_pressure_applied(const Level *a, const Fine *f, const double *r, const double *s, double *w,
                              double *products) {
    applied(*a, *f, r, s, w, products);
}

void combust_pressure_advanced(const Level *a, const Level *padded, const double *numbers, const double *w, double *p,
                               double *s, double *x, double *r) {
    advanced(*a, *padded, numbers, w, p, s, x, r);
}

void combust_pressure_remaining(const Level *padded, const Fine *f, const double *load, double *x, double *r,
                                double *squares) {
    remaining(*padded, *f, load, x, r, squares);
}

void combust_pressure_given(const Level *a, double factor, const double *r) { given(*a, factor, r); }
}
