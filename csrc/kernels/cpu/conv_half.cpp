// Convolutions of 16-bit numbers: block by block, some images or some lines of one are converted to float32, convolved
// there and rounded once. What is converted never exceeds the block, so the loops of float32 serve as they are.
#include "kernels/cpu/conv_common.h"
#include "kernels/cpu/pairs.h"
#include "kernels/cpu/register.h"

namespace flambeau::cpu::FL_ISA {

#if FL_PAIRS
bool conv_pairs_apply(const ConvPlan& plan);
void conv_pairs(const ConvPlan& plan, const void* source, const void* w, const void* bias, void* result);
#endif

namespace {

// Values of x and y in one block: as few as stay in the second-level cache, but many for each weight, which every block
// packs anew.
constexpr int64_t kFewValues = 1 << 18, kManyValues = 1 << 21, kPerWeight = 16;

template <class S>
void widen_run(const S* from, float* to, int64_t n) {
  for (int64_t i = 0; i < n; i += kLanes<float>) store_some(to + i, load_some<float>(from + i, n - i), n - i);
}
template <class S>
void round_run(const float* from, S* to, int64_t n) {
  for (int64_t i = 0; i < n; i += kLanes<float>) store_some(to + i, load_some<float>(from + i, n - i), n - i);
}

// x or y, an image of which is outer x size x inner values, cut along `size`.
struct Side {
  int64_t outer = 1, size = 1, inner = 1;

  Side(const int64_t* spatial, int64_t channels, bool channels_last, int axis) : size(spatial[axis]) {
    for (int d = 0; d < axis; ++d) outer *= spatial[d];
    for (int d = axis + 1; d < 3; ++d) inner *= spatial[d];
    (channels_last ? inner : outer) *= channels;
  }
  int64_t image() const { return outer * size * inner; }
};

struct Range {
  int64_t begin, end;
  int64_t length() const { return end - begin; }
};

// one(place in the tensor, place in the block, length) for every piece of some images' lines.
template <class F>
void for_pieces(const Side& side, Range images, Range lines, F one) {
  const bool whole = lines.length() == side.size;
  const int64_t pieces = whole ? 1 : side.outer, length = lines.length() * side.inner * (whole ? side.outer : 1);
  parallel_for(images.length() * pieces, std::max<int64_t>(1, 32768 / (length + 1)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      one((images.begin + i / pieces) * side.image() + i % pieces * side.size * side.inner + lines.begin * side.inner,
          i * length, length);
  });
}

enum class Wanted { kForward, kInputGrad, kWeightGrad };

template <class S>
struct HalfConv {
  const ConvArgs& args;
  const Wanted wanted;
  const int axis;
  const Side x, y;
  int64_t images = 1, lines;  // of a block; lines of what is computed (of y for the weight gradient)
  int64_t w_count = 1;        // from w's first element to its last
  bool w_dense = true;
  float *w, *bias;

  HalfConv(const ConvArgs& a, Wanted what)
      : args(a),
        wanted(what),
        axis(first_axis(of_result())),
        x(a.in, a.groups * a.ic, a.channels_last, axis),
        y(a.out, a.groups * a.oc, a.channels_last, axis),
        lines(of_result()[axis]) {
    const int64_t sizes[5] = {a.groups * a.oc, a.ic, a.kernel[0], a.kernel[1], a.kernel[2]};
    int64_t numel = 1;
    for (int d = 0; d < 5; ++d) {
      w_count += (sizes[d] - 1) * a.w_stride[d];
      numel *= sizes[d];
    }
    w_dense = w_count == numel;
    w_count = numel;
    const int64_t per_image = x.image() + y.image(), room = std::clamp(kPerWeight * w_count, kFewValues, kManyValues);
    images = std::clamp<int64_t>(room / std::max<int64_t>(per_image, 1), 1, std::max<int64_t>(a.n, 1));
    if (per_image > room && may_cut()) lines = std::max<int64_t>(1, lines * room / per_image);
  }

  const int64_t* of_result() const { return wanted == Wanted::kInputGrad ? args.in : args.out; }
  static int first_axis(const int64_t* sizes) { return sizes[0] > 1 ? 0 : sizes[1] > 1 ? 1 : 2; }
  int64_t reach() const { return (args.kernel[axis] - 1) * args.dilation[axis]; }

  // Every line of y must meet a line of x: a block's padding cannot be negative.
  bool may_cut() const {
    return wanted == Wanted::kInputGrad || (args.out[axis] - 1) * args.stride[axis] - args.pad[axis] < args.in[axis];
  }

