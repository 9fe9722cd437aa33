// Reductions over any set of dimensions of any strided tensor, without copying it.
//
// Two drivers walk memory: `inner` reduces runs of memory to one output each, `outer` reduces rows into a tile of
// neighbouring outputs. Both hand contiguous runs of a compute type (float, double, int64) to a kernel, straight from
// the tensor where it has that form, through a staging buffer where not. Long reductions are cut into chunks whose
// number follows from the sizes alone and whose partial results are combined in order: the same bits for any number of
// threads. Floats are added 16 at a time per lane, and from there on in double.
#include "core/kernels/reduce.h"

#include "core/threads.h"
#include "kernels/cpu/convert.h"
#include "kernels/cpu/register.h"
#include "kernels/cpu/rows.h"

namespace flambeau::cpu::FL_ISA {
namespace {

using Complex64 = std::complex<double>;

constexpr int64_t kTile = 4096;       // elements of one kernel call: in L1
constexpr int64_t kChunk = 64 << 10;  // elements of one task
constexpr int64_t kFar = 16 << 20;    // bytes that no cache holds
constexpr int64_t kColumns = 1024;    // widest tile of `outer`
constexpr int kRows = 8;              // rows that `outer` adds up before it touches its accumulators

enum Slot { kStage, kAccumulators, kPartial };

struct Acc {
  union {
    double a;
    float f;
    int64_t i;
    Complex64 z;
  };
  union {
    double b;
    int64_t index;
  };
  double c;
  Acc() {}
};

// What the drivers need to know of a reduction with one compute type.
enum class Rows : uint8_t { Ordered, Even, Any };  // which rows `outer` may join: none, equally many per column, any

struct Kernel {
  RunFn load;
  int64_t size;   // of the compute type
  bool converts;  // memory has another type
  Rows joined;
  void (*init)(Acc*, int64_t index);
  void (*tile)(Acc*, const void* x, int64_t n, int64_t index, double p);
  void (*far_tile)(Acc*, const void* x, int64_t n, int64_t index, double p);  // for data beyond the caches, or null
  void (*combine)(Acc*, const Acc*, int64_t n);
  int64_t column_bytes;
  void (*begin)(void* columns, int64_t w, int64_t index);
  void (*rows)(void* columns, const void* const* rows, int count, int64_t w, int64_t index, double p);
  void (*fold)(void* columns, int64_t w, int64_t count);  // columns j, j + w, ... become one
  void (*end)(const void* columns, int64_t w, Acc*);
  void (*finish)(const ReduceArgs&, const Acc*, int64_t n, int64_t w, int64_t out, int64_t stride);
  void (*finish_rows)(const ReduceArgs&, void* columns, int64_t n, int64_t w, int64_t out, int64_t stride);
};

// -------------------------------------------------------------------------------------------- one result per row

template <class T>
T& slot(Acc& acc) {
  if constexpr (std::is_same_v<T, int64_t>) return acc.i;
  if constexpr (std::is_same_v<T, Complex64>) return acc.z;
  if constexpr (std::is_same_v<T, double>) return acc.a;
  if constexpr (std::is_same_v<T, float>) return acc.f;
}

// A sum and what its additions lost.
inline void add_exactly(Acc& acc, double x) {
  double s = acc.a + x, back = s - acc.a;
  acc.b += (acc.a - (s - back)) + (x - back);
  acc.a = s;
}

template <class Op, class T>
struct Simple {
  using W = Wide<Op, T>;
  static constexpr bool exact = Op::additive && std::is_same_v<W, double>;

  static void init(Acc* acc, int64_t) {
    slot<W>(*acc) = Op::template identity<W>;
    acc->b = 0;
  }
  static void tile(Acc* acc, const void* x, int64_t n, int64_t, double p) {
    W part;
    if constexpr (std::is_same_v<T, Complex64>) {
      part = Op::template identity<W>;
      for (int64_t i = 0; i < n; ++i) part = Op::combine(part, static_cast<const T*>(x)[i]);
    } else {
      part = reduce_run<Op, T>(static_cast<const T*>(x), n, p);
    }
    add(acc, part);
  }
  static void far_tile(Acc* acc, const void* data, int64_t n, int64_t index, double p) {
    const T* x = static_cast<const T*>(data);
    for (; n >= kFarRun<T>; x += kFarRun<T>, n -= kFarRun<T>) add(acc, reduce_far_run<Op, T>(x, p));
    if (n) tile(acc, x, n, index, p);
  }
  static inline void add(Acc* acc, W part) {
    if constexpr (exact) {
      add_exactly(*acc, part);
    } else {
      slot<W>(*acc) = Op::combine(slot<W>(*acc), part);
    }
  }
  static void combine(Acc* acc, const Acc* other, int64_t n) {
    for (int64_t j = 0; j < n; ++j) {
      add(acc + j, slot<W>(const_cast<Acc&>(other[j])));
      if constexpr (exact) acc[j].b += other[j].b;
    }
  }

