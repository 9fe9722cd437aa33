"""How flambeau was built."""

__all__ = ["parallel_info", "show"]


def show():
    """The build as text.

    >>> flambeau.__config__.show().splitlines()[0]
    'PyTorch API built with:'
    """
    from . import version
    from .backends.cpu import get_cpu_capability

    return "\n".join(
        [
            "PyTorch API built with:",
            f"  - flambeau {version.__version__}",
            "  - C++ Version: 202002",
            f"  - CPU capability usage: {get_cpu_capability()}",
            "  - Build settings: USE_CUDA=OFF, USE_MKL=OFF, USE_MKLDNN=OFF, USE_OPENMP=OFF",
        ]
    )


def parallel_info():
    """The threads as text.

    >>> "num_threads" in flambeau.__config__.parallel_info()
    True
    """
    import os

    from .ops.system import get_num_interop_threads, get_num_threads

    return (
        f"ATen/Parallel:\n\tat::get_num_threads() : {get_num_threads()}\n"
        f"\tat::get_num_interop_threads() : {get_num_interop_threads()}\n"
        f"std::thread::hardware_concurrency() : {os.cpu_count()}\n"
        f"Environment variables:\n\tOMP_NUM_THREADS : {os.environ.get('OMP_NUM_THREADS', '[not set]')}\n"
        "ATen parallel backend: own threads\n"
    )
