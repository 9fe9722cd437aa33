// Recurrent layers. The products with the input are done for all times at once before; here, time after time, h is
// multiplied by weights that were packed once, and the gates are computed where the sums lie. Threads share the
// sequences, or, where weights are large or sequences few, the columns: an element is the same chain of operations
// either way.
#include "core/kernels/recurrent.h"

#include <algorithm>
#include <cstring>

#include "core/kernels.h"
#include "core/threads.h"
#include "kernels/cpu/floats.h"
#include "kernels/cpu/panels.h"
#include "kernels/cpu/register.h"

namespace flambeau::cpu::FL_ISA {
namespace {

constexpr int kSlotRecurrent = 9;
constexpr int64_t kStepWork = 200 * 1000;       // multiply-adds of one time that are worth waking threads for
constexpr int64_t kNearBytes = 512 * 1024;      // of weights that stay in the second-level cache beside all else
constexpr int64_t kSequenceWork = 1000 * 1000;  // multiply-adds that one thread does faster than two
constexpr int64_t kPackedAlone = 64 * 1024;     // numbers that one thread packs faster than two
constexpr int64_t kRowsEach = 4;                // sequences that are worth a thread of their own

// ------------------------------------------------------------------------------------------------- gates of one row

// The sigmoid, but zero below the smallest normal number.
template <class T>
FL_INLINE T gate(T x) {
  const T e = math::exp_negative(-math::abs(x));
  return math::where_less(x, T(0), e, T(1)) / (T(1) + e);
}

// a: what W x and U h come to; b: the bias.
template <class T>
void tanh_row(const T* __restrict a, const T* __restrict b, T* __restrict out, int64_t n) {
  math::map_run(out, n, [](auto x, auto y) FL_ALWAYS { return math::tanh(x + y); }, a, b);
}
template <class T>
void relu_row(const T* __restrict a, const T* __restrict b, T* __restrict out, int64_t n) {
  for (int64_t j = 0; j < n; ++j) {
    const T x = a[j] + b[j];
    out[j] = x < T(0) ? T(0) : x;
  }
}
// g: i, f, g, o, `h` apart, like b.
template <class T>
void lstm_row(T* __restrict g, const T* __restrict b, const T* __restrict before, T* __restrict cell, T* __restrict out,
              int64_t h, int64_t n) {
  math::for_places<T, 2>(n, [=](auto at) FL_ALWAYS {
    const auto i = gate(at(g) + at(b)), f = gate(at(g + h) + at(b + h)), u = math::tanh(at(g + 2 * h) + at(b + 2 * h)),
               o = gate(at(g + 3 * h) + at(b + 3 * h)), c = f * at(before) + i * u;
    at.put(g, i), at.put(g + h, f), at.put(g + 2 * h, u), at.put(g + 3 * h, o);
    at.put(cell, c);
    at.put(out, o * math::tanh(c));
  });
}
// g: r, z, n, and what n has from h.
template <class T>
void gru_row(T* __restrict g, const T* __restrict b, const T* __restrict before, T* __restrict out, int64_t h,
             int64_t n) {
  math::for_places<T, 2>(n, [=](auto at) FL_ALWAYS {
    const auto r = gate(at(g) + at(b)), z = gate(at(g + h) + at(b + h)), part = at(g + 3 * h) + at(b + 3 * h),
               u = math::tanh(at(g + 2 * h) + at(b + 2 * h) + r * part);
    at.put(g, r), at.put(g + h, z), at.put(g + 2 * h, u), at.put(g + 3 * h, part);
    at.put(out, u + z * (at(before) - u));
  });
}

template <class T>
void tanh_back(const T* __restrict y, const T* __restrict dy, T* __restrict da, int64_t n) {
  for (int64_t j = 0; j < n; ++j) da[j] = dy[j] * (T(1) - y[j] * y[j]);
}
template <class T>
void relu_back(const T* __restrict y, const T* __restrict dy, T* __restrict da, int64_t n) {
  for (int64_t j = 0; j < n; ++j) da[j] = y[j] <= T(0) ? T(0) : dy[j];
}
template <class T>
void lstm_back(const T* __restrict g, const T* __restrict before, const T* __restrict cell, const T* __restrict dh,
               T* __restrict dc, T* __restrict da, int64_t h, int64_t n) {
  math::for_places<T, 2>(n, [=](auto at) FL_ALWAYS {
    const auto i = at(g), f = at(g + h), u = at(g + 2 * h), o = at(g + 3 * h), t = math::tanh(at(cell));
    const decltype(i) one(1), d = at(dc) + at(dh) * o * (one - t * t);
    at.put(da, d * u * (i * (one - i)));
    at.put(da + h, d * at(before) * (f * (one - f)));
    at.put(da + 2 * h, d * i * (one - u * u));
    at.put(da + 3 * h, at(dh) * t * (o * (one - o)));
    at.put(dc, d * f);
  });
}
template <class T>
void gru_back(const T* __restrict g, const T* __restrict before, T* __restrict dh, T* __restrict da, int64_t h,
              int64_t n) {
  for (int64_t j = 0; j < n; ++j) {
    const T r = g[j], z = g[j + h], u = g[j + 2 * h], d = dh[j] * (T(1) - z) * (T(1) - u * u);
    da[j] = d * g[j + 3 * h] * (r * (T(1) - r));
    da[j + h] = dh[j] * (before[j] - u) * (z * (T(1) - z));
    da[j + 2 * h] = d;
    da[j + 3 * h] = d * r;
    dh[j] *= z;
  }
}

// ------------------------------------------------------------------------------------------------------ one direction

struct Part {
  int64_t begin, end;
};

template <class T>
struct Direction {
  const RecurrentArgs& p;
  const T *packed = nullptr, *packed_hr = nullptr, *packed_ih = nullptr;
  int64_t h = p.hidden, width = kept_gates(p.cell) * h, gates = gate_count(p.cell);

