// One heap, ordered by sequence number: a node runs when everything made after it has, so its gradients are complete.
// No recursion: neither here nor when the graph is destroyed.
#include "autograd/engine.h"

#include <algorithm>
#include <unordered_map>

#include "ops/ops.h"

namespace flambeau::autograd {

namespace {

bool anomaly_ = false, check_nan_ = true;
thread_local std::vector<std::function<void()>>* callbacks = nullptr;

using Gradients = Few<Tensor, 2>;

// A node that gradients have come to.
struct Entry {
  Ref<Node> node;
  Gradients gradients;
  bool waits;  // in the heap
};

// The entries of a pass, found by their node; none is ever taken out.
class Entries {
 public:
  size_t find_or_add(const Ref<Node>& node) {
    size_t at = place(node.get());
    if (table_[at]) return table_[at] - 1;
    entries_.push_back({node, {}, false});
    table_[at] = static_cast<uint32_t>(entries_.size());
    if (2 * entries_.size() > table_.size()) widen();
    return entries_.size() - 1;
  }
  Entry& operator[](size_t i) { return entries_[i]; }

 private:
  size_t place(const Node* node) const {
    auto bits = reinterpret_cast<uintptr_t>(node);
    size_t mask = table_.size() - 1, at = ((bits >> 4) ^ (bits >> 12)) & mask;
    while (table_[at] && entries_[table_[at] - 1].node.get() != node) at = (at + 1) & mask;
    return at;
  }
  void widen() {
    size_t size = 2 * table_.size();
    table_.clear();
    table_.resize(size);
    for (size_t i = 0; i < entries_.size(); i++) table_[place(entries_[i].node.get())] = static_cast<uint32_t>(i) + 1;
  }

  Few<Entry, 16> entries_;
  Few<uint32_t, 64> table_ = Few<uint32_t, 64>(64);  // number of an entry plus one; 0: free
};

// What runs next: of the nodes that wait, the one made last.
struct Place {
  uint64_t sequence;
  size_t entry;
  bool operator<(const Place& o) const { return sequence < o.sequence; }
};

// A tensor whose gradient is wanted.
struct Wanted {
  Node* node;
  int output;
  size_t index;
};

// Undoes what broadcasting and promotion did to an input.
void fit(Tensor& gradient, const InputMeta& input) {
  if (input.dtype == DType::Undefined) return;
  if (!is_complex(input.dtype) && is_complex(gradient.dtype())) gradient = ops::real_(gradient);
  if (gradient.dtype() != input.dtype) gradient = ops::to_dtype(gradient, input.dtype);
  if (input.shape && !(gradient.shape() == *input.shape)) gradient = ops::sum_to(gradient, *input.shape);
}

// The gradients of a node's inputs from those of its outputs.
void differentiate(Node& node, std::span<const Tensor> gradients, std::span<Tensor> results) {
  FL_CHECK(!node.released, Runtime, "backward",
           "Trying to backward through the graph a second time (or directly access saved tensors after they have "
           "already been freed). Saved intermediate values of the graph are freed when you call .backward() or "
           "autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if "
           "you need to access saved tensors after calling backward. (",
           node.op->name, ")");
  FL_CHECK(node.op->vjp, NotImplemented, "backward", "the derivative for '", node.op->name, "' is not implemented.");
  Backward backward(node, gradients, results);
  node.op->vjp(backward);
  for (size_t i = 0; i < results.size(); i++)
    if (results[i].defined() && node.edges[i].node) fit(results[i], node.inputs[i]);
}

class Pass {
 public:
  Pass(std::span<const Tensor> inputs, const Options& options) : options_(options), collected_(inputs.size()) {
    for (size_t i = 0; i < inputs.size(); i++) {
      Edge edge = gradient_edge(inputs[i]);
      FL_CHECK(edge.node, Runtime, "grad", "One of the differentiated Tensors does not require grad");
      wanted_[edge.node.get()].push_back({edge.node.get(), edge.output, i});
      keep_.push_back(edge.node);
    }
    selective_ = !inputs.empty();
  }

  void add(const Edge& edge, const Tensor& gradient) {
    size_t at = entries_.find_or_add(edge.node);
    Entry& entry = entries_[at];
    if (!entry.waits) {
      entry.waits = true;
      entry.gradients.resize(edge.node->outputs);
      heap_.push_back({edge.node->sequence, at});
      std::push_heap(heap_.begin(), heap_.end());
    }
    Tensor before = entry.gradients[edge.output];
    entries_[at].gradients[edge.output] = before.defined() ? ops::add(before, gradient) : gradient;
  }

  std::vector<Tensor> run() {
    if (selective_) mark_needed();
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end());
      Entry& entry = entries_[heap_.back().entry];
      heap_.pop_back();
      Ref<Node> node = entry.node;
      Gradients gradients = std::move(entry.gradients);
      entry.waits = false;
      step(*node, gradients);
    }
    return std::move(collected_);
  }

