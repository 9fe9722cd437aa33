// Recurrent layers.
#pragma once
#include "core/kernels/recurrent.h"
#include "ops/ops.h"

namespace flambeau::ops {

// One layer of one or two directions: {output, h_n} or, of an LSTM, {output, h_n, c_n}.
// input: (time, batch, features), or, with batch_sizes, packed (rows, features). h0: (directions, batch, outputs), or
// undefined for zeros; c0 likewise (of `hidden`). With one direction h0, c0, h_n, c_n may do without the first
// dimension. weights: w_ih, w_hh, b_ih, b_hh, w_hr of each direction, the last three maybe undefined.
std::vector<Tensor> recurrent(RecurrentCell cell, const Tensor& input, const Tensor& h0, const Tensor& c0,
                              std::span<const Tensor> weights, const Dims& batch_sizes);

// The same computed with public ops, and differentiated: the gradients of the inputs (input, h0, c0, weights...), given
// those of the outputs, with a graph of their own. The Python layer has the composition; it sets this.
using RecurrentAgain = std::vector<Tensor> (*)(RecurrentCell cell, const std::vector<Tensor>& inputs,
                                               const Dims& batch_sizes, const std::vector<Tensor>& gradients,
                                               const std::vector<bool>& needed);
extern RecurrentAgain recurrent_again;

}  // namespace flambeau::ops
