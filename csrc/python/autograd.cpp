// Graph nodes, hooks, modes, the backward pass and functions written in Python.

#include <cstring>

#include "autograd/engine.h"
#include "python/python.h"

namespace flambeau::python {

namespace {

// ---- hooks: Python callables behind core's interfaces

nb::object to_python(const Tensor& t) { return nb::steal(wrap(t)); }
Tensor to_tensor(nb::handle o, const char* what) {
  if (o.is_none()) return {};
  FL_CHECK(is_tensor(o.ptr()), Type, what, "expected Tensor or None, got ", Py_TYPE(o.ptr())->tp_name);
  return unwrap(o.ptr());
}

nb::tuple to_tuple(const std::vector<Tensor>& tensors) {
  nb::object out = nb::steal(PyTuple_New(static_cast<Py_ssize_t>(tensors.size())));
  for (size_t i = 0; i < tensors.size(); i++) PyTuple_SET_ITEM(out.ptr(), static_cast<Py_ssize_t>(i), wrap(tensors[i]));
  return nb::borrow<nb::tuple>(out);
}

// Of one tensor: hook(grad) -> grad or None, for output `index` of the node.
struct TensorHook final : GradHook {
  nb::object function;
  size_t index;
  TensorHook(nb::object f, size_t i) : function(std::move(f)), index(i) {}
  void call(std::vector<Tensor>& gradients, const std::vector<Tensor>*) override {
    if (!gradients[index].defined()) return;
    nb::object out = function(to_python(gradients[index]));
    if (!out.is_none()) gradients[index] = to_tensor(out, "hook");
  }
};

// Of a node: pre(grad_outputs), post(grad_inputs, grad_outputs).
struct NodeHook final : GradHook {
  nb::object function;
  explicit NodeHook(nb::object f) : function(std::move(f)) {}
  void call(std::vector<Tensor>& gradients, const std::vector<Tensor>* outputs) override {
    nb::object out = outputs ? function(to_tuple(gradients), to_tuple(*outputs)) : function(to_tuple(gradients));
    if (out.is_none()) return;
    nb::tuple replaced = nb::isinstance<nb::tuple>(out) ? nb::borrow<nb::tuple>(out) : nb::make_tuple(out);
    FL_CHECK(nb::len(replaced) == gradients.size(), Runtime, "hook",
             "hook has returned an incorrect number of values (got ", nb::len(replaced), ", but expected ",
             gradients.size(), ")");
    for (size_t i = 0; i < gradients.size(); i++) gradients[i] = to_tensor(replaced[i], "hook");
  }
};

// The gradient goes into .grad of a tensor that is not a leaf.
struct RetainHook final : GradHook {
  nb::object weak;  // to the tensor
  size_t index;
  RetainHook(nb::object w, size_t i) : weak(std::move(w)), index(i) {}
  void call(std::vector<Tensor>& gradients, const std::vector<Tensor>*) override {
    nb::object owner = weak();
    if (owner.is_none() || !gradients[index].defined()) return;
    Tensor t = unwrap(owner.ptr());
    AutogradMeta& meta = need_autograd(t);
    if (!meta.grad.defined()) {
      meta.grad = grad_enabled() ? ops::clone(gradients[index]) : ops::clone(detach(gradients[index]));
    } else {
      meta.grad = ops::add(meta.grad, gradients[index]);
    }
  }
};

int64_t next_hook_id = 1;

template <class Map>
int64_t add_hook(Map& list, std::shared_ptr<GradHook> hook) {
  int64_t id = next_hook_id++;
  list[id] = std::move(hook);
  return id;
}

HookList& tensor_hooks(const Tensor& t) {
  if (Ref<Node> node = grad_fn(t)) return node->need_hooks().tensor_pre;
  return need_autograd(t).need_hooks().pre;
}

int64_t register_tensor_hook(const Tensor& t, nb::object function) {
  FL_CHECK(t.requires_grad(), Runtime, "register_hook",
           "cannot register a hook on a tensor that doesn't require gradient");
  size_t index = t.is_leaf() ? 0 : t->autograd->output;
  return add_hook(tensor_hooks(t), std::make_shared<TensorHook>(std::move(function), index));
}

void remove_tensor_hook(const Tensor& t, int64_t id) {
  if (t->autograd && t->autograd->hooks) {
    t->autograd->hooks->pre.erase(id);
    t->autograd->hooks->post_accumulate.erase(id);
  }
  if (Ref<Node> node = grad_fn(t))
    if (node->hooks) node->hooks->tensor_pre.erase(id);
}

void retain_grad(nb::handle self) {
  Tensor t = unwrap(self.ptr());
  FL_CHECK(t.requires_grad(), Runtime, "retain_grad", "can't retain_grad on Tensor that has requires_grad=False");
  Ref<Node> node = grad_fn(t);
  AutogradMeta& meta = need_autograd(t);
  if (!node || meta.retains_grad) return;
  meta.retains_grad = true;
  nb::object weak = nb::steal(PyWeakref_NewRef(self.ptr(), nullptr));
  add_hook(node->need_hooks().retain[meta.output], std::make_shared<RetainHook>(weak, meta.output));
}

// ---- saved tensor hooks

struct PythonSavedHooks final : SavedHooks {
  nb::object pack_function, unpack_function;
  std::shared_ptr<void> pack(const Tensor& t) override {
    auto* held = new nb::object(pack_function(to_python(t)));
    return std::shared_ptr<void>(held, [](void* p) { delete static_cast<nb::object*>(p); });
  }
  Tensor unpack(const std::shared_ptr<void>& packed) override {
    return to_tensor(unpack_function(*static_cast<nb::object*>(packed.get())), "unpack_hook");
  }
};

std::shared_ptr<SavedHooks> python_saved_hooks(nb::object pack, nb::object unpack) {
  auto hooks = std::make_shared<PythonSavedHooks>();
  hooks->pack_function = std::move(pack);
  hooks->unpack_function = std::move(unpack);
  return hooks;
}

// ---- functions written in Python: the node holds the context object, whose _apply gives the gradients

std::shared_ptr<void> hold(nb::object o) {
  return std::shared_ptr<void>(new nb::object(std::move(o)), [](void* p) { delete static_cast<nb::object*>(p); });
}

void python_vjp(Backward& b) {
  nb::object context = *static_cast<nb::object*>(b.attr<std::shared_ptr<void>>(0).get());
  nb::list grads;
  for (int i = 0; i < b.outputs(); i++) grads.append(to_python(b.grad(i)));
  nb::object out = context.attr("_apply_backward")(nb::steal(wrap_node(Ref<Node>(&b.node()))), nb::tuple(grads));
  nb::tuple results = nb::borrow<nb::tuple>(out);
  for (int i = 0; i < b.inputs(); i++)
    if (b.needs(i)) b.set(i, to_tensor(results[i], "Function.backward"));
}

const Op* python_op(const std::string& name) {
  static auto* known = new std::map<std::string, std::unique_ptr<Op>>;
  auto& entry = (*known)[name];
  if (!entry) {
    auto* text = new std::string(name);  // lives as long as the op
    entry.reset(new Op(text->c_str(), python_vjp, nullptr, /*listed=*/false));
  }
  return entry.get();
}

// A node for `context` whose inputs are tensors and whose outputs are fresh.
nb::object function_node(nb::object context, const std::string& name, const std::vector<Tensor>& inputs) {
  Ref<Node> node(new Node(python_op(name)));
  for (const Tensor& t : inputs) {
    node->edges.push_back(gradient_edge(t));
    node->inputs.push_back(InputMeta::of(t, true));
  }
  node->attrs.emplace_back(hold(std::move(context)));
  return nb::steal(wrap_node(node));
}

// ---- nodes as Python objects

struct NodeObject {
  PyObject_HEAD Node* node;
  PyObject* dict;
};
PyTypeObject* node_type;
nb::object* node_class_maker;  // (name of the op, name of the node, kind) -> subclass of Node; see autograd/_nodes.py

Ref<Node> node_of(nb::handle o) {
  if (!PyObject_TypeCheck(o.ptr(), node_type)) throw nb::type_error("expected a grad_fn");
  Node* node = reinterpret_cast<NodeObject*>(o.ptr())->node;
  if (!node)
    throw nb::type_error("this grad_fn belongs to no tensor: nodes are made by ops, not by calling their class");
  return Ref<Node>(node);
}

void node_dealloc(PyObject* o) {
  auto* self = reinterpret_cast<NodeObject*>(o);
  PyTypeObject* type = Py_TYPE(o);
  Py_CLEAR(self->dict);
  if (self->node) self->node->dispose();
  type->tp_free(o);
  Py_DECREF(type);
}

PyObject* node_repr(PyObject* o) {
  return PyUnicode_FromFormat("<%S object at %p>", nb::str(nb::handle(o).attr("name")()).ptr(), o);
}

// torch's spelling of an op: mul -> MulBackward0.
std::string node_name(const Node& node) {
  std::string text = node.op->name;
  if (node.variable.defined()) return "torch::autograd::AccumulateGrad";
  if (node.op->vjp == python_vjp || text == "CopySlices") return text;
  std::string out;
  bool upper = true;
  for (char c : text) {
    if (c == '_') {
      upper = true;
      continue;
    }
    out += upper ? static_cast<char>(std::toupper(c)) : c;
    upper = false;
  }
  return out + "Backward0";
}

// The class of a node's Python object, one for each op.
PyTypeObject* node_class(const Node& node) {
  static auto* known = new std::unordered_map<const Op*, PyTypeObject*>;
  if (!node_class_maker) return node_type;
  PyTypeObject*& type = (*known)[node.op];
  if (!type) {
    const char* kind = node.variable.defined() ? "accumulate" : node.op->vjp == python_vjp ? "function" : "op";
    nb::object made = (*node_class_maker)(node.op->name, node_name(node), kind);
    type = reinterpret_cast<PyTypeObject*>(made.release().ptr());  // kept for ever, as the op is
  }
  return type;
}

nb::object next_functions(nb::handle self) {
  nb::list out;
  for (const Edge& e : node_of(self)->edges) out.append(nb::make_tuple(nb::steal(wrap_node(e.node)), e.output));
  return nb::tuple(out);
}

nb::object node_metadata(nb::handle self) {
  Ref<Node> node = node_of(self);
  if (!node->metadata) node->metadata = hold(nb::dict());
  return *static_cast<nb::object*>(node->metadata.get());
}

Ref<Node> with_saved(nb::handle self) {
  Ref<Node> node = node_of(self);
  FL_CHECK(!node->released, Runtime, "saved_tensors",
           "Trying to backward through the graph a second time (or directly access saved tensors after they have "
           "already been freed). Saved "
           "intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
           "retain_graph=True if you need to "
           "backward through the graph a second time or if you need to access saved tensors after calling backward.");
  return node;
}

template <class List>
auto& entry(List& list, size_t i, const char* what) {
  if (i >= list.size()) throw nb::index_error(what);
  return list[i];
}

nb::object saved_at(nb::handle self, size_t i) {
  Ref<Node> node = with_saved(self);
  return to_python(entry(node->saved, i, "saved tensor").unpack(node.get()));
}

void set_saved_hooks(nb::handle self, size_t i, nb::object pack, nb::object unpack) {
  Ref<Node> node = with_saved(self);
  SavedTensor& saved = entry(node->saved, i, "saved tensor");
  FL_CHECK(saved.defined(), Runtime, "register_hooks",
           "Calling register_hooks on a saved tensor with value None is forbidden");
  FL_CHECK(
      !saved.is_packed(), Runtime, "register_hooks",
      "Calling register_hooks on a saved tensor whose hooks have already been set. Hint: only one pair of hooks is "
      "allowed at a time.");
  saved.pack(python_saved_hooks(std::move(pack), std::move(unpack)));
}

// An attribute of the recorded call: a number, text, dtype or list of numbers; None for what only kernels understand.
nb::object attr_at(nb::handle self, size_t i) {
  Ref<Node> node = node_of(self);
  return std::visit(
      [](const auto& value) -> nb::object {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, Dims>) {
          nb::list out;
          for (int64_t v : value) out.append(v);
          return nb::tuple(out);
        } else if constexpr (std::is_same_v<T, std::monostate> || std::is_same_v<T, std::shared_ptr<void>>) {
          return nb::none();
        } else {
          return nb::cast(value);
        }
      },
      entry(node->attrs, i, "attribute"));
}

// (dtype, shape or None, device) of the outputs: what gradients must look like that come in.
nb::object output_metas(nb::handle self) {
  nb::list out;
  for (const InputMeta& meta : node_of(self)->output_metas) {
    nb::object shape = meta.shape ? nb::cast(*meta.shape) : nb::none();
    out.append(nb::make_tuple(meta.dtype, shape, meta.device));
  }
  return nb::tuple(out);
}

// grad_fn(*gradients): the derivative of this op alone.
nb::object call_node(nb::handle self, nb::args given) {
  Ref<Node> node = node_of(self);
  FL_CHECK(!node->variable.defined(), Runtime, "AccumulateGrad",
           "this node adds to .grad of a leaf when a backward pass reaches it and cannot be called");
  FL_CHECK(given.size() == static_cast<size_t>(node->outputs), Type, "grad_fn", node_name(*node), " expected ",
           node->outputs, " gradients, got ", given.size());
  std::vector<Tensor> gradients;
  for (nb::handle g : given) gradients.push_back(to_tensor(g, "grad_fn"));
  std::vector<Tensor> results = autograd::run_node(*node, gradients);
  return results.size() == 1 ? to_python(results[0]) : nb::object(to_tuple(results));
}

nb::object saved_of(nb::handle self) {
  Ref<Node> node = with_saved(self);
  nb::list out;
  for (const SavedTensor& s : node->saved) out.append(to_python(s.unpack(node.get())));
  return nb::tuple(out);
}

// Makes `node` the history of the outputs of a Python function. kinds: 0 differentiable, 1 not, 2 changed in place.
void attach_outputs(nb::handle node_object, const std::vector<Tensor>& inputs, const std::vector<Tensor>& outs,
                    const std::vector<int>& kinds) {
  Ref<Node> node = node_of(node_object);
  node->outputs = static_cast<int32_t>(outs.size());
  for (const Tensor& t : outs) node->output_metas.push_back(InputMeta::of(t, true));
  for (size_t i = 0; i < outs.size(); i++) {
    if (kinds[i] == 1 || !is_inexact(outs[i].dtype())) continue;
    if (kinds[i] == 0) {
      AutogradMeta& meta = need_autograd(outs[i]);
      meta.grad_fn = node;
      meta.output = static_cast<int32_t>(i);
      continue;
    }
    uint64_t self_inputs = 0;
    for (size_t k = 0; k < inputs.size(); k++) self_inputs |= uint64_t{inputs[k].is(outs[i])} << k;
    check_inplace(node->op->name, outs[i], true);
    bump_version(outs[i], node->op->name);
    rebase_history(outs[i], node, static_cast<int>(i), self_inputs);
  }
}

void define_node(nb::module_& m) {
  static PyMemberDef members[] = {{"__dictoffset__", T_PYSSIZET, offsetof(NodeObject, dict), READONLY, nullptr},
                                  {nullptr, 0, 0, 0, nullptr}};
  PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(node_dealloc)},
                         {Py_tp_repr, reinterpret_cast<void*>(node_repr)},
                         {Py_tp_members, members},
                         {0, nullptr}};
  PyType_Spec spec = {"flambeau.autograd.graph.Node", sizeof(NodeObject), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  node_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  nb::object type = nb::borrow(reinterpret_cast<PyObject*>(node_type));
  m.attr("Node") = type;
  auto method = [&](const char* name, auto f) {
    nb::cpp_function_def(f, nb::scope(type), nb::name(name), nb::is_method());
  };
  auto property = [&](const char* name, nb::object getter) {
    nb::object made = nb::borrow(reinterpret_cast<PyObject*>(&PyProperty_Type))(getter);
    PyObject_SetAttrString(type.ptr(), name, made.ptr());
  };
  method("name", [](nb::handle self) { return node_name(*node_of(self)); });
  method("register_hook", [](nb::handle self, nb::object f) -> nb::object {
    Ref<Node> node = node_of(self);
    int64_t id = add_hook(node->need_hooks().post, std::make_shared<NodeHook>(f));
    return nb::module_::import_("flambeau.autograd.graph").attr("NodeHandle")(self, id);
  });
  method("register_prehook", [](nb::handle self, nb::object f) -> nb::object {
    Ref<Node> node = node_of(self);
    int64_t id = add_hook(node->need_hooks().pre, std::make_shared<NodeHook>(f));
    return nb::module_::import_("flambeau.autograd.graph").attr("NodeHandle")(self, id);
  });
  method("_remove_hook", [](nb::handle self, int64_t id) {
    Ref<Node> node = node_of(self);
    if (!node->hooks) return;
    node->hooks->pre.erase(id);
    node->hooks->post.erase(id);
  });
  property("next_functions", nb::cpp_function(next_functions));
  property("metadata", nb::cpp_function(node_metadata));
  property("variable", nb::cpp_function([](nb::handle self) -> Tensor {
             Ref<Node> node = node_of(self);
             if (!node->variable.defined()) throw nb::attribute_error("only AccumulateGrad has a variable");
             return node->variable;
           }));
  property("_sequence_nr", nb::cpp_function([](nb::handle self) { return node_of(self)->sequence; }));
  property("saved_tensors", nb::cpp_function(saved_of));
  method("__call__", call_node);
  method("_saved_at", saved_at);
  method("_attr_at", attr_at);
  method("_set_saved_hooks", set_saved_hooks);
  property("_output_metas", nb::cpp_function(output_metas));
  property("_op", nb::cpp_function([](nb::handle self) { return node_of(self)->op->name; }));
  property("_context", nb::cpp_function([](nb::handle self) -> nb::object {  // the ctx of a Python function
             Ref<Node> node = node_of(self);
             if (node->op->vjp != python_vjp) return nb::none();
             return *static_cast<nb::object*>(std::get<std::shared_ptr<void>>(node->attrs[0]).get());
           }));
  m.def("set_node_class", [](nb::object maker) { node_class_maker = new nb::object(std::move(maker)); });
}

