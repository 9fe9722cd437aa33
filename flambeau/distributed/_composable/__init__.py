"""torch.distributed._composable."""
