// Weight gradient: dW[k][oc] = sum over pixels of X[pixel + tap k] * G[pixel][oc], the vector along oc and broadcasts
// of X. Channels-first data needs only G transposed (tile by tile); channels-last data nothing. Sums are cut into a
// number of chunks that depends on sizes alone and are added in order.
#include "kernels/cpu/conv_common.h"

namespace flambeau::cpu::FL_ISA {

template <class T>
void conv_weight_grad_few(const ConvArgs& args);  // few result channels per group: the vector runs along pixels

namespace {

constexpr int kWindow = kVectorBytes == 64 ? 12 : 6;  // rows of X per tile

// c[r * RUN + u][NR vectors] += sum over pixels of x[r][pixel + u] * g[pixel].
template <class T, int RUN, int RUNS, int NR>
void tile(const T* const* x, int64_t x_step, int64_t x_row, const T* g, int64_t g_step, int64_t g_row, int64_t rows,
          int64_t length, T* c) {
  constexpr int L = kLanes<T>;
  Vector<T> acc[RUN * RUNS][NR] = {};
  for (int64_t row = 0; row < rows; ++row) {
    const T* from[RUNS];
#pragma GCC unroll 16
    for (int r = 0; r < RUNS; ++r) from[r] = x[r] + row * x_row;
    const T* grad = g + row * g_row;
    int64_t at = 0;
    auto step = [&] __attribute__((always_inline)) {
      Vector<T> weight[NR];
#pragma GCC unroll 2
      for (int j = 0; j < NR; ++j) weight[j] = load(grad + j * L);
#pragma GCC unroll 16
      for (int r = 0; r < RUNS; ++r)
#pragma GCC unroll 16
        for (int u = 0; u < RUN; ++u) {
          const Vector<T> value = broadcast(from[r][at + u]);
#pragma GCC unroll 2
          for (int j = 0; j < NR; ++j) acc[r * RUN + u][j] += value * weight[j];
        }
      at += x_step;
      grad += g_step;
    };
    int64_t p = 0;
    for (; p + 2 <= length; p += 2) step(), step();
    if (p < length) step();
  }
#pragma GCC unroll 16
  for (int i = 0; i < RUN * RUNS; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < NR; ++j) store(c + (i * 2 + j) * L, acc[i][j] + load(c + (i * 2 + j) * L));
}

template <class T>
struct WeightGrad {
  using Tile = void (*)(const T* const*, int64_t, int64_t, const T*, int64_t, int64_t, int64_t, int64_t, T*);
  static constexpr int L = kLanes<T>, kPanel = 2 * L;

  // A tile's rows: `run` consecutive elements of X from each of `runs` places.
  struct Block {
    int64_t at[kWindow];  // places relative to a pixel
    int64_t k[kWindow];   // the weight (its index in k_offset) of each place's first row; -1: computed and dropped
  };

  const ConvArgs& args;
  ConvPlan plan;
  int run = 1, runs = kWindow;
  Tile tiles_of[2];
  std::vector<Block> blocks;
  std::vector<int64_t> k_offset;  // of every k, into w
  bool k_dense = true;            // k_offset[k] == k
  int tile_axis = 1;
  int64_t extent[3], channel = 0, pixel = 1;  // of the copy of X
  bool in_place = false;
  int64_t unit_length = 0, units_per_image = 1, pixels_per_tile = 192, x_pixel_step[3];
  int64_t panels, panels_per_item, oc_parts, chunks, partial_size;
  T* partial = nullptr;

  explicit WeightGrad(const ConvArgs& a) : args(a), plan(forward_plan(a)) {}

  template <int RUN, int RUNS>
  void use() {
    run = RUN;
    runs = RUNS;
    tiles_of[0] = tile<T, RUN, RUNS, 1>;
    tiles_of[1] = tile<T, RUN, RUNS, 2>;
  }

  void choose_tile() {
    constexpr bool many = kVectorBytes == 64;
    const bool dense = args.dilation[2] == 1;
    if (args.channels_last)
      use<kWindow, 1>();
    else if (dense && args.kernel[2] == 3)
      use<3, many ? 4 : 2>();
    else if (dense && args.kernel[2] == 5)
      use<5, many ? 2 : 1>();
    else if (dense && args.kernel[2] == 7)
      use<7, many ? 2 : 1>();
    else
      use<1, kWindow>();
  }

