// Recurrent layers: entry points and their arguments.
#pragma once
#include <cstdint>

#include "core/dtype.h"

namespace flambeau {

enum class RecurrentCell : int64_t { Tanh, Relu, Lstm, Gru };

// How many gates of `hidden` columns a cell's weights have, and how many columns of `hidden` are kept for each row. GRU
// keeps r, z, n and, apart, the part of n that comes from h.
constexpr int64_t gate_count(RecurrentCell cell) {
  return cell == RecurrentCell::Lstm ? 4 : cell == RecurrentCell::Gru ? 3 : 1;
}
constexpr int64_t kept_gates(RecurrentCell cell) { return cell < RecurrentCell::Lstm ? 1 : 4; }

// One direction of one layer. A row is one sequence at one time; the rows of a time follow each other, the longest
// sequence first. Rows of contiguous matrices, but for `out` and `grad`, whose rows lie `out_row` apart.
struct RecurrentArgs {
  RecurrentCell cell = RecurrentCell::Tanh;
  int64_t steps = 0, batch = 0, hidden = 0, outputs = 0;  // outputs: the width of h, less than hidden if projected
  const int64_t* starts = nullptr;                        // steps + 1: the first row of each time
  bool reverse = false;
  bool from_zero = false;                       // h0 is zeros
  const void *w_hh = nullptr, *w_hr = nullptr;  // (gates * hidden, outputs), (outputs, hidden) or null
  const void* bias = nullptr;                   // kept * hidden: of W x and U h together, GRU's n apart
  const void* input = nullptr;  // (rows, features), where W x is yet to be computed: not for a few sequences
  const void* w_ih = nullptr;
  int64_t features = 0;
  bool keep = true;       // the gates of all rows; otherwise `gates` is for one time
  void* gates = nullptr;  // (rows, kept * hidden): W x on the way in, the gates on the way out
  void* cells = nullptr;  // (rows, hidden): LSTM's c
  void* full = nullptr;   // (rows, hidden): h before the projection
  void* out = nullptr;
  int64_t out_row = 0;
  const void *h0 = nullptr, *c0 = nullptr;  // (batch, outputs), (batch, hidden)
  void *h_n = nullptr, *c_n = nullptr;      // the same at the end
  // Backward. The gradients of h_n and c_n become those of h0 and c0.
  const void* grad = nullptr;                        // of out; may be null
  void *carry_h = nullptr, *carry_c = nullptr;       // (batch, outputs), (batch, hidden)
  void* gate_grads = nullptr;                        // (rows, kept * hidden): before the nonlinearities
  void *out_grads = nullptr, *full_grads = nullptr;  // (rows, outputs), (batch, hidden): with a projection only
};

struct RecurrentKernels {
  // All directions of a layer, which may run side by side.
  void (*forward[kNumDTypes])(const RecurrentArgs* args, int64_t directions) = {};
  void (*backward[kNumDTypes])(const RecurrentArgs* args, int64_t directions) = {};
};

}  // namespace flambeau
