// Forward and input gradient of bfloat16 numbers by AVX512-BF16: C[pixel][channel] += X[pixel + tap][pairs of source
// channels] * W[tap][pairs][channel], the taps being the products that the micro-kernel adds up. X is a padded copy,
// pixel after pixel, a tile at a time.
#include "kernels/cpu/conv_common.h"
#include "kernels/cpu/pairs.h"

#if FL_PAIRS

namespace flambeau::cpu::FL_ISA {

namespace {

constexpr int kWidth = kLanes<float>, kPanel = kCols<float>;

struct Job {
  const AxisJob* axis[3];
  std::vector<int64_t> offset, w_offset;  // per tap: into the copy, into w
  int64_t packed_at = 0;
};

struct PairConv {
  const ConvPlan& plan;
  const BFloat16 *source, *w, *bias;
  BFloat16* result;
  int64_t pairs, panels, extent[3], packed_per_group = 0;
  int64_t tile_length = 0, tiles = 1, panel_parts = 1;
  int tile_axis = 0;
  std::vector<Job> jobs;
  const Pair* packed = nullptr;

  PairConv(const ConvPlan& p, const void* from, const void* weights, const void* start, void* to)
      : plan(p),
        source(static_cast<const BFloat16*>(from)),
        w(static_cast<const BFloat16*>(weights)),
        bias(static_cast<const BFloat16*>(start)),
        result(static_cast<BFloat16*>(to)),
        pairs(pair_steps(p.cin)),
        panels(ceil_div(p.cout, kPanel)) {}

  void lay_out() {
    int64_t most[3] = {0, 0, 0}, reach[3] = {0, 0, 0};
    for (int d = 0; d < 3; ++d) {
      for (const AxisJob& job : plan.axis[d].jobs) {
        most[d] = std::max(most[d], job.count);
        reach[d] = std::max(reach[d], max_offset(job));
      }
      extent[d] = (most[d] - 1) * plan.axis[d].pace + reach[d] + 1;
    }
    tile_axis = most[0] > 1 ? 0 : most[1] > 1 ? 1 : 2;
    // A tile's source should fit in the second-level cache.
    const int64_t per_line = pairs * extent[0] * extent[1] * extent[2] / extent[tile_axis], budget = 64 * 1024;
    const int64_t longest = most[tile_axis], pace = plan.axis[tile_axis].pace;
    const int64_t fits = std::max<int64_t>(1, (budget / per_line - reach[tile_axis] - 1) / pace + 1);
    tile_length = ceil_div(longest, ceil_div(longest, fits));
    tiles = ceil_div(longest, tile_length);
    extent[tile_axis] = (tile_length - 1) * pace + reach[tile_axis] + 1;
    const int64_t items = plan.n * plan.groups * tiles;
    if (items < 8) panel_parts = std::min(panels, ceil_div(8, items));
  }

  void add_jobs() {
    for (const AxisJob& a : plan.axis[0].jobs)
      for (const AxisJob& b : plan.axis[1].jobs)
        for (const AxisJob& c : plan.axis[2].jobs) {
          Job job{{&a, &b, &c}, {}, {}, packed_per_group};
          for (size_t i = 0; i < a.tap.size(); ++i)
            for (size_t j = 0; j < b.tap.size(); ++j)
              for (size_t k = 0; k < c.tap.size(); ++k) {
                job.offset.push_back(((a.offset[i] * extent[1] + b.offset[j]) * extent[2] + c.offset[k]) * pairs);
                job.w_offset.push_back(a.tap[i] * plan.w_tap[0] + b.tap[j] * plan.w_tap[1] + c.tap[k] * plan.w_tap[2]);
              }
          packed_per_group += job.offset.size() * tap_size();
          jobs.push_back(std::move(job));
        }
  }

  int64_t tap_size() const { return panels * pairs * kPanel; }

  // Weights as [tap][panel][pair of source channels][kPanel].
  void pack_weights() {
    bool ready;
    Pair* to = packed_weights<Pair>(plan, PackedAs::kPairs, plan.groups * packed_per_group, ready);
    packed = to;
    if (ready) return;
    for (const Job& job : jobs) {
      const int64_t taps = job.offset.size();
      parallel_for(plan.groups * taps, ceil_div(16384, tap_size()), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
          pack_pair_panels(w + i / taps * plan.w_group + job.w_offset[i % taps], plan.w_in, plan.w_out, plan.cin,
                           plan.cout, to + i / taps * packed_per_group + job.packed_at + i % taps * tap_size());
      });
    }
  }

  struct Item {
    int64_t image, group, first_step, panel_begin, panel_end;
  };

  void fill_buffer(const Item& item, Pair* to) const {
    const int64_t spatial = plan.source_spatial(), channels = plan.groups * plan.cin;
    const int64_t pixel = plan.channels_last ? channels : 1, channel = plan.channels_last ? 1 : spatial;
    const BFloat16* from = source + item.image * channels * spatial + item.group * plan.cin * channel;
    int64_t origin[3];
    for (int d = 0; d < 3; ++d)
      origin[d] = (d == tile_axis ? item.first_step * plan.axis[d].pace : 0) - plan.axis[d].lo;
    const Axis* axis = plan.axis;
    const int64_t begin = std::clamp<int64_t>(-origin[2], 0, extent[2]),
                  end = std::clamp<int64_t>(axis[2].size - origin[2], begin, extent[2]);
    for (int64_t b0 = 0; b0 < extent[0]; ++b0)
      for (int64_t b1 = 0; b1 < extent[1]; ++b1, to += extent[2] * pairs) {
        const int64_t at0 = b0 + origin[0], at1 = b1 + origin[1];
        const bool inside = at0 >= 0 && at0 < axis[0].size && at1 >= 0 && at1 < axis[1].size && begin < end;
        const int64_t x0 = inside ? begin : extent[2], x1 = inside ? end : extent[2];
        std::fill_n(to, x0 * pairs, Pair(0));
        if (inside)
          pack_pair_pixels(from + ((at0 * axis[1].size + at1) * axis[2].size + x0 + origin[2]) * pixel, pixel, channel,
                           x1 - x0, plan.cin, to + x0 * pairs);
        std::fill_n(to + x1 * pairs, (extent[2] - x1) * pairs, Pair(0));
      }
  }

