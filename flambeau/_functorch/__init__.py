"""torch._functorch: transforms of functions, under the names that torch keeps for itself and the package functorch imports."""

from .._settings import define

config = define(__name__)
