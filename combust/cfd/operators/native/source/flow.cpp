// What Python calls of the operators of a flow: one translation unit of all headers.

#include "stages.h"
