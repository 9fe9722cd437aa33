// Depthwise convolutions of (n, spatial..., channels) data, the vector along channels. Nothing is copied: taps that
// fall outside the source are left out, row by row and, at the ends of a row, pixel by pixel.
#include <array>

#include "kernels/cpu/conv_common.h"

namespace flambeau::cpu::FL_ISA {

namespace {

using V = Vector<float>;
constexpr int L = kLanes<float>;
constexpr int kPixels = kVectorBytes == 64 ? 8 : 4;  // pixels of a tile

// The taps [begin, end) of a job that fall inside the source at its position q.
struct Reach {
  int64_t begin, end;
};
Reach reach_of(const Axis& axis, const AxisJob& job, int64_t q) {
  const int64_t taps = job.tap.size();
  auto inside = [&](int64_t t) {
    const int64_t at = axis.pace * q + job.offset[t] - axis.lo;
    return at >= 0 && at < axis.size;
  };
  int64_t begin = 0, end = taps;
  while (begin < end && !inside(begin)) ++begin;
  while (begin < end && !inside(end - 1)) --end;
  return {begin, end};
}

// Some kernel rows on some pixels and channels.
struct Part {
  const float* const* x;               // per kernel row: its first tap under the first pixel
  const float* const* w;               // per kernel row: its first tap
  int64_t rows, taps, x_step, w_step;  // between taps
  int64_t pixel, out_pixel;            // between pixels
  const float* bias;
  float* out;
};

template <bool whole>
[[gnu::always_inline]] inline V load_lanes(const float* p, int64_t lanes) {
  return whole ? load(p) : load_part<float>(p, lanes);
}

// lanes: those that exist, unless `whole`.
template <int P, int NR, bool whole>
void tile(const Part& part, int64_t c, int64_t lanes) {
  V acc[P][NR];
#pragma GCC unroll 2
  for (int j = 0; j < NR; ++j) {
    const V start = part.bias ? load_lanes<whole>(part.bias + c + j * L, lanes) : V{};
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) acc[p][j] = start;
  }
  for (int64_t r = 0; r < part.rows; ++r) {
    const float *x = part.x[r] + c, *w = part.w[r] + c;
    for (int64_t t = 0; t < part.taps; ++t, x += part.x_step, w += part.w_step)
#pragma GCC unroll 2
      for (int j = 0; j < NR; ++j) {
        const V weight = load(w + j * L);
#pragma GCC unroll 8
        for (int p = 0; p < P; ++p) acc[p][j] += load_lanes<whole>(x + p * part.pixel + j * L, lanes) * weight;
      }
  }
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
    for (int j = 0; j < NR; ++j) store_some(part.out + p * part.out_pixel + c + j * L, acc[p][j], whole ? L : lanes);
}

template <int P>
void all_channels(const Part& part, int64_t channels) {
  int64_t c = 0;
  for (; c + 2 * L <= channels; c += 2 * L) tile<P, 2, true>(part, c, L);
  for (; c + L <= channels; c += L) tile<P, 1, true>(part, c, L);
  if (c < channels) tile<P, 1, false>(part, c, channels - c);
}

// Weights as [tap in the order of memory][channel], rows of whole vectors.
int64_t padded(int64_t channels) { return ceil_div(channels, L) * L; }

struct DepthwiseLast {
  const ConvPlan& plan;
  const float *source, *bias;
  float* result;
  int64_t channels, kernel[3] = {0, 0, 0};
  const float* packed;

  DepthwiseLast(const ConvPlan& p, const float* s, const float* w, const float* b, float* r)
      : plan(p), source(s), bias(b), result(r), channels(p.groups) {
    for (int d = 0; d < 3; ++d)
      for (const AxisJob& job : plan.axis[d].jobs)
        for (int64_t t : job.tap) kernel[d] = std::max(kernel[d], t + 1);
    pack_weights(w);
  }

