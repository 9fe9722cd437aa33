// Padded copies of channels-first planes, in which every tap of a kernel is a plain load.
#pragma once
#include "kernels/cpu/conv_common.h"

namespace flambeau::cpu::FL_ISA {

namespace {

using V = Vector<float>;
constexpr int L = kLanes<float>;
constexpr int kSlots = kVectorBytes == 64 ? 8 : 4;  // vectors of results in registers

// Some lanes of a vector, which lie at `from` and go to `to`; the others become zero.
struct Piece {
  int64_t to, from;
  int32_t begin, end;
};
inline V load_piece(const float* row, int64_t from, int64_t begin, int64_t end) {
#if defined(__AVX512F__)
  return (V)_mm512_maskz_loadu_ps(__mmask16((1u << end) - (1u << begin)), row + from);
#else
  V v{};
  for (int64_t i = begin; i < end; ++i) v[i] = row[from + i];
  return v;
#endif
}

template <int... J>
inline void split_phases(V a, V b, V& even, V& odd, std::integer_sequence<int, J...>) {
  even = __builtin_shufflevector(a, b, (2 * J)...);
  odd = __builtin_shufflevector(a, b, (2 * J + 1)...);
}
// even[0], odd[0], even[1], ...
template <int... J>
inline void join_phases(V even, V odd, V& a, V& b, std::integer_sequence<int, J...>) {
  a = __builtin_shufflevector(even, odd, (J / 2 + J % 2 * L)...);
  b = __builtin_shufflevector(even, odd, (L / 2 + J / 2 + J % 2 * L)...);
}
constexpr auto kLaneList = std::make_integer_sequence<int, L>{};

// The padded copies of some planes: [plane][depth][row][column phase][pitch].
struct Planes {
  const ConvPlan& plan;
  int64_t most[3], extent[3], pitch = 0, phases = 1, line = 0, size = 0, slack = 0;
  int tile_axis = 0;                       // never the last axis
  int64_t band = 1, bands = 1, batch = 1;  // results of a band along tile_axis; planes copied together
  int64_t whole_begin = 0, whole_end = 0;  // of a line's phase: where whole vectors of the source go
  std::vector<Piece> edges;                // the rest of a line; one number each where there are three phases or more
  std::vector<Piece> all;                  // a plane that is not cut: everything but its zeros

  // `results`: how many a band has along tile_axis; by default a band's copy leaves room in the first-level cache.
  explicit Planes(const ConvPlan& p, int64_t results = 0) : plan(p) {
    int64_t reach[3];
    for (int d = 0; d < 3; ++d) {
      most[d] = reach[d] = 0;
      for (const AxisJob& job : plan.axis[d].jobs) {
        most[d] = std::max(most[d], job.count);
        reach[d] = std::max(reach[d], max_offset(job));
      }
      extent[d] = (most[d] - 1) * plan.axis[d].pace + reach[d] + 1;
    }
    phases = plan.axis[2].pace;
    pitch = ceil_div(most[2] + reach[2] / phases, L) * L;
    line = phases * pitch;
    cut(reach, results);
    list_pieces();
  }

  void cut(const int64_t* reach, int64_t results) {
    const int64_t budget = 5120;
    const int d = tile_axis = most[0] > 1 ? 0 : 1;
    const int64_t pace = plan.axis[d].pace, per_step = line * (d == 0 ? extent[1] : extent[0]);
    const int64_t room = (budget / per_step - reach[d] - 1) / pace + 1;
    band = std::min(most[d], results ? results : std::max<int64_t>(kSlots, room / kSlots * kSlots));
    bands = ceil_div(most[d], band);
    extent[d] = (band - 1) * pace + reach[d] + 1;
    size = extent[0] * extent[1] * line;
    batch = std::clamp<int64_t>(budget / size, 1, 16);
    slack = kSlots * plan.axis[1].pace * line + (kSlots + 1) * L;  // what unused slots read
  }

