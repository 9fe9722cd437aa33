// The weight gradient of bfloat16 numbers by AVX512-BF16: dW[tap][ic][oc] += sum over pairs of pixels of
// X[pixels + tap][ic] * G[pixels][oc], a few lines of the result at a time. Their pixels are packed once for G, and
// once per tap for X. The tiles are cut into a number of chunks that depends on sizes alone and are added in order.
#include "kernels/cpu/conv_common.h"
#include "kernels/cpu/pairs.h"

#if FL_PAIRS

namespace flambeau::cpu::FL_ISA {

namespace {

constexpr int kPanel = kCols<float>;
constexpr int64_t kSpan = 256, kPixels = 192;  // of one piece of a line, and of a tile, at most
constexpr int64_t kChannels = 4 * kRows;       // source channels that share one packed G

struct PairWeightGrad {
  const ConvArgs& args;
  const ConvPlan plan;
  const int64_t panels, taps;
  int64_t span, spans, rows, blocks, units, extent[3];
  int64_t parts, chunks, sums_size;
  int64_t y_pixel, y_channel;  // strides of G
  float* partial = nullptr;

  explicit PairWeightGrad(const ConvArgs& a)
      : args(a), plan(forward_plan(a)), panels(ceil_div(a.oc, kPanel)), taps(a.kernel[0] * a.kernel[1] * a.kernel[2]) {
    spans = ceil_div(a.out[2], kSpan);
    span = ceil_div(a.out[2], spans);
    rows = std::clamp<int64_t>(kPixels / span, 1, a.out[1]);
    blocks = ceil_div(a.out[1], rows);
    units = a.n * a.out[0] * blocks * spans;
    const int64_t count[3] = {1, rows, span};
    for (int d = 0; d < 3; ++d) extent[d] = (count[d] - 1) * a.stride[d] + (a.kernel[d] - 1) * a.dilation[d] + 1;
    parts = ceil_div(a.ic, kChannels);
    sums_size = taps * a.ic * panels * kPanel;
    const int64_t room = (8 << 20) / (sums_size * a.groups), wanted = ceil_div(16, parts * a.groups);
    chunks = std::clamp<int64_t>(std::min(wanted, room), 1, units);
    y_pixel = a.channels_last ? a.groups * a.oc : 1;
    y_channel = a.channels_last ? 1 : plan.result_spatial();
  }

  struct Unit {
    int64_t image, at[3], rows, span;  // the first pixel, and how many
  };
  Unit unit_at(int64_t i) const {
    const int64_t q2 = i % spans * span, q1 = i / spans % blocks * rows, rest = i / spans / blocks;
    return {rest / args.out[0],
            {rest % args.out[0], q1, q2},
            std::min(rows, args.out[1] - q1),
            std::min(span, args.out[2] - q2)};
  }

  // Some source channels of a group, with room for the copy of X (and its strides), for X and for G in pairs.
  struct Item {
    int64_t group, first, count, pixel, channel;
    BFloat16* copy;
    Pair *x, *g;
  };
  Item item_of(int64_t group, int64_t part) const {
    const int64_t first = args.ic * part / parts, count = args.ic * (part + 1) / parts - first;
    const int64_t pixels = extent[0] * extent[1] * extent[2], most = rows * pair_steps(span);
    return {group,
            first,
            count,
            args.channels_last ? count : 1,
            args.channels_last ? 1 : pixels,
            conv_scratch<BFloat16>(kPaddedInput, pixels * (count + kRows)),
            conv_scratch<Pair>(kPackedWeights, most * kRows),
            conv_scratch<Pair>(kPackedGrad, most * panels * kPanel)};
  }

  void fill_copy(const Unit& unit, const Item& item) const {
    const int64_t spatial = plan.source_spatial(), channels = args.groups * args.ic;
    const int64_t channel = item.group * args.ic + item.first;
    const BFloat16* from = static_cast<const BFloat16*>(args.x) + unit.image * channels * spatial;
    Window window;
    for (int d = 0; d < 3; ++d) {
      window.origin[d] = unit.at[d] * args.stride[d] - args.pad[d];
      window.extent[d] = extent[d];
    }
    if (args.channels_last)
      copy_window_last(plan, window, item.count, from + channel, channels, item.copy);
    else
      copy_window_first(plan, window, item.count, from + channel * spatial, item.copy, item.channel);
  }

  void pack_grad(const Unit& unit, const Item& item) const {
    const int64_t steps = pair_steps(unit.span);
    const BFloat16* y = static_cast<const BFloat16*>(args.y) +
                        unit.image * args.groups * args.oc * plan.result_spatial() + item.group * args.oc * y_channel;
    Pair* to = item.g;
    for (int64_t r = 0; r < unit.rows; ++r, to += panels * steps * kPanel) {
      const int64_t at = (unit.at[0] * args.out[1] + unit.at[1] + r) * args.out[2] + unit.at[2];
      pack_pair_panels(y + at * y_pixel, y_pixel, y_channel, unit.span, args.oc, to);
    }
  }