  void pack_weights(const float* w) {
    const int64_t taps = kernel[0] * kernel[1] * kernel[2], width = padded(channels), *s = plan.w_tap;
    float* to = conv_scratch<float>(kPackedWeights, taps * width);
    packed = to;
    if (plan.w_group == taps && s[2] == 1 && s[1] == kernel[2] && s[0] == kernel[1] * kernel[2])
      return transpose_copy<float>(w, taps, to, width, channels, taps, true);
    for (int64_t t = 0; t < taps; ++t, to += width) {
      const float* from =
          w + t / kernel[2] / kernel[1] * s[0] + t / kernel[2] % kernel[1] * s[1] + t % kernel[2] * s[2];
      for (int64_t c = 0; c < width; ++c) to[c] = c < channels ? from[c * plan.w_group] : 0.0f;
    }
  }

  // Results of one row: those of job `c`, at columns [q0, q1), under taps [t0, t1).
  void run_pixels(Part part, const AxisJob& c, const float* const* rows, int64_t q0, int64_t q1, Reach taps,
                  const float** x, float* out) const {
    const Axis& axis = plan.axis[2];
    const int64_t offset = part.rows && taps.begin < taps.end ? c.offset[taps.begin] : 0;
    part.taps = taps.end - taps.begin;
    for (int64_t q = q0; q < q1;) {
      for (int64_t r = 0; r < part.rows; ++r) x[r] = rows[r] + (axis.pace * q + offset - axis.lo) * channels;
      part.out = out + (c.start + q * c.step) * channels;
      if (q + kPixels <= q1)
        all_channels<kPixels>(part, channels), q += kPixels;
      else if (q + 4 <= q1)
        all_channels<4>(part, channels), q += 4;
      else if (q + 2 <= q1)
        all_channels<2>(part, channels), q += 2;
      else
        all_channels<1>(part, channels), ++q;
    }
  }

  // One row of one image's results.
  void run_row(int64_t image, const AxisJob& a, int64_t q0, const AxisJob& b, int64_t q1) const {
    const Axis* axis = plan.axis;
    const Reach outer = reach_of(axis[0], a, q0), middle = reach_of(axis[1], b, q1);
    const int64_t most = a.tap.size() * b.tap.size(), width = padded(channels);
    const float** rows = conv_scratch<const float*>(kTileResult, 4 * (most + 1));
    const float **taps = rows + most + 1, **x = taps + most + 1, **w = x + most + 1;
    int64_t count = 0;
    for (int64_t i = outer.begin; i < outer.end; ++i)
      for (int64_t j = middle.begin; j < middle.end; ++j, ++count) {
        const int64_t at0 = axis[0].pace * q0 + a.offset[i] - axis[0].lo,
                      at1 = axis[1].pace * q1 + b.offset[j] - axis[1].lo;
        rows[count] = source + ((image * axis[0].size + at0) * axis[1].size + at1) * axis[2].size * channels;
        taps[count] = packed + (a.tap[i] * kernel[1] + b.tap[j]) * kernel[2] * width;
      }
    float* out = result + ((image * axis[0].result + a.start + q0 * a.step) * axis[1].result + b.start + q1 * b.step) *
                              axis[2].result * channels;
    for (const AxisJob& c : axis[2].jobs) {
      Part part{x, w, count, 0, 0, 0, axis[2].pace * channels, c.step * channels, bias, nullptr};
      if (c.tap.size() > 1) {
        part.x_step = (c.offset[1] - c.offset[0]) * channels;
        part.w_step = (c.tap[1] - c.tap[0]) * width;
      }
      for (int64_t q = 0; q < c.count;) {
        const Reach reach = reach_of(axis[2], c, q);
        int64_t last = q + 1;
        if (reach.end - reach.begin == static_cast<int64_t>(c.tap.size())) {  // to the last column that reaches all
          const int64_t far = max_offset(c) - axis[2].lo;
          last = std::clamp<int64_t>(floor_div(axis[2].size - 1 - far, axis[2].pace) + 1, q + 1, c.count);
        }
        const int64_t first = reach.begin < reach.end ? c.tap[reach.begin] : 0;
        for (int64_t r = 0; r < count; ++r) w[r] = taps[r] + first * width;
        run_pixels(part, c, rows, q, last, reach, x, out);
        q = last;
      }
    }
  }

