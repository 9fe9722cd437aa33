// Forward convolution and input gradient as one kind of plan; the blocked transpose.
#include "kernels/cpu/conv_common.h"

namespace flambeau::cpu::FL_ISA {

namespace {

Axis forward_axis(const ConvArgs& args, int d) {
  Axis axis{args.in[d], args.pad[d], args.stride[d], args.out[d], {}};
  AxisJob job{args.out[d], 0, 1, {}, {}};
  for (int64_t t = 0; t < args.kernel[d]; ++t) {
    job.tap.push_back(t);
    job.offset.push_back(t * args.dilation[d]);
  }
  axis.jobs.push_back(job);
  return axis;
}

// x[i] = sum of w[t] * y[o] over i + pad = o * stride + t * dilation. With i + pad = q * stride + r, the taps of
// remainder r have t * dilation = m * stride + r, and o = q - m.
Axis input_grad_axis(const ConvArgs& args, int d) {
  const int64_t stride = args.stride[d], pad = args.pad[d];
  Axis axis{args.out[d], 0, 1, args.in[d], {}};
  int64_t lowest = 0;
  std::vector<int64_t> firsts;
  for (int64_t r = 0; r < stride; ++r) {
    const int64_t first = std::max<int64_t>(0, ceil_div(std::max<int64_t>(pad - r, 0), stride));
    const int64_t last = floor_div(args.in[d] - 1 + pad - r, stride);
    if (last < first) continue;
    AxisJob job{last - first + 1, first * stride + r - pad, stride, {}, {}};
    for (int64_t t = 0; t < args.kernel[d]; ++t) {
      const int64_t reach = t * args.dilation[d];
      if (reach % stride != r) continue;
      job.tap.push_back(t);
      job.offset.push_back(first - reach / stride);
      lowest = std::min(lowest, job.offset.back());
    }
    axis.jobs.push_back(job);
  }
  axis.lo = -lowest;
  for (AxisJob& job : axis.jobs)
    for (int64_t& offset : job.offset) offset -= lowest;
  return axis;
}

}  // namespace

ConvPlan forward_plan(const ConvArgs& args) {
  ConvPlan plan{args.n, args.groups, args.ic, args.oc, {}, 0, 0, {}, 0, args.channels_last};
  plan.w_out = args.w_stride[0];
  plan.w_in = args.w_stride[1];
  plan.w_group = args.oc * args.w_stride[0];
  for (int d = 0; d < 3; ++d) {
    plan.axis[d] = forward_axis(args, d);
    plan.w_tap[d] = args.w_stride[2 + d];
  }
  return plan;
}

ConvPlan input_grad_plan(const ConvArgs& args) {
  ConvPlan plan{args.n, args.groups, args.oc, args.ic, {}, 0, 0, {}, 0, args.channels_last};
  plan.w_out = args.w_stride[1];
  plan.w_in = args.w_stride[0];
  plan.w_group = args.oc * args.w_stride[0];
  for (int d = 0; d < 3; ++d) {
    plan.axis[d] = input_grad_axis(args, d);
    plan.w_tap[d] = args.w_stride[2 + d];
  }
  return plan;
}

namespace {

// 16 x 16 floats by four rounds of interleaving: after round k every vector holds runs of 2^k transposed elements.
void transpose_16(const float* from, int64_t from_stride, float* to, int64_t to_stride) {
  typedef float Line __attribute__((vector_size(64)));
  typedef float LineAny __attribute__((vector_size(64), aligned(4), may_alias));
  Line a[16], b[16];
  for (int i = 0; i < 16; ++i) a[i] = *reinterpret_cast<const LineAny*>(from + i * from_stride);
  auto round = [](Line* in, Line* out) {
    for (int i = 0; i < 8; ++i) {
      out[2 * i] = __builtin_shufflevector(in[i], in[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      out[2 * i + 1] =
          __builtin_shufflevector(in[i], in[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
  };
  round(a, b);
  round(b, a);
  round(a, b);
  round(b, a);
  for (int i = 0; i < 16; ++i) *reinterpret_cast<LineAny*>(to + i * to_stride) = a[i];
}

}  // namespace

void transpose_f32(const float* from, int64_t from_stride, float* to, int64_t to_stride, int64_t rows, int64_t cols) {
  float in[256], out[256];  // a ragged block goes through these
  for (int64_t r = 0; r < rows; r += 16)
    for (int64_t c = 0; c < cols; c += 16) {
      const int64_t height = std::min<int64_t>(16, rows - r), width = std::min<int64_t>(16, cols - c);
      if (height == 16 && width == 16) {
        transpose_16(from + r * from_stride + c, from_stride, to + c * to_stride + r, to_stride);
        continue;
      }
      for (int64_t i = 0; i < height; ++i) std::memcpy(in + i * 16, from + (r + i) * from_stride + c, width * sizeof(float));
      transpose_16(in, 16, out, 16);
      for (int64_t j = 0; j < width; ++j) std::memcpy(to + (c + j) * to_stride + r, out + j * 16, height * sizeof(float));
    }
}

void copy_window_last(const ConvPlan& plan, const Window& window, int64_t channels, const float* from, int64_t pixel_stride,
                      float* to) {
  const Axis* axis = plan.axis;
  const int64_t* e = window.extent;
  const int64_t c = channels, x0 = window.origin[2];
  const int64_t begin = std::clamp<int64_t>(-x0, 0, e[2]), end = std::clamp<int64_t>(axis[2].size - x0, begin, e[2]);
  for (int64_t b0 = 0; b0 < e[0]; ++b0)
    for (int64_t b1 = 0; b1 < e[1]; ++b1, to += e[2] * c) {
      const int64_t at0 = b0 + window.origin[0], at1 = b1 + window.origin[1];
      if (at0 < 0 || at0 >= axis[0].size || at1 < 0 || at1 >= axis[1].size) {
        std::memset(to, 0, e[2] * c * sizeof(float));
        continue;
      }
      const float* row = from + ((at0 * axis[1].size + at1) * axis[2].size + x0) * pixel_stride;
      std::memset(to, 0, begin * c * sizeof(float));
      if (pixel_stride == c) {
        std::memcpy(to + begin * c, row + begin * c, (end - begin) * c * sizeof(float));
      } else {
        for (int64_t b = begin; b < end; ++b) std::memcpy(to + b * c, row + b * pixel_stride, c * sizeof(float));
      }
      std::memset(to + end * c, 0, (e[2] - end) * c * sizeof(float));
    }
}

}  // namespace flambeau::cpu::FL_ISA
