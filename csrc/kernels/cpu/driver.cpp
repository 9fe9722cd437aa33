// The one driver of everything pointwise: walks shapes, strides and broadcasting, converts dtypes into tiles of the
// compute type, and splits work over threads. An op is only a loop over contiguous tiles.
#include <numeric>

#include "core/kernels.h"
#include "core/threads.h"
#include "kernels/cpu/convert.h"
#include "kernels/cpu/register.h"
#include "kernels/cpu/stream.h"

namespace flambeau::cpu::FL_ISA {

namespace {

constexpr int64_t kTile = 1024;         // elements; four operands of doubles stay in L1
constexpr int64_t kGrain = 32 * kTile;  // elements a thread takes at a time
constexpr int kMaxDims = 64;

DType tile_dtype(Compute compute, Tile result) {
  DType type = kComputeDType[static_cast<int>(compute)];
  switch (result) {
    case Tile::Bool:
      return DType::Bool;
    case Tile::Real:
      return real_type(type);
    case Tile::Complex:
      return complex_type(type);
    default:
      return type;
  }
}

// The compute type whose tiles have this dtype.
Compute tile_compute(DType tile) { return tile == DType::Bool ? Compute::Bool : compute_of(tile); }

struct Operand {
  char* base;
  DType dtype;
  int64_t item;
  int64_t steps[kMaxDims];  // bytes
};

// The operands of a call, their dimensions sorted by the output's strides and merged where possible.
struct Plan {
  int ndim = 0, operands = 0;  // the last operand is the output
  int64_t sizes[kMaxDims];
  Operand operand[kMaxOperands + 1];

  void add(const Tensor& t, DimsRef shape) {
    Operand& o = operand[operands++];
    o.base = static_cast<char*>(t.raw());
    o.dtype = t.dtype();
    o.item = t.item_size();
    int lead = static_cast<int>(shape.size() - t.ndim());
    for (int d = 0; d < static_cast<int>(shape.size()); d++) {
      int own = d - lead;
      bool repeated = own < 0 || (t.shape()[own] == 1 && shape[d] != 1);
      o.steps[d] = repeated ? 0 : t.strides()[own] * o.item;
    }
  }

  void arrange(DimsRef shape) {
    int n = 0, order[kMaxDims];
    for (int d = 0; d < static_cast<int>(shape.size()); d++)
      if (shape[d] != 1) order[n++] = d;
    const int64_t* out = operand[operands - 1].steps;
    const int64_t* first = operand[0].steps;
    auto before = [&](int a, int b) { return out[a] != out[b] ? out[a] > out[b] : first[a] > first[b]; };
    for (int i = 1; i < n; i++)  // few and mostly in order
      for (int j = i; j > 0 && before(order[j], order[j - 1]); j--) std::swap(order[j], order[j - 1]);
    for (int i = 0; i < n; i++) sizes[i] = shape[order[i]];
    int64_t sorted[kMaxDims];
    for (int k = 0; k < operands; k++) {
      for (int i = 0; i < n; i++) sorted[i] = operand[k].steps[order[i]];
      std::copy_n(sorted, n, operand[k].steps);
    }
    ndim = 0;
    for (int i = 0; i < n; i++) {
      if (ndim && mergeable(ndim - 1, i)) {
        sizes[ndim - 1] *= sizes[i];
        for (int k = 0; k < operands; k++) operand[k].steps[ndim - 1] = operand[k].steps[i];
      } else {
        sizes[ndim] = sizes[i];
        for (int k = 0; k < operands; k++) operand[k].steps[ndim] = operand[k].steps[i];
        ndim++;
      }
    }
    if (ndim == 0) {
      sizes[0] = 1;
      for (int k = 0; k < operands; k++) operand[k].steps[0] = operand[k].item;
      ndim = 1;
    }
  }