  void lay_out() {
    tile_axis = args.out[0] > 1 ? 0 : args.out[1] > 1 ? 1 : 2;
    int64_t need[3];
    in_place = true;
    for (int d = 0; d < 3; ++d) {
      need[d] = (args.out[d] - 1) * args.stride[d] + (args.kernel[d] - 1) * args.dilation[d] + 1;
      in_place &= args.pad[d] == 0 && need[d] <= args.in[d];
    }
    // The last row of tiles reads up to `run` elements of every place: channels-last runs shorter than that need a
    // copy.
    if (args.channels_last) in_place &= args.ic * (merged() ? args.kernel[2] : 1) >= run;
    const int64_t longest = args.out[tile_axis], reach = need[tile_axis] - (longest - 1) * args.stride[tile_axis];
    int64_t per_step = args.ic * static_cast<int64_t>(sizeof(T)) * args.stride[tile_axis];
    for (int d = 0; d < 3; ++d) per_step *= d == tile_axis ? 1 : need[d];
    const int64_t parts =
        std::max(ceil_div(longest * per_step, 384 * 1024), std::min<int64_t>(longest, args.n < 4 ? 4 : 1));
    unit_length = ceil_div(longest, parts);
    units_per_image = ceil_div(longest, unit_length);
    for (int d = 0; d < 3; ++d) extent[d] = in_place ? args.in[d] : need[d];
    if (!in_place) extent[tile_axis] = (unit_length - 1) * args.stride[tile_axis] + reach;
    pixel = args.channels_last ? (in_place ? args.groups * args.ic : args.ic) : 1;
    channel = args.channels_last ? 1 : extent[0] * extent[1] * extent[2];
    if (!in_place && !args.channels_last) channel = (ceil_div(channel, L) | 1) * L;
    int64_t inner = pixel;
    for (int d = 2; d >= 0; --d) {
      x_pixel_step[d] = inner * args.stride[d];
      inner *= extent[d];
    }
    if (args.channels_last) pixels_per_tile = 128;
  }

  // Channels-last: may the taps of one kernel row be read as one run?
  bool merged() const { return args.dilation[2] == 1 && args.groups == 1; }

  int64_t place(int64_t a, int64_t b, int64_t c) const {
    return ((a * args.dilation[0] * extent[1] + b * args.dilation[1]) * extent[2] + c * args.dilation[2]) * pixel;
  }

  void add_k(int64_t ci, int64_t a, int64_t b, int64_t c) {
    const int64_t* s = args.w_stride;
    k_offset.push_back(ci * s[1] + a * s[2] + b * s[3] + c * s[4]);
    k_dense &= k_offset.back() == static_cast<int64_t>(k_offset.size()) - 1;
  }

  void list_blocks() {
    const int64_t* kernel = args.kernel;
    if (args.channels_last) return list_blocks_last();
    std::vector<std::pair<int64_t, int64_t>> places;  // (where, k)
    for (int64_t ci = 0; ci < args.ic; ++ci)
      for (int64_t a = 0; a < kernel[0]; ++a)
        for (int64_t b = 0; b < kernel[1]; ++b)
          for (int64_t c = 0; c < kernel[2]; ++c) {
            if (c % run == 0) places.push_back({ci * channel + place(a, b, c), static_cast<int64_t>(k_offset.size())});
            add_k(ci, a, b, c);
          }
    for (size_t i = 0; i < places.size(); i += runs) {
      Block block;
      for (int r = 0; r < runs; ++r) {
        const bool real = i + r < places.size();
        block.at[r] = places[real ? i + r : i].first;
        block.k[r] = real ? places[i + r].second : -1;
      }
      blocks.push_back(block);
    }
  }

  void list_blocks_last() {
    const int64_t *kernel = args.kernel, length = args.ic * (merged() ? kernel[2] : 1);
    for (int64_t a = 0; a < kernel[0]; ++a)
      for (int64_t b = 0; b < kernel[1]; ++b)
        for (int64_t c = 0; c < kernel[2]; ++c) {
          if (!merged() || c == 0)
            for (int64_t at = 0; at < length; at += run) {
              const int64_t from =
                  length >= run ? std::min(at, length - run) : at;  // the last tile overlaps its neighbour
              blocks.push_back({{place(a, b, c) + from}, {static_cast<int64_t>(k_offset.size()) + from}});
            }
          for (int64_t ci = 0; ci < args.ic; ++ci) add_k(ci, a, b, c);
        }
  }

