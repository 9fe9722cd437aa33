"""The processor."""

__all__ = ["get_cpu_capability"]


def get_cpu_capability():
    """The widest vector instructions of the processor, in torch's words.

    >>> flambeau.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2", "AVX512", "NEON")
    True
    """
    import platform

    if platform.machine().lower() in ("arm64", "aarch64"):
        return "NEON"
    try:
        with open("/proc/cpuinfo") as file:
            words = set(file.read().split())
    except OSError:
        return "DEFAULT"
    return "AVX512" if {"avx512f", "avx512bw", "avx512vl"} <= words else "AVX2" if "avx2" in words else "DEFAULT"