  bool mergeable(int outer, int inner) const {
    for (int k = 0; k < operands; k++)
      if (operand[k].steps[outer] != operand[k].steps[inner] * sizes[inner]) return false;
    return true;
  }
};

// A walk over the outer dimensions: byte offsets of the operands at a row.
struct Walk {
  const Plan& plan;
  int64_t index[kMaxDims];
  int64_t offset[kMaxOperands + 1] = {};
  explicit Walk(const Plan& plan, int64_t row) : plan(plan) {
    for (int d = plan.ndim - 2; d >= 0; d--) {
      index[d] = row % plan.sizes[d];
      row /= plan.sizes[d];
      for (int k = 0; k < plan.operands; k++) offset[k] += index[d] * plan.operand[k].steps[d];
    }
  }
  void next() {
    for (int d = plan.ndim - 2; d >= 0; d--) {
      for (int k = 0; k < plan.operands; k++) offset[k] += plan.operand[k].steps[d];
      if (++index[d] < plan.sizes[d]) return;
      for (int k = 0; k < plan.operands; k++) offset[k] -= plan.operand[k].steps[d] * plan.sizes[d];
      index[d] = 0;
    }
  }
};

struct alignas(64) Buffers {
  char bytes[kMaxOperands + 1][kTile * 16];
};

// A short copy without a call.
inline void move_run(char* to, const char* from, int64_t bytes) {
  if (bytes % 8) {
    std::memcpy(to, from, bytes);
  } else {
    for (int64_t i = 0; i < bytes; i += 8) std::memcpy(to + i, from + i, 8);
  }
}

struct Job {
  const PointwiseCall& call;
  const Plan& plan;
  DType in_tile, out_tile;
  int64_t in_item, out_item;
  bool direct[kMaxOperands + 1], constant[kMaxOperands + 1];  // along the inner dimension
  bool scalar[kMaxOperands + 1];                              // one element for all
  bool flat[kMaxOperands + 1];                                // one run of memory in the order of the plan
  RunFn load[kMaxOperands];
  RunFn store = nullptr;

  Job(const PointwiseCall& call, const Plan& plan) : call(call), plan(plan) {
    in_tile = kComputeDType[static_cast<int>(call.compute)];
    out_tile = tile_dtype(call.compute, call.result);
    in_item = item_size(in_tile);
    out_item = item_size(out_tile);
    int inner = plan.ndim - 1;
    for (int k = 0; k <= call.inputs; k++) {
      const Operand& o = plan.operand[k];
      bool is_out = k == call.inputs;
      direct[k] = o.dtype == (is_out ? out_tile : in_tile) && o.steps[inner] == o.item;
      constant[k] = !is_out && o.steps[inner] == 0;
      scalar[k] = std::all_of(o.steps, o.steps + plan.ndim, [](int64_t step) { return step == 0; });
      flat[k] = o.steps[inner] == o.item;
      for (int d = 0; d < inner; d++) flat[k] &= o.steps[d] == o.steps[d + 1] * plan.sizes[d + 1];
      if (!is_out) load[k] = load_run(o.dtype, call.compute);
    }
    store = store_run(tile_compute(out_tile), plan.operand[call.inputs].dtype);
  }

  void write(char* to, int64_t step, const char* from, int64_t n) const { store(to, step, from, out_item, n); }

  void run(int64_t begin, int64_t end) const {
    Buffers buffers;
    int64_t length = plan.sizes[plan.ndim - 1];
    for (int k = 0; k < call.inputs; k++)
      if (scalar[k]) load[k](buffers.bytes[k], in_item, plan.operand[k].base, 0, std::min(kTile, end - begin));
    if (length < kTile / 8 && plan.ndim > 1) {
      run_short_rows(begin, end, buffers);
      return;
    }
    int64_t row = begin / length, column = begin % length;
    Walk walk(plan, row);
    bool all_direct = std::all_of(direct, direct + call.inputs + 1, [](bool d) { return d; });
    while (begin < end) {
      int64_t stop = std::min(length, column + end - begin);
      begin += stop - column;
      run_row(walk, column, stop, all_direct, buffers);
      column = 0;
      if (begin < end) walk.next();
    }
  }

