// 1 x 1 convolutions without padding: matrix products over the data as it lies, or over the pixels that a stride
// leaves.
#include "core/kernels.h"
#include "kernels/cpu/conv_common.h"

namespace flambeau::cpu::FL_ISA {

namespace {

constexpr int kPanel = kCols<float>;
constexpr int64_t kCachedWeights = 64 * 1024;   // that stay in the second-level cache
constexpr int64_t kNearValues = 64 * 1024;      // of results that are still in the second-level cache
constexpr int64_t kCopiedValues = 1024 * 1024;  // of a source that is written out at a time

int64_t taps_of(const ConvPlan& plan) {
  int64_t taps = 1;
  for (const Axis& axis : plan.axis) taps *= axis.jobs[0].tap.size();
  return taps;
}

// y[co][pixel] = w[co][k] x[k][pixel], k = (ci, tap), for many channels or few pixels: the product of matrices as such.
void product_per_image(const ConvPlan& plan, const float* source, const float* w, const float* bias, float* result) {
  const int64_t spatial = plan.result_spatial(), taps = taps_of(plan);
  GemmArgs g;
  g.m = plan.cout, g.n = spatial, g.k = plan.cin * taps, g.batch = plan.n;
  g.a_row = plan.w_out, g.a_col = taps > 1 ? 1 : plan.w_in;
  g.b_row = spatial, g.b_col = 1, g.b_batch = plan.groups * g.k * spatial;
  g.c_row = spatial, g.c_batch = plan.groups * plan.cout * spatial;
  if (plan.groups == 1) g.a_packing = plan.packing;
  for (int64_t group = 0; group < plan.groups; ++group) {
    auto finish = [&, group](int64_t image, int64_t row, int64_t rows, int64_t p0, int64_t p1) {
      finish_results(plan, image, group * plan.cout + row, rows, p0, p1);
    };
    const GemmArgs::Done done(finish);
    if (plan.then) g.done = &done;
    g.a = w + group * plan.w_group;
    g.b = source + group * g.k * spatial;
    g.c = result + group * plan.cout * spatial;
    g.row_bias = bias ? bias + group * plan.cout : nullptr;
    cpu_kernels().gemm.gemm[int(DType::Float32)](g);
  }
}

// The same block by block of pixels, for weights that stay in the second-level cache: the first tile of result channels
// reads the pixels where they lie and packs them for the others, and all ask for the next block on the way.
struct PixelBlocks {
  const ConvPlan& plan;
  const float *source, *w, *bias;
  float* result;
  int64_t spatial, block, blocks, tiles;
  float* weights;

  PixelBlocks(const ConvPlan& p, const float* s, const float* w0, const float* b, float* r)
      : plan(p), source(s), w(w0), bias(b), result(r), spatial(p.result_spatial()) {
    block = std::clamp<int64_t>(512 / plan.cin, 1, 8) * kPanel;
    blocks = ceil_div(spatial, block);
    tiles = std::max<int64_t>(kQuarters, ceil_div(plan.cout, kRows));
    pack_weights();
  }

  void pack_weights() {
    bool ready;
    weights = packed_weights<float>(plan, PackedAs::kProductRows, plan.groups * plan.cout * plan.cin, ready);
    for (int64_t i = 0; !ready && i < plan.groups * tiles; ++i) {
      const int64_t group = i / tiles, row = first_row(i % tiles);
      pack_rows<float, float>(w + group * plan.w_group + row * plan.w_out, plan.w_out, plan.w_in,
                              first_row(i % tiles + 1) - row, plan.cin, weights + (group * plan.cout + row) * plan.cin);
    }
  }

  static constexpr int64_t kQuarters = 4;  // of the next block's rows: a tile asks for one of them
  int64_t first_row(int64_t tile) const { return plan.cout * tile / tiles; }
  const float* block_at(int64_t i) const { return source + i / blocks * plan.cin * spatial + i % blocks * block; }

