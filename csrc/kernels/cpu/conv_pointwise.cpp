// 1 x 1 convolutions of stride 1 without padding: matrix products over the data as it lies.
#include "kernels/cpu/conv_common.h"

namespace flambeau::cpu::FL_ISA {

namespace {

constexpr int kPanel = kCols<float>;

// Panels of [row][kPanel] from whole vectors, reading every row in one go: the rows lie far apart.
void pack_rows_of_pixels(const float* from, int64_t stride, int64_t rows, int64_t pixels, float* to) {
  const int64_t whole = pixels / kPanel * kPanel;
  for (int64_t row = 0; row < rows; ++row) {
    const float* in = from + row * stride;
    float* out = to + row * kPanel;
    if (row + kRowsAhead < rows) fetch_row(in + kRowsAhead * stride, pixels);
    for (int64_t p = 0; p < whole; p += kPanel, out += rows * kPanel)
      for (int64_t v = 0; v < kPanel; v += kLanes<float>) store(out + v, load(in + p + v));
    for (int64_t p = whole; p < pixels; ++p) out[p - whole] = in[p];
  }
}

// y[co][pixel] = w[co][ci] x[ci][pixel]: pixels are the columns, packed block by block.
void channels_first(const ConvPlan& plan, const float* source, const float* w, const float* bias, float* result) {
  const int64_t spatial = plan.source_spatial();
  const int64_t block = std::max<int64_t>(2, 96 * 1024 / (plan.cin * kPanel)) * kPanel,
                blocks = ceil_div(spatial, block);
  TileArgs<float> base;
  const AKind kind = plan.w_in == 1 ? AKind::kDepthContiguous : AKind::kRowContiguous;
  base.k = plan.cin;
  base.a_stride = plan.w_in == 1 ? plan.w_out : plan.w_in;
  base.c_stride = spatial;
  parallel_for(
      plan.n * plan.groups * blocks,
      std::max<int64_t>(1, 300000 / (2 * plan.cin * plan.cout * std::min(block, spatial) + 1)),
      [&](int64_t begin, int64_t end) {
        float* packed = conv_scratch<float>(kPaddedInput, block * plan.cin);
        for (int64_t i = begin; i < end; ++i) {
          const int64_t p0 = i % blocks * block, p1 = std::min(spatial, p0 + block), group = i / blocks % plan.groups;
          pack_rows_of_pixels(source + i / blocks * plan.cin * spatial + p0, spatial, plan.cin, p1 - p0, packed);
          TileArgs<float> args = base;
          for (int64_t p = p0; p < p1; p += kPanel) {
            args.n = std::min<int64_t>(kPanel, p1 - p);
            args.b = packed + (p - p0) * plan.cin;
            for (int64_t co = 0; co < plan.cout; co += kRows) {
              args.a = w + group * plan.w_group + co * plan.w_out;
              args.c = result + (i / blocks * plan.cout + co) * spatial + p;
              args.row_bias = bias ? bias + group * plan.cout + co : nullptr;
              tile_kernel<float>(std::min<int64_t>(kRows, plan.cout - co), args.n, kind)(args);
            }
          }
        }
      });
}

// y[pixel][co] = x[pixel][ci] w[co][ci]': result channels are the columns.
void channels_last(const ConvPlan& plan, const float* source, const float* w, const float* bias, float* result) {
  const int64_t pixels = plan.n * plan.source_spatial(), panels = ceil_div(plan.cout, kPanel);
  const int64_t block = std::max<int64_t>(2, 64 * 1024 / (plan.cin * kRows)) * kRows, blocks = ceil_div(pixels, block);
  const int64_t group_size = panels * plan.cin * kPanel;
  float* packed = conv_scratch<float>(kPackedWeights, plan.groups * group_size);
  for (int64_t group = 0; group < plan.groups; ++group)
    pack_panels<float, float>(w + group * plan.w_group, plan.w_in, plan.w_out, plan.cin, plan.cout,
                              packed + group * group_size);
  parallel_for(
      blocks * plan.groups, std::max<int64_t>(1, 300000 / (2 * plan.cin * plan.cout * std::min(block, pixels) + 1)),
      [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t group = i % plan.groups, p0 = i / plan.groups * block, p1 = std::min(pixels, p0 + block);
          TileArgs<float> args;
          args.k = plan.cin;
          args.a_stride = plan.groups * plan.cin;
          args.c_stride = plan.groups * plan.cout;
          for (int64_t co = 0; co < plan.cout; co += kPanel) {
            args.n = std::min<int64_t>(kPanel, plan.cout - co);
            args.b = packed + group * group_size + co * plan.cin;
            args.column_bias = bias ? bias + group * plan.cout + co : nullptr;
            for (int64_t p = p0; p < p1; p += kRows) {
              args.a = source + p * args.a_stride + group * plan.cin;
              args.c = result + p * args.c_stride + group * plan.cout + co;
              tile_kernel<float>(std::min<int64_t>(kRows, p1 - p), args.n, AKind::kDepthContiguous)(args);
            }
          }
        }
      });
}

}  // namespace

bool conv_is_pointwise(const ConvPlan& plan) {
  for (const Axis& axis : plan.axis)
    if (axis.pace != 1 || axis.lo != 0 || axis.jobs.size() != 1 || axis.jobs[0].tap.size() != 1 ||
        axis.result != axis.size || axis.jobs[0].start != 0 || axis.jobs[0].step != 1)
      return false;
  return plan.cin >= 16 && plan.cout >= 8 && (plan.channels_last || plan.w_in == 1 || plan.w_out == 1) &&
         (plan.channels_last || plan.source_spatial() >= kPanel);
}

void conv_pointwise_f32(const ConvPlan& plan, const float* source, const float* w, const float* bias, float* result) {
  if (plan.n == 0 || plan.cout == 0 || plan.groups == 0 || plan.result_spatial() == 0) return;
  (plan.channels_last ? channels_last : channels_first)(plan, source, w, bias, result);
}

}  // namespace flambeau::cpu::FL_ISA
