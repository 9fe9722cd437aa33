// Recurrent layers: the products over all times at once here, what goes from time to time in the kernel.
#include "ops/recurrent.h"

#include "core/kernels.h"
#include "core/threads.h"
#include "ops/reduce.h"

namespace flambeau::ops {

RecurrentAgain recurrent_again = nullptr;

namespace {

constexpr int kPerDirection = 5;  // w_ih, w_hh, b_ih, b_hh, w_hr
constexpr int kWeights = 2 * kPerDirection;
constexpr int64_t kSequences = 8;  // from which on the micro-kernel is as good for one time as for all at once
enum Saved { kInput, kH0, kC0, kFirstWeight, kOut = kFirstWeight + kWeights, kGates, kCells, kFull };

// A layer and its sizes; tensors are contiguous and know no graph.
struct Layer {
  RecurrentCell cell;
  bool packed;
  int64_t directions, hidden, outputs, features, rows, batch;
  Tensor input, h0, c0, weights[kWeights];
  std::vector<int64_t> starts;

  int64_t steps() const { return int64_t(starts.size()) - 1; }
  int64_t gates() const { return gate_count(cell) * hidden; }
  int64_t kept() const { return kept_gates(cell) * hidden; }
  const Tensor& weight(int64_t direction, int which) const { return weights[direction * kPerDirection + which]; }
  DType dtype() const { return input.dtype(); }
  Tensor fresh(const Dims& shape) const { return empty(shape, input.dtype(), input.device()); }
  Tensor or_zeros(const Tensor& t, const Dims& shape) const {
    return t.defined() ? t : zeros(shape, input.dtype(), input.device());
  }
};

// Nothing is recorded while this is used: see recurrent() and recurrent_vjp().
Tensor plain(const Tensor& t) { return t.defined() ? contiguous(t) : t; }
char* at(const Tensor& t, int64_t element) {
  return t.defined() ? static_cast<char*>(t.raw()) + element * t.item_size() : nullptr;
}

void check_shape(const char* what, const Tensor& t, const Dims& expected, const Tensor& input) {
  FL_CHECK(t.dtype() == input.dtype(), DType, "recurrent", "expected ", what, " of the input's dtype ",
           name(input.dtype()), ", got ", name(t.dtype()));
  FL_CHECK(t.shape() == expected, Shape, "recurrent", "expected ", what, " of shape ", expected, ", got ", t.shape(),
           " for input ", input.shape());
}

void check_weights(const Layer& l) {
  for (int64_t d = 0; d < l.directions; ++d) {
    check_shape("weight_ih", l.weight(d, 0), {l.gates(), l.features}, l.input);
    check_shape("weight_hh", l.weight(d, 1), {l.gates(), l.outputs}, l.input);
    for (int i = 2; i < 4; ++i)
      if (l.weight(d, i).defined()) check_shape("a bias", l.weight(d, i), {l.gates()}, l.input);
    FL_CHECK(l.weight(d, 4).defined() == l.weight(0, 4).defined(), Shape, "recurrent",
             "expected a projection in both directions or in none");
    if (l.weight(d, 4).defined()) check_shape("weight_hr", l.weight(d, 4), {l.outputs, l.hidden}, l.input);
  }
}

void find_starts(Layer& l, const Dims& batch_sizes) {
  FL_CHECK(l.input.ndim() == (l.packed ? 2 : 3), Shape, "recurrent", "expected an input of ", l.packed ? 2 : 3,
           " dimensions, got ", l.input.shape());
  const int64_t steps = l.packed ? batch_sizes.size() : l.input.size(0);
  FL_CHECK(steps > 0, Runtime, "recurrent", "Expected sequence length to be larger than 0 in RNN, got input ",
           l.input.shape());
  l.batch = l.packed ? batch_sizes[0] : l.input.size(1);
  l.starts.push_back(0);
  for (int64_t t = 0; t < steps; ++t) {
    const int64_t size = l.packed ? batch_sizes[t] : l.batch;
    FL_CHECK(size >= (l.packed && steps > 1) && size <= (t ? batch_sizes.empty() ? l.batch : batch_sizes[t - 1] : size),
             Value, "recurrent", "batch_sizes must be positive and not grow, got ", size, " at time ", t);
    l.starts.push_back(l.starts.back() + size);
  }
  l.rows = l.packed ? l.input.size(0) : steps * l.batch;
  FL_CHECK(l.starts.back() == l.rows, Value, "recurrent", "batch_sizes must add up to the input's rows (", l.rows,
           "), got ", l.starts.back());
}

template <class Get>
Layer layer_of(RecurrentCell cell, const Dims& batch_sizes, int64_t directions, Get input) {
  Layer l;
  l.cell = cell;
  l.packed = !batch_sizes.empty();
  l.directions = directions;
  l.input = plain(input(kInput));
  l.h0 = plain(input(kH0));
  l.c0 = plain(input(kC0));
  for (int i = 0; i < directions * kPerDirection; ++i) l.weights[i] = plain(input(kFirstWeight + i));
  FL_CHECK(l.weight(0, 1).ndim() == 2, Shape, "recurrent", "expected weight_hh to be a matrix, got ",
           l.weight(0, 1).shape());
  l.outputs = l.weight(0, 1).size(1);
  l.hidden = l.weight(0, 4).defined() && l.weight(0, 4).ndim() == 2 ? l.weight(0, 4).size(1) : l.outputs;
  find_starts(l, batch_sizes);
  l.features = l.input.size(-1);
  return l;
}

// The shape of a state of this width: that of `like` where it has no dimension for directions.
Dims state_shape(const Layer& l, const Tensor& like, int64_t width) {
  if (like.defined() && like.ndim() == 2 && l.directions == 1) return {l.batch, width};
  return {l.directions, l.batch, width};
}

// What is added to the kept gates: the sum of both biases, but for GRU's n and its part from h.
Tensor bias_of(const Layer& l, int64_t d) {
  const Tensor b_ih = l.or_zeros(l.weight(d, 2), {l.gates()}), b_hh = l.or_zeros(l.weight(d, 3), {l.gates()}),
               both = b_ih + b_hh;
  if (l.cell != RecurrentCell::Gru) return both;
  const int64_t h = l.hidden;
  const Tensor parts[] = {narrow(both, 0, 0, 2 * h), narrow(b_ih, 0, 2 * h, h), narrow(b_hh, 0, 2 * h, h)};
  return cat(parts, 0);
}

void multiply(const Layer& l, int64_t m, int64_t n, int64_t k, const void* a, int64_t a_row, int64_t a_col,
              const void* b, int64_t b_row, int64_t b_col, void* c, int64_t c_row, bool add = false) {
  GemmArgs g;
  g.dtype = l.dtype();
  g.m = m, g.n = n, g.k = k;
  g.a = a, g.a_row = a_row, g.a_col = a_col;
  g.b = b, g.b_row = b_row, g.b_col = b_col;
  g.c = c, g.c_row = c_row;
  g.beta = add;
  kernels_of(l.input).gemm.gemm[int(g.dtype)](g);
}

RecurrentArgs arguments(const Layer& l, int64_t d, const Tensor& h0, const Tensor& c0, const Tensor& out,
                        const Tensor& gates, const Tensor& cells, const Tensor& full) {
  RecurrentArgs p;
  p.cell = l.cell;
  p.steps = l.steps(), p.batch = l.batch, p.hidden = l.hidden, p.outputs = l.outputs;
  p.starts = l.starts.data();
  p.reverse = d == 1;
  p.from_zero = !l.h0.defined();
  p.w_hh = l.weight(d, 1).raw();
  if (l.weight(d, 4).defined()) p.w_hr = l.weight(d, 4).raw();
  p.gates = at(gates, gates.defined() ? d * gates.size(1) * l.kept() : 0);
  p.cells = at(cells, d * l.rows * l.hidden);
  p.full = at(full, d * l.rows * l.hidden);
  p.out = at(out, d * l.outputs), p.out_row = l.directions * l.outputs;
  p.h0 = at(h0, d * l.batch * l.outputs), p.c0 = at(c0, d * l.batch * l.hidden);
  return p;
}

// ------------------------------------------------------------------------------------------------- gradients

// The columns of the kept gates that belong to rows of w_hh: all of them, or GRU's r and z, and its n.
struct Piece {
  int64_t row, column, count;
};
std::vector<Piece> pieces(const Layer& l) {
  if (l.cell != RecurrentCell::Gru) return {{0, 0, l.gates()}};
  return {{0, 0, 2 * l.hidden}, {2 * l.hidden, 3 * l.hidden, l.hidden}};
}

// h before each row.
Tensor states_before(const Layer& l, int64_t d, const Tensor& h0, const Tensor& out) {
  const Tensor result = l.fresh(Dims{l.rows, l.outputs});
  if (!out.device().is_cpu()) return result;
  const int64_t width = l.outputs, bytes = width * out.item_size();
  out.raw(), h0.raw();  // looked at before threads read them
  parallel_for(l.steps(), 16, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t other = d ? t + 1 : t - 1, first = l.starts[t], size = l.starts[t + 1] - first;
      const bool inside = other >= 0 && other < l.steps();
      const int64_t have = inside ? std::min(size, l.starts[other + 1] - l.starts[other]) : 0;
      for (int64_t r = 0; r < size; ++r)
        std::memcpy(
            at(result, (first + r) * width),
            r < have ? at(out, ((l.starts[other] + r) * l.directions + d) * width) : at(h0, (d * l.batch + r) * width),
            bytes);
    }
  });
  return result;
}

