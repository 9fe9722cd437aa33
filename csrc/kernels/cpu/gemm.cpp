// Matrix products of floating-point types: a choice of four loops around the micro-kernel, by shape and layout only.
#include <algorithm>
#include <complex>
#include <cstring>
#include <utility>

#include "core/packing.h"
#include "core/threads.h"
#include "kernels/cpu/microkernel.h"
#include "kernels/cpu/pairs.h"
#include "kernels/cpu/register.h"
#include "kernels/cpu/transpose.h"

namespace flambeau::cpu::FL_ISA {
namespace {

constexpr int kSlotPanels = 0, kSlotRows = 1, kSlotTile = 2, kSlotBias = 3, kSlotPlanes = 4;
constexpr int64_t kMaxDepth = 800;  // of one pass over k: longer sums mean fewer trips to C, panels stream from L2
constexpr int64_t kL2Bytes = 448 * 1024;       // of the second-level cache that packed rows of A may fill
constexpr int64_t kMaxDepthHalf = 2048;        // sums of 16-bit types must not be rounded between passes
constexpr int64_t kPanelValues = 1024 * 1024;  // of B packed at a time (4 MB of floats)
constexpr int64_t kPanelsAtOnce = 4;           // of B packed in one go: rows are read in longer pieces
constexpr int64_t kTilesAtOnce = 8;            // of A packed in one go, where rows lie side by side
constexpr int64_t kMaxRows = 4096;             // of A packed at a time
constexpr int64_t kFewUses = 512;              // of a packed operand: beyond, packing it again costs little
constexpr int64_t kSerialWork = 600 * 1000;    // multiply-adds that one thread does faster than two

// One product, with strides for C too so that it can be turned around: C^T = B^T A^T. T computes, S is stored.
template <class T, class S>
struct Product {
  int64_t m, n, k;
  const S* a;
  int64_t a_row, a_col;
  const S* b;
  int64_t b_row, b_col;
  S* c;
  int64_t c_row, c_col;
  T alpha;
  T beta;  // of what C holds, which is not read if 0. float and double are scaled before: 0 or 1
  const T *column_bias, *row_bias;
  bool relu, pairs;  // pairs: see pairs.h
  Packing *a_packing = nullptr, *b_packing = nullptr;
  const GemmArgs::Done* done = nullptr;  // is told of rows and columns as they were before turning
  int64_t batch = 0;
  bool is_turned = false;

  // C is there for rows [i0, i1) and columns [j0, j1).
  void finish(int64_t i0, int64_t i1, int64_t j0, int64_t j1) const {
    if (!done) return;
    if (is_turned)
      (*done)(batch, j0, j1 - j0, i0, i1);
    else
      (*done)(batch, i0, i1 - i0, j0, j1);
  }

