"""torch.fx.experimental: modules that libraries import."""
