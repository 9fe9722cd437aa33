// What the convolution kernels share: vectors, the plan that turns forward and input gradient into the same loops,
// weight packing and the padded copy of the input.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/kernels/conv.h"
#include "core/threads.h"
#include "kernels/cpu/microkernel.h"
#include "kernels/cpu/transpose.h"

namespace flambeau::cpu::FL_ISA {

constexpr int kChannelRows = kVectorBytes == 64 ? 8 : 4;  // result channels per tile where vectors run along pixels
constexpr int kPixelRows = kVectorBytes == 64 ? 14 : 6;   // pixels per tile where vectors run along result channels

template <class T>
inline Vector<T> broadcast(T value) {
  return value - Vector<T>{};
}

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

enum ScratchSlot { kPackedWeights = 8, kPaddedInput, kTileResult, kPartialSums, kPackedGrad, kWholeInput, kProducts };
enum HalfScratchSlot { kHalfX = 16, kHalfY, kHalfWeights, kHalfBias };

template <class T>
T* conv_scratch(int slot, int64_t count) {
  return static_cast<T*>(scratch(slot, count * static_cast<int64_t>(sizeof(T))));
}

// Along one axis the result position start + step * q (q in [0, count)) is the sum over the listed taps t of
// w[tap[t]] * source[pace * q + offset[t] - lo], where the source reads as zero outside [0, size).
struct AxisJob {
  int64_t count = 0, start = 0, step = 1;
  std::vector<int64_t> tap, offset;
};
struct Axis {
  int64_t size = 1, lo = 0, pace = 1, result = 1;
  std::vector<AxisJob> jobs;  // forward: one; input gradient: one per remainder modulo the stride
};

// Forward or input gradient as sums over shifted sources.
struct ConvPlan {
  int64_t n, groups, cin, cout;  // channels per group, of the source and of the result
  Axis axis[3];
  int64_t w_out, w_in, w_tap[3], w_group;  // strides of w seen from the result's side
  bool channels_last;
  Packing* packing;     // of w
  const Chain* then;    // what is done to results, or null
  int64_t then_at = 0;  // where this plan's results begin in the chain's memory
  int64_t source_spatial() const { return axis[0].size * axis[1].size * axis[2].size; }
  int64_t result_spatial() const { return axis[0].result * axis[1].result * axis[2].result; }
};

ConvPlan forward_plan(const ConvArgs& args);
ConvPlan input_grad_plan(const ConvArgs& args);

inline int64_t max_offset(const AxisJob& job) {
  return job.offset.empty() ? 0 : *std::max_element(job.offset.begin(), job.offset.end());
}

// Source positions origin .. origin + extent, zero outside the source.
struct Window {
  int64_t origin[3], extent[3];
};

// to (extent..., channels of one group) = a window of one image's group, whatever the layout. `turned` is scratch of
// source_spatial * cin floats (channels-first only).
void copy_window_pixels(const ConvPlan& plan, const Window& window, const float* source, int64_t image, int64_t group,
                        float* turned, float* to);

// Is every result one sum over the same taps?
inline bool has_one_job(const ConvPlan& plan) {
  for (const Axis& axis : plan.axis) {
    if (axis.jobs.size() != 1) return false;
    const AxisJob& job = axis.jobs[0];
    if (job.tap.empty() || job.start != 0 || job.step != 1 || job.count != axis.result) return false;
  }
  return true;
}

// What comes after the convolution, for pixels [p0, p1) of some channels of one image.
void finish_results(const ConvPlan& plan, int64_t image, int64_t channel, int64_t channels, int64_t p0, int64_t p1);

// The loops that pack weights, each in its own way.
enum class PackedAs { kWinograd, kPixelsLast, kProductRows, kProductPanels, kColumns, kChannelsFirst, kPairs };

// Room for packed weights, for `count` values. It holds them already, from an earlier call, if it is `ready`.
void* packed_weights(const ConvPlan& plan, PackedAs form, int64_t bytes, bool& ready);
template <class T>
T* packed_weights(const ConvPlan& plan, PackedAs form, int64_t count, bool& ready) {
  return static_cast<T*>(packed_weights(plan, form, count * int64_t(sizeof(T)), ready));
}

bool conv_is_product(const ConvPlan& plan);
void conv_product_f32(const ConvPlan& plan, const float* source, const float* w, const float* bias, float* result);

// Few pixels and many weights: the weight gradient as one product over the pixels of many images.
bool weight_grad_is_product(const ConvArgs& args);
void conv_product_weight_grad_f32(const ConvArgs& args);

// Winograd's minimal filtering for dense 3 x 3 kernels of stride 1: F(2 x 2, 3 x 3), 2.25 times fewer multiplications
// and, measured, the same rounding error as the direct sums (below 1e-6 of the largest value for 64 to 512 channels).
bool winograd_applies(const ConvPlan& plan);
void conv_winograd_f32(const ConvPlan& plan, const float* source, const float* w, const float* bias, float* result);
void conv_winograd_weight_grad_f32(const ConvArgs& args);

// to (extent..., channels) = a window of from, whose pixels lie `pixel_stride` apart.
template <class T>
void copy_window_last(const ConvPlan& plan, const Window& window, int64_t channels, const T* from, int64_t pixel_stride,
                      T* to) {
  const Axis* axis = plan.axis;
  const int64_t* e = window.extent;
  const int64_t c = channels, x0 = window.origin[2];
  const int64_t begin = std::clamp<int64_t>(-x0, 0, e[2]), end = std::clamp<int64_t>(axis[2].size - x0, begin, e[2]);
  for (int64_t b0 = 0; b0 < e[0]; ++b0)
    for (int64_t b1 = 0; b1 < e[1]; ++b1, to += e[2] * c) {
      const int64_t at0 = b0 + window.origin[0], at1 = b1 + window.origin[1];
      if (at0 < 0 || at0 >= axis[0].size || at1 < 0 || at1 >= axis[1].size) {
        std::memset(to, 0, e[2] * c * sizeof(T));
        continue;
      }
      const T* row = from + ((at0 * axis[1].size + at1) * axis[2].size + x0) * pixel_stride;
      std::memset(to, 0, begin * c * sizeof(T));
      if (pixel_stride == c) {
        std::memcpy(to + begin * c, row + begin * c, (end - begin) * c * sizeof(T));
      } else {
        for (int64_t b = begin; b < end; ++b) std::memcpy(to + b * c, row + b * pixel_stride, c * sizeof(T));
      }
      std::memset(to + end * c, 0, (e[2] - end) * c * sizeof(T));
    }
}

// to (channels, extent...), channels `channel_stride` apart.
template <class T>
void copy_window_first(const ConvPlan& plan, const Window& window, int64_t channels, const T* from, T* to,
                       int64_t channel_stride) {
  const Axis* axis = plan.axis;
  const int64_t* e = window.extent;
  const int64_t x0 = window.origin[2];
  const int64_t begin = std::clamp<int64_t>(-x0, 0, e[2]), end = std::clamp<int64_t>(axis[2].size - x0, begin, e[2]);
  for (int64_t c = 0; c < channels; ++c, from += plan.source_spatial()) {
    T* out = to + c * channel_stride;
    for (int64_t b0 = 0; b0 < e[0]; ++b0)
      for (int64_t b1 = 0; b1 < e[1]; ++b1, out += e[2]) {
        const int64_t at0 = b0 + window.origin[0], at1 = b1 + window.origin[1];
        const bool inside = at0 >= 0 && at0 < axis[0].size && at1 >= 0 && at1 < axis[1].size;
        const T* row = from + (at0 * axis[1].size + at1) * axis[2].size + x0;
        int64_t b = 0;
        for (; b < (inside ? begin : e[2]); ++b) out[b] = T(0);
        for (; inside && b < end; ++b) out[b] = row[b];
        for (; b < e[2]; ++b) out[b] = T(0);
      }
  }
}

// Few source channels and many of the result.
bool columns_apply(const ConvPlan& plan);
void conv_columns_f32(const ConvPlan& plan, const float* source, const float* w, const float* bias, float* result);

// One source channel per group; channels-last data also one result channel.
inline bool is_depthwise(const ConvPlan& plan) {
  return plan.groups > 1 && plan.cin == 1 && plan.cout <= (plan.channels_last ? 1 : 2);
}
void conv_depthwise_f32(const ConvPlan& plan, const float* source, const float* w, const float* bias, float* result);
void conv_depthwise_weight_grad_f32(const ConvArgs& args);
void conv_depthwise_last_f32(const ConvPlan& plan, const float* source, const float* w, const float* bias,
                             float* result);
void conv_depthwise_last_weight_grad_f32(const ConvArgs& args);

void conv_forward_f32(const ConvArgs& args);
void conv_input_grad_f32(const ConvArgs& args);
void conv_weight_grad_f32(const ConvArgs& args);
void conv_pixels_last_f32(const ConvPlan& plan, const float* source, const float* w, const float* bias, float* result);

}  // namespace flambeau::cpu::FL_ISA
