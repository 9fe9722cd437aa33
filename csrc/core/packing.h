// What kernels make of an operand before they can multiply by it (panels of a weight), kept with the operand's memory
// until that changes.
#pragma once
#include <span>

#include "core/tensor.h"

namespace flambeau {

// One operand in one call of a kernel. A form is kept from the second call on that finds the operand unchanged, so what
// changes between uses (weights in training) takes no memory; where the operand's gradient will be asked for, forms are
// let go.
class Packing {
 public:
  explicit Packing(const Tensor& operand);
  ~Packing();
  Packing(const Packing&) = delete;
  Packing& operator=(const Packing&) = delete;

  // For a kernel: null where nothing is kept, since it chooses its loops by that.
  Packing* pointer() { return kept_ ? this : nullptr; }

  // Where the form that `recipe` describes lies, or is to be written by the caller, before its call ends, if it is not
  // `ready`; null if it is not kept. The view that the operand is need not be in the recipe. On the caller's
  // thread.
  void* memory(std::span<const int64_t> recipe, int64_t bytes, bool& ready);

  // Keeping can be turned off, to save memory: the results are the same.
  static void enable(bool on);

 private:
  const Tensor& operand_;
  bool kept_;                         // may it be?
  std::shared_ptr<PackedForm> form_;  // in use
  uint32_t changes_[2];               // of the memory, when the form was begun
  bool fresh_ = false;                // the form is being made
};

}  // namespace flambeau
