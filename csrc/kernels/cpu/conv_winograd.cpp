// 3 x 3 convolutions of stride 1 by F(2 x 2, 3 x 3) (Lavin and Gray, arXiv 1509.09308): with d a 4 x 4 patch of the
// source, y = A' [(G w G') * (B' d B)] A, and 16 matrix products over channels do the elementwise products of all
// patches at once. The weight gradient is the same backwards: dw = G' [sum over patches (B' d B) * (A g A')] G.
#include "kernels/cpu/conv_planes.h"

namespace flambeau::cpu::FL_ISA {

namespace {

constexpr int kWidth = kLanes<float>, kPanel = kCols<float>, kPoints = 16;

// B' d B, kept as [row][column] of the 4 x 4 patch.
inline void patch_transform(const V (&d)[4][4], V (&out)[4][4]) {
  V t[4][4];
  for (int j = 0; j < 4; ++j) {
    t[0][j] = d[0][j] - d[2][j];
    t[1][j] = d[1][j] + d[2][j];
    t[2][j] = d[2][j] - d[1][j];
    t[3][j] = d[1][j] - d[3][j];
  }
  for (int i = 0; i < 4; ++i) {
    out[i][0] = t[i][0] - t[i][2];
    out[i][1] = t[i][1] + t[i][2];
    out[i][2] = t[i][2] - t[i][1];
    out[i][3] = t[i][1] - t[i][3];
  }
}

// G w G'
inline void weight_transform(const V (&w)[3][3], V (&out)[4][4]) {
  V t[4][3];
  const V half = broadcast(0.5f);
  for (int j = 0; j < 3; ++j) {
    t[0][j] = w[0][j];
    t[1][j] = (w[0][j] + w[1][j] + w[2][j]) * half;
    t[2][j] = (w[0][j] - w[1][j] + w[2][j]) * half;
    t[3][j] = w[2][j];
  }
  for (int i = 0; i < 4; ++i) {
    out[i][0] = t[i][0];
    out[i][1] = (t[i][0] + t[i][1] + t[i][2]) * half;
    out[i][2] = (t[i][0] - t[i][1] + t[i][2]) * half;
    out[i][3] = t[i][2];
  }
}

// A' m, for the 16 products of a patch, which lie `stride` apart.
inline void sum_rows(const float* products, int64_t stride, V (&out)[2][4]) {
  for (int j = 0; j < 4; ++j) {
    const float* m = products + j * stride;
    const V m0 = load(m), m1 = load(m + 4 * stride), m2 = load(m + 8 * stride), m3 = load(m + 12 * stride);
    out[0][j] = m0 + m1 + m2;
    out[1][j] = m1 - m2 - m3;
  }
}

// The adjoint: G' u G
inline void weight_transform_back(const V (&u)[4][4], V (&out)[3][3]) {
  V t[3][4];
  const V half = broadcast(0.5f);
  for (int j = 0; j < 4; ++j) {
    t[0][j] = u[0][j] + (u[1][j] + u[2][j]) * half;
    t[1][j] = (u[1][j] - u[2][j]) * half;
    t[2][j] = (u[1][j] + u[2][j]) * half + u[3][j];
  }
  for (int i = 0; i < 3; ++i) {
    out[i][0] = t[i][0] + (t[i][1] + t[i][2]) * half;
    out[i][1] = (t[i][1] - t[i][2]) * half;
    out[i][2] = (t[i][1] + t[i][2]) * half + t[i][3];
  }
}

// Patches of some images' rows: the unit of work. Images are taken whole and several at a time, or cut by rows.
struct Span {
  int64_t image, images, row, rows;  // rows of patches
};

// Splits (images x rows of patches) into spans of about `target` patches.
struct Spans {
  int64_t n, rows, columns, images_per_span = 1, rows_per_span, spans_per_image = 1;
  Spans(int64_t n, int64_t rows, int64_t columns, int64_t target)
      : n(n), rows(rows), columns(columns), rows_per_span(rows) {
    if (rows * columns > target) {
      spans_per_image = ceil_div(rows, std::max<int64_t>(1, target / columns));
      rows_per_span = ceil_div(rows, spans_per_image);
      spans_per_image = ceil_div(rows, rows_per_span);
    } else {
      images_per_span = std::min(n, target / (rows * columns));
    }
  }
  int64_t count() const { return ceil_div(n, images_per_span) * spans_per_image; }
  int64_t patches() const { return images_per_span * rows_per_span * columns; }  // at most, per span
  Span at(int64_t i) const {
    Span span;
    span.image = i / spans_per_image * images_per_span;
    span.images = std::min(images_per_span, n - span.image);
    span.row = i % spans_per_image * rows_per_span;
    span.rows = std::min(rows_per_span, rows - span.row);
    return span;
  }
};

// One point's matrix of patches x channels starts this many floats after the previous point's; the extra line keeps
// the 16 matrices out of each other's cache sets.
inline int64_t point_stride(int64_t patches, int64_t channels) { return patches * channels + 16; }

// Where the transformed patches of a span go: to[point][patch][channel], or to[point][panel of
// channels][patch][kPanel].
struct PatchLayout {
  int64_t point, patch, panel;  // from one to the next
  static PatchLayout rows(int64_t patches, int64_t channels) {
    return {point_stride(patches, channels), channels, kPanel};
  }
  static PatchLayout panels(int64_t patches, int64_t channels) {
    return {point_stride(patches, ceil_div(channels, kPanel) * kPanel), kPanel, patches * kPanel};
  }
};

// Patches of a span, transformed. `kSize` 4: 4 x 4 overlapping patches under B' d B; 2: 2 x 2 patches of a gradient
// under A g A'.
template <int kSize>
void transform_patches(const ConvPlan& plan, const float* source, int64_t group, const Span& span, int64_t columns,
                       float* to, const PatchLayout& layout) {
  const int64_t c = plan.cin, width = 2 * columns + kSize - 2, height = 2 * span.rows + kSize - 2;
  float* pixels = conv_scratch<float>(kPaddedInput, height * width * c);
  float* turned = plan.channels_last ? nullptr : conv_scratch<float>(kWholeInput, plan.source_spatial() * c);
  for (int64_t m = 0; m < span.images; ++m) {
    const Window window{{0, 2 * span.row - plan.axis[1].lo, -plan.axis[2].lo}, {1, height, width}};
    copy_window_pixels(plan, window, source, span.image + m, group, turned, pixels);
    for (int64_t y = 0; y < span.rows; ++y)
      for (int64_t x = 0; x < columns; ++x, to += layout.patch) {
        const float* from = pixels + (2 * y * width + 2 * x) * c;
        for (int64_t k = 0; k < c; k += kWidth) {
          V d[kSize][kSize], out[4][4];
          for (int i = 0; i < kSize; ++i)
            for (int j = 0; j < kSize; ++j) d[i][j] = load(from + (i * width + j) * c + k);
          if constexpr (kSize == 4) {
            patch_transform(d, out);
          } else {
            V t[4][2];
            for (int j = 0; j < 2; ++j) {
              t[0][j] = d[0][j];
              t[1][j] = d[0][j] + d[1][j];
              t[2][j] = d[0][j] - d[1][j];
              t[3][j] = -d[1][j];
            }
            for (int i = 0; i < 4; ++i) {
              out[i][0] = t[i][0];
              out[i][1] = t[i][0] + t[i][1];
              out[i][2] = t[i][0] - t[i][1];
              out[i][3] = -t[i][1];
            }
          }
          float* at = to + k / kPanel * layout.panel + k % kPanel;
          for (int i = 0; i < 4; ++i)
            for (int j = 0; j < 4; ++j) store(at + (i * 4 + j) * layout.point, out[i][j]);
        }
      }
  }
}

struct Winograd {
  const ConvPlan& plan;
  const float *source, *w, *bias;
  float* result;
  int64_t rows, columns, panels;
  const float* packed = nullptr;  // [group][point][panel][source channel][kPanel]

