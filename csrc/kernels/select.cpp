// Chooses the kernels for this machine, once.
#include <cstdlib>
#include <cstring>

#include "core/kernels.h"

namespace flambeau {

namespace cpu {
#define FL_DECLARE(isa)        \
  namespace isa {              \
  void fill(Kernels& kernels); \
  }
#ifdef FL_HAVE_BASELINE
FL_DECLARE(baseline)
#endif
#ifdef FL_HAVE_AVX2
FL_DECLARE(avx2)
#endif
#ifdef FL_HAVE_AVX512
FL_DECLARE(avx512)
namespace avx512 {
void fill_with_pairs(Kernels& kernels);
void fill_with_emulated_pairs(Kernels& kernels);
}  // namespace avx512
#endif
}  // namespace cpu

namespace {

struct Variant {
  const char* name;
  bool supported;
  void (*fill)(Kernels&);
};

struct Selected {
  Kernels kernels;
  const char* isa = "none";
  Selected() {
#ifdef FL_HAVE_AVX512
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                        __builtin_cpu_supports("avx512cd");
#endif
    const Variant variants[] = {
#ifdef FL_HAVE_AVX512
        {"avx512bf16", avx512 && __builtin_cpu_supports("avx512bf16"), cpu::avx512::fill_with_pairs},
        {"avx512", avx512, cpu::avx512::fill},
        {"avx512bf16-emulated", avx512, cpu::avx512::fill_with_emulated_pairs},  // for tests, where it is asked for
#endif
#ifdef FL_HAVE_AVX2
        {"avx2", __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"),
         cpu::avx2::fill},
#endif
#ifdef FL_HAVE_BASELINE
        {"baseline", true, cpu::baseline::fill},
#endif
    };
    const char* wanted = std::getenv("FLAMBEAU_ISA");
    for (const Variant& v : variants) {
      if (!v.supported || (wanted && std::strcmp(wanted, v.name) != 0)) continue;
      v.fill(kernels);
      isa = v.name;
      return;
    }
    FL_FAIL(Runtime, "import", "no kernels for this processor", wanted ? " with FLAMBEAU_ISA=" : "",
            wanted ? wanted : "");
  }
};

const Selected& selected() {
  static Selected s;
  return s;
}

}  // namespace

const Kernels& cpu_kernels() { return selected().kernels; }
const char* cpu_isa() { return selected().isa; }

}  // namespace flambeau
