"""Window functions; a periodic window of n values is a symmetric one of n + 1 without its last."""

from scipy.signal import windows

from tests.frame import Error, Row, Sample


def window(name, function, *extra):
    def reference(length, periodic=True, *parameters, dtype=None):
        return function(length, *parameters, sym=not periodic)

    calls = [(0,), (1,), (2,), (7,), (8, False), *((9, True, *e) for e in extra)]
    return Row(
        f"{name}_window",
        reference,
        [Sample(*call, dtype="fl.float64") for call in calls],
        dtypes=("float64",),
        result="float64",
        differentiable=(),
        method=False,
        errors=[Error(-1, raises=RuntimeError, match="-1")],
    )


ROWS = [
    window("bartlett", windows.bartlett),
    window("blackman", windows.blackman),
    window("hamming", lambda n, alpha=0.54, sym=True: windows.general_hamming(n, alpha, sym)),
    window("hann", windows.hann),
    window("kaiser", lambda n, beta=12.0, sym=True: windows.kaiser(n, beta, sym), (5.0,)),
]