  // Some pixels of a block, for one tile of channels: from the source, which is packed on the way, or from there.
  void run_panel(int64_t i, int64_t tile, int64_t p, const float* next, float* packed) const {
    const int64_t first = first_row(tile), rows = first_row(tile + 1) - first,
                  channel = i / blocks % plan.groups * plan.cout + first;
    TileArgs<float> args;
    args.k = plan.cin;
    args.n = std::min<int64_t>(kPanel, spatial - i % blocks * block - p);
    args.a = weights + channel * plan.cin;
    args.a_stride = rows;
    args.b = packed;
    args.c = result + (i / blocks * plan.cout + first) * spatial + i % blocks * block + p;
    args.c_stride = spatial;
    args.row_bias = bias ? bias + channel : nullptr;
    if (args.n < kPanel) {
      if (tile == 0) pack_panels<float, float>(block_at(i) + p, spatial, 1, plan.cin, args.n, packed);
      return tile_kernel<float>(rows, args.n, AKind::kRowContiguous)(args);
    }
    alignas(64) float nowhere[kPanel];
    args.b_copy = nowhere;
    if (tile == 0) {
      args.b = block_at(i) + p;
      args.b_stride = spatial;
      args.b_copy = packed;
      args.b_copy_stride = kPanel;
    }
    const bool asks = next && tile < kQuarters;
    args.ask = asks ? next + tile * (plan.cin / kQuarters) * spatial + p : args.a;
    args.ask_stride = asks ? spatial : 0;
    streaming_tile_kernel(rows)(args);
  }

  // What comes after the convolution, for some blocks at a time: runs of pixels should be long, and still be near.
  void finish(int64_t i, int64_t begin, int64_t end) const {
    const int64_t many = std::max<int64_t>(1, kNearValues / (plan.cout * block)), image = i / blocks;
    const bool last = i + 1 == end || (i + 1) % blocks == 0;
    if (!last && (i % blocks + 1) % many != 0) return;
    const int64_t first = std::max({i % blocks / many * many, begin - image * blocks, int64_t(0)});
    finish_results(plan, image / plan.groups, image % plan.groups * plan.cout, plan.cout, first * block,
                   std::min(spatial, (i % blocks + 1) * block));
  }

  void run() const {
    parallel_for(plan.n * plan.groups * blocks,
                 std::max<int64_t>(1, 300000 / (2 * plan.cin * plan.cout * std::min(block, spatial) + 1)),
                 [&](int64_t begin, int64_t end) {
                   float* packed = conv_scratch<float>(kPaddedInput, block * plan.cin);
                   for (int64_t i = begin; i < end; ++i) {
                     const int64_t size = std::min(block, spatial - i % blocks * block);
                     const float* next = i + 1 < end ? block_at(i + 1) : nullptr;
                     for (int64_t tile = 0; tile < tiles; ++tile)
                       for (int64_t p = 0; p < size; p += kPanel) run_panel(i, tile, p, next, packed + p * plan.cin);
                     if (plan.then) finish(i, begin, end);
                   }
                 });
  }
};

void channels_first(const ConvPlan& plan, const float* source, const float* w, const float* bias, float* result) {
  if (plan.cin * plan.cout > kCachedWeights || plan.result_spatial() < 512)
    return product_per_image(plan, source, w, bias, result);
  PixelBlocks(plan, source, w, bias, result).run();
}

// y[pixel][co] = x[pixel][ci] w[co][ci]': result channels are the columns.
void channels_last(const ConvPlan& plan, const float* source, const float* w, const float* bias, float* result) {
  const int64_t pixels = plan.n * plan.result_spatial(), panels = ceil_div(plan.cout, kPanel);
  const int64_t block = std::max<int64_t>(2, 64 * 1024 / (plan.cin * kRows)) * kRows, blocks = ceil_div(pixels, block);
  const int64_t group_size = panels * plan.cin * kPanel;
  bool ready;
  float* packed = packed_weights<float>(plan, PackedAs::kProductPanels, plan.groups * group_size, ready);
  for (int64_t group = 0; !ready && group < plan.groups; ++group)
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
          finish_results(plan, 0, group * plan.cout, plan.cout, p0, p1);
        }
      });
}