  static void begin(void* columns, int64_t w, int64_t) {
    std::fill_n(static_cast<W*>(columns), w, Op::template identity<W>);
  }
  static void rows(void* columns, const void* const* rows, int count, int64_t w, int64_t, double p) {
    W* __restrict acc = static_cast<W*>(columns);
    const T* r[kRows];
    for (int k = 0; k < count; ++k) r[k] = static_cast<const T*>(rows[k]);
    if (count == kRows) {
      for (int64_t j = 0; j < w; ++j) {
        T a = Op::combine(Op::map(r[0][j], p), Op::map(r[1][j], p));
        T b = Op::combine(Op::map(r[2][j], p), Op::map(r[3][j], p));
        T c = Op::combine(Op::map(r[4][j], p), Op::map(r[5][j], p));
        T d = Op::combine(Op::map(r[6][j], p), Op::map(r[7][j], p));
        acc[j] = Op::combine(acc[j], W(Op::combine(Op::combine(a, b), Op::combine(c, d))));
      }
      return;
    }
    int k = 0;
    for (; k + 2 <= count; k += 2) {
      for (int64_t j = 0; j < w; ++j) {
        acc[j] = Op::combine(acc[j], W(Op::combine(Op::map(r[k][j], p), Op::map(r[k + 1][j], p))));
      }
    }
    if (k < count) {
      for (int64_t j = 0; j < w; ++j) acc[j] = Op::combine(acc[j], W(Op::map(r[k][j], p)));
    }
  }
  static void fold(void* columns, int64_t w, int64_t count) {
    W* __restrict acc = static_cast<W*>(columns);
    for (int64_t f = 1; f < count; ++f) {
      const W* __restrict other = acc + f * w;
      for (int64_t j = 0; j < w; ++j) acc[j] = Op::combine(acc[j], other[j]);
    }
  }
  static void end(const void* columns, int64_t w, Acc* out) {
    for (int64_t j = 0; j < w; ++j) {
      slot<W>(out[j]) = static_cast<const W*>(columns)[j];
      out[j].b = 0;
    }
  }
};

// Mean and sum of squared deviations.
template <class T>
struct Moments {
  struct Columns {
    double n, mean[kColumns], m2[kColumns];
  };
  static void init(Acc* acc, int64_t) { acc->a = acc->b = acc->c = 0; }
  static inline void merge(Acc& acc, const Spread& other) {
    Spread s{acc.c, acc.a, acc.b};
    s.add(other);
    acc.c = s.n, acc.a = s.mean, acc.b = s.m2;
  }
  static void tile(Acc* acc, const void* x, int64_t n, int64_t, double) {
    merge(*acc, spread_of(static_cast<const T*>(x), n));
  }
  static void combine(Acc* acc, const Acc* other, int64_t n) {
    for (int64_t j = 0; j < n; ++j) merge(acc[j], {other[j].c, other[j].a, other[j].b});
  }

