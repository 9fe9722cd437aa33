"""Functions that reduce gradients for DistributedDataParallel."""

from . import default_hooks, powerSGD_hook
