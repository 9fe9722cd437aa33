// Sorting by keys: an element's bits become an unsigned integer of the same order. A key and its place are packed into
// one entry, so that any sort of entries is stable, and long rows take a radix sort.
#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>

#include "core/threads.h"
#include "kernels/cpu/register.h"

namespace flambeau::cpu::FL_ISA {

namespace {

constexpr int64_t radix_from = 192;    // rows of this length and longer are sorted digit by digit
constexpr int64_t chunk_rows = 32768;  // entries per piece of a parallel pass

template <class U, KeyKind kind>
struct Keys {
  static constexpr bool is_float = kind >= KeyKind::Half;
  static constexpr int bits = 8 * sizeof(U);
  static constexpr U sign = (U)((U)1 << (bits - 1));
  static constexpr int mantissa = !is_float                 ? 0
                                  : kind == KeyKind::Half   ? 10
                                  : kind == KeyKind::BFloat ? 7
                                  : bits == 32              ? 23
                                                            : 52;
  static constexpr U infinity = (U)((U)(sign - 1) & ~(U)(((U)1 << mantissa) - 1));

  static U key(U b) {
    if constexpr (kind == KeyKind::Unsigned) return b;
    if constexpr (kind == KeyKind::Signed) return b ^ sign;
    U magnitude = b & (U)~sign;
    U ordered = (b & sign) ? (U)~b : (U)(b | sign);
    ordered = magnitude == 0 ? sign : ordered;
    return magnitude > infinity ? (U) ~(U)0 : ordered;
  }
  // A zero's sign and a NaN's bits are not in the key.
  static bool lossy(U key) { return is_float && (key == sign || key == (U) ~(U)0); }
  static U value(U key) {
    if constexpr (kind == KeyKind::Unsigned) return key;
    if constexpr (kind == KeyKind::Signed) return key ^ sign;
    return (key & sign) ? (U)(key & (U)~sign) : (U)~key;
  }
};

// One entry: up to 32 bits of key over 32 bits of place, or 64 over 64.
using Packed = uint64_t;
using Wide = unsigned __int128;

template <class E>
constexpr int place_bits = sizeof(E) == 8 ? 32 : 64;
template <class E>
inline int64_t place_of(E entry) {
  return sizeof(E) == 8 ? (int64_t)(uint32_t)entry : (int64_t)(uint64_t)entry;
}

template <class K, class U, class E>
void pack(const U* in, E* out, int64_t n, U flip) {
  for (int64_t i = 0; i < n; i++) out[i] = (E)(U)(K::key(in[i]) ^ flip) << place_bits<E> | (E)i;
}

template <class E>
void insertion_sort(E* a, int64_t n) {
  for (int64_t i = 1; i < n; i++) {
    E x = a[i];
    int64_t j = i;
    for (; j > 0 && a[j - 1] > x; j--) a[j] = a[j - 1];
    a[j] = x;
  }
}

// One stable pass over one digit. Pieces count and move in parallel; the order within a bucket is by piece, so the
// result does not depend on how many pieces there are.
template <class E>
bool radix_pass(const E* from, E* to, int64_t n, int shift, int bits, int64_t* counts) {
  int64_t buckets = (int64_t)1 << bits, pieces = (n + chunk_rows - 1) / chunk_rows;
  auto digit = [=](E entry) { return (int64_t)((uint64_t)(entry >> shift) & (uint64_t)(buckets - 1)); };
  parallel_for(pieces, 1, [=](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; p++) {
      int64_t* count = counts + p * buckets;
      std::fill(count, count + buckets, 0);
      for (int64_t i = p * chunk_rows, stop = std::min(n, i + chunk_rows); i < stop; i++) count[digit(from[i])]++;
    }
  });
  int64_t sum = 0;
  for (int64_t b = 0; b < buckets; b++) {
    int64_t before = sum;
    for (int64_t p = 0; p < pieces; p++) {
      int64_t count = counts[p * buckets + b];
      counts[p * buckets + b] = sum;
      sum += count;
    }
    if (sum - before == n) return false;  // all entries share the digit
  }
  parallel_for(pieces, 1, [=](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; p++) {
      int64_t* place = counts + p * buckets;
      for (int64_t i = p * chunk_rows, stop = std::min(n, i + chunk_rows); i < stop; i++) {
        E entry = from[i];
        to[place[digit(entry)]++] = entry;
      }
    }
  });
  return true;
}

