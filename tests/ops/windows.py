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


def signal_window(name, function, options=({},), errors=()):
    def reference(length, *, sym=True, dtype=None, **parameters):
        return function(length, **parameters, sym=sym)

    calls = [(n, sym, extra) for n in (0, 1, 2, 7, 8) for sym in (True, False) for extra in options]
    return Row(
        f"signal.windows.{name}",
        reference,
        [Sample(n, sym=sym, dtype="fl.float64", **extra) for n, sym, extra in calls],
        dtypes=("float64",),
        result="float64",
        differentiable=(),
        method=False,
        errors=[
            Error(-1, raises=ValueError, match="-1", **options[0]),
            Error(4, dtype="float32", **{**options[0], "layout": "dense"}, raises=ValueError, match="strided"),
            *errors,
        ],
    )


def placed(n, center=None, tau=1.0, sym=True):
    return windows.exponential(n, center, tau, sym)


def kaiser(n, beta=12.0, sym=True):
    return windows.kaiser(n, beta, sym)


SIGNAL = [
    ("bartlett", windows.bartlett),
    ("blackman", windows.blackman),
    ("cosine", windows.cosine),
    ("exponential", placed, [{}, {"tau": 2.5}], [Error(4, tau=0, raises=ValueError, match="Tau")]),
    ("gaussian", lambda n, std=1.0, sym=True: windows.gaussian(n, std, sym), [{}, {"std": 2.5}]),
    ("general_cosine", windows.general_cosine, [{"a": [0.5, 0.3, 0.2]}], [Error(4, a=[], raises=ValueError)]),
    ("general_hamming", lambda n, alpha=0.54, sym=True: windows.general_hamming(n, alpha, sym), [{}, {"alpha": 0.7}]),
    ("hamming", windows.hamming),
    ("hann", windows.hann),
    ("kaiser", kaiser, [{}, {"beta": 3.0}], [Error(4, beta=-1, raises=ValueError, match="beta")]),
    ("nuttall", windows.nuttall),
]

ROWS = [
    window("bartlett", windows.bartlett),
    window("blackman", windows.blackman),
    window("hamming", lambda n, alpha=0.54, sym=True: windows.general_hamming(n, alpha, sym)),
    window("hann", windows.hann),
    window("kaiser", lambda n, beta=12.0, sym=True: windows.kaiser(n, beta, sym), (5.0,)),
    *(signal_window(*row) for row in SIGNAL),
]
