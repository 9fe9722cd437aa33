// x[key] and x[key] = value where the key is more than a view, and the functions that take index tensors.
#include "ops/indexing.h"

#include "ops/sorting.h"
#include "python/buffers.h"

namespace flambeau::python {

namespace {

const char* type_name(PyObject* o) { return Py_TYPE(o)->tp_name; }

// A key, taken apart: `items` make a view of x; `index` then has a tensor, or nothing, for each dimension of the view
// (one mask for as many dimensions as it has).
struct Key {
  Dims items;
  std::vector<Tensor> index;
  bool advanced = false;
  Tensor hold;
};

bool is_bool_tensor(const Tensor& t) { return t.dtype() == DType::Bool || t.dtype() == DType::UInt8; }

bool is_index_sequence(PyObject* o) {
  return PySequence_Check(o) && !is_tensor(o) && !is_numpy_array(o) && !is_numpy_scalar(o);
}

// torch reads a short list that holds more than numbers as a tuple.
bool list_is_tuple(PyObject* o) {
  if (!PyList_Check(o) || PyList_GET_SIZE(o) >= 32) return false;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(o); i++) {
    PyObject* item = PyList_GET_ITEM(o, i);
    if (is_tensor(item) || PySlice_Check(item) || item == Py_None || item == Py_Ellipsis || PyList_Check(item) ||
        PyTuple_Check(item))
      return true;
  }
  return false;
}

// A tensor, array or sequence as an index tensor; undefined if it is neither.
Tensor index_tensor(PyObject* o) {
  if (is_tensor(o)) return unwrap(o);
  if (is_numpy_array(o)) return from_array(o);
  if (!is_index_sequence(o)) return Tensor();
  Tensor out = tensor_from_sequence(o);
  return out.numel() == 0 && out.dtype() != DType::Bool ? ops::to_dtype(out, DType::Int64) : out;
}

int64_t scalar_of(const Tensor& t) { return static_cast<int64_t>(ops::item(t)); }

class KeyParser {
 public:
  KeyParser(const Tensor& x, PyObject* key) {
    if (PyTuple_Check(key) || list_is_tuple(key)) {
      Py_ssize_t n = PySequence_Fast_GET_SIZE(key);
      for (Py_ssize_t i = 0; i < n; i++) parts_.push_back(classify(PySequence_Fast_GET_ITEM(key, i)));
    } else {
      parts_.push_back(classify(key));
    }
    int64_t used = 0;
    bool rest = false;
    for (const Part& p : parts_) used += p.dims;
    FL_CHECK(used <= x.ndim(), Index, "index", "too many indices for tensor of dimension ", x.ndim());
    for (const Part& p : parts_) {
      bool spread = p.kind == Part::Rest && !rest;
      emit(p, spread ? x.ndim() - used : 0);
      rest |= spread;
    }
  }
  Key key;

 private:
  struct Part {
    enum Kind { Int, Slice, New, Rest, Index, Flag } kind;
    int64_t dims = 0;  // of x that it uses up
    int64_t a = 0, b = 0, c = 1;
    Tensor at;
  };
  std::vector<Part> parts_;

  static Part of_tensor(const Tensor& t) {
    if (is_bool_tensor(t)) {
      if (t.ndim() == 0) return {Part::Flag, 0, scalar_of(t) != 0};
      return {Part::Index, t.ndim(), 0, 0, 1, t};
    }
    if (t.ndim() == 0 && is_integral(t.dtype())) return {Part::Int, 1, scalar_of(t)};
    return {Part::Index, 1, 0, 0, 1, t};
  }

  static Part classify(PyObject* o) {
    if (o == Py_None) return {Part::New};
    if (o == Py_Ellipsis) return {Part::Rest};
    if (PyBool_Check(o)) return {Part::Flag, 0, o == Py_True};
    if (is_tensor(o) || is_numpy_array(o)) return of_tensor(index_tensor(o));
    if (PySlice_Check(o)) {
      Py_ssize_t start, stop, step;
      if (PySlice_Unpack(o, &start, &stop, &step) < 0) throw nb::python_error();
      FL_CHECK(step > 0, Value, "index", "step must be greater than zero");
      return {Part::Slice, 1, start, stop, step};
    }
    if (PyIndex_Check(o)) {
      Py_ssize_t v = PyNumber_AsSsize_t(o, PyExc_IndexError);
      if (v == -1 && PyErr_Occurred()) throw nb::python_error();
      return {Part::Int, 1, v};
    }
    FL_CHECK(!PyUnicode_Check(o) && !PyBytes_Check(o), Type, "index", "new(): invalid data type '", type_name(o), "'");
    Tensor t = index_tensor(o);
    FL_CHECK(t.defined(), Index, "index",
             "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got ",
             type_name(o), ")");
    return of_tensor(t);
  }

  void push(int64_t kind, int64_t a = 0, int64_t b = 0, int64_t c = 1) {
    for (int64_t v : {kind, a, b, c}) key.items.push_back(v);
  }
  void emit(const Part& p, int64_t spread) {
    switch (p.kind) {
      case Part::Int:
        return push(ops::IndexItem::Int, p.a);
      case Part::Slice:
        push(ops::IndexItem::Slice, p.a, p.b, p.c);
        break;
      case Part::New:
        push(ops::IndexItem::New);
        break;
      case Part::Rest:
        for (int64_t i = 0; i < spread; i++) {
          push(ops::IndexItem::Slice, 0, INT64_MAX, 1);
          key.index.emplace_back();
        }
        return;
      case Part::Index:
        for (int64_t i = 0; i < p.dims; i++) push(ops::IndexItem::Slice, 0, INT64_MAX, 1);
        key.index.push_back(p.at);
        key.advanced = true;
        return;
      case Part::Flag: {  // a new dimension of size 1 or, for False, 0
        push(ops::IndexItem::New);
        Tensor at = empty(Dims{p.a ? 1 : 0}, DType::Int64);
        if (p.a) at.data<int64_t>()[0] = 0;
        key.index.push_back(at);
        key.advanced = true;
        return;
      }
    }
    key.index.emplace_back();
  }
};

bool is_single_mask(const Key& key, const Tensor& value) {
  return key.index.size() == 1 && key.index[0].dtype() == DType::Bool && value.numel() == 1 && value.ndim() == 0;
}

}  // namespace