  Winograd(const ConvPlan& p, const float* s, const float* weights, const float* b, float* r)
      : plan(p), source(s), w(weights), bias(b), result(r) {
    rows = ceil_div(plan.axis[1].result, 2);
    columns = ceil_div(plan.axis[2].result, 2);
    panels = ceil_div(plan.cout, kPanel);
  }

  int64_t packed_point() const { return panels * plan.cin * kPanel; }

  void pack_weights() {
    bool ready;
    float* to = packed_weights<float>(plan, PackedAs::kWinograd, plan.groups * kPoints * packed_point(), ready);
    packed = to;
    if (ready) return;
    const int64_t lumps = ceil_div(plan.cin, kWidth);
    parallel_for(plan.groups * panels * lumps, 4, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t group = i / lumps / panels, panel = i / lumps % panels;
        for (int64_t half = 0; half < 2; ++half)
          pack_block(group, panel * kPanel + half * kWidth, i % lumps * kWidth,
                     to + group * kPoints * packed_point() + panel * plan.cin * kPanel + half * kWidth);
      }
    });
  }

  // Weights of kWidth result channels and kWidth source channels.
  void pack_block(int64_t group, int64_t co, int64_t ci, float* to) const {
    const AxisJob &y = plan.axis[1].jobs[0], &x = plan.axis[2].jobs[0];
    int64_t at[3][3];
    for (int i = 0; i < 3; ++i)
      for (int j = 0; j < 3; ++j) at[y.offset[i]][x.offset[j]] = y.tap[i] * plan.w_tap[1] + x.tap[j] * plan.w_tap[2];
    const float* from = w + group * plan.w_group + co * plan.w_out + ci * plan.w_in;
    float turned[kWidth * 9 * kWidth];
    const bool dense_rows = plan.w_in == 9, dense_columns = plan.w_out == 9;  // whose 3 x 3 kernels lie side by side?
    if (co < plan.cout && dense_rows) transpose_copy<float>(from, plan.w_out, turned, kWidth, kWidth, 9 * kWidth);
    for (int64_t c = 0; c < kWidth; ++c) {
      V kernel[3][3] = {}, out[4][4];
      if (co >= plan.cout) {
        // the last panel's second half may be empty
      } else if (dense_rows) {
        for (int i = 0; i < 3; ++i)
          for (int j = 0; j < 3; ++j) kernel[i][j] = load(turned + (c * 9 + at[i][j]) * kWidth);
      } else {
        const float* here = from + c * plan.w_in;
        if (dense_columns) transpose_copy<float>(here, 9, turned, kWidth, kWidth, 9);
        for (int i = 0; i < 3; ++i)
          for (int j = 0; j < 3; ++j) {
            if (dense_columns) {
              kernel[i][j] = load(turned + at[i][j] * kWidth);
            } else {
              for (int l = 0; l < kWidth; ++l) kernel[i][j][l] = here[l * plan.w_out + at[i][j]];
            }
          }
      }
      weight_transform(kernel, out);
      for (int p = 0; p < kPoints; ++p) store(to + p * packed_point() + (ci + c) * kPanel, out[p / 4][p % 4]);
    }
  }