 private:
  // The nodes from which a wanted one can be reached: only these run.
  void mark_needed() {
    std::vector<std::pair<Node*, size_t>> stack;
    std::unordered_map<Node*, bool> seen;
    for (const Place& root : heap_) stack.emplace_back(entries_[root.entry].node.get(), 0);
    while (!stack.empty()) {
      auto& [node, next] = stack.back();
      if (next == 0) {
        auto [at, fresh] = seen.try_emplace(node, wanted_.count(node) > 0);
        if (!fresh) {
          stack.pop_back();
          continue;
        }
      }
      bool pushed = false;
      while (next < node->edges.size()) {
        Node* child = node->edges[next++].node.get();
        if (child && !seen.count(child)) {
          stack.emplace_back(child, 0);
          pushed = true;
          break;
        }
      }
      if (pushed) continue;
      Node* done = stack.back().first;
      stack.pop_back();
      for (const Edge& e : done->edges)
        if (e.node && seen[e.node.get()]) seen[done] = true;
    }
    needed_ = std::move(seen);
  }

  bool is_needed(Node* node) const {
    if (!selective_) return true;
    auto at = needed_.find(node);
    return at != needed_.end() && at->second;
  }

  void step(Node& node, Gradients& gradients) {
    if (node.hooks) run_pre_hooks(node, gradients);
    bool wanted = selective_ && collect(node, gradients);
    if (wanted && !options_.accumulate && !leads_on(node)) return;
    if (node.variable.defined()) {
      if (options_.accumulate && (!selective_ || wanted)) accumulate_leaf(node, gradients[0]);
      return;
    }
    if (selective_ && !leads_on(node)) return;
    Few<Tensor, 3> results(node.edges.size());
    differentiate(node, {gradients.data(), gradients.size()}, {results.data(), results.size()});
    if (anomaly_ && check_nan_)
      for (size_t i = 0; i < results.size(); i++)
        if (results[i].defined() && node.edges[i].node) check_finite(node, results[i], i);
    if (node.hooks && !node.hooks->post.empty()) {
      std::vector<Tensor> given(gradients.begin(), gradients.end());
      call_hooks(node.hooks->post, results, &given);
    }
    for (size_t i = 0; i < results.size(); i++) {
      const Edge& edge = node.edges[i];
      if (edge.node && results[i].defined() && is_needed(edge.node.get())) add(edge, results[i]);
    }
    if (!options_.keep_graph) release(node);
  }

  // Keeps the gradients that are asked for; whether any of this node's are.
  bool collect(Node& node, const Gradients& gradients) {
    auto wanted = wanted_.find(&node);
    if (wanted == wanted_.end()) return false;
    for (const Wanted& w : wanted->second) collected_[w.index] = gradients[w.output];
    return true;
  }

  // Whether a wanted tensor lies behind this node.
  bool leads_on(const Node& node) const {
    if (!selective_) return true;
    for (const Edge& e : node.edges)
      if (e.node && is_needed(e.node.get())) return true;
    return false;
  }

  static void check_finite(const Node& node, const Tensor& gradient, size_t index) {
    GradMode no_grad(false);
    Tensor bad = ops::ne(gradient, gradient);
    Tensor total = ops::sum(ops::to_dtype(bad, DType::Int64), {}, false);
    std::string where =
        node.made_at.code && location_hooks.describe ? " recorded at " + location_hooks.describe(node.made_at) : "";
    FL_CHECK(ops::item(total) == 0, Runtime, "backward", "Function '", node.op->name, "' returned nan values in its ",
             index, "th output", where, ".");
  }

  // Hooks see lists that they may change; the list of hooks may change too.
  template <class List>
  static void call_hooks(const HookList& hooks, List& gradients, const std::vector<Tensor>* outputs) {
    std::vector<Tensor> list(gradients.begin(), gradients.end());
    for (auto& [id, hook] : HookList(hooks)) hook->call(list, outputs);
    std::move(list.begin(), list.end(), gradients.begin());
  }

  static void run_pre_hooks(Node& node, Gradients& gradients) {
    call_hooks(node.hooks->tensor_pre, gradients, nullptr);
    call_hooks(node.hooks->pre, gradients, nullptr);
    auto retain = node.hooks->retain;
    for (auto& [output, hooks] : retain) call_hooks(hooks, gradients, nullptr);
  }