  // Number s counts the times in the order in which they are run.
  int64_t start(int64_t s) const { return p.starts[p.reverse ? p.steps - 1 - s : s]; }
  int64_t size(int64_t s) const {
    if (s < 0 || s >= p.steps) return 0;
    return (p.reverse ? p.starts[p.steps - s] : p.starts[s + 1]) - start(s);
  }
  static T* at(void* base, int64_t row, int64_t stride) { return static_cast<T*>(base) + row * stride; }
  static const T* at(const void* base, int64_t row, int64_t stride) {
    return static_cast<const T*>(base) + row * stride;
  }
  T* out(int64_t s, int64_t r) const { return at(p.out, start(s) + r, p.out_row); }
  // h and c of sequence r before number s.
  const T* h_before(int64_t s, int64_t r) const { return r < size(s - 1) ? out(s - 1, r) : at(p.h0, r, p.outputs); }
  const T* c_before(int64_t s, int64_t r) const {
    return r < size(s - 1) ? at(p.cells, start(s - 1) + r, h) : at(p.c0, r, h);
  }

  // Products of some sequences, `stride` apart, with weights of `depth` columns, for columns of each gate. That of
  // U h is added to what is there, but for GRU's n, which keeps it apart.
  void multiply(const T* from, int64_t stride, int64_t depth, const T* panels, bool add, T* to, int64_t rows,
                Part cols) const {
    for (int64_t g = 0; rows > 0 && g < gates; ++g) {
      const bool apart = add && p.cell == RecurrentCell::Gru && g == 2;
      TileArgs<T> t;
      t.k = depth;
      t.a = from, t.a_stride = stride;
      t.b = panels + g * panel_values(h, depth) + cols.begin * depth;
      t.c = to + (apart ? 3 : g) * h + cols.begin, t.c_stride = width;
      t.accumulate = add && !apart;
      panel_product(t, AKind::kDepthContiguous, rows, cols.end - cols.begin, depth * kCols<T>);
    }
  }
  void add_recurrent(const T* from, int64_t stride, T* to, int64_t rows, Part cols) const {
    if (packed) return multiply(from, stride, p.outputs, packed, true, to, rows, cols);
    for (int64_t g = 0; rows > 0 && g < gates; ++g) {  // a single time: not worth packing
      const bool apart = p.cell == RecurrentCell::Gru && g == 2;
      GemmArgs m;
      m.dtype = dtype_of<T>::value;
      m.m = rows, m.n = cols.end - cols.begin, m.k = p.outputs;
      m.a = from, m.a_row = stride, m.a_col = 1;
      m.b = at(p.w_hh, g * h + cols.begin, p.outputs), m.b_row = 1, m.b_col = p.outputs;
      m.c = to + (apart ? 3 : g) * h + cols.begin, m.c_row = width, m.beta = !apart;
      cpu_kernels().gemm.gemm[int(m.dtype)](m);
    }
  }
  static int64_t panel_values(int64_t cols, int64_t depth) {
    return (cols + kCols<T> - 1) / kCols<T> * kCols<T> * depth;
  }

