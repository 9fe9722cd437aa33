// Forward and input gradient on (n, channels, spatial...) data without transposing it: the vector runs along pixels.
// With the rows of a padded copy laid end to end, the source of a kernel tap is the same run of memory shifted by a
// constant, so a convolution is C[channel][p] += W[channel][k] * B[offset[k] + p]: a matrix product whose B is never
// built. The price is a few unused columns per row; where rows are so short that they matter, conv_channels_last.cpp is
// used.
#include "kernels/cpu/conv_common.h"

namespace flambeau::cpu::FL_ISA {

namespace {

constexpr int kWide = 3, kWider = 6;  // vectors per tile row, for full and for few result channels

template <class T>
using TileFn = void (*)(const T* a, const T* b, const int64_t* offset, int64_t depth, T* c, int64_t c_stride,
                        const T* bias, bool fresh);

// c[MR][NR vectors] (+)= sum over k of a[k][MR] * b[offset[k] + ...]; a fresh tile starts from the bias.
template <class T, int MR, int NR>
void tile(const T* a, const T* b, const int64_t* offset, int64_t depth, T* c, int64_t c_stride, const T* bias,
          bool fresh) {
  constexpr int L = kLanes<T>;
  Vector<T> acc[MR][NR] = {};
  auto step = [&](int64_t k) __attribute__((always_inline)) {
    const T* row = b + offset[k];
    Vector<T> pixels[NR];
#pragma GCC unroll 8
    for (int j = 0; j < NR; ++j) pixels[j] = load(row + j * L);
#pragma GCC unroll 8
    for (int i = 0; i < MR; ++i) {
      const Vector<T> weight = broadcast(a[i]);
#pragma GCC unroll 8
      for (int j = 0; j < NR; ++j) acc[i][j] += weight * pixels[j];
    }
    a += MR;
  };
  int64_t k = 0;
  for (; k + 4 <= depth; k += 4) step(k), step(k + 1), step(k + 2), step(k + 3);
  for (; k < depth; ++k) step(k);
#pragma GCC unroll 8
  for (int i = 0; i < MR; ++i) {
    const Vector<T> start = broadcast(bias ? bias[i] : T(0));
#pragma GCC unroll 8
    for (int j = 0; j < NR; ++j) {
      T* to = c + i * c_stride + j * L;
      store(to, acc[i][j] + (fresh ? start : load(to)));
    }
  }
}

template <class T, int MR>
TileFn<T> tile_of_width(int vectors) {
  switch (vectors) {
    case 1:
      return tile<T, MR, 1>;
    case 2:
      return tile<T, MR, 2>;
    case 3:
      return tile<T, MR, 3>;
    case 4:
      return MR <= 6 ? tile < T, MR, MR <= 6 ? 4 : 1 > : nullptr;
    case 5:
      return MR <= 4 ? tile < T, MR, MR <= 4 ? 5 : 1 > : nullptr;
    default:
      return MR <= 4 ? tile < T, MR, MR <= 4 ? 6 : 1 > : nullptr;
  }
}

template <class T>
TileFn<T> pick_tile(int rows, int vectors) {
  switch (rows) {
    case 1:
      return tile_of_width<T, 1>(vectors);
    case 2:
      return tile_of_width<T, 2>(vectors);
    case 4:
      return tile_of_width<T, 4>(vectors);
    case 6:
      return tile_of_width<T, kVectorBytes == 64 ? 6 : 4>(vectors);
    default:
      return tile_of_width<T, kChannelRows>(vectors);
  }
}

struct RowBlock {
  int64_t row;
  int rows;
};

std::vector<RowBlock> split_rows(int64_t count) {
  std::vector<RowBlock> blocks;
  int64_t row = 0;
  for (int rows : {kChannelRows, kVectorBytes == 64 ? 6 : 4, 4, 2, 1})
    for (; row + rows <= count; row += rows) blocks.push_back({row, rows});
  return blocks;
}

// One combination of the axes' jobs: a dense set of taps and the grid of results it computes.
struct Job {
  const AxisJob* axis[3];
  std::vector<int64_t> offset, w_offset;  // per k = (channel, depth, height, width)
  int64_t taps = 0;                       // per channel
  int64_t packed_at = 0;
};

// The padded copy: per channel one plane for every used remainder modulo the pace, each extent[0] x [1] x [2].
struct Buffer {
  int64_t extent[3], plane, channel;
  std::vector<int64_t> remainder[3];
  bool in_place = false;  // no padding and pace 1: the source itself serves
  int64_t index_of(int d, int64_t rem) const {
    return std::find(remainder[d].begin(), remainder[d].end(), rem) - remainder[d].begin();
  }
};

template <class T>
struct ChannelsFirst {
  const ConvPlan& plan;
  const T *source, *w, *bias;
  T* result;
  std::vector<Job> jobs;
  std::vector<RowBlock> blocks;
  Buffer buffer;
  int tile_axis = 0;
  int64_t tile_length = 0, tiles = 0, longest = 0, packed_per_group = 0;
  const T* packed = nullptr;
  bool never_in_place = false;