  // products[point][patch][result channel] for some panels of one point.
  void multiply(int64_t group, int64_t point, int64_t panel0, int64_t panel1, int64_t patches, const float* v,
                int64_t v_stride, float* products, int64_t stride) const {
    TileArgs<float> args;
    args.k = plan.cin;
    args.a_stride = plan.cin;
    args.c_stride = plan.cout;
    for (int64_t panel = panel0; panel < panel1; ++panel) {
      args.n = std::min<int64_t>(kPanel, plan.cout - panel * kPanel);
      args.b = packed + (group * kPoints + point) * packed_point() + panel * plan.cin * kPanel;
      for (int64_t t = 0; t < patches; t += kRows) {
        args.a = v + point * v_stride + t * plan.cin;
        args.c = products + point * stride + t * plan.cout + panel * kPanel;
        tile_kernel<float>(std::min<int64_t>(kRows, patches - t), args.n, AKind::kDepthContiguous)(args);
      }
    }
  }

  // A' m A plus bias, to the result's pixels.
  void finish(int64_t group, const Span& span, const float* products, int64_t stride) const {
    const int64_t c = plan.cout, height = plan.axis[1].result, width = plan.axis[2].result;
    const int64_t channels = plan.groups * c, spatial = height * width;
    const int64_t y0 = 2 * span.row, y1 = std::min(height, 2 * (span.row + span.rows));
    const float* group_bias = bias ? bias + group * c : nullptr;
    float* hold = plan.channels_last ? nullptr : conv_scratch<float>(kTileResult, (y1 - y0) * width * c);
    for (int64_t m = 0; m < span.images; ++m) {
      float* image = result + (span.image + m) * spatial * channels;
      float* out = plan.channels_last ? image + y0 * width * channels + group * c : hold;
      const int64_t pixel = plan.channels_last ? channels : c;
      for (int64_t y = y0; y < y1; y += 2)
        for (int64_t x = 0; x < width; x += 2, products += c)
          finish_patch(products, stride, group_bias, out + ((y - y0) * width + x) * pixel, pixel, width * pixel,
                       y + 1 < y1, x + 1 < width);
      if (!plan.channels_last)
        transpose_copy<float>(hold, c, image + group * c * spatial + y0 * width, spatial, (y1 - y0) * width, c);
      finish_results(plan, span.image + m, group * c, c, y0 * width, y1 * width);
    }
  }

