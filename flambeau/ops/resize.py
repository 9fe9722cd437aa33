"""Resizing images and sampling them at given places."""

import functools
import math
import struct
import warnings

from .. import _C

__all__ = ["affine_grid_generator", "grid_sampler", "grid_sampler_2d", "grid_sampler_3d"]
FUNCTIONAL = ["affine_grid", "grid_sample", "interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]

_MODES = {"nearest": 0, "nearest-exact": 0, "area": 0, "linear": 1, "bilinear": 2, "trilinear": 3, "bicubic": 2}


def _f32(value):
    """A number rounded to single precision."""
    return struct.unpack("f", struct.pack("f", value))[0]


def _cubic(x, a):
    """Keys' cubic convolution kernel."""
    x = abs(x)
    if x < 1:
        return ((a + 2) * x - (a + 3)) * x * x + 1
    return (((x - 5) * x + 8) * x - 4) * a if x < 2 else 0.0


def _nearest_table(size, out, scale, exact):
    shift = 0.5 if exact else 0.0
    first = [min(int(math.floor(_f32((o + shift) * scale))), size - 1) for o in range(out)]
    return first, [1.0] * out


def _interpolation_table(size, out, scale, align, cubic):
    """First source index and weights per result: taps that fall outside repeat the edge."""
    taps = min(4 if cubic else 2, size)
    first, weights = [], []
    for o in range(out):
        place = scale * o if align else scale * (o + 0.5) - 0.5
        if not cubic:
            place = max(place, 0.0)
        base = math.floor(place)
        part = place - base
        start = min(max(base - (1 if cubic else 0), 0), size - taps)
        row = [0.0] * taps
        for t in range(-1, 3) if cubic else range(2):
            w = _cubic(t - part, -0.75) if cubic else (part if t else 1 - part)
            row[min(max(base + t, 0), size - 1) - start] += w
        first.append(start)
        weights += row
    return first, weights


def _antialias_table(size, out, scale, cubic):
    """Weights of a filter that is stretched by the scale where the image shrinks."""
    reach = 2.0 if cubic else 1.0
    support = reach * max(scale, 1.0)
    shrink = 1.0 / max(scale, 1.0)
    rows = []
    for o in range(out):
        center = scale * (o + 0.5)
        begin = max(int(center - support + 0.5), 0)
        end = min(int(center + support + 0.5), size)
        places = [(j - center + 0.5) * shrink for j in range(begin, end)]
        row = [_cubic(p, -0.5) if cubic else max(0.0, 1 - abs(p)) for p in places]
        total = sum(row)
        rows.append((begin, [w / total for w in row] if total else row))
    taps = max((len(row) for _, row in rows), default=0)
    weights = []
    for _, row in rows:
        weights += row + [0.0] * (taps - len(row))
    return [begin for begin, _ in rows], weights


@functools.lru_cache(maxsize=256)
def _table(mode, size, out, factor, align, antialias, single):
    """Which source elements make up each result along one dimension, and their weights."""
    if align and mode not in ("nearest", "nearest-exact"):
        scale = (size - 1) / (out - 1) if out > 1 else 0.0
    else:
        scale = 1.0 / factor if factor else size / out
    scale = _f32(scale) if single else scale
    if mode in ("nearest", "nearest-exact"):
        return _nearest_table(size, out, scale, mode == "nearest-exact")
    if antialias:
        return _antialias_table(size, out, scale, mode == "bicubic")
    return _interpolation_table(size, out, scale, align, mode == "bicubic")


def _sizes(input, size, scale_factor, recompute):
    """(result sizes, factors that define the scale or None) per dimension."""
    dims = input.dim() - 2
    if size is not None and scale_factor is not None:
        raise ValueError("[interpolate] only one of size or scale_factor should be defined")
    if size is not None:
        size = list(size) if isinstance(size, (list, tuple)) else [size] * dims
        if len(size) != dims:
            raise ValueError(
                f"[interpolate] Input and output must have the same number of spatial dimensions, but got input with spatial dimensions of {list(input.shape[2:])} and output size of {size}."
            )
        return [int(s) for s in size], [None] * dims
    if scale_factor is None:
        raise ValueError("[interpolate] either size or scale_factor should be defined")
    factors = list(scale_factor) if isinstance(scale_factor, (list, tuple)) else [scale_factor] * dims
    if len(factors) != dims:
        raise ValueError(
            f"[interpolate] Input and scale_factor must have the same number of spatial dimensions, but got input with spatial dimensions of {list(input.shape[2:])} and scale_factor of shape {factors}."
        )
    sizes = [int(math.floor(float(s) * f)) for s, f in zip(input.shape[2:], factors)]
    return sizes, ([None] * dims if recompute else [float(f) for f in factors])


def _check_interpolation(input, mode, align_corners, antialias):
    dims = input.dim() - 2
    if mode not in _MODES:
        raise NotImplementedError(
            f"[interpolate] Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.dim()}D) for the modes: {' | '.join(_MODES)} (got {mode})"
        )
    if align_corners is not None and _MODES[mode] == 0:
        raise ValueError(
            "[interpolate] align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
        )
    if antialias and not (mode in ("bilinear", "bicubic") and dims == 2):
        raise ValueError(
            "[interpolate] Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor as input"
        )
    if not 1 <= dims <= 3 or (_MODES[mode] and _MODES[mode] != dims):
        raise NotImplementedError(
            f"[interpolate] Got {input.dim()}D input, but {mode} mode needs another number of dimensions"
        )


def interpolate(
    input,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
):
    """Resizes the spatial dimensions.

    Args:
        input: (N, C, *) with 1 to 3 spatial dimensions, floating (or uint8).
        size: the new spatial size, an int or one per dimension; or
        scale_factor: what the sizes are multiplied by.
        mode: "nearest", "nearest-exact", "linear" (3-D input), "bilinear", "bicubic" (4-D), "trilinear" (5-D) or
            "area".
        align_corners: whether the corner elements' centres (True) or the edges (False, None) of input and result
            coincide.
        recompute_scale_factor: compute the scale from the rounded size.
        antialias: widen the filter where the image shrinks (bilinear, bicubic).
    Returns: (N, C, *size).
    Raises: ValueError or NotImplementedError if the settings contradict each other or the input; RuntimeError for
        empty sizes.

    >>> flambeau.nn.functional.interpolate(flambeau.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    _check_interpolation(input, mode, align_corners, antialias)
    if recompute_scale_factor and size is not None:
        raise ValueError("[interpolate] recompute_scale_factor is not meaningful with an explicit size.")
    sizes, factors = _sizes(input, size, scale_factor, recompute_scale_factor)
    if mode == "area":
        from . import pooling

        pools = (pooling.adaptive_avg_pool1d, pooling.adaptive_avg_pool2d, pooling.adaptive_avg_pool3d)
        return pools[input.dim() - 3](input, tuple(sizes))
    if min(sizes) <= 0 or 0 in input.shape[2:]:
        raise RuntimeError(
            f"[interpolate] Input and output sizes should be greater than 0, but got input {list(input.shape)} and output sizes {sizes}"
        )
    if input.shape[1] == 0:
        raise RuntimeError(
            f"[interpolate] Non-empty {input.dim()}D data tensor expected but got a tensor with sizes {list(input.shape)}"
        )
    if not (input.dtype.is_floating_point or (input.dtype == _C.uint8 and (_MODES[mode] == 0 or input.dim() == 4))):
        raise NotImplementedError(f"[interpolate] \"upsample_{mode}\" not implemented for '{input.dtype}'")
    return _resize(input, sizes, factors, mode, bool(align_corners), antialias)


def _resize(input, sizes, factors, mode, align, antialias):
    whole = input.dtype == _C.uint8
    out = input.to(_C.float32) if whole else input
    last = input.dim() == 4 and _C.is_contiguous(input, 2) and not _C.is_contiguous(input, 0)
    for d in reversed(range(len(sizes))):
        n = input.shape[d + 2]
        first, weights = _table(mode, n, sizes[d], factors[d], align, antialias, input.dtype != _C.float64)
        out = _C.resample(out, d + 2, sizes[d], first, weights)
    if whole:
        out = out.round().clamp(0, 255).to(_C.uint8) if _MODES[mode] else out.to(_C.uint8)
    return _C.contiguous(out, 2) if last else out


def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """The former name of `interpolate`.

    >>> flambeau.nn.functional.upsample(flambeau.tensor([[[1.0, 2.0]]]), 4)
    tensor([[[1., 1., 2., 2.]]])
    """
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input, size=None, scale_factor=None):
    """`interpolate` with mode="nearest".

    >>> flambeau.nn.functional.upsample_nearest(flambeau.tensor([[[1.0, 2.0]]]), 4)
    tensor([[[1., 1., 2., 2.]]])
    """
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input, size=None, scale_factor=None):
    """`interpolate` with mode="bilinear" and align_corners=True.

    >>> flambeau.nn.functional.upsample_bilinear(flambeau.tensor([[[[1.0, 2.0]]]]), (1, 3))
    tensor([[[[1.0000, 1.5000, 2.0000]]]])
    """
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


# ---------------------------------------------------------------------------------------------------- sampling


def _warn_align(op, align_corners):
    if align_corners is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
            f"align_corners=True if the old behavior is desired. See the documentation of {op} for details.",
            stacklevel=3,
        )


def _steps(count, like, align):
    """Positions of `count` elements from -1 to 1."""
    from . import linspace, zeros

    if count <= 1:
        return zeros(count, dtype=like.dtype, device=like.device)
    places = linspace(-1, 1, count, dtype=like.dtype, device=like.device)
    return places if align else places * ((count - 1) / count)


def affine_grid(theta, size, align_corners=None):
    """The places that an affine map sends the elements of an image or volume to, for `grid_sample`.

    Args:
        theta: (N, 2, 3) or (N, 3, 4), the maps.
        size: of the result of grid_sample, (N, C, H, W) or (N, C, D, H, W).
        align_corners: whether -1 and 1 are the centres (True) or the edges (False) of the corner elements.
    Returns: (N, H, W, 2) or (N, D, H, W, 3).
    Raises: ValueError or RuntimeError if shapes do not fit.

    >>> flambeau.nn.functional.affine_grid(flambeau.eye(2, 3)[None], (1, 1, 1, 2), align_corners=False).flatten()
    tensor([-0.5000,  0.0000,  0.5000,  0.0000])
    """
    _warn_align("affine_grid", align_corners)
    if not theta.dtype.is_floating_point:
        raise ValueError(f"[affine_grid] Expected theta to have floating point type, but got {theta.dtype}")
    dims = len(size) - 2
    if dims not in (2, 3):
        raise NotImplementedError(
            f"[affine_grid] only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size {list(size)}."
        )
    if theta.dim() != 3 or tuple(theta.shape[1:]) != (dims, dims + 1):
        raise ValueError(
            f"[affine_grid] Expected a batch of {dims}D affine matrices of shape Nx{dims}x{dims + 1} for size {list(size)}. Got {list(theta.shape)}."
        )
    if min(size) <= 0:
        raise ValueError(f"[affine_grid] Expected non-zero, positive output size. Got {list(size)}")
    return _affine_places(theta, size, align_corners)


def _affine_places(theta, size, align_corners):
    from . import ones, stack

    dims, spatial = len(size) - 2, tuple(size[2:])
    axes = []
    for d in range(dims - 1, -1, -1):
        shape = [1] * dims
        shape[d] = spatial[d]
        axes.append(_steps(spatial[d], theta, align_corners).reshape(shape).expand(spatial))
    base = stack([*axes, ones(spatial, dtype=theta.dtype, device=theta.device)], -1).reshape(1, -1, dims + 1)
    return base.expand(size[0], -1, -1).bmm(theta.transpose(1, 2)).reshape(size[0], *spatial, dims)


def affine_grid_generator(theta, size, align_corners):
    """`affine_grid` with all arguments given.

    >>> flambeau.affine_grid_generator(flambeau.eye(2, 3)[None], (1, 1, 1, 2), False).shape
    torch.Size([1, 1, 2, 2])
    """
    matrices = (size[0], len(size) - 2, len(size) - 1)
    if tuple(theta.shape) != matrices:
        raise RuntimeError(
            f"[affine_grid_generator] expected theta of shape {matrices} for size {tuple(size)}, got {tuple(theta.shape)}"
        )
    return _affine_places(theta, size, bool(align_corners))


def _unnormalize(place, size, align):
    return (place + 1) / 2 * (size - 1) if align else ((place + 1) * size - 1) / 2


def _reflect(place, low, high):
    """Folds places into [low / 2, high / 2]."""
    if low == high:
        return place * 0
    least, span = low / 2, (high - low) / 2
    place = (place - least).abs()
    turns = (place / span).floor()
    extra = place - turns * span
    return (extra + least).where(turns.detach() % 2 == 0, span - extra + least)


def _bounded(place, size, padding, align):
    """What a padding mode makes of places outside."""
    if padding == "border":
        return place.clamp(0, size - 1)
    if padding == "reflection":
        folded = _reflect(place, 0, 2 * (size - 1)) if align else _reflect(place, -1, 2 * size - 1)
        return folded.clamp(0, size - 1)
    return place


def _pick(input, places):
    """Elements (N, C, *) of the input at whole places (per dimension, first to last), zero outside."""
    inside, flat = None, 0
    for d, place in enumerate(places):
        size = input.shape[d + 2]
        fits = (place >= 0) & (place <= size - 1)
        inside = fits if inside is None else inside & fits
        flat = flat * size + place.clamp(0, size - 1).where(fits, 0).long()
    n, c = input.shape[:2]
    grid = flat.shape[1:]
    picked = input.flatten(2).gather(2, flat.reshape(n, 1, -1).expand(n, c, -1)).reshape(n, c, *grid)
    return picked.where(inside.unsqueeze(1), 0)


def _sample_linear(input, places):
    total = None
    bases = [p.detach().floor() for p in places]
    for corner in range(1 << len(places)):
        weight, at = None, []
        for d, (place, base) in enumerate(zip(places, bases)):
            upper = corner >> d & 1
            part = place - base if upper else base + 1 - place
            weight = part if weight is None else weight * part
            at.append(base + upper)
        term = _pick(input, at) * weight.unsqueeze(1)
        total = term if total is None else total + term
    return total


def _cubic_weights(part):
    """The weights of the elements at -1, 0, 1, 2 from the base."""
    a = -0.75

    def near(x):
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x):
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return far(part + 1), near(part), near(1 - part), far(2 - part)


def _sample_cubic(input, places, padding, align):
    bases = [p.detach().floor() for p in places]
    rows, columns = (_cubic_weights(p - b) for p, b in zip(places, bases))
    height, width = input.shape[2:]
    total = None
    for i in range(4):
        line = None
        for j in range(4):
            at = (
                _bounded(bases[0] + (i - 1), height, padding, align),
                _bounded(bases[1] + (j - 1), width, padding, align),
            )
            term = _pick(input, at) * columns[j].unsqueeze(1)
            line = term if line is None else line + term
        total = line * rows[i].unsqueeze(1) if total is None else total + line * rows[i].unsqueeze(1)
    return total


def _check_grid(input, grid, mode, padding_mode):
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(f"[grid_sample] expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            f"[grid_sample] expected padding_mode to be 'zeros', 'border', or 'reflection', but got: '{padding_mode}'"
        )
    if input.dtype != grid.dtype:
        raise RuntimeError(
            f"[grid_sample] expected input and grid to have same dtype, but input has {input.dtype} and grid has {grid.dtype}"
        )
    if not input.dtype.is_floating_point:
        raise NotImplementedError(f"[grid_sample] \"grid_sampler\" not implemented for '{input.dtype}'")
    dims = input.dim() - 2
    if dims not in (2, 3) or grid.dim() != input.dim() or grid.shape[-1] != dims:
        raise RuntimeError(
            f"[grid_sample] expected 4D or 5D input and grid with the same number of dimensions and a last dimension of {dims}, but got input with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if input.shape[0] != grid.shape[0]:
        raise RuntimeError(
            f"[grid_sample] expected grid and input to have same batch size, but got input with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if 0 in input.shape[2:]:
        raise RuntimeError(
            f"[grid_sample] expected input to have non-empty spatial dimensions, but input has sizes {list(input.shape)}"
        )
    if mode == "bicubic" and dims == 3:
        raise RuntimeError("[grid_sample] bicubic interpolation only supports 4D input")


def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """Samples images or volumes at given places.

    Args:
        input: (N, C, H, W) or (N, C, D, H, W), floating.
        grid: (N, H', W', 2) or (N, D', H', W', 3): places (x, y[, z]), -1 and 1 being opposite edges.
        mode: "bilinear" (trilinear for volumes), "nearest" or "bicubic".
        padding_mode: what lies outside: "zeros", "border" (the edge) or "reflection".
        align_corners: whether -1 and 1 are the centres (True) or the edges (False) of the corner elements.
    Returns: (N, C, H', W') or (N, C, D', H', W').
    Raises: ValueError for unknown modes; RuntimeError if shapes or dtypes do not fit.

    >>> image, places = flambeau.arange(4.0).reshape(1, 1, 2, 2), flambeau.zeros(1, 1, 1, 2)
    >>> flambeau.nn.functional.grid_sample(image, places, align_corners=False)
    tensor([[[[1.5000]]]])
    """
    _check_grid(input, grid, mode, padding_mode)
    _warn_align("grid_sample", align_corners)
    align, spatial = bool(align_corners), input.shape[2:]
    dims = len(spatial)
    if grid.numel() == 0 or input.numel() == 0:
        return input.new_zeros((*input.shape[:2], *grid.shape[1:-1])) + (input.sum() + grid.sum()) * 0
    places = [_unnormalize(grid[..., dims - 1 - d], spatial[d], align) for d in range(dims)]
    if mode == "bicubic":
        return _sample_cubic(input, places, padding_mode, align)
    places = [_bounded(p, size, padding_mode, align) for p, size in zip(places, spatial)]
    if mode == "nearest":
        return _pick(input, [p.detach().round() for p in places]) + sum(p.sum() for p in places) * 0
    return _sample_linear(input, places)


def grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners):
    """`grid_sample` with modes as numbers: (bilinear, nearest, bicubic) and (zeros, border, reflection).

    >>> image, places = flambeau.arange(4.0).reshape(1, 1, 2, 2), flambeau.zeros(1, 1, 1, 2)
    >>> flambeau.grid_sampler(image, places, 0, 0, False)
    tensor([[[[1.5000]]]])
    """
    if interpolation_mode not in (0, 1, 2) or padding_mode not in (0, 1, 2):
        raise RuntimeError(f"[grid_sampler] modes are 0, 1 and 2, got {interpolation_mode} and {padding_mode}")
    mode = ("bilinear", "nearest", "bicubic")[interpolation_mode]
    return grid_sample(input, grid, mode, ("zeros", "border", "reflection")[padding_mode], bool(align_corners))


def grid_sampler_2d(input, grid, interpolation_mode, padding_mode, align_corners):
    """`grid_sampler` for images.

    >>> image, places = flambeau.arange(4.0).reshape(1, 1, 2, 2), flambeau.zeros(1, 1, 1, 2)
    >>> flambeau.grid_sampler_2d(image, places, 0, 0, False)
    tensor([[[[1.5000]]]])
    """
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


def grid_sampler_3d(input, grid, interpolation_mode, padding_mode, align_corners):
    """`grid_sampler` for volumes.

    >>> flambeau.grid_sampler_3d(flambeau.ones(1, 1, 2, 2, 2), flambeau.zeros(1, 1, 1, 1, 3), 0, 0, False)
    tensor([[[[[1.]]]]])
    """
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)