// ---- where in the user's program (for error texts)

// Whether a code object belongs to flambeau itself; asked once per code object.
bool is_internal(PyCodeObject* code) {
  static auto* known = new std::unordered_map<PyCodeObject*, bool>;
  auto at = known->find(code);
  if (at != known->end()) return at->second;
  const char* file = PyUnicode_AsUTF8(code->co_filename);
  static const std::string home =
      nb::cast<std::string>(nb::module_::import_("flambeau").attr("__path__")[nb::int_(0)]) + "/";
  bool internal = file && std::string(file).rfind(home, 0) == 0;
  Py_INCREF(code);  // kept, so that its address is not used again
  return (*known)[code] = internal;
}

#if PY_VERSION_HEX >= 0x030B0000 && PY_VERSION_HEX < 0x030C0000
// Python 3.11 makes a frame object when one is asked for, which takes longer than a small op. What the interpreter has
// of a call is laid out like this.
struct Frame {
  PyObject *function, *globals, *builtins, *locals;
  PyCodeObject* code;
  PyObject* object;
  Frame* previous;
  _Py_CODEUNIT* at;  // the last instruction begun
  int stacktop;
  bool is_entry;
  char owner;

  int instruction() const {
    return static_cast<int>(at - reinterpret_cast<_Py_CODEUNIT*>(code->co_code_adaptive)) *
           static_cast<int>(sizeof(_Py_CODEUNIT));
  }
};