  void finish_patch(const float* products, int64_t stride, const float* group_bias, float* out, int64_t pixel,
                    int64_t row, bool two_rows, bool two_columns) const {
    for (int64_t k = 0; k < plan.cout; k += kWidth) {
      V t[2][4];
      sum_rows(products + k, stride, t);
      const V start = group_bias ? load(group_bias + k) : V{};
      for (int i = 0; i < (two_rows ? 2 : 1); ++i) {
        store(out + i * row + k, t[i][0] + t[i][1] + t[i][2] + start);
        if (two_columns) store(out + i * row + pixel + k, t[i][1] - t[i][2] - t[i][3] + start);
      }
    }
  }

  // Every span by itself: source, products and weights stay in one core's cache.
  void run_spans(const Spans& spans) const {
    const PatchLayout layout = PatchLayout::rows(spans.patches(), plan.cin);
    const int64_t v_stride = layout.point, m_stride = point_stride(spans.patches(), plan.cout);
    parallel_for(spans.count() * plan.groups, 1, [&](int64_t begin, int64_t end) {
      float* v = conv_scratch<float>(kPartialSums, kPoints * v_stride);
      float* products = conv_scratch<float>(kProducts, kPoints * m_stride);
      for (int64_t i = begin; i < end; ++i) {
        const int64_t group = i % plan.groups;
        const Span span = spans.at(i / plan.groups);
        transform_patches<4>(plan, source, group, span, columns, v, layout);
        for (int64_t p = 0; p < kPoints; ++p)
          multiply(group, p, 0, panels, span.images * span.rows * columns, v, v_stride, products, m_stride);
        finish(group, span, products, m_stride);
      }
    });
  }

  // ---- the same on channels-first data whose rows are long: vectors run along patches, nothing is transposed

  // The patches as results of a convolution of stride 2 with a 4 x 4 kernel.
  static ConvPlan patch_plan(const ConvPlan& plan, int64_t rows, int64_t columns) {
    ConvPlan patches = plan;
    for (int d = 1; d < 3; ++d) {
      patches.axis[d].pace = 2;
      patches.axis[d].jobs = {{d == 1 ? rows : columns, 0, 1, {0, 1, 2, 3}, {0, 1, 2, 3}}};
    }
    return patches;
  }

  // One channel's patches of some rows: to[point][patch]. What a row writes too much the next one overwrites.
  void transform_rows(const Planes& planes, const float* copy, int64_t count, float* to, int64_t stride) const {
    for (int64_t y = 0; y < count; ++y, copy += 2 * planes.line)
      for (int64_t x = 0; x < columns; x += kWidth) {
        V d[4][4], out[4][4];
        for (int i = 0; i < 4; ++i)
          for (int j = 0; j < 4; ++j) d[i][j] = load(copy + i * planes.line + j % 2 * planes.pitch + j / 2 + x);
        patch_transform(d, out);
        for (int p = 0; p < kPoints; ++p) store(to + p * stride + y * columns + x, out[p / 4][p % 4]);
      }
  }

