"""Fourier transforms against numpy.fft; several dimensions by the definition, one after the other."""

import numpy as np

from tests.frame import COMPLEX, Error, Row, Sample, tensor

REALS = ("float32", "float64", "int32", "bool")
DTYPES = ("float32", "float64", "complex64", "complex128", "int64", "bool")


def complex_of(dtype):
    return "complex128" if dtype in ("float64", "complex128") else "complex64"


def real_of(dtype):
    return "float64" if dtype in ("float64", "complex128") else "float32"


def swap(norm):
    return {"forward": "backward", "ortho": "ortho"}.get(norm, "forward")


def along_one(name, result, dtypes, grads):
    function = getattr(np.fft, name)
    longest = {"fft": 6, "ifft": 6}.get(name, 5)
    calls = [((4, 5), {}), ((5,), {"norm": "ortho"}), ((4, 5), {"n": longest, "dim": 0, "norm": "forward"})]
    calls += [((2, 3, 4), {"n": 2, "dim": 1, "norm": "backward"}), ((4, 1), {"dim": 0})]
    if name not in ("irfft", "hfft"):
        calls.append(((1,), {}))
    errors = [
        Error(tensor(4), n=0, raises=RuntimeError, match="number of data points"),
        Error(tensor(4), dim=1, raises=IndexError, match="Dimension out of range"),
        Error(tensor(4), norm="best", raises=RuntimeError, match="normalization mode"),
        Error(tensor(4), norm=3, raises=TypeError, match="'norm'"),
        Error(tensor(), raises=IndexError, match="no dimensions"),
        Error(tensor(4), dtype="float16", raises=RuntimeError, match="float16"),
        Error(tensor(4), n=2.5, raises=TypeError, match="'n'"),
    ]
    if name in ("rfft", "ihfft"):
        errors.append(Error(tensor(4), dtype="complex64", raises=RuntimeError, match="real input"))
    return Row(
        f"fft.{name}",
        lambda x, n=None, dim=-1, norm=None: function(x, n, dim, norm),
        [Sample(tensor(*shape), **kwargs) for shape, kwargs in calls],
        dtypes=dtypes,
        result=result,
        differentiable=grads,
        out=True,
        method=False,
        large=Sample(tensor(300, 1000)),
        errors=errors,
        tol={"float32": (1e-5, 1e-5), "complex64": (1e-5, 1e-5)},
    )


def plain(function):
    def call(x, s=None, dim=None, norm=None):
        dims = tuple(range(-len(s), 0)) if dim is None and s is not None else dim
        dims = tuple(range(x.ndim)) if dims is None else dims
        s = None if s is None else [x.shape[d] if n == -1 else n for n, d in zip(s, dims, strict=True)]
        return function(x, s, dims, norm)

    return call


def hfftn(x, s, dims, norm):
    """Transforms along all dims but the last, and the real one of a Hermitian signal there."""
    s = [x.shape[d] for d in dims[:-1]] + [2 * (x.shape[dims[-1]] - 1)] if s is None else s
    return np.fft.hfft(np.fft.fftn(x, s[:-1], dims[:-1], norm) if dims[:-1] else x, s[-1], dims[-1], norm)


def ihfftn(x, s, dims, norm):
    s = [x.shape[d] for d in dims] if s is None else s
    half = np.fft.ihfft(x, s[-1], dims[-1], norm)
    return np.fft.ifftn(half, s[:-1], dims[:-1], norm) if dims[:-1] else half