Location capture_location() {
  auto* frame = reinterpret_cast<Frame*>(PyThreadState_Get()->cframe->current_frame);
  while (frame && is_internal(frame->code)) frame = frame->previous;
  if (!frame) return {};
  Py_INCREF(frame->code);
  return {frame->code, frame->instruction()};
}
#else
int instruction_of(PyFrameObject* frame) {
#if PY_VERSION_HEX >= 0x030B0000
  return PyFrame_GetLasti(frame);
#else
  return frame->f_lasti * static_cast<int>(sizeof(_Py_CODEUNIT));
#endif
}

Location capture_location() {
  PyFrameObject* frame = PyEval_GetFrame();  // borrowed
  if (!frame) return {};
  Py_INCREF(frame);
  while (frame) {
    PyCodeObject* code = PyFrame_GetCode(frame);
    if (!is_internal(code)) {
      Location at{code, instruction_of(frame)};  // keeps the reference
      Py_DECREF(frame);
      return at;
    }
    Py_DECREF(code);
    PyFrameObject* outer = PyFrame_GetBack(frame);
    Py_DECREF(frame);
    frame = outer;
  }
  return {};
}
#endif

std::string describe_location(const Location& at) {
  auto* code = static_cast<PyCodeObject*>(at.code);
  const char* file = PyUnicode_AsUTF8(code->co_filename);
  return std::string(file ? file : "?") + ":" + std::to_string(PyCode_Addr2Line(code, at.instruction));
}

