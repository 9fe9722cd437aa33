#include "core/node.h"

#include <cstring>

namespace flambeau {

namespace {
std::vector<const Op*>& ops() {
  static auto* list = new std::vector<const Op*>;
  return *list;
}
thread_local bool grad_enabled_ = true;
thread_local bool inference_ = false;
thread_local uint64_t sequence_ = 0;
}  // namespace

thread_local std::vector<std::shared_ptr<SavedHooks>> saved_hooks;

Op::Op(const char* name, Vjp vjp, Replay replay, bool listed) : name(name), vjp(vjp), replay(replay) {
  if (listed) ops().push_back(this);
}
const std::vector<const Op*>& op_table() { return ops(); }

bool grad_enabled() { return grad_enabled_; }
void set_grad_enabled(bool on) { grad_enabled_ = on; }
bool inference_mode() { return inference_; }
void set_inference_mode(bool on) { inference_ = on; }

// ---- saved tensors

struct SavedTensor::Packed {
  std::shared_ptr<SavedHooks> hooks;
  std::shared_ptr<void> value;
  Edge edge;  // the place of an input in the graph, which the tensor that comes back takes
};

SavedTensor::SavedTensor(const Tensor& t, bool is_output, int output)
    : version_(t.version()), output_(is_output ? output : -1) {
  FL_CHECK(
      !t->inference || !grad_enabled(), Runtime, "autograd",
      "Inference tensors cannot be saved for backward. To work around you can make a clone to get a normal tensor");
  t->version->watched = true;
  tensor_ = is_output ? alias(t) : t;
  if (!saved_hooks.empty()) pack(saved_hooks.back());
}

void SavedTensor::pack(std::shared_ptr<SavedHooks> hooks) {
  auto packed = std::make_shared<Packed>();
  if (output_ < 0) packed->edge = gradient_edge(tensor_);
  packed->hooks = std::move(hooks);
  GradMode no_grad(false);
  packed->value = packed->hooks->pack(tensor_);
  packed_ = std::move(packed);
  tensor_ = {};
}

namespace {

std::string describe(const Location& at) {
  if (!at.code || !location_hooks.describe) return "";
  return " at " + location_hooks.describe(at);
}

[[noreturn, gnu::cold]] void changed(const Tensor& t, uint32_t saved_version, const Node* owner) {
  std::string saver = std::string(owner ? owner->op->name : "a function") + (owner ? describe(owner->made_at) : "");
  std::string changer =
      t->version->changed_by ? t->version->changed_by + describe(t->version->changed_at) : "an in-place operation";
  FL_FAIL(Runtime, "backward",
          "one of the variables needed for gradient computation has been modified by an inplace operation: a ",
          name(t.dtype()), " tensor of shape ", t.shape(), " was saved by ", saver, " at version ", saved_version,
          " and then changed by ", changer, " (now version ", t.version(),
          "). Use the out-of-place form there, or clone() the tensor before changing it");
}

}  // namespace

namespace {

// A tensor of its own that shows the same numbers, at this place in the graph.
Tensor placed(const Tensor& t, Ref<Node> node, int output) {
  Tensor out = alias(t);
  AutogradMeta& meta = need_autograd(out);
  meta.grad_fn = std::move(node);
  meta.output = output;
  return out;
}

}  // namespace

Tensor SavedTensor::unpack(Node* owner) const {
  if (packed_) {
    Tensor t = packed_->hooks->unpack(packed_->value);
    if (!t.defined()) return t;
    if (output_ >= 0) return owner ? placed(t, Ref<Node>(owner), output_) : t;
    return packed_->edge.node ? placed(t, packed_->edge.node, packed_->edge.output) : t;
  }
  if (!tensor_.defined()) return tensor_;
  if (tensor_.version() != version_) [[unlikely]]
    changed(tensor_, version_, owner);
  return output_ < 0 || !owner ? tensor_ : placed(tensor_, Ref<Node>(owner), output_);
}

// ---- nodes

Node::Node(const Op* op) : op(op), sequence(++sequence_) {}

Node::~Node() {
  if (variable.defined() && variable->autograd && variable->autograd->accumulator == this)
    variable->autograd->accumulator = nullptr;
  if (made_at.code && location_hooks.release) location_hooks.release(made_at.code);
}

void Node::dispose() {
  // Nodes that die while one is being destroyed wait in a list, so that the depth stays one.
  thread_local bool busy = false;
  thread_local Node* waiting = nullptr;
  next_dying = waiting;
  waiting = this;
  if (busy) return;
  busy = true;
  while (waiting) {
    Node* next = waiting;
    waiting = next->next_dying;
    delete next;
  }
  busy = false;
}

void Node::release_saved() {
  if (saved.empty()) return;
  saved = {};
  released = true;
}

AutogradMeta& need_autograd(const Tensor& t) {
  if (!t->autograd) t->autograd = std::make_unique<AutogradMeta>();
  return *t->autograd;
}

namespace {

// Accumulates into .grad; the engine does the work (autograd/engine.cpp).
const Op accumulate_grad_op{"AccumulateGrad", nullptr};

Ref<Node> accumulator(const Tensor& leaf) {
  AutogradMeta& meta = need_autograd(leaf);
  if (meta.accumulator) return Ref<Node>(meta.accumulator);
  Ref<Node> node(new Node(&accumulate_grad_op));
  node->sequence = 0;  // after everything that can feed it
  node->variable = leaf;
  meta.accumulator = node.get();
  return node;
}

void connect(Node& node, Inputs inputs, const Tensor& out) {
  node.edges.reserve(inputs.size());
  node.inputs.reserve(inputs.size());
  for (const Tensor* t : inputs) {
    if (!t->defined()) {
      node.edges.emplace_back();
      node.inputs.emplace_back();
      continue;
    }
    node.edges.push_back(gradient_edge(*t));
    node.inputs.push_back(InputMeta::of(*t, node.edges.back().node && !(t->shape() == out.shape())));
  }
}

void save(Node& node, Saves saved, std::span<const Tensor> outs) {
  if (saved.size() == 0) return;
  node.saved.reserve(saved.size());
  uint64_t needed = 0;
  for (size_t i = 0; i < node.edges.size() && i < 64; i++)
    if (node.edges[i].node) needed |= uint64_t{1} << i;
  bool any = false;
  for (const Save& s : saved) {
    if (!s.tensor->defined() || !(s.for_inputs & needed)) {
      node.saved.emplace_back();
      continue;
    }
    int output = -1;
    for (size_t i = 0; i < outs.size(); i++)
      if (s.tensor->is(outs[i])) output = static_cast<int>(i);
    node.saved.emplace_back(*s.tensor, output >= 0, output);
    any = true;
  }
  if (any && location_hooks.capture) node.made_at = location_hooks.capture();
}

void attach(const Tensor& out, Ref<Node> node, int output) {
  AutogradMeta& meta = need_autograd(out);
  meta.grad_fn = std::move(node);
  meta.output = output;
}

}  // namespace

const Op* window_op;

ViewChain view_chain(const Tensor& t) {
  const ViewInfo& view = *t->autograd->view;
  if (!view.chain.empty()) return view.chain;
  return {{window_op, {t.shape(), t.strides(), t->offset - view.base->offset, view.base.shape(), view.base.strides()}}};
}

Ref<Node> grad_fn(const Tensor& t) {
  if (!t->autograd) return nullptr;
  AutogradMeta& meta = *t->autograd;
  if (meta.view && meta.view->version != t.version()) {
    ViewInfo& view = *meta.view;
    view.version = t.version();
    Edge edge = view.base.requires_grad() ? gradient_edge(view.base) : Edge{};
    if (edge.node) {
      for (auto& [op, attrs] : view_chain(t)) {
        Ref<Node> node(new Node(op));
        node->edges.push_back(edge);
        node->inputs.emplace_back();
        node->attrs = attrs;
        edge = {node, 0};
      }
      meta.grad_fn = edge.node;
      meta.output = 0;
    }
  }
  return meta.grad_fn;
}

Edge gradient_edge(const Tensor& t) {
  if (!t.defined()) return {};
  if (Ref<Node> node = grad_fn(t)) return {node, t->autograd->output};
  if (t->requires_grad) return {accumulator(t), 0};
  return {};
}

Tensor detach(const Tensor& t) { return alias(t); }

bool needs_grad(Inputs inputs) {
  if (!grad_enabled_) return false;
  for (const Tensor* t : inputs)
    if (t->defined() && t->requires_grad()) return true;
  return false;
}

bool needs_grad(std::span<const Tensor> inputs) {
  if (!grad_enabled_) return false;
  for (const Tensor& t : inputs)
    if (t.defined() && t.requires_grad()) return true;
  return false;
}

Tensor record(const Op& op, Inputs inputs, Attrs attrs, Saves saved, const Tensor& out) {
  if (!needs_grad(inputs) || !is_inexact(out.dtype())) return out;
  Ref<Node> node(new Node(&op));
  connect(*node, inputs, out);
  node->attrs.assign(attrs.begin(), attrs.end());
  save(*node, saved, {&out, 1});
  attach(out, std::move(node), 0);
  return out;
}

void record_many(const Op& op, std::span<const Tensor> inputs, Attrs attrs, Saves saved, std::span<const Tensor> outs) {
  if (!needs_grad(inputs)) return;
  Ref<Node> node(new Node(&op));
  node->edges.reserve(inputs.size());
  node->inputs.reserve(inputs.size());
  for (const Tensor& t : inputs) {
    node->edges.push_back(gradient_edge(t));
    node->inputs.push_back(t.defined() ? InputMeta::of(t, false) : InputMeta{});
  }
  node->attrs.assign(attrs.begin(), attrs.end());
  node->outputs = static_cast<int32_t>(outs.size());
  for (const Tensor& out : outs) node->output_metas.push_back(InputMeta::of(out, true));
  save(*node, saved, outs);
  for (size_t i = 0; i < outs.size(); i++)
    if (is_inexact(outs[i].dtype())) attach(outs[i], node, static_cast<int>(i));
}

Tensor record_list(const Op& op, std::span<const Tensor> inputs, Attrs attrs, Saves saved, const Tensor& out) {
  if (!is_inexact(out.dtype())) return out;
  record_many(op, inputs, attrs, saved, {&out, 1});
  return out;
}

namespace {
constexpr const char* kNoGradView =
    "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that this use case "
    "is "
    "ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace "
    "either "
    "both inside the no_grad block (if you don't want the inplace to be tracked) or both outside (if you want the "
    "inplace to be tracked)";
}

Tensor record_view(const Op& op, const Tensor& base, Attrs attrs, const Tensor& out, const char* refuse) {
  if (inference_) return out;
  AutogradMeta& meta = need_autograd(out);
  auto view = std::make_unique<ViewInfo>();
  view->version = out.version();
  view->refuse = refuse;
  ViewInfo* parent = base->autograd ? base->autograd->view.get() : nullptr;
  view->base = parent ? parent->base : base;
  if (parent && !view->refuse) view->refuse = parent->refuse;
  if (!grad_enabled_ && !view->refuse) view->refuse = kNoGradView;
  if (needs_grad({&base}) && is_inexact(out.dtype())) {
    Ref<Node> node(new Node(&op));
    node->edges.push_back(gradient_edge(base));
    node->inputs.emplace_back();
    node->attrs.assign(attrs.begin(), attrs.end());
    meta.grad_fn = std::move(node);
  }
  bool window = !meta.grad_fn && view->base.is_contiguous() && view->base.dtype() == out.dtype() &&
                (!parent || parent->chain.empty());
  if (!window) {
    if (parent) view->chain = view_chain(base);
    view->chain.emplace_back(&op, std::vector<Attr>(attrs.begin(), attrs.end()));
  }
  meta.view = std::move(view);
  return out;
}

void share_node(const Op& op, Attrs attrs, std::span<const Tensor> views) {
  if (views.empty() || !views[0]->autograd || !views[0]->autograd->grad_fn) return;
  Ref<Node> node(new Node(&op));
  node->edges = views[0]->autograd->grad_fn->edges;
  node->inputs.emplace_back();
  node->attrs.assign(attrs.begin(), attrs.end());
  node->outputs = static_cast<int32_t>(views.size());
  for (const Tensor& view : views) node->output_metas.push_back(InputMeta::of(view, true));
  for (size_t i = 0; i < views.size(); i++) attach(views[i], node, static_cast<int>(i));
}

// ---- in-place

void check_inplace(const char* op, const Tensor& self, bool with_grad) {
  FL_CHECK(!self->inference || inference_, Runtime, op,
           "Inplace update to inference tensor outside InferenceMode is not allowed. You can make a clone to get a "
           "normal tensor before doing inplace update");
  if (!grad_enabled_) return;
  if (self->requires_grad && self.is_leaf())
    FL_FAIL(Runtime, op,
            "a leaf Variable that requires grad is being used in an in-place operation. Wrap the change in `with "
            "torch.no_grad():`");
  ViewInfo* view = self->autograd ? self->autograd->view.get() : nullptr;
  if (!view) return;
  if (view->base.is_leaf() && view->base->requires_grad)
    FL_FAIL(Runtime, op,
            "a view of a leaf Variable that requires grad is being used in an in-place operation. Wrap the change in "
            "`with torch.no_grad():`");
  if (view->refuse && (with_grad || self.requires_grad() || view->base.requires_grad()))
    FL_FAIL(Runtime, op, view->refuse);
}

InplaceRecord::InplaceRecord(const Op& op, Inputs inputs, const Tensor& self, bool uniform) : op_(op), self_(self) {
  active_ = needs_grad(inputs) || needs_grad({&self});
  if (self->inference || (grad_enabled_ && (active_ || self->autograd))) check_inplace(op.name, self, active_);
  for (int64_t i = 0; i < self.ndim(); i++)
    FL_CHECK(
        uniform || self.stride(i) != 0 || self.size(i) <= 1, Runtime, op.name,
        "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
        "Please clone() the tensor before performing the operation");
  if (!active_) return;
  int i = 0;
  for (const Tensor* t : inputs) {
    bool is_self = t->defined() && t->is(self);
    if (is_self) needs_ |= uint64_t{1} << i;
    edges_.push_back(gradient_edge(*t));
    metas_.push_back(t->defined() ? InputMeta::of(*t, !(t->shape() == self.shape())) : InputMeta{});
    i++;
  }
}

namespace {

// The history of a tensor part of which was overwritten through a view.
struct Slice {
  Ref<Node> inner;       // the op that wrote
  uint64_t self_inputs;  // which of its inputs were the view itself
  ViewChain chain;
  Dims strides;  // of the base
};

}  // namespace

// Defined by ops/copy.cpp, which knows clone and copy_.
void copy_slices_vjp(Backward& b, Node& inner, uint64_t self_inputs, const ViewChain& chain, const Dims& strides);

namespace {
const Op copy_slices_op{"CopySlices", [](Backward& b) {
                          auto slice = std::static_pointer_cast<Slice>(b.attr<std::shared_ptr<void>>(0));
                          copy_slices_vjp(b, *slice->inner, slice->self_inputs, slice->chain, slice->strides);
                        }};
}  // namespace

void rebase_history(const Tensor& self, Ref<Node> node, int output, uint64_t self_inputs) {
  AutogradMeta& meta = need_autograd(self);
  if (!meta.view) {
    attach(self, std::move(node), output);
    return;
  }
  auto slice = std::make_shared<Slice>();
  slice->inner = node;
  slice->self_inputs = self_inputs;
  slice->chain = view_chain(self);
  Tensor base = meta.view->base;
  slice->strides = base.strides();
  Ref<Node> outer(new Node(&copy_slices_op));
  outer->edges.push_back(gradient_edge(base));
  outer->inputs.emplace_back();
  for (size_t i = 0; i < node->edges.size(); i++) {
    bool is_self = self_inputs >> i & 1;
    outer->edges.push_back(is_self ? Edge{} : node->edges[i]);
    outer->inputs.push_back(node->inputs[i]);
  }
  outer->attrs.emplace_back(std::shared_ptr<void>(slice));
  attach(base, outer, 0);
  grad_fn(self);  // made anew from the base, since the version has moved
}

void InplaceRecord::finish(Attrs attrs, Saves saved) {
  bump_version(self_, op_.name);
  if (!active_ || !is_inexact(self_.dtype())) return;
  Ref<Node> node(new Node(&op_));
  node->edges = std::move(edges_);
  node->inputs = std::move(metas_);
  node->attrs.assign(attrs.begin(), attrs.end());
  save(*node, saved, {&self_, 1});
  rebase_history(self_, std::move(node), 0, needs_);
}

Tensor Backward::grad_or_zeros(int output) const {
  if (grads_[output].defined()) return grads_[output];
  const InputMeta& meta = node_.output_metas[output];
  Tensor zero = empty(*meta.shape, meta.dtype, meta.device);
  if (zero.numel() && zero.device().is_cpu()) std::memset(zero.raw(), 0, zero.bytes());
  return zero;
}

}  // namespace flambeau
