"""torch._functorch.batch_norm_replacement."""

from ..func import replace_all_batch_norm_modules_
from ..func._modules import without_running_statistics as batch_norm_without_running_stats

__all__ = ["batch_norm_without_running_stats", "replace_all_batch_norm_modules_"]