// ---- the pass

std::vector<Tensor> run_backward(const std::vector<Tensor>& roots, nb::list gradients, bool keep_graph,
                                 bool create_graph, const std::vector<Tensor>& inputs, bool allow_unused,
                                 bool accumulate) {
  std::vector<Tensor> starts;
  for (nb::handle g : gradients) starts.push_back(to_tensor(g, "backward"));
  autograd::Options options;
  options.keep_graph = keep_graph;
  options.create_graph = create_graph;
  options.allow_unused = allow_unused;
  options.accumulate = accumulate;
  return autograd::run(roots, starts, inputs, options);
}

// ---- blocks in which recording is off, or on: `with no_grad():`

struct BlockObject {
  PyObject_HEAD bool before;
};

PyObject* exit_block(PyObject* self, PyObject* const*, Py_ssize_t) {
  set_grad_enabled(reinterpret_cast<BlockObject*>(self)->before);
  Py_RETURN_NONE;
}

template <bool on>
PyObject* enter_block(PyObject* self, PyObject*) {
  reinterpret_cast<BlockObject*>(self)->before = grad_enabled();
  set_grad_enabled(on);
  Py_RETURN_NONE;
}

// no_grad(function) is the function, decorated.
PyObject* new_block(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  static const char* names[] = {"orig_func", nullptr};
  PyObject* function = Py_None;
  if ((PyTuple_GET_SIZE(args) || kwargs) &&
      !PyArg_ParseTupleAndKeywords(args, kwargs, "|O", const_cast<char**>(names), &function))
    return nullptr;
  nb::object made = nb::steal(type->tp_alloc(type, 0));
  if (!made.is_valid() || function == Py_None) return made.release().ptr();
  return PyObject_CallOneArg(made.ptr(), function);
}