  // One tap for source channels [c, c + m) of the item, against all panels.
  void add_tap(const Unit& unit, const Item& item, int64_t tap, int64_t c, int64_t m, float* sums) const {
    const int64_t k0 = tap / args.kernel[2] / args.kernel[1], k1 = tap / args.kernel[2] % args.kernel[1],
                  k2 = tap % args.kernel[2], steps = pair_steps(unit.span);
    const BFloat16* from = item.copy + c * item.channel;
    for (int64_t r = 0; r < unit.rows; ++r) {
      const int64_t line = k0 * args.dilation[0] * extent[1] + r * args.stride[1] + k1 * args.dilation[1];
      pack_pair_rows(from + (line * extent[2] + k2 * args.dilation[2]) * item.pixel, item.channel,
                     args.stride[2] * item.pixel, m, unit.span, item.x + r * steps * m);
    }
    TileArgs<float, Pair> t;
    t.k = steps;
    t.count = unit.rows;
    t.a = item.x;
    t.a_stride = m;
    t.a_step = steps * m;
    t.b_step = panels * steps * kPanel;
    t.c_stride = panels * kPanel;
    t.accumulate = true;
    for (int64_t panel = 0; panel < panels; ++panel) {
      t.b = item.g + panel * steps * kPanel;
      t.c = sums + panel * kPanel;
      pair_kernel(int(m), AKind::kRowContiguous)(t);
    }
  }

  void run_item(int64_t chunk, int64_t group, int64_t part) const {
    const Item item = item_of(group, part);
    const int64_t tiles = ceil_div(item.count, kRows);
    float* sums = partial + (chunk * args.groups + group) * sums_size + item.first * panels * kPanel;
    const int64_t tap_size = args.ic * panels * kPanel;
    for (int64_t tap = 0; tap < taps; ++tap) std::fill_n(sums + tap * tap_size, item.count * panels * kPanel, 0.0f);
    for (int64_t i = units * chunk / chunks; i < units * (chunk + 1) / chunks; ++i) {
      const Unit unit = unit_at(i);
      fill_copy(unit, item);
      pack_grad(unit, item);
      for (int64_t tap = 0; tap < taps; ++tap)
        for (int64_t tile = 0; tile < tiles; ++tile) {
          const int64_t c = item.count * tile / tiles, m = item.count * (tile + 1) / tiles - c;
          add_tap(unit, item, tap, c, m, sums + tap * tap_size + c * panels * kPanel);
        }
    }
  }

  // Adds the chunks in order and writes the weights of one source channel at one tap.
  void finish(int64_t group, int64_t tap, int64_t ci) const {
    const int64_t k0 = tap / args.kernel[2] / args.kernel[1], k1 = tap / args.kernel[2] % args.kernel[1],
                  k2 = tap % args.kernel[2];
    const int64_t* s = args.w_stride;
    float* sums = partial + group * sums_size + (tap * args.ic + ci) * panels * kPanel;
    BFloat16* out =
        static_cast<BFloat16*>(args.result) + group * args.oc * s[0] + ci * s[1] + k0 * s[2] + k1 * s[3] + k2 * s[4];
    for (int64_t chunk = 1; chunk < chunks; ++chunk) {
      const float* more = sums + chunk * args.groups * sums_size;
      for (int64_t co = 0; co < args.oc; ++co) sums[co] += more[co];
    }
    for (int64_t co = 0; co < args.oc; ++co) out[co * s[0]] = BFloat16(sums[co]);
  }

  void run() {
    partial = conv_scratch<float>(kPartialSums, chunks * args.groups * sums_size);
    const int64_t work = args.n * plan.result_spatial() * args.oc * args.ic * taps / chunks / parts;
    parallel_for(chunks * args.groups * parts, std::max<int64_t>(1, 300000 / std::max<int64_t>(1, work)),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t i = begin; i < end; ++i)
                     run_item(i / parts / args.groups, i / parts % args.groups, i % parts);
                 });
    parallel_for(args.groups * taps * args.ic, ceil_div(8192, args.oc), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) finish(i / args.ic / taps, i / args.ic % taps, i % args.ic);
    });
  }
};

}  // namespace

// Pixels that are apart in memory one by one, for both packings.
bool conv_pairs_weight_grad_applies(const ConvArgs& args) {
  return args.ic >= 8 && args.oc >= 24 && args.n > 0 && args.out[0] * args.out[1] * args.out[2] > 0 &&
         (args.channels_last || args.stride[2] == 1);
}

void conv_pairs_weight_grad(const ConvArgs& args) { PairWeightGrad(args).run(); }

}  // namespace flambeau::cpu::FL_ISA

#endif