  void run() const {
    struct Line {
      const AxisJob* job;
      int64_t q;
    };
    std::vector<Line> lines[2];
    for (int d = 0; d < 2; ++d) {
      lines[d].resize(plan.axis[d].result);
      for (const AxisJob& job : plan.axis[d].jobs)
        for (int64_t q = 0; q < job.count; ++q) lines[d][job.start + q * job.step] = {&job, q};
    }
    const int64_t height = plan.axis[1].result, depth = plan.axis[0].result;
    const int64_t work = plan.axis[2].result * channels * kernel[0] * kernel[1] * kernel[2];
    parallel_for(plan.n * depth * height, std::max<int64_t>(1, 200000 / (work + 1)), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const Line &a = lines[0][i / height % depth], &b = lines[1][i % height];
        run_row(i / height / depth, *a.job, a.q, *b.job, b.q);
      }
    });
  }
};

// sums[k] += sum over pixels of g[pixel] * x[pixel + tap k] for NK taps and NR vectors of channels.
template <int NK, int NR, bool whole>
void dot_pixels(const float* g, int64_t g_pixel, const float* x, int64_t x_pixel, int64_t x_step, int64_t pixels,
                int64_t lanes, float* sums, int64_t sums_step) {
  V acc[NK][NR];
  for (int k = 0; k < NK; ++k)
    for (int j = 0; j < NR; ++j) acc[k][j] = load(sums + k * sums_step + j * L);
  for (int64_t p = 0; p < pixels; ++p, g += g_pixel, x += x_pixel) {
    V grad[NR];
    for (int j = 0; j < NR; ++j) grad[j] = load_lanes<whole>(g + j * L, lanes);
#pragma GCC unroll 8
    for (int k = 0; k < NK; ++k)
#pragma GCC unroll 2
      for (int j = 0; j < NR; ++j) acc[k][j] += grad[j] * load_lanes<whole>(x + k * x_step + j * L, lanes);
  }
  for (int k = 0; k < NK; ++k)
    for (int j = 0; j < NR; ++j) store(sums + k * sums_step + j * L, acc[k][j]);
}

struct DepthwiseLastWeightGrad {
  const ConvArgs& args;
  ConvPlan plan;
  int64_t channels, width, taps;

  explicit DepthwiseLastWeightGrad(const ConvArgs& a)
      : args(a),
        plan(forward_plan(a)),
        channels(a.groups),
        width(padded(a.groups)),
        taps(a.kernel[0] * a.kernel[1] * a.kernel[2]) {}

  // Taps side by side in one kernel row, on consecutive pixels of one row, all channels.
  void add(const float* g, const float* x, int64_t pixels, int64_t count, float* sums) const {
    const int64_t x_pixel = args.stride[2] * channels, x_step = args.dilation[2] * channels;
    auto blocks = [&](auto NK, int64_t k) {
      constexpr int n = decltype(NK)::value;
      const float* from = x + k * x_step;
      float* to = sums + k * width;
      int64_t c = 0;
      for (; c + 2 * L <= channels; c += 2 * L)
        dot_pixels<n, 2, true>(g + c, channels, from + c, x_pixel, x_step, pixels, L, to + c, width);
      for (; c + L <= channels; c += L)
        dot_pixels<n, 1, true>(g + c, channels, from + c, x_pixel, x_step, pixels, L, to + c, width);
      if (c < channels)
        dot_pixels<n, 1, false>(g + c, channels, from + c, x_pixel, x_step, pixels, channels - c, to + c, width);
    };
    int64_t k = 0;
    for (; k + 5 <= count; k += 5) blocks(std::integral_constant<int, 5>{}, k);
    for (; k + 3 <= count; k += 3) blocks(std::integral_constant<int, 3>{}, k);
    for (; k < count; ++k) blocks(std::integral_constant<int, 1>{}, k);
  }