  static void begin(void* columns, int64_t w, int64_t) {
    Columns* c = static_cast<Columns*>(columns);
    c->n = 0;
    std::fill_n(c->mean, w, 0);
    std::fill_n(c->m2, w, 0);
  }
  // The first row of a block serves as its origin: it is as near as the deviations are large.
  template <int N>
  static inline void block(Columns* c, const T* const* r, int64_t w) {
    const double before = c->n, after = before + N, weight = N / after, spread = before * N / after;
    double* __restrict mean = c->mean, * __restrict m2 = c->m2;
    for (int64_t j = 0; j < w; ++j) {
      const T origin = r[0][j];
      T sum = 0, squares = 0;
      for (int k = 1; k < N; ++k) {
        T d = r[k][j] - origin;
        sum += d;
        squares += d * d;
      }
      double block_mean = double(origin) + double(sum) * (1.0 / N);
      double block_m2 = double(squares) - double(sum) * double(sum) * (1.0 / N);
      double delta = block_mean - mean[j];
      mean[j] += delta * weight;
      m2[j] += block_m2 + delta * delta * spread;
    }
    c->n = after;
  }
  static void rows(void* columns, const void* const* rows, int count, int64_t w, int64_t, double) {
    Columns* c = static_cast<Columns*>(columns);
    const T* r[kRows];
    for (int k = 0; k < count; ++k) r[k] = static_cast<const T*>(rows[k]);
    if (count == kRows) return block<kRows>(c, r, w);
    for (int k = 0; k < count; ++k) block<1>(c, r + k, w);
  }
  static void fold(void* columns, int64_t w, int64_t count) {
    Columns* c = static_cast<Columns*>(columns);
    for (int64_t f = 1; f < count; ++f) {
      const double weight = 1.0 / double(f + 1), spread = c->n * double(f) / double(f + 1);
      for (int64_t j = 0; j < w; ++j) {
        const double delta = c->mean[f * w + j] - c->mean[j];
        c->mean[j] += delta * weight;
        c->m2[j] += c->m2[f * w + j] + delta * delta * spread;
      }
    }
    c->n *= double(count);
  }
  static void end(const void* columns, int64_t w, Acc* out) {
    const Columns* c = static_cast<const Columns*>(columns);
    for (int64_t j = 0; j < w; ++j) {
      out[j].a = c->mean[j];
      out[j].b = c->m2[j];
      out[j].c = c->n;
    }
  }
};

// The extreme value and its first position; the first NaN wins.
template <class Op, class T>
struct Indexed {
  static constexpr bool is_max = std::is_same_v<Op, Max>;
  using Index = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  struct Columns {
    int64_t base;
    T value[kColumns];
    Index index[kColumns];
  };
  static inline bool better(T x, T than) { return (is_max ? x > than : x < than) || (x != x && than == than); }
  static void init(Acc* acc, int64_t index) {
    slot<T>(*acc) = Op::template identity<T>;
    acc->index = index;
  }
  static void tile(Acc* acc, const void* data, int64_t n, int64_t index, double) {
    const T* x = static_cast<const T*>(data);
    const T best = reduce_run<Op, T>(x, n, 0);
    if (!better(best, slot<T>(*acc))) return;
    slot<T>(*acc) = best;
    acc->index =
        index + (best == best ? find(x, n, [best](T v) { return v == best; }) : find(x, n, [](T v) { return v != v; }));
  }
  template <class Match>
  static inline int64_t find(const T* x, int64_t n, Match match) {
    int64_t i = 0;
    for (; i + 64 <= n; i += 64) {
      int hits = 0;
      for (int j = 0; j < 64; ++j) hits += match(x[i + j]);
      if (hits) break;
    }
    while (i < n - 1 && !match(x[i])) ++i;
    return i;
  }
  static void combine(Acc* acc, const Acc* other, int64_t n) {
    for (int64_t j = 0; j < n; ++j) {
      const T x = slot<T>(const_cast<Acc&>(other[j]));
      if (!better(x, slot<T>(acc[j]))) continue;
      slot<T>(acc[j]) = x;
      acc[j].index = other[j].index;
    }
  }
  static void fold(void*, int64_t, int64_t) {}  // rows are never joined
  static void begin(void* columns, int64_t w, int64_t index) {
    Columns* c = static_cast<Columns*>(columns);
    c->base = index;
    std::fill_n(c->value, w, Op::template identity<T>);
    std::fill_n(c->index, w, 0);
  }
  static void rows(void* columns, const void* const* rows, int count, int64_t w, int64_t index, double) {
    Columns* c = static_cast<Columns*>(columns);
    T* __restrict value = c->value;
    Index* __restrict place = c->index;
    for (int k = 0; k < count; ++k) {
      const T* __restrict row = static_cast<const T*>(rows[k]);
      const Index here = Index(index - c->base + k);
      for (int64_t j = 0; j < w; ++j) {
        const T x = row[j], v = value[j];
        const bool ahead = is_max ? x > v : x < v;
        const bool take = ahead | ((x != x) & (v == v));
        value[j] = take ? x : v;
        place[j] = take ? here : place[j];
      }
    }
  }
  static void end(const void* columns, int64_t w, Acc* out) {
    const Columns* c = static_cast<const Columns*>(columns);
    for (int64_t j = 0; j < w; ++j) {
      slot<T>(out[j]) = c->value[j];
      out[j].index = c->base + c->index[j];
    }
  }
};

// ------------------------------------------------------------------------------------------------- last touches

template <class T>
constexpr Compute kCompute = std::is_same_v<T, float>     ? Compute::F32
                             : std::is_same_v<T, double>  ? Compute::F64
                             : std::is_same_v<T, int64_t> ? Compute::I64
                                                          : Compute::C128;

template <class T>
void put(DType dtype, void* to, int64_t at, int64_t stride, const T* values, int64_t n) {
  const int64_t item = item_size(dtype);
  char* first = static_cast<char*>(to) + at * item;
  if (n == 1 && dtype == kComputeDType[int(kCompute<T>)]) {
    std::memcpy(first, values, sizeof(T));
  } else {
    store_run(kCompute<T>, dtype)(first, stride * item, values, sizeof(T), n);
  }
}

inline double exact_value(const Acc& acc) { return std::isfinite(acc.a) ? acc.a + acc.b : acc.a; }

template <class Op, class W>
void finish_values(const ReduceArgs& a, W* values, int64_t n, int64_t w, int64_t out, int64_t stride) {
  if constexpr (std::is_floating_point_v<W>) {
    if (a.kind == Reduction::Mean) {
      for (int64_t j = 0; j < w; ++j) values[j] /= W(n);
    } else if (a.kind == Reduction::Norm && std::is_same_v<Op, SquareSum>) {
      for (int64_t j = 0; j < w; ++j) values[j] = std::sqrt(values[j]);
    } else if (a.kind == Reduction::Norm && std::is_same_v<Op, PowSum>) {
      for (int64_t j = 0; j < w; ++j) values[j] = std::pow(values[j], W(1 / a.p));
    }
  }
  put(a.out_dtype, a.out, out, stride, values, w);
}

template <class Op, class T>
void finish_simple(const ReduceArgs& a, const Acc* acc, int64_t n, int64_t w, int64_t out, int64_t stride) {
  using W = Wide<Op, T>;
  if (w < 1) return;
  W values[kColumns];
  for (int64_t j = 0; j < w; ++j) {
    if constexpr (Simple<Op, T>::exact) {
      values[j] = exact_value(acc[j]);
    } else {
      values[j] = slot<W>(const_cast<Acc&>(acc[j]));
    }
  }
  finish_values<Op>(a, values, n, w, out, stride);
}

// From `outer`'s accumulators straight to the output.
template <class Op, class T>
void finish_rows(const ReduceArgs& a, void* columns, int64_t n, int64_t w, int64_t out, int64_t stride) {
  finish_values<Op>(a, static_cast<Wide<Op, T>*>(columns), n, w, out, stride);
}

template <class Rule, auto Finish>
void finish_other_rows(const ReduceArgs& a, void* columns, int64_t n, int64_t w, int64_t out, int64_t stride) {
  Acc acc[kColumns];
  Rule::end(columns, w, acc);
  Finish(a, acc, n, w, out, stride);
}

void finish_moments(const ReduceArgs& a, const Acc* acc, int64_t n, int64_t w, int64_t out, int64_t stride) {
  if (w < 1) return;
  double values[kColumns];
  const bool root = a.kind == Reduction::Std || a.kind == Reduction::StdMean;
  const double divisor = std::max(0.0, double(n) - a.p);
  for (int64_t j = 0; j < w; ++j) {
    values[j] = acc[j].b / divisor;
    if (root) values[j] = std::sqrt(values[j]);
  }
  put(a.out_dtype, a.out, out, stride, values, w);
  if (a.kind != Reduction::VarMean && a.kind != Reduction::StdMean) return;
  for (int64_t j = 0; j < w; ++j) values[j] = n ? acc[j].a : std::numeric_limits<double>::quiet_NaN();
  put(a.out_dtype, a.second, out, stride, values, w);
}

template <class T>
void finish_indexed(const ReduceArgs& a, const Acc* acc, int64_t, int64_t w, int64_t out, int64_t stride) {
  if (w < 1) return;
  int64_t places[kColumns];
  for (int64_t j = 0; j < w; ++j) places[j] = acc[j].index;
  if (a.kind == Reduction::ArgMax || a.kind == Reduction::ArgMin) {
    return put(DType::Int64, a.out, out, stride, places, w);
  }
  T values[kColumns];
  for (int64_t j = 0; j < w; ++j) values[j] = slot<T>(const_cast<Acc&>(acc[j]));
  put(a.out_dtype, a.out, out, stride, values, w);
  put(DType::Int64, a.second, out, stride, places, w);
}

// ------------------------------------------------------------------------------------------------------ drivers

struct Plan {
  const char* in;
  int64_t item, outputs = 1, count = 1;
  int kept_ndim = 0, reduced_ndim = 0;
  ReduceDim kept[65], reduced[64];
};

// Drops dimensions of size 1, sorts by stride (unless order matters) and joins neighbours.
int normalize(const ReduceDim* from, int ndim, ReduceDim* to, bool sort, bool outputs) {
  int n = 0;
  for (int i = 0; i < ndim; ++i) {
    if (from[i].size == 1) continue;
    int at = n++;
    while (sort && at > 0 && to[at - 1].in_stride < from[i].in_stride) to[at] = to[at - 1], --at;
    to[at] = from[i];
  }
  int last = 0;
  for (int i = 1; i < n; ++i) {
    ReduceDim& d = to[last];
    if (d.in_stride == to[i].in_stride * to[i].size && (!outputs || d.out_stride == to[i].out_stride * to[i].size)) {
      d = {d.size * to[i].size, to[i].in_stride, to[i].out_stride};
    } else {
      to[++last] = to[i];
    }
  }
  return n ? last + 1 : 0;
}

// Element offset of position `at` in row-major order, by input or output strides.
template <int64_t ReduceDim::* Stride>
inline int64_t offset_of(const ReduceDim* dims, int ndim, int64_t at) {
  int64_t offset = 0;
  for (int i = ndim - 1; i > 0; --i) {
    offset += (at % dims[i].size) * (dims[i].*Stride);
    at /= dims[i].size;
  }
  return ndim ? offset + at * (dims[0].*Stride) : 0;
}

struct Inner {
  const ReduceArgs& a;
  const Kernel& k;
  const Plan& p;
  ReduceDim run{1, 1, 0};
  int outer_ndim;
  int64_t runs, pieces, runs_per_chunk, chunks;