template <bool on>
void define_block(nb::module_& m, const char* name) {
  static PyMethodDef methods[] = {
      {"__enter__", enter_block<on>, METH_NOARGS, nullptr},
      {"__exit__", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(exit_block)), METH_FASTCALL, nullptr},
      {nullptr, nullptr, 0, nullptr}};
  PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(new_block)}, {Py_tp_methods, methods}, {0, nullptr}};
  PyType_Spec spec = {name, sizeof(BlockObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  nb::object type = nb::steal(PyType_FromSpec(&spec));
  if (!type.is_valid()) throw nb::python_error();
  m.attr(std::strrchr(name, '.') + 1) = type;
}

void define_modes(nb::module_& m) {
  define_block<false>(m, "flambeau.autograd.grad_mode.NoGradBlock");
  define_block<true>(m, "flambeau.autograd.grad_mode.GradBlock");
  m.def("is_grad_enabled", grad_enabled, R"(Whether ops on this thread are recorded.

>>> with flambeau.no_grad():
...     flambeau.is_grad_enabled()
False
)");
  m.def("set_grad_enabled", set_grad_enabled);
  m.def("is_inference_mode_enabled", inference_mode, R"(Whether this thread is in inference mode.

>>> with flambeau.inference_mode():
...     flambeau.is_inference_mode_enabled()
True
)");
  m.def("set_inference_mode", set_inference_mode);
  m.def("is_anomaly_enabled", autograd::anomaly_mode, R"(Whether anomaly detection is on; see autograd.detect_anomaly.

>>> with flambeau.autograd.detect_anomaly():
...     flambeau.is_anomaly_enabled()
True
)");
  m.def("set_anomaly_enabled", autograd::set_anomaly_mode, nb::arg("mode"), nb::arg("check_nan") = true,
        R"(Switch anomaly detection on or off; see autograd.detect_anomaly, which also switches it back.

Args:
    mode: on or off.
    check_nan: whether a NaN in a backward pass is an error.

>>> flambeau.set_anomaly_enabled(True)
>>> flambeau.is_anomaly_enabled()
True
>>> flambeau.set_anomaly_enabled(False)
)");
  m.def("push_saved_hooks", [](nb::object pack, nb::object unpack) {
    saved_hooks.push_back(python_saved_hooks(std::move(pack), std::move(unpack)));
  });
  m.def("pop_saved_hooks", [] { saved_hooks.pop_back(); });
}

}  // namespace

