// Poisson: W. Hoermann, "The transformed rejection method for generating Poisson random variables", 1993 (PTRS).
// Binomial: W. Hoermann, "The generation of binomial random variates", 1993 (BTRS), and Devroye's waiting times.
// Gamma: G. Marsaglia and W. W. Tsang, "A simple method for generating gamma variables", ACM TOMS 26(3), 2000.
#include "ops/samplers.h"

#include <cmath>
#include <limits>

namespace flambeau {

double sample_geometric(Generator& generator, double p) {
  return std::ceil(std::log(generator.uniform()) / std::log1p(-p));
}

double sample_cauchy(Generator& generator, double median, double sigma) {
  return median + sigma * std::tan(M_PI * (generator.uniform() - 0.5));
}

namespace {

double poisson_by_products(Generator& generator, double rate) {
  double bound = std::exp(-rate), product = 1.0, count = 0.0;
  while ((product *= generator.uniform()) > bound) count += 1.0;
  return count;
}

double poisson_by_rejection(Generator& generator, double rate) {
  double log_rate = std::log(rate);
  double b = 0.931 + 2.53 * std::sqrt(rate), a = -0.059 + 0.02483 * b;
  double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2.0);
  while (true) {
    double u = generator.uniform() - 0.5, v = generator.uniform(), us = 0.5 - std::fabs(u);
    double k = std::floor((2.0 * a / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= v_r) return k;
    if (k < 0.0 || (us < 0.013 && v > us)) continue;
    double left = std::log(v) + std::log(inverse_alpha) - std::log(a / (us * us) + b);
    if (left <= -rate + k * log_rate - std::lgamma(k + 1.0)) return k;
  }
}

// Counts how many geometric waiting times fit into `count` trials.
double binomial_by_waiting(Generator& generator, double count, double p) {
  double log_q = std::log1p(-p), trials = 0.0, successes = 0.0;
  while (true) {
    trials += std::ceil(std::log(generator.uniform()) / log_q);
    if (trials > count) return successes;
    successes += 1.0;
  }
}

// log(k!) minus Stirling's formula.
double stirling_tail(double k) {
  static const double table[] = {0.0810614667953272,  0.0413406959554092, 0.0276779256849983, 0.02079067210376509,
                                 0.0166446911898211,  0.0138761288230707, 0.0118967099458917, 0.0104112652619720,
                                 0.00925546218271273, 0.00833056343336287};
  if (k <= 9.0) return table[(int)k];
  double square = (k + 1.0) * (k + 1.0);
  return (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / square) / square) / (k + 1.0);
}

double binomial_by_rejection(Generator& generator, double n, double p) {
  double deviation = std::sqrt(n * p * (1.0 - p));
  double b = 1.15 + 2.53 * deviation, a = -0.0873 + 0.0248 * b + 0.01 * p;
  double c = n * p + 0.5, v_r = 0.92 - 4.2 / b, r = p / (1.0 - p);
  double alpha = (2.83 + 5.1 / b) * deviation, m = std::floor((n + 1.0) * p);
  while (true) {
    double u = generator.uniform() - 0.5, v = generator.uniform(), us = 0.5 - std::fabs(u);
    double k = std::floor((2.0 * a / us + b) * u + c);
    if (us >= 0.07 && v <= v_r) return k;
    if (k < 0.0 || k > n) continue;
    double bound = (m + 0.5) * std::log((m + 1.0) / (r * (n - m + 1.0))) +
                   (n + 1.0) * std::log((n - m + 1.0) / (n - k + 1.0)) +
                   (k + 0.5) * std::log(r * (n - k + 1.0) / (k + 1.0)) + stirling_tail(m) + stirling_tail(n - m) -
                   stirling_tail(k) - stirling_tail(n - k);
    if (std::log(v * alpha / (a / (us * us) + b)) <= bound) return k;
  }
}

}  // namespace

double sample_poisson(Generator& generator, double rate) {
  if (rate >= 10.0) return poisson_by_rejection(generator, rate);
  return rate == 0.0 ? 0.0 : poisson_by_products(generator, rate);
}

double sample_binomial(Generator& generator, double count, double p) {
  if (count <= 0.0 || p <= 0.0) return 0.0;
  if (p >= 1.0) return count;
  if (!(p > 0.5) && !(p <= 0.5)) return std::numeric_limits<double>::quiet_NaN();
  double q = p <= 0.5 ? p : 1.0 - p;
  double k = count * q >= 10.0 ? binomial_by_rejection(generator, count, q) : binomial_by_waiting(generator, count, q);
  return p <= 0.5 ? k : count - k;
}

template <class T>
double sample_gamma(Generator& generator, T alpha) {
  double scale = 1.0;
  if (alpha < 1) {  // Gamma(a) = Gamma(a + 1) U^(1/a)
    if (alpha == 0) return 0.0;
    scale = std::pow(1.0 - generator.uniform(), (T)1 / alpha);
    alpha += 1;
  }
  T d = alpha - (T)(1.0f / 3.0f);  // torch's third has float precision
  double c = 1.0 / std::sqrt(9.0 * d);
  while (true) {
    double x, y;
    do {
      x = generator.normal();
      y = 1.0 + c * x;
    } while (y <= 0.0);
    double v = y * y * y, u = 1.0 - generator.uniform(), square = x * x;
    if (u < 1.0 - 0.0331 * square * square || std::log(u) < 0.5 * square + d * (1.0 - v + std::log(v)))
      return scale * d * v;
  }
}
template double sample_gamma(Generator&, float);
template double sample_gamma(Generator&, double);

}  // namespace flambeau