  Inner(const ReduceArgs& a, const Kernel& k, const Plan& p) : a(a), k(k), p(p) {
    outer_ndim = std::max(0, p.reduced_ndim - 1);
    if (p.reduced_ndim) run = p.reduced[outer_ndim];
    runs = p.count / run.size;
    pieces = (run.size + kChunk - 1) / kChunk;
    runs_per_chunk = pieces > 1 ? 1 : std::max<int64_t>(1, kChunk / run.size);
    chunks = pieces > 1 ? runs * pieces : (runs + runs_per_chunk - 1) / runs_per_chunk;
  }

  const char* run_at(const char* base, int64_t r) const {
    return base + offset_of<&ReduceDim::in_stride>(p.reduced, outer_ndim, r) * p.item;
  }

  // Elements [begin, end) of run r, a tile at a time.
  void long_run(Acc* acc, const char* base, int64_t r, int64_t begin, int64_t end) const {
    const char* x = run_at(base, r);
    const bool direct = !k.converts && run.in_stride == 1;
    void* stage = direct ? nullptr : scratch(kStage, kTile * k.size);
    const auto reduce_tile = direct && k.far_tile && p.count * p.outputs * p.item > kFar ? k.far_tile : k.tile;
    for (int64_t i = begin; i < end; i += kTile) {
      const int64_t n = std::min(kTile, end - i);
      const void* tile = x + i * run.in_stride * p.item;
      if (!direct) stage_run(stage, tile, n), tile = stage;
      reduce_tile(acc, tile, n, r * run.size + i, a.p);
    }
  }
  void stage_run(void* to, const void* from, int64_t n) const { k.load(to, k.size, from, run.in_stride * p.item, n); }

