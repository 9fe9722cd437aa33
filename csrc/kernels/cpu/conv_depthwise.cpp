// Depthwise convolutions of (n, channels, spatial...) data: every result channel reads one source channel. The vector
// runs along a row. A band of a source plane is copied into the first-level cache with its zeros around it, every
// column phase of a stride by itself, so that each tap is a plain load; some rows of results are kept in registers.
#include <array>

#include "kernels/cpu/conv_planes.h"

namespace flambeau::cpu::FL_ISA {

namespace {

// Bands in the order in which they are computed; divisions would cost as much as a small plane.
struct Cursor {
  const Planes& planes;
  int64_t plane, band, group;  // plane = image * groups + group

  Cursor(const Planes& p, int64_t i) : planes(p), plane(i / p.bands), band(i % p.bands), group(plane % p.plan.groups) {}
  void next() {
    if (++band < planes.bands) return;
    band = 0, ++plane;
    if (++group == planes.plan.groups) group = 0;
  }
  int64_t first() const { return band * planes.band; }
};

// Where a column of the kernel reads the copy, and its topmost weight.
struct Column {
  int64_t in, w;
};

// One call of a tile: `rows` vectors of results.
struct Rows {
  const float* in;
  const float* w;
  const Column* column;
  int64_t columns, step, w_step;  // steps from one row of the kernel to the next
  float* out;
  int64_t out_step, rows, lanes;
  float start;
};

// out[r] = start + sum over columns c and y < KH of w[c][y] * in[c][(r * PACE + y) * step]. What a line of the copy
// holds is loaded once for all rows of results that it reaches.
template <int KH, int PACE, int R>
void tile(const Rows& t) {
  V acc[R];
  for (int r = 0; r < R; ++r) acc[r] = broadcast(t.start);
  for (int64_t c = 0; c < t.columns; ++c) {
    const float *in = t.in + t.column[c].in, *w = t.w + t.column[c].w;
    V weight[KH];
    for (int y = 0; y < KH; ++y) weight[y] = broadcast(w[y * t.w_step]);
#pragma GCC unroll 32
    for (int i = 0; i < (R - 1) * PACE + KH; ++i) {
      const V x = load(in + i * t.step);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r)
        if (i - r * PACE >= 0 && i - r * PACE < KH) acc[r] += weight[i - r * PACE] * x;
    }
  }
  float* const out = t.out;
  const int64_t out_step = t.out_step, rows = t.rows, lanes = t.lanes;
  if (lanes == L) {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
      if (r < rows) store(out + r * out_step, acc[r]);
  } else {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
      if (r < rows) store_part(out + r * out_step, acc[r], lanes);
  }
}

using Tile = void (*)(const Rows&);
using Tiles = std::array<Tile, 4>;  // for kSlots, kSlots / 2, ... results
template <int KH, int PACE>
constexpr Tiles kTiles = {
    tile<KH, PACE, kSlots>,       tile<KH, PACE, kSlots / 2>, tile<KH, PACE, kSlots / 4>, tile < KH, PACE,
    kSlots / 8 ? kSlots / 8 : 1 > };

const Tiles* find_tiles(int64_t height, int64_t pace) {
  if (height == 2 && pace == 1) return &kTiles<2, 1>;
  if (height == 3 && pace == 1) return &kTiles<3, 1>;
  if (height == 3 && pace == 2) return &kTiles<3, 2>;
  if (height == 5 && pace == 1) return &kTiles<5, 1>;
  if (height == 5 && pace == 2) return &kTiles<5, 2>;
  if (height == 7 && pace == 1) return &kTiles<7, 1>;
  if (height == 7 && pace == 2) return &kTiles<7, 2>;
  return nullptr;
}

// The smallest tile with room for all rows.
inline Tile pick(const Tiles& tiles, int64_t rows) {
  int k = 0;
  while (k < 3 && rows <= kSlots >> (k + 1)) ++k;
  return tiles[k];
}

// One combination of the axes' jobs.
struct Job {
  const AxisJob* axis[3];
  std::vector<Column> column;
  const Tiles* tiles;
  int64_t step, w_step, rows_apart;  // lines of the copy between a kernel's rows, and between rows of results
};

struct Depthwise {
  const ConvPlan& plan;
  const float *source, *w, *bias;
  float* result;
  Planes planes;
  std::vector<std::vector<Job>> jobs;  // by jobs of the outer axes, then by those of the last
  int64_t hold_pitch = 0;