// One source plane under one tap (offsets[3]) where it meets the result's pixels, `lump` numbers each; zeros outside.
void copy_under_tap(const ConvPlan& plan, const int64_t* offsets, const float* from, int64_t lump, float* to) {
  const Axis* axis = plan.axis;
  for (int64_t a = 0; a < axis[0].result; ++a)
    for (int64_t b = 0; b < axis[1].result; ++b, to += axis[2].result * lump) {
      const int64_t i = a * axis[0].pace + offsets[0], j = b * axis[1].pace + offsets[1];
      if (i < 0 || i >= axis[0].size || j < 0 || j >= axis[1].size) {
        std::fill_n(to, axis[2].result * lump, 0.0f);
        continue;
      }
      const float* row = from + (i * axis[1].size + j) * axis[2].size * lump;
      for (int64_t c = 0; c < axis[2].result; ++c) {
        const int64_t k = c * axis[2].pace + offsets[2];
        const bool inside = k >= 0 && k < axis[2].size;
        if (lump == 1)
          to[c] = inside ? row[k] : 0.0f;
        else if (inside)
          std::memcpy(to + c * lump, row + k * lump, lump * sizeof(float));
        else
          std::fill_n(to + c * lump, lump, 0.0f);
      }
    }
}

// The same under every tap; what is under one lies `apart` after what is under the last.
void copy_under_taps(const ConvPlan& plan, const float* from, int64_t lump, float* to, int64_t apart) {
  for (int64_t a : plan.axis[0].jobs[0].offset)
    for (int64_t b : plan.axis[1].jobs[0].offset)
      for (int64_t c : plan.axis[2].jobs[0].offset) {
        const int64_t offsets[3] = {a - plan.axis[0].lo, b - plan.axis[1].lo, c - plan.axis[2].lo};
        copy_under_tap(plan, offsets, from, lump, to);
        to += apart;
      }
}

// The source of every tap, (n, channels, taps, result pixels), or (n, result pixels, channels) for the one tap of
// channels-last data.
const float* written_out(const ConvPlan& plan, const float* source) {
  const int64_t channels = plan.groups * plan.cin, lump = plan.channels_last ? channels : 1;
  const int64_t planes = plan.n * channels / std::max<int64_t>(lump, 1), taps = taps_of(plan);
  const int64_t size = plan.result_spatial() * lump;
  float* const all = conv_scratch<float>(kWholeInput, planes * taps * size);
  parallel_for(planes, std::max<int64_t>(1, 16384 / (taps * size + 1)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      copy_under_taps(plan, source + i * plan.source_spatial() * lump, lump, all + i * taps * size, size);
  });
  return all;
}

// Are the weights of a channel contiguous and in the order of the taps?
bool has_dense_taps(const ConvPlan& plan) {
  int64_t stride = 1;
  for (int d = 2; d >= 0; --d) {
    if (plan.w_tap[d] != stride && plan.axis[d].jobs[0].tap.size() > 1) return false;
    stride *= plan.axis[d].jobs[0].tap.size();
    for (size_t t = 0; t < plan.axis[d].jobs[0].tap.size(); ++t)
      if (plan.axis[d].jobs[0].tap[t] != int64_t(t)) return false;
  }
  return plan.w_in == stride;
}

// Few pixels under a larger kernel.
bool has_few_pixels(const ConvPlan& plan) {
  const int64_t spatial = plan.result_spatial();
  return !plan.channels_last && has_dense_taps(plan) && taps_of(plan) > 1 && spatial >= kLanes<float> &&
         plan.n * spatial <= 64 && plan.cin >= 64 && plan.cout >= 64;
}

// copy(channel, image) for every plane.
template <class Copy>
void by_channel(int64_t channels, int64_t images, Copy copy) {
  parallel_for(channels * images, 8, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) copy(i / images, i % images);
  });
}

}  // namespace

bool conv_is_product(const ConvPlan& plan) {
  if (!has_one_job(plan)) return false;
  if (has_few_pixels(plan)) return true;
  for (const Axis& axis : plan.axis)
    if (axis.lo != 0 || axis.jobs[0].tap.size() != 1 || axis.jobs[0].offset[0] != 0 ||
        (axis.result - 1) * axis.pace >= axis.size || (axis.pace == 1 && axis.result != axis.size))
      return false;
  return plan.cin >= 16 && plan.cout >= 8 && (plan.channels_last || plan.w_in == 1 || plan.w_out == 1) &&
         (plan.channels_last || plan.result_spatial() >= kLanes<float>);
}

