"""Angles around a direction."""

import math

import flambeau

from . import constraints
from .distribution import Distribution, Symmetric
from .utils import lazy_property

__all__ = ["VonMises"]


class VonMises(Symmetric, Distribution):
    """Density exp(k cos(x - loc)) / (2 pi I0(k)) on the circle, with k the concentration.

    Draws are in [-pi, pi), by rejection from a wrapped Cauchy distribution (Best and Fisher, 1979), in double precision.

    Args:
        loc: an angle in radians.
        concentration: k, positive.

    >>> flambeau.distributions.VonMises(flambeau.tensor(0.0), flambeau.tensor(1.0)).log_prob(flambeau.tensor(0.0))
    tensor(-1.0738)
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False
    _params = ("loc", "concentration")

    def __init__(self, loc, concentration, validate_args=None):
        self._set(validate_args, loc=loc, concentration=concentration)

    @lazy_property
    def variance(self):
        """The circular variance, 1 - I1(k) / I0(k)."""
        k = self.concentration
        return 1 - flambeau.special.i1e(k) / flambeau.special.i0e(k)

    def log_prob(self, value):
        k = self.concentration
        log_i0 = flambeau.special.i0e(k).log() + k
        return k * flambeau.cos(self._checked(value) - self.loc) - math.log(2 * math.pi) - log_i0

    def _proposal_r(self, k):
        tau = 1 + (1 + 4 * k**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * k)
        return flambeau.where(k < 1e-5, 1 / k + k, (1 + rho**2) / (2 * rho))

    def sample(self, sample_shape=()):
        with flambeau.no_grad():
            shape = self._extended_shape(sample_shape)
            k, r = self.concentration.double(), self._proposal_r(self.concentration.double())
            x = flambeau.empty(shape, dtype=flambeau.float64)
            done = flambeau.zeros(shape, dtype=flambeau.bool)
            while not done.all():
                u1, u2, u3 = flambeau.rand((3, *shape), dtype=flambeau.float64).unbind()
                z = flambeau.cos(math.pi * u1)
                f = (1 + r * z) / (r + z)
                c = k * (r - f)
                accept = ((c * (2 - c) - u2) > 0) | ((c / u2).log() + 1 - c >= 0)
                x = flambeau.where(accept, (u3 - 0.5).sign() * f.acos(), x)
                done = done | accept
            turned = (x + math.pi + self.loc.double()) % (2 * math.pi) - math.pi
            return turned.to(self.loc.dtype)
