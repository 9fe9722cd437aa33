"""What this installation is and what it may use: version, instruction set, threads, memory, and packages beside it."""

import json
import os
import platform

SUMMARY = "show the version, threads, instruction set and memory"
EXAMPLES = """\
  flambeau info
  flambeau info --json"""
_PACKAGES = ("numpy", "safetensors", "pillow", "tqdm", "tensorboard", "matplotlib", "torch")


def add_arguments(parser):
    """Options of the command."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(options):
    """Print what is found."""
    found = facts()
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    width = max(map(len, found))
    for name, value in found.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {entry}" for key, entry in value.items()) or "none"
        print(f"{name.ljust(width)}  {value}")
    return 0


def facts():
    """{what: value}; sizes in bytes.

    >>> from flambeau.cli.info import facts
    >>> facts()["devices"]
    {'cpu': 'computes', 'meta': 'shapes without values'}
    """
    import flambeau

    return {
        "flambeau": flambeau.__version__,
        "installed at": os.path.dirname(flambeau.__file__),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "instruction set": flambeau._C.cpu_isa(),
        "threads": flambeau.get_num_threads(),
        "cores usable": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory": _memory(),
        "settings": {
            name: value for name, value in sorted(os.environ.items()) if name.startswith(("FLAMBEAU_", "OMP_NUM"))
        },
        "devices": {"cpu": "computes", "meta": "shapes without values"},
        "packages": _packages(),
    }


def _processor():
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.lower().startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory():
    """ "available of total", the limit of the container included."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        total, free = page * os.sysconf("SC_PHYS_PAGES"), page * os.sysconf("SC_AVPHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return "unknown"
    text = f"{total / 2**30:.1f} GiB, {free / 2**30:.1f} GiB free"
    try:
        with open("/sys/fs/cgroup/memory.max") as file:
            limit = file.read().strip()
        if limit != "max":
            text += f", limited to {int(limit) / 2**30:.1f} GiB here"
    except (OSError, ValueError):
        pass
    return text


def _packages():
    from importlib import metadata

    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
