// The convolution kernels' table, and which of the two layouts of the loops is used.
#include "kernels/cpu/conv_common.h"
#include "kernels/cpu/register.h"

namespace flambeau::cpu::FL_ISA {

void conv_channels_first_f32(const ConvPlan&, const void*, const void*, const void*, void*);
void conv_channels_first_f64(const ConvPlan&, const void*, const void*, const void*, void*);
void conv_channels_first_i64(const ConvPlan&, const void*, const void*, const void*, void*);
void conv_weight_grad_f64(const ConvArgs& args);
void register_conv_half(ConvKernels& kernels);

namespace {

// Channels-first loops compute whole padded rows; transposing pays off where that wastes much and channels are many.
bool prefers_pixels_last(const ConvPlan& plan) {
  if (plan.channels_last) return true;
  if (plan.cout < 16 || plan.cin < 16) return false;
  if (plan.axis[1].pace > 1 || plan.axis[2].pace > 1) return true;
  const Axis &h = plan.axis[1], &w = plan.axis[2];
  int64_t reach = 0, count = 0;
  for (const AxisJob& job : w.jobs) {
    reach = std::max(reach, max_offset(job) / w.pace);
    count = std::max(count, job.count);
  }
  const int64_t rows = plan.axis[0].result * h.result;
  const double used = rows == 1 ? 1.0 : static_cast<double>(count) / (count + reach);
  const int64_t pixels = plan.result_spatial(), lanes = kLanes<float>;
  return used * pixels / (ceil_div(pixels, lanes) * lanes) < 0.85;
}

void run_f32(const ConvPlan& plan, const void* source, const void* w, const void* bias, void* result) {
  if (plan.n == 0 || plan.cout == 0 || plan.groups == 0 || plan.result_spatial() == 0) return;
  const auto *from = static_cast<const float*>(source), *weights = static_cast<const float*>(w);
  const auto* start = static_cast<const float*>(bias);
  auto* to = static_cast<float*>(result);
  // These finish their results piece by piece.
  if (!is_depthwise(plan)) {
    if (conv_is_product(plan)) return conv_product_f32(plan, from, weights, start, to);
    if (columns_apply(plan)) return conv_columns_f32(plan, from, weights, start, to);
    if (winograd_applies(plan)) return conv_winograd_f32(plan, from, weights, start, to);
  }
  if (is_depthwise(plan)) {
    (plan.channels_last ? conv_depthwise_last_f32 : conv_depthwise_f32)(plan, from, weights, start, to);
  } else if (prefers_pixels_last(plan)) {
    conv_pixels_last_f32(plan, from, weights, start, to);
    if (has_one_job(plan)) return;
  } else {
    conv_channels_first_f32(plan, source, w, bias, result);
  }
  if (plan.then) cpu_kernels().chain.run(*plan.then);
}

}  // namespace

void conv_forward_f32(const ConvArgs& a) { run_f32(forward_plan(a), a.x, a.w, a.bias, a.result); }
void conv_input_grad_f32(const ConvArgs& a) { run_f32(input_grad_plan(a), a.y, a.w, a.bias, a.result); }

void register_conv(Kernels& kernels) {
  ConvKernels& conv = kernels.conv;
  auto set = [&](DType type, ConvKernels::Entry forward, ConvKernels::Entry input_grad,
                 ConvKernels::Entry weight_grad) {
    conv.forward[int(type)] = forward;
    conv.input_grad[int(type)] = input_grad;
    conv.weight_grad[int(type)] = weight_grad;
  };
  set(DType::Float32, conv_forward_f32, conv_input_grad_f32, conv_weight_grad_f32);
  set(
      DType::Float64, [](const ConvArgs& a) { conv_channels_first_f64(forward_plan(a), a.x, a.w, a.bias, a.result); },
      [](const ConvArgs& a) { conv_channels_first_f64(input_grad_plan(a), a.y, a.w, a.bias, a.result); },
      conv_weight_grad_f64);
  set(
      DType::Int64, [](const ConvArgs& a) { conv_channels_first_i64(forward_plan(a), a.x, a.w, a.bias, a.result); },
      [](const ConvArgs& a) { conv_channels_first_i64(input_grad_plan(a), a.y, a.w, a.bias, a.result); }, nullptr);
  register_conv_half(conv);
}

}  // namespace flambeau::cpu::FL_ISA
