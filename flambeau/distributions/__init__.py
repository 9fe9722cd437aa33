"""Probability distributions: draws, densities, moments, divergences, and transforms between them.

Parameters have a batch shape, draws an event shape; `sample(s)` has the shape s + batch_shape + event_shape. The same
seed gives PyTorch's draws. `rsample` lets gradients through, by the pathwise derivative where it exists.
"""

import sys as _sys

from . import constraint_registry, constraints, kl, transforms, utils
from .bernoulli import Bernoulli, Binomial, ContinuousBernoulli, Geometric, NegativeBinomial, Poisson
from .beta import Beta, Dirichlet, Kumaraswamy
from .categorical import Categorical, Multinomial, OneHotCategorical, OneHotCategoricalStraightThrough
from .cauchy import Cauchy, GeneralizedPareto, Gumbel, HalfCauchy, InverseGamma, Laplace, Pareto, Weibull
from .constraint_registry import biject_to, transform_to
from .distribution import Distribution, ExponentialFamily
from .gamma import Chi2, Exponential, FisherSnedecor, Gamma, StudentT
from .kl import _KL_REGISTRY, kl_divergence, register_kl
from .multivariate_normal import LowRankMultivariateNormal, MultivariateNormal
from .normal import HalfNormal, LogisticNormal, LogNormal, Normal
from .relaxed_bernoulli import RelaxedBernoulli, RelaxedOneHotCategorical
from .transformed_distribution import Independent, MixtureSameFamily, TransformedDistribution
from .transforms import *
from .uniform import Uniform
from .von_mises import VonMises
from .wishart import LKJCholesky, Wishart

# The modules of PyTorch that are part of a family here: name there, name here.
_ELSEWHERE = {
    "bernoulli": ("binomial", "continuous_bernoulli", "geometric", "negative_binomial", "poisson"),
    "beta": ("dirichlet", "kumaraswamy"),
    "categorical": ("multinomial", "one_hot_categorical"),
    "cauchy": ("generalized_pareto", "gumbel", "half_cauchy", "inverse_gamma", "laplace", "pareto", "weibull"),
    "distribution": ("exp_family",),
    "gamma": ("chi2", "exponential", "fishersnedecor", "studentT"),
    "multivariate_normal": ("lowrank_multivariate_normal",),
    "normal": ("half_normal", "log_normal", "logistic_normal"),
    "relaxed_bernoulli": ("relaxed_categorical",),
    "transformed_distribution": ("independent", "mixture_same_family"),
    "wishart": ("lkj_cholesky",),
}
for _home, _names in _ELSEWHERE.items():
    for _name in _names:
        globals()[_name] = _sys.modules[f"{__name__}.{_name}"] = _sys.modules[f"{__name__}.{_home}"]

__all__ = [
    "AbsTransform",
    "AffineTransform",
    "Bernoulli",
    "Beta",
    "Binomial",
    "CatTransform",
    "Categorical",
    "Cauchy",
    "Chi2",
    "ComposeTransform",
    "ContinuousBernoulli",
    "CorrCholeskyTransform",
    "CumulativeDistributionTransform",
    "Dirichlet",
    "Distribution",
    "ExpTransform",
    "Exponential",
    "ExponentialFamily",
    "FisherSnedecor",
    "Gamma",
    "GeneralizedPareto",
    "Geometric",
    "Gumbel",
    "HalfCauchy",
    "HalfNormal",
    "Independent",
    "IndependentTransform",
    "InverseGamma",
    "Kumaraswamy",
    "LKJCholesky",
    "Laplace",
    "LogNormal",
    "LogisticNormal",
    "LowRankMultivariateNormal",
    "LowerCholeskyTransform",
    "MixtureSameFamily",
    "Multinomial",
    "MultivariateNormal",
    "NegativeBinomial",
    "Normal",
    "OneHotCategorical",
    "OneHotCategoricalStraightThrough",
    "Pareto",
    "Poisson",
    "PositiveDefiniteTransform",
    "PowerTransform",
    "RelaxedBernoulli",
    "RelaxedOneHotCategorical",
    "ReshapeTransform",
    "SigmoidTransform",
    "SoftmaxTransform",
    "SoftplusTransform",
    "StackTransform",
    "StickBreakingTransform",
    "StudentT",
    "TanhTransform",
    "Transform",
    "TransformedDistribution",
    "Uniform",
    "VonMises",
    "Weibull",
    "Wishart",
    "biject_to",
    "identity_transform",
    "kl_divergence",
    "register_kl",
    "transform_to",
]