  Depthwise(const ConvPlan& p, const float* s, const float* weights, const float* b, float* r)
      : plan(p), source(s), w(weights), bias(b), result(r), planes(p) {
    for (const AxisJob& a : plan.axis[0].jobs)
      for (const AxisJob& b : plan.axis[1].jobs) {
        jobs.emplace_back();
        for (const AxisJob& c : plan.axis[2].jobs) jobs.back().push_back(job_of(a, b, c));
      }
    hold_pitch = ceil_div(planes.most[2], L) * L;
  }

  Job job_of(const AxisJob& a, const AxisJob& b, const AxisJob& c) {
    const int64_t height = b.tap.size(), pace = plan.axis[1].pace;
    // From the topmost line downwards: offsets rise in a forward pass and fall in an input gradient.
    const bool falls = height > 1 && b.offset[1] < b.offset[0];
    const int64_t apart = height > 1 ? std::abs(b.offset[1] - b.offset[0]) : 1;
    Job job{{&a, &b, &c}, {}, pace % apart ? nullptr : find_tiles(height, pace / apart), 0, 0, pace * planes.line};
    const bool tall = job.tiles != nullptr;
    job.step = tall ? apart * planes.line : job.rows_apart;
    if (tall) job.w_step = (falls ? b.tap[height - 2] - b.tap[height - 1] : b.tap[1] - b.tap[0]) * plan.w_tap[1];
    if (!tall) job.tiles = &kTiles<1, 1>;
    for (size_t i = 0; i < a.tap.size(); ++i)
      for (size_t k = 0; k < c.tap.size(); ++k)
        for (int64_t j = 0; j < (tall ? 1 : height); ++j) {
          const int64_t row = falls ? height - 1 - j : j;
          job.column.push_back({planes.place(a.offset[i], b.offset[row], c.offset[k]),
                                a.tap[i] * plan.w_tap[0] + b.tap[row] * plan.w_tap[1] + c.tap[k] * plan.w_tap[2]});
        }
    return job;
  }

  // `count` columns of `rows` rows of a job's results.
  void run_rows(const Job& job, const float* in, const float* weights, float start, int64_t rows, int64_t count,
                float* out, int64_t out_step) const {
    Rows t{in,
           weights,
           job.column.data(),
           static_cast<int64_t>(job.column.size()),
           job.step,
           job.w_step,
           out,
           out_step,
           rows,
           L,
           start};
    int64_t x = 0;
    if (job.tiles == &kTiles<1, 1> && planes.most[1] == 1) {  // the slots are the vectors of a single row
      t.step = t.out_step = L;
      for (; x + L <= count; x += t.rows * L, t.in += t.rows * L, t.out += t.rows * L) {
        t.rows = std::min<int64_t>(kSlots, (count - x) / L);
        pick(*job.tiles, t.rows)(t);
      }
      t.rows = 1;
    }
    const Tile tile = pick(*job.tiles, t.rows);
    for (; x < count; x += L, t.in += L, t.out += L) {
      t.lanes = std::min<int64_t>(L, count - x);
      tile(t);
    }
  }

  // Columns of the last axis' jobs side by side.
  void join_row(const std::vector<Job>& group, const float* hold, float* out) const {
    const AxisJob& one = *group[0].axis[2];
    if (group.size() == 2 && one.step == 2) {
      const float *even = hold, *odd = hold + kSlots * hold_pitch;
      if (one.start != 0) std::swap(even, odd);
      const int64_t width = plan.axis[2].result;
      for (int64_t x = 0; x < width; x += 2 * L) {
        V a, b;
        join_phases(load(even + x / 2), load(odd + x / 2), a, b, kLaneList);
        store_some(out + x, a, width - x);
        if (x + L < width) store_some(out + x + L, b, width - x - L);
      }
      return;
    }
    for (const Job& job : group) {
      const AxisJob& axis = *job.axis[2];
      for (int64_t q = 0; q < axis.count; ++q) out[axis.start + q * axis.step] = hold[q];
      hold += kSlots * hold_pitch;
    }
  }

