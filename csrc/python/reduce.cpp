// Reductions, scans, softmax, losses, normalizations, concatenation.
#include "ops/reduce.h"

#include "python/python.h"

namespace flambeau::python {

namespace {

using MaybeDType = std::optional<DType>;
using MaybeTensor = std::optional<Tensor>;
Tensor or_none(const MaybeTensor& t) { return t ? *t : Tensor{}; }

// name(input, dims, keepdim, dtype) with dims () for all.
void define_sum(nb::module_& m, const char* name, Tensor (*f)(const Tensor&, DimsRef, bool, DType)) {
  m.def(
      name,
      [f](const Tensor& x, const Dims& dims, bool keepdim, MaybeDType dtype) {
        return f(x, dims, keepdim, dtype.value_or(DType::Undefined));
      },
      nb::arg("input"), nb::arg("dim") = nb::tuple(), nb::arg("keepdim") = false, nb::arg("dtype") = nb::none());
}

void define_extreme(nb::module_& m, const char* name, Tensor (*f)(const Tensor&, DimsRef, bool)) {
  m.def(
      name, [f](const Tensor& x, const Dims& dims, bool keepdim) { return f(x, dims, keepdim); }, nb::arg("input"),
      nb::arg("dim") = nb::tuple(), nb::arg("keepdim") = false);
}

void define_moments(nb::module_& m, const char* name, Reduction kind) {
  m.def(name, [kind](const Tensor& x, const Dims& dims, double correction, bool keepdim) {
    return ops::moments(kind, x, dims, correction, keepdim);
  });
}

void define_indexed(nb::module_& m) {
  auto arg = [&m](const char* name, Reduction kind) {
    m.def(
        name,
        [kind](const Tensor& x, std::optional<int64_t> dim, bool keepdim) {
          return ops::arg_reduce(kind, x, dim, keepdim);
        },
        nb::arg("input"), nb::arg("dim") = nb::none(), nb::arg("keepdim") = false);
  };
  arg("argmax", Reduction::ArgMax);
  arg("argmin", Reduction::ArgMin);
  m.def("max_dim",
        [](const Tensor& x, int64_t dim, bool keepdim) { return ops::extreme(Reduction::MaxIndex, x, dim, keepdim); });
  m.def("min_dim",
        [](const Tensor& x, int64_t dim, bool keepdim) { return ops::extreme(Reduction::MinIndex, x, dim, keepdim); });
  m.def("median_dim",
        [](const Tensor& x, int64_t dim, bool keepdim) { return ops::pick(Pick::Median, x, dim, keepdim); });
  m.def("nanmedian_dim",
        [](const Tensor& x, int64_t dim, bool keepdim) { return ops::pick(Pick::NanMedian, x, dim, keepdim); });
  m.def("mode_dim", [](const Tensor& x, int64_t dim, bool keepdim) { return ops::pick(Pick::Mode, x, dim, keepdim); });
}

void define_scans(nb::module_& m) {
  m.def("cumsum", [](const Tensor& x, int64_t dim) { return ops::cumsum(x, dim); });
  m.def("cumprod", ops::cumprod);
  m.def("logcumsumexp", ops::logcumsumexp);
  m.def("cummax", [](const Tensor& x, int64_t dim) { return ops::cumextreme(Scan::Max, x, dim); });
  m.def("cummin", [](const Tensor& x, int64_t dim) { return ops::cumextreme(Scan::Min, x, dim); });
}

void define_norms(nb::module_& m) {
  m.def(
      "layer_norm",
      [](const Tensor& x, const Dims& shape, const MaybeTensor& weight, const MaybeTensor& bias, double eps) {
        return ops::layer_norm(x, shape, or_none(weight), or_none(bias), eps);
      },
      nb::arg("input"), nb::arg("shape"), nb::arg("weight").none(), nb::arg("bias").none(), nb::arg("eps"));
  m.def(
      "rms_norm",
      [](const Tensor& x, const Dims& shape, const MaybeTensor& weight, double eps) {
        return ops::rms_norm(x, shape, or_none(weight), eps);
      },
      nb::arg("input"), nb::arg("shape"), nb::arg("weight").none(), nb::arg("eps"));
  m.def(
      "group_norm",
      [](const Tensor& x, int64_t groups, const MaybeTensor& weight, const MaybeTensor& bias, double eps) {
        return ops::group_norm(x, groups, or_none(weight), or_none(bias), eps);
      },
      nb::arg("input"), nb::arg("groups"), nb::arg("weight").none(), nb::arg("bias").none(), nb::arg("eps"));
  m.def(
      "batch_norm",
      [](const Tensor& x, const MaybeTensor& weight, const MaybeTensor& bias, const MaybeTensor& mean,
         const MaybeTensor& var, bool train, double eps) {
        return ops::batch_norm(x, or_none(weight), or_none(bias), or_none(mean), or_none(var), train, eps);
      },
      nb::arg("input"), nb::arg("weight").none(), nb::arg("bias").none(), nb::arg("mean").none(), nb::arg("var").none(),
      nb::arg("train"), nb::arg("eps"));
}

}  // namespace

void define_reduce(nb::module_& m) {
  define_sum(m, "sum", ops::sum);
  define_sum(m, "mean", ops::mean);
  define_sum(m, "nansum", ops::nansum);
  define_sum(m, "prod", ops::prod);
  define_extreme(m, "amax", ops::amax);
  define_extreme(m, "amin", ops::amin);
  define_extreme(m, "any", ops::any);
  define_extreme(m, "all", ops::all);
  m.def("count_nonzero", [](const Tensor& x, const Dims& dims) { return ops::count_nonzero(x, dims); });
  m.def(
      "vector_norm",
      [](const Tensor& x, double p, const Dims& dims, bool keepdim, MaybeDType dtype) {
        return ops::vector_norm(x, p, dims, keepdim, dtype.value_or(DType::Undefined));
      },
      nb::arg("input"), nb::arg("p"), nb::arg("dim"), nb::arg("keepdim"), nb::arg("dtype") = nb::none());
  define_moments(m, "var", Reduction::Var);
  define_moments(m, "std", Reduction::Std);
  define_moments(m, "var_mean", Reduction::VarMean);
  define_moments(m, "std_mean", Reduction::StdMean);
  define_indexed(m);
  define_scans(m);
  m.def("softmax", ops::softmax);
  m.def("log_softmax", ops::log_softmax);
  m.def("logsumexp", [](const Tensor& x, const Dims& dims, bool keepdim) { return ops::logsumexp(x, dims, keepdim); });
  m.def(
      "cross_entropy",
      [](const Tensor& x, const Tensor& target, const MaybeTensor& weight, int64_t reduction, int64_t ignore_index,
         double smoothing) {
        return ops::cross_entropy(x, target, or_none(weight), reduction, ignore_index, smoothing);
      },
      nb::arg("input"), nb::arg("target"), nb::arg("weight").none(), nb::arg("reduction"), nb::arg("ignore_index"),
      nb::arg("smoothing"));
  m.def("all_classes", ops::all_classes);
  define_norms(m);
  m.def("cat", [](const std::vector<Tensor>& tensors, int64_t dim) { return ops::cat(tensors, dim); });
  m.def("stack", [](const std::vector<Tensor>& tensors, int64_t dim) { return ops::stack(tensors, dim); });
}

}  // namespace flambeau::python
