// Convolutions of a few source channels, channels-first, as matrix products of weights and columns: what lies under
// every tap, for some hundred pixels of the result, is gathered into panels from padded planes, where it is a plain
// copy.
#include "kernels/cpu/conv_planes.h"

namespace flambeau::cpu::FL_ISA {

namespace {

constexpr int kPanel = kCols<float>;
constexpr int64_t kDepth = 320, kPixels = 320;  // of a block of columns: it stays in the second-level cache

// A vector of a panel's first row.
struct Entry {
  int64_t from, to;
};

struct Columns {
  const ConvPlan& plan;
  const float *source, *w, *bias;
  float* result;
  Planes planes;
  const AxisJob *a, *b, *c;
  int64_t pixels, batch = 1, tiles, channels;  // images of a unit, tiles of result channels, source channels of a block
  std::vector<int64_t> place, w_at;            // per tap
  const float* packed = nullptr;

  Columns(const ConvPlan& p, const float* s, const float* weights, const float* start, float* r)
      : plan(p),
        source(s),
        w(weights),
        bias(start),
        result(r),
        planes(p, rows_of_band(p)),
        a(&p.axis[0].jobs[0]),
        b(&p.axis[1].jobs[0]),
        c(&p.axis[2].jobs[0]),
        pixels(p.result_spatial()),
        tiles(ceil_div(p.cout, kRows)) {
    if (planes.bands == 1) batch = std::clamp<int64_t>(kPixels / pixels, 1, p.n);
    for (size_t i = 0; i < a->tap.size(); ++i)
      for (size_t j = 0; j < b->tap.size(); ++j)
        for (size_t k = 0; k < c->tap.size(); ++k) {
          place.push_back(planes.place(a->offset[i], b->offset[j], c->offset[k]));
          w_at.push_back(a->tap[i] * plan.w_tap[0] + b->tap[j] * plan.w_tap[1] + c->tap[k] * plan.w_tap[2]);
        }
    channels = ceil_div(plan.cin, ceil_div(plan.cin * taps(), kDepth));
  }

  static int64_t rows_of_band(const ConvPlan& plan) {
    const int64_t size[3] = {plan.axis[0].result, plan.axis[1].result, plan.axis[2].result};
    const int64_t rows = size[0] > 1 ? size[0] : size[1], pixels = size[0] * size[1] * size[2];
    return ceil_div(rows, ceil_div(pixels, kPixels));
  }

  int64_t taps() const { return place.size(); }
  int64_t first_row(int64_t tile) const { return plan.cout * tile / tiles; }

  // Tiles of [source channel and tap][row].
  void pack_weights() {
    bool ready;
    float* to = packed_weights<float>(plan, PackedAs::kColumns, plan.groups * plan.cout * plan.cin * taps(), ready);
    packed = to;
    if (ready) return;
    for (int64_t group = 0; group < plan.groups; ++group)
      for (int64_t tile = 0; tile < tiles; ++tile)
        for (int64_t ci = 0; ci < plan.cin; ++ci)
          for (int64_t at : w_at)
            for (int64_t row = first_row(tile); row < first_row(tile + 1); ++row)
              *to++ = w[group * plan.w_group + row * plan.w_out + ci * plan.w_in + at];
  }

  // Some images, or a band of one.
  struct Unit {
    int64_t group, image, images, first, outer, rows;  // outer, rows: of the result, per image
    int64_t count(const ConvPlan& plan) const { return images * outer * rows * plan.axis[2].result; }
  };
  Unit unit_at(int64_t i) const {
    const int64_t blocks = ceil_div(plan.n, batch), image = i / planes.bands % blocks * batch;
    Unit unit{i / planes.bands / blocks,
              image,
              std::min(batch, plan.n - image),
              i % planes.bands * planes.band,
              plan.axis[0].result,
              plan.axis[1].result};
    int64_t& cut = planes.tile_axis == 0 ? unit.outer : unit.rows;
    cut = std::min(planes.band, cut - unit.first);
    return unit;
  }

  // Vectors in the order of pixels, cut where panels end: what one writes too much the next one overwrites.
  std::vector<Entry> entries_of(const Unit& unit, int64_t panel_size) const {
    std::vector<Entry> entries;
    int64_t p = 0;
    for (int64_t m = 0; m < unit.images; ++m)
      for (int64_t q0 = 0; q0 < unit.outer; ++q0)
        for (int64_t q1 = 0; q1 < unit.rows; ++q1) {
          const int64_t from =
              m * channels * planes.size + q0 * planes.depth_apart() + q1 * plan.axis[1].pace * planes.line;
          for (int64_t done = 0; done < c->count;) {
            const int64_t column = p % kPanel, lanes = std::min<int64_t>({L, c->count - done, kPanel - column});
            entries.push_back({from + done, p / kPanel * panel_size + column});
            done += lanes, p += lanes;
          }
        }
    return entries;
  }

