"""torch._functorch: transforms of functions, under the names that torch keeps for itself."""

from .._settings import define

config = define(__name__)