  // Part of one row, directly on memory where it is contiguous and of the right type.
  void run_row(const Walk& walk, int64_t column, int64_t stop, bool all_direct, Buffers& buffers) const {
    const void* in[kMaxOperands];
    int inner = plan.ndim - 1;
    for (int k = 0; k < call.inputs; k++) {
      if (!constant[k] || scalar[k]) continue;
      load[k](buffers.bytes[k], in_item, plan.operand[k].base + walk.offset[k], 0, std::min(kTile, stop - column));
    }
    int64_t limit = all_direct ? stop - column : kTile;
    for (int64_t i = column; i < stop; i += limit) {
      int64_t n = std::min(limit, stop - i);
      for (int k = 0; k < call.inputs; k++) {
        const Operand& o = plan.operand[k];
        char* at = o.base + walk.offset[k] + i * o.steps[inner];
        if (direct[k]) {
          in[k] = at;
        } else {
          if (!constant[k]) load[k](buffers.bytes[k], in_item, at, o.steps[inner], n);
          in[k] = buffers.bytes[k];
        }
      }
      const Operand& o = plan.operand[call.inputs];
      char* at = o.base + walk.offset[call.inputs] + i * o.steps[inner];
      if (direct[call.inputs]) {
        call.tile(at, in, call.params, n);
      } else {
        call.tile(buffers.bytes[call.inputs], in, call.params, n);
        write(at, o.steps[inner], buffers.bytes[call.inputs], n);
      }
    }
  }