  // products[result channel][patch] of one point.
  void multiply_rows(int64_t group, int64_t point, int64_t width, const float* v, float* products) const {
    TileArgs<float> args;
    args.k = plan.cin;
    args.a_stride = kPanel;
    args.b_stride = args.c_stride = width;
    for (int64_t panel = 0; panel < panels; ++panel) {
      const float* weights = packed + (group * kPoints + point) * packed_point() + panel * plan.cin * kPanel;
      const int64_t channels = std::min<int64_t>(kPanel, plan.cout - panel * kPanel), parts = ceil_div(channels, kRows);
      for (int64_t i = 0; i < parts; ++i) {
        const int64_t row = channels * i / parts, rows = channels * (i + 1) / parts - row;
        for (int64_t p = 0; p < width; p += kPanel) {
          args.n = std::min<int64_t>(kPanel, width - p);
          args.a = weights + row;
          args.b = v + p;
          args.c = products + (panel * kPanel + row) * width + p;
          tile_kernel<float>(rows, args.n, AKind::kRowContiguous)(args);
        }
      }
    }
  }

  // One channel's results of some rows of patches.
  void finish_rows(const float* products, int64_t stride, const Span& span, float start, float* out) const {
    const int64_t height = plan.axis[1].result, width = plan.axis[2].result;
    for (int64_t y = 2 * span.row; y < std::min(height, 2 * (span.row + span.rows)); y += 2, products += columns)
      for (int64_t x = 0; x < columns; x += kWidth) {
        V t[2][4];
        sum_rows(products + x, stride, t);
        for (int i = 0; i < (y + 1 < height ? 2 : 1); ++i) {
          V left, right;
          join_phases(t[i][0] + t[i][1] + t[i][2] + start, t[i][1] - t[i][2] - t[i][3] + start, left, right, kLaneList);
          float* to = out + (y + i) * width + 2 * x;
          store_some(to, left, width - 2 * x);
          if (width > 2 * x + kWidth) store_some(to + kWidth, right, width - 2 * x - kWidth);
        }
      }
  }

  static constexpr int64_t kRowPatches = 64;    // of a span
  static constexpr int64_t kChannelsAhead = 2;  // asked for before they are read: planes lie far apart

  // With many channels the last vector of patches should be full, with few the transposing saved is worth more.
  bool rows_pay(const Spans& spans) const {
    if (plan.channels_last || columns < kWidth / 2) return false;
    return plan.cin * plan.cout <= 64 * 64 || spans.patches() * 16 >= ceil_div(spans.patches(), kWidth) * kWidth * 15;
  }

  void run_rows(const Spans& spans) const {
    const ConvPlan patches = patch_plan(plan, rows, columns);
    const Planes planes(patches, spans.rows_per_span);
    const int64_t width = ceil_div(spans.patches(), kWidth) * kWidth, spill = 3 * kWidth;
    const int64_t v_stride = width * plan.cin + spill, m_stride = width * plan.cout + spill;
    const int64_t source_size = plan.source_spatial(), result_size = plan.result_spatial();
    parallel_for(spans.count() * plan.groups, 1, [&](int64_t begin, int64_t end) {
      float* v = conv_scratch<float>(kPartialSums, kPoints * v_stride);
      float* products = conv_scratch<float>(kProducts, kPoints * m_stride);
      float* copy = planes.room(1);
      for (int64_t i = begin; i < end; ++i) {
        const int64_t group = i % plan.groups;
        const Span span = spans.at(i / plan.groups);
        const int64_t per_image = span.rows * columns, line = plan.axis[2].size;
        const int64_t first_place = std::max<int64_t>(0, 2 * span.row - plan.axis[1].lo) * line,
                      place_count = (2 * span.rows + 2) * line;
        for (int64_t ci = 0; ci < plan.cin; ++ci)
          for (int64_t m = 0; m < span.images; ++m) {
            const int64_t channel = ((span.image + m) * plan.groups + group) * plan.cin + ci;
            const float* from = source + channel * source_size;
            ask_for(from + kChannelsAhead * source_size + first_place, place_count);
            planes.fill(from, span.row, copy);
            transform_rows(planes, copy, span.rows, v + ci * width + m * per_image, v_stride);
          }
        // Columns of no patch are multiplied too: what memory holds there may be denormal numbers, which take long.
        const int64_t used = span.images * per_image;
        for (int64_t row = 0; used < width && row < kPoints * plan.cin; ++row)
          std::fill_n(v + row / plan.cin * v_stride + row % plan.cin * width + used, width - used, 0.0f);
        for (int64_t p = 0; p < kPoints; ++p) multiply_rows(group, p, width, v + p * v_stride, products + p * m_stride);
        const int64_t row = 2 * plan.axis[2].result, p0 = span.row * row,
                      p1 = std::min(result_size, (span.row + span.rows) * row);
        for (int64_t m = 0; m < span.images; ++m)
          for (int64_t co = 0; co < plan.cout; ++co) {
            const int64_t channel = ((span.image + m) * plan.groups + group) * plan.cout + co;
            finish_rows(products + co * width + m * per_image, m_stride, span,
                        bias ? bias[group * plan.cout + co] : 0.0f, result + channel * result_size);
            finish_results(plan, span.image + m, group * plan.cout + co, 1, p0, p1);
          }
      }
    });
  }