Tensor advanced_get(const Tensor& x, PyObject* object) {
  Key key = KeyParser(x, object).key;
  FL_CHECK(x.ndim() > 0 || key.advanced || key.items.empty() ||
               key.index.size() == static_cast<size_t>(key.items.size() / 4),
           Index, "index",
           "invalid index of a 0-dim tensor. Use `tensor.item()` to convert a 0-dim tensor to a number");
  Tensor window = ops::basic_index(x, key.items);
  return key.advanced ? ops::index(window, key.index) : window;
}

void advanced_set(const Tensor& x, PyObject* object, PyObject* value) {
  Tensor v;
  FL_CHECK(operand(value, v), Type, "index", "can't assign a ", type_name(value), " to a ", name(x.dtype()),
           " Tensor; assign a number or a Tensor");
  Key key = KeyParser(x, object).key;
  Tensor window = ops::basic_index(x, key.items);
  if (!key.advanced) {
    while (v.ndim() > window.ndim() && v.size(0) == 1) v = ops::select(v, 0, 0);
    ops::copy_(window, v);
    return;
  }
  FL_CHECK(!is_complex(v.dtype()) || is_complex(x.dtype()), Runtime, "index", "value cannot be converted to type ",
           name(x.dtype()), " without overflow: it is complex");
  if (is_single_mask(key, v) && key.index[0].ndim() <= window.ndim()) {
    Tensor mask = key.index[0];
    for (int64_t d = 0; d < mask.ndim(); d++)
      FL_CHECK(mask.size(d) == window.size(d), Index, "index", "The shape of the mask ", mask.shape(), " at index ", d,
               " does not match the shape of the indexed tensor ", window.shape(), " at index ", d);
    while (mask.ndim() < window.ndim()) mask = ops::unsqueeze(mask, -1);
    ops::masked_fill(window, mask, v, true);
    return;
  }
  if (v->weak) v = ops::to_dtype(v, x.dtype());
  ops::index_put(window, key.index, v, false, true);
}

namespace {

void define_places(nb::module_& m) {
  m.def("index_put", [](const Tensor& x, const std::vector<Tensor>& index, const Tensor& values, bool accumulate,
                        bool in_place) { return ops::index_put(x, index, values, accumulate, in_place); });
  m.def("index_select", ops::index_select);
  m.def("index_add", ops::index_add);
  m.def("index_copy", ops::index_copy);
  m.def("index_fill", [](const Tensor& x, int64_t dim, const Tensor& index, const Operand& value, bool in_place) {
    return ops::index_fill(x, dim, index, value.tensor, in_place);
  });
  m.def("gather", ops::gather);
  m.def("scatter", [](const Tensor& x, int64_t dim, const Tensor& index, const Operand& source, bool in_place) {
    Tensor values = source.tensor;
    if (values->weak) values = ops::expand(ops::to_device(ops::to_dtype(values, x.dtype()), x.device()), index.shape());
    return ops::scatter(x, dim, index, values, in_place);
  });
  m.def("scatter_add", ops::scatter_add);
  m.def("scatter_reduce",
        [](const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source, int how, bool include_self) {
          return ops::scatter_reduce(x, dim, index, source, static_cast<Reduce>(how), include_self);
        });
  m.def("take", ops::take);
  m.def("put", ops::put);
  m.def("masked_fill", [](const Tensor& x, const Tensor& mask, const Operand& value, bool in_place) {
    return ops::masked_fill(x, mask, value.tensor, in_place);
  });
  m.def("masked_select", ops::masked_select);
  m.def("masked_scatter", ops::masked_scatter);
  m.def("nonzero", ops::nonzero);
  m.def("flip", ops::flip);
  m.def("roll", ops::roll);
  m.def("embedding", ops::embedding);
  m.def("embedding_renorm_", ops::embedding_renorm_);
}

void define_order(nb::module_& m) {
  m.def("sort", ops::sort);
  m.def("topk", ops::topk);
  m.def("kthvalue", ops::kthvalue);
  m.def(
      "searchsorted",
      [](const Tensor& sorted, const Operand& values, std::optional<Tensor> sorter, bool right, bool int32) {
        return ops::searchsorted(sorted, values.tensor, sorter.value_or(Tensor()), right, int32);
      },
      nb::arg("sorted"), nb::arg("values"), nb::arg("sorter").none(), nb::arg("right"), nb::arg("int32"));
  m.def(
      "unique",
      [](const Tensor& x, std::optional<int64_t> dim, bool consecutive) {
        ops::Unique u = ops::unique(x, dim, consecutive);
        return nb::make_tuple(u.values, u.inverse, u.counts);
      },
      nb::arg("input"), nb::arg("dim").none(), nb::arg("consecutive"));
  m.def(
      "bincount",
      [](const Tensor& x, std::optional<Tensor> weights, int64_t least) {
        return ops::bincount(x, weights.value_or(Tensor()), least);
      },
      nb::arg("input"), nb::arg("weights").none(), nb::arg("minlength"));
  m.def("histc", ops::histc);
}

}  // namespace

void define_indexing(nb::module_& m) {
  define_places(m);
  define_order(m);
}

}  // namespace flambeau::python
