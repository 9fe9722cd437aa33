// Copies and fills of more memory than the second-level cache holds: they ask for the lines that are written and read
// some time later, which the processor does too late by itself.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>

namespace flambeau::cpu::FL_ISA {
namespace {

constexpr int64_t kFarBytes = 2 << 20;  // from here on this is faster
constexpr int64_t kStreamBlock = 256, kReadAhead = 1024, kWriteAhead = 2048;

// Asks for n elements that are needed soon.
template <class T>
inline void ask_for(const T* x, int64_t n) {
  for (int64_t i = 0; i < n; i += 64 / int64_t(sizeof(T))) __builtin_prefetch(x + i);
}

// Memory that does not overlap.
inline void copy_far(void* to, const void* from, int64_t bytes) {
  auto* y = static_cast<char*>(to);
  auto* x = static_cast<const char*>(from);
  for (; bytes >= kStreamBlock; bytes -= kStreamBlock, x += kStreamBlock, y += kStreamBlock) {
    for (int64_t i = 0; i < kStreamBlock; i += 64) __builtin_prefetch(y + kWriteAhead + i, 1);
    for (int64_t i = 0; i < kStreamBlock; i += 64) __builtin_prefetch(x + kReadAhead + i);
    for (int64_t i = 0; i < kStreamBlock; i += 64) std::memcpy(y + i, x + i, 64);
  }
  if (bytes) std::memcpy(y, x, size_t(bytes));
}

template <class Word>
inline void fill_far(Word* to, int64_t n, Word value) {
  constexpr int64_t block = kStreamBlock / int64_t(sizeof(Word));
  for (; n >= block; n -= block, to += block) {
    for (int64_t i = 0; i < kStreamBlock; i += 64) __builtin_prefetch(reinterpret_cast<char*>(to) + kWriteAhead + i, 1);
    for (int64_t i = 0; i < block; i++) to[i] = value;
  }
  std::fill_n(to, n, value);
}

}  // namespace
}  // namespace flambeau::cpu::FL_ISA
