"""Which version this is, and what it was built with: no GPU toolkit."""

__all__ = ["__version__", "cuda", "debug", "git_version", "hip", "xpu"]

__version__ = "2.13.0+flambeau"
debug = False
cuda = hip = xpu = git_version = None