  ChannelsFirst(const ConvPlan& p, const T* s, const T* weights, const T* b, T* r)
      : plan(p), source(s), w(weights), bias(b), result(r) {}

  void lay_out() {
    int64_t most[3] = {0, 0, 0};
    for (int d = 0; d < 3; ++d) {
      int64_t reach = 0;
      for (const AxisJob& job : plan.axis[d].jobs) {
        most[d] = std::max(most[d], job.count);
        for (int64_t offset : job.offset) {
          reach = std::max(reach, offset / plan.axis[d].pace);
          const int64_t rem = offset % plan.axis[d].pace;
          if (buffer.index_of(d, rem) == static_cast<int64_t>(buffer.remainder[d].size()))
            buffer.remainder[d].push_back(rem);
        }
      }
      if (buffer.remainder[d].empty()) buffer.remainder[d].push_back(0);
      buffer.extent[d] = most[d] + reach;
    }
    tile_axis = most[0] > 1 ? 0 : most[1] > 1 ? 1 : 2;
    longest = most[tile_axis];
    tile_length = longest;
    buffer.in_place = !never_in_place;
    for (int d = 0; d < 3; ++d)
      buffer.in_place &= plan.axis[d].pace == 1 && plan.axis[d].lo == 0 && plan.axis[d].jobs.size() == 1 &&
                         buffer.extent[d] == plan.axis[d].size;
    buffer.in_place &= plan.cin <= 32;  // many far-apart planes read side by side would be slow
    buffer.in_place &= most[0] * most[1] * most[2] >= kWider * kLanes<T>;
    if (buffer.in_place) {
      buffer.plane = buffer.channel = plan.source_spatial();
      // The ragged end of a tile moves back over finished columns, so the first tile must hold one whole tile row.
      const int64_t least = ceil_div(kWider * kLanes<T>, in_place_step()) + 1;
      tile_length = std::min(longest, std::max(ceil_div(longest, few_items() ? 8 : 1), least));
    } else {
      choose_tile_length();
    }
    tiles = ceil_div(longest, tile_length);
  }

  // A batch of a few large images is cut further, so that every thread has work.
  bool few_items() const { return plan.n * plan.groups < 8 && plan.cin * plan.source_spatial() > 16384; }

  // A tile's copy should stay in the second-level cache.
  void choose_tile_length() {
    const int64_t reach = buffer.extent[tile_axis] - longest;
    int64_t per_step = plan.cin * static_cast<int64_t>(sizeof(T));
    for (int d = 0; d < 3; ++d) per_step *= buffer.remainder[d].size() * (d == tile_axis ? 1 : buffer.extent[d]);
    const int64_t fits = std::max<int64_t>(384 * 1024 / std::max<int64_t>(per_step, 1) - reach, 2 + reach / 2);
    const int64_t parts = std::max(ceil_div(longest, fits), std::min<int64_t>(longest, few_items() ? 4 : 1));
    tile_length = ceil_div(longest, parts);
    buffer.extent[tile_axis] = tile_length + reach;
    buffer.plane = buffer.extent[0] * buffer.extent[1] * buffer.extent[2];
    const int64_t line = 64 / sizeof(T);
    buffer.channel =
        buffer.plane * buffer.remainder[0].size() * buffer.remainder[1].size() * buffer.remainder[2].size();
    buffer.channel =
        (ceil_div(buffer.channel, line) | 1) * line;  // an odd number of lines: no two channels share a set
  }

