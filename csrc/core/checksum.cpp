#include "core/checksum.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace flambeau {

namespace {

// table[k][b]: what byte b becomes with k zero bytes after it (slicing by 8).
constexpr auto make_tables() {
  std::array<std::array<uint32_t, 256>, 8> table{};
  for (uint32_t b = 0; b < 256; b++) {
    uint32_t c = b;
    for (int i = 0; i < 8; i++) c = (c >> 1) ^ (c & 1 ? 0xEDB88320u : 0);
    table[0][b] = c;
  }
  for (uint32_t b = 0; b < 256; b++)
    for (int k = 1; k < 8; k++) table[k][b] = (table[k - 1][b] >> 8) ^ table[0][table[k - 1][b] & 255];
  return table;
}
constexpr auto kTable = make_tables();

uint32_t by_table(uint32_t state, const unsigned char* p, size_t n) {
  for (; n >= 8; p += 8, n -= 8) {
    uint32_t a, b;
    std::memcpy(&a, p, 4);
    std::memcpy(&b, p + 4, 4);
    a ^= state;
    state = kTable[7][a & 255] ^ kTable[6][a >> 8 & 255] ^ kTable[5][a >> 16 & 255] ^ kTable[4][a >> 24] ^
            kTable[3][b & 255] ^ kTable[2][b >> 8 & 255] ^ kTable[1][b >> 16 & 255] ^ kTable[0][b >> 24];
  }
  for (; n; p++, n--) state = (state >> 8) ^ kTable[0][(state ^ *p) & 255];
  return state;
}

#if defined(__x86_64__)

#define FL_CARRYLESS __attribute__((target("pclmul,sse4.1")))

FL_CARRYLESS inline __m128i load(const unsigned char* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}

// x moved past as many bits as `k` stands for, plus what is there.
FL_CARRYLESS inline __m128i fold(__m128i x, __m128i k, __m128i next) {
  return _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(x, k, 0x00), _mm_clmulepi64_si128(x, k, 0x11)), next);
}

// Folds the bytes, 64 at a time and then 16, into 16 with the same checksum (Gopal et al., Fast CRC computation using
// PCLMULQDQ, 2009); the constants are x^(512+-32) and x^(128+-32) modulo the polynomial, bits reversed. n >= 64.
FL_CARRYLESS uint32_t by_folding(uint32_t state, const unsigned char* p, size_t n) {
  const __m128i far = _mm_set_epi64x(0x1c6e41596, 0x154442bd4), near = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
  __m128i a = _mm_xor_si128(load(p), _mm_cvtsi32_si128(static_cast<int>(state)));
  __m128i b = load(p + 16), c = load(p + 32), d = load(p + 48);
  for (p += 64, n -= 64; n >= 64; p += 64, n -= 64) {
    a = fold(a, far, load(p));
    b = fold(b, far, load(p + 16));
    c = fold(c, far, load(p + 32));
    d = fold(d, far, load(p + 48));
  }
  a = fold(fold(fold(a, near, b), near, c), near, d);
  for (; n >= 16; p += 16, n -= 16) a = fold(a, near, load(p));
  unsigned char rest[16];
  _mm_storeu_si128(reinterpret_cast<__m128i*>(rest), a);
  return by_table(by_table(0, rest, 16), p, n);
}

#endif

}  // namespace

uint32_t crc32(const void* data, size_t n, uint32_t before) {
  auto p = static_cast<const unsigned char*>(data);
#if defined(__x86_64__)
  static const bool carryless = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
  if (carryless && n >= 64) return ~by_folding(~before, p, n);
#endif
  return ~by_table(~before, p, n);
}

}  // namespace flambeau
