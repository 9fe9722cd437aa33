// Forward and input gradient with the vector along result channels: C[pixel][channel] += X[pixel + tap][k] *
// W[k][channel]. The native way for (n, spatial..., channels) data; channels-first data with short rows is transposed
// on the way in and out.
#include "kernels/cpu/conv_common.h"

namespace flambeau::cpu::FL_ISA {

namespace {

constexpr int kWidth = kLanes<float>, kPanel = 2 * kWidth;

struct Run {
  int64_t offset, length;  // consecutive floats of the source, relative to the pixel
};

// c[i][NR vectors] (+)= sum over runs and k of x[i][run.offset + k] * b[k][panel].
template <int NR>
void tile(const float* const* x, const Run* runs, int64_t run_count, const float* b, float* const* c, const float* bias,
          bool fresh) {
  constexpr int MR = kPixelRows;
  Vector<float> acc[MR][NR] = {};
  for (int64_t r = 0; r < run_count; ++r) {
    const float* from[MR];
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) from[i] = x[i] + runs[r].offset;
    auto step = [&](int64_t k) __attribute__((always_inline)) {
      Vector<float> weight[NR];
#pragma GCC unroll 2
      for (int j = 0; j < NR; ++j) weight[j] = load(b + j * kWidth);
#pragma GCC unroll 16
      for (int i = 0; i < MR; ++i) {
        const Vector<float> pixel = broadcast(from[i][k]);
#pragma GCC unroll 2
        for (int j = 0; j < NR; ++j) acc[i][j] += pixel * weight[j];
      }
      b += kPanel;
    };
    const int64_t length = runs[r].length;
    int64_t k = 0;
    for (; k + 4 <= length; k += 4) step(k), step(k + 1), step(k + 2), step(k + 3);
    for (; k < length; ++k) step(k);
  }
  Vector<float> start[NR];
  for (int j = 0; j < NR; ++j) start[j] = load(bias + j * kWidth);
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < NR; ++j) store(c[i] + j * kWidth, acc[i][j] + (fresh ? start[j] : load(c[i] + j * kWidth)));
}

struct Job {
  const AxisJob* axis[3];
  std::vector<Run> runs;
  std::vector<int64_t> tap_offset;  // into w, per tap in the order of the runs
  int64_t depth = 0, packed_at = 0;
};

struct PixelsLast {
  const ConvPlan& plan;
  const float *source, *w, *bias;
  float* result;
  std::vector<Job> jobs;
  int64_t extent[3], pixel_stride = 0, image_size = 0;
  int64_t panels = 0, packed_per_group = 0;
  int64_t images = 1, tile_length = 0, tiles = 1, panel_parts = 1;
  int tile_axis = 0;
  bool in_place = false;
  const float* packed = nullptr;

  PixelsLast(const ConvPlan& p, const float* s, const float* weights, const float* b, float* r)
      : plan(p), source(s), w(weights), bias(b), result(r) {}