  void add_jobs() {
    for (const AxisJob& a : plan.axis[0].jobs)
      for (const AxisJob& b : plan.axis[1].jobs)
        for (const AxisJob& c : plan.axis[2].jobs) add_job(a, b, c);
  }

  void add_job(const AxisJob& a, const AxisJob& b, const AxisJob& c) {
    Job job{{&a, &b, &c}, {}, {}, static_cast<int64_t>(a.tap.size() * b.tap.size() * c.tap.size()), packed_per_group};
    std::vector<int64_t> offsets, w_offsets;
    for (size_t i = 0; i < a.tap.size(); ++i)
      for (size_t j = 0; j < b.tap.size(); ++j)
        for (size_t k = 0; k < c.tap.size(); ++k) {
          const int64_t at[3] = {a.offset[i], b.offset[j], c.offset[k]};
          int64_t part = 0, place = 0;
          for (int d = 0; d < 3; ++d) {
            part = part * buffer.remainder[d].size() + buffer.index_of(d, at[d] % plan.axis[d].pace);
            place = place * buffer.extent[d] + at[d] / plan.axis[d].pace;
          }
          offsets.push_back(part * buffer.plane + place);
          w_offsets.push_back(a.tap[i] * plan.w_tap[0] + b.tap[j] * plan.w_tap[1] + c.tap[k] * plan.w_tap[2]);
        }
    job.offset.reserve(plan.cin * job.taps);
    job.w_offset.reserve(plan.cin * job.taps);
    for (int64_t ci = 0; ci < plan.cin; ++ci)
      for (int64_t t = 0; t < job.taps; ++t) {
        job.offset.push_back(ci * buffer.channel + offsets[t]);
        job.w_offset.push_back(ci * plan.w_in + w_offsets[t]);
      }
    packed_per_group += plan.cout * plan.cin * job.taps;
    jobs.push_back(std::move(job));
  }

  // Weights as [block of rows][k][row], the order in which tiles read them.
  void pack_weights() {
    bool ready;
    T* to = packed_weights<T>(plan, PackedAs::kChannelsFirst, plan.groups * packed_per_group, ready);
    packed = to;
    if (ready) return;
    const int64_t block_count = blocks.size(), job_count = jobs.size();
    const int64_t depth = plan.cin * plan.axis[0].jobs[0].tap.size();
    parallel_for(plan.groups * job_count * block_count, std::max<int64_t>(1, 8192 / std::max<int64_t>(depth, 1)),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t i = begin; i < end; ++i) {
                     const Job& job = jobs[i / block_count % job_count];
                     const RowBlock& block = blocks[i % block_count];
                     const int64_t group = i / block_count / job_count, depth = job.offset.size();
                     const T* from = w + group * plan.w_group + block.row * plan.w_out;
                     T* out = to + group * packed_per_group + job.packed_at + block.row * depth;
                     for (int64_t k = 0; k < depth; ++k)
                       for (int r = 0; r < block.rows; ++r)
                         out[k * block.rows + r] = from[job.w_offset[k] + r * plan.w_out];
                   }
                 });
  }

  static thread_local int64_t first_step;  // the tile's first step along tile_axis

  int64_t source_position(int d, int64_t b, int64_t rem) const {
    const int64_t at = (b + (tile_axis == d ? first_step : 0)) * plan.axis[d].pace + rem - plan.axis[d].lo;
    return at >= 0 && at < plan.axis[d].size ? at : -1;
  }

