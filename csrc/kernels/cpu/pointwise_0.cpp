#define FL_SHARD 0
#include "kernels/cpu/pointwise_loops.h"