  Product turned() const {
    return {n,     m,    k,        b,           b_col, b_row, a,         a_col,     a_row, c,     c_col,     c_row,
            alpha, beta, row_bias, column_bias, relu,  pairs, b_packing, a_packing, done,  batch, !is_turned};
  }
};

// Sums of rows x cols at (i, j) of C go through the epilogue into C. `sums` is readable up to whole vectors.
template <class T, class S>
void write_tile(const Product<T, S>& p, int64_t i, int64_t j, int64_t rows, int64_t cols, const T* sums,
                int64_t stride) {
  constexpr int w = kLanes<T>;
  S* const c = p.c + i * p.c_row + j * p.c_col;
  const Vector<T> zero{};
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t s = 0; s < cols; s += w) {
      const int64_t count = std::min<int64_t>(w, cols - s);
      S* const to = c + r * p.c_row + s * p.c_col;
      Vector<T> v = load(sums + r * stride + s);
      if (p.alpha != T(1)) v *= p.alpha;
      if (p.beta != T(0)) {
        if (p.c_col == 1)
          v += p.beta * load_some<T>(to, count);
        else
          for (int64_t l = 0; l < count; ++l) v[l] += p.beta * T(to[l * p.c_col]);
      }
      if (p.column_bias) v += load_some<T>(p.column_bias + j + s, count);
      if (p.row_bias) v += p.row_bias[i + r];
      if (p.relu) v = v < zero ? zero : v;
      if (p.c_col == 1)
        store_some(to, v, count);
      else
        for (int64_t l = 0; l < count; ++l) to[l * p.c_col] = S(v[l]);
    }
}

template <class T>
T* scratch_of(int slot, int64_t count) {
  return static_cast<T*>(scratch(slot, (count + 64) * int64_t(sizeof(T))));
}

// ---------------------------------------------------------------------------------------- a few columns, little work

// n <= one vector: rows of B are loaded under a mask, four rows of A at a time.
template <class T, class S>
void few_columns(const Product<T, S>& p) {
  constexpr int w = kLanes<T>, kRowsAtOnce = 4;
  const bool direct = p.b_col == 1 && std::is_same_v<T, S>;
  T* copy = nullptr;
  if (!direct) {
    copy = scratch_of<T>(kSlotPanels, p.k * w);
    for (int64_t l = 0; l < p.k; ++l)
      for (int64_t j = 0; j < w; ++j) copy[l * w + j] = j < p.n ? T(p.b[l * p.b_row + j * p.b_col]) : T(0);
  }
  for (int64_t i = 0; i < p.m; i += kRowsAtOnce) {
    const int64_t rows = std::min<int64_t>(kRowsAtOnce, p.m - i);
    const S* a[kRowsAtOnce];
    for (int r = 0; r < kRowsAtOnce; ++r) a[r] = p.a + (i + std::min<int64_t>(r, rows - 1)) * p.a_row;
    Vector<T> sums[kRowsAtOnce] = {};
    for (int64_t l = 0; l < p.k; ++l) {
      const Vector<T> b = direct ? load_some<T>(p.b + l * p.b_row, p.n) : load(copy + l * w);
      for (int r = 0; r < kRowsAtOnce; ++r) sums[r] += T(a[r][l * p.a_col]) * b;
    }
    alignas(64) T tile[kRowsAtOnce * w];
    for (int r = 0; r < kRowsAtOnce; ++r) store(tile + r * w, sums[r]);
    write_tile(p, i, 0, rows, p.n, tile, w);
  }
}

// ------------------------------------------------------------------------------ few rows: B is read once, unpacked

// The small operand as m contiguous rows of T.
template <class T, class S>
const T* small_rows(const Product<T, S>& p, int64_t& stride) {
  if constexpr (std::is_same_v<T, S>) {
    if (p.a_col == 1) {
      stride = p.a_row;
      return p.a;
    }
  }
  T* copy = scratch_of<T>(kSlotRows, p.m * p.k);
  for (int64_t i = 0; i < p.m; ++i)
    for (int64_t l = 0; l < p.k; ++l) copy[i * p.k + l] = T(p.a[i * p.a_row + l * p.a_col]);
  stride = p.k;
  return copy;
}

template <class T>
inline T sum_of(Vector<T> v) {
  T part[kLanes<T>];
  store(part, v);
  for (int half = kLanes<T> / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) part[i] += part[i + half];
  return part[0];
}

// The rows of the small operand; the last one stands in for those up to M that do not exist.
template <class T, class S, int M>
struct SmallRows {
  const T* row[M];
  explicit SmallRows(const Product<T, S>& p) {
    int64_t stride;
    const T* first = small_rows(p, stride);
    for (int i = 0; i < M; ++i) row[i] = first + std::min<int64_t>(i, p.m - 1) * stride;
  }
};

// out[i * stride + j] = a_i . b_j for M rows and J columns, both contiguous along k.
template <class T, class S, int M, int J>
void dot_block(int64_t k, const T* const* a, const S* b, int64_t b_col, T* out, int64_t stride) {
  constexpr int w = kLanes<T>;
  Vector<T> sums[M][J] = {};
  int64_t l = 0;
  for (; l + w <= k; l += w) {
    Vector<T> av[M];
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) av[i] = load(a[i] + l);
#pragma GCC unroll 8
    for (int j = 0; j < J; ++j) {
      const Vector<T> bv = load_as<T>(b + j * b_col + l);
#pragma GCC unroll 8
      for (int i = 0; i < M; ++i) sums[i][j] += av[i] * bv;
    }
  }
  if (l < k)
    for (int j = 0; j < J; ++j) {
      const Vector<T> bv = load_part<T>(b + j * b_col + l, k - l);
      for (int i = 0; i < M; ++i) sums[i][j] += load_part<T>(a[i] + l, k - l) * bv;
    }
  for (int i = 0; i < M; ++i)
    for (int j = 0; j < J; ++j) out[i * stride + j] = sum_of<T>(sums[i][j]);
}

template <int M>
constexpr int kDotColumns = std::clamp((kVectorBytes == 64 ? 24 : 12) / M, 1, 8);

template <class T, class S, int M>
void few_rows_dot(const Product<T, S>& p) {
  constexpr int columns = kDotColumns<M>, width = 64;
  const SmallRows<T, S, M> a(p);
  parallel_for(p.n, p.n * p.k * M < kSerialWork / 8 ? p.n : width, [&](int64_t begin, int64_t end) {
    alignas(64) T tile[M * width];
    for (int64_t j = begin; j < end; j += width) {
      const int64_t stop = std::min<int64_t>(width, end - j);
      const S* b = p.b + j * p.b_col;
      int64_t q = 0;
      for (; q + columns <= stop; q += columns)
        dot_block<T, S, M, columns>(p.k, a.row, b + q * p.b_col, p.b_col, tile + q, width);
      for (; q < stop; ++q) dot_block<T, S, M, 1>(p.k, a.row, b + q * p.b_col, p.b_col, tile + q, width);
      write_tile(p, 0, j, p.m, stop, tile, width);
    }
  });
}

// sums[i][0..n) += a[i][k0..k0 + R) . B[0..R)[0..n): a few contiguous rows of B at a time.
template <class T, class S, int M, int R>
void add_rows(const T* const* a, int64_t k0, const S* b, int64_t b_row, int64_t n, T* sums, int64_t stride) {
  constexpr int w = kLanes<T>;
  Vector<T> av[M][R];
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i)
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) av[i][r] = a[i][k0 + r] - Vector<T>{};
  for (int64_t j = 0; j < n; j += w) {
    Vector<T> acc[M];
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) acc[i] = load(sums + i * stride + j);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const Vector<T> bv = load_some<T>(b + r * b_row + j, n - j);
#pragma GCC unroll 8
      for (int i = 0; i < M; ++i) acc[i] += av[i][r] * bv;
    }
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) store(sums + i * stride + j, acc[i]);
  }
}