  // Along the last axis, position b in [begin, end) of the copy holds source[b * pace + at].
  struct Row {
    int64_t begin, end, at;
  };
  Row row_of(int64_t rem) const {
    const Axis& axis = plan.axis[2];
    const int64_t at = (tile_axis == 2 ? first_step * axis.pace : 0) + rem - axis.lo;
    const int64_t begin = std::clamp<int64_t>(ceil_div(std::max<int64_t>(-at, 0), axis.pace), 0, buffer.extent[2]);
    return {begin, std::clamp<int64_t>(floor_div(axis.size - 1 - at, axis.pace) + 1, begin, buffer.extent[2]), at};
  }

  // Rows are filled in the order of memory, so a whole vector may spill over the row's end; `loose` says that reading
  // over the source row's end is safe as well.
  static void copy_row(T* to, const T* from, const Row& row, int64_t pace, int64_t extent, bool loose) {
    from += row.at;
    if (pace == 1 && loose) {
      for (int64_t b = row.begin; b < row.end; b += kLanes<T>) store(to + b, load(from + b));
    } else if (pace == 1) {
      for (int64_t b = row.begin; b < row.end; ++b) to[b] = from[b];
    } else if (pace == 2) {
      for (int64_t b = row.begin; b < row.end; ++b) to[b] = from[b * 2];
    } else {
      for (int64_t b = row.begin; b < row.end; ++b) to[b] = from[b * pace];
    }
    for (int64_t b = 0; b < row.begin; ++b) to[b] = T(0);
    for (int64_t b = row.end; b < extent; ++b) to[b] = T(0);
  }

  void fill_buffer(T* to, const T* from) const {
    const int64_t spatial = plan.source_spatial(), extent = buffer.extent[2], pace = plan.axis[2].pace;
    const bool one_plane = buffer.remainder[0].size() * buffer.remainder[1].size() * buffer.remainder[2].size() == 1;
    const T* last = source + plan.n * plan.groups * plan.cin * spatial - plan.axis[2].size - kLanes<T>;
    for (int64_t r0 : buffer.remainder[0])
      for (int64_t r1 : buffer.remainder[1])
        for (int64_t r2 : buffer.remainder[2]) {
          const Row row = row_of(r2);
          for (int64_t ci = 0; ci < plan.cin; ++ci) {
            T* out = to + ci * buffer.channel;
            for (int64_t b0 = 0; b0 < buffer.extent[0]; ++b0) {
              const int64_t at0 = source_position(0, b0, r0);
              for (int64_t b1 = 0; b1 < buffer.extent[1]; ++b1, out += extent) {
                const int64_t at1 = source_position(1, b1, r1);
                if (at0 < 0 || at1 < 0)
                  std::fill_n(out, extent, T(0));
                else {
                  const T* row_start = from + ci * spatial + (at0 * plan.axis[1].size + at1) * plan.axis[2].size;
                  copy_row(out, row_start, row, pace, extent, one_plane && row_start <= last);
                }
              }
            }
          }
          to += buffer.plane;
        }
  }