def along_many(name, function, result, dtypes, grads, two=False):
    calls = [{}, {"norm": "ortho"}, {"s": (2, 5), "norm": "forward"}, {"s": (-1, 4)}]
    calls += [{"dim": (0, 2)}, {"dim": (1, 0), "s": (4, 3)}]
    default = (-2, -1)
    reference = plain(function)
    errors = [
        Error(tensor(2, 3), s=(0, 3), raises=RuntimeError, match="number of data points"),
        Error(tensor(2, 3), dim=(0, 0), raises=RuntimeError, match="unique"),
        Error(tensor(2, 3), s=(2,), dim=(0, 1), raises=RuntimeError, match="same length"),
        Error(tensor(2, 3), dim=(0, 7), raises=IndexError, match="Dimension out of range"),
    ]
    if not two:
        errors.append(Error(tensor(2), s=(2, 2), raises=RuntimeError, match="2 values"))
    return Row(
        f"fft.{name}",
        (lambda x, s=None, dim=default, norm=None: reference(x, s, dim, norm)) if two else reference,
        [Sample(tensor(2, 3, 4), **kwargs) for kwargs in calls],
        dtypes=dtypes,
        result=result,
        differentiable=grads,
        out=True,
        method=False,
        errors=errors,
        tol={"float32": (1e-5, 1e-5), "complex64": (1e-5, 1e-5)},
    )


BOTH = ("float64", "complex128")
REAL_ONLY = ("float64",)
MANY = [
    ("fft", np.fft.fftn, complex_of, DTYPES, BOTH),
    ("ifft", np.fft.ifftn, complex_of, DTYPES, BOTH),
    ("rfft", np.fft.rfftn, complex_of, REALS, REAL_ONLY),
    ("irfft", np.fft.irfftn, real_of, DTYPES, BOTH),
    ("hfft", hfftn, real_of, DTYPES, BOTH),
    ("ihfft", ihfftn, complex_of, REALS, REAL_ONLY),
]


def frequencies(name, function):
    return Row(
        f"fft.{name}",
        lambda n, d=1.0, dtype=None: function(n, d),
        [Sample(5, dtype="fl.float64"), Sample(4, 0.5, dtype="fl.float64"), Sample(1, d=2, dtype="fl.float64")],
        dtypes=("float64",),
        result="float64",
        differentiable=(),
        method=False,
        errors=[
            Error(4, "x", raises=TypeError, match="'d'"),
            Error(4.5, raises=TypeError, match="'n'"),
            Error(-3, raises=RuntimeError, match="negative"),
        ],
    )


def shift(name, function):
    return Row(
        f"fft.{name}",
        lambda x, dim=None: function(x, dim),
        [Sample(tensor(5)), Sample(tensor(3, 4)), Sample(tensor(3, 4), dim=1), Sample(tensor(2, 3, 5), dim=(0, -1))],
        dtypes=("float32", "float64", "int64", "bool", *COMPLEX),
        method=False,
        errors=[Error(tensor(3), dim=2, raises=IndexError, match="Dimension out of range")],
    )