// The gradients of what one direction was given, from those before the nonlinearities.
struct Gradients {
  Backward& b;
  const Layer& l;
  int64_t d;
  Tensor gate_grads;  // (rows, kept)

  bool needs(int which) const { return b.needs(kFirstWeight + d * kPerDirection + which); }
  void set(int which, const Tensor& g) const { b.set(kFirstWeight + d * kPerDirection + which, g); }

  void weights(const Tensor& h0, const Tensor& out) const {
    if (needs(0)) {
      const Tensor g = l.fresh(Dims{l.gates(), l.features});
      multiply(l, l.gates(), l.features, l.rows, gate_grads.raw(), 1, l.kept(), l.input.raw(), l.features, 1, g.raw(),
               l.features);
      set(0, g);
    }
    if (needs(1)) {
      const Tensor g = l.fresh(Dims{l.gates(), l.outputs}), before = states_before(l, d, h0, out);
      for (const Piece& p : pieces(l))
        multiply(l, p.count, l.outputs, l.rows, at(gate_grads, p.column), 1, l.kept(), before.raw(), l.outputs, 1,
                 at(g, p.row * l.outputs), l.outputs);
      set(1, g);
    }
    if (!needs(2) && !needs(3)) return;
    const Tensor sums = sum(gate_grads, Dims{0}, false);
    if (needs(2)) set(2, narrow(sums, 0, 0, l.gates()));
    if (!needs(3)) return;
    if (l.cell != RecurrentCell::Gru) return set(3, clone(sums));
    const Tensor parts[] = {narrow(sums, 0, 0, 2 * l.hidden), narrow(sums, 0, 3 * l.hidden, l.hidden)};
    set(3, cat(parts, 0));
  }

