// Ops that draw random numbers: torch's streams (docs/random.md).
#pragma once
#include <optional>

#include "core/generator.h"
#include "ops/ops.h"

namespace flambeau::ops {

// Refuses negative or undefined elements of a standard deviation.
void check_std(const Tensor& std);

// In place; memory is filled in the order of its addresses.
Tensor uniform_(const Tensor& self, double from, double to, Generator& generator);
Tensor normal_(const Tensor& self, double mean, double std, Generator& generator);
Tensor random_(const Tensor& self, std::optional<int64_t> from, std::optional<int64_t> to, Generator& generator);
Tensor bernoulli_(const Tensor& self, double p, Generator& generator);
Tensor bernoulli_(const Tensor& self, const Tensor& p, Generator& generator);
Tensor exponential_(const Tensor& self, double rate, Generator& generator);
Tensor geometric_(const Tensor& self, double p, Generator& generator);
Tensor cauchy_(const Tensor& self, double median, double sigma, Generator& generator);
Tensor log_normal_(const Tensor& self, double mean, double std, Generator& generator);

Tensor randperm(int64_t n, DType dtype, Generator& generator);
Tensor multinomial(const Tensor& weights, int64_t samples, bool replacement, Generator& generator);
Tensor poisson(const Tensor& rate, Generator& generator);
Tensor binomial(const Tensor& count, const Tensor& p, Generator& generator);
Tensor standard_gamma(const Tensor& alpha, Generator& generator);
Tensor dirichlet(const Tensor& alpha, Generator& generator);

// x where a draw below 1 - p keeps it, scaled by 1 / (1 - p); 0 < p < 1.
Tensor dropout(const Tensor& x, double p, Generator& generator);

}  // namespace flambeau::ops