  int64_t depth() const { return k_offset.size(); }
  // Channels-last runs shorter than a tile leave rows behind the run that belong to nothing.
  int64_t rows_of(const Block& block) const {
    if (!args.channels_last) return run;
    const int64_t length = args.ic * (merged() ? args.kernel[2] : 1);
    return std::min<int64_t>(run, length - block.k[0] % length);
  }

  void divide() {
    panels = ceil_div(args.oc, kPanel);
    panels_per_item = std::min<int64_t>(panels, 2);
    oc_parts = ceil_div(panels, panels_per_item);
    partial_size = static_cast<int64_t>(blocks.size()) * run * runs * kPanel;  // per panel
    const int64_t units = args.n * units_per_image, wanted = ceil_div(16, oc_parts * args.groups);
    const int64_t room =
        std::max<int64_t>(1, (32 << 20) / std::max<int64_t>(1, partial_size * panels * args.groups * sizeof(T)));
    chunks = std::max<int64_t>(1, std::min({wanted, room, units}));
  }

  void run_item(int64_t chunk, int64_t group, int64_t oc_part) const {
    const int64_t first = oc_part * panels_per_item, last = std::min(panels, first + panels_per_item);
    T* sums = partial + ((chunk * args.groups + group) * panels + first) * partial_size;
    std::fill_n(sums, (last - first) * partial_size, T(0));
    const int64_t units = args.n * units_per_image;
    const int64_t channel_count = args.channels_last ? 1 : args.ic;
    const int64_t copy_size = args.channels_last ? extent[0] * extent[1] * extent[2] * pixel : channel_count * channel;
    T* copy = in_place ? nullptr : conv_scratch<T>(kPaddedInput, copy_size + kWindow);
    if (copy) std::fill_n(copy + copy_size, kWindow, T(0));
    for (int64_t unit = units * chunk / chunks; unit < units * (chunk + 1) / chunks; ++unit) {
      const int64_t image = unit / units_per_image, first_step = unit % units_per_image * unit_length;
      const T* x = fill(image, group, first_step, copy);
      add_unit(image, group, first_step, x, first, last, sums);
    }
  }

  const T* fill(int64_t image, int64_t group, int64_t first_step, T* copy) const {
    const int64_t spatial = plan.source_spatial();
    const T* from = static_cast<const T*>(args.x) + image * args.groups * args.ic * spatial +
                    group * args.ic * (args.channels_last ? 1 : spatial);
    if (in_place) return from + first_step * x_pixel_step[tile_axis];
    Window window;
    for (int d = 0; d < 3; ++d) {
      window.extent[d] = extent[d];
      window.origin[d] = (d == tile_axis ? first_step * args.stride[d] : 0) - args.pad[d];
    }
    if constexpr (std::is_same_v<T, float>) {
      if (args.channels_last) {
        copy_window_last(plan, window, args.ic, from, args.groups * args.ic, copy);
        return copy;
      }
    }
    copy_window_first(plan, window, args.ic, from, copy, channel);
    return copy;
  }

  void add_unit(int64_t image, int64_t group, int64_t first_step, const T* x, int64_t panel0, int64_t panel1,
                T* sums) const {
    int64_t count[3] = {args.out[0], args.out[1], args.out[2]}, start[3] = {0, 0, 0};
    count[tile_axis] = std::min(unit_length, count[tile_axis] - first_step);
    start[tile_axis] = first_step;
    const int64_t span = std::min(count[2], pixels_per_tile), rows = std::max<int64_t>(1, pixels_per_tile / span);
    for (int64_t q0 = 0; q0 < count[0]; ++q0)
      for (int64_t q1 = 0; q1 < count[1]; q1 += span == count[2] ? rows : 1)
        for (int64_t q2 = 0; q2 < count[2]; q2 += span) {
          const int64_t height = span == count[2] ? std::min(rows, count[1] - q1) : 1,
                        width = std::min(span, count[2] - q2);
          const int64_t at = q0 * x_pixel_step[0] + q1 * x_pixel_step[1] + q2 * x_pixel_step[2];
          const int64_t y = ((start[0] + q0) * args.out[1] + start[1] + q1) * args.out[2] + start[2] + q2;
          add_tile(image, group, y, height, width, x + at, panel0, panel1, sums);
        }
  }

