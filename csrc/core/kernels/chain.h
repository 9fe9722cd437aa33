// Ops that follow each other element by element, in one pass over memory.
#pragma once
#include "core/kernels/norm.h"
#include "core/kernels/pointwise.h"

namespace flambeau {

// One op of a chain, on float32. All of its operands and its result lie alike.
struct ChainStep {
  struct Input {
    int step = -1;                // the result of an earlier step, or
    const float* base = nullptr;  // memory, or
    float value = 0;              // one number
    bool is_number() const { return step < 0 && !base; }
  };
  TileFn tile = nullptr;
  const double* params = nullptr;
  int inputs = 0;
  Input in[kMaxOperands];
  // Instead of a tile: (x - mean) * scale + shift with numbers of each channel. Without a tile and this, the result is
  // in `out` already.
  const float *mean = nullptr, *scale = nullptr, *shift = nullptr;
  float* out = nullptr;  // null: nobody wants it but later steps
};

inline constexpr int kMaxChainSteps = 16, kMaxChainNumbers = 16;

struct Chain {
  const ChainStep* steps = nullptr;
  int count = 0;
  int64_t size = 0;
  // Elements are (batch, channels, inner), or (batch, inner, channels) in the order of memory.
  int64_t channels = 1, inner = 1;
  bool channels_last = false;
};

struct ChainKernels {
  void (*run)(const Chain& chain) = nullptr;
  // What batch norm with given statistics subtracts, multiplies by and adds, channel by channel.
  void (*norm_factors)(const BatchNormArgs& args, float* mean, float* scale, float* shift) = nullptr;
};

}  // namespace flambeau