  // Copies columns [p0, p1) of c (flattened pixels, c's first column being c0) to the result's grid.
  void write_out(const Job& job, const int64_t* count, T* to, const T* c, int64_t c_stride, int64_t c0, int64_t p0,
                 int64_t p1) const {
    const int64_t e1 = buffer.extent[1], e2 = buffer.extent[2];
    const AxisJob *a = job.axis[0], *b = job.axis[1], *z = job.axis[2];
    const bool loose =
        jobs.size() == 1 && z->step == 1 && b->step == 1 && a->step == 1 && plan.axis[2].result >= kLanes<T>;
    const int64_t row0 = p0 / e2;
    int64_t q0 = row0 / e1, q1 = row0 % e1 - 1;
    for (int64_t row = row0; row * e2 < p1; ++row) {
      if (++q1 == e1) ++q0, q1 = 0;
      if (q1 >= count[1]) continue;
      const int64_t from = std::max(p0, row * e2), until = std::min(p1, row * e2 + count[2]);
      if (until <= from) continue;
      const int64_t base0 = a->start + (q0 + (tile_axis == 0 ? first_step : 0)) * a->step;
      const int64_t base1 = b->start + (q1 + (tile_axis == 1 ? first_step : 0)) * b->step;
      const int64_t base2 = z->start + (from - row * e2 + (tile_axis == 2 ? first_step : 0)) * z->step;
      T* out = to + (base0 * plan.axis[1].result + base1) * plan.axis[2].result + base2;
      const T* in = c + from - c0;
      const int64_t length = until - from, spatial = plan.result_spatial();
      if (loose && (q0 < count[0] - 1 || q1 < count[1] - 1)) {  // what spills over the row's end is overwritten next
        for (int64_t co = 0; co < plan.cout; ++co, out += spatial, in += c_stride)
          for (int64_t i = 0; i < length; i += kLanes<T>) store(out + i, load(in + i));
        continue;
      }
      for (int64_t co = 0; co < plan.cout; ++co, out += spatial, in += c_stride) {
        if (z->step == 1) {
          for (int64_t i = 0; i < length; ++i) out[i] = in[i];
        } else {
          for (int64_t i = 0; i < length; ++i) out[i * z->step] = in[i];
        }
      }
    }
  }

  void fill_with_bias(const Job& job, const int64_t* count, T* to, const T* group_bias) const {
    std::vector<T> line(count[2]);
    for (int64_t co = 0; co < plan.cout; ++co)
      for (int64_t q0 = 0; q0 < count[0]; ++q0)
        for (int64_t q1 = 0; q1 < count[1]; ++q1)
          for (int64_t q2 = 0; q2 < count[2]; ++q2) {
            const int64_t q[3] = {q0, q1, q2};
            int64_t at = co;
            for (int d = 0; d < 3; ++d)
              at = at * plan.axis[d].result + job.axis[d]->start +
                   (q[d] + (d == tile_axis ? first_step : 0)) * job.axis[d]->step;
            to[at] = group_bias ? group_bias[co] : T(0);
          }
  }