  // The jobs of one combination of the outer axes, on a band that starts at `first`.
  void run_group(const std::vector<Job>& group, const float* copy, const float* weights, float start, int64_t first,
                 float* hold, float* out) const {
    const Job& one = group[0];
    const AxisJob *a = one.axis[0], *b = one.axis[1], *c = one.axis[2];
    int64_t n0 = a->count, n1 = b->count, start0 = a->start, start1 = b->start;
    if (planes.tile_axis == 0)
      n0 = std::min(planes.band, n0 - first), start0 += first * a->step;
    else
      n1 = std::min(planes.band, n1 - first), start1 += first * b->step;
    const int64_t height = plan.axis[1].result, width = plan.axis[2].result, apart = b->step * width;
    const bool direct = group.size() == 1 && c->step == 1;
    for (int64_t q0 = 0; q0 < n0; ++q0)
      for (int64_t q1 = 0; q1 < n1; q1 += kSlots) {
        const int64_t rows = std::min<int64_t>(kSlots, n1 - q1);
        const float* in = copy + q0 * planes.depth_apart() + q1 * one.rows_apart;
        float* to = out + ((start0 + q0 * a->step) * height + start1 + q1 * b->step) * width;
        if (direct) {
          run_rows(one, in, weights, start, rows, c->count, to + c->start, apart);
          continue;
        }
        float* at = hold;
        for (const Job& job : group) {
          run_rows(job, in, weights, start, rows, job.axis[2]->count, at, hold_pitch);
          at += kSlots * hold_pitch;
        }
        for (int64_t r = 0; r < rows; ++r) join_row(group, hold + r * hold_pitch, to + r * apart);
      }
  }

  void run() const {
    const int64_t spatial = plan.source_spatial(), pixels = plan.result_spatial();
    const int64_t work = pixels / planes.bands * plan.cout * static_cast<int64_t>(jobs[0][0].column.size() + 4);
    parallel_for(plan.n * plan.groups * planes.bands, std::max<int64_t>(1, 100000 / std::max<int64_t>(work, 1)),
                 [&](int64_t begin, int64_t end) { run_bands(begin, end, spatial, pixels); });
  }

  void run_bands(int64_t begin, int64_t end, int64_t spatial, int64_t pixels) const {
    float* copies = planes.room(planes.batch);
    float* hold = conv_scratch<float>(kTileResult, plan.axis[2].jobs.size() * kSlots * hold_pitch);
    Cursor at(planes, begin);
    for (int64_t i = begin; i < end; i += planes.batch) {
      const int64_t now = std::min(end - i, planes.batch);
      Cursor ahead = at;
      for (int64_t k = 0; k < now; ++k, ahead.next())
        planes.fill(source + ahead.plane * spatial, ahead.first(), copies + k * planes.size);
      for (int64_t k = 0; k < now; ++k, at.next())
        for (int64_t co = 0; co < plan.cout; ++co)
          for (const std::vector<Job>& group : jobs)
            run_group(group, copies + k * planes.size, w + at.group * plan.w_group + co * plan.w_out,
                      bias ? bias[at.group * plan.cout + co] : 0.0f, at.first(), hold,
                      result + (at.plane * plan.cout + co) * pixels);
    }
  }
};

#if defined(__AVX512F__)
// Planes of a few vectors, rows and all: the copy's rows follow each other with no more zeros between them than a
// kernel reaches across, so that vectors run over their ends. What lies between results is dropped when they are
// stored.
struct SmallPlanes {
  static constexpr int64_t kCopies = 16;  // of planes, each with at most two results

  // Lanes of a vector at `place` in the copy; `at` is where the first of them lies in the plane.
  struct Part {
    int64_t place, at;
    __mmask16 lanes;
    __mmask16 packed() const { return __mmask16((1u << __builtin_popcount(lanes)) - 1); }
  };

  const ConvPlan& plan;
  int64_t pitch = 0, size = 0;
  std::vector<int64_t> tap, w_at;
  std::vector<Part> source_parts, result_parts;

