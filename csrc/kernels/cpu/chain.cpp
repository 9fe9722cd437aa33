// Chains run piece by piece: what a step makes is in the first-level cache when the next one reads it.
#include "kernels/cpu/chain.h"

#include <algorithm>
#include <cmath>

#include "core/threads.h"
#include "kernels/cpu/register.h"

namespace flambeau::cpu::FL_ISA {

namespace {

constexpr int64_t kPiece = 1024, kGrain = 32 * kPiece;

// The results that nobody else wants, and numbers written out.
struct Rooms {
  alignas(64) float step[kMaxChainSteps][kPiece];
  alignas(64) float number[kMaxChainNumbers][kPiece];

  Rooms(const Chain& chain, int64_t n) {
    float* to = number[0];
    for (int k = 0; k < chain.count; ++k)
      for (int i = 0; i < chain.steps[k].inputs; ++i)
        if (chain.steps[k].in[i].is_number()) {
          std::fill_n(to, std::min(n, kPiece), chain.steps[k].in[i].value);
          to += kPiece;
        }
  }
};

// The same order of operations as batch norm's own loops.
void normalize(const Chain& chain, const ChainStep& s, const float* x, float* y, int64_t at, int64_t n) {
  const int64_t run = chain.channels_last ? chain.channels : chain.inner;
  int64_t line = at / run, begin = at % run;  // runs of all channels, or of one
  for (; n > 0; ++line, begin = 0) {
    const int64_t length = std::min(n, run - begin);
    if (chain.channels_last) {
      const float *mean = s.mean + begin, *scale = s.scale + begin, *shift = s.shift + begin;
      for (int64_t i = 0; i < length; ++i) y[i] = (x[i] - mean[i]) * scale[i] + shift[i];
    } else {
      const int64_t c = line % chain.channels;
      const float mean = s.mean[c], scale = s.scale[c], shift = s.shift[c];
      for (int64_t i = 0; i < length; ++i) y[i] = (x[i] - mean) * scale + shift;
    }
    x += length, y += length, n -= length;
  }
}

// n <= kPiece elements from `at` on.
void run_piece(const Chain& chain, int64_t at, int64_t n, Rooms& rooms) {
  float* result[kMaxChainSteps];
  const float* number = rooms.number[0];
  for (int k = 0; k < chain.count; ++k) {
    const ChainStep& s = chain.steps[k];
    result[k] = s.out ? s.out + at : rooms.step[k];
    if (s.inputs == 0) continue;
    const void* in[kMaxOperands];
    for (int i = 0; i < s.inputs; ++i) {
      const ChainStep::Input& from = s.in[i];
      if (from.is_number()) {
        in[i] = number;
        number += kPiece;
      } else {
        in[i] = from.step >= 0 ? result[from.step] : from.base + at;
      }
    }
    if (s.tile)
      s.tile(result[k], in, s.params, n);
    else
      normalize(chain, s, static_cast<const float*>(in[0]), result[k], at, n);
  }
}

// One op on memory alone needs no pieces.
bool runs_whole(const ChainStep& s) {
  return s.tile && std::all_of(s.in, s.in + s.inputs, [](const ChainStep::Input& in) { return in.base; });
}

void norm_factors(const BatchNormArgs& a, float* mean, float* scale, float* shift) {
  for (int64_t c = 0; c < a.channels; ++c) {
    const float rstd = float(1 / std::sqrt(double(static_cast<const float*>(a.var)[c]) + a.eps));
    mean[c] = static_cast<const float*>(a.mean)[c];
    scale[c] = a.weight ? rstd * static_cast<const float*>(a.weight)[c] : rstd;
    shift[c] = a.bias ? static_cast<const float*>(a.bias)[c] : 0.0f;
  }
}

void run_chain(const Chain& chain) {
  parallel_for(chain.size, kGrain, [&](int64_t begin, int64_t end) { run_part(chain, begin, end - begin); });
}

}  // namespace

void run_part(const Chain& chain, int64_t at, int64_t n) {
  if (chain.count == 1 && runs_whole(chain.steps[0])) {
    const ChainStep& s = chain.steps[0];
    const void* in[kMaxOperands];
    for (int i = 0; i < s.inputs; ++i) in[i] = s.in[i].base + at;
    return s.tile(s.out + at, in, s.params, n);
  }
  Rooms rooms(chain, n);
  for (const int64_t end = at + n; at < end; at += kPiece) run_piece(chain, at, std::min(kPiece, end - at), rooms);
}

void register_chain(Kernels& kernels) { kernels.chain = {run_chain, norm_factors}; }

}  // namespace flambeau::cpu::FL_ISA