  void run_job(const Job& job, int64_t group, const T* from, T* to) const {
    const T* group_bias = bias ? bias + group * plan.cout : nullptr;
    int64_t count[3];
    for (int d = 0; d < 3; ++d) count[d] = job.axis[d]->count;
    count[tile_axis] = std::min(tile_length, count[tile_axis] - first_step);
    if (count[0] <= 0 || count[1] <= 0 || count[2] <= 0) return;
    if (job.offset.empty()) return fill_with_bias(job, count, to, group_bias);
    constexpr int L = kLanes<T>;
    const int64_t e1 = buffer.extent[1], e2 = buffer.extent[2], depth = job.offset.size();
    const int64_t pixels = ((count[0] - 1) * e1 + count[1] - 1) * e2 + count[2];
    const bool one_row = count[0] == 1 && count[1] == 1;
    const bool direct = job.axis[2]->step == 1 && job.axis[1]->step == 1 && job.axis[0]->step == 1 &&
                        job.axis[0]->start == 0 && job.axis[1]->start == 0 && job.axis[2]->start == 0 &&
                        (one_row || e2 == count[2]) && (count[0] == 1 || e1 == count[1]) &&
                        (tile_axis == 2 || plan.axis[2].result == count[2]);
    const int64_t width = (blocks[0].rows == kChannelRows ? kWide : blocks[0].rows == 6 ? 4 : kWider) * L;
    // So many channels at a time that a tile's source lines stay in the first-level cache.
    const int64_t rows_touched = job.axis[0]->tap.size() * job.axis[1]->tap.size();
    const int64_t per_channel = rows_touched * (width * sizeof(T) + 64) + job.taps * kChannelRows * sizeof(T);
    const int64_t chunk = std::max<int64_t>(1, 22 * 1024 / per_channel) * job.taps;
    const int64_t chunks = ceil_div(depth, chunk), step = ceil_div(ceil_div(depth, chunks), job.taps) * job.taps;
    const int64_t span =
        std::clamp<int64_t>(160 * 1024 / static_cast<int64_t>(sizeof(T)) / plan.cout / width, 1, 16) * width;
    T* hold = conv_scratch<T>(kTileResult, plan.cout * (span + L));
    const int64_t hold_stride = span + L;
    const int64_t direct_at = first_step * (tile_axis == 0   ? plan.axis[1].result * plan.axis[2].result
                                            : tile_axis == 1 ? plan.axis[2].result
                                                             : 1);
    const T* a = packed + group * packed_per_group + job.packed_at;
    const int64_t spatial = plan.result_spatial();
    for (int64_t p0 = 0; p0 < pixels; p0 += span) {
      const int64_t p1 = std::min(pixels, p0 + span);
      // Whole tiles of a direct result are computed in place; the last, ragged one goes through `hold`.
      for (int64_t k0 = 0; k0 < depth; k0 += step) {
        const int64_t k1 = std::min(depth, k0 + step);
        for (int64_t p = p0; p < p1; p += width) {
          const int64_t left = p1 - p;
          const bool ragged = left < width;
          // In place nothing may be read behind the source: the ragged tile moves back over finished columns.
          const int64_t at = ragged && buffer.in_place ? pixels - width : p;
          const int64_t vectors = ragged && !buffer.in_place ? ceil_div(left, L) : width / L;
          const bool straight = direct && !ragged;
          T* c = straight ? to + direct_at + p : hold + (p - p0);
          const int64_t c_stride = straight ? spatial : hold_stride;
          for (const RowBlock& block : blocks) {
            int64_t done = 0;
            while (done < vectors) {
              const int64_t now = std::min<int64_t>(vectors - done, width / L);
              pick_tile<T>(block.rows, now)(a + block.row * depth + k0 * block.rows, from + at + done * L,
                                            job.offset.data() + k0, k1 - k0, c + block.row * c_stride + done * L,
                                            c_stride, group_bias ? group_bias + block.row : nullptr, k0 == 0);
              done += now;
            }
          }
        }
      }
      const int64_t whole = p0 + (p1 - p0) / width * width;
      const bool ragged = whole < p1;
      if (!direct && whole > p0) write_out(job, count, to, hold, hold_stride, p0, p0, whole);
      if (!ragged) continue;
      const int64_t c0 = buffer.in_place ? pixels - width : whole;
      if (direct) {
        for (int64_t co = 0; co < plan.cout; ++co)
          std::memcpy(to + co * spatial + direct_at + whole, hold + co * hold_stride + (whole - p0) + (whole - c0),
                      (p1 - whole) * sizeof(T));
      } else {
        write_out(job, count, to, hold + (whole - p0), hold_stride, c0, whole, p1);
      }
    }
  }

  int64_t in_place_step() const {
    return tile_axis == 0 ? buffer.extent[1] * buffer.extent[2] : tile_axis == 1 ? buffer.extent[2] : 1;
  }

  void run() {
    lay_out();
    add_jobs();
    blocks = split_rows(plan.cout);
    pack_weights();
    const int64_t items = plan.n * plan.groups * tiles, from_spatial = plan.source_spatial();
    int64_t work = 2 * plan.cout * plan.result_spatial() / tiles * plan.cin;
    for (int d = 0; d < 3; ++d) work *= std::max<int64_t>(1, plan.axis[d].jobs[0].tap.size());
    parallel_for(items, std::max<int64_t>(1, 300000 / std::max<int64_t>(work, 1)), [&](int64_t begin, int64_t end) {
      T* copy =
          buffer.in_place ? nullptr : conv_scratch<T>(kPaddedInput, plan.cin * buffer.channel + 8 * kWider * kLanes<T>);
      for (int64_t i = begin; i < end; ++i) {
        const int64_t image = i / tiles / plan.groups, group = i / tiles % plan.groups;
        first_step = i % tiles * tile_length;
        const T* from = source + (image * plan.groups + group) * plan.cin * from_spatial;
        if (!buffer.in_place) fill_buffer(copy, from);
        T* to = result + (image * plan.groups + group) * plan.cout * plan.result_spatial();
        if (buffer.in_place) from += first_step * in_place_step();
        for (const Job& job : jobs) run_job(job, group, buffer.in_place ? from : copy, to);
      }
    });
  }
};