  void list_pieces() {
    const int64_t lo = plan.axis[2].lo, length = plan.axis[2].size;
    if (phases > 2) {
      for (int64_t i = 0; i < line; ++i) {
        const int64_t from = i % pitch * phases + i / pitch - lo;
        if (from >= 0 && from < length) edges.push_back({i, from, 0, 1});
      }
      return;
    }
    std::vector<Piece> pieces;
    for (int64_t b = 0; b < pitch; b += L)
      for (int64_t p = 0; p < phases; ++p) {
        const int64_t from = phases * b - lo + p * L, begin = std::clamp<int64_t>(-from, 0, L);
        pieces.push_back({b, from, int32_t(begin), int32_t(std::clamp<int64_t>(length - from, begin, L))});
      }
    whole_begin = std::min(pitch, ceil_div(lo, phases * L) * L);
    whole_end = std::clamp((length + lo) / (phases * L) * L, whole_begin, pitch);
    for (const Piece& e : pieces)
      if (e.to < whole_begin || e.to >= whole_end) edges.push_back(e);
    if (bands > 1) return;
    const Axis* axis = plan.axis;
    for (int64_t b0 = 0; b0 < extent[0]; ++b0)
      for (int64_t b1 = 0; b1 < extent[1]; ++b1) {
        const int64_t at0 = b0 - axis[0].lo, at1 = b1 - axis[1].lo;
        if (at0 < 0 || at0 >= axis[0].size || at1 < 0 || at1 >= axis[1].size) continue;
        const int64_t to = (b0 * extent[1] + b1) * line, from = (at0 * axis[1].size + at1) * length;
        for (const Piece& e : pieces) all.push_back({to + e.to, from + e.from, e.begin, e.end});
      }
  }

  // Room for some copies. What is not filled anew with every plane is zero.
  float* room(int64_t copies) const {
    float* to = conv_scratch<float>(kPaddedInput, copies * size + slack);
    if (!all.empty()) std::fill_n(to, copies * size, 0.0f);
    return to;
  }

  // Copies the band that starts at result `first` of a plane.
  void fill(const float* from, int64_t first, float* to) const {
    if (!all.empty()) return fill_pieces(all, from, to);
    const Axis* axis = plan.axis;
    int64_t origin[2];
    for (int d = 0; d < 2; ++d) origin[d] = (d == tile_axis ? first * axis[d].pace : 0) - axis[d].lo;
    for (int64_t b0 = 0; b0 < extent[0]; ++b0) {
      const int64_t at0 = origin[0] + b0;
      const bool inside = at0 >= 0 && at0 < axis[0].size;
      const float* row = from + (at0 * axis[1].size + origin[1]) * axis[2].size;
      for (int64_t b1 = 0; b1 < extent[1]; ++b1, to += line, row += axis[2].size) {
        const int64_t at1 = origin[1] + b1;
        if (inside && at1 >= 0 && at1 < axis[1].size)
          fill_line(row, to);
        else
          for (int64_t b = 0; b < line; b += L) store(to + b, V{});
      }
    }
  }

  void fill_line(const float* row, float* to) const {
    const float* whole = row + phases * whole_begin - plan.axis[2].lo;
    if (phases == 1) {
      for (int64_t b = whole_begin; b < whole_end; b += L, whole += L) store(to + b, load(whole));
    } else if (phases == 2) {
      for (int64_t b = whole_begin; b < whole_end; b += L, whole += 2 * L) split(to + b, load(whole), load(whole + L));
    } else {
      for (int64_t b = 0; b < line; b += L) store(to + b, V{});
      for (const Piece& e : edges) to[e.to] = row[e.from];
      return;
    }
    fill_pieces(edges, row, to);
  }

  void split(float* to, V a, V b) const {
    V even, odd;
    split_phases(a, b, even, odd, kLaneList);
    store(to, even);
    store(to + pitch, odd);
  }

  void fill_pieces(const std::vector<Piece>& pieces, const float* from, float* to) const {
    const Piece *e = pieces.data(), *const end = e + pieces.size();
    auto load_next = [&] __attribute__((always_inline)) {
      const Piece& piece = *e++;
      return load_piece(from, piece.from, piece.begin, piece.end);
    };
    if (phases == 1) {
      while (e < end) {
        float* const at = to + e->to;
        store(at, load_next());
      }
    } else {
      while (e < end) {
        float* const at = to + e->to;
        const V a = load_next();
        split(at, a, load_next());
      }
    }
  }

  int64_t depth_apart() const { return plan.axis[0].pace * extent[1] * line; }  // between results of the first axis

  // Where a tap reads, relative to the results' corner.
  int64_t place(int64_t offset0, int64_t offset1, int64_t offset2) const {
    return (offset0 * extent[1] + offset1) * line + offset2 % phases * pitch + offset2 / phases;
  }
};

}  // namespace

}  // namespace flambeau::cpu::FL_ISA