  void forward_step(int64_t s, Part rows, Part cols) const {
    rows.end = std::min(rows.end, size(s));
    if (rows.begin >= rows.end) return;
    T* const g = at(p.gates, p.keep ? start(s) : 0, width);
    const int64_t n = cols.end - cols.begin, have = std::clamp(size(s - 1), rows.begin, rows.end);
    if (p.input)
      multiply(at(p.input, start(s) + rows.begin, p.features), p.features, p.features, packed_ih, false,
               g + rows.begin * width, rows.end - rows.begin, cols);
    if (have > rows.begin)
      add_recurrent(out(s - 1, rows.begin), p.out_row, g + rows.begin * width, have - rows.begin, cols);
    if (!p.from_zero)
      add_recurrent(at(p.h0, have, p.outputs), p.outputs, g + have * width, rows.end - have, cols);
    else if (p.cell == RecurrentCell::Gru)
      for (int64_t r = have; r < rows.end; ++r) std::fill_n(g + r * width + 3 * h + cols.begin, n, T(0));
    const T* const b = at(p.bias, 0, 0) + cols.begin;
    for (int64_t r = rows.begin; r < rows.end; ++r) {
      T *a = g + r * width + cols.begin, *y = (p.full ? at(p.full, start(s) + r, h) : out(s, r)) + cols.begin;
      if (p.cell == RecurrentCell::Tanh) tanh_row(a, b, y, n);
      if (p.cell == RecurrentCell::Relu) relu_row(a, b, y, n);
      if (p.cell == RecurrentCell::Lstm)
        lstm_row(a, b, c_before(s, r) + cols.begin, at(p.cells, start(s) + r, h) + cols.begin, y, h, n);
      if (p.cell == RecurrentCell::Gru) gru_row(a, b, h_before(s, r) + cols.begin, y, h, n);
    }
    if (p.full) project(s, rows);
  }

  void project(int64_t s, Part rows) const {
    TileArgs<T> t;
    t.k = h;
    t.a = at(p.full, start(s) + rows.begin, h), t.a_stride = h;
    t.b = packed_hr;
    t.c = out(s, rows.begin), t.c_stride = p.out_row;
    panel_product(t, AKind::kDepthContiguous, rows.end - rows.begin, p.outputs, h * kCols<T>);
  }

  // The last h and c of each sequence.
  void finish() const {
    for (int64_t s = 0; s < p.steps; ++s)
      for (int64_t r = size(s + 1); r < size(s); ++r) {
        std::copy_n(out(s, r), p.outputs, at(p.h_n, r, p.outputs));
        if (p.c_n) std::copy_n(at(p.cells, start(s) + r, h), h, at(p.c_n, r, h));
      }
  }

  // The gradients before the nonlinearities, from carry_h and grad.
  void backward_gates(int64_t s, Part rows, Part cols) const {
    rows.end = std::min(rows.end, size(s));
    if (rows.begin >= rows.end) return;
    if (p.full_grads) unproject(s, rows);
    const int64_t n = cols.end - cols.begin;
    for (int64_t r = rows.begin; r < rows.end; ++r) {
      const int64_t row = start(s) + r;
      T* dh = at(p.full_grads ? p.full_grads : p.carry_h, r, h) + cols.begin;
      T* da = at(p.gate_grads, row, width) + cols.begin;
      if (p.grad && !p.full_grads) add_row(at(p.grad, row, p.out_row) + cols.begin, dh, n);
      if (p.cell == RecurrentCell::Tanh) tanh_back(out(s, r) + cols.begin, dh, da, n);
      if (p.cell == RecurrentCell::Relu) relu_back(out(s, r) + cols.begin, dh, da, n);
      if (p.cell < RecurrentCell::Lstm) continue;
      const T* g = at(p.gates, row, width) + cols.begin;
      if (p.cell == RecurrentCell::Lstm)
        lstm_back<T>(g, c_before(s, r) + cols.begin, at(p.cells, row, h) + cols.begin, dh,
                     at(p.carry_c, r, h) + cols.begin, da, h, n);
      if (p.cell == RecurrentCell::Gru) gru_back(g, h_before(s, r) + cols.begin, dh, da, h, n);
    }
  }