  explicit SmallPlanes(const ConvPlan& p) : plan(p) {
    const Axis *a = &plan.axis[0], *b = &plan.axis[1], *c = &plan.axis[2];
    if (!has_one_job(plan) || b->lo < 0 || c->lo < 0 || a->size != 1 || a->result != 1 || a->jobs[0].tap.size() != 1)
      return;
    const AxisJob &rows = b->jobs[0], &columns = c->jobs[0];
    const int64_t width = (columns.count - 1) * c->pace + 1, beyond = width + max_offset(columns) - c->lo - c->size;
    pitch = std::max(width, c->size + std::max({c->lo, beyond, int64_t{0}}));
    const int64_t height = (rows.count - 1) * b->pace + 1;
    if (a->lo != a->jobs[0].offset[0] || pitch > L || height * pitch > kSlots * L || b->size * pitch > kSlots * L)
      return;
    source_parts = parts(b->size, c->size, 1, 1, b->lo * pitch + c->lo);
    result_parts = parts(rows.count, columns.count, b->pace, c->pace, 0);
    for (size_t j = 0; j < rows.tap.size(); ++j)
      for (size_t k = 0; k < columns.tap.size(); ++k) {
        tap.push_back(rows.offset[j] * pitch + columns.offset[k]);
        w_at.push_back(a->jobs[0].tap[0] * plan.w_tap[0] + rows.tap[j] * plan.w_tap[1] +
                       columns.tap[k] * plan.w_tap[2]);
      }
    const int64_t read = *std::max_element(tap.begin(), tap.end()) + result_parts.back().place;
    size = ceil_div(std::max(read, source_parts.back().place) + L, L) * L;
  }
  bool fits() const { return size > 0; }

  // The vectors of `rows` rows of `columns` numbers, so many lines and lanes apart.
  std::vector<Part> parts(int64_t rows, int64_t columns, int64_t lines, int64_t lanes, int64_t first) const {
    std::vector<Part> made;
    for (int64_t r = 0, at = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c, ++at) {
        const int64_t place = r * lines * pitch + c * lanes;
        while (int64_t(made.size()) <= place / L) made.push_back({first + int64_t(made.size()) * L, at, 0});
        made.back().lanes |= __mmask16(1u << place % L);
      }
    return made;
  }

  void fill(const float* from, float* to) const {
    for (const Part& p : source_parts)
      _mm512_storeu_ps(to + p.place, _mm512_maskz_expand_ps(p.lanes, _mm512_maskz_loadu_ps(p.packed(), from + p.at)));
  }

  // Results of a plane: its copy, where its weights are, the bias.
  struct Task {
    const float *copy, *w;
    float start;
    float* out;
  };

  // Two planes at once: the sums of one would wait for each other.
  template <int N>
  void compute(const Task* tasks) const {
    V sums[2][N];
    for (int i = 0; i < 2; ++i)
      for (V& sum : sums[i]) sum = broadcast(tasks[i].start);
    for (size_t k = 0; k < tap.size(); ++k)
#pragma GCC unroll 2
      for (int i = 0; i < 2; ++i) {
        const V weight = broadcast(tasks[i].w[w_at[k]]);
        const float* const in = tasks[i].copy + tap[k];
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) sums[i][v] += weight * load(in + v * L);
      }
    for (int i = 0; i < 2; ++i)
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) {
        const Part& p = result_parts[v];
        _mm512_mask_storeu_ps(tasks[i].out + p.at, p.packed(), _mm512_maskz_compress_ps(p.lanes, (__m512)sums[i][v]));
      }
  }

  template <int N>
  void run(const float* source, const float* w, const float* bias, float* result) const {
    const int64_t spatial = plan.source_spatial(), pixels = plan.result_spatial(), cout = plan.cout;
    const int64_t grain = std::max<int64_t>(kCopies, 100000 / (int64_t(tap.size() + 8) * N * L * cout));
    parallel_for(plan.n * plan.groups, grain, [&](int64_t begin, int64_t end) {
      float* const copies = conv_scratch<float>(kPaddedInput, kCopies * size);
      std::fill_n(copies, kCopies * size, 0.0f);
      int64_t group = begin % plan.groups;
      for (int64_t i = begin; i < end; i += kCopies) {  // some at once: what was just stored is slow to load
        const int64_t now = std::min(kCopies, end - i), count = now * cout;
        for (int64_t k = 0; k < now; ++k) fill(source + (i + k) * spatial, copies + k * size);
        Task tasks[2 * kCopies + 1];
        for (int64_t k = 0; k < count; ++k) {
          const int64_t channel = group * cout + k % cout;
          tasks[k] = {copies + k / cout * size, w + group * plan.w_group + k % cout * plan.w_out,
                      bias ? bias[channel] : 0.0f, result + (i * cout + k) * pixels};
          if (k % cout == cout - 1 && ++group == plan.groups) group = 0;
        }
        tasks[count] = tasks[count - 1];  // done twice where there is no other
        for (int64_t k = 0; k < count; k += 2) compute<N>(tasks + k);
      }
    });
  }

  using Run = void (SmallPlanes::*)(const float*, const float*, const float*, float*) const;
  void run(const float* source, const float* w, const float* bias, float* result) const {
    constexpr Run runs[] = {&SmallPlanes::run<1>, &SmallPlanes::run<2>, &SmallPlanes::run<3>, &SmallPlanes::run<4>,
                            &SmallPlanes::run<5>, &SmallPlanes::run<6>, &SmallPlanes::run<7>, &SmallPlanes::run<8>};
    (this->*runs[result_parts.size() - 1])(source, w, bias, result);
  }
};
#endif