def frames(x, n_fft, hop, win_length, window, center, pad_mode):
    """Windows over the signals (batch, T), by the definition."""
    left = (n_fft - win_length) // 2
    whole = np.zeros(n_fft)
    whole[left : left + win_length] = 1.0 if window is None else window
    if center:
        x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(n_fft // 2, n_fft // 2)], pad_mode)
    starts = range(0, x.shape[-1] - n_fft + 1, hop)
    return np.stack([x[..., s : s + n_fft] * whole for s in starts], -1)


def stft(x, n_fft, hop_length=None, win_length=None, window=None, **options):
    hop_length, win_length = hop_length or n_fft // 4, win_length or n_fft
    cut = frames(
        x, n_fft, hop_length, win_length, window, options.get("center", True), options.get("pad_mode", "reflect")
    )
    onesided = options.get("onesided", not np.iscomplexobj(x))
    norm = "ortho" if options.get("normalized") else None
    return (np.fft.rfft if onesided else np.fft.fft)(cut, axis=-2, norm=norm)


def istft(spectrum, n_fft, hop_length=None, win_length=None, window=None, center=True, length=None, **options):
    """Overlapping frames added, divided by the squares of the windows."""
    hop_length, win_length = hop_length or n_fft // 4, win_length or n_fft
    left = (n_fft - win_length) // 2
    whole = np.zeros(n_fft)
    whole[left : left + win_length] = 1.0 if window is None else window
    norm = "ortho" if options.get("normalized") else None
    pieces = np.fft.irfft(spectrum, n_fft, axis=-2, norm=norm)
    total = n_fft + hop_length * (spectrum.shape[-1] - 1)
    signal, squares = np.zeros((*spectrum.shape[:-2], total)), np.zeros(total)
    for m in range(spectrum.shape[-1]):
        place = slice(m * hop_length, m * hop_length + n_fft)
        signal[..., place] += pieces[..., m] * whole
        squares[place] += whole**2
    start = n_fft // 2 if center else 0
    stop = total - start if length is None else start + length
    return (signal / np.where(squares == 0, 1, squares))[..., start:stop]


ROWS = [along_one(name, *rest) for name, _, *rest in MANY]
ROWS += [along_many(f"{name}n", *rest) for name, *rest in MANY]
ROWS += [along_many(f"{name}2", *rest, two=True) for name, *rest in MANY]
ROWS += [
    frequencies("fftfreq", np.fft.fftfreq),
    frequencies("rfftfreq", np.fft.rfftfreq),
    shift("fftshift", np.fft.fftshift),
    shift("ifftshift", np.fft.ifftshift),
    Row(
        "stft",
        stft,
        [
            Sample(tensor(12), 4, return_complex=True),
            Sample(tensor(2, 11), 5, 2, 3, tensor(3, low=0.5), return_complex=True),
            Sample(tensor(12), 4, 3, center=False, onesided=False, normalized=True, return_complex=True),
            Sample(tensor(9), 4, pad_mode="constant", return_complex=True),
            Sample(tensor(9), 5, 2, 3, return_complex=True),
        ],
        dtypes=("float32", "float64"),
        result=complex_of,
        errors=[
            Error(tensor(12), 4, raises=RuntimeError, match="return_complex"),
            Error(tensor(12), 4.0, return_complex=True, raises=TypeError, match="n_fft"),
            Error(tensor(12), 4, window=[1.0], return_complex=True, raises=TypeError, match="window"),
            Error(tensor(12), 40, center=False, return_complex=True, raises=RuntimeError, match="n_fft"),
            Error(tensor(12), 4, 0, return_complex=True, raises=RuntimeError, match="hop_length"),
            Error(tensor(12), 4, 1, 5, return_complex=True, raises=RuntimeError, match="win_length"),
            Error(tensor(2, 2, 12), 4, center=False, return_complex=True, raises=RuntimeError, match="1D or 2D"),
            Error(
                tensor(12), 4, return_complex=True, dtype="int64", center=False, raises=RuntimeError, match="floating"
            ),
        ],
        tol={"float32": (1e-5, 1e-5)},
    ),
    Row(
        "istft",
        istft,
        [
            Sample(tensor(3, 5), 4),
            Sample(tensor(2, 3, 4), 4, 2, window=tensor(4, low=0.5, high=2, dtype="float64", grad=False)),
            Sample(tensor(3, 5), 4, center=False, normalized=True),
            Sample(tensor(3, 5), 4, length=3),
        ],
        dtypes=("complex128",),
        result=real_of,
        differentiable=("complex128",),
        errors=[
            Error(tensor(3, 5), 4, raises=RuntimeError, match="complex"),
            Error(tensor(3, 5), 7, dtype="complex64", onesided=True, raises=RuntimeError, match="frequencies"),
            Error(tensor(3, 5), 4, 5, dtype="complex64", raises=RuntimeError, match="hop_length"),
            Error(tensor(3, 0), 4, dtype="complex64", raises=RuntimeError, match="empty"),
            Error(tensor(5), 4, dtype="complex64", raises=IndexError, match="dimensions"),
        ],
    ),
]
