// Samplers over memory: words of the generator in, numbers out.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/generator.h"
#include "core/threads.h"
#include "kernels/cpu/register.h"

namespace flambeau::cpu::FL_ISA {

namespace {

constexpr int64_t batch = 2048;  // elements drawn and converted at a time: their words stay in the L1 cache

// Multiply and add with one rounding. Without the instruction, double precision serves: the product is exact there.
inline float fma1(float a, float b, float c) {
#ifdef __FMA__
  return __builtin_fmaf(a, b, c);
#else
  return (float)((double)a * b + c);
#endif
}

inline float as_float(int32_t bits) {
  float out;
  std::memcpy(&out, &bits, sizeof(out));
  return out;
}
inline int32_t as_int(float value) {
  int32_t out;
  std::memcpy(&out, &value, sizeof(out));
  return out;
}

inline uint64_t word64(const uint32_t* words, int64_t i) { return (uint64_t)words[2 * i] << 32 | words[2 * i + 1]; }

constexpr uint64_t mask53 = (1ull << 53) - 1;

// Calls body(words, begin, count) for all of [0, n) with count * per fresh words each.
template <class Body>
void draw(Generator& generator, int64_t n, int per, Body body) {
  alignas(64) uint32_t words[2 * batch];
  for (int64_t begin = 0; begin < n; begin += batch) {
    int64_t count = std::min(batch, n - begin);
    generator.fill(words, count * per);
    body(words, begin, count);
  }
}

void mt19937_temper(const uint32_t* state, uint32_t* out) {
  for (int i = 0; i < 624; i++) {
    uint32_t y = state[i];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    out[i] = y ^ (y >> 18);
  }
}

inline uint32_t twist(uint32_t high, uint32_t low, uint32_t far) {
  uint32_t y = (high & 0x80000000u) | (low & 0x7fffffffu);
  return far ^ (y >> 1) ^ ((0u - (low & 1u)) & 0x9908b0dfu);
}

void mt19937_block(uint32_t* state, uint32_t* out) {
  for (int i = 0; i < 227; i++) state[i] = twist(state[i], state[i + 1], state[i + 397]);
  for (int i = 227; i < 623; i++) state[i] = twist(state[i], state[i + 1], state[i - 227]);
  state[623] = twist(state[623], state[0], state[396]);
  mt19937_temper(state, out);
}

void uniform_float(Generator& generator, float* out, int64_t n, float from, float to) {
  float width = to - from;
  draw(generator, n, 1, [=](const uint32_t* words, int64_t begin, int64_t count) {
    float* o = out + begin;
    for (int64_t i = 0; i < count; i++) {
      float value = fma1((float)(int32_t)(words[i] & 0xffffffu) * 0x1p-24f, width, from);
      o[i] = value == to ? from : value;
    }
  });
}

void uniform_double(Generator& generator, double* out, int64_t n, double from, double to) {
  double width = to - from;
  draw(generator, n, 2, [=](const uint32_t* words, int64_t begin, int64_t count) {
    double* o = out + begin;
    for (int64_t i = 0; i < count; i++) {
      double value = __builtin_fma((double)(int64_t)(word64(words, i) & mask53) * 0x1p-53, width, from);
      o[i] = value == to ? from : value;
    }
  });
}

// log(x), sin(x) and cos(x) in single precision: the polynomials of Cephes (S. Moshier), evaluated so that every
// rounding is the one that torch's vector code makes.
inline float log_float(float x) {
  x = std::max(x, 1.17549435e-38f);
  int32_t bits = as_int(x);
  float e = (float)((bits >> 23) - 126);
  x = as_float((bits & 0x007fffff) | 0x3f000000);
  bool small = x < 0.707106781186547524f;
  e -= small ? 1.0f : 0.0f;
  x = (x - 1.0f) + (small ? x : 0.0f);
  float z = x * x;
  float y = 7.0376836292e-2f;
  y = fma1(y, x, -1.1514610310e-1f);
  y = fma1(y, x, 1.1676998740e-1f);
  y = fma1(y, x, -1.2420140846e-1f);
  y = fma1(y, x, 1.4249322787e-1f);
  y = fma1(y, x, -1.6668057665e-1f);
  y = fma1(y, x, 2.0000714765e-1f);
  y = fma1(y, x, -2.4999993993e-1f);
  y = fma1(y, x, 3.3333331174e-1f);
  y = fma1(y * x, z, e * -2.12194440e-4f);
  y = fma1(-z, 0.5f, y);
  return fma1(e, 0.693359375f, x + y);
}

inline void sincos_float(float x, float& sin, float& cos) {  // x >= 0
  int32_t octant = ((int32_t)(x * 1.27323954473516f) + 1) & ~1;
  float y = (float)octant;
  x = fma1(y, -0.78515625f, x);
  x = fma1(y, -2.4187564849853515625e-4f, x);
  x = fma1(y, -3.77489497744594108e-8f, x);
  float z = x * x;
  float c = fma1(2.443315711809948e-5f, z, -1.388731625493765e-3f);
  c = fma1(c, z, 4.166664568298827e-2f);
  c = fma1(c * z, z, -(z * 0.5f)) + 1.0f;
  float s = fma1(-1.9515295891e-4f, z, 8.3321608736e-3f);
  s = fma1(s, z, -1.6666654611e-1f);
  s = fma1(s * z, x, x);
  bool swap = (octant & 2) != 0;
  int32_t sin_sign = (int32_t)((uint32_t)(octant & 4) << 29), cos_sign = (int32_t)((uint32_t)(~(octant - 2) & 4) << 29);
  sin = as_float(as_int(swap ? c : s) ^ sin_sign);
  cos = as_float(as_int(swap ? s : c) ^ cos_sign);
}

void normal_float(float* data, int64_t n, float mean, float std) {
  parallel_for(n / 16, 2048, [=](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; block++) {
      float* first = data + 16 * block;
      float* second = first + 8;
      for (int j = 0; j < 8; j++) {
        float radius = std::sqrt(-2.0f * log_float(1.0f - first[j])), sin, cos;
        sincos_float(6.283185307179586f * second[j], sin, cos);
        first[j] = fma1(radius * cos, std, mean);
        second[j] = fma1(radius * sin, std, mean);
      }
    }
  });
}

void normal_double(double* data, int64_t n, double mean, double std) {
  parallel_for(n / 16, 128, [=](int64_t begin, int64_t end) {
    for (int64_t i = 16 * begin; i < 16 * end; i++) {
      if (i % 16 >= 8) continue;
      double radius = std::sqrt(-2.0 * std::log(1.0 - data[i])), angle = 2.0 * M_PI * data[i + 8];
      data[i] = __builtin_fma(radius * std::cos(angle), std, mean);
      data[i + 8] = __builtin_fma(radius * std::sin(angle), std, mean);
    }
  });
}

// draw % range for 32-bit draws by multiplication (Granlund and Montgomery, PLDI 1994).
void integers32(Generator& generator, int64_t* out, int64_t n, uint32_t range, int64_t base) {
  int shift = 0;
  while ((1ull << shift) < range) shift++;
  uint32_t magic = (uint32_t)((1ull << 32) * ((1ull << shift) - range) / range + 1);
  int first = std::min(shift, 1), second = std::max(shift - 1, 0);
  draw(generator, n, 1, [=](const uint32_t* words, int64_t begin, int64_t count) {
    int64_t* o = out + begin;
    for (int64_t i = 0; i < count; i++) {
      uint32_t r = words[i];
      uint32_t high = (uint32_t)(((uint64_t)r * magic) >> 32);
      uint32_t quotient = (high + ((r - high) >> first)) >> second;
      o[i] = (int64_t)((uint64_t)(r - quotient * range) + (uint64_t)base);
    }
  });
}

void integers(Generator& generator, int64_t* out, int64_t n, uint64_t range, int64_t base) {
  if (range != 0 && range < (1ull << 28)) return integers32(generator, out, n, (uint32_t)range, base);
  draw(generator, n, 2, [=](const uint32_t* words, int64_t begin, int64_t count) {
    int64_t* o = out + begin;
    for (int64_t i = 0; i < count; i++) {
      uint64_t r = word64(words, i);
      o[i] = (int64_t)(range ? r % range + (uint64_t)base : r);  // all 64 bits: every integer, whatever the base
    }
  });
}

void masked_words(Generator& generator, int64_t* out, int64_t n, uint32_t mask) {
  draw(generator, n, 1, [=](const uint32_t* words, int64_t begin, int64_t count) {
    for (int64_t i = 0; i < count; i++) out[begin + i] = words[i] & mask;
  });
}

void bernoulli(Generator& generator, uint8_t* out, int64_t n, double p) {
  // A draw k * 2^-53 is below p just if the integer k is below p * 2^53 rounded up: that product is exact.
  int64_t bound = (int64_t)std::ceil(p * 0x1p53);
  draw(generator, n, 2, [=](const uint32_t* words, int64_t begin, int64_t count) {
    for (int64_t i = 0; i < count; i++) out[begin + i] = (int64_t)(word64(words, i) & mask53) < bound;
  });
}

// log(1 - u) for u in [0, 1), where 1 - u is exact, to about 1 ulp of double: with 1 - u = 2^k m and
// s = (m - 1) / (m + 1), log m = 2 atanh(s), a series in s^2 <= 0.0295.
inline double log_of_complement(double u) {
  double x = 1.0 - u;
  int64_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  int64_t exponent = (bits - 0x3fe6a09e667f3bcdll) >> 52;  // so that m is in [sqrt(1/2), sqrt(2))
  bits -= (int64_t)((uint64_t)exponent << 52);
  double m;
  std::memcpy(&m, &bits, sizeof(m));
  double f = m - 1.0, s = f / (2.0 + f), z = s * s, k = (double)exponent;
  double series = 2.0 / 21;
  for (int i = 19; i >= 3; i -= 2) series = series * z + 2.0 / i;
  double half = 0.5 * f * f;  // log m = f - (half - s (half + z series)), which loses no digits near m = 1
  constexpr double ln2_high = 0x1.62e42fefap-1, ln2_low = 0x1.cf79abc9e3b39p-40;  // k * ln2_high is exact
  return k * ln2_high + (f - (half - (s * (half + z * series) + k * ln2_low)));
}

void exponential_float(Generator& generator, float* out, int64_t n, double rate) {
  double scale = -1.0 / rate;
  draw(generator, n, 2, [=](const uint32_t* words, int64_t begin, int64_t count) {
    float* o = out + begin;
    for (int64_t i = 0; i < count; i++)
      o[i] = (float)(scale * log_of_complement((double)(int64_t)(word64(words, i) & mask53) * 0x1p-53));
  });
}

void exponential_double(Generator& generator, double* out, int64_t n, double rate) {
  uniform_double(generator, out, n, 0.0, 1.0);
  double scale = -1.0 / rate;
  parallel_for(n, 2048, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) out[i] = scale * std::log1p(-out[i]);
  });
}