  // The lines of x and y that belong to lines [begin, end) of the result, and the padding that remains.
  void cut(Range result, Range& x_lines, Range& y_lines, int64_t& pad) const {
    const int64_t stride = args.stride[axis], in = args.in[axis], out = args.out[axis];
    if (wanted == Wanted::kInputGrad) {
      const int64_t first = floor_div(result.begin + args.pad[axis] - reach(), stride),
                    last = (result.end - 1 + args.pad[axis]) / stride;
      x_lines = result;
      y_lines.begin = std::clamp<int64_t>(first, 0, out - 1);
      y_lines.end = std::clamp(last + 1, y_lines.begin + 1, out);
      pad = args.pad[axis] + result.begin - y_lines.begin * stride;
      return;
    }
    const int64_t first = result.begin * stride - args.pad[axis],
                  last = (result.end - 1) * stride - args.pad[axis] + reach();
    y_lines = result;
    x_lines.begin = std::max<int64_t>(first, 0);
    x_lines.end = std::clamp(last + 1, x_lines.begin + 1, in);
    pad = x_lines.begin - first;
  }

  void widen_weights() {
    const S* from = static_cast<const S*>(args.w);
    if (w_dense) return widen_run(from, w, w_count);
    float* to = w;
    const int64_t* s = args.w_stride;
    for (int64_t o = 0; o < args.groups * args.oc; ++o)
      for (int64_t i = 0; i < args.ic; ++i)
        for (int64_t a = 0; a < args.kernel[0]; ++a)
          for (int64_t b = 0; b < args.kernel[1]; ++b)
            for (int64_t c = 0; c < args.kernel[2]; ++c)
              *to++ = from[o * s[0] + i * s[1] + a * s[2] + b * s[3] + c * s[4]];
  }

  // The arguments of a block, but for its sizes.
  ConvArgs block_args() {
    ConvArgs block = args;
    if (wanted == Wanted::kWeightGrad) return block;
    widen_weights();
    block.w = w;
    block.packing = nullptr;  // these weights are not the operand
    if (!w_dense) {
      int64_t stride = 1;
      const int64_t sizes[5] = {0, args.ic, args.kernel[0], args.kernel[1], args.kernel[2]};
      for (int d = 4; d >= 0; stride *= sizes[d--]) block.w_stride[d] = stride;
    }
    if (args.bias) {
      const int64_t channels = args.groups * (wanted == Wanted::kForward ? args.oc : args.ic);
      bias = conv_scratch<float>(kHalfBias, channels);
      widen_run(static_cast<const S*>(args.bias), bias, channels);
      block.bias = bias;
    }
    return block;
  }

  // Rooms for a block of x and one of y.
  std::pair<float*, float*> rooms() const {
    const bool back = wanted == Wanted::kInputGrad, whole = lines == of_result()[axis];
    const int64_t stride = args.stride[axis], more = lines - 1;  // lines of x and y that a block may have
    const int64_t x_lines = back ? lines : whole ? x.size : std::min(x.size, more * stride + reach() + 1);
    const int64_t y_lines = !back ? lines : whole ? y.size : std::min(y.size, (more + reach()) / stride + 2);
    return {conv_scratch<float>(kHalfX, images * x.outer * x_lines * x.inner),
            conv_scratch<float>(kHalfY, images * y.outer * y_lines * y.inner)};
  }

  void run_block(ConvArgs block, Range items, Range result, void (*convolve)(const ConvArgs&)) const {
    Range x_lines{0, args.in[axis]}, y_lines{0, args.out[axis]};
    if (result.length() < of_result()[axis]) cut(result, x_lines, y_lines, block.pad[axis]);
    block.n = items.length();
    block.in[axis] = x_lines.length();
    block.out[axis] = y_lines.length();
    const auto [bx, by] = rooms();
    auto read = [&](const void* tensor, const Side& side, Range lines, float* to) {
      const S* from = static_cast<const S*>(tensor);
      for_pieces(side, items, lines,
                 [&](int64_t at, int64_t place, int64_t n) { widen_run(from + at, to + place, n); });
    };
    auto write = [&](const Side& side, Range lines, const float* from) {
      S* to = static_cast<S*>(args.result);
      for_pieces(side, items, lines,
                 [&](int64_t at, int64_t place, int64_t n) { round_run(from + place, to + at, n); });
    };
    const bool only_bias = wanted == Wanted::kWeightGrad && !args.result;
    if (wanted != Wanted::kInputGrad && !only_bias) read(args.x, x, x_lines, bx);
    if (wanted != Wanted::kForward) read(args.y, y, y_lines, by);
    block.x = bx;
    block.y = by;
    if (wanted == Wanted::kForward) block.result = by;
    if (wanted == Wanted::kInputGrad) block.result = bx;
    convolve(block);
    if (wanted == Wanted::kForward) write(y, y_lines, by);
    if (wanted == Wanted::kInputGrad) write(x, x_lines, bx);
  }