template <class T, class S, int M>
void few_rows_axpy(const Product<T, S>& p) {
  constexpr int depth = M <= 4 ? 4 : 2, width = 512;
  const SmallRows<T, S, M> a(p);
  const int64_t grain = p.n * p.k * M < kSerialWork / 8 ? p.n : (p.n < 4 * width ? 64 : width);
  parallel_for(p.n, grain, [&](int64_t begin, int64_t end) {
    alignas(64) T tile[M * width];
    for (int64_t j = begin; j < end; j += width) {
      const int64_t count = std::min<int64_t>(width, end - j);
      std::memset(tile, 0, sizeof(tile));
      const S* b = p.b + j;
      int64_t l = 0;
      for (; l + depth <= p.k; l += depth)
        add_rows<T, S, M, depth>(a.row, l, b + l * p.b_row, p.b_row, count, tile, width);
      for (; l < p.k; ++l) add_rows<T, S, M, 1>(a.row, l, b + l * p.b_row, p.b_row, count, tile, width);
      write_tile(p, 0, j, p.m, count, tile, width);
    }
  });
}

template <class T, class S, int M>
void few_rows_of(const Product<T, S>& p) {
  return p.b_row == 1 ? few_rows_dot<T, S, M>(p) : few_rows_axpy<T, S, M>(p);
}

// Up to so many rows (or columns), the big matrix is read just once, where it is.
template <class T, class S>
constexpr int kFew = std::is_same_v<T, S> ? 8 : 4;

template <class T, class S>
void few_rows(const Product<T, S>& p) {
  if (p.m == 1) return few_rows_of<T, S, 1>(p);
  if constexpr (std::is_same_v<T, S>) {
    if (p.m == 2) return few_rows_of<T, S, 2>(p);
    if (p.m > 4) return few_rows_of<T, S, 8>(p);
  }
  few_rows_of<T, S, 4>(p);
}

// One dot product: chunks of fixed length, partial sums added in order.
template <class T, class S>
void dot(const Product<T, S>& p) {
  constexpr int64_t chunk = 8192;
  const int64_t chunks = (p.k + chunk - 1) / chunk;
  T* parts = scratch_of<T>(kSlotTile, chunks);
  parallel_for(chunks, p.k < kSerialWork / 4 ? chunks : 8, [&](int64_t begin, int64_t end) {
    for (int64_t q = begin; q < end; ++q) {
      const int64_t from = q * chunk, count = std::min(chunk, p.k - from);
      if (std::is_same_v<T, S> && p.a_col == 1 && p.b_row == 1) {
        Vector<T> sums[4] = {};
        const T* a = (const T*)p.a + from;
        const T* b = (const T*)p.b + from;
        constexpr int w = kLanes<T>;
        int64_t l = 0;
        for (; l + 4 * w <= count; l += 4 * w)
#pragma GCC unroll 4
          for (int u = 0; u < 4; ++u) sums[u] += load(a + l + u * w) * load(b + l + u * w);
        for (; l < count; l += w) sums[0] += load_some<T>(a + l, count - l) * load_some<T>(b + l, count - l);
        parts[q] = sum_of<T>((sums[0] + sums[1]) + (sums[2] + sums[3]));
      } else {
        T sums[8] = {};
        for (int64_t l = 0; l < count; ++l) sums[l % 8] += T(p.a[(from + l) * p.a_col]) * T(p.b[(from + l) * p.b_row]);
        parts[q] = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
      }
    }
  });
  alignas(64) T sum[kLanes<T>] = {};
  for (int64_t q = 0; q < chunks; ++q) sum[0] += parts[q];
  write_tile(p, 0, 0, 1, 1, sum, kLanes<T>);
}

// ------------------------------------------------------------------------------------------------ the blocked loop

int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// n things in `parts` nearly equal parts: where part i begins.
inline int64_t part_begin(int64_t n, int64_t parts, int64_t i) { return n / parts * i + std::min(i, n % parts); }

// Rows that lie a multiple of 4 KB apart fall into a few sets of the cache.
template <class T>
bool crowds_cache(int64_t stride) {
  return stride * int64_t(sizeof(T)) % 4096 == 0;
}

// Are numbers of S multiplied in pairs where the machine can?
template <class S>
constexpr bool kPairs = FL_PAIRS && std::is_same_v<S, BFloat16>;

// How the operands of one pass are read.
template <class T>
struct Layout {
  bool pack_a, pack_b;
  AKind kind;
};

