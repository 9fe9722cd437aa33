// The public ops in C++: what derivatives are written with, and what the bindings call.
#pragma once
#include "core/node.h"

namespace flambeau::ops {

// ---- pointwise (pointwise.def): name(inputs..., params) and inplace_name(self, ...)
using Params = std::initializer_list<double>;
#define UNARY(name, ...)                            \
  Tensor name(const Tensor& x, Params params = {}); \
  Tensor inplace_##name(const Tensor& self, Params params = {});
#define BINARY(name, ...)                                            \
  Tensor name(const Tensor& a, const Tensor& b, Params params = {}); \
  Tensor inplace_##name(const Tensor& self, const Tensor& b, Params params = {});
#define TERNARY(name, ...)                                                            \
  Tensor name(const Tensor& a, const Tensor& b, const Tensor& c, Params params = {}); \
  Tensor inplace_##name(const Tensor& self, const Tensor& b, const Tensor& c, Params params = {});
#include "pointwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY

// A number beside a tensor gives way in promotion.
inline Tensor number(double v) { return weak_scalar(v); }
inline Tensor number(int64_t v) { return weak_scalar(v); }
#define FL_NUMBER_FORMS(name)                                                  \
  inline Tensor name(const Tensor& a, double b) { return name(a, number(b)); } \
  inline Tensor name(double a, const Tensor& b) { return name(number(a), b); }
FL_NUMBER_FORMS(add)
FL_NUMBER_FORMS(sub)
FL_NUMBER_FORMS(mul)
FL_NUMBER_FORMS(div)
FL_NUMBER_FORMS(eq)
FL_NUMBER_FORMS(ne)
FL_NUMBER_FORMS(lt)
FL_NUMBER_FORMS(le)
FL_NUMBER_FORMS(gt)
FL_NUMBER_FORMS(ge)
#undef FL_NUMBER_FORMS
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
inline Tensor where(const Tensor& c, const Tensor& a, double b) { return where(c, a, number(b)); }
inline Tensor where(const Tensor& c, double a, const Tensor& b) { return where(c, number(a), b); }
Tensor conj(const Tensor& x);  // the tensor itself unless complex

inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator-(const Tensor& a) { return neg(a); }
inline Tensor operator+(const Tensor& a, double b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, double b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, double b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, double b) { return div(a, b); }
inline Tensor operator+(double a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(double a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(double a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(double a, const Tensor& b) { return div(a, b); }

// ---- copies (copy.cpp)
enum class MemoryFormat : int64_t { Contiguous, Preserve, ChannelsLast, ChannelsLast3d };
Tensor clone(const Tensor& x, MemoryFormat format = MemoryFormat::Preserve);
Tensor contiguous(const Tensor& x, MemoryFormat format = MemoryFormat::Contiguous);  // itself if it is
bool is_contiguous(const Tensor& x, MemoryFormat format);
Tensor to_dtype(const Tensor& x, DType dtype, MemoryFormat format = MemoryFormat::Preserve);  // itself if it is
Tensor copy_(const Tensor& self, const Tensor& source);
Tensor fill_(const Tensor& self, const Tensor& value);  // value: 0-dim
Tensor zero_(const Tensor& self);
Tensor to_device(const Tensor& x, Device device);
Tensor zeros(DimsRef shape, DType dtype, Device device = {});
Tensor full(DimsRef shape, const Tensor& value, DType dtype, Device device = {});
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);
double item(const Tensor& x);  // of a real one-element tensor

// ---- views (views.cpp)
Tensor as_strided(const Tensor& x, const Dims& shape, const Dims& strides, int64_t offset);
Tensor expand(const Tensor& x, const Dims& shape);  // -1 keeps a size
Tensor permute(const Tensor& x, const Dims& order);
Tensor transpose(const Tensor& x, int64_t a, int64_t b);
Tensor select(const Tensor& x, int64_t dim, int64_t index);
Tensor slice(const Tensor& x, int64_t dim, int64_t start, int64_t end, int64_t step = 1);
Tensor narrow(const Tensor& x, int64_t dim, int64_t start, int64_t length);
Tensor unsqueeze(const Tensor& x, int64_t dim);
Tensor squeeze(const Tensor& x, DimsRef dims);       // those of size 1 among dims
Tensor view(const Tensor& x, const Dims& shape);     // one -1 is inferred; never copies
Tensor reshape(const Tensor& x, const Dims& shape);  // copies where it must
Tensor diagonal(const Tensor& x, int64_t offset, int64_t dim1, int64_t dim2);
Tensor unfold(const Tensor& x, int64_t dim, int64_t size, int64_t step);
Tensor view_dtype(const Tensor& x, DType dtype);
Tensor basic_index(const Tensor& x, const Dims& items);  // see IndexItem
std::vector<Tensor> split_sizes(const Tensor& x, DimsRef sizes, int64_t dim);
std::vector<Tensor> unbind(const Tensor& x, int64_t dim);
// The strides that show x as `shape` without a copy; false if there are none.
bool view_strides(const Tensor& x, DimsRef shape, Dims& strides);
Dims infer_size(DimsRef shape, int64_t numel, const char* op);
// A tensor of `shape` that is zero but for a view of it (op, attrs), which is g: the derivative of every view.
Tensor embed(const Tensor& g, const Op& op, const std::vector<Attr>& attrs, const Dims& shape);

// One part of an index of ints, slices, None and Ellipsis: four numbers in basic_index's items.
struct IndexItem {
  enum Kind : int64_t { Int, Slice, New, Rest };
  int64_t kind, start = 0, stop = 0, step = 1;
};

// ---- matrix products (matmul.cpp)
Tensor matmul(const Tensor& a, const Tensor& b);  // torch.matmul: vectors, matrices, stacks of them
Tensor addmm(const Tensor& input, const Tensor& a, const Tensor& b, double beta,
             double alpha);                                                // stacks too; floats only
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);  // bias may be undefined

// ---- attention (attention.cpp): (batch, heads, rows, depth) each; key and value may have fewer heads, that divide
// query's
Tensor attention(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& mask, bool causal,
                 double scale);

// ---- sums that undo broadcasting (copy.cpp)
Tensor sum_to(const Tensor& x, const Dims& shape);
Tensor sum(const Tensor& x, const Dims& dims, bool keepdim);

}  // namespace flambeau::ops