  // Whole short runs, gathered until they fill a tile.
  void short_runs(Acc* acc, const char* base, int64_t begin, int64_t end) const {
    char* stage = static_cast<char*>(scratch(kStage, kTile * k.size));
    const int64_t fit = kTile / run.size;
    for (int64_t r = begin; r < end; r += fit) {
      const int64_t n = std::min(fit, end - r);
      for (int64_t i = 0; i < n; ++i) stage_run(stage + i * run.size * k.size, run_at(base, r + i), run.size);
      k.tile(acc, stage, n * run.size, r * run.size, a.p);
    }
  }

  void chunk(Acc* acc, const char* base, int64_t c) const {
    if (pieces > 1) {
      const int64_t begin = c % pieces * kChunk;
      k.init(acc, c / pieces * run.size + begin);
      return long_run(acc, base, c / pieces, begin, std::min(run.size, begin + kChunk));
    }
    const int64_t begin = c * runs_per_chunk, end = std::min(runs, begin + runs_per_chunk);
    k.init(acc, begin * run.size);
    if (run.size < 256 && end - begin > 1) return short_runs(acc, base, begin, end);
    for (int64_t r = begin; r < end; ++r) long_run(acc, base, r, 0, run.size);
  }

  const char* input(int64_t output) const {
    return p.in + offset_of<&ReduceDim::in_stride>(p.kept, p.kept_ndim, output) * p.item;
  }
  void finish(const Acc* acc, int64_t first, int64_t n) const {
    const int64_t stride = p.kept_ndim == 1 ? p.kept[0].out_stride : 1;
    if (p.kept_ndim <= 1) return k.finish(a, acc, p.count, n, first * stride, stride);
    for (int64_t i = 0; i < n; ++i) {
      k.finish(a, acc + i, p.count, 1, offset_of<&ReduceDim::out_stride>(p.kept, p.kept_ndim, first + i), 1);
    }
  }

  void operator()() const {
    constexpr int64_t batch = 64;
    if (chunks == 1) {
      parallel_for(p.outputs, std::max<int64_t>(1, kChunk / 2 / p.count), [&](int64_t begin, int64_t end) {
        Acc acc[batch];
        for (int64_t o = begin; o < end; o += batch) {
          const int64_t n = std::min(batch, end - o);
          for (int64_t i = 0; i < n; ++i) chunk(acc + i, input(o + i), 0);
          finish(acc, o, n);
        }
      });
      return;
    }
    Acc* parts = static_cast<Acc*>(scratch(kPartial, p.outputs * chunks * int64_t(sizeof(Acc))));
    parallel_for(p.outputs * chunks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) chunk(parts + i, input(i / chunks), i % chunks);
    });
    for (int64_t o = 0; o < p.outputs; ++o) {
      Acc* acc = parts + o * chunks;
      for (int64_t c = 1; c < chunks; ++c) k.combine(acc, acc + c, 1);
      finish(acc, o, 1);
    }
  }
};

