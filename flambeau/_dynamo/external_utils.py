"""torch._dynamo.external_utils."""

from ..compiler import is_compiling  # noqa: F401
