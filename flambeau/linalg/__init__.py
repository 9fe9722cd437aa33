"""Linear algebra: norms, decompositions, equations, products. Values come from LAPACK through NumPy, derivatives are ours."""

from .._C import LinAlgError
from .decompositions import *
from .factors import *
from .norms import *
from .products import *
from .solvers import *

from . import decompositions, factors, norms, products, solvers  # isort: skip

__all__ = ["LinAlgError"]
for _room in (decompositions, factors, norms, products, solvers):
    __all__ += _room.__all__