  void lay_out() {
    int64_t most[3] = {0, 0, 0};
    in_place = plan.channels_last;
    for (int d = 0; d < 3; ++d) {
      const Axis& axis = plan.axis[d];
      int64_t reach = 0, last = 0;
      for (const AxisJob& job : axis.jobs) {
        most[d] = std::max(most[d], job.count);
        reach = std::max(reach, max_offset(job));
        last = std::max(last, (job.count - 1) * axis.pace + max_offset(job));
      }
      extent[d] = (most[d] - 1) * axis.pace + reach + 1;
      in_place &= axis.lo == 0 && last < axis.size;
    }
    tile_axis = most[0] > 1 ? 0 : most[1] > 1 ? 1 : 2;
    panels = ceil_div(plan.cout, kPanel);
    const int64_t pixels = most[0] * most[1] * most[2], longest = most[tile_axis];
    const int64_t reach = extent[tile_axis] - (longest - 1) * plan.axis[tile_axis].pace;
    const int64_t floats_per_step = plan.cin * extent[0] * extent[1] * extent[2] / extent[tile_axis];
    // A tile's source and result should fit in the second-level cache; small images are taken several at a time.
    const int64_t budget = 96 * 1024;
    const int64_t steps =
        std::max<int64_t>(2, (budget / std::max<int64_t>(floats_per_step, 1) - reach) / plan.axis[tile_axis].pace + 1);
    int64_t parts = ceil_div(longest, steps);
    if (parts == 1)
      images = std::clamp<int64_t>(budget / std::max<int64_t>(1, floats_per_step * extent[tile_axis]), 1, plan.n);
    images = std::min(images, std::max<int64_t>(1, ceil_div(512, pixels)));
    const int64_t items = ceil_div(plan.n, images) * plan.groups;
    if (items * parts < 8) {
      panel_parts = std::min(panels, ceil_div(8, items * parts));
    }
    tile_length = ceil_div(longest, parts);
    tiles = ceil_div(longest, tile_length);
    if (in_place) {
      for (int d = 0; d < 3; ++d) extent[d] = plan.axis[d].size;
      pixel_stride = plan.groups * plan.cin;
    } else {
      extent[tile_axis] = (tile_length - 1) * plan.axis[tile_axis].pace + reach;
      pixel_stride = plan.cin;
    }
    image_size = extent[0] * extent[1] * extent[2] * pixel_stride;
  }

  void add_jobs() {
    for (const AxisJob& a : plan.axis[0].jobs)
      for (const AxisJob& b : plan.axis[1].jobs)
        for (const AxisJob& c : plan.axis[2].jobs) add_job(a, b, c);
  }

  void add_job(const AxisJob& a, const AxisJob& b, const AxisJob& c) {
    Job job{{&a, &b, &c}, {}, {}, 0, packed_per_group};
    for (size_t i = 0; i < a.tap.size(); ++i)
      for (size_t j = 0; j < b.tap.size(); ++j)
        for (size_t k = 0; k < c.tap.size(); ++k) {
          const int64_t offset = ((a.offset[i] * extent[1] + b.offset[j]) * extent[2] + c.offset[k]) * pixel_stride;
          job.tap_offset.push_back(a.tap[i] * plan.w_tap[0] + b.tap[j] * plan.w_tap[1] + c.tap[k] * plan.w_tap[2]);
          job.depth += plan.cin;
          if (!job.runs.empty() && job.runs.back().offset + job.runs.back().length == offset)
            job.runs.back().length += plan.cin;
          else
            job.runs.push_back({offset, plan.cin});
        }
    packed_per_group += panels * job.depth * kPanel;
    jobs.push_back(std::move(job));
  }