template <class T, class S>
Layout<T> layout_of(const Product<T, S>& p) {
  Layout<T> l{true, true, AKind::kRowContiguous};
  if constexpr (std::is_same_v<T, S>) {
    // Packed rows need fewer instructions; that pays off where they are used often.
    if (p.a_col == 1 && (p.n <= 128 || (p.n <= 288 && !crowds_cache<T>(p.a_row))))
      l = {false, true, AKind::kDepthContiguous};
    if (p.a_row == 1 && p.a_col != 1 && p.n <= 64 && !crowds_cache<T>(p.a_col)) l.pack_a = false;
    // B stays where it is if it is read only once, or sits in L2 and is not read often.
    const bool near = p.k * p.n * int64_t(sizeof(T)) <= 256 * 1024 && p.b_row * int64_t(sizeof(T)) <= 1024;
    if (p.b_col == 1 && (p.m <= kRows || (near && p.m <= 9 * kRows + 2))) l.pack_b = false;
  }
  return l;
}

// A packed operand of the whole product, kept beyond this call. [outer block][pass over k][rows or columns].
template <class T>
struct Kept {
  T* data = nullptr;
  bool ready = false;
};

template <class T>
Kept<T> kept_form(Packing* packing, std::initializer_list<int64_t> recipe, int64_t count) {
  Kept<T> kept;
  if (packing) kept.data = static_cast<T*>(packing->memory(recipe, (count + 64) * int64_t(sizeof(T)), kept.ready));
  return kept;
}

template <class T, class S>
struct Pass {
  const Product<T, S>& p;
  Layout<T> layout;
  int64_t i0, rows, tiles;  // rows of C, cut into `tiles` of nearly equal height
  int64_t j0, cols, panels;
  int64_t k0, depth, steps;  // depth: of k; steps: those of the micro-kernel, fewer with pairs
  bool first, last;
  T *a_packed = nullptr, *b_packed = nullptr, *wide = nullptr;  // wide: sums of 16-bit types that need several passes
  bool a_kept = false, a_ready = false, b_ready = false;        // kept: in memory for all tiles; ready: packed before

  // Rows of A that lie side by side in memory: several tiles at once, so that the pieces read are a few lines long.
  void pack_across(int64_t begin, int64_t end) const {
    T* to[kTilesAtOnce];
    int64_t height[kTilesAtOnce];
    for (int64_t t = begin; t < end; t += kTilesAtOnce) {
      const int64_t count = std::min(end - t, kTilesAtOnce), first = part_begin(rows, tiles, t);
      const int64_t width = part_begin(rows, tiles, t + count) - first;
      for (int64_t u = 0; u < count; ++u) {
        const int64_t row = part_begin(rows, tiles, t + u);
        to[u] = a_packed + row * steps;
        height[u] = part_begin(rows, tiles, t + u + 1) - row;
      }
      const S* row = p.a + i0 + first + k0 * p.a_col;
      for (int64_t l = 0; l < depth; ++l, row += p.a_col) {
        if (l + kRowsAhead < depth) ask_for(row + kRowsAhead * p.a_col, width);
        const S* from = row;
        for (int64_t u = 0; u < count; from += height[u], to[u] += height[u], ++u)
          for (int64_t r = 0; r < height[u]; r += kLanes<T>)
            store_some(to[u] + r, load_some<T>(from + r, height[u] - r), std::min<int64_t>(kLanes<T>, height[u] - r));
      }
    }
  }

  void pack_a(int64_t begin, int64_t end) const {
    if (p.a_row == 1 && !p.pairs) return pack_across(begin, end);
    for (int64_t t = begin; t < end; ++t) {
      const int64_t row = part_begin(rows, tiles, t), count = part_begin(rows, tiles, t + 1) - row;
      const S* from = p.a + (i0 + row) * p.a_row + k0 * p.a_col;
      T* to = a_packed + row * steps;
      if constexpr (kPairs<S>)
        if (p.pairs) {
          pack_pair_rows(from, p.a_row, p.a_col, count, depth, reinterpret_cast<Pair*>(to));
          continue;
        }
      pack_rows<T, S>(from, p.a_row, p.a_col, count, depth, to);
    }
  }
  void pack_b(int64_t begin, int64_t end) const {
    const int64_t stop = std::min(cols, end * kCols<T>);
    // B that is read where it is has only its ragged end packed.
    const int64_t col = layout.pack_b ? begin * kCols<T> : std::max(begin, cols / kCols<T>) * kCols<T>;
    if (col >= stop || (!layout.pack_b && (stop - col) % kLanes<T> == 0)) return;
    const S* from = p.b + k0 * p.b_row + (j0 + col) * p.b_col;
    T* to = b_packed + col * steps;
    if constexpr (kPairs<S>)
      if (p.pairs) return pack_pair_panels(from, p.b_row, p.b_col, depth, stop - col, reinterpret_cast<Pair*>(to));
    pack_panels<T, S>(from, p.b_row, p.b_col, depth, stop - col, to);
  }

