// Pooling, sliding windows as columns, and resampling. All are linear maps or choices whose adjoints are ops
// themselves.
#include "core/kernels.h"
#include "ops/conv.h"

namespace flambeau::ops {

namespace {

// Where windows begin and end along one axis; shared by an op and its derivatives.
struct Windows {
  Dims begin[3], end[3], extent[3], dilation{1, 1, 1}, result{1, 1, 1};
  int64_t divisor = 0;
  int64_t dims = 0;
};
using SharedWindows = std::shared_ptr<Windows>;

MemoryFormat last_format(int64_t ndim) { return ndim == 5 ? MemoryFormat::ChannelsLast3d : MemoryFormat::ChannelsLast; }

DType compute_type(DType t) { return is_reduced(t) ? DType::Float32 : is_integral(t) ? DType::Int64 : t; }
int slot(DType t) { return t == DType::Float32 ? 0 : t == DType::Float64 ? 1 : 2; }

// (n, c, spatial...) and whether the data is taken channels-last; unbatched input is seen as one sample.
struct Layout {
  Tensor x;
  bool last;
};
Layout prepare(const Tensor& x, int64_t dims) {
  GradMode no_grad(false);
  Tensor in = to_dtype(x, compute_type(x.dtype()));
  const bool last = x.ndim() == dims + 2 && suggests_channels_last(in);
  in = contiguous(in, last ? last_format(in.ndim()) : MemoryFormat::Contiguous);
  return {in, last};
}

Tensor new_like(const Layout& layout, const Dims& shape, DType dtype) {
  const Device device = layout.x.device();
  return layout.last ? empty_strided(shape, channels_last_strides(shape), dtype, device) : empty(shape, dtype, device);
}

// x's shape with its last `dims` sizes replaced.
Dims with_spatial(const Tensor& x, int64_t dims, DimsRef spatial) {
  Dims shape = x.shape();
  std::copy(spatial.end() - dims, spatial.end(), shape.begin() + shape.size() - dims);
  return shape;
}

PoolArgs arguments(const Tensor& x, int64_t dims, DimsRef in, DimsRef out, bool last) {
  PoolArgs a;
  a.n = x.ndim() == dims + 2 ? x.size(0) : 1;
  a.channels = x.size(x.ndim() - dims - 1);
  std::copy(in.end() - dims, in.end(), a.in + 3 - dims);
  std::copy(out.end() - dims, out.end(), a.out + 3 - dims);
  a.channels_last = last;
  return a;
}

void set_windows(PoolArgs& a, const Windows& w) {
  for (int d = 0; d < 3; ++d) {
    a.begin[d] = w.begin[d].data();
    a.end[d] = w.end[d].data();
    a.extent[d] = w.extent[d].data();
    a.dilation[d] = w.dilation[d];
  }
  a.divisor = w.divisor;
}

Tensor quiet_cast(const Tensor& x, DType dtype) {
  GradMode no_grad(false);
  return to_dtype(x, dtype);
}

template <class F>
void call(F entry, const char* op, const Tensor& x, const PoolArgs& a) {
  need(entry, op, x)(a);
}

Tensor average_spread(const Tensor& g, const SharedWindows& windows, const Dims& spatial);
Tensor average(const Tensor& x, const SharedWindows& windows);

void max_pool_vjp(Backward& b) { b.set(0, plane_scatter(b.grad(), b.saved(0), b.attr<Dims>(0))); }
void average_vjp(Backward& b) {
  b.set(0,
        average_spread(b.grad(), std::static_pointer_cast<Windows>(b.attr<std::shared_ptr<void>>(0)), b.attr<Dims>(1)));
}
void average_spread_vjp(Backward& b) {
  b.set(0, average(b.grad(), std::static_pointer_cast<Windows>(b.attr<std::shared_ptr<void>>(0))));
}
void plane_scatter_vjp(Backward& b) { b.set(0, plane_gather(b.grad(), b.saved(0), b.attr<int64_t>(0))); }
void plane_gather_vjp(Backward& b) { b.set(0, plane_scatter(b.grad(), b.saved(0), b.attr<Dims>(0))); }

const Op max_pool_op{"max_pool", max_pool_vjp};
const Op average_op{"average_pool", average_vjp};
const Op average_spread_op{"average_pool_grad", average_spread_vjp};
const Op plane_scatter_op{"plane_scatter", plane_scatter_vjp};
const Op plane_gather_op{"plane_gather", plane_gather_vjp};

Dims spatial_of(const Tensor& x, int64_t dims) { return Dims(DimsRef(x.shape()).subspan(x.ndim() - dims)); }

ValuesAndIndices maximum(const Tensor& x, const Windows& w, bool wanted) {
  const Layout in = prepare(x, w.dims);
  const Dims shape = with_spatial(x, w.dims, w.result);
  const Tensor out = new_like(in, shape, in.x.dtype());
  const Tensor indices = wanted || (grad_enabled() && x.requires_grad()) ? new_like(in, shape, DType::Int64) : Tensor();
  PoolArgs a = arguments(x, w.dims, x.shape(), w.result, in.last);
  set_windows(a, w);
  a.source = in.x.raw();
  a.result = out.raw();
  a.indices = indices.defined() ? static_cast<int64_t*>(indices.raw()) : nullptr;
  call(kernels_of(x).pool.max[slot(in.x.dtype())], "max_pool", x, a);
  return {record(max_pool_op, {&x}, {spatial_of(x, w.dims)}, {indices}, quiet_cast(out, x.dtype())), indices};
}

Tensor average(const Tensor& x, const SharedWindows& windows) {
  const Windows& w = *windows;
  const Layout in = prepare(x, w.dims);
  const Tensor out = new_like(in, with_spatial(x, w.dims, w.result), in.x.dtype());
  PoolArgs a = arguments(x, w.dims, x.shape(), w.result, in.last);
  set_windows(a, w);
  a.source = in.x.raw();
  a.result = out.raw();
  call(kernels_of(x).pool.average[slot(in.x.dtype())], "avg_pool", x, a);
  return record(average_op, {&x}, {std::shared_ptr<void>(windows), spatial_of(x, w.dims)}, {},
                quiet_cast(out, x.dtype()));
}

Tensor average_spread(const Tensor& g, const SharedWindows& windows, const Dims& spatial) {
  const Windows& w = *windows;
  const Layout in = prepare(g, w.dims);
  const Dims shape = with_spatial(g, w.dims, spatial);
  const Tensor out = new_like(in, shape, in.x.dtype());
  PoolArgs a = arguments(g, w.dims, spatial, w.result, in.last);
  set_windows(a, w);
  a.source = in.x.raw();
  a.result = out.raw();
  call(kernels_of(g).pool.average_grad[slot(in.x.dtype())], "avg_pool", g, a);
  return record(average_spread_op, {&g}, {std::shared_ptr<void>(windows)}, {}, quiet_cast(out, g.dtype()));
}

// Values and indices in one layout (the values').
struct Pair {
  Layout x;
  Tensor indices;
};
Pair prepare_pair(const Tensor& x, const Tensor& indices, int64_t dims) {
  GradMode no_grad(false);
  const Layout layout = prepare(x, dims);
  return {layout, contiguous(indices, layout.last ? last_format(x.ndim()) : MemoryFormat::Contiguous)};
}

// ---- arguments

Dims per_dimension(const char* op, const char* what, const Dims& given, int64_t dims) {
  if (given.size() == dims) return given;
  FL_CHECK(given.size() == 1, Runtime, op, what, " must either be a single int, or a tuple of ", dims, " ints, got ",
           given);
  return Dims(dims, given[0]);
}

void check_input(const char* op, int64_t dims, const Tensor& x, bool integers) {
  FL_CHECK(x.ndim() == dims + 1 || x.ndim() == dims + 2, Runtime, op, "expected ", dims + 1, "D or ", dims + 2,
           "D (batch mode) tensor, but got input of size ", x.shape());
  for (int64_t d = x.ndim() - dims - 1; d < x.ndim(); ++d)
    FL_CHECK(x.size(d) > 0, Runtime, op,
             "expected input to have non-zero size for non-batch dimensions, but got input of size ", x.shape());
  const bool fits = is_floating(x.dtype()) || (integers && is_integral(x.dtype(), false));
  FL_CHECK(fits, NotImplemented, op, "\"", op, "\" not implemented for '", info(x.dtype()).title, "'");
}

// Fills in the windows of one axis.
void slide(const char* op, Windows& w, int axis, int64_t in, int64_t kernel, int64_t stride, int64_t pad,
           int64_t dilation, bool ceil_mode, bool include_padding) {
  FL_CHECK(kernel > 0, Runtime, op, "kernel size should be greater than zero, but got ", kernel);
  FL_CHECK(stride > 0, Runtime, op, "stride should be greater than zero, but got ", stride);
  FL_CHECK(dilation > 0, Runtime, op, "dilation should be greater than zero, but got ", dilation);
  FL_CHECK(pad >= 0, Runtime, op, "pad must be non-negative, but got pad: ", pad);
  FL_CHECK(pad <= ((kernel - 1) * dilation + 1) / 2, Runtime, op,
           "pad should be at most half of effective kernel size, but got pad=", pad, ", kernel_size=", kernel,
           " and dilation=", dilation);
  const int64_t room = in + 2 * pad - dilation * (kernel - 1) - 1 + (ceil_mode ? stride - 1 : 0);
  int64_t out = (room >= 0 ? room / stride : -((-room + stride - 1) / stride)) + 1;
  if (ceil_mode && (out - 1) * stride >= in + pad) --out;
  FL_CHECK(out >= 1, Runtime, op, "Output size is too small: input size ", in, ", kernel size ", kernel,
           ", calculated output size ", out);
  w.result[axis] = out;
  w.dilation[axis] = dilation;
  for (int64_t o = 0; o < out; ++o) {
    int64_t begin = o * stride - pad, end = begin + (kernel - 1) * dilation + 1;
    const int64_t padded = std::min(end, in + pad) - begin;
    if (begin < 0) begin += (-begin + dilation - 1) / dilation * dilation;
    end = std::min(end, in);
    w.begin[axis].push_back(std::min(begin, in - 1));
    w.end[axis].push_back(end);
    w.extent[axis].push_back(std::max<int64_t>(1, include_padding ? padded : end - begin));
  }
}

Windows start_windows(int64_t dims) {
  Windows w;
  w.dims = dims;
  for (int axis = 0; axis < 3 - dims; ++axis) {
    w.begin[axis] = Dims{0};
    w.end[axis] = w.extent[axis] = Dims{1};
  }
  return w;
}

Windows sliding(const char* op, int64_t dims, const Tensor& x, const PoolSettings& s, bool include_padding) {
  Windows w = start_windows(dims);
  const Dims kernel = per_dimension(op, "kernel_size", s.kernel, dims);
  const Dims stride = s.stride.empty() ? kernel : per_dimension(op, "stride", s.stride, dims);
  const Dims pad = per_dimension(op, "padding", s.padding, dims),
             dilation = per_dimension(op, "dilation", s.dilation, dims);
  for (int64_t d = 0; d < dims; ++d)
    slide(op, w, static_cast<int>(3 - dims + d), x.size(x.ndim() - dims + d), kernel[d], stride[d], pad[d], dilation[d],
          s.ceil_mode, include_padding);
  return w;
}

Windows adaptive(const char* op, int64_t dims, const Tensor& x, const Dims& result) {
  FL_CHECK(result.size() == dims, Runtime, op, "output_size must have ", dims, " entries, got ", result);
  Windows w = start_windows(dims);
  for (int64_t d = 0; d < dims; ++d) {
    const int64_t axis = 3 - dims + d, in = x.size(x.ndim() - dims + d), out = result[d];
    FL_CHECK(out >= 0, Runtime, op, "elements of output_size must be greater than or equal to 0, but received ",
             result);
    w.result[axis] = out;
    for (int64_t o = 0; o < out; ++o) {
      w.begin[axis].push_back(o * in / out);
      w.end[axis].push_back(((o + 1) * in + out - 1) / out);
      w.extent[axis].push_back(w.end[axis].back() - w.begin[axis].back());
    }
  }
  return w;
}

}  // namespace

ValuesAndIndices max_pool(const char* op, int64_t dims, const Tensor& x, const PoolSettings& settings, bool indices) {
  check_input(op, dims, x, dims > 1);
  return maximum(x, sliding(op, dims, x, settings, false), indices);
}

ValuesAndIndices adaptive_max_pool(const char* op, int64_t dims, const Tensor& x, const Dims& result) {
  check_input(op, dims, x, false);
  return maximum(x, adaptive(op, dims, x, result), true);
}

Tensor avg_pool(const char* op, int64_t dims, const Tensor& x, const PoolSettings& settings, bool include_padding,
                int64_t divisor) {
  check_input(op, dims, x, x.dtype() == DType::Int64);
  Windows w = sliding(op, dims, x, settings, include_padding);
  w.divisor = divisor;
  return average(x, std::make_shared<Windows>(std::move(w)));
}

Tensor adaptive_avg_pool(const char* op, int64_t dims, const Tensor& x, const Dims& result) {
  check_input(op, dims, x, false);
  return average(x, std::make_shared<Windows>(adaptive(op, dims, x, result)));
}

Tensor plane_scatter(const Tensor& x, const Tensor& indices, const Dims& spatial) {
  const int64_t dims = spatial.size();
  const Pair in = prepare_pair(x, indices, dims);
  const Tensor out = new_like(in.x, with_spatial(x, dims, spatial), in.x.x.dtype());
  PoolArgs a = arguments(x, dims, spatial, x.shape(), in.x.last);
  a.source = in.x.x.raw();
  a.result = out.raw();
  a.indices = static_cast<int64_t*>(in.indices.raw());
  call(kernels_of("plane_scatter", {&x, &indices}).pool.scatter[slot(out.dtype())], "plane_scatter", x, a);
  return record(plane_scatter_op, {&x}, {dims}, {indices}, quiet_cast(out, x.dtype()));
}

Tensor plane_gather(const Tensor& x, const Tensor& indices, int64_t dims) {
  const Pair in = prepare_pair(x, indices, dims);
  const Tensor out = new_like(in.x, indices.shape(), in.x.x.dtype());
  PoolArgs a = arguments(x, dims, x.shape(), indices.shape(), in.x.last);
  a.source = in.x.x.raw();
  a.result = out.raw();
  a.indices = static_cast<int64_t*>(in.indices.raw());
  call(kernels_of("plane_gather", {&x, &indices}).pool.gather[slot(out.dtype())], "plane_gather", x, a);
  return record(plane_gather_op, {&x}, {spatial_of(x, dims)}, {indices}, quiet_cast(out, x.dtype()));
}

// ---- columns

namespace {

UnfoldArgs unfold_arguments(const Tensor& x, const Dims& spatial, const Dims& kernel, const Dims& dilation,
                            const Dims& padding, const Dims& stride) {
  UnfoldArgs a;
  a.planes = x.size(0) * x.size(1);
  for (int d = 0; d < 2; ++d) {
    a.in[d] = spatial[d];
    a.kernel[d] = kernel[d];
    a.stride[d] = stride[d];
    a.dilation[d] = dilation[d];
    a.pad[d] = padding[d];
    a.out[d] = (spatial[d] + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1) / stride[d] + 1;
  }
  return a;
}

void im2col_vjp(Backward& b) {
  b.set(0, col2im(b.grad(), b.attr<Dims>(0), b.attr<Dims>(1), b.attr<Dims>(2), b.attr<Dims>(3), b.attr<Dims>(4)));
}
void col2im_vjp(Backward& b) {
  b.set(0, im2col(b.grad(), b.attr<Dims>(1), b.attr<Dims>(2), b.attr<Dims>(3), b.attr<Dims>(4)));
}
const Op im2col_op{"im2col", im2col_vjp};
const Op col2im_op{"col2im", col2im_vjp};

Tensor resample_any(const Tensor& x, int64_t dim, int64_t size, const Dims& first,
                    const std::shared_ptr<std::vector<double>>& weight, bool transposed);
void resample_vjp(Backward& b) {
  const auto weight = std::static_pointer_cast<std::vector<double>>(b.attr<std::shared_ptr<void>>(3));
  b.set(0, resample_any(b.grad(), b.attr<int64_t>(0), b.attr<int64_t>(1), b.attr<Dims>(2), weight, !b.attr<bool>(4)));
}
const Op resample_op{"resample", resample_vjp};

Tensor resample_any(const Tensor& x, int64_t dim, int64_t size, const Dims& first,
                    const std::shared_ptr<std::vector<double>>& weight, bool transposed) {
  Tensor typed;
  {
    GradMode no_grad(false);
    const Tensor in = contiguous(to_dtype(x, x.dtype() == DType::Float64 ? DType::Float64 : DType::Float32));
    Dims shape = x.shape();
    shape[dim] = size;
    const Tensor out = empty(shape, in.dtype(), in.device());
    ResampleArgs a;
    a.source = in.raw();
    a.result = out.raw();
    a.outer = count(DimsRef(shape).first(dim));
    a.inner = count(DimsRef(shape).subspan(dim + 1));
    a.in = transposed ? size : x.size(dim);
    a.out = first.size();
    a.taps = a.out ? static_cast<int64_t>(weight->size()) / a.out : 0;
    a.first = first.data();
    a.weight = weight->data();
    a.transposed = transposed;
    need(kernels_of(x).sample.resample[in.dtype() == DType::Float64], "resample", x)(a);
    typed = to_dtype(out, x.dtype());
  }
  return record(resample_op, {&x}, {dim, x.size(dim), first, std::shared_ptr<void>(weight), transposed}, {}, typed);
}

}  // namespace

Tensor im2col(const Tensor& x, const Dims& kernel, const Dims& dilation, const Dims& padding, const Dims& stride) {
  const Dims spatial{x.size(2), x.size(3)};
  UnfoldArgs a = unfold_arguments(x, spatial, kernel, dilation, padding, stride);
  Tensor typed;
  {
    GradMode no_grad(false);
    const Tensor in = contiguous(to_dtype(x, compute_type(x.dtype())));
    const Tensor out =
        empty(Dims{x.size(0), x.size(1) * kernel[0] * kernel[1], a.out[0] * a.out[1]}, in.dtype(), in.device());
    a.source = in.raw();
    a.result = out.raw();
    need(kernels_of(x).sample.unfold[slot(in.dtype())], "im2col", x)(a);
    typed = to_dtype(out, x.dtype());
  }
  return record(im2col_op, {&x}, {spatial, kernel, dilation, padding, stride}, {}, typed);
}

Tensor col2im(const Tensor& x, const Dims& spatial, const Dims& kernel, const Dims& dilation, const Dims& padding,
              const Dims& stride) {
  const int64_t channels = x.size(1) / (kernel[0] * kernel[1]);
  Tensor typed;
  {
    GradMode no_grad(false);
    const Tensor in = contiguous(to_dtype(x, compute_type(x.dtype())));
    const Tensor out = empty(Dims{x.size(0), channels, spatial[0], spatial[1]}, in.dtype(), in.device());
    UnfoldArgs a = unfold_arguments(out, spatial, kernel, dilation, padding, stride);
    a.source = in.raw();
    a.result = out.raw();
    need(kernels_of(x).sample.fold[slot(in.dtype())], "col2im", x)(a);
    typed = to_dtype(out, x.dtype());
  }
  return record(col2im_op, {&x}, {spatial, kernel, dilation, padding, stride}, {}, typed);
}

Tensor resample(const Tensor& x, int64_t dim, int64_t size, const Dims& first, std::vector<double> weight) {
  return resample_any(x, dim, size, first, std::make_shared<std::vector<double>>(std::move(weight)), false);
}

}  // namespace flambeau::ops