  // Many channels: all threads share a batch of spans, then the products, so that weights are read once per batch.
  void run_batches(const Spans& spans, int64_t batch) const {
    const int64_t per_span = spans.patches();
    const PatchLayout layout = PatchLayout::rows(batch * per_span, plan.cin);
    const int64_t v_stride = layout.point, m_stride = point_stride(batch * per_span, plan.cout);
    float* v = conv_scratch<float>(kPartialSums, kPoints * v_stride);
    float* products = conv_scratch<float>(kProducts, kPoints * m_stride);
    const int64_t parts = std::min<int64_t>(panels, 4);
    for (int64_t group = 0; group < plan.groups; ++group)
      for (int64_t first = 0; first < spans.count(); first += batch) {
        const int64_t last = std::min(spans.count(), first + batch);
        parallel_for(last - first, 1, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i)
            transform_patches<4>(plan, source, group, spans.at(first + i), columns, v + i * per_span * plan.cin,
                                 layout);
        });
        parallel_for(kPoints * parts, 1, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i)
            multiply(group, i / parts, panels * (i % parts) / parts, panels * (i % parts + 1) / parts,
                     (last - first) * per_span, v, v_stride, products, m_stride);
        });
        parallel_for(last - first, 1, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i)
            finish(group, spans.at(first + i), products + i * per_span * plan.cout, m_stride);
        });
      }
  }

  void run() {
    pack_weights();
    const bool few = plan.cin * plan.cout <= 128 * 128;
    if (few && rows_pay(Spans(plan.n, rows, columns, kRowPatches))) {
      run_rows(Spans(plan.n, rows, columns, kRowPatches));
    } else if (few) {
      run_spans(Spans(plan.n, rows, columns, std::clamp<int64_t>(3584 / plan.cin, 28, 112)));
    } else {
      const Spans spans(plan.n, rows, columns, 32);
      const int64_t per_patch = kPoints * sizeof(float) * (plan.cin + plan.cout);
      run_batches(spans, std::max<int64_t>(1, (10 << 20) / (per_patch * spans.patches())));
    }
  }
};

struct WinogradWeightGrad {
  const ConvArgs& args;
  ConvPlan x_plan, y_plan;
  int64_t rows, columns, point_size, panels;  // panels: of source channels

  explicit WinogradWeightGrad(const ConvArgs& a) : args(a), x_plan(forward_plan(a)), y_plan(x_plan) {
    rows = ceil_div(args.out[1], 2);
    columns = ceil_div(args.out[2], 2);
    y_plan.cin = args.oc;
    for (int d = 0; d < 3; ++d) {
      y_plan.axis[d].size = args.out[d];
      y_plan.axis[d].lo = 0;
    }
    point_size = args.ic * args.oc;
    panels = ceil_div(args.ic, kPanel);
  }

