// The graph: plain data. A node is one recorded application of a primitive.
#pragma once
#include <map>
#include <string>
#include <variant>

#include "core/few.h"
#include "core/tensor.h"

namespace flambeau {

class Backward;
class Node;

using Attr = std::variant<std::monostate, bool, int64_t, double, Dims, DType, std::string, std::shared_ptr<void>>;

// A primitive: its name, its derivative, and, for a view, how to take the same view of another tensor.
// One static object each; all of them are listed in op_table().
struct Op {
  using Vjp = void (*)(Backward&);
  using Replay = Tensor (*)(const Tensor& base, const std::vector<Attr>& attrs);
  Op(const char* name, Vjp vjp, Replay replay = nullptr, bool listed = true);
  const char* name;
  Vjp vjp;        // null: not differentiable
  Replay replay;  // of views only
};
const std::vector<const Op*>& op_table();

struct Edge {
  Ref<Node> node;
  int32_t output = 0;  // which of the node's outputs
};

// What of a forward input the engine needs in order to undo broadcasting and promotion.
struct InputMeta {
  DType dtype = DType::Undefined;
  std::shared_ptr<const Dims> shape;  // null where it is the output's
  Device device;
  static InputMeta of(const Tensor& t, bool with_shape) {
    return {t.dtype(), with_shape ? std::make_shared<const Dims>(t.shape()) : nullptr, t.device()};
  }
};

// What packs saved tensors away (torch.autograd.graph.saved_tensors_hooks); owned by the bindings.
struct SavedHooks {
  virtual ~SavedHooks() = default;
  virtual std::shared_ptr<void> pack(const Tensor& t) = 0;
  virtual Tensor unpack(const std::shared_ptr<void>& packed) = 0;
};
extern thread_local std::vector<std::shared_ptr<SavedHooks>> saved_hooks;

class SavedTensor {
 public:
  SavedTensor() = default;
  SavedTensor(const Tensor& t, bool is_output, int output);
  // Checks that nobody has changed it; `owner` gives an output its place in the graph back.
  Tensor unpack(Node* owner) const;
  // From here on the hooks keep it.
  void pack(std::shared_ptr<SavedHooks> hooks);
  bool defined() const { return packed_ || tensor_.defined(); }
  bool is_packed() const { return static_cast<bool>(packed_); }

 private:
  struct Packed;  // what hooks made of it
  Tensor tensor_;
  uint32_t version_ = 0;
  int32_t output_ = -1;  // >= 0: an output of the node itself (kept without its node: no cycle)
  std::shared_ptr<Packed> packed_;
};

// Hooks on a node or tensor; implemented by the bindings.
struct GradHook {
  virtual ~GradHook() = default;
  // pre: gradients of the outputs; post: (gradients of the inputs, of the outputs). May replace entries.
  virtual void call(std::vector<Tensor>& gradients, const std::vector<Tensor>* outputs) = 0;
};
using HookList = std::map<int64_t, std::shared_ptr<GradHook>>;

struct NodeHooks {
  HookList tensor_pre;             // registered on a tensor: run first
  HookList pre, post;              // registered on the node
  std::map<int, HookList> retain;  // of retain_grad, by output: run last of the pre hooks
};

class Node final : public Counted, public Pooled<Node> {
 public:
  explicit Node(const Op* op);
  ~Node() override;
  void dispose() override;  // without recursion, however long the chain

  const Op* op;
  uint64_t sequence;
  int32_t outputs = 1;
  bool released = false;  // a backward pass has used up what was saved
  Few<Edge, 3> edges;
  Few<InputMeta, 3> inputs;
  Few<SavedTensor, 3> saved;
  std::vector<Attr> attrs;
  std::vector<InputMeta> output_metas;  // shapes of the outputs where there are several
  std::unique_ptr<NodeHooks> hooks;
  Location made_at;
  std::shared_ptr<void> metadata;  // Node.metadata of Python
  Tensor variable;                 // of an AccumulateGrad
  Node* next_dying = nullptr;      // see dispose()

  bool needs(int input) const { return static_cast<bool>(edges[input].node); }
  void release_saved();
  NodeHooks& need_hooks() {
    if (!hooks) hooks = std::make_unique<NodeHooks>();
    return *hooks;
  }
};

// What a view remembers: the tensor whose memory it shows and how to get there.
using ViewChain = std::vector<std::pair<const Op*, std::vector<Attr>>>;
struct ViewInfo : Pooled<ViewInfo> {
  Tensor base;
  ViewChain chain;               // empty: a window on the contiguous memory of the base, see view_chain()
  uint32_t version = 0;          // of the shared counter when grad_fn was made
  const char* refuse = nullptr;  // why in-place changes are not allowed (views of multi-view ops)
};

// Of a leaf (others keep theirs on grad_fn).
struct LeafHooks {
  HookList pre, post_accumulate;
};

struct AutogradMeta : Pooled<AutogradMeta> {
  Ref<Node> grad_fn;
  int32_t output = 0;
  bool retains_grad = false;
  Tensor grad;
  Node* accumulator = nullptr;  // of a leaf; not owned
  std::unique_ptr<ViewInfo> view;
  std::unique_ptr<LeafHooks> hooks;

