// What this machine can do at most: multiply-adds a second, bytes a second. Prints one JSON object; see limits.py.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#if defined(__AVX512F__)
constexpr int kBytes = 64, kChains = 24;
#elif defined(__AVX2__)
constexpr int kBytes = 32, kChains = 12;
#else
constexpr int kBytes = 16, kChains = 12;
#endif
typedef float Vector __attribute__((vector_size(kBytes)));
constexpr int kLanes = kBytes / 4;

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Independent chains of multiply-adds in registers; returns how many floating-point operations were done.
double multiply_add(int64_t rounds, float* out) {
  Vector sums[kChains] = {};
  Vector x = Vector{} + 1.0f, y = Vector{} + 1e-9f;
#pragma GCC unroll 24
  for (int c = 0; c < kChains; ++c) asm volatile("" : "+v"(sums[c]));  // else the compiler sees that all are equal
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 24
    for (int c = 0; c < kChains; ++c) sums[c] = sums[c] * x + y;
    asm volatile("" : "+v"(x), "+v"(y));
  }
  for (int c = 1; c < kChains; ++c) sums[0] += sums[c];
  *out = sums[0][0];
  return 2.0 * double(rounds) * kChains * kLanes;
}

double read_all(const float* from, int64_t count, float* out) {
  Vector sums[8] = {};
  for (int64_t i = 0; i + 8 * kLanes <= count; i += 8 * kLanes)
#pragma GCC unroll 8
    for (int c = 0; c < 8; ++c) sums[c] += *(const Vector*)(from + i + c * kLanes);
  for (int c = 1; c < 8; ++c) sums[0] += sums[c];
  *out = sums[0][0];
  return 4.0 * double(count);
}

// b = a: both are counted, as a program sees them (the line that is fetched to be written is not).
double copy_all(const float* from, float* to, int64_t count, bool around_cache) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const Vector v = *(const Vector*)(from + i);
    if (around_cache)
#if defined(__AVX512F__)
      __builtin_ia32_movntps512(to + i, v);
#elif defined(__AVX2__)
      __builtin_ia32_movntps256(to + i, v);
#else
      *(Vector*)(to + i) = v;
#endif
    else
      *(Vector*)(to + i) = v;
  }
  return 8.0 * double(count);
}

// The best of several rounds of `work` on all threads at once, per second.
template <class Work>
double best(int threads, int rounds, Work work) {
  double found = 0;
  for (int r = 0; r < rounds; ++r) {
    std::vector<std::thread> others;
    std::vector<double> done(threads);
    const double begin = seconds();
    for (int t = 1; t < threads; ++t) others.emplace_back([&, t] { done[t] = work(t); });
    done[0] = work(0);
    for (auto& other : others) other.join();
    const double took = seconds() - begin;
    double all = 0;
    for (double d : done) all += d;
    found = std::max(found, all / took);
  }
  return found;
}

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  const int64_t large = int64_t(48) << 20, small = 4096;  // floats for each thread: 192 MB, 16 KB
  std::vector<float*> from(threads), to(threads);
  std::vector<float> out(16 * threads);
  for (int t = 0; t < threads; ++t) {
    from[t] = static_cast<float*>(std::aligned_alloc(4096, large * 4));
    to[t] = static_cast<float*>(std::aligned_alloc(4096, large * 4));
    std::fill(from[t], from[t] + large, 1.0f);
    std::fill(to[t], to[t] + large, 2.0f);
  }
  const double flops = best(threads, 300, [&](int t) { return multiply_add(200000, &out[16 * t]); });
  const double read = best(threads, 7, [&](int t) { return read_all(from[t], large, &out[16 * t]); });
  const double copy = best(threads, 7, [&](int t) { return copy_all(from[t], to[t], large, false); });
  const double streamed = best(threads, 7, [&](int t) { return copy_all(from[t], to[t], large, true); });
  const double million = best(threads, 15, [&](int t) {  // 4 MB to 4 MB, as ops on a million numbers do
    double all = 0;
    for (int i = 0; i < 10; ++i) {
      all += copy_all(from[t], to[t], 1 << 20, false);
      asm volatile("" ::: "memory");
    }
    return all;
  });
  const double near = best(threads, 7, [&](int t) {
    double all = 0;
    for (int i = 0; i < 20000; ++i) {
      all += read_all(from[t], small, &out[16 * t]);
      asm volatile("" ::: "memory");
    }
    return all;
  });
  std::printf("{\"threads\": %d, \"vector_bytes\": %d, \"flops\": %.4g, \"read\": %.4g, \"copy\": %.4g, ", threads,
              kBytes, flops, read, copy);
  std::printf("\"copy_around_cache\": %.4g, \"copy_4MB\": %.4g, \"read_first_cache\": %.4g}\n", streamed, million,
              near);
}