  void input(const Tensor& g) const {
    multiply(l, l.rows, l.features, l.gates(), gate_grads.raw(), l.kept(), 1, l.weight(d, 0).raw(), l.features, 1,
             g.raw(), l.features, d > 0);
  }

  // Of a single time, which the kernel leaves out.
  void first_state(char* carry) const {
    for (const Piece& p : pieces(l))
      multiply(l, l.rows, l.outputs, p.count, at(gate_grads, p.column), l.kept(), 1,
               at(l.weight(d, 1), p.row * l.outputs), l.outputs, 1, carry, l.outputs,
               l.cell == RecurrentCell::Gru || p.row > 0);
  }
};

void again(Backward& b) {
  std::vector<Tensor> inputs, gradients;
  std::vector<bool> needed;
  for (int i = 0; i < b.inputs(); ++i) inputs.push_back(b.saved(i)), needed.push_back(b.needs(i));
  for (int i = 0; i < b.outputs(); ++i) gradients.push_back(b.grad(i));
  const auto results = recurrent_again(RecurrentCell(b.attr<int64_t>(0)), inputs, b.attr<Dims>(1), gradients, needed);
  for (int i = 0; i < b.inputs(); ++i)
    if (results[i].defined()) b.set(i, results[i]);
}

void recurrent_vjp(Backward& b) {
  if (grad_enabled()) return again(b);
  const Layer l = layer_of(RecurrentCell(b.attr<int64_t>(0)), b.attr<Dims>(1), b.attr<int64_t>(2),
                           [&](int i) { return b.saved(i); });
  const Dims states{l.directions, l.batch, l.outputs}, memories{l.directions, l.batch, l.hidden};
  const bool lstm = l.cell == RecurrentCell::Lstm, projected = l.weight(0, 4).defined();
  const Tensor h0 = l.or_zeros(l.h0, states), c0 = lstm ? l.or_zeros(l.c0, memories) : Tensor();
  const Tensor out = b.saved(kOut), grad = plain(b.grad(0));
  const Tensor carry_h = clone(l.or_zeros(plain(b.grad(1)), states));
  const Tensor carry_c = !lstm ? Tensor() : clone(l.or_zeros(plain(b.grad(2)), memories));
  const Tensor gate_grads = l.fresh(Dims{l.directions, l.rows, l.kept()});
  Tensor out_grads, full_grads;
  if (projected) {
    out_grads = l.fresh(Dims{l.directions, l.rows, l.outputs});
    full_grads = l.fresh(memories);
  }
  std::vector<RecurrentArgs> args;
  for (int64_t d = 0; d < l.directions; ++d) {
    RecurrentArgs p = arguments(l, d, h0, c0, out, b.saved(kGates), b.saved(kCells), b.saved(kFull));
    p.from_zero = !b.needs(kH0);
    p.grad = at(grad, d * l.outputs);
    p.carry_h = at(carry_h, d * l.batch * l.outputs), p.carry_c = at(carry_c, d * l.batch * l.hidden);
    p.gate_grads = at(gate_grads, d * l.rows * l.kept());
    p.out_grads = at(out_grads, d * l.rows * l.outputs), p.full_grads = at(full_grads, d * l.batch * l.hidden);
    args.push_back(p);
  }
  need(kernels_of(l.input).recurrent.backward[int(l.dtype())], "recurrent", l.input)(args.data(), l.directions);
  const Tensor input_grad = b.needs(kInput) ? l.fresh(l.input.shape()) : Tensor();
  for (int64_t d = 0; d < l.directions; ++d) {
    const Gradients g{b, l, d, select(gate_grads, 0, d)};
    g.weights(h0, out);
    if (input_grad.defined()) g.input(input_grad);
    if (b.needs(kH0) && l.steps() == 1) g.first_state(static_cast<char*>(args[d].carry_h));
    if (projected && g.needs(4))
      g.set(4, matmul(transpose(select(out_grads, 0, d), 0, 1), select(b.saved(kFull), 0, d)));
  }
  if (input_grad.defined()) b.set(kInput, input_grad);
  if (b.needs(kH0)) b.set(kH0, view(carry_h, l.h0.shape()));
  if (lstm && b.needs(kC0)) b.set(kC0, view(carry_c, l.c0.shape()));
}
const Op recurrent_op{"recurrent", recurrent_vjp};

}  // namespace