  LeafHooks& need_hooks() {
    if (!hooks) hooks = std::make_unique<LeafHooks>();
    return *hooks;
  }
};
AutogradMeta& need_autograd(const Tensor& t);

// The node that made `t` (for a view whose base was changed in place: made anew), or null.
Ref<Node> grad_fn(const Tensor& t);
// Where gradients of `t` go: its grad_fn, or its accumulator, or nowhere.
Edge gradient_edge(const Tensor& t);
Tensor detach(const Tensor& t);

// ---- modes
bool grad_enabled();
void set_grad_enabled(bool on);
bool inference_mode();
void set_inference_mode(bool on);
class GradMode {
 public:
  explicit GradMode(bool on) : before_(grad_enabled()) { set_grad_enabled(on); }
  ~GradMode() { set_grad_enabled(before_); }

 private:
  bool before_;
};

// ---- the funnel

// A tensor to save for the derivatives of the inputs in the bit set `for_inputs`; saved only if one of them needs it.
struct Save {
  Save(const Tensor& t, uint64_t for_inputs = ~uint64_t{0}) : tensor(&t), for_inputs(for_inputs) {}
  const Tensor* tensor;
  uint64_t for_inputs;
};
using Inputs = std::initializer_list<const Tensor*>;
using Attrs = std::initializer_list<Attr>;
using Saves = std::initializer_list<Save>;

// Whether recording has anything to do for these inputs.
bool needs_grad(Inputs inputs);
bool needs_grad(std::span<const Tensor> inputs);

// Every primitive ends here. Attaches a node to `out` if grad mode is on and an input requires a gradient.
// `saved` may hold inputs, `out` itself, or anything computed on the way.
Tensor record(const Op& op, Inputs inputs, Attrs attrs, Saves saved, const Tensor& out);
// The same for several outputs (all differentiable unless their dtype is not).
void record_many(const Op& op, std::span<const Tensor> inputs, Attrs attrs, Saves saved, std::span<const Tensor> outs);
// A list of inputs (cat, stack).
Tensor record_list(const Op& op, std::span<const Tensor> inputs, Attrs attrs, Saves saved, const Tensor& out);
// `out` is a view of `base` made by op.replay(base, attrs).
Tensor record_view(const Op& op, const Tensor& base, Attrs attrs, const Tensor& out,
                   const char* refuse_inplace = nullptr);
// Several views of one base, recorded one by one, get one node: `op` puts their gradients together.
void share_node(const Op& op, Attrs attrs, std::span<const Tensor> views);
// How a view is taken from its base.
ViewChain view_chain(const Tensor& view);
// The op behind windows on contiguous memory (as_strided: shape, strides, offset, shape and strides of the
// base); set by ops/views.cpp.
extern const Op* window_op;

// In-place: check before writing into `self` (leaf that requires grad, inference, expanded memory, ...), then write,
// then record: `self` becomes the output of `op` applied to `inputs` (edges captured before the write).
void check_inplace(const char* op, const Tensor& self, bool needs_grad);
class InplaceRecord {
 public:
  // `inputs` in the op's order; the self that is overwritten may be among them.
  // `uniform`: one value goes everywhere, so elements of self may share memory.
  InplaceRecord(const Op& op, Inputs inputs, const Tensor& self, bool uniform = false);
  // After the write: bumps the version and, if needed, gives `self` its new history.
  void finish(Attrs attrs, Saves saved);
  bool active() const { return active_; }

 private:
  const Op& op_;
  Tensor self_;
  bool active_;
  uint64_t needs_ = 0;
  Few<Edge, 3> edges_;
  Few<InputMeta, 3> metas_;
};

// Makes output `output` of `node` the history of `self`, which it has changed in place (through a view: of its base).
// `self_inputs`: which of the node's inputs were `self`.
void rebase_history(const Tensor& self, Ref<Node> node, int output, uint64_t self_inputs);

// ---- what a derivative sees
class Backward {
 public:
  Backward(Node& node, std::span<const Tensor> grads, std::span<Tensor> results)
      : node_(node), grads_(grads), results_(results) {}
  const Tensor& grad(int output = 0) const { return grads_[output]; }  // may be undefined if there are several
  Tensor grad_or_zeros(int output) const;
  int outputs() const { return node_.outputs; }
  int inputs() const { return static_cast<int>(node_.edges.size()); }
  bool needs(int input) const { return node_.needs(input); }
  Tensor saved(int i) const { return node_.saved[i].unpack(&node_); }
  template <class T>
  const T& attr(int i) const {
    return std::get<T>(node_.attrs[i]);
  }
  // The gradient of an input; the engine sums it over broadcast dimensions and casts it to the input's dtype.
  void set(int input, Tensor gradient) { results_[input] = std::move(gradient); }
  Node& node() { return node_; }

 private:
  Node& node_;
  std::span<const Tensor> grads_;
  std::span<Tensor> results_;
};

}  // namespace flambeau