// Rows of a tile of neighbouring outputs. Where the outputs are few and the rows dense, `fold` rows that follow each
// other count as one wide row, and the results are folded at the end.
struct Outer {
  const ReduceArgs& a;
  const Kernel& k;
  Plan& p;
  ReduceDim column;
  int64_t fold = 1, width, tiles, rows, rows_per_chunk, chunks, planes;
  int64_t last_rows = 1, last_full = 1, last_rest = 0;  // along the innermost reduced dimension, after folding
  int outer_ndim;

  Outer(const ReduceArgs& a, const Kernel& k, Plan& p, int col) : a(a), k(k), p(p), column(p.kept[col]) {
    for (int i = col; i + 1 < p.kept_ndim; ++i) p.kept[i] = p.kept[i + 1];
    --p.kept_ndim;
    planes = p.outputs / column.size;
    outer_ndim = std::max(0, p.reduced_ndim - 1);
    if (p.reduced_ndim) {
      const ReduceDim& d = p.reduced[outer_ndim];
      if (k.joined != Rows::Ordered && column.size < 256 && d.in_stride == column.size * column.in_stride) {
        fold = std::min(d.size, 512 / column.size);
        while (k.joined == Rows::Even && d.size % fold) --fold;
      }
      last_full = d.size / fold;
      last_rest = d.size % fold;
      last_rows = last_full + (last_rest > 0);
    }
    width = std::min<int64_t>(column.size * fold, k.size > 4 ? kColumns / 2 : kColumns);
    tiles = fold > 1 ? 1 : (column.size + width - 1) / width;
    rows = p.count / (p.reduced_ndim ? p.reduced[outer_ndim].size : 1) * last_rows;
    const int64_t wanted = std::max<int64_t>(1, rows * width / (kChunk * 4));  // chunks, by size alone
    rows_per_chunk = std::max({(rows + wanted - 1) / wanted, (kChunk / 4 + width - 1) / width, int64_t(64)});
    chunks = (rows + rows_per_chunk - 1) / rows_per_chunk;
  }

  void accumulate(void* columns, const char* base, int64_t w, int64_t begin, int64_t end) const {
    const bool direct = !k.converts && column.in_stride == 1;
    char* stage = direct ? nullptr : static_cast<char*>(scratch(kStage, kRows * width * k.size));
    const void* ready[kRows];
    int count = 0;
    const int64_t step = p.reduced_ndim ? fold * p.reduced[outer_ndim].in_stride * p.item : 0;
    const char* next = nullptr;
    int64_t left = 0;  // rows until the innermost reduced dimension ends
    for (int64_t r = begin; r < end; ++r, next += step, --left) {
      if (left == 0) {
        const int64_t block = r / last_rows, at = r - block * last_rows;
        next = base + offset_of<&ReduceDim::in_stride>(p.reduced, outer_ndim, block) * p.item + at * step;
        left = last_rows - at;
      }
      const char* row = next;
      const bool is_short = last_rest && left == 1;
      const int64_t n = is_short ? last_rest * column.size : w;
      if (!direct) {
        char* to = stage + count * width * k.size;
        k.load(to, k.size, row, column.in_stride * p.item, n);
        row = to;
      }
      if (is_short) {
        const void* one = row;
        k.rows(columns, &one, 1, n, r, a.p);
        continue;
      }
      ready[count++] = row;
      if (count == kRows) k.rows(columns, ready, count, w, r + 1 - kRows, a.p), count = 0;
    }
    if (count) k.rows(columns, ready, count, w, end - count, a.p);
  }

  // Task t: a chunk of rows of one tile of one plane; results in acc[0, outputs of the tile), or, if `acc` is null, in
  // the output.
  void task(int64_t t, Acc* acc) const {
    const int64_t c = t % chunks, tile = t / chunks % tiles, plane = t / chunks / tiles;
    const int64_t first = tile * width, w = std::min(width, column.size * fold - first);
    const int64_t offset = offset_of<&ReduceDim::in_stride>(p.kept, p.kept_ndim, plane) + first * column.in_stride;
    void* columns = scratch(kAccumulators, k.column_bytes);
    const int64_t begin = c * rows_per_chunk, end = std::min(rows, begin + rows_per_chunk);
    k.begin(columns, w, begin);
    accumulate(columns, p.in + offset * p.item, w, begin, end);
    if (fold > 1) k.fold(columns, column.size, fold);
    const int64_t n = std::min(w, column.size);
    if (acc) {
      k.end(columns, n, acc);
    } else {
      k.finish_rows(a, columns, p.count, n, output(t), column.out_stride);
    }
  }

