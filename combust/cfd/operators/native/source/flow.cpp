// What Python calls of the operators of a flow: one translation unit of all headers.

#include "advection.h"
#include "coefficients.h"
#include "diffusion.h"
#include "stages.h"