  // Weights as [panel][tap][source channel][kPanel], the last panel filled up with zeros.
  void pack_weights() {
    bool ready;
    float* to = packed_weights<float>(plan, PackedAs::kPixelsLast, plan.groups * packed_per_group, ready);
    packed = to;
    if (ready) return;
    const int64_t job_count = jobs.size(), lumps = ceil_div(plan.cin, 64);
    parallel_for(plan.groups * panels * lumps, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        for (int64_t j = 0; j < job_count; ++j) {
          const int64_t lump = i % lumps, panel = i / lumps % panels, group = i / lumps / panels;
          pack_panel(jobs[j], panel, lump * 64, std::min(plan.cin, lump * 64 + 64), w + group * plan.w_group,
                     to + group * packed_per_group);
        }
    });
  }

  void pack_panel(const Job& job, int64_t panel, int64_t c0, int64_t c1, const float* from, float* to) const {
    const int64_t first = panel * kPanel, columns = std::min<int64_t>(kPanel, plan.cout - first);
    to += job.packed_at + panel * job.depth * kPanel;
    const int64_t taps = job.tap_offset.size();
    for (int64_t ci = c0; ci < c1; ++ci)
      for (int64_t t = 0; t < taps; ++t) {
        const float* in = from + first * plan.w_out + ci * plan.w_in + job.tap_offset[t];
        float* out = to + (t * plan.cin + ci) * kPanel;
        for (int64_t co = 0; co < columns; ++co) out[co] = in[co * plan.w_out];
        for (int64_t co = columns; co < kPanel; ++co) out[co] = 0;
      }
  }

  struct Item {
    int64_t image, image_count, group, first_step, panel_begin, panel_end;
  };

  // The padded, pixel-major copy of an item's source.
  void fill_buffer(const Item& item, float* to) const {
    float* turned = plan.channels_last ? nullptr : conv_scratch<float>(kWholeInput, plan.source_spatial() * plan.cin);
    Window window;
    for (int d = 0; d < 3; ++d) {
      window.origin[d] = (d == tile_axis ? item.first_step * plan.axis[d].pace : 0) - plan.axis[d].lo;
      window.extent[d] = extent[d];
    }
    for (int64_t m = 0; m < item.image_count; ++m)
      copy_window_pixels(plan, window, source, item.image + m, item.group, turned, to + m * image_size);
  }

  void run_job(const Job& job, const Item& item, const float* from) const {
    int64_t count[3], start[3];
    for (int d = 0; d < 3; ++d) {
      count[d] = job.axis[d]->count;
      start[d] = job.axis[d]->start + (d == tile_axis ? item.first_step * job.axis[d]->step : 0);
    }
    count[tile_axis] = std::min(tile_length, count[tile_axis] - item.first_step);
    if (count[0] <= 0 || count[1] <= 0 || count[2] <= 0) return;
    const int64_t per_image = count[0] * count[1] * count[2], pixels = per_image * item.image_count;
    // Where each pixel starts in the source and in the result (in pixels, within its image).
    int64_t* at = conv_scratch<int64_t>(kPartialSums, pixels + per_image);
    int64_t* to = at + pixels;
    for (int64_t p = 0; p < per_image; ++p) {
      const int64_t q2 = p % count[2], q1 = p / count[2] % count[1], q0 = p / count[2] / count[1];
      at[p] = ((q0 * plan.axis[0].pace * extent[1] + q1 * plan.axis[1].pace) * extent[2] + q2 * plan.axis[2].pace) *
              pixel_stride;
      to[p] = ((start[0] + q0 * job.axis[0]->step) * plan.axis[1].result + start[1] + q1 * job.axis[1]->step) *
                  plan.axis[2].result +
              start[2] + q2 * job.axis[2]->step;
    }
    for (int64_t p = per_image; p < pixels; ++p) at[p] = at[p - per_image] + image_size;
    float* hold = conv_scratch<float>(kTileResult, (pixels + 1) * kPanel);
    for (int64_t panel = item.panel_begin; panel < item.panel_end; ++panel)
      run_panel(job, item, from, panel, pixels, per_image, at, to, hold);
  }

  void run_panel(const Job& job, const Item& item, const float* from, int64_t panel, int64_t pixels, int64_t per_image,
                 const int64_t* at, const int64_t* to, float* hold) const {
    const int64_t first = panel * kPanel, columns = std::min<int64_t>(kPanel, plan.cout - first);
    const int64_t channels = plan.groups * plan.cout, spatial = plan.result_spatial();
    float panel_bias[kPanel] = {0};
    if (bias) std::copy_n(bias + item.group * plan.cout + first, columns, panel_bias);
    const bool direct = plan.channels_last && (columns == kPanel || columns == kWidth);
    float* out = result + item.image * spatial * channels +
                 (plan.channels_last ? item.group * plan.cout + first : (item.group * plan.cout + first) * spatial);
    const float* b = packed + item.group * packed_per_group + job.packed_at + panel * job.depth * kPanel;
    const int64_t run_count = job.runs.size();
    int64_t r0 = 0;
    do {  // as many runs at a time as leave their weights in the second-level cache
      int64_t r1 = r0, depth = 0;
      while (r1 < run_count && (r1 == r0 || depth + job.runs[r1].length <= 2400)) depth += job.runs[r1++].length;
      for (int64_t p = 0; p < pixels; p += kPixelRows) {
        const float* x[kPixelRows];
        float* c[kPixelRows];
        for (int64_t i = 0; i < kPixelRows; ++i) {
          const int64_t q = std::min(p + i, pixels - 1);
          x[i] = from + at[q];
          if (direct)
            c[i] = p + i < pixels ? out + ((q / per_image) * spatial + to[q % per_image]) * channels : hold;
          else
            c[i] = p + i < pixels ? hold + q * kPanel : hold + pixels * kPanel;
        }
        (columns <= kWidth ? tile<1> : tile<2>)(x, job.runs.data() + r0, r1 - r0, b, c, panel_bias, r0 == 0);
      }
      b += depth * kPanel;
      r0 = r1;
    } while (r0 < run_count);
    if (direct) return;
    for (int64_t m = 0; m < item.image_count; ++m, hold += per_image * kPanel, out += spatial * channels)
      write_out(job, columns, per_image, to, hold, out);
  }

  void finish(const Item& item) const {
    int64_t inner = 1;
    for (int d = tile_axis + 1; d < 3; ++d) inner *= plan.axis[d].result;
    const int64_t last_step = std::min(item.first_step + tile_length, plan.axis[tile_axis].result);
    const int64_t channel = item.panel_begin * kPanel, end = std::min(plan.cout, item.panel_end * kPanel);
    for (int64_t m = 0; m < item.image_count; ++m)
      finish_results(plan, item.image + m, item.group * plan.cout + channel, end - channel, item.first_step * inner,
                     last_step * inner);
  }

  void write_out(const Job& job, int64_t columns, int64_t per_image, const int64_t* to, const float* hold,
                 float* out) const {
    const int64_t channels = plan.groups * plan.cout, spatial = plan.result_spatial();
    if (plan.channels_last) {
      for (int64_t p = 0; p < per_image; ++p)
        std::memcpy(out + to[p] * channels, hold + p * kPanel, columns * sizeof(float));
    } else if (to[per_image - 1] - to[0] == per_image - 1) {
      transpose_copy<float>(hold, kPanel, out + to[0], spatial, per_image, columns);
    } else {
      for (int64_t co = 0; co < columns; ++co)
        for (int64_t p = 0; p < per_image; ++p) out[co * spatial + to[p]] = hold[p * kPanel + co];
    }
  }

  void run() {
    lay_out();
    add_jobs();
    pack_weights();
    const int64_t blocks = ceil_div(plan.n, images), items = blocks * plan.groups * tiles * panel_parts;
    double work = 2.0 * images * plan.cout * plan.result_spatial() / tiles * plan.cin / panel_parts;
    for (int d = 0; d < 3; ++d) work *= std::max<int64_t>(1, plan.axis[d].jobs[0].tap.size());
    parallel_for(items, std::max<int64_t>(1, static_cast<int64_t>(300000 / std::max(work, 1.0))),
                 [&](int64_t begin, int64_t end) {
                   float* copy = in_place ? nullptr : conv_scratch<float>(kPaddedInput, images * image_size);
                   int64_t filled = -1;
                   for (int64_t i = begin; i < end; ++i) {
                     const int64_t part = i % panel_parts, rest = i / panel_parts;
                     Item item;
                     item.first_step = rest % tiles * tile_length;
                     item.group = rest / tiles % plan.groups;
                     item.image = rest / tiles / plan.groups * images;
                     item.image_count = std::min(images, plan.n - item.image);
                     item.panel_begin = panels * part / panel_parts;
                     item.panel_end = panels * (part + 1) / panel_parts;
                     const float* from = copy;
                     if (in_place) {
                       int64_t inner = pixel_stride;
                       for (int d = tile_axis + 1; d < 3; ++d) inner *= plan.axis[d].size;
                       from = source + item.image * image_size + item.first_step * plan.axis[tile_axis].pace * inner +
                              item.group * plan.cin;
                     } else if (filled != rest) {
                       fill_buffer(item, copy);
                       filled = rest;
                     }
                     for (const Job& job : jobs) run_job(job, item, from);
                     if (plan.then && has_one_job(plan)) finish(item);
                   }
                 });
  }
};

}  // namespace

void conv_pixels_last_f32(const ConvPlan& plan, const float* source, const float* w, const float* bias, float* result) {
  if (plan.n == 0 || plan.cout == 0 || plan.groups == 0 || plan.result_spatial() == 0) return;
  PixelsLast(plan, source, w, bias, result).run();
}

}  // namespace flambeau::cpu::FL_ISA