  int64_t pieces() const { return ceil_div(of_result()[axis], lines); }
  int64_t blocks() const { return ceil_div(args.n, images) * pieces(); }
  Range items_of(int64_t block) const {
    const int64_t first = block / pieces() * images;
    return {first, std::min(args.n, first + images)};
  }
  Range result_of(int64_t block) const {
    const int64_t first = block % pieces() * lines;
    return {first, std::min(of_result()[axis], first + lines)};
  }

  void run(void (*convolve)(const ConvArgs&)) {
    if (args.n * x.image() == 0 && wanted == Wanted::kInputGrad) return;
    if (args.n * y.image() == 0 && wanted == Wanted::kForward) return;
    w = conv_scratch<float>(kHalfWeights, (wanted == Wanted::kWeightGrad ? 2 : 1) * w_count);
    if (wanted == Wanted::kWeightGrad) return add_weight_grads(convolve);
    const ConvArgs args_of_all = block_args();
    // Many blocks are shared out, of a few blocks each is cut by its own loops.
    const int64_t grain = blocks() >= 8 ? 1 : blocks();
    parallel_for(blocks(), grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) run_block(args_of_all, items_of(i), result_of(i), convolve);
    });
  }

  // The blocks' gradients are added in order.
  void add_weight_grads(void (*convolve)(const ConvArgs&)) {
    const int64_t channels = args.groups * args.oc;
    bias = conv_scratch<float>(kHalfBias, 2 * channels);
    std::fill_n(w, w_count, 0.0f);
    std::fill_n(bias, channels, 0.0f);
    ConvArgs block = args;
    if (args.result) block.result = w + w_count;
    if (args.bias_grad) block.bias_grad = bias + channels;
    const int64_t count = args.n * y.image() == 0 ? 0 : blocks();
    for (int64_t b = 0; b < count; ++b) {
      run_block(block, items_of(b), result_of(b), convolve);
      for (int64_t i = 0; args.result && i < w_count; ++i) w[i] += w[w_count + i];
      for (int64_t i = 0; args.bias_grad && i < channels; ++i) bias[i] += bias[channels + i];
    }
    if (args.result) round_run(w, static_cast<S*>(args.result), w_count);
    if (args.bias_grad) round_run(bias, static_cast<S*>(args.bias_grad), channels);
  }
};

template <class S>
void half_forward(const ConvArgs& a) {
  HalfConv<S>(a, Wanted::kForward).run(conv_forward_f32);
}
template <class S>
void half_input_grad(const ConvArgs& a) {
  HalfConv<S>(a, Wanted::kInputGrad).run(conv_input_grad_f32);
}
template <class S>
void half_weight_grad(const ConvArgs& a) {
  HalfConv<S>(a, Wanted::kWeightGrad).run(conv_weight_grad_f32);
}

template <class S>
void enter(ConvKernels& kernels, DType type) {
  kernels.forward[int(type)] = half_forward<S>;
  kernels.input_grad[int(type)] = half_input_grad<S>;
  kernels.weight_grad[int(type)] = half_weight_grad<S>;
}

}  // namespace

void register_conv_half(ConvKernels& kernels) {
  enter<BFloat16>(kernels, DType::BFloat16);
  enter<Float16>(kernels, DType::Float16);
}

#if FL_PAIRS
void register_conv_pairs(Kernels& kernels) {
  ConvKernels& conv = kernels.conv;
  conv.forward[int(DType::BFloat16)] = [](const ConvArgs& a) {
    const ConvPlan plan = forward_plan(a);
    if (conv_pairs_apply(plan)) return conv_pairs(plan, a.x, a.w, a.bias, a.result);
    half_forward<BFloat16>(a);
  };
  conv.input_grad[int(DType::BFloat16)] = [](const ConvArgs& a) {
    const ConvPlan plan = input_grad_plan(a);
    if (conv_pairs_apply(plan)) return conv_pairs(plan, a.y, a.w, a.bias, a.result);
    half_input_grad<BFloat16>(a);
  };
}
#endif

}  // namespace flambeau::cpu::FL_ISA
