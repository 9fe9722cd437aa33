"""torch.distributed.constants."""

from ._stores import default_pg_timeout

__all__ = ["default_pg_timeout"]