  // Tiles [t0, t1) of panel q.
  void multiply(int64_t t0, int64_t t1, int64_t q) const {
    const int64_t col = q * kCols<T>;
    const int n = int(std::min<int64_t>(kCols<T>, cols - col));
    TileArgs<T> t;
    t.k = steps;
    t.n = n;
    t.b = b_packed + col * steps;
    if constexpr (std::is_same_v<T, S>) {
      if (!layout.pack_b && n % kLanes<T> == 0) t.b = p.b + k0 * p.b_row + (j0 + col), t.b_stride = p.b_row;
      t.alpha = p.alpha;
      t.accumulate = !first || p.beta != T(0);
      t.transpose = p.c_col != 1;
      t.c_stride = t.transpose ? p.c_col : p.c_row;
      t.relu = last && p.relu;
      if (last && p.column_bias) t.column_bias = p.column_bias + j0 + col;
    }
    alignas(64) T tile[kRows * kCols<T>];
    for (int64_t i = t0; i < t1; ++i) {
      const int64_t row = part_begin(rows, tiles, i), m = part_begin(rows, tiles, i + 1) - row;
      if (layout.pack_a) {
        t.a = a_packed + row * steps;
        t.a_stride = m;
      }
      if constexpr (std::is_same_v<T, S>) {
        if (!layout.pack_a) {
          t.a = p.a + (i0 + row) * p.a_row + k0 * p.a_col;
          t.a_stride = layout.kind == AKind::kDepthContiguous ? p.a_row : p.a_col;
        }
        t.c = p.c + (i0 + row) * p.c_row + (j0 + col) * p.c_col;
        if (last && p.row_bias) t.row_bias = p.row_bias + i0 + row;
        tile_kernel<T>(int(m), n, layout.kind)(t);
      } else {
        t.c = wide ? wide + row * panels * kCols<T> + col : tile;
        t.c_stride = wide ? panels * kCols<T> : kCols<T>;
        t.accumulate = !first;
        t.n = n <= kLanes<T> ? kLanes<T> : kCols<T>;
        sum_half(t, int(m));
        if (last) write_half(i0 + row, j0 + col, m, n, t.c, t.c_stride);
      }
    }
  }

  // The sums of a tile of 16-bit numbers.
  void sum_half(const TileArgs<T>& t, int m) const {
    if constexpr (kPairs<S>)
      if (p.pairs) {
        TileArgs<T, Pair> pairs;
        pairs.k = t.k;
        pairs.a = reinterpret_cast<const Pair*>(t.a);
        pairs.a_stride = t.a_stride;
        pairs.b = reinterpret_cast<const Pair*>(t.b);
        pairs.c = t.c;
        pairs.c_stride = t.c_stride;
        pairs.accumulate = t.accumulate;
        return pair_kernel(m, layout.kind)(pairs);
      }
    tile_kernel<T>(m, t.n, layout.kind)(t);
  }