  void accumulate_leaf(Node& node, Tensor gradient) {
    Tensor leaf = node.variable;
    AutogradMeta& meta = need_autograd(leaf);
    if (meta.hooks && !meta.hooks->pre.empty()) {
      std::vector<Tensor> one{gradient};
      for (auto& [id, hook] : HookList(meta.hooks->pre)) hook->call(one, nullptr);
      gradient = one[0];
    }
    if (!gradient.defined()) return;
    FL_CHECK(gradient.shape() == leaf.shape(), Runtime, "backward", "a gradient of shape ", gradient.shape(),
             " came for a tensor of shape ", leaf.shape());
    if (!meta.grad.defined()) {
      // Taken over if nobody else holds it, else copied: .grad must not share memory with the graph.
      bool own = !options_.create_graph && !gradient->autograd && gradient->owners() <= 2 && !gradient->python() &&
                 gradient->owns_memory() && gradient.strides() == leaf.strides();
      meta.grad = own ? gradient : options_.create_graph ? ops::clone(gradient) : copy_like(gradient, leaf);
    } else if (options_.create_graph || (grad_enabled() && meta.grad.requires_grad())) {
      meta.grad = ops::add(meta.grad, gradient);
    } else {
      ops::inplace_add(meta.grad, gradient);
    }
    if (node.hooks && !node.hooks->post.empty()) {
      std::vector<Tensor> none, one{gradient};
      for (auto& [id, hook] : HookList(node.hooks->post)) hook->call(none, &one);
    }
    if (!meta.hooks || meta.hooks->post_accumulate.empty()) return;
    std::vector<Tensor> self{leaf};
    for (auto& [id, hook] : HookList(meta.hooks->post_accumulate)) hook->call(self, nullptr);
  }

  static Tensor copy_like(const Tensor& gradient, const Tensor& leaf) {
    Tensor out = empty_like(leaf, gradient.dtype());
    ops::copy_(out, gradient);
    return out;
  }

  static void release(Node& node) {
    bool had_saved = !node.saved.empty();
    node.release_saved();
    if (!had_saved) return;
    for (Edge& edge : node.edges) edge = {};
  }

  const Options& options_;
  std::vector<Tensor> collected_;
  std::unordered_map<Node*, std::vector<Wanted>> wanted_;
  std::unordered_map<Node*, bool> needed_;
  Entries entries_;
  Few<Place, 16> heap_;
  std::vector<Ref<Node>> keep_;
  bool selective_ = false;
};

Tensor start_gradient(const Tensor& root, const Tensor& given, const Options& options) {
  if (given.defined()) {
    FL_CHECK(given.shape() == root.shape(), Runtime, "backward", "Mismatch in shape: grad_output has a shape of ",
             given.shape(), " and output has a shape of ", root.shape(), ".");
    FL_CHECK(is_complex(given.dtype()) == is_complex(root.dtype()), Runtime, "backward",
             "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
             "grad_output has dtype ",
             name(given.dtype()), " and output has dtype ", name(root.dtype()));
    return given.dtype() == root.dtype() ? given : ops::to_dtype(given, root.dtype());
  }
  FL_CHECK(root.numel() == 1, Runtime, "backward", "grad can be implicitly created only for scalar outputs, got shape ",
           root.shape(), "; reduce the output first or pass a gradient of its shape");
  FL_CHECK(!is_complex(root.dtype()), Runtime, "backward",
           "grad can be implicitly created only for real scalar outputs but got ", name(root.dtype()));
  GradMode no_grad(false);
  return ops::ones_like(root);
}

}  // namespace

std::vector<Tensor> run_node(Node& node, const std::vector<Tensor>& gradients) {
  std::vector<Tensor> results(node.edges.size());
  differentiate(node, gradients, results);
  return results;
}

bool anomaly_mode() { return anomaly_; }
void set_anomaly_mode(bool on, bool check_nan) {
  anomaly_ = on;
  check_nan_ = check_nan;
}

void queue_callback(std::function<void()> callback) {
  FL_CHECK(callbacks, Runtime, "queue_callback", "Final callbacks can only be installed during backward pass.");
  callbacks->push_back(std::move(callback));
}

std::vector<Tensor> run(std::span<const Tensor> roots, std::span<const Tensor> gradients,
                        std::span<const Tensor> inputs, const Options& options) {
  FL_CHECK(roots.size() == gradients.size(), Runtime, "backward", "got ", roots.size(), " tensors and ",
           gradients.size(), " gradients");
  Pass pass(inputs, options);
  for (size_t i = 0; i < roots.size(); i++) {
    FL_CHECK(roots[i].requires_grad(), Runtime, "backward", "element ", i,
             " of tensors does not require grad and does not have a grad_fn");
    Tensor start = start_gradient(roots[i], gradients[i], options);
    pass.add(gradient_edge(roots[i]), start);
  }
  std::vector<std::function<void()>> at_end, *outer = callbacks;
  callbacks = &at_end;
  GradMode mode(options.create_graph);
  std::vector<Tensor> result;
  try {
    result = pass.run();
  } catch (...) {
    callbacks = outer;
    throw;
  }
  callbacks = outer;
  for (auto& callback : at_end) callback();
  for (size_t i = 0; i < result.size(); i++)
    FL_CHECK(result[i].defined() || options.allow_unused || options.accumulate, Runtime, "grad",
             "One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if "
             "this is the desired behavior.");
  return result;
}

}  // namespace flambeau::autograd
