#define FL_SHARD 2
#include "kernels/cpu/pointwise_loops.h"