  int64_t output(int64_t t) const {
    const int64_t tile = t / chunks % tiles, plane = t / chunks / tiles;
    return offset_of<&ReduceDim::out_stride>(p.kept, p.kept_ndim, plane) + tile * width * column.out_stride;
  }

  void operator()() const {
    const int64_t work = std::max<int64_t>(1, std::min(rows, rows_per_chunk) * width);
    const int64_t grain = std::max<int64_t>(1, kChunk / 2 / work);
    if (chunks == 1) {
      parallel_for(planes * tiles, grain, [&](int64_t begin, int64_t end) {
        for (int64_t t = begin; t < end; ++t) task(t, nullptr);
      });
      return;
    }
    Acc* parts = static_cast<Acc*>(scratch(kPartial, planes * tiles * chunks * width * int64_t(sizeof(Acc))));
    parallel_for(planes * tiles * chunks, grain, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) task(t, parts + t * width);
    });
    for (int64_t t = 0; t < planes * tiles; ++t) {
      Acc* acc = parts + t * chunks * width;
      const int64_t n = std::min({column.size, width, column.size * fold - t % tiles * width});
      for (int64_t c = 1; c < chunks; ++c) k.combine(acc, acc + c * width, n);
      k.finish(a, acc, p.count, n, output(t * chunks), column.out_stride);
    }
  }
};

// The kept dimension that `outer` should make its columns, or -1 for `inner`.
int choose_column(const Plan& p) {
  int near = -1;
  for (int i = 0; i < p.kept_ndim; ++i) {
    if (near < 0 || p.kept[i].in_stride <= p.kept[near].in_stride) near = i;
  }
  if (near < 0) return -1;
  const bool closer = !p.reduced_ndim || p.kept[near].in_stride < p.reduced[p.reduced_ndim - 1].in_stride;
  if (closer) return near;
  if (p.count >= 32 || p.outputs < 64) return -1;
  for (int i = 0; i < p.kept_ndim; ++i) {
    if (p.kept[i].size > p.kept[near].size) near = i;
  }
  return p.kept[near].size >= 16 ? near : -1;
}

void drive(const ReduceArgs& a, const Kernel& k) {
  Plan p;
  p.in = static_cast<const char*>(a.in);
  p.item = item_size(a.in_dtype);
  p.kept_ndim = normalize(a.kept, a.kept_ndim, p.kept, true, true);
  p.reduced_ndim = normalize(a.reduced, a.reduced_ndim, p.reduced, k.joined != Rows::Ordered, false);
  for (int i = 0; i < p.kept_ndim; ++i) p.outputs *= p.kept[i].size;
  for (int i = 0; i < p.reduced_ndim; ++i) p.count *= p.reduced[i].size;
  if (p.outputs == 0) return;
  if (p.count == 0) {  // every output is the result of nothing
    Acc acc;
    k.init(&acc, 0);
    for (int64_t o = 0; o < p.outputs; ++o) {
      k.finish(a, &acc, 0, 1, offset_of<&ReduceDim::out_stride>(p.kept, p.kept_ndim, o), 1);
    }
    return;
  }
  const int column = choose_column(p);
  if (column < 0) {
    Inner(a, k, p)();
  } else {
    Outer(a, k, p, column)();
  }
}

// ----------------------------------------------------------------------------------------------------- dispatch

template <class T, class Rule>
Kernel kernel_of(const ReduceArgs& a, int64_t column_bytes, Rows joined) {
  Kernel k{};
  k.load = load_run(a.in_dtype, kCompute<T>);
  k.size = sizeof(T);
  k.converts = a.in_dtype != kComputeDType[int(kCompute<T>)];
  k.joined = joined;
  k.init = Rule::init;
  k.tile = Rule::tile;
  k.combine = Rule::combine;
  k.column_bytes = column_bytes;
  k.begin = Rule::begin;
  k.rows = Rule::rows;
  k.fold = Rule::fold;
  k.end = Rule::end;
  return k;
}

template <class Op, class T>
void run_simple(const ReduceArgs& a) {
  Kernel k = kernel_of<T, Simple<Op, T>>(a, kColumns * int64_t(sizeof(Wide<Op, T>)), Rows::Any);
  if constexpr (std::is_arithmetic_v<T>) k.far_tile = Simple<Op, T>::far_tile;
  k.finish = finish_simple<Op, T>;
  k.finish_rows = finish_rows<Op, T>;
  drive(a, k);
}
template <class T>
void run_moments(const ReduceArgs& a) {
  Kernel k = kernel_of<T, Moments<T>>(a, sizeof(typename Moments<T>::Columns), Rows::Even);
  k.finish = finish_moments;
  k.finish_rows = finish_other_rows<Moments<T>, finish_moments>;
  drive(a, k);
}
template <class Op, class T>
void run_indexed(const ReduceArgs& a) {
  Kernel k = kernel_of<T, Indexed<Op, T>>(a, sizeof(typename Indexed<Op, T>::Columns), Rows::Ordered);
  k.finish = finish_indexed<T>;
  k.finish_rows = finish_other_rows<Indexed<Op, T>, finish_indexed<T>>;
  drive(a, k);
}