PyObject* wrap_node(const Ref<Node>& node) {
  if (!node) Py_RETURN_NONE;
  if (void* o = node->python()) {
    Py_INCREF(static_cast<PyObject*>(o));
    return static_cast<PyObject*>(o);
  }
  PyTypeObject* type = node_class(*node);
  PyObject* o = type->tp_alloc(type, 0);
  if (!o) return nullptr;
  reinterpret_cast<NodeObject*>(o)->node = node.get();
  node->bind_python(o);
  return o;
}

void define_autograd(nb::module_& m) {
  define_node(m);
  define_modes(m);
  m.def("run_backward", run_backward);
  m.def("detach", detach);
  m.def("register_tensor_hook", register_tensor_hook);
  m.def("remove_tensor_hook", remove_tensor_hook);
  m.def("register_post_accumulate_grad_hook", [](const Tensor& t, nb::object f) {
    FL_CHECK(t.is_leaf() && t->requires_grad, Runtime, "register_post_accumulate_grad_hook",
             "post accumulate grad hooks can only be registered on leaf tensors that require a gradient");
    return add_hook(need_autograd(t).need_hooks().post_accumulate, std::make_shared<TensorHook>(f, 0));
  });
  m.def("retain_grad", retain_grad);
  m.def("gradient_edge", [](const Tensor& t) {
    Edge edge = gradient_edge(t);
    return nb::make_tuple(nb::steal(wrap_node(edge.node)), edge.output);
  });
  m.def("function_node", function_node);
  m.def("attach_outputs", attach_outputs);
  m.def("save_for_backward", [](nb::handle node_object, nb::sequence tensors, const std::vector<Tensor>& outs) {
    Ref<Node> node = node_of(node_object);
    for (nb::handle o : tensors) {
      Tensor t = to_tensor(o, "save_for_backward");
      int output = -1;
      for (size_t i = 0; i < outs.size(); i++)
        if (t.defined() && t.is(outs[i])) output = static_cast<int>(i);
      node->saved.push_back(t.defined() ? SavedTensor(t, output >= 0, output) : SavedTensor());
    }
    if (!node->saved.empty() && location_hooks.capture) node->made_at = location_hooks.capture();
  });
  m.def("saved_of", saved_of);
  m.def("queue_callback", [](nb::object f) { autograd::queue_callback([f] { f(); }); });
  m.def("enable_locations", [] {
    location_hooks.capture = capture_location;
    location_hooks.release = [](void* code) { Py_DECREF(static_cast<PyObject*>(code)); };
    location_hooks.describe = describe_location;
  });
  m.def("op_names", [] {
    std::vector<std::string> names;
    for (const Op* op : op_table()) names.emplace_back(op->name);
    return names;
  });
}

}  // namespace flambeau::python