// Rows of a gradient and of the copies that go with them, in some planes.
struct Dots {
  const float *g, *x;
  int64_t planes, g_plane, x_plane, rows, g_row, x_row, lanes;
};

// sums[k] += sum over planes and rows of g[row] * x[offset[k] + row ...], lane by lane; lanes that do not exist collect
// rubbish.
template <int NK>
void dot_rows(const Dots& t, const int64_t* offset, V* sums) {
  V acc[NK];
  for (int k = 0; k < NK; ++k) acc[k] = sums[k];
  int64_t at[NK];
  for (int k = 0; k < NK; ++k) at[k] = offset[k];
  for (int64_t p = 0; p < t.planes; ++p) {
    const float *g = t.g + p * t.g_plane, *x = t.x + p * t.x_plane;
    for (int64_t r = 0; r < t.rows; ++r, g += t.g_row, x += t.x_row) {
      const V grad = load_some<float>(g, t.lanes);
#pragma GCC unroll 16
      for (int k = 0; k < NK; ++k) acc[k] += grad * load(x + at[k]);
    }
  }
  for (int k = 0; k < NK; ++k) sums[k] = acc[k];
}

using Dot = void (*)(const Dots&, const int64_t*, V*);
constexpr std::pair<int64_t, Dot> kDots[] = {{9, dot_rows<9>}, {7, dot_rows<7>}, {5, dot_rows<5>}, {4, dot_rows<4>},
                                             {3, dot_rows<3>}, {2, dot_rows<2>}, {1, dot_rows<1>}};

struct DepthwiseWeightGrad {
  const ConvArgs& args;
  ConvPlan plan;
  Planes planes;
  std::vector<int64_t> offset, w_at;

  explicit DepthwiseWeightGrad(const ConvArgs& a) : args(a), plan(forward_plan(a)), planes(plan) {
    const AxisJob *x = &plan.axis[0].jobs[0], *y = &plan.axis[1].jobs[0], *z = &plan.axis[2].jobs[0];
    for (size_t i = 0; i < x->tap.size(); ++i)
      for (size_t j = 0; j < y->tap.size(); ++j)
        for (size_t k = 0; k < z->tap.size(); ++k) {
          offset.push_back(planes.place(x->offset[i], y->offset[j], z->offset[k]));
          w_at.push_back(i * plan.w_tap[0] + j * plan.w_tap[1] + k * plan.w_tap[2]);
        }
  }
  int64_t taps() const { return offset.size(); }

  // The bands that start at result `first` in some images. `whole` collects from whole vectors, `ragged` from row ends.
  void add_bands(const float* grad, const float* copies, int64_t images, int64_t first, V* whole, V* ragged) const {
    int64_t count[2] = {args.out[0], args.out[1]};
    const int64_t width = args.out[2], area = args.out[1] * width, vectors = width / L, rest = width % L;
    count[planes.tile_axis] = std::min(planes.band, count[planes.tile_axis] - first);
    grad += first * (planes.tile_axis == 0 ? area : width);
    Dots t{grad,
           copies,
           images,
           args.groups * args.oc * plan.result_spatial(),
           planes.size,
           count[1],
           width,
           planes.line * args.stride[1],
           L};
    for (int64_t q0 = 0; q0 < count[0]; ++q0, grad += area, copies += planes.depth_apart()) {
      int64_t k = 0;
      for (const auto& [taken, dot] : kDots)
        for (; k + taken <= taps(); k += taken) {
          auto add = [&, &dot = dot](int64_t column, int64_t lanes, V* sums) {
            t.g = grad + column * L, t.x = copies + column * L, t.lanes = lanes;
            dot(t, offset.data() + k, sums + k);
          };
          if (count[1] == 1) {  // a single row, whose vectors are then the rows
            const Dots rows = t;
            t.rows = vectors, t.g_row = t.x_row = L;
            add(0, L, whole);
            t = rows;
          } else {
            for (int64_t v = 0; v < vectors; ++v) add(v, L, whole);
          }
          if (rest) add(vectors, rest, ragged);
        }
    }
  }

