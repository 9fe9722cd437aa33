"""torch.fx.passes: modules that libraries import."""