  // Columns of source channels [c0, c0 + now).
  void gather(const Unit& unit, const std::vector<Entry>& entries, int64_t c0, int64_t now, float* copies,
              float* to) const {
    const int64_t spatial = plan.source_spatial();
    for (int64_t m = 0; m < unit.images; ++m)
      for (int64_t ci = 0; ci < now; ++ci)
        planes.fill(source + (((unit.image + m) * plan.groups + unit.group) * plan.cin + c0 + ci) * spatial, unit.first,
                    copies + (m * channels + ci) * planes.size);
    for (int64_t ci = 0; ci < now; ++ci, copies += planes.size)
      for (int64_t tap : place) {
        const float* const from = copies + tap;
        for (const Entry& e : entries) store(to + e.to, load(from + e.from));
        to += kPanel;
      }
  }

  void run_unit(const Unit& unit) const {
    const int64_t count = unit.count(plan), panels = ceil_div(count, kPanel);
    const int64_t panel_size = channels * taps() * kPanel + L, depth = plan.cin * taps();
    const std::vector<Entry> entries = entries_of(unit, panel_size);
    float* columns = conv_scratch<float>(kWholeInput, panels * panel_size);
    if (count % kPanel) std::fill_n(columns + (panels - 1) * panel_size, panel_size, 0.0f);
    float* copies = planes.room(unit.images * channels);
    const bool direct = unit.images == 1;
    const int64_t channel = unit.group * plan.cout;
    const int64_t start = unit.first * pixels / (planes.tile_axis == 0 ? plan.axis[0].result : plan.axis[1].result);
    TileArgs<float> t;
    t.c_stride = direct ? pixels : panels * kPanel;
    float* to = direct ? result + (unit.image * plan.groups * plan.cout + channel) * pixels + start
                       : conv_scratch<float>(kTileResult, plan.cout * t.c_stride);
    for (int64_t c0 = 0; c0 < plan.cin; c0 += channels) {
      const int64_t now = std::min(channels, plan.cin - c0);
      gather(unit, entries, c0, now, copies, columns);
      t.k = now * taps();
      t.accumulate = c0 > 0;
      for (int64_t tile = 0; tile < tiles; ++tile) {
        const int64_t row = first_row(tile), rows = first_row(tile + 1) - row;
        t.a = packed + (channel + row) * depth + c0 * taps() * rows;
        t.a_stride = rows;
        t.row_bias = bias && c0 == 0 ? bias + channel + row : nullptr;
        for (int64_t p = 0; p < panels; ++p) {
          t.n = direct ? std::min<int64_t>(kPanel, count - p * kPanel) : kPanel;
          t.b = columns + p * panel_size;
          t.c = to + row * t.c_stride + p * kPanel;
          tile_kernel<float>(rows, t.n, AKind::kRowContiguous)(t);
        }
      }
    }
    if (direct) return finish_results(plan, unit.image, channel, plan.cout, start, start + count);
    for (int64_t m = 0; m < unit.images; ++m) {
      for (int64_t co = 0; co < plan.cout; ++co)
        std::memcpy(result + ((unit.image + m) * plan.groups * plan.cout + channel + co) * pixels,
                    to + co * t.c_stride + m * pixels, pixels * sizeof(float));
      finish_results(plan, unit.image + m, channel, plan.cout, 0, pixels);
    }
  }

  void run() {
    pack_weights();
    const int64_t units = plan.groups * ceil_div(plan.n, batch) * planes.bands;
    const int64_t work = 2 * plan.cin * taps() * plan.cout * std::min(pixels, kPixels);
    parallel_for(units, std::max<int64_t>(1, 300000 / work), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) run_unit(unit_at(i));
    });
  }
};

}  // namespace

bool columns_apply(const ConvPlan& plan) {
  if (!has_one_job(plan)) return false;
  int64_t depth = plan.cin;
  for (const Axis& axis : plan.axis) depth *= axis.jobs[0].tap.size();
  return !plan.channels_last && plan.cin < 16 && plan.cout >= 32 && depth >= 16;
}

void conv_columns_f32(const ConvPlan& plan, const float* source, const float* w, const float* bias, float* result) {
  Columns(plan, source, w, bias, result).run();
}

}  // namespace flambeau::cpu::FL_ISA