  struct Layouts {
    PatchLayout x, y;
  };
  Layouts layouts(int64_t patches) const {
    return {PatchLayout::panels(patches, args.ic), PatchLayout::panels(patches, args.oc)};
  }
  void transform(int64_t group, const Span& span, const Layouts& layout, float* v, float* g) const {
    transform_patches<4>(x_plan, static_cast<const float*>(args.x), group, span, columns, v, layout.x);
    transform_patches<2>(y_plan, static_cast<const float*>(args.y), group, span, columns, g, layout.y);
  }

  // sums[source channel][result channel] += v' g for some panels of source channels, of one point.
  void multiply(int64_t panel0, int64_t panel1, int64_t patches, const Layouts& layout, const float* v, const float* g,
                float* sums, bool accumulate) const {
    TileArgs<float> tile;
    tile.k = patches;
    tile.a_stride = kPanel;
    tile.c_stride = args.oc;
    tile.accumulate = accumulate;
    for (int64_t co = 0; co < args.oc; co += kPanel) {
      tile.n = std::min<int64_t>(kPanel, args.oc - co);
      tile.b = g + co / kPanel * layout.y.panel;
      for (int64_t panel = panel0; panel < panel1; ++panel) {
        const int64_t channels = std::min<int64_t>(kPanel, args.ic - panel * kPanel), parts = ceil_div(channels, kRows);
        for (int64_t i = 0; i < parts; ++i) {
          const int64_t row = channels * i / parts;
          tile.a = v + panel * layout.x.panel + row;
          tile.c = sums + (panel * kPanel + row) * args.oc + co;
          tile_kernel<float>(channels * (i + 1) / parts - row, tile.n, AKind::kRowContiguous)(tile);
        }
      }
    }
  }

  // Chunks of spans with sums of their own, added up in order.
  void run_chunks(int64_t group, const Spans& spans, float* sums, int64_t chunks) const {
    const Layouts layout = layouts(spans.patches());
    parallel_for(chunks, 1, [&](int64_t begin, int64_t end) {
      float* v = conv_scratch<float>(kTileResult, kPoints * layout.x.point);
      float* g = conv_scratch<float>(kProducts, kPoints * layout.y.point);
      for (int64_t chunk = begin; chunk < end; ++chunk) {
        float* out = sums + chunk * kPoints * point_size;
        const int64_t first = spans.count() * chunk / chunks, last = spans.count() * (chunk + 1) / chunks;
        for (int64_t i = first; i < last; ++i) {
          const Span span = spans.at(i);
          transform(group, span, layout, v, g);
          for (int64_t p = 0; p < kPoints; ++p)
            multiply(0, panels, span.images * span.rows * columns, layout, v + p * layout.x.point,
                     g + p * layout.y.point, out + p * point_size, i > first);
        }
      }
    });
  }