  // One tile of pixels (whole rows of the result, or a part of one) for some panels.
  void add_tile(int64_t image, int64_t group, int64_t y, int64_t height, int64_t width, const T* x, int64_t panel0,
                int64_t panel1, T* sums) const {
    const int64_t spatial = plan.result_spatial(), channels = args.groups * args.oc;
    T* turned = conv_scratch<T>(kPackedGrad, pixels_per_tile * kPanel + 64);
    for (int64_t panel = panel0; panel < panel1; ++panel, sums += partial_size) {
      const int64_t co = panel * kPanel, columns = std::min<int64_t>(kPanel, args.oc - co);
      const T* grad = static_cast<const T*>(args.y) + image * channels * spatial;
      const T* g = turned;
      int64_t g_step = kPanel;
      if (args.channels_last) {
        grad += y * channels + group * args.oc + co;
        if (columns == kPanel || columns == L) {
          g = grad;
          g_step = channels;
        } else {
          for (int64_t p = 0; p < height * width; ++p) {
            std::copy_n(grad + p * channels, columns, turned + p * kPanel);
            std::fill_n(turned + p * kPanel + columns, kPanel - columns, T(0));
          }
        }
      } else {
        turn(grad + (group * args.oc + co) * spatial + y, spatial, columns, height * width, turned);
      }
      const Tile step = tiles_of[columns <= L ? 0 : 1];
      const T* from[kWindow];
      T* c = sums;
      for (const Block& block : blocks) {
        for (int r = 0; r < runs; ++r) from[r] = x + block.at[r];
        step(from, x_pixel_step[2], x_pixel_step[1], g, g_step, width * g_step, height, width, c);
        c += run * runs * kPanel;
      }
    }
  }

  static void turn(const T* from, int64_t stride, int64_t columns, int64_t pixels, T* to) {
    if constexpr (std::is_same_v<T, float>) {
      transpose_copy<float>(from, stride, to, kPanel, columns, pixels);
    } else {
      for (int64_t co = 0; co < columns; ++co)
        for (int64_t p = 0; p < pixels; ++p) to[p * kPanel + co] = from[co * stride + p];
    }
    if (columns % L != 0)
      for (int64_t p = 0; p < pixels; ++p) std::fill(to + p * kPanel + columns, to + (p + 1) * kPanel, T(0));
  }

  // Adds the chunks in order and writes the weights of one panel's blocks.
  void finish(int64_t group, int64_t panel, size_t begin, size_t end) const {
    const int64_t co = panel * kPanel, columns = std::min<int64_t>(kPanel, args.oc - co);
    const int64_t stride = args.groups * panels * partial_size, tile_size = run * runs * kPanel;
    T* sums = partial + (group * panels + panel) * partial_size;
    T* out = static_cast<T*>(args.result) + (group * args.oc + co) * args.w_stride[0];
    for (size_t b = begin; b < end; ++b) {
      T* c = sums + b * tile_size;
      for (int64_t chunk = 1; chunk < chunks; ++chunk) {
        const T* more = c + chunk * stride;
        for (int64_t i = 0; i < tile_size; ++i) c[i] += more[i];
      }
      for (int r = 0; r < runs; ++r) {
        const int64_t k = blocks[b].k[r], rows = rows_of(blocks[b]);
        if (k < 0) continue;
        write_rows(c + r * run * kPanel, k, rows, columns, out);
      }
    }
  }

  void write_rows(const T* c, int64_t k, int64_t rows, int64_t columns, T* out) const {
    for (int64_t co = 0; co < columns; ++co)
      for (int64_t u = 0; u < rows; ++u) out[co * args.w_stride[0] + k_offset[k + u]] = c[u * kPanel + co];
  }

  void compute() {
    choose_tile();
    lay_out();
    list_blocks();
    divide();
    partial = conv_scratch<T>(kPartialSums, chunks * args.groups * panels * partial_size);
    const int64_t work = 2 * args.n * plan.result_spatial() * args.oc * depth() / chunks / oc_parts;
    parallel_for(chunks * args.groups * oc_parts, std::max<int64_t>(1, 300000 / std::max<int64_t>(1, work)),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t i = begin; i < end; ++i)
                     run_item(i / oc_parts / args.groups, i / oc_parts % args.groups, i % oc_parts);
                 });
    const int64_t lumps = ceil_div(blocks.size(), 16);
    parallel_for(args.groups * panels * lumps, 8, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        finish(i / lumps / panels, i / lumps % panels, i % lumps * 16,
               std::min<size_t>(blocks.size(), i % lumps * 16 + 16));
    });
  }
};