  // A tile of 16-bit results; one that is turned around is turned back first, so that rows are written.
  void write_half(int64_t i, int64_t j, int64_t m, int64_t n, const T* sums, int64_t stride) const {
    if (p.c_col == 1) return write_tile(p, i, j, m, n, sums, stride);
    constexpr int64_t room = (kRows + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
    alignas(64) T turned[kCols<T> * room];
    transpose_copy(sums, stride, turned, room, m, n, true);
    write_tile(p.turned(), j, i, n, m, turned, room);
  }

  // Tiles [t0, t1) against all panels, their rows packed here; the first to come packs the panels too, while they are
  // hot.
  void multiply_group(int64_t t0, int64_t t1, bool pack_panels_too) const {
    Pass own = *this;
    if (layout.pack_a && a_kept) {
      if (!a_ready) pack_a(t0, t1);
    } else if (layout.pack_a) {
      const int64_t first = part_begin(rows, tiles, t0);
      own.a_packed = scratch_of<T>(kSlotRows, (part_begin(rows, tiles, t1) - first) * steps) - first * steps;
      own.pack_a(t0, t1);
    }
    for (int64_t q = 0; q < panels; ++q) {
      if (pack_panels_too && q % kPanelsAtOnce == 0) pack_b(q, std::min(panels, q + kPanelsAtOnce));
      own.multiply(t0, t1, q);
    }
    finish(t0, t1, 0, cols);
  }

  // Tiles [t0, t1) of columns [begin, end) are there, if this is the last pass.
  void finish(int64_t t0, int64_t t1, int64_t begin, int64_t end) const {
    if (last) p.finish(i0 + part_begin(rows, tiles, t0), i0 + part_begin(rows, tiles, t1), j0 + begin, j0 + end);
  }

  void run(bool serial) const {
    // So many tiles of A stay in L2 while panels of B pass by.
    const int64_t room = std::clamp<int64_t>(kL2Bytes / (kRows * steps * int64_t(sizeof(T)) + 1), 4, 32);
    const int64_t threads = serial ? 1 : num_threads();
    int64_t groups = (tiles + room - 1) / room;
    if (threads == 1) {
      for (int64_t g = 0; g < groups; ++g)
        multiply_group(part_begin(tiles, groups, g), part_begin(tiles, groups, g + 1), g == 0 && !b_ready);
      return;
    }
    const bool tall = groups >= threads;
    if (tall) groups = round_up(groups, threads);
    const int64_t a_items = layout.pack_a && !tall && !a_ready ? groups : 0,
                  b_items = b_ready ? 0 : (panels + kPanelsAtOnce - 1) / kPanelsAtOnce;
    auto pack = [&](int64_t begin, int64_t end) {
      for (int64_t x = begin; x < end; ++x) {
        const int64_t q = (x - a_items) * kPanelsAtOnce;
        if (x < a_items)
          pack_a(part_begin(tiles, groups, x), part_begin(tiles, groups, x + 1));
        else
          pack_b(q, std::min(panels, q + kPanelsAtOnce));
      }
    };
    auto compute = [&](int64_t begin, int64_t end) {
      for (int64_t x = begin; x < end; ++x) {
        const int64_t g = tall ? x : x / panels, t0 = part_begin(tiles, groups, g),
                      t1 = part_begin(tiles, groups, g + 1);
        if (tall) {
          multiply_group(t0, t1, false);
          continue;
        }
        const int64_t q = x % panels;
        multiply(t0, t1, q);
        finish(t0, t1, q * kCols<T>, std::min(cols, (q + 1) * kCols<T>));
      }
    };
    if (a_items || (layout.pack_b && !b_ready) || cols % kLanes<T> != 0) parallel_for(a_items + b_items, 1, pack);
    parallel_for(tall ? groups : groups * panels, 1, compute);
  }
};

// Is packing an operand a large part of the work, so that it should be done once for many products?
template <class T, class S>
bool keeps_a(const Product<T, S>& p, const Layout<T>& layout) {
  return std::is_same_v<T, S> && p.a_packing && layout.pack_a && p.n <= kFewUses;
}
template <class T, class S>
bool keeps_b(const Product<T, S>& p, const Layout<T>& layout) {
  return std::is_same_v<T, S> && p.b_packing && layout.pack_b && p.m <= kFewUses;
}

template <class T, class S>
void blocked(const Product<T, S>& p) {
  const Layout<T> layout = layout_of(p);
  const bool serial = p.m * p.n * p.k < kSerialWork || in_parallel_region();
  const int64_t max_depth = std::is_same_v<T, S> ? kMaxDepth : kMaxDepthHalf;
  const int64_t passes = std::max<int64_t>(1, (p.k + max_depth - 1) / max_depth);
  const int64_t depth = (p.k + passes - 1) / passes;
  const int64_t width = std::max<int64_t>(kCols<T>, kPanelValues / std::max<int64_t>(depth, 1) / kCols<T> * kCols<T>);
  const bool needs_wide = !std::is_same_v<T, S> && passes > 1;
  const int64_t steps = p.pairs ? (depth + 1) / 2 : depth;
  Kept<T> kept_a, kept_b;
  if constexpr (std::is_same_v<T, S>) {
    if (keeps_a(p, layout)) kept_a = kept_form<T>(p.a_packing, {0, p.m, p.k, p.a_row, p.a_col}, p.m * p.k);
    if (keeps_b(p, layout))
      kept_b = kept_form<T>(p.b_packing, {1, p.k, p.n, p.b_row, p.b_col}, round_up(p.n, kCols<T>) * p.k);
  }
  for (int64_t j = 0; j < p.n; j += width) {
    const int64_t cols = std::min(width, p.n - j), panels = (cols + kCols<T> - 1) / kCols<T>;
    T* const b_room = kept_b.data ? nullptr : scratch_of<T>(kSlotPanels, panels * kCols<T> * steps);
    for (int64_t i = 0; i < p.m; i += kMaxRows) {
      const int64_t rows = std::min(kMaxRows, p.m - i), tiles = (rows + kRows - 1) / kRows;
      const bool a_room = layout.pack_a && !serial && !kept_a.data;
      T* const a_packed = a_room ? scratch_of<T>(kSlotRows, rows * steps) : nullptr;
      T* wide = needs_wide ? scratch_of<T>(kSlotTile, rows * panels * kCols<T>) : nullptr;
      for (int64_t q = 0; q < passes; ++q) {
        const int64_t k0 = part_begin(p.k, passes, q), k1 = part_begin(p.k, passes, q + 1);
        const int64_t now = k1 - k0;
        Pass<T, S> pass{p,      layout,         i, rows, tiles, j, cols, panels, k0, now, p.pairs ? (now + 1) / 2 : now,
                        q == 0, q == passes - 1};
        pass.wide = wide;
        pass.a_kept = kept_a.data;
        pass.a_packed = kept_a.data ? kept_a.data + i * p.k + rows * k0 : a_packed;
        pass.a_ready = kept_a.data && (kept_a.ready || j > 0);
        pass.b_packed = kept_b.data ? kept_b.data + j * p.k + panels * kCols<T> * k0 : b_room;
        pass.b_ready = kept_b.data && (kept_b.ready || i > 0);
        pass.run(serial);
      }
    }
  }
}

// Nanoseconds, roughly, of the blocked loop: columns are rounded up to vectors, and what is packed is read from memory.
template <class T, class S>
double cost(const Product<T, S>& p) {
  const double rate = 70.0 * 4 / sizeof(T), vectors = round_up(p.n, kLanes<T>);
  const double narrow = p.n <= kLanes<T> ? 1.2 : 1;
  auto pack = [](int64_t one, int64_t other) { return one == 1 || other == 1 ? 0.4 : 1.5; };
  const Layout<T> layout = layout_of(p);
  const double pack_b = keeps_b(p, layout) ? 0 : pack(p.b_row, p.b_col);
  const double pack_a = layout.pack_a && !keeps_a(p, layout) ? pack(p.a_row, p.a_col) : 0;
  const double write = p.c_col == 1 ? 0.02 : 0.3;
  return narrow * p.m * vectors * p.k / rate + pack_a * p.m * p.k + pack_b * p.k * p.n + write * p.m * p.n;
}

template <class T, class S>
bool multiply_few(const Product<T, S>& p) {
  if (p.m == 1 && p.n == 1) return dot(p), true;
  if (p.n <= kLanes<T> && p.k <= 32 && p.m <= 64) return few_columns(p), true;
  if (p.m <= kLanes<T> && p.k <= 32 && p.n <= 64) return few_columns(p.turned()), true;
  if (std::min(p.m, p.n) > kFew<T, S>) return false;
  const Product<T, S> q = p.n < p.m ? p.turned() : p;
  return (q.b_row == 1 || q.b_col == 1) && (few_rows(q), true);
}

template <class T, class S>
void multiply(const Product<T, S>& p) {
  if (p.m == 0 || p.n == 0) return;
  if (multiply_few(p)) return p.finish(0, p.m, 0, p.n);
  const Product<T, S> q = p.turned();
  if (cost(q) < cost(p))
    blocked(q);
  else
    blocked(p);
}

// ------------------------------------------------------------------------------------------------------ entry points

template <class F>
void for_batches(const GemmArgs& g, F one) {
  const int64_t work = g.m * g.n * std::max<int64_t>(g.k, 1);
  if (g.batch == 1 || (work > 4 * kSerialWork && g.batch < 16)) {
    for (int64_t i = 0; i < g.batch; ++i) one(i);
    return;
  }
  const int64_t grain = std::max<int64_t>(1, kSerialWork / 2 / std::max<int64_t>(work, 64));
  parallel_for(g.batch, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) one(i);
  });
}