template <class T>
thread_local int64_t ChannelsFirst<T>::first_step = 0;

// sums[k] += g * b[offset[k] + pixel] for NK taps, over the pixels that count: what lies beside them may be infinite.
template <class T, int NK>
void dot_tile(const T* g, const T* counts, const T* b, const int64_t* offset, int64_t vectors, Vector<T>* sums) {
  constexpr int L = kLanes<T>;
  Vector<T> acc[NK];
  for (int k = 0; k < NK; ++k) acc[k] = sums[k];
  const T* from[NK];
  for (int k = 0; k < NK; ++k) from[k] = b + offset[k];
  for (int64_t p = 0; p < vectors * L; p += L) {
    const Vector<T> grad = load(g + p);
    const auto real = load(counts + p) != T(0);
#pragma GCC unroll 16
    for (int k = 0; k < NK; ++k) acc[k] = real ? acc[k] + grad * load(from[k] + p) : acc[k];
  }
  for (int k = 0; k < NK; ++k) sums[k] = acc[k];
}

// The weight gradient for few result channels per group: both factors have pixels side by side, so vectors of
// partial sums run along them and are added up at the end.
template <class T>
struct FewChannels {
  static constexpr int L = kLanes<T>;
  const ConvArgs& args;
  ConvPlan plan;
  ChannelsFirst<T> first;
  int64_t flat = 0, chunks = 1;

  explicit FewChannels(const ConvArgs& a)
      : args(a), plan(forward_plan(a)), first(plan, static_cast<const T*>(a.x), nullptr, nullptr, nullptr) {}

  // G (or ones) in the rows of the padded copy, zero in the unused columns.
  void spread(const T* grad, const int64_t* count, T* to) const {
    const int64_t e1 = first.buffer.extent[1], e2 = first.buffer.extent[2];
    std::fill_n(to, flat, T(0));
    const int64_t start = first.first_step;
    for (int64_t q0 = 0; q0 < count[0]; ++q0)
      for (int64_t q1 = 0; q1 < count[1]; ++q1) {
        const int64_t at0 = q0 + (first.tile_axis == 0 ? start : 0), at1 = q1 + (first.tile_axis == 1 ? start : 0);
        const int64_t row = (at0 * args.out[1] + at1) * args.out[2] + (first.tile_axis == 2 ? start : 0);
        T* out = to + (q0 * e1 + q1) * e2;
        for (int64_t i = 0; i < count[2]; ++i) out[i] = grad ? grad[row + i] : T(1);
      }
  }

  // What a tap reads reaches beyond the last channel.
  int64_t copy_size() const { return args.ic * first.buffer.channel + flat + 2 * L; }

  void add_item(int64_t image, int64_t group, Vector<T>* sums, T* copy) {
    const int64_t in = plan.source_spatial(), out = plan.result_spatial();
    const int64_t* offset = first.jobs[0].offset.data();
    const int64_t depth = first.jobs[0].offset.size();
    first.fill_buffer(copy, first.source + (image * args.groups + group) * args.ic * in);
    T *counts = copy + copy_size(), *spread_grad = counts + flat;
    int64_t count[3] = {args.out[0], args.out[1], args.out[2]};
    count[first.tile_axis] = std::min(first.tile_length, count[first.tile_axis] - first.first_step);
    spread(nullptr, count, counts);
    for (int64_t co = 0; co < args.oc; ++co, sums += depth) {
      spread(static_cast<const T*>(args.y) + ((image * args.groups + group) * args.oc + co) * out, count, spread_grad);
      int64_t k = 0;
      for (; k + 9 <= depth; k += 9) dot_tile<T, 9>(spread_grad, counts, copy, offset + k, flat / L, sums + k);
      for (; k + 3 <= depth; k += 3) dot_tile<T, 3>(spread_grad, counts, copy, offset + k, flat / L, sums + k);
      for (; k < depth; ++k) dot_tile<T, 1>(spread_grad, counts, copy, offset + k, flat / L, sums + k);
    }
  }

