// Reductions, scans and softmax for other ops and the bindings.
#pragma once
#include <optional>

#include "core/kernels/reduce.h"
#include "ops/ops.h"

namespace flambeau::ops {

// `dims` empty: all of them. `dtype` undefined: the op's own choice.
Tensor sum(const Tensor& x, DimsRef dims, bool keepdim, DType dtype);
Tensor mean(const Tensor& x, DimsRef dims = {}, bool keepdim = false, DType dtype = DType::Undefined);
Tensor nansum(const Tensor& x, DimsRef dims, bool keepdim, DType dtype);
Tensor prod(const Tensor& x, DimsRef dims, bool keepdim, DType dtype);
Tensor amax(const Tensor& x, DimsRef dims = {}, bool keepdim = false);
Tensor amin(const Tensor& x, DimsRef dims = {}, bool keepdim = false);
Tensor any(const Tensor& x, DimsRef dims = {}, bool keepdim = false);
Tensor all(const Tensor& x, DimsRef dims = {}, bool keepdim = false);
Tensor count_nonzero(const Tensor& x, DimsRef dims = {});
Tensor vector_norm(const Tensor& x, double p, DimsRef dims, bool keepdim, DType dtype);
// kind: Var, Std, VarMean or StdMean; the last two give two results.
std::vector<Tensor> moments(Reduction kind, const Tensor& x, DimsRef dims, double correction, bool keepdim);
// Of the flattened tensor without a dim.
Tensor arg_reduce(Reduction kind, const Tensor& x, std::optional<int64_t> dim, bool keepdim);
// kind: MaxIndex or MinIndex: values and indices.
std::vector<Tensor> extreme(Reduction kind, const Tensor& x, int64_t dim, bool keepdim);
std::vector<Tensor> pick(Pick kind, const Tensor& x, int64_t dim, bool keepdim);

// 0, 1, 2, ... along dim of a tensor with as many dims as `shape`, of size 1 in the others.
Tensor positions(const Tensor& x, int64_t dim);

Tensor cumsum(const Tensor& x, int64_t dim, bool reverse = false);
Tensor cumprod(const Tensor& x, int64_t dim);
Tensor logcumsumexp(const Tensor& x, int64_t dim);
std::vector<Tensor> cumextreme(Scan kind, const Tensor& x, int64_t dim);
// y[i] = x[i] + factor[i] y[i - 1], or from the end x[i] + factor[i + 1] y[i + 1].
Tensor linear_scan(const Tensor& x, const Tensor& factor, int64_t dim, bool reverse);

Tensor softmax(const Tensor& x, int64_t dim);
Tensor log_softmax(const Tensor& x, int64_t dim);
Tensor logsumexp(const Tensor& x, DimsRef dims, bool keepdim);
// Whether all targets are classes and none is ignored.
bool all_classes(const Tensor& target, int64_t classes, int64_t ignore);
// Class targets; reduction 0 none, 1 mean, 2 sum.
Tensor cross_entropy(const Tensor& x, const Tensor& target, const Tensor& weight, int64_t reduction,
                     int64_t ignore_index, double smoothing);

Tensor layer_norm(const Tensor& x, const Dims& shape, const Tensor& weight, const Tensor& bias, double eps);
Tensor rms_norm(const Tensor& x, const Dims& shape, const Tensor& weight, double eps);
Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias, double eps);
// In training mean and var are undefined; returned with the batch's mean and biased variance.
std::vector<Tensor> batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& mean,
                               const Tensor& var, bool train, double eps);

Tensor cat(std::span<const Tensor> tensors, int64_t dim);
Tensor stack(std::span<const Tensor> tensors, int64_t dim);  // of one shape

}  // namespace flambeau::ops