// Sorts n entries by their `key_bits` bits of key; returns where the result is: a or spare.
template <class E>
E* sort_entries(E* a, E* spare, int64_t n, int key_bits) {
  if (n < 2) return a;
  if (n <= 24) {
    insertion_sort(a, n);
    return a;
  }
  if (n < radix_from) {
    std::sort(a, a + n);
    return a;
  }
  int digit = n < 16384 ? 8 : 11;
  int passes = (key_bits + digit - 1) / digit;
  digit = (key_bits + passes - 1) / passes;
  int64_t pieces = (n + chunk_rows - 1) / chunk_rows;
  auto* counts = (int64_t*)scratch(3, pieces * (int64_t)sizeof(int64_t) << digit);
  for (int done = 0; done < key_bits; done += digit) {
    int bits = std::min(digit, key_bits - done);
    if (radix_pass(a, spare, n, place_bits<E> + done, bits, counts)) std::swap(a, spare);
  }
  return a;
}

template <class K, class U, class E>
void unpack(const E* entries, const U* in, U* values, int64_t* places, int64_t n, U flip) {
  if (places)
    for (int64_t i = 0; i < n; i++) places[i] = place_of(entries[i]);
  if (values)
    for (int64_t i = 0; i < n; i++) {
      U key = (U)(entries[i] >> place_bits<E>)^flip;
      values[i] = K::lossy(key) ? in[place_of(entries[i])] : K::value(key);
    }
}

template <class K, class U, class E>
void sort_rows(const U* in, U* values, int64_t* places, int64_t rows, int64_t n, bool descending) {
  U flip = descending ? (U) ~(U)0 : (U)0;
  int64_t grain = std::max<int64_t>(1, 4096 / std::max<int64_t>(n, 1));
  parallel_for(rows, grain, [=](int64_t begin, int64_t end) {
    auto* a = (E*)scratch(1, n * (int64_t)sizeof(E));
    auto* spare = (E*)scratch(2, n * (int64_t)sizeof(E));
    for (int64_t r = begin; r < end; r++) {
      pack<K>(in + r * n, a, n, flip);
      const E* sorted = sort_entries(a, spare, n, 8 * (int)sizeof(U));
      unpack<K>(sorted, in + r * n, values ? values + r * n : nullptr, places ? places + r * n : nullptr, n, flip);
    }
  });
}

template <class K, class U, class E>
void topk_rows(const U* in, U* values, int64_t* places, int64_t rows, int64_t n, int64_t k, bool largest) {
  U flip = largest ? (U) ~(U)0 : (U)0;
  int64_t grain = std::max<int64_t>(1, 8192 / std::max<int64_t>(n, 1));
  parallel_for(rows, grain, [=](int64_t begin, int64_t end) {
    // Candidates gather in a buffer of a few times k; when it is full, all but the k least of it go. Where the
    // buffer would be most of the row, sorting it all is as good.
    bool whole = k > 1024 && 16 * k > n;
    int64_t room = whole ? n : std::min(n, std::max<int64_t>(4 * k, 192));
    auto* a = (E*)scratch(1, room * (int64_t)sizeof(E));
    auto* spare = (E*)scratch(2, room * (int64_t)sizeof(E));
    for (int64_t r = begin; r < end; r++) {
      const U* row = in + r * n;
      if (whole) {
        pack<K>(row, a, n, flip);
        unpack<K>(sort_entries(a, spare, n, 8 * (int)sizeof(U)), row, values + r * k, places + r * k, k, flip);
        continue;
      }
      int64_t filled = 0;
      U bound = (U) ~(U)0;  // of keys that still count; of equal ones the first stay
      bool chosen = false;
      constexpr int64_t step = 64;
      for (int64_t i = 0; i < n; i += step) {
        int64_t count = std::min(step, n - i);
        if (filled + count > room) {
          std::nth_element(a, a + k, a + filled);
          filled = k;
          bound = (U)(*std::max_element(a, a + k) >> place_bits<E>);
          chosen = true;
          if (filled + count > room) count = room - filled;
        }
        bool any = !chosen;
        for (int64_t j = 0; j < count; j++) any |= (U)(K::key(row[i + j]) ^ flip) < bound;
        if (any)
          for (int64_t j = 0; j < count; j++) {
            U key = K::key(row[i + j]) ^ flip;
            a[filled] = (E)key << place_bits<E> | (E)(i + j);
            filled += !chosen | (key < bound);
          }
        if (count < std::min(step, n - i)) i += count - step;
      }
      if (k < filled) std::nth_element(a, a + k, a + filled);
      std::sort(a, a + k);
      unpack<K>(a, row, values + r * k, places + r * k, k, flip);
    }
  });
}

template <class K, class U, class E>
void kth_rows(const U* in, int64_t* places, int64_t rows, int64_t n, int64_t k) {
  int64_t grain = std::max<int64_t>(1, 8192 / std::max<int64_t>(n, 1));
  parallel_for(rows, grain, [=](int64_t begin, int64_t end) {
    auto* a = (E*)scratch(1, n * (int64_t)sizeof(E));
    for (int64_t r = begin; r < end; r++) {
      pack<K>(in + r * n, a, n, (U)0);
      std::nth_element(a, a + k, a + n);
      places[r] = place_of(a[k]);
    }
  });
}