  void compute() {
    first.never_in_place = true;
    first.lay_out();
    first.add_jobs();
    const Buffer& buffer = first.buffer;
    const int64_t depth = first.jobs[0].offset.size(), sums_per_group = args.oc * depth;
    int64_t count[3] = {args.out[0], args.out[1], args.out[2]};
    count[first.tile_axis] = first.tile_length;
    flat = ceil_div(((count[0] - 1) * buffer.extent[1] + count[1] - 1) * buffer.extent[2] + count[2], L) * L;
    const int64_t units = args.n * first.tiles;
    chunks = std::min(units, ceil_div(16, args.groups));
    T* partial = conv_scratch<T>(kPartialSums, chunks * args.groups * sums_per_group);
    const int64_t work = 2 * args.n * plan.result_spatial() * sums_per_group / chunks;
    parallel_for(chunks * args.groups, std::max<int64_t>(1, 300000 / (work + 1)), [&](int64_t begin, int64_t end) {
      T* copy = conv_scratch<T>(kPaddedInput, copy_size() + 2 * flat);
      Vector<T>* sums = conv_scratch<Vector<T>>(kTileResult, sums_per_group);
      for (int64_t i = begin; i < end; ++i) {
        const int64_t chunk = i % chunks, group = i / chunks;
        std::fill_n(sums, sums_per_group, Vector<T>{});
        for (int64_t unit = units * chunk / chunks; unit < units * (chunk + 1) / chunks; ++unit) {
          first.first_step = unit % first.tiles * first.tile_length;
          add_item(unit / first.tiles, group, sums, copy);
        }
        for (int64_t k = 0; k < sums_per_group; ++k) partial[i * sums_per_group + k] = sum_lanes(sums[k]);
      }
    });
    for (int64_t group = 0; group < args.groups; ++group)
      for (int64_t co = 0; co < args.oc; ++co)
        for (int64_t k = 0; k < depth; ++k) {
          T sum = 0;
          for (int64_t chunk = 0; chunk < chunks; ++chunk)
            sum += partial[((group * chunks + chunk) * args.oc + co) * depth + k];
          static_cast<T*>(args.result)[(group * args.oc + co) * args.w_stride[0] + first.jobs[0].w_offset[k]] = sum;
        }
  }

  static T sum_lanes(Vector<T> v) {
    T lanes[L];
    store(lanes, v);
    for (int width = L / 2; width >= 1; width /= 2)
      for (int j = 0; j < width; ++j) lanes[j] += lanes[j + width];
    return lanes[0];
  }
};

// Lines of result pixels that no job reaches (input gradient where stride exceeds the dilated kernel) have an empty tap
// list.
template <class T>
void run(const ConvPlan& plan, const void* source, const void* w, const void* bias, void* result) {
  if (plan.n == 0 || plan.cout == 0 || plan.groups == 0 || plan.result_spatial() == 0) return;
  ChannelsFirst<T>(plan, static_cast<const T*>(source), static_cast<const T*>(w), static_cast<const T*>(bias),
                   static_cast<T*>(result))
      .run();
}

}  // namespace

template <class T>
void conv_weight_grad_few(const ConvArgs& args) {
  FewChannels<T>(args).compute();
}
template void conv_weight_grad_few<float>(const ConvArgs&);
template void conv_weight_grad_few<double>(const ConvArgs&);

void conv_channels_first_f32(const ConvPlan& plan, const void* source, const void* w, const void* bias, void* result) {
  run<float>(plan, source, w, bias, result);
}
void conv_channels_first_f64(const ConvPlan& plan, const void* source, const void* w, const void* bias, void* result) {
  run<double>(plan, source, w, bias, result);
}
void conv_channels_first_i64(const ConvPlan& plan, const void* source, const void* w, const void* bias, void* result) {
  run<uint64_t>(plan, source, w, bias, result);
}

}  // namespace flambeau::cpu::FL_ISA
