#include "kernels/cpu/convert.h"

#include <array>

namespace flambeau::cpu::FL_ISA {

namespace {

#define FL_ALL_TYPES(X)  \
  X(uint8_t)             \
  X(int8_t)              \
  X(int16_t)             \
  X(int32_t)             \
  X(int64_t)             \
  X(Float16)             \
  X(float)               \
  X(double)              \
  X(std::complex<float>) \
  X(std::complex<double>) X(bool) X(BFloat16) X(Float8e5m2) X(Float8e4m3fn) X(uint16_t) X(uint32_t) X(uint64_t)

// A bool is read as the byte it is: of bytes the compiler makes vector code.
template <class T>
using Byte = std::conditional_t<std::is_same_v<T, bool>, uint8_t, T>;

template <class To>
constexpr std::array<RunFn, kNumDTypes> loads() {
  return {
#define FL_LOAD(T) convert_run<To, Byte<T>>,
      FL_ALL_TYPES(FL_LOAD)
#undef FL_LOAD
  };
}

template <class From>
constexpr std::array<RunFn, kNumDTypes> stores() {
  return {
#define FL_STORE(T) convert_run<T, From>,
      FL_ALL_TYPES(FL_STORE)
#undef FL_STORE
  };
}

const std::array<RunFn, kNumDTypes> kLoads[] = {
    loads<float>(), loads<double>(), loads<int64_t>(), loads<std::complex<float>>(), loads<std::complex<double>>(),
    loads<bool>()};
const std::array<RunFn, kNumDTypes> kStores[] = {stores<float>(),
                                                 stores<double>(),
                                                 stores<int64_t>(),
                                                 stores<std::complex<float>>(),
                                                 stores<std::complex<double>>(),
                                                 stores<uint8_t>()};

}  // namespace

RunFn load_run(DType from, Compute to) { return kLoads[static_cast<int>(to)][static_cast<int>(from)]; }
RunFn store_run(Compute from, DType to) { return kStores[static_cast<int>(from)][static_cast<int>(to)]; }

}  // namespace flambeau::cpu::FL_ISA