template <class T>
const T* at(const void* base, const int64_t* offsets, int64_t stride, int64_t i) {
  return static_cast<const T*>(base) + (offsets ? offsets[i] : i * stride);
}

// Batches that are rows of one taller matrix are one product.
GemmArgs folded(GemmArgs g) {
  const bool rows = !g.a_offsets && !g.b_offsets && g.b_batch == 0 && g.a_batch == g.m * g.a_row &&
                    g.c_batch == g.m * g.c_row && !g.row_bias && !g.done;
  if (g.batch > 1 && rows) {
    g.m *= g.batch;
    g.batch = 1;
  }
  return g;
}

template <class T>
void scale(const GemmArgs& g, T beta) {
  for (int64_t q = 0; q < g.batch; ++q)
    for (int64_t i = 0; i < g.m; ++i) {
      T* row = static_cast<T*>(g.c) + q * g.c_batch + i * g.c_row;
      for (int64_t j = 0; j < g.n; ++j) row[j] *= beta;
    }
}

template <class T, class S>
const T* bias_as(const void* bias, int64_t n, T* room) {
  if constexpr (std::is_same_v<T, S>) return static_cast<const T*>(bias);
  if (!bias) return nullptr;
  for (int64_t i = 0; i < n; ++i) room[i] = T(static_cast<const S*>(bias)[i]);
  return room;
}

template <class T, class S>
void float_product(const GemmArgs& args, bool pairs) {
  const GemmArgs g = folded(args);
  if (g.m == 0 || g.n == 0 || g.batch == 0) return;
  T beta = T(g.beta);
  if constexpr (std::is_same_v<T, S>) {
    if (beta != T(0) && beta != T(1)) scale<T>(g, std::exchange(beta, T(1)));
  }
  const bool biased = !std::is_same_v<T, S> && (g.column_bias || g.row_bias);
  T* room = biased ? scratch_of<T>(kSlotBias, g.m + g.n) : nullptr;
  const T* column_bias = bias_as<T, S>(g.column_bias, g.n, room);
  const T* row_bias = bias_as<T, S>(g.row_bias, g.m, room + (biased ? g.n : 0));
  for_batches(g, [&](int64_t i) {
    multiply(Product<T, S>{g.m,
                           g.n,
                           g.k,
                           at<S>(g.a, g.a_offsets, g.a_batch, i),
                           g.a_row,
                           g.a_col,
                           at<S>(g.b, g.b_offsets, g.b_batch, i),
                           g.b_row,
                           g.b_col,
                           static_cast<S*>(g.c) + i * g.c_batch,
                           g.c_row,
                           1,
                           T(g.alpha),
                           beta,
                           column_bias,
                           row_bias,
                           g.relu,
                           pairs,
                           g.batch == 1 ? g.a_packing : nullptr,
                           g.batch == 1 ? g.b_packing : nullptr,
                           g.done,
                           i});
  });
}

template <class T, class S>
void float_gemm(const GemmArgs& args) {
  float_product<T, S>(args, false);
}

