// What the kernels know of a mechanism: names of the tables that combust.kinetics.integrate.native.tables fills.
#pragma once

#include <cstdint>

#include "fields.h"  // enum Real { ... }, enum Whole { ... }, enum Number { ... }: made of the lists in tables.py

struct Mechanism {
    const double* reals[REALS];
    const std::int32_t* wholes[WHOLES];
    std::int64_t numbers[NUMBERS];

    const double* operator[](Real name) const { return reals[name]; }
    const std::int32_t* operator[](Whole name) const { return wholes[name]; }
    int operator[](Number name) const { return static_cast<int>(numbers[name]); }
};
