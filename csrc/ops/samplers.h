// Draws from distributions that take a varying number of uniforms each: scalar, in double, in order.
#pragma once
#include "core/generator.h"

namespace flambeau {

double sample_geometric(Generator& generator, double p);  // 1, 2, ...
double sample_cauchy(Generator& generator, double median, double sigma);
double sample_poisson(Generator& generator, double rate);
double sample_binomial(Generator& generator, double count, double p);
template <class T>                                   // float or double: the type in which torch keeps alpha
double sample_gamma(Generator& generator, T alpha);  // scale 1

}  // namespace flambeau