  // The pixels of one row of the result.
  void add_row(int64_t image, int64_t o0, int64_t o1, float* sums) const {
    const Axis* axis = plan.axis;
    const AxisJob& c = axis[2].jobs[0];
    const Reach outer = reach_of(axis[0], axis[0].jobs[0], o0), middle = reach_of(axis[1], axis[1].jobs[0], o1);
    const float* g =
        static_cast<const float*>(args.y) + ((image * args.out[0] + o0) * args.out[1] + o1) * args.out[2] * channels;
    for (int64_t q = 0; q < c.count;) {
      const Reach reach = reach_of(axis[2], c, q);
      int64_t last = q + 1;
      if (reach.end - reach.begin == args.kernel[2]) {
        const int64_t far = max_offset(c) - axis[2].lo;
        last = std::clamp<int64_t>(floor_div(axis[2].size - 1 - far, axis[2].pace) + 1, q + 1, c.count);
      }
      for (int64_t i = outer.begin; i < outer.end; ++i)
        for (int64_t j = middle.begin; j < middle.end && reach.begin < reach.end; ++j) {
          const int64_t at0 = args.stride[0] * o0 + i * args.dilation[0] - args.pad[0],
                        at1 = args.stride[1] * o1 + j * args.dilation[1] - args.pad[1],
                        at2 = args.stride[2] * q + reach.begin * args.dilation[2] - args.pad[2];
          const float* x = static_cast<const float*>(args.x) +
                           (((image * args.in[0] + at0) * args.in[1] + at1) * args.in[2] + at2) * channels;
          const int64_t tap = (i * args.kernel[1] + j) * args.kernel[2] + reach.begin;
          add(g + q * channels, x, last - q, reach.end - reach.begin, sums + tap * width);
        }
      q = last;
    }
  }

  void run() const {
    const int64_t height = args.out[1], lines = args.n * args.out[0] * height;
    const int64_t chunks = std::clamp<int64_t>(lines / 8, 1, 8), size = taps * width;
    float* partial = conv_scratch<float>(kPartialSums, chunks * size);
    const int64_t work = plan.result_spatial() * args.n * size / chunks;
    parallel_for(chunks, std::max<int64_t>(1, 200000 / (work + 1)), [&](int64_t begin, int64_t end) {
      for (int64_t chunk = begin; chunk < end; ++chunk) {
        float* sums = partial + chunk * size;
        std::fill_n(sums, size, 0.0f);
        for (int64_t i = lines * chunk / chunks; i < lines * (chunk + 1) / chunks; ++i)
          add_row(i / height / args.out[0], i / height % args.out[0], i % height, sums);
      }
    });
    for (int64_t chunk = 1; chunk < chunks; ++chunk)
      for (int64_t i = 0; i < size; ++i) partial[i] += partial[chunk * size + i];
    float* to = static_cast<float*>(args.result);
    for (int64_t t = 0; t < taps; ++t) {
      const int64_t at = t / args.kernel[2] / args.kernel[1] * args.w_stride[2] +
                         t / args.kernel[2] % args.kernel[1] * args.w_stride[3] + t % args.kernel[2] * args.w_stride[4];
      for (int64_t c = 0; c < channels; ++c) to[c * args.w_stride[0] + at] = partial[t * width + c];
    }
  }
};

}  // namespace

void conv_depthwise_last_f32(const ConvPlan& plan, const float* source, const float* w, const float* bias,
                             float* result) {
  DepthwiseLast(plan, source, w, bias, result).run();
}
void conv_depthwise_last_weight_grad_f32(const ConvArgs& args) { DepthwiseLastWeightGrad(args).run(); }

}  // namespace flambeau::cpu::FL_ISA
