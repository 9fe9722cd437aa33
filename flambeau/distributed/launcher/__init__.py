"""torch.distributed.launcher."""
