// Entry points of kernels/cpu/random.cpp. A sampler draws from the generator in order and in small batches;
// turning words into numbers is vectorised, and the values depend on neither the batches nor the instruction set.
#pragma once
#include <cstdint>

#include "core/dtype.h"

namespace flambeau {

class Generator;

struct RandomKernels {
  // The generator itself: the next block of the state and its tempered words; the tempered words of a state.
  void (*mt19937_block)(uint32_t* state, uint32_t* out);
  void (*mt19937_temper)(const uint32_t* state, uint32_t* out);

  // Uniform in [from, to): one 24-bit draw per float, one 53-bit draw per double. A result that rounds up to
  // `to` becomes `from`.
  void (*uniform_float)(Generator&, float* out, int64_t n, float from, float to);
  void (*uniform_double)(Generator&, double* out, int64_t n, double from, double to);

  // In place on n uniforms, n a multiple of 16: each block of 16 becomes 16 normals.
  void (*normal_float)(float* data, int64_t n, float mean, float std);
  void (*normal_double)(double* data, int64_t n, double mean, double std);

  // base + draw % range: 32-bit draws for a range below 2^28, else 64-bit ones; range 0 means 2^64.
  void (*integers)(Generator&, int64_t* out, int64_t n, uint64_t range, int64_t base);
  // draw & mask for each 32-bit draw.
  void (*masked_words)(Generator&, int64_t* out, int64_t n, uint32_t mask);

  // 1 where a 53-bit draw is below p.
  void (*bernoulli)(Generator&, uint8_t* out, int64_t n, double p);
  // -log(1 - u) / rate; the float form is computed in double.
  void (*exponential_float)(Generator&, float* out, int64_t n, double rate);
  void (*exponential_double)(Generator&, double* out, int64_t n, double rate);
  // in * (mask / keep) for a floating or complex dtype.
  void (*mask_scale)(DType type, const void* in, const uint8_t* mask, void* out, int64_t n, double keep);
  // Shuffles out, which holds 0 .. n-1.
  void (*shuffle)(Generator&, int64_t* out, int64_t n);
};

}  // namespace flambeau
