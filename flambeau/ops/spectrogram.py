"""The short-time Fourier transform and its inverse."""

import warnings

from .. import _C
from ._common import check_tensor
from ._host import any_of
from .fourier import _c2c, _c2r, _int, _r2c
from .padding import pad

__all__ = ["istft", "stft"]
METHODS = ["istft", "stft"]


def _text(op, input, **values):
    """The call, as torch's messages show it."""
    shown = ", ".join(f"{k}={tuple(v.shape) if isinstance(v, _C.Tensor) else v}" for k, v in values.items())
    return f"[{op}] input {tuple(input.shape)} {input.dtype}, {shown}: "


def _arguments(op, input, n_fft, hop_length, win_length, window):
    """Types are checked; (n_fft, hop_length, win_length) with torch's defaults."""
    check_tensor(op, input)
    if window is not None:
        check_tensor(op, window, "window")
    n_fft = _int(op, "n_fft", n_fft)
    hop_length = n_fft // 4 if hop_length is None else _int(op, "hop_length", hop_length)
    return n_fft, hop_length, n_fft if win_length is None else _int(op, "win_length", win_length)


def _framed_window(window, n_fft, win_length):
    """The window with zeros on both sides, up to n_fft values."""
    if window is None or win_length == n_fft:
        return window
    left = (n_fft - win_length) // 2
    return _C.constant_pad(window, (left, n_fft - win_length - left), 0)


def _check_stft(text, input, n_fft, hop_length, win_length, window):
    if not (input.is_floating_point() or input.is_complex()):
        raise RuntimeError(text + "expected a tensor of floating point or complex values")
    if input.dim() not in (1, 2):
        raise RuntimeError(text + "expected a 1D or 2D tensor")
    if not 0 < n_fft <= input.shape[-1]:
        raise RuntimeError(text + f"expected 0 < n_fft <= {input.shape[-1]}, but got n_fft={n_fft}")
    if hop_length <= 0:
        raise RuntimeError(text + f"expected hop_length > 0, but got hop_length={hop_length}")
    if not 0 < win_length <= n_fft:
        raise RuntimeError(text + f"expected 0 < win_length <= n_fft, but got win_length={win_length}")
    if window is not None and (window.dim() != 1 or window.shape[0] != win_length):
        raise RuntimeError(text + f"expected a 1D window tensor of size equal to win_length={win_length}")


def _onesided(onesided, any_complex):
    if onesided and any_complex:
        raise RuntimeError("Cannot have onesided output if window or input is complex: pass onesided=False")
    return not any_complex if onesided is None else onesided