// The places are known before the swaps: fetching them ahead hides the cache misses of a long permutation.
void shuffle(Generator& generator, int64_t* out, int64_t n) {
  constexpr int ahead = 24;
  alignas(64) uint32_t words[batch];
  alignas(64) int64_t place[batch + ahead];
  for (int64_t begin = 0; begin < n - 1; begin += batch) {
    int64_t count = std::min(batch, n - 1 - begin);
    generator.fill(words, count);
    for (int64_t i = 0; i < count; i++) {
      double left = (double)(n - begin - i);
      int64_t quotient = (int64_t)((double)words[i] / left);  // exact: both are integers below 2^32
      place[i] = begin + i + (int64_t)words[i] - quotient * (n - begin - i);
    }
    for (int64_t i = count; i < count + ahead; i++) place[i] = begin;
    for (int64_t i = 0; i < count; i++) {
      __builtin_prefetch(out + place[i + ahead], 1);
      std::swap(out[begin + i], out[place[i]]);
    }
  }
}

// The factor is rounded to the dtype, as the noise that torch multiplies with is.
template <class T, class Factor>
void mask_scale_as(const void* in, const uint8_t* mask, void* out, int64_t n, Factor keep) {
  auto* x = static_cast<const T*>(in);
  auto* y = static_cast<T*>(out);
  const Factor scale =
      static_cast<Factor>(static_cast<std::conditional_t<sizeof(T) == 2, T, Factor>>(Factor(1) / keep));
  parallel_for(n, 32768, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      Factor noise = mask[i] ? scale : Factor(0);
      if constexpr (sizeof(T) == 2) {
        y[i] = T(static_cast<float>(x[i]) * noise);
      } else {
        y[i] = x[i] * noise;
      }
    }
  });
}

void mask_scale(DType type, const void* in, const uint8_t* mask, void* out, int64_t n, double keep) {
  float keep_float = static_cast<float>(keep);
  switch (type) {
    case DType::Float16:
      return mask_scale_as<Float16>(in, mask, out, n, keep_float);
    case DType::BFloat16:
      return mask_scale_as<BFloat16>(in, mask, out, n, keep_float);
    case DType::Float32:
      return mask_scale_as<float>(in, mask, out, n, keep_float);
    case DType::Float64:
      return mask_scale_as<double>(in, mask, out, n, keep);
    case DType::Complex64:
      return mask_scale_as<std::complex<float>>(in, mask, out, n, keep_float);
    default:
      return mask_scale_as<std::complex<double>>(in, mask, out, n, keep);
  }
}

}  // namespace

void register_random(Kernels& kernels) {
  kernels.random = {mt19937_block,      mt19937_temper, uniform_float, uniform_double, normal_float,
                    normal_double,      integers,       masked_words,  bernoulli,      exponential_float,
                    exponential_double, mask_scale,     shuffle};
}

}  // namespace flambeau::cpu::FL_ISA
