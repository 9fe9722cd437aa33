// Forward convolution and input gradient as one kind of plan.
#include "core/packing.h"
#include "kernels/cpu/chain.h"
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

static const Chain* later_steps(const ConvArgs& args) {
  return args.then && args.then->count > 1 ? args.then : nullptr;
}

ConvPlan forward_plan(const ConvArgs& args) {
  ConvPlan plan{args.n, args.groups,        args.ic,      args.oc,          {}, 0, 0, {},
                0,      args.channels_last, args.packing, later_steps(args)};
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
  ConvPlan plan{args.n, args.groups,        args.oc,      args.ic,          {}, 0, 0, {},
                0,      args.channels_last, args.packing, later_steps(args)};
  plan.w_out = args.w_stride[1];
  plan.w_in = args.w_stride[0];
  plan.w_group = args.oc * args.w_stride[0];
  for (int d = 0; d < 3; ++d) {
    plan.axis[d] = input_grad_axis(args, d);
    plan.w_tap[d] = args.w_stride[2 + d];
  }
  return plan;
}

void copy_window_pixels(const ConvPlan& plan, const Window& window, const float* source, int64_t image, int64_t group,
                        float* turned, float* to) {
  const int64_t spatial = plan.source_spatial(), channels = plan.groups * plan.cin;
  const float* from = source + image * spatial * channels;
  if (plan.channels_last) return copy_window_last(plan, window, plan.cin, from + group * plan.cin, channels, to);
  // Transposes the lines of the outermost axis that the window touches; positions stay those of the whole image.
  from += group * plan.cin * spatial;
  const int d = plan.axis[0].size > 1 ? 0 : plan.axis[1].size > 1 ? 1 : 2;
  const int64_t size = plan.axis[d].size, inner = spatial / size;
  const int64_t first = std::clamp<int64_t>(window.origin[d], 0, size);
  const int64_t last = std::clamp<int64_t>(window.origin[d] + window.extent[d], first, size);
  transpose_copy<float>(from + first * inner, spatial, turned + first * inner * plan.cin, plan.cin, plan.cin,
                        (last - first) * inner);
  copy_window_last(plan, window, plan.cin, turned, plan.cin, to);
}

void finish_results(const ConvPlan& plan, int64_t image, int64_t channel, int64_t channels, int64_t p0, int64_t p1) {
  if (!plan.then) return;
  const int64_t all = plan.groups * plan.cout, spatial = plan.result_spatial();
  const int64_t start = plan.then_at + image * all * spatial;
  const bool together = plan.channels_last ? channels == all : p1 - p0 == spatial;
  const int64_t lines = plan.channels_last ? p1 - p0 : channels, apart = plan.channels_last ? all : spatial;
  const int64_t length = plan.channels_last ? channels : p1 - p0;
  const int64_t first = plan.channels_last ? start + p0 * all + channel : start + channel * spatial + p0;
  if (together) return run_part(*plan.then, first, lines * length);
  for (int64_t i = 0; i < lines; ++i) run_part(*plan.then, first + i * apart, length);
}

void* packed_weights(const ConvPlan& plan, PackedAs form, int64_t bytes, bool& ready) {
  ready = false;
  if (plan.packing) {
    std::vector<int64_t> recipe{int64_t(form), plan.groups, plan.cin, plan.cout, plan.w_out, plan.w_in, plan.w_group};
    for (int d = 0; d < 3; ++d) {
      recipe.push_back(plan.w_tap[d]);
      for (const AxisJob& job : plan.axis[d].jobs) {
        recipe.push_back(job.tap.size());
        recipe.insert(recipe.end(), job.tap.begin(), job.tap.end());
        recipe.insert(recipe.end(), job.offset.begin(), job.offset.end());
      }
    }
    if (void* kept = plan.packing->memory(recipe, bytes, ready)) return kept;
  }
  return scratch(kPackedWeights, bytes);
}

}  // namespace flambeau::cpu::FL_ISA
