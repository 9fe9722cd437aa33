#define FL_SHARD 1
#include "kernels/cpu/pointwise_loops.h"
