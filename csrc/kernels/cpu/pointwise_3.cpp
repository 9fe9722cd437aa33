#define FL_SHARD 3
#include "kernels/cpu/pointwise_loops.h"
