"""What to put into a bug report: versions and the machine."""

import platform
import sys

__all__ = ["get_env_info", "get_pretty_env_info", "main"]


def _package_versions():
    from importlib import metadata

    wanted = ("numpy", "scipy", "pillow", "torchvision", "timm", "transformers", "lightning", "tensorboard")
    found = {}
    for name in wanted:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def get_env_info():
    """Versions and the machine, as a dictionary.

    >>> flambeau.utils.collect_env.get_env_info()["version"] == flambeau.__version__
    True
    """
    import os

    import flambeau

    return {
        "version": str(flambeau.__version__),
        "python": sys.version.replace("\n", " "),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "threads": flambeau.get_num_threads(),
        "capability": flambeau.backends.cpu.get_cpu_capability(),
        "cuda": "not available",
        "packages": _package_versions(),
    }


def get_pretty_env_info():
    """Versions and the machine, as text.

    >>> "flambeau version" in flambeau.utils.collect_env.get_pretty_env_info()
    True
    """
    info = get_env_info()
    lines = [
        f"flambeau version: {info['version']}",
        "Is CUDA available: False",
        f"OS: {info['platform']}",
        f"Python version: {info['python']}",
        f"CPU: {info['machine']}, {info['processors']} logical, {info['capability']}, {info['threads']} threads in use",
        "",
        "Versions of relevant libraries:",
        *(f"[pip3] {name}=={version}" for name, version in info["packages"].items()),
    ]
    return "\n".join(lines)


def main():
    """Print them; `python -m flambeau.utils.collect_env`.

    >>> flambeau.utils.collect_env.main()  # doctest: +ELLIPSIS
    Collecting environment information...
    ...
    """
    print("Collecting environment information...")
    print(get_pretty_env_info())


if __name__ == "__main__":
    main()