// A complex product is four real ones on the real and imaginary planes.
template <class T>
void complex_gemm(const GemmArgs& g) {
  using C = std::complex<T>;
  for_batches(g, [&](int64_t batch) {
    const int64_t mk = g.m * g.k, kn = g.k * g.n, mn = g.m * g.n;
    T* planes = scratch_of<T>(kSlotPlanes, 2 * (mk + kn + mn));
    T *ar = planes, *ai = ar + mk, *br = ai + mk, *bi = br + kn, *cr = bi + kn, *ci = cr + mn;
    auto split = [](const C* from, int64_t row, int64_t col, int64_t rows, int64_t cols, T* re, T* im) {
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < cols; ++j) {
          const C v = from[i * row + j * col];
          re[i * cols + j] = v.real();
          im[i * cols + j] = v.imag();
        }
    };
    split(at<C>(g.a, g.a_offsets, g.a_batch, batch), g.a_row, g.a_col, g.m, g.k, ar, ai);
    split(at<C>(g.b, g.b_offsets, g.b_batch, batch), g.b_row, g.b_col, g.k, g.n, br, bi);
    auto product = [&](const T* a, const T* b, T* c, T alpha, T beta) {
      multiply(
          Product<T, T>{g.m, g.n, g.k, a, g.k, 1, b, g.n, 1, c, g.n, 1, alpha, beta, nullptr, nullptr, false, false});
    };
    product(ar, br, cr, 1, 0);
    product(ai, bi, cr, -1, 1);
    product(ar, bi, ci, 1, 0);
    product(ai, br, ci, 1, 1);
    C* c = static_cast<C*>(g.c) + batch * g.c_batch;
    for (int64_t i = 0; i < g.m; ++i)
      for (int64_t j = 0; j < g.n; ++j) {
        const C v(cr[i * g.n + j], ci[i * g.n + j]);
        c[i * g.c_row + j] = g.beta != 0 ? C(c[i * g.c_row + j] + v) : v;
      }
  });
}

// Integers wrap, so they are multiplied as unsigned numbers: four rows by two vectors at a time.
template <class T>
void integer_gemm(const GemmArgs& g) {
  using U = std::conditional_t<sizeof(T) < 4, uint32_t, std::make_unsigned_t<T>>;
  constexpr int w = kLanes<U>, rows = 4;
  const int64_t width = round_up(std::max<int64_t>(1, g.n), 2 * w);
  for_batches(g, [&](int64_t batch) {
    const T* a = at<T>(g.a, g.a_offsets, g.a_batch, batch);
    const T* b = at<T>(g.b, g.b_offsets, g.b_batch, batch);
    T* c = static_cast<T*>(g.c) + batch * g.c_batch;
    U* packed = scratch_of<U>(kSlotPanels, g.k * width);
    for (int64_t l = 0; l < g.k; ++l)
      for (int64_t j = 0; j < width; ++j) packed[l * width + j] = j < g.n ? U(b[l * g.b_row + j * g.b_col]) : U(0);
    const int64_t blocks = (g.m + rows - 1) / rows, work = rows * width * std::max<int64_t>(1, g.k);
    parallel_for(blocks, std::max<int64_t>(1, kSerialWork / 4 / work), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin * rows; i < std::min(g.m, end * rows); i += rows)
        for (int64_t j = 0; j < g.n; j += 2 * w) {
          const int64_t height = std::min<int64_t>(rows, g.m - i);
          Vector<U> sums[rows][2] = {};
          for (int64_t l = 0; l < g.k; ++l) {
            const Vector<U> b0 = load(packed + l * width + j), b1 = load(packed + l * width + j + w);
            for (int r = 0; r < rows; ++r) {
              const U value = U(a[(i + std::min<int64_t>(r, height - 1)) * g.a_row + l * g.a_col]);
              sums[r][0] += value * b0;
              sums[r][1] += value * b1;
            }
          }
          for (int64_t r = 0; r < height; ++r) {
            T* to = c + (i + r) * g.c_row + j;
            U row[2 * w];
            store(row, sums[r][0]);
            store(row + w, sums[r][1]);
            for (int64_t q = 0; q < std::min<int64_t>(2 * w, g.n - j); ++q)
              to[q] = T(g.beta != 0 ? U(to[q]) + row[q] : row[q]);
          }
        }
    });
  });
}

}  // namespace

void register_gemm(Kernels& kernels) {
  auto set = [&](DType type, void (*entry)(const GemmArgs&)) { kernels.gemm.gemm[int(type)] = entry; };
  set(DType::Float32, float_gemm<float, float>);
  set(DType::Float64, float_gemm<double, double>);
  set(DType::BFloat16, float_gemm<float, BFloat16>);
  set(DType::Float16, float_gemm<float, Float16>);
  set(DType::Complex64, complex_gemm<float>);
  set(DType::Complex128, complex_gemm<double>);
  set(DType::UInt8, integer_gemm<uint8_t>);
  set(DType::Int8, integer_gemm<int8_t>);
  set(DType::Int16, integer_gemm<int16_t>);
  set(DType::Int32, integer_gemm<int32_t>);
  set(DType::Int64, integer_gemm<int64_t>);
}

#if FL_PAIRS
void register_gemm_pairs(Kernels& kernels) {
  kernels.gemm.gemm[int(DType::BFloat16)] = [](const GemmArgs& g) { float_product<float, BFloat16>(g, true); };
}
#endif

}  // namespace flambeau::cpu::FL_ISA
