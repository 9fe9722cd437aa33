"""torch.utils._sympy."""