// The number type that keys order, where comparing it gives the same answers: a NaN compares as false, as in torch.
template <class K, class U>
using Native = std::conditional_t<K::is_float && sizeof(U) == 4, float,
                                  std::conditional_t<K::is_float && sizeof(U) == 8, double, U>>;

// Whether the search goes on behind `other`.
template <bool right, class K, class U>
inline bool goes_behind(U key, U other) {
  using N = Native<K, U>;
  if constexpr (std::is_floating_point_v<N>) {
    auto value = std::bit_cast<N>(key), at = std::bit_cast<N>(other);
    return right ? !(at > value) : !(at >= value);
  } else {
    key = K::key(key), other = K::key(other);
    bool after = right ? !(key < other) : other < key;
    return after | (K::is_float && (other == (U) ~(U)0 || key == (U) ~(U)0));
  }
}

template <bool right, class K, class U>
void search_rows(const U* sorted, const int64_t* sorter, int64_t length, const U* values, int64_t n, int64_t run,
                 int64_t* out) {
  parallel_for(n, 1024, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      int64_t offset = run == n ? 0 : i / run * length;
      const U* row = sorted + offset;
      const int64_t* order = sorter ? sorter + offset : nullptr;
      U key = values[i];
      int64_t low = 0, count = length;
      while (count > 0) {
        int64_t half = count / 2;
        bool after = goes_behind<right, K>(key, row[order ? order[low + half] : low + half]);
        low = after ? low + half + 1 : low;
        count = after ? count - half - 1 : half;
      }
      out[i] = low;
    }
  });
}

// Calls f(Keys<U, kind>{}, U{}, E{}) for the type's keys and the entries that rows of n need.
template <class F>
void with_keys(KeyType type, int64_t n, F f) {
  auto sized = [&]<class U, KeyKind kind>() {
    if (sizeof(U) == 8 || n > (int64_t)UINT32_MAX)
      f(Keys<U, kind>{}, U{}, Wide{});
    else
      f(Keys<U, kind>{}, U{}, Packed{});
  };
  auto integers = [&]<class U>() {
    type.kind == KeyKind::Signed ? sized.template operator()<U, KeyKind::Signed>()
                                 : sized.template operator()<U, KeyKind::Unsigned>();
  };
  if (type.kind == KeyKind::Half) return sized.template operator()<uint16_t, KeyKind::Half>();
  if (type.kind == KeyKind::BFloat) return sized.template operator()<uint16_t, KeyKind::BFloat>();
  if (type.kind == KeyKind::Float)
    return type.bytes == 4 ? sized.template operator()<uint32_t, KeyKind::Float>()
                           : sized.template operator()<uint64_t, KeyKind::Float>();
  if (type.bytes == 1) return integers.template operator()<uint8_t>();
  if (type.bytes == 2) return integers.template operator()<uint16_t>();
  if (type.bytes == 4) return integers.template operator()<uint32_t>();
  integers.template operator()<uint64_t>();
}

void sort(KeyType type, const void* in, void* values, int64_t* places, int64_t rows, int64_t n, bool descending) {
  with_keys(type, n, [=]<class K, class U, class E>(K, U, E) {
    sort_rows<K, U, E>((const U*)in, (U*)values, places, rows, n, descending);
  });
}

void topk(KeyType type, const void* in, void* values, int64_t* places, int64_t rows, int64_t n, int64_t k,
          bool largest) {
  if (k == 0) return;
  with_keys(type, n, [=]<class K, class U, class E>(K, U, E) {
    topk_rows<K, U, E>((const U*)in, (U*)values, places, rows, n, k, largest);
  });
}

void kth(KeyType type, const void* in, int64_t* places, int64_t rows, int64_t n, int64_t k) {
  with_keys(type, n, [=]<class K, class U, class E>(K, U, E) { kth_rows<K, U, E>((const U*)in, places, rows, n, k); });
}

void search(KeyType type, const void* sorted, const int64_t* sorter, int64_t length, const void* values, int64_t n,
            int64_t run, bool right, int64_t* out) {
  with_keys(type, 0, [=]<class K, class U, class E>(K, U, E) {
    auto search = right ? search_rows<true, K, U> : search_rows<false, K, U>;
    search((const U*)sorted, sorter, length, (const U*)values, n, run, out);
  });
}

}  // namespace

void register_sort(Kernels& kernels) { kernels.sort = {sort, topk, kth, search}; }

}  // namespace flambeau::cpu::FL_ISA