  // Rows too short for a loop of their own: several are gathered into a tile.
  void run_short_rows(int64_t begin, int64_t end, Buffers& buffers) const {
    int inner = plan.ndim - 1, outputs = call.inputs;
    int64_t length = plan.sizes[inner];
    Walk walk(plan, begin / length);
    int64_t column = begin % length;
    while (begin < end) {
      Walk start = walk;
      int64_t start_column = column, first = begin, n = 0;
      const void* in[kMaxOperands];
      while (begin < end && n < kTile) {
        int64_t run = std::min({length - column, end - begin, kTile - n});
        for (int k = 0; k < call.inputs; k++) {
          if (scalar[k] || flat[k]) continue;
          const Operand& o = plan.operand[k];
          char *to = buffers.bytes[k] + n * in_item, *from = o.base + walk.offset[k] + column * o.steps[inner];
          direct[k] ? move_run(to, from, run * in_item) : load[k](to, in_item, from, o.steps[inner], run);
        }
        n += run;
        begin += run;
        column += run;
        if (column == length) {
          column = 0;
          if (begin < end) walk.next();
        }
      }
      for (int k = 0; k < call.inputs; k++) {
        in[k] = buffers.bytes[k];
        if (!flat[k]) continue;
        char* at = plan.operand[k].base + first * plan.operand[k].item;
        direct[k] ? void(in[k] = at) : load[k](buffers.bytes[k], in_item, at, plan.operand[k].item, n);
      }
      const Operand& o = plan.operand[outputs];
      char* target = o.base + first * o.item;
      char* result = flat[outputs] && direct[outputs] ? target : buffers.bytes[outputs];
      call.tile(result, in, call.params, n);
      if (flat[outputs]) {
        if (!direct[outputs]) write(target, o.item, result, n);
        continue;
      }
      for (int64_t done = 0, at = start_column; done < n; at = 0) {
        int64_t run = std::min(length - at, n - done);
        write(o.base + start.offset[outputs] + at * o.steps[inner], o.steps[inner], result + done * out_item, run);
        done += run;
        if (done < n) start.next();
      }
    }
  }
};

// All operands contiguous, of the compute type and the same shape, or a single element: no plan needed.
bool run_plain(const PointwiseCall& call) {
  DType in_tile = kComputeDType[static_cast<int>(call.compute)];
  const Tensor& out = *call.out;
  if (!out.is_contiguous() || out.dtype() != tile_dtype(call.compute, call.result)) return false;
  bool single[kMaxOperands], any_single = false;
  char* from[kMaxOperands];
  for (int k = 0; k < call.inputs; k++) {
    const Tensor& t = *call.in[k];
    single[k] = t.numel() == 1 && out.numel() != 1;
    any_single |= single[k];
    if (!single[k] && (t.dtype() != in_tile || !t.is_contiguous() || !(t.shape() == out.shape()))) return false;
  }
  int64_t in_item = item_size(in_tile), out_item = out.item_size();
  char* to = static_cast<char*>(out.raw());
  for (int k = 0; k < call.inputs; k++) from[k] = static_cast<char*>(call.in[k]->raw());
  auto run_all = [&](int64_t begin, int64_t end) {
    const void* in[kMaxOperands];
    for (int k = 0; k < call.inputs; k++) in[k] = from[k] + begin * in_item;
    call.tile(to + begin * out_item, in, call.params, end - begin);
  };
  auto run_tiles = [&](int64_t begin, int64_t end) {
    Buffers buffers;
    const void* in[kMaxOperands];
    for (int k = 0; k < call.inputs; k++) {
      if (!single[k]) continue;
      load_run(call.in[k]->dtype(), call.compute)(buffers.bytes[k], in_item, from[k], 0, std::min(kTile, end - begin));
      in[k] = buffers.bytes[k];
    }
    for (; begin < end; begin += kTile) {
      for (int k = 0; k < call.inputs; k++)
        if (!single[k]) in[k] = from[k] + begin * in_item;
      call.tile(to + begin * out_item, in, call.params, std::min(kTile, end - begin));
    }
  };
  int64_t n = out.numel();
  if (n > kGrain) {
    any_single ? parallel_for(n, kGrain, run_tiles) : parallel_for(n, kGrain, run_all);
  } else {
    any_single ? run_tiles(0, n) : run_all(0, n);
  }
  return true;
}

void run(const PointwiseCall& call) {
  int64_t n = call.out->numel();
  if (n == 0 || run_plain(call)) return;
  Plan plan;
  const Dims& shape = call.out->shape();
  for (int k = 0; k < call.inputs; k++) plan.add(*call.in[k], shape);
  plan.add(*call.out, shape);
  plan.arrange(shape);
  Job job(call, plan);
  if (n <= kGrain) {
    job.run(0, n);
  } else {
    parallel_for(n, kGrain, [&](int64_t begin, int64_t end) { job.run(begin, end); });
  }
}

template <class T>
void identity_tile(void* out, const void* const* in, const double*, int64_t n) {
  if (out != in[0]) std::memcpy(out, in[0], n * sizeof(T));
}

constexpr TileFn kIdentity[] = {identity_tile<float>,
                                identity_tile<double>,
                                identity_tile<int64_t>,
                                identity_tile<std::complex<float>>,
                                identity_tile<std::complex<double>>,
                                identity_tile<bool>};

// Bit for bit, without a look at the type: rows of plain memory.
template <class Word>
void copy_words(const Plan& plan, int64_t begin, int64_t end, bool far) {
  int inner = plan.ndim - 1;
  int64_t length = plan.sizes[inner];
  const Operand &from = plan.operand[0], &to = plan.operand[1];
  int64_t from_step = from.steps[inner], to_step = to.steps[inner];
  Walk walk(plan, begin / length);
  int64_t column = begin % length;
  while (begin < end) {
    int64_t n = std::min(length - column, end - begin);
    const char* x = from.base + walk.offset[0] + column * from_step;
    char* y = to.base + walk.offset[1] + column * to_step;
    const int64_t bytes = n * int64_t(sizeof(Word));
    const bool stream = far && bytes >= 8 << 10;
    if (from_step == sizeof(Word) && to_step == sizeof(Word)) {
      if (stream && (x + bytes <= y || y + bytes <= x)) {
        copy_far(y, x, bytes);
      } else {
        std::memmove(y, x, bytes);
      }
    } else if (from_step == 0 && to_step == sizeof(Word)) {
      const Word value = *reinterpret_cast<const Word*>(x);
      auto* first = reinterpret_cast<Word*>(y);
      if (stream) {
        fill_far(first, n, value);
      } else {
        std::fill_n(first, n, value);
      }
    } else if (from_step == -static_cast<int64_t>(sizeof(Word)) && to_step == sizeof(Word)) {
      auto* last = reinterpret_cast<const Word*>(x);
      for (int64_t i = 0; i < n; i++) reinterpret_cast<Word*>(y)[i] = last[-i];
    } else {
      for (int64_t i = 0; i < n; i++, x += from_step, y += to_step)
        *reinterpret_cast<Word*>(y) = *reinterpret_cast<const Word*>(x);
    }
    begin += n;
    column = 0;
    if (begin < end) walk.next();
  }
}

void convert_rows(const Plan& plan, RunFn convert, int64_t begin, int64_t end) {
  int inner = plan.ndim - 1;
  int64_t length = plan.sizes[inner];
  const Operand &from = plan.operand[0], &to = plan.operand[1];
  Walk walk(plan, begin / length);
  int64_t column = begin % length;
  while (begin < end) {
    int64_t n = std::min(length - column, end - begin);
    convert(to.base + walk.offset[1] + column * to.steps[inner], to.steps[inner],
            from.base + walk.offset[0] + column * from.steps[inner], from.steps[inner], n);
    begin += n;
    column = 0;
    if (begin < end) walk.next();
  }
}

struct Pair {
  uint64_t a, b;
};

void copy(const Tensor& out, const Tensor& in) {
  int64_t n = out.numel();
  if (n == 0) return;
  Plan plan;
  plan.add(in, out.shape());
  plan.add(out, out.shape());
  plan.arrange(out.shape());
  if (out.dtype() == in.dtype()) {
    const bool far = n * out.item_size() >= kFarBytes;
    auto body = [&](int64_t begin, int64_t end) {
      switch (out.item_size()) {
        case 1:
          return copy_words<uint8_t>(plan, begin, end, far);
        case 2:
          return copy_words<uint16_t>(plan, begin, end, far);
        case 4:
          return copy_words<uint32_t>(plan, begin, end, far);
        case 8:
          return copy_words<uint64_t>(plan, begin, end, far);
        default:
          return copy_words<Pair>(plan, begin, end, far);
      }
    };
    if (n <= kGrain) return body(0, n);
    return parallel_for(n, kGrain, body);
  }
  // Through the type the source computes in, or the target's if that is wider (uint64 to a float, bool to complex).
  Compute compute = compute_of(in.dtype());
  if (is_inexact(out.dtype()) && !is_inexact(in.dtype())) compute = compute_of(out.dtype());
  DType middle = kComputeDType[static_cast<int>(compute)];
  // One conversion where the source or the target is that type itself, or bool.
  RunFn once = in.dtype() == middle         ? store_run(compute, out.dtype())
               : out.dtype() == middle      ? load_run(in.dtype(), compute)
               : in.dtype() == DType::Bool  ? store_run(Compute::Bool, out.dtype())
               : out.dtype() == DType::Bool ? load_run(in.dtype(), Compute::Bool)
                                            : nullptr;
  if (once) {
    auto body = [&](int64_t begin, int64_t end) { convert_rows(plan, once, begin, end); };
    if (n <= kGrain) return body(0, n);
    return parallel_for(n, kGrain, body);
  }
  PointwiseCall call{kIdentity[static_cast<int>(compute)], compute, Tile::Same, 1, &out, {&in}};
  Job job(call, plan);
  if (n <= kGrain) return job.run(0, n);
  parallel_for(n, kGrain, [&](int64_t begin, int64_t end) { job.run(begin, end); });
}

template <class T>
void add_in_order(const Tensor& out, const Tensor& in) {
  int64_t n = in.numel(), ndim = in.ndim();
  Dims index(ndim, 0);
  T *to = out.data<T>(), *from = in.data<T>();
  for (int64_t i = 0; i < n; i++) {
    *to = T(*to + *from);
    for (int64_t d = ndim - 1; d >= 0; d--) {
      to += out.stride(d);
      from += in.stride(d);
      if (++index[d] < in.size(d)) break;
      to -= out.stride(d) * in.size(d);
      from -= in.stride(d) * in.size(d);
      index[d] = 0;
    }
  }
}

void add_overlapping(const Tensor& out, const Tensor& in) {
  if (in.numel() == 0) return;
  switch (in.dtype()) {
    case DType::Float32:
      return add_in_order<float>(out, in);
    case DType::Float64:
      return add_in_order<double>(out, in);
    case DType::Complex64:
      return add_in_order<std::complex<float>>(out, in);
    case DType::Complex128:
      return add_in_order<std::complex<double>>(out, in);
    case DType::Float16:
      return add_in_order<Float16>(out, in);
    case DType::BFloat16:
      return add_in_order<BFloat16>(out, in);
    default:
      FL_FAIL(NotImplemented, "as_strided", "no gradient for ", name(in.dtype()));
  }
}

}  // namespace

void register_driver(Kernels& kernels) {
  kernels.pointwise.add_overlapping = add_overlapping;
  kernels.pointwise.run = run;
  kernels.pointwise.copy = copy;
}

}  // namespace flambeau::cpu::FL_ISA