  // Sums of m pixels and n channels go to the result: `to` is the first pixel's first channel.
  void write_tile(const float* sums, int64_t m, int64_t n, const float* start, BFloat16* to, int64_t pixel_step) const {
    if (plan.channels_last) {
      for (int64_t r = 0; r < m; ++r, to += pixel_step * plan.groups * plan.cout, sums += kPanel)
        for (int64_t v = 0; v < n; v += kWidth) store_some(to + v, load(sums + v) + load(start + v), n - v);
      return;
    }
    alignas(64) float turned[kPanel * kWidth];
    transpose_copy<float>(sums, kPanel, turned, kWidth, m, n, true);
    for (int64_t c = 0; c < n; ++c, to += plan.result_spatial()) {
      const Vector<float> v = load(turned + c * kWidth) + start[c];
      if (pixel_step == 1)
        store_some(to, v, m);
      else
        for (int64_t r = 0; r < m; ++r) to[r * pixel_step] = BFloat16(v[r]);
    }
  }

  void run_job(const Job& job, const Item& item, const Pair* copy) const {
    int64_t count[3], start[3];
    for (int d = 0; d < 3; ++d) {
      count[d] = job.axis[d]->count;
      start[d] = job.axis[d]->start + (d == tile_axis ? item.first_step * job.axis[d]->step : 0);
    }
    count[tile_axis] = std::min(tile_length, count[tile_axis] - item.first_step);
    if (count[0] <= 0 || count[1] <= 0 || count[2] <= 0) return;
    const int64_t channels = plan.groups * plan.cout, spatial = plan.result_spatial();
    const int64_t parts = ceil_div(count[2], kRows);
    alignas(64) float sums[kRows * kPanel], panel_bias[kPanel] = {0};
    TileArgs<float, Pair> t;
    t.k = pairs;
    t.count = job.offset.size();
    t.a_offsets = job.offset.data();
    t.a_stride = plan.axis[2].pace * pairs;
    t.b_step = tap_size();
    t.c = sums;
    t.c_stride = kPanel;
    for (int64_t panel = item.panel_begin; panel < item.panel_end; ++panel) {
      const int64_t first = item.group * plan.cout + panel * kPanel,
                    n = std::min<int64_t>(kPanel, plan.cout - panel * kPanel);
      for (int64_t c = 0; bias && c < n; ++c) panel_bias[c] = bias[first + c];
      t.b = packed + item.group * packed_per_group + job.packed_at + panel * pairs * kPanel;
      for (int64_t q0 = 0; q0 < count[0]; ++q0)
        for (int64_t q1 = 0; q1 < count[1]; ++q1) {
          const Pair* line = copy + (q0 * plan.axis[0].pace * extent[1] + q1 * plan.axis[1].pace) * extent[2] * pairs;
          const int64_t at =
              ((start[0] + q0 * job.axis[0]->step) * plan.axis[1].result + start[1] + q1 * job.axis[1]->step) *
                  plan.axis[2].result +
              start[2];
          for (int64_t part = 0; part < parts; ++part) {
            const int64_t x0 = count[2] * part / parts, m = count[2] * (part + 1) / parts - x0;
            const int64_t pixel = at + x0 * job.axis[2]->step;
            t.a = line + x0 * t.a_stride;
            pair_kernel(int(m), AKind::kDepthContiguous)(t);
            write_tile(sums, m, n, panel_bias,
                       result + item.image * channels * spatial +
                           (plan.channels_last ? pixel * channels + first : first * spatial + pixel),
                       job.axis[2]->step);
          }
        }
    }
  }

  void run() {
    lay_out();
    add_jobs();
    pack_weights();
    const int64_t items = plan.n * plan.groups * tiles * panel_parts;
    double work = 1.0 * plan.cout * plan.result_spatial() / tiles * plan.cin / panel_parts;
    for (int d = 0; d < 3; ++d) work *= std::max<int64_t>(1, plan.axis[d].jobs[0].tap.size());
    parallel_for(items, std::max<int64_t>(1, static_cast<int64_t>(300000 / std::max(work, 1.0))),
                 [&](int64_t begin, int64_t end) {
                   Pair* copy = conv_scratch<Pair>(kPaddedInput, extent[0] * extent[1] * extent[2] * pairs);
                   int64_t filled = -1;
                   for (int64_t i = begin; i < end; ++i) {
                     const int64_t part = i % panel_parts, rest = i / panel_parts;
                     const Item item{rest / tiles / plan.groups, rest / tiles % plan.groups, rest % tiles * tile_length,
                                     panels * part / panel_parts, panels * (part + 1) / panel_parts};
                     if (filled != rest) fill_buffer(item, copy);
                     filled = rest;
                     for (const Job& job : jobs) run_job(job, item, copy);
                   }
                 });
  }
};

}  // namespace

bool conv_pairs_apply(const ConvPlan& plan) {
  return plan.cin >= 8 && plan.cout >= 24 && plan.n > 0 && plan.result_spatial() > 0 && plan.source_spatial() > 0;
}

void conv_pairs(const ConvPlan& plan, const void* source, const void* w, const void* bias, void* result) {
  PairConv(plan, source, w, bias, result).run();
}

}  // namespace flambeau::cpu::FL_ISA

#endif