// Elements are first converted to the output's dtype where one was asked for: then both must be able to hold them.
Compute compute_type(const ReduceArgs& a) {
  if (is_complex(a.in_dtype) || is_complex(a.out_dtype)) return Compute::C128;
  const bool index = a.kind == Reduction::ArgMax || a.kind == Reduction::ArgMin || a.kind == Reduction::Any ||
                     a.kind == Reduction::All || a.kind == Reduction::CountNonzero;
  const DType other = index ? a.in_dtype : a.out_dtype;
  if (!is_floating(other)) return Compute::I64;
  if (!is_floating(a.in_dtype) || a.in_dtype == DType::Float64 || other == DType::Float64) return Compute::F64;
  return Compute::F32;
}

template <class Op>
void run_floating(const ReduceArgs& a) {
  compute_type(a) == Compute::F32 ? run_simple<Op, float>(a) : run_simple<Op, double>(a);
}
template <class Op>
void run_real(const ReduceArgs& a) {
  compute_type(a) == Compute::I64 ? run_simple<Op, int64_t>(a) : run_floating<Op>(a);
}
template <class Op>
void run_index(const ReduceArgs& a) {
  switch (compute_type(a)) {
    case Compute::F32:
      return run_indexed<Op, float>(a);
    case Compute::F64:
      return run_indexed<Op, double>(a);
    default:
      return run_indexed<Op, int64_t>(a);
  }
}

// A product of floats is formed in double, where it cannot overflow on the way to a small result.
void run_product(const ReduceArgs& a) {
  switch (compute_type(a)) {
    case Compute::C128:
      return run_simple<Prod, Complex64>(a);
    case Compute::I64:
      return run_simple<Prod, int64_t>(a);
    default:
      return run_simple<Prod, double>(a);
  }
}

void run_norm(const ReduceArgs& a) {
  if (a.p == 0) return run_floating<Count>(a);
  if (a.p == 1) return run_floating<AbsSum>(a);
  if (a.p == 2) return run_floating<SquareSum>(a);
  if (!std::isinf(a.p)) return run_floating<PowSum>(a);
  a.p > 0 ? run_floating<AbsMax>(a) : run_floating<AbsMin>(a);
}

// A complex tensor is summed as pairs of reals: one more kept dimension.
ReduceArgs as_real(const ReduceArgs& a) {
  ReduceArgs r = a;
  for (int i = 0; i < a.kept_ndim; ++i) r.kept[i].in_stride *= 2, r.kept[i].out_stride *= 2;
  for (int i = 0; i < a.reduced_ndim; ++i) r.reduced[i].in_stride *= 2;
  r.kept[r.kept_ndim++] = {2, 1, 1};
  r.in_dtype = a.in_dtype == DType::Complex64 ? DType::Float32 : DType::Float64;
  r.out_dtype = a.out_dtype == DType::Complex64 ? DType::Float32 : DType::Float64;
  return r;
}

}  // namespace

void reduce(const ReduceArgs& a) {
  const bool sums = a.kind == Reduction::Sum || a.kind == Reduction::Mean;
  if (is_complex(a.in_dtype) && sums) return run_floating<Sum>(as_real(a));
  switch (a.kind) {
    case Reduction::Sum:
    case Reduction::Mean:
      return run_real<Sum>(a);
    case Reduction::NanSum:
      return run_floating<NanSum>(a);
    case Reduction::Prod:
      return run_product(a);
    case Reduction::Max:
      return run_real<Max>(a);
    case Reduction::Min:
      return run_real<Min>(a);
    case Reduction::Any:
      return run_real<Any>(a);
    case Reduction::All:
      return run_real<All>(a);
    case Reduction::CountNonzero:
      return run_real<Count>(a);
    case Reduction::Norm:
      return run_norm(a);
    case Reduction::Var:
    case Reduction::Std:
    case Reduction::VarMean:
    case Reduction::StdMean:
      return compute_type(a) == Compute::F32 ? run_moments<float>(a) : run_moments<double>(a);
    case Reduction::ArgMax:
    case Reduction::MaxIndex:
      return run_index<Max>(a);
    case Reduction::ArgMin:
    case Reduction::MinIndex:
      return run_index<Min>(a);
  }
}

void register_reduce(Kernels& kernels) { kernels.reduce.reduce = reduce; }

}  // namespace flambeau::cpu::FL_ISA
