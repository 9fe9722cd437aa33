"""The version that programs ask for."""

__version__ = "0.28.0+flambeau"
git_version = "Unknown"
cuda = None