def stft(
    input,
    n_fft,
    hop_length=None,
    win_length=None,
    window=None,
    center=True,
    pad_mode="reflect",
    normalized=False,
    onesided=None,
    return_complex=None,
    align_to_window=None,
):
    r"""The Fourier transforms of windows that slide over a signal.

    `X[k, m] = sum over t of window[t] input[m hop_length + t] e^(-2 pi i k t / n_fft)`

    Args:
        input: signals (T,) or (batch, T), real or complex.
        n_fft: length of a transform.
        hop_length: distance of two windows, n_fft // 4 by default.
        win_length: length of the window, n_fft by default; zeros surround a shorter one.
        window: tensor (win_length,); ones by default.
        center: pad the signal by n_fft // 2 on both sides, so that window m is centred at m hop_length.
        pad_mode: how, see `nn.functional.pad`.
        normalized: divide by sqrt(n_fft).
        onesided: only frequencies 0 ... n_fft // 2; by default if input and window are real.
        return_complex: must be True for real input; False gives the older form with a last dimension of 2.
        align_to_window: with center=False, as many windows as fit if only win_length counts.

    Returns:
        Complex tensor (n_fft // 2 + 1 or n_fft, windows), or (batch, ...) for a batch.

    Raises:
        RuntimeError: lengths that do not fit each other.

    >>> flambeau.stft(flambeau.ones(8), 4, center=False, return_complex=True).shape
    torch.Size([3, 5])
    """
    n_fft, hop_length, win_length = _arguments("stft", input, n_fft, hop_length, win_length, window)
    if center and align_to_window is not None:
        raise RuntimeError("[stft] align_to_window should only be set when center = false")
    any_complex = input.is_complex() or (window is not None and window.is_complex())
    if return_complex is None:
        if not any_complex:
            raise RuntimeError("[stft] requires the return_complex parameter be given for real inputs: pass True")
        return_complex = True
    if not return_complex:
        warnings.warn("stft with return_complex=False is deprecated: use view_as_real on its result", stacklevel=2)
    if center:
        input = _centred(input, n_fft // 2, pad_mode)
    text = _text("stft", input, n_fft=n_fft, hop_length=hop_length, win_length=win_length, window=window)
    _check_stft(text, input, n_fft, hop_length, win_length, window)
    batch = _C.unsqueeze(input, 0) if input.dim() == 1 else input
    if window is None and win_length < n_fft:
        window = _C.full((win_length,), _C.scalar(1), _real_dtype(input.dtype), input.device)
    window = _framed_window(window, n_fft, win_length)
    if align_to_window and win_length < n_fft:
        left = (n_fft - win_length) // 2
        batch = _C.constant_pad(batch, (left, n_fft - win_length - left), 0)
    frames = batch.unfold(-1, n_fft, hop_length)
    frames = frames if window is None else frames * window
    result = _spectra(frames.contiguous(), _onesided(onesided, any_complex), normalized).transpose(1, 2)
    result = result.squeeze(0) if input.dim() == 1 else result
    return result if return_complex else _C.view_dtype(_C.unsqueeze(result, -1), _real_dtype(result.dtype))


def _real_dtype(dtype):
    return _C.float64 if dtype in (_C.complex128, _C.float64) else _C.float32


def _centred(input, count, mode):
    """The signals padded on both sides."""
    if mode == "constant" or input.dim() > 2:
        return pad(input, (count, count), mode)
    wide = input.reshape((1,) * (3 - input.dim()) + tuple(input.shape))
    padded = pad(wide, (count, count), mode)
    return padded.reshape((*input.shape[:-1], padded.shape[-1]))


def _spectra(frames, onesided, normalized):
    scale, last = "root" if normalized else "none", (frames.dim() - 1,)
    if frames.dtype in (_C.float16, _C.bfloat16):
        raise RuntimeError(f"[stft] Unsupported dtype {frames.dtype}: use float32 or float64")
    return _c2c(frames, last, scale, True) if frames.is_complex() else _r2c(frames, last, scale, onesided)


def _check_istft(text, input, n_fft, hop_length, win_length, window, onesided):
    if not input.is_complex():
        raise RuntimeError(text + "expected a complex tensor, as stft gives it with return_complex=True")
    if not input.numel():
        raise RuntimeError(text + "input tensor cannot be empty")
    if input.dim() not in (2, 3):
        raise RuntimeError(text + f"expected a tensor with 2 or 3 dimensions, but got {input.dim()}")
    wanted = n_fft // 2 + 1 if onesided else n_fft
    if input.shape[-2] != wanted:
        raise RuntimeError(text + f"expected {wanted} frequencies with onesided={onesided}, but got {input.shape[-2]}")
    if not 0 < hop_length <= win_length:
        raise RuntimeError(text + f"expected 0 < hop_length <= win_length, but got hop_length={hop_length}")
    if not 0 < win_length <= n_fft:
        raise RuntimeError(text + f"expected 0 < win_length <= n_fft, but got win_length={win_length}")
    if window is not None and (window.dim() != 1 or window.shape[0] != win_length):
        raise RuntimeError(text + "Invalid window shape: window has to be 1D and of length win_length")


def istft(
    input,
    n_fft,
    hop_length=None,
    win_length=None,
    window=None,
    center=True,
    normalized=False,
    onesided=None,
    length=None,
    return_complex=False,
):
    """The inverse of `stft`: the signal that fits the transforms best, in the sense of least squares.

    `x[t] = sum over m of window[t - m hop] x_m[t - m hop] / sum over m of window[t - m hop]^2`

    Args:
        input: complex tensor (frequencies, windows) or (batch, frequencies, windows).
        n_fft, hop_length, win_length, window, center, normalized, onesided: as they were for `stft`.
        length: number of values of the signal; cut or filled with zeros.
        return_complex: the signal was complex.

    Returns:
        Signals (T,) or (batch, T).

    Raises:
        RuntimeError: lengths that do not fit each other, or places that no window reaches.

    Source: Griffin and Lim, Signal estimation from modified short-time Fourier transform (1984).

    >>> signal = flambeau.arange(8.0)
    >>> flambeau.istft(flambeau.stft(signal, 4, return_complex=True), 4).round(decimals=3)
    tensor([0., 1., 2., 3., 4., 5., 6., 7.])
    """
    n_fft, hop_length, win_length = _arguments("istft", input, n_fft, hop_length, win_length, window)
    text = _text("istft", input, n_fft=n_fft, hop_length=hop_length, win_length=win_length, window=window)
    if input.dim() < 2:
        raise IndexError(text + f"expected a tensor with 2 or 3 dimensions, but got {input.dim()}")
    halved = input.shape[-2] != n_fft if onesided is None else onesided
    _check_istft(text, input, n_fft, hop_length, win_length, window, halved)
    if window is not None and window.is_complex() and not return_complex:
        raise RuntimeError(text + "Complex windows are incompatible with return_complex=False")
    if return_complex and halved:
        raise RuntimeError(text + "Cannot have onesided output if window or input is complex: pass onesided=False")
    batch = (_C.unsqueeze(input, 0) if input.dim() == 2 else input).transpose(1, 2)
    if window is None:
        window = _C.full((win_length,), _C.scalar(1), _real_dtype(input.dtype), input.device)
    window = _framed_window(window, n_fft, win_length)
    scale = "root" if normalized else "count"
    if return_complex:
        frames = _c2c(batch, (2,), scale, False)
    else:
        frames = _c2r(batch if halved else batch.narrow(2, 0, n_fft // 2 + 1), (2,), scale, n_fft)
    result = _overlapped(text, frames, window, hop_length, n_fft // 2 if center else 0, center, length)
    return result.squeeze(0) if input.dim() == 2 else result


def _overlapped(text, frames, window, hop, start, center, length):
    """The frames times the window, added where they overlap, and divided by the windows' squares added so."""
    (batch, count, size), total = frames.shape, frames.shape[2] + hop * (frames.shape[1] - 1)
    starts = _C.mul(_C.arange(0, count, 1, _C.int64, frames.device), hop)
    places = (_C.unsqueeze(starts, 1) + _C.arange(0, size, 1, _C.int64, frames.device)).reshape(-1)
    weighted = (frames * window).reshape(batch, -1)
    signal = _C.full((batch, total), _C.scalar(0), weighted.dtype, weighted.device).index_add(1, places, weighted)
    square = window * window
    squares = _C.expand(_C.unsqueeze(square, 0), (count, size)).reshape(-1)
    envelope = _C.full((total,), _C.scalar(0), square.dtype, square.device).index_add(0, places, squares)
    end = total if length is None and not center else total - start if length is None else min(start + length, total)
    signal, envelope = signal.narrow(1, start, max(end - start, 0)), envelope.narrow(0, start, max(end - start, 0))
    if not envelope.numel() or any_of(envelope.detach().abs() <= 1e-11):
        raise RuntimeError(text + "window overlap add min is 0: some places of the signal are in no window")
    result = signal / envelope
    if length is not None and result.shape[1] < length:
        warnings.warn(
            "The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail.",
            stacklevel=3,
        )
        result = _C.constant_pad(result, (0, length - result.shape[1]), 0)
    return result