  static void add_row(const T* __restrict from, T* __restrict to, int64_t n) {
    for (int64_t j = 0; j < n; ++j) to[j] += from[j];
  }

  void unproject(int64_t s, Part rows) const {
    for (int64_t r = rows.begin; r < rows.end; ++r) {
      T* to = at(p.out_grads, start(s) + r, p.outputs);
      std::copy_n(at(p.carry_h, r, p.outputs), p.outputs, to);
      if (p.grad) add_row(at(p.grad, start(s) + r, p.out_row), to, p.outputs);
    }
    TileArgs<T> t;
    t.k = p.outputs;
    t.a = at(p.out_grads, start(s) + rows.begin, p.outputs), t.a_stride = p.outputs;
    t.b = packed_hr;
    t.c = at(p.full_grads, rows.begin, h), t.c_stride = h;
    panel_product(t, AKind::kDepthContiguous, rows.end - rows.begin, h, p.outputs * kCols<T>);
  }

  // carry_h: what the gates of number s hand back to h before it.
  void backward_carry(int64_t s, Part rows, Part cols) const {
    rows.end = std::min({rows.end, size(s), p.from_zero ? size(s - 1) : p.batch});
    if (rows.begin >= rows.end || !packed) return;
    const int64_t offsets[4] = {0, h, (p.cell == RecurrentCell::Gru ? 3 : 2) * h, 3 * h};
    TileArgs<T> t;
    t.k = h;
    t.count = gates;
    t.a = at(p.gate_grads, start(s) + rows.begin, width), t.a_stride = width;
    t.a_offsets = offsets;
    t.b = packed + cols.begin * h, t.b_step = panel_values(p.outputs, h);
    t.c = at(p.carry_h, rows.begin, p.outputs) + cols.begin, t.c_stride = p.outputs;
    t.accumulate = p.cell == RecurrentCell::Gru;
    panel_product(t, AKind::kDepthContiguous, rows.end - rows.begin, cols.end - cols.begin, h * kCols<T>);
  }
};

// ----------------------------------------------------------------------------------------------------- all directions

// How the threads share a layer: `columns` of them the hidden units, or blocks of sequences.
struct Plan {
  int64_t blocks = 1, columns = 1;
  bool alone = false;
};

template <class T>
Plan plan_of(const RecurrentArgs& p, int64_t directions) {
  const int64_t weights = gate_count(p.cell) * p.hidden * p.outputs, work = weights * p.batch;
  const int64_t threads = (num_threads() + directions - 1) / directions;
  const bool few = p.batch<kRowsEach * threads, far = weights * int64_t(sizeof(T))> kNearBytes;
  Plan plan;
  plan.alone = work * directions * p.steps < kSequenceWork;
  if (plan.alone) return plan;
  if (p.outputs == p.hidden && p.steps > 1 && work >= kStepWork && (few || far))
    plan.columns = std::min(threads, (p.hidden + kCols<T> - 1) / kCols<T>);
  else
    plan.blocks = std::clamp<int64_t>(p.batch / kRowsEach, 1, threads);
  return plan;
}

Part part_of(int64_t n, int64_t parts, int64_t i, int64_t unit) {
  const int64_t units = (n + unit - 1) / unit;
  return {std::min(n, units * i / parts * unit), std::min(n, units * (i + 1) / parts * unit)};
}

// body(direction, part) for all directions and so many parts, on several threads unless the work is for one alone.
template <class F>
void share(int64_t directions, int64_t parts, bool alone, F body) {
  parallel_for(directions * parts, alone ? directions * parts : 1, [&](int64_t begin, int64_t end) {
    for (int64_t x = begin; x < end; ++x) body(x / parts, x % parts);
  });
}

// Packs the weights of all directions: U, turned for the forward pass, and projections and W where there are such.
template <class T>
std::vector<Direction<T>> pack(const RecurrentArgs* args, int64_t directions, bool backward) {
  using D = Direction<T>;
  const RecurrentArgs& p = *args;
  const int64_t h = p.hidden, k = p.outputs, gates = gate_count(p.cell);
  const int64_t block = backward ? D::panel_values(k, h) : D::panel_values(h, k);
  const int64_t projection = !p.w_hr ? 0 : backward ? D::panel_values(h, k) : D::panel_values(k, h);
  const int64_t input = p.input ? D::panel_values(h, p.features) : 0, all = gates * (block + input) + projection;
  const bool needed = p.steps > 1;  // otherwise there is no use in packing
  T* room = static_cast<T*>(scratch(kSlotRecurrent, (directions * all + kCols<T>)*sizeof(T)));
  std::vector<D> made;
  for (int64_t d = 0; d < directions; ++d, room += all)
    made.push_back({args[d], needed ? room : nullptr, room + gates * (block + input), room + gates * block});
  share(directions, gates, gates * (block + input) < kPackedAlone, [&](int64_t d, int64_t g) {
    T* const to = const_cast<T*>(made[d].packed_hr) - gates * (block + input);
    const T* w = D::at(args[d].w_hh, g * h, k);
    if (needed && backward) pack_panels<T, T>(w, k, 1, h, k, to + g * block);
    if (needed && !backward) pack_panels<T, T>(w, 1, k, k, h, to + g * block);
    if (p.input)
      pack_panels<T, T>(D::at(args[d].w_ih, g * h, p.features), 1, p.features, p.features, h,
                        to + gates * block + g * input);
    if (p.w_hr && g == 0) {
      const T* w_hr = D::at(args[d].w_hr, 0, 0);
      T* const end = const_cast<T*>(made[d].packed_hr);
      backward ? pack_panels<T, T>(w_hr, h, 1, k, h, end) : pack_panels<T, T>(w_hr, 1, h, h, k, end);
    }
  });
  return made;
}

template <class T>
void forward(const RecurrentArgs* args, int64_t directions) {
  const RecurrentArgs& p = *args;
  const auto all = pack<T>(args, directions, false);
  const Plan plan = plan_of<T>(p, directions);
  if (plan.columns > 1)
    for (int64_t s = 0; s < p.steps; ++s)
      share(directions, plan.columns, false, [&](int64_t d, int64_t i) {
        all[d].forward_step(s, {0, p.batch}, part_of(p.hidden, plan.columns, i, kCols<T>));
      });
  else
    share(directions, plan.blocks, plan.alone, [&](int64_t d, int64_t i) {
      const Part rows = part_of(p.batch, plan.blocks, i, 1);
      for (int64_t s = 0; s < p.steps; ++s) all[d].forward_step(s, rows, {0, p.hidden});
    });
  for (const auto& direction : all) direction.finish();
}

template <class T>
void backward(const RecurrentArgs* args, int64_t directions) {
  const RecurrentArgs& p = *args;
  const auto all = pack<T>(args, directions, true);
  const Plan plan = plan_of<T>(p, directions);
  if (plan.columns > 1)
    for (int64_t s = p.steps - 1; s >= 0; --s) {
      share(directions, plan.columns, false, [&](int64_t d, int64_t i) {
        all[d].backward_gates(s, {0, p.batch}, part_of(p.hidden, plan.columns, i, kCols<T>));
      });
      share(directions, plan.columns, false, [&](int64_t d, int64_t i) {
        all[d].backward_carry(s, {0, p.batch}, part_of(p.outputs, plan.columns, i, kCols<T>));
      });
    }
  else
    share(directions, plan.blocks, plan.alone, [&](int64_t d, int64_t i) {
      const Part rows = part_of(p.batch, plan.blocks, i, 1);
      for (int64_t s = p.steps - 1; s >= 0; --s) {
        all[d].backward_gates(s, rows, {0, p.hidden});
        all[d].backward_carry(s, rows, {0, p.outputs});
      }
    });
}

template <class T>
void enter(RecurrentKernels& table) {
  table.forward[int(dtype_of<T>::value)] = forward<T>;
  table.backward[int(dtype_of<T>::value)] = backward<T>;
}

}  // namespace

void register_recurrent(Kernels& kernels) {
  enter<float>(kernels.recurrent);
  enter<double>(kernels.recurrent);
}

}  // namespace flambeau::cpu::FL_ISA