  // Units (a band of an image; bands of one place side by side) [begin, end) of one channel.
  void add_units(int64_t channel, int64_t begin, int64_t end, float* copies, V* sums) const {
    const int64_t in = plan.source_spatial(), out = plan.result_spatial();
    const float* x = static_cast<const float*>(args.x) + channel * in;
    const float* y = static_cast<const float*>(args.y) + channel * args.oc * out;
    for (int64_t i = begin; i < end;) {
      const int64_t image = i % args.n, first = i / args.n * planes.band;
      const int64_t now = std::min({end - i, planes.batch, args.n - image});
      for (int64_t k = 0; k < now; ++k)
        planes.fill(x + (image + k) * args.groups * in, first, copies + k * planes.size);
      for (int64_t co = 0; co < args.oc; ++co)
        add_bands(y + (image * args.groups * args.oc + co) * out, copies, now, first, sums + 2 * co * taps(),
                  sums + (2 * co + 1) * taps());
      i += now;
    }
  }

  void run() const {
    const int64_t units = args.n * planes.bands, chunks = std::min(units, ceil_div(16, args.groups));
    const int64_t per_group = args.oc * taps(), rest = args.out[2] % L;
    float* partial = conv_scratch<float>(kPackedGrad, chunks * args.groups * per_group);
    const int64_t work = std::max<int64_t>(1, plan.result_spatial() * args.n * per_group / chunks);
    parallel_for(args.groups * chunks, std::max<int64_t>(1, 100000 / work), [&](int64_t begin, int64_t end) {
      float* copies = planes.room(planes.batch);
      V* sums = conv_scratch<V>(kPartialSums, 2 * per_group);
      for (int64_t i = begin; i < end; ++i) {
        const int64_t chunk = i % chunks;
        std::fill_n(sums, 2 * per_group, V{});
        add_units(i / chunks, units * chunk / chunks, units * (chunk + 1) / chunks, copies, sums);
        for (int64_t co = 0; co < args.oc; ++co)
          add_lanes(sums + 2 * co * taps(), rest, partial + i * per_group + co * taps());
      }
    });
    float* to = static_cast<float*>(args.result);
    for (int64_t g = 0; g < args.groups; ++g)
      for (int64_t k = 0; k < per_group; ++k) {
        float sum = 0;
        for (int64_t chunk = 0; chunk < chunks; ++chunk) sum += partial[(g * chunks + chunk) * per_group + k];
        to[(g * args.oc + k / taps()) * args.w_stride[0] + w_at[k % taps()]] = sum;
      }
  }

  // out[k] = the sum of sums[k]'s lanes and of the first `rest` lanes of sums[taps + k].
  void add_lanes(const V* sums, int64_t rest, float* out) const {
    for (int64_t k = 0; k < taps(); k += L) {
      const int64_t now = std::min<int64_t>(L, taps() - k);
      V rows[L] = {};
      for (int64_t j = 0; j < now; ++j)
        rows[j] = sums[k + j] + load_piece(reinterpret_cast<const float*>(sums + taps() + k + j), 0, 0, rest);
      transpose_block<float>(rows);
      for (int width = L / 2; width >= 1; width /= 2)
        for (int j = 0; j < width; ++j) rows[j] += rows[j + width];
      store_some(out + k, rows[0], now);
    }
  }
};

}  // namespace

void conv_depthwise_f32(const ConvPlan& plan, const float* source, const float* w, const float* bias, float* result) {
#if defined(__AVX512F__)
  if (const SmallPlanes small(plan); small.fits()) return small.run(source, w, bias, result);
#endif
  Depthwise(plan, source, w, bias, result).run();
}
void conv_depthwise_weight_grad_f32(const ConvArgs& args) { DepthwiseWeightGrad(args).run(); }

}  // namespace flambeau::cpu::FL_ISA