template <class T>
void bias_grad(const ConvArgs& args) {
  const int64_t spatial = args.out[0] * args.out[1] * args.out[2], channels = args.groups * args.oc;
  const T* y = static_cast<const T*>(args.y);
  T* out = static_cast<T*>(args.bias_grad);
  constexpr int L = kLanes<T>;
  parallel_for(ceil_div(channels, L), std::max<int64_t>(1, 32768 / (spatial * args.n * L + 1)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t c = begin * L; c < std::min(channels, end * L); ++c) {
                   if (args.channels_last) {
                     const int64_t lanes = std::min<int64_t>(L, channels - c);
                     T sums[L] = {0};
                     for (int64_t n = 0; n < args.n; ++n) {
                       T part[L] = {0};
                       for (int64_t p = 0; p < spatial; ++p)
                         for (int64_t j = 0; j < lanes; ++j) part[j] += y[(n * spatial + p) * channels + c + j];
                       for (int64_t j = 0; j < lanes; ++j) sums[j] += part[j];
                     }
                     std::copy_n(sums, lanes, out + c);
                     c += L - 1;
                     continue;
                   }
                   T sum = 0;
                   for (int64_t n = 0; n < args.n; ++n) {
                     const T* row = y + (n * channels + c) * spatial;
                     Vector<T> part = {}, other = {};
                     int64_t p = 0;
                     for (; p + 2 * L <= spatial; p += 2 * L) {
                       part += load(row + p);
                       other += load(row + p + L);
                     }
                     part += other;
                     T lanes[L], rest = 0;
                     store(lanes, part);
                     for (; p < spatial; ++p) rest += row[p];
                     for (int width = L / 2; width >= 1; width /= 2)
                       for (int j = 0; j < width; ++j) lanes[j] += lanes[j + width];
                     sum += lanes[0] + rest;
                   }
                   out[c] = sum;
                 }
               });
}

// Channels-last data of few channels per group: channels-first copies, then as usual.
void as_channels_first(const ConvArgs& args, void (*run)(const ConvArgs&)) {
  const int64_t in = args.in[0] * args.in[1] * args.in[2], out = args.out[0] * args.out[1] * args.out[2];
  const int64_t ic = args.groups * args.ic, oc = args.groups * args.oc;
  float *x = conv_scratch<float>(kWholeInput, args.n * in * ic), *y = conv_scratch<float>(kProducts, args.n * out * oc);
  const float *from_x = static_cast<const float*>(args.x), *from_y = static_cast<const float*>(args.y);
  parallel_for(args.n, 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      transpose_copy<float>(from_x + n * in * ic, ic, x + n * in * ic, in, in, ic);
      transpose_copy<float>(from_y + n * out * oc, oc, y + n * out * oc, out, out, oc);
    }
  });
  ConvArgs first = args;
  first.x = x;
  first.y = y;
  first.channels_last = false;
  run(first);
}

template <class T>
void weight_grad(const ConvArgs& args) {
  if (args.bias_grad) bias_grad<T>(args);
  if (args.result == nullptr || args.oc == 0 || args.ic == 0 || args.groups == 0) return;
  if (args.n == 0 || args.out[0] * args.out[1] * args.out[2] == 0) {
    const int64_t taps = args.kernel[0] * args.kernel[1] * args.kernel[2];
    std::fill_n(static_cast<T*>(args.result), args.groups * args.oc * args.ic * taps, T(0));  // w is dense in memory
  } else if (std::is_same_v<T, float> && is_depthwise(forward_plan(args))) {
    (args.channels_last ? conv_depthwise_last_weight_grad_f32 : conv_depthwise_weight_grad_f32)(args);
  } else if (args.oc <= 4) {
    if (args.channels_last)
      as_channels_first(args, conv_weight_grad_few<float>);
    else
      conv_weight_grad_few<T>(args);
  } else {
    if constexpr (std::is_same_v<T, float>) {
      if (winograd_applies(forward_plan(args))) return conv_winograd_weight_grad_f32(args);
      if (weight_grad_is_product(args)) return conv_product_weight_grad_f32(args);
    }
    WeightGrad<T>(args).compute();
  }
}

}  // namespace

void conv_weight_grad_f32(const ConvArgs& args) { weight_grad<float>(args); }
void conv_weight_grad_f64(const ConvArgs& args) { weight_grad<double>(args); }

}  // namespace flambeau::cpu::FL_ISA