std::vector<Tensor> recurrent(RecurrentCell cell, const Tensor& input, const Tensor& h0, const Tensor& c0,
                              std::span<const Tensor> weights, const Dims& batch_sizes) {
  FL_CHECK(weights.size() == kPerDirection || weights.size() == kWeights, Value, "recurrent", "expected ",
           kPerDirection, " weights for each of one or two directions, got ", weights.size());
  std::vector<Tensor> inputs{input, h0, c0};
  inputs.insert(inputs.end(), weights.begin(), weights.end());
  const bool differentiable = needs_grad(inputs);
  std::optional<GradMode> plainly(std::in_place, false);
  const Layer l = layer_of(cell, batch_sizes, weights.size() / kPerDirection, [&](int i) { return inputs[i]; });
  std::vector<const Tensor*> all;
  for (const Tensor& t : inputs) all.push_back(&t);
  const Kernels& kernels = kernels_on(common_device("recurrent", all));
  const auto entry = need(kernels.recurrent.forward[int(l.dtype())], "recurrent", input);
  const bool lstm = cell == RecurrentCell::Lstm, projected = l.weight(0, 4).defined();
  check_weights(l);
  const Dims states = state_shape(l, h0, l.outputs), memories = state_shape(l, lstm ? c0 : h0, l.hidden);
  if (h0.defined()) check_shape("h_0", h0, states, input);
  if (c0.defined()) check_shape("c_0", c0, memories, input);

  const Tensor first = l.or_zeros(l.h0, states), memory = lstm ? l.or_zeros(l.c0, memories) : Tensor();
  const Dims kept{l.directions, l.rows, l.hidden};
  // With many sequences W x is computed where it is used; then gates need not be kept but for derivatives.
  const bool at_once = l.batch < kSequences || l.steps() == 1, keep = at_once || differentiable;
  const Tensor gates = l.fresh(Dims{l.directions, keep ? l.rows : l.batch, l.kept()});
  const Tensor cells = lstm ? l.fresh(kept) : Tensor(), full = projected ? l.fresh(kept) : Tensor();
  Dims shape = input.shape();
  shape[shape.size() - 1] = l.directions * l.outputs;
  std::vector<Tensor> outs{l.fresh(shape), l.fresh(states)};
  if (lstm) outs.push_back(l.fresh(memories));
  std::vector<RecurrentArgs> args;
  std::vector<Tensor> biases;
  for (int64_t d = 0; d < l.directions; ++d) {
    RecurrentArgs p = arguments(l, d, first, memory, outs[0], gates, cells, full);
    p.h_n = at(outs[1], d * l.batch * l.outputs);
    if (lstm) p.c_n = at(outs[2], d * l.batch * l.hidden);
    biases.push_back(bias_of(l, d));
    p.bias = biases.back().raw();
    p.keep = keep;
    if (at_once)
      multiply(l, l.rows, l.gates(), l.features, l.input.raw(), l.features, 1, l.weight(d, 0).raw(), 1, l.features,
               p.gates, l.kept());
    else
      p.input = l.input.raw(), p.w_ih = l.weight(d, 0).raw(), p.features = l.features;
    args.push_back(p);
  }
  entry(args.data(), l.directions);
  if (!differentiable) return outs;
  plainly.reset();
  inputs.resize(kFirstWeight + kWeights);  // undefined: weights of a second direction that is not there
  const auto& i = inputs;
  record_many(recurrent_op, std::span(i).first(kFirstWeight + weights.size()),
              {int64_t(cell), batch_sizes, l.directions},
              {i[0], i[1], i[2], i[3], i[4], i[5], i[6], i[7], i[8], i[9], i[10], i[11], i[12], outs[0],
               Save(cell < RecurrentCell::Lstm ? Tensor() : gates), cells, full},
              outs);
  return outs;
}

}  // namespace flambeau::ops