  // Many channels: batches of spans are transformed by all threads, then multiplied by all threads.
  void run_batches(int64_t group, const Spans& spans, float* sums) const {
    const int64_t per_span = spans.patches(), per_patch = kPoints * sizeof(float) * (args.ic + args.oc);
    // Enough patches that adding to the sums does not count, few enough that most stay in the second-level cache.
    const int64_t target = std::max<int64_t>(128, (2 << 20) / per_patch);
    const int64_t batch = std::min(spans.count(), std::max<int64_t>(1, target / per_span));
    const Layouts layout = layouts(batch * per_span);
    float* v = conv_scratch<float>(kTileResult, kPoints * layout.x.point);
    float* g = conv_scratch<float>(kProducts, kPoints * layout.y.point);
    const int64_t parts = std::min<int64_t>(panels, 4);
    for (int64_t first = 0; first < spans.count(); first += batch) {
      const int64_t last = std::min(spans.count(), first + batch);
      int64_t patches = 0;  // spans may differ in size: each starts where the previous one ends
      std::vector<int64_t> start;
      for (int64_t i = first; i < last; ++i) {
        const Span span = spans.at(i);
        start.push_back(patches);
        patches += span.images * span.rows * columns;
      }
      parallel_for(last - first, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
          transform(group, spans.at(first + i), layout, v + start[i] * kPanel, g + start[i] * kPanel);
      });
      parallel_for(kPoints * parts, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t p = i / parts;
          multiply(panels * (i % parts) / parts, panels * (i % parts + 1) / parts, patches, layout,
                   v + p * layout.x.point, g + p * layout.y.point, sums + p * point_size, first > 0);
        }
      });
    }
  }

  // dw = G' (sum of the chunks) G, kWidth result channels at a time.
  void finish(int64_t group, const float* sums, int64_t chunks) const {
    float* out = static_cast<float*>(args.result) + group * args.oc * args.w_stride[0];
    const bool dense = args.w_stride[1] == 9 && args.w_stride[3] == 3 && args.w_stride[4] == 1;
    parallel_for(args.oc / kWidth * (args.ic / kWidth), 4, [&](int64_t begin, int64_t end) {
      float block[kWidth * 9 * kWidth];
      for (int64_t i = begin; i < end; ++i) {
        const int64_t co = i / (args.ic / kWidth) * kWidth, ci0 = i % (args.ic / kWidth) * kWidth;
        for (int64_t c = 0; c < kWidth; ++c) {
          V u[4][4], w[3][3];
          for (int p = 0; p < kPoints; ++p) {
            const float* from = sums + p * point_size + (ci0 + c) * args.oc + co;
            __builtin_prefetch(from + kWidth * args.oc);  // the next block's: lines far apart
            V total = load(from);
            for (int64_t chunk = 1; chunk < chunks; ++chunk) total += load(from + chunk * kPoints * point_size);
            u[p / 4][p % 4] = total;
          }
          weight_transform_back(u, w);
          for (int k = 0; k < 9; ++k) store(block + (c * 9 + k) * kWidth, w[k / 3][k % 3]);
        }
        float* to = out + co * args.w_stride[0] + ci0 * args.w_stride[1];
        if (dense) {
          transpose_copy<float>(block, kWidth, to, args.w_stride[0], 9 * kWidth, kWidth);
          continue;
        }
        for (int l = 0; l < kWidth; ++l)
          for (int k = 0; k < 9; ++k)
            for (int64_t c = 0; c < kWidth; ++c)
              to[l * args.w_stride[0] + c * args.w_stride[1] + k / 3 * args.w_stride[3] + k % 3 * args.w_stride[4]] =
                  block[(c * 9 + k) * kWidth + l];
      }
    });
  }

  void run() const {
    const bool small = point_size <= 64 * 64;
    const Spans spans(args.n, rows, columns, small ? 64 : 32);
    const int64_t chunks = small ? std::min<int64_t>(spans.count(), 8) : 1;
    float* sums = conv_scratch<float>(kPartialSums, chunks * kPoints * point_size);
    for (int64_t group = 0; group < args.groups; ++group) {
      if (small)
        run_chunks(group, spans, sums, chunks);
      else
        run_batches(group, spans, sums);
      finish(group, sums, chunks);
    }
  }
};

}  // namespace

bool winograd_applies(const ConvPlan& plan) {
  if (plan.cin % kWidth != 0 || plan.cout % kWidth != 0 || plan.cin < 32 || plan.cout < 32) return false;
  if (plan.axis[0].size != 1 || plan.axis[0].result != 1 || plan.axis[0].jobs[0].tap.size() != 1) return false;
  if (plan.axis[0].lo != 0) return false;
  for (int d = 1; d < 3; ++d) {
    const Axis& axis = plan.axis[d];
    if (axis.pace != 1 || axis.jobs.size() != 1 || axis.result < 2) return false;
    const AxisJob& job = axis.jobs[0];
    if (job.step != 1 || job.start != 0 || job.tap.size() != 3 || max_offset(job) != 2) return false;
  }
  const int64_t covered = ceil_div(plan.axis[1].result, 2) * ceil_div(plan.axis[2].result, 2) * 4;
  return covered <= plan.result_spatial() * 3 / 2 && covered * plan.n >= 128;
}

void conv_winograd_f32(const ConvPlan& plan, const float* source, const float* w, const float* bias, float* result) {
  Winograd(plan, source, w, bias, result).run();
}

void conv_winograd_weight_grad_f32(const ConvArgs& args) { WinogradWeightGrad(args).run(); }

}  // namespace flambeau::cpu::FL_ISA
