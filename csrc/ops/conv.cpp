// Convolutions: one op forward, one for the adjoint in x (which is the transposed convolution) and one for the adjoint
// in w. The derivative of each is written with the other two, so every order follows.
#include "ops/conv.h"

#include "core/kernels.h"
#include "core/packing.h"
#include "ops/chain.h"

namespace flambeau::ops {

bool suggests_channels_last(const Tensor& x) {
  if (x.ndim() != 4 && x.ndim() != 5) return false;
  if (x.stride(1) == 0) return false;
  const Dims order = x.ndim() == 4 ? Dims{1, 3, 2, 0} : Dims{1, 4, 3, 2, 0};
  int64_t least = 0;
  for (int64_t d : order) {
    if (x.size(d) == 0 || x.stride(d) < least) return false;
    if (d == 0 && least == x.stride(1)) return false;  // N111 counts as contiguous
    least = x.stride(d);
    if (x.size(d) > 1) least *= x.size(d);
  }
  return true;
}

namespace {

MemoryFormat last_format(int64_t ndim) { return ndim == 5 ? MemoryFormat::ChannelsLast3d : MemoryFormat::ChannelsLast; }
Tensor laid_out(const Tensor& x, bool last) {
  return contiguous(x, last ? last_format(x.ndim()) : MemoryFormat::Contiguous);
}
Tensor new_tensor(const Dims& shape, DType dtype, Device device, bool last) {
  return last ? empty_strided(shape, channels_last_strides(shape), dtype, device) : empty(shape, dtype, device);
}
// The type that the kernels are called with.
DType kernel_type(DType t) { return is_integral(t) ? DType::Int64 : t; }
// Have they loops over channels-last data?
bool knows_last(DType t) { return t == DType::Float32 || is_reduced(t); }

// Spatial sizes of a (n, c, spatial...) shape into three axes, the missing leading ones being 1.
void fill_axes(int64_t* to, DimsRef values, int64_t missing) {
  std::fill_n(to, 3, missing);
  std::copy(values.begin(), values.end(), to + 3 - values.size());
}

ConvArgs arguments(const ConvSettings& s, DimsRef x_shape, DimsRef y_shape, DimsRef w_shape, DimsRef w_strides,
                   bool last) {
  ConvArgs a;
  a.n = x_shape[0];
  a.groups = s.groups;
  a.ic = w_shape[1];
  a.oc = w_shape[0] / s.groups;
  fill_axes(a.in, x_shape.subspan(2), 1);
  fill_axes(a.out, y_shape.subspan(2), 1);
  fill_axes(a.kernel, w_shape.subspan(2), 1);
  fill_axes(a.stride, s.stride, 1);
  fill_axes(a.dilation, s.dilation, 1);
  fill_axes(a.pad, s.padding, 0);
  a.w_stride[0] = w_strides[0];
  a.w_stride[1] = w_strides[1];
  fill_axes(a.w_stride + 2, w_strides.subspan(2), 0);
  a.channels_last = last;
  return a;
}

ConvSettings recorded(const Backward& b) {
  return {b.attr<Dims>(0), b.attr<Dims>(1), b.attr<Dims>(2), b.attr<int64_t>(3)};
}

Dims spatial_of(const Tensor& x) { return Dims(DimsRef(x.shape()).subspan(2)); }

Dims all_but_channels(int64_t ndim) {
  Dims dims{0};
  for (int64_t d = 2; d < ndim; ++d) dims.push_back(d);
  return dims;
}

// The gradients of w and of the bias (either may be unwanted) in one pass, outside the graph.
void weight_grads(const Tensor& x, const Tensor& y, const ConvSettings& s, const Dims& w_shape, bool w_last, Tensor* dw,
                  Tensor* db) {
  GradMode no_grad(false);
  const DType type = kernel_type(x.dtype());
  const bool last = knows_last(type) && (suggests_channels_last(x) || suggests_channels_last(y));
  const Tensor a = laid_out(to_dtype(x, type), last), g = laid_out(to_dtype(y, type), last);
  Tensor w = new_tensor(w_shape, type, x.device(), w_last),
         bias = db ? empty(Dims{w_shape[0]}, type, x.device()) : Tensor();
  ConvArgs args = arguments(s, a.shape(), g.shape(), w.shape(), w.strides(), last);
  args.x = a.raw();
  args.y = g.raw();
  args.result = dw ? w.raw() : nullptr;
  args.bias_grad = db ? bias.raw() : nullptr;
  need(kernels_of("conv_weight_grad", {&x, &y}).conv.weight_grad[int(type)], "conv_weight_grad", x)(args);
  if (dw) *dw = w;
  if (db) *db = bias;
}

void set_weight_grads(Backward& b, const Tensor& x, const Tensor& y, const Tensor& bias_source, const ConvSettings& s,
                      const Dims& w_shape, bool w_last) {
  if (!grad_enabled() && b.needs(1) && b.needs(2) && bias_source.is(y)) {
    Tensor dw, db;
    weight_grads(x, y, s, w_shape, w_last, &dw, &db);
    b.set(1, dw);
    b.set(2, db);
    return;
  }
  if (b.needs(1)) b.set(1, convolution_weight_grad(x, y, s, w_shape, w_last));
  if (b.needs(2)) b.set(2, sum(bias_source, all_but_channels(bias_source.ndim()), false));
}

void conv_vjp(Backward& b) {
  const ConvSettings s = recorded(b);
  const Tensor g = b.grad();
  if (b.needs(0)) b.set(0, convolution_transpose(g, b.saved(1), Tensor(), s, b.attr<Dims>(4)));
  if (b.needs(1) || b.needs(2))
    set_weight_grads(b, b.needs(1) ? b.saved(0) : g, g, g, s, b.attr<Dims>(5), b.attr<bool>(6));
}

void conv_transpose_vjp(Backward& b) {
  const ConvSettings s = recorded(b);
  const Tensor g = b.grad();
  if (b.needs(0)) b.set(0, convolution(g, b.saved(1), Tensor(), s, b.attr<Dims>(4)));
  if (b.needs(1) || b.needs(2))
    set_weight_grads(b, g, b.needs(1) ? b.saved(0) : g, g, s, b.attr<Dims>(5), b.attr<bool>(6));
}

void conv_weight_grad_vjp(Backward& b) {
  const ConvSettings s = recorded(b);
  const Tensor g = b.grad();
  if (b.needs(0)) b.set(0, convolution_transpose(b.saved(1), g, Tensor(), s, b.attr<Dims>(4)));
  if (b.needs(1)) b.set(1, convolution(b.saved(0), g, Tensor(), s, b.attr<Dims>(5)));
}

const Op conv_op{"convolution", conv_vjp};
const Op conv_transpose_op{"convolution_transpose", conv_transpose_vjp};
const Op conv_weight_grad_op{"convolution_weight_grad", conv_weight_grad_vjp};

Dims result_shape(const Tensor& x, int64_t channels, const Dims& spatial) {
  Dims shape{x.size(0), channels};
  for (int64_t size : spatial) shape.push_back(size);
  return shape;
}

// Runs forward or its adjoint in x outside the graph; where nothing is recorded, when somebody looks at the result.
Tensor run(const Tensor& source, const Tensor& w, const Tensor& bias, const ConvSettings& s, const Dims& result,
           bool forward) {
  const bool recorded = needs_grad({&source, &w, &bias});
  Packing packing(w);
  GradMode no_grad(false);
  const DType type = kernel_type(source.dtype());
  const int64_t channels = forward ? w.size(0) : w.size(1) * s.groups;
  const bool wanted_last = suggests_channels_last(source) || suggests_channels_last(w),
             last = wanted_last && knows_last(type);
  const Tensor in = laid_out(to_dtype(source, type), last), weight = to_dtype(w, type);
  const Tensor start = bias.defined() ? contiguous(to_dtype(bias, type)) : bias;
  const Tensor out = new_tensor(result_shape(in, channels, result), type, in.device(), last);
  ConvArgs args = forward ? arguments(s, in.shape(), out.shape(), weight.shape(), weight.strides(), last)
                          : arguments(s, out.shape(), in.shape(), weight.shape(), weight.strides(), last);
  (forward ? args.x : args.y) = in.raw();
  args.w = weight.raw();
  args.bias = start.defined() ? start.raw() : nullptr;
  const ConvKernels& k = kernels_of("convolution", {&source, &w, &bias}).conv;
  const auto entry = need((forward ? k.forward : k.input_grad)[int(type)], "convolution", source);
  const bool as_it_is = type == source.dtype() && last == wanted_last;
  if (!recorded && as_it_is && can_defer(out, {&in, &weight, &start}))
    return defer_fill(out, {in, weight, start}, [=, operand = alias(weight)](float* to, const Chain& then) {
      ConvArgs now = args;
      Packing packing(operand);
      now.packing = packing.pointer();
      now.result = to;
      now.then = &then;
      entry(now);
    });
  if (weight.is(w)) args.packing = packing.pointer();
  args.result = out.raw();
  entry(args);
  const Tensor typed = to_dtype(out, source.dtype());
  return wanted_last && !last ? laid_out(typed, true) : typed;
}

// ---- arguments

Dims per_dimension(const char* op, const char* what, const Dims& given, int64_t dims) {
  if (given.size() == dims) return given;
  FL_CHECK(given.size() == 1, Runtime, op, "expected ", what, " to be a single integer value or a list of ", dims,
           " values to match the convolution dimensions, but got ", what, "=", given);
  return Dims(dims, given[0]);
}

void check_settings(const char* op, const ConvSettings& s) {
  for (int64_t v : s.padding) FL_CHECK(v >= 0, Runtime, op, "negative padding is not supported: padding=", s.padding);
  for (int64_t v : s.stride) FL_CHECK(v > 0, Runtime, op, "non-positive stride is not supported: stride=", s.stride);
  for (int64_t v : s.dilation)
    FL_CHECK(v > 0, Runtime, op, "dilation should be greater than zero, but got dilation=", s.dilation);
  FL_CHECK(s.groups > 0, Runtime, op, "non-positive groups is not supported: groups=", s.groups);
}

void check_tensors(const char* op, int64_t dims, const Tensor& x, const Tensor& w, const Tensor& bias) {
  FL_CHECK(x.ndim() == dims + 1 || x.ndim() == dims + 2, Runtime, op, "expected ", dims + 1, "D (unbatched) or ",
           dims + 2, "D (batched) input to ", op, ", but got input of size: ", x.shape());
  FL_CHECK(w.ndim() == dims + 2, Runtime, op, "expected a ", dims + 2, "-dimensional weight for the ", dims + 2,
           "-dimensional input, but got weight of size ", w.shape());
  FL_CHECK(x.dtype() == w.dtype(), Runtime, op, "Input type (", name(x.dtype()), ") and weight type (", name(w.dtype()),
           ") should be the same");
  FL_CHECK(!bias.defined() || bias.dtype() == x.dtype(), Runtime, op, "Input type (", name(x.dtype()),
           ") and bias type (", name(bias.dtype()), ") should be the same");
  FL_CHECK(!is_complex(x.dtype()), NotImplemented, op, "complex convolutions are composed in Python: call flambeau.",
           op);
  FL_CHECK(!is_bool(x.dtype()), NotImplemented, op, "\"", op, "\" not implemented for 'Bool'");
}

void check_bias(const char* op, const Tensor& bias, int64_t channels) {
  FL_CHECK(!bias.defined() || (bias.ndim() == 1 && bias.size(0) == channels), Runtime, op,
           "expected bias to be 1-dimensional with ", channels, " elements, but got bias of size ", bias.shape(),
           " instead");
}

void check_conv_channels(const char* op, const Tensor& x, const Tensor& w, int64_t groups) {
  FL_CHECK(w.size(0) > 0 && w.size(0) % groups == 0, Runtime, op, "Given groups=", groups,
           ", expected weight to be at least ", groups, " at dimension 0 and divisible by it, but got weight of size ",
           w.shape(), " instead");
  FL_CHECK(x.size(1) == w.size(1) * groups, Runtime, op, "Given groups=", groups, ", weight of size ", w.shape(),
           ", expected input", x.shape(), " to have ", w.size(1) * groups, " channels, but got ", x.size(1),
           " channels instead");
}

// (result size, zeros in front) of "same" padding or of given padding.
Dims result_sizes(const char* op, const Tensor& x, const Tensor& w, ConvSettings& s, bool same) {
  Dims result;
  for (int64_t d = 0; d < x.ndim() - 2; ++d) {
    const int64_t reach = s.dilation[d] * (w.size(d + 2) - 1), size = x.size(d + 2);
    FL_CHECK(w.size(d + 2) > 0, Runtime, op, "kernel size should be greater than zero, but got weight of size ",
             w.shape());
    if (same) {
      FL_CHECK(s.stride[d] == 1, Runtime, op, "padding='same' is not supported for strided convolutions");
      s.padding[d] = reach / 2;
      result.push_back(size);
      continue;
    }
    const int64_t padded = size + 2 * s.padding[d];
    FL_CHECK(padded >= reach + 1, Runtime, op, "Calculated padded input size per channel: ", padded,
             ". Kernel size: ", reach + 1, ". Kernel size can't be greater than actual input size (dimension ", d + 2,
             " of input ", x.shape(), ")");
    result.push_back((padded - reach - 1) / s.stride[d] + 1);
  }
  return result;
}

Tensor batched(const Tensor& x, int64_t dims) { return x.ndim() == dims + 1 ? unsqueeze(x, 0) : x; }
Tensor like_input(const Tensor& y, const Tensor& x, int64_t dims) {
  return x.ndim() == dims + 1 ? squeeze(y, Dims{0}) : y;
}

}  // namespace

Tensor convolution(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvSettings& s, const Dims& result) {
  const Tensor y = run(x, w, bias, s, result, true);
  return record(conv_op, {&x, &w, &bias},
                {s.stride, s.padding, s.dilation, s.groups, spatial_of(x), w.shape(), suggests_channels_last(w)},
                {Save(x, 2), Save(w, 1)}, y);
}

Tensor convolution_transpose(const Tensor& y, const Tensor& w, const Tensor& bias, const ConvSettings& s,
                             const Dims& result) {
  const Tensor x = run(y, w, bias, s, result, false);
  return record(conv_transpose_op, {&y, &w, &bias},
                {s.stride, s.padding, s.dilation, s.groups, spatial_of(y), w.shape(), suggests_channels_last(w)},
                {Save(y, 2), Save(w, 1)}, x);
}

Tensor convolution_weight_grad(const Tensor& x, const Tensor& y, const ConvSettings& s, const Dims& w_shape,
                               bool last) {
  Tensor w;
  weight_grads(x, y, s, w_shape, last, &w, nullptr);
  return record(conv_weight_grad_op, {&x, &y},
                {s.stride, s.padding, s.dilation, s.groups, spatial_of(x), spatial_of(y)}, {Save(x, 2), Save(y, 1)}, w);
}

Tensor conv(const char* op, int64_t dims, const Tensor& x, const Tensor& w, const Tensor& bias, Dims stride,
            Dims padding, Dims dilation, int64_t groups) {
  check_tensors(op, dims, x, w, bias);
  const bool same = padding.empty();
  ConvSettings s{per_dimension(op, "stride", stride, dims),
                 same ? Dims(dims, 0) : per_dimension(op, "padding", padding, dims),
                 per_dimension(op, "dilation", dilation, dims), groups};
  check_settings(op, s);
  const Tensor in = batched(x, dims);
  check_conv_channels(op, in, w, groups);
  check_bias(op, bias, w.size(0));
  const Dims result = result_sizes(op, in, w, s, same);
  return like_input(convolution(in, w, bias, s, result), x, dims);
}

Tensor conv_transpose(const char* op, int64_t dims, const Tensor& x, const Tensor& w, const Tensor& bias, Dims stride,
                      Dims padding, Dims output_padding, int64_t groups, Dims dilation) {
  check_tensors(op, dims, x, w, bias);
  const ConvSettings s{per_dimension(op, "stride", stride, dims), per_dimension(op, "padding", padding, dims),
                       per_dimension(op, "dilation", dilation, dims), groups};
  const Dims more = per_dimension(op, "output_padding", output_padding, dims);
  check_settings(op, s);
  const Tensor in = batched(x, dims);
  FL_CHECK(w.size(0) > 0 && in.size(1) == w.size(0) && w.size(0) % groups == 0, Runtime, op,
           "Given transposed=1, groups=", groups, ", weight of size ", w.shape(), ", expected input", in.shape(),
           " to have ", w.size(0), " channels, but got ", in.size(1), " channels instead");
  check_bias(op, bias, w.size(1) * groups);
  Dims result;
  for (int64_t d = 0; d < dims; ++d) {
    FL_CHECK(more[d] >= 0, Runtime, op, "negative output_padding is not supported: output_padding=", more);
    FL_CHECK(more[d] < s.stride[d] || more[d] < s.dilation[d], Runtime, op,
             "output padding must be smaller than either stride or dilation, but got output_padding=", more,
             ", stride=", s.stride, ", dilation=", s.dilation);
    const int64_t size =
        (in.size(d + 2) - 1) * s.stride[d] - 2 * s.padding[d] + s.dilation[d] * (w.size(d + 2) - 1) + more[d] + 1;
    FL_CHECK(size > 0, Runtime, op, "Given input size per channel ", in.shape(), ": calculated output size ", size,
             " in dimension ", d + 2, " is too small");
    result.push_back(size);
  }
  return like_input(convolution_transpose(in, w, bias, s, result), x, dims);
}

}  // namespace flambeau::ops