void conv_product_f32(const ConvPlan& plan, const float* source, const float* w, const float* bias, float* result) {
  if (plan.n == 0 || plan.cout == 0 || plan.groups == 0 || plan.result_spatial() == 0) return;
  const int64_t taps = taps_of(plan);
  auto multiply = [&](const ConvPlan& part, const float* from, float* to) {
    if (taps > 1) return product_per_image(part, from, w, bias, to);
    (plan.channels_last ? channels_last : channels_first)(part, from, w, bias, to);
  };
  if (taps == 1 && plan.axis[0].pace == 1 && plan.axis[1].pace == 1 && plan.axis[2].pace == 1)
    return multiply(plan, source, result);
  // Some images at a time, so that the copy stays small.
  const int64_t copied = plan.groups * plan.cin * taps * plan.result_spatial();
  const int64_t images = std::max<int64_t>(1, kCopiedValues / std::max<int64_t>(copied, 1));
  for (int64_t i = 0; i < plan.n; i += images) {
    ConvPlan part = plan;
    part.n = std::min(images, plan.n - i);
    part.then_at = i * plan.groups * plan.cout * plan.result_spatial();
    const float* from = written_out(part, source + i * plan.groups * plan.cin * plan.source_spatial());
    multiply(part, from, result + i * plan.groups * plan.cout * plan.result_spatial());
  }
}

bool weight_grad_is_product(const ConvArgs& args) {
  const ConvPlan plan = forward_plan(args);
  return !plan.channels_last && has_dense_taps(plan) && plan.result_spatial() <= 36 && plan.n > 1 && plan.cin >= 16 &&
         plan.cout >= 16 && plan.cin * plan.cout * taps_of(plan) >= 64 * 1024;
}

// dw[co][ci, tap] = y[co][image, pixel] x[ci, tap][image, pixel]', some images at a time.
void conv_product_weight_grad_f32(const ConvArgs& args) {
  const ConvPlan plan = forward_plan(args);
  const int64_t spatial = plan.result_spatial(), taps = taps_of(plan), columns = plan.cin * taps;
  const int64_t images = std::clamp<int64_t>(kCopiedValues / (columns * spatial), 1, plan.n);
  float* const under = conv_scratch<float>(kWholeInput, columns * images * spatial);
  float* const grads = conv_scratch<float>(kProducts, plan.cout * images * spatial);
  const float *x = static_cast<const float*>(args.x), *y = static_cast<const float*>(args.y);
  GemmArgs g;
  g.m = plan.cout, g.n = columns;
  g.a = grads, g.a_col = 1, g.b = under, g.b_row = 1;
  g.c_row = plan.w_out;
  for (int64_t group = 0; group < plan.groups; ++group)
    for (int64_t first = 0; first < plan.n; first += images) {
      const int64_t now = std::min(images, plan.n - first), pixels = now * spatial;
      auto plane_of = [&](int64_t image, int64_t channels, int64_t channel) {
        return ((first + image) * plan.groups + group) * channels + channel;
      };
      by_channel(plan.cin, now, [&](int64_t channel, int64_t image) {
        copy_under_taps(plan, x + plane_of(image, plan.cin, channel) * plan.source_spatial(), 1,
                        under + channel * taps * pixels + image * spatial, pixels);
      });
      by_channel(plan.cout, now, [&](int64_t channel, int64_t image) {
        std::copy_n(y + plane_of(image, plan.cout, channel) * spatial, spatial,
                    grads + channel * pixels + image * spatial);
      });
      g.k = g.a_row = g.b_col = pixels;
      g.c = static_cast<float*>(args.result) + group * plan.w_group;
      g.beta = first > 0;
      cpu_kernels().gemm.gemm[int(DType::Float32)](g);
    }
}

}  // namespace flambeau::cpu::FL_ISA
