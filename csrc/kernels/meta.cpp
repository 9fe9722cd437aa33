// The meta device's kernels: an op checks its arguments and makes its output, and nothing is computed.
#include "core/kernels.h"

namespace flambeau {

namespace {

// An entry that the CPU has becomes one that does nothing; one that it lacks stays the same error.
template <class R, class... A>
void skip(R (*&entry)(A...)) {
  if (entry) entry = [](A...) -> R { return R(); };
}
template <class T, size_t n>
void skip(T (&entries)[n]) {
  for (T& entry : entries) skip(entry);
}
template <class... T>
void skip_all(T&... entries) {
  (skip(entries), ...);
}

// Every member of every table by name: a new one does not compile before it is here.
Kernels nothing() {
  Kernels k = cpu_kernels();
  auto& [attention, chain, conv, copy, gemm, norm, optim, pointwise, pool, random, recurrent, reduce, sample, softmax,
         solve, sort, indexing] = k;
  {
    auto& [forward, backward] = attention;
    skip_all(forward, backward);
  }
  {
    auto& [whole, factors] = chain;
    skip_all(whole, factors);
  }
  {
    auto& [forward, input_grad, weight_grad] = conv;
    skip_all(forward, input_grad, weight_grad);
  }
  {
    auto& [transpose, cat] = copy;
    skip_all(transpose, cat);
  }
  skip_all(gemm.gemm);
  {
    auto& [layer, layer_back, group, group_back, batch, batch_back] = norm;
    skip_all(layer, layer_back, group, group_back, batch, batch_back);
  }
  skip_all(optim.step);
  {
    auto& [tile, run, copying, add] = pointwise;  // of the tiles it matters which there are
    skip_all(run, copying, add);
  }
  {
    auto& [max, average, average_grad, scatter, gather] = pool;
    skip_all(max, average, average_grad, scatter, gather);
  }
  skip_all(random.mask_scale);  // draws are for the CPU's generators
  {
    auto& [forward, backward] = recurrent;
    skip_all(forward, backward);
  }
  {
    auto& [whole, scan, pick] = reduce;
    skip_all(whole, scan, pick);
  }
  {
    auto& [unfold, fold, resample] = sample;
    skip_all(unfold, fold, resample);
  }
  {
    auto& [forward, backward, logsumexp, loss, loss_back] = softmax;
    skip_all(forward, backward, logsumexp, loss, loss_back);
  }
  {
    auto& [lu, triangular] = solve;
    skip_all(lu, triangular);
  }
  {
    auto& [order, top, kth, search] = sort;
    skip_all(order, top, kth, search);
  }
  (void)indexing;  // its callers read indices first: they stop before they need it
  return k;
}

}  // namespace

const Kernels& meta_kernels() {
  static const Kernels kernels = nothing();
  return kernels;
}

}  // namespace flambeau
