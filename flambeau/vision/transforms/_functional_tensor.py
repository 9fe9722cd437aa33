"""Operations on pictures that are tensors (..., C, H, W)."""

import math

import flambeau
from flambeau.nn import functional as F

_WHOLE = (flambeau.uint8, flambeau.int8, flambeau.int16, flambeau.int32, flambeau.int64)


def check_image(img):
    if not isinstance(img, flambeau.Tensor) or img.ndim < 2:
        raise TypeError("Tensor is not a torch image.")


def max_value(dtype):
    """White: 1 for floats, the largest number of an integer dtype."""
    if dtype.is_floating_point:
        return 1
    return 1 if dtype == flambeau.bool else flambeau.iinfo(dtype).max


def get_dimensions(img):
    """[channels, height, width]."""
    check_image(img)
    return [img.shape[-3] if img.ndim > 2 else 1, img.shape[-2], img.shape[-1]]


def _channels_of(img, permitted):
    channels = get_dimensions(img)[0]
    if channels not in permitted:
        raise TypeError(f"Input image tensor permitted channel values are {list(permitted)}, but found {channels}")
    return channels


def _scaled(img, dtype):
    if img.dtype.is_floating_point:
        if dtype.is_floating_point:
            return img.to(dtype)
        wide = (flambeau.int32, flambeau.int64)
        if (img.dtype == flambeau.float32 and dtype in wide) or (img.dtype == flambeau.float64 and dtype == wide[1]):
            raise RuntimeError(f"The cast from {img.dtype} to {dtype} cannot be performed safely.")
        return (img * (max_value(dtype) + 1.0 - 1e-3)).to(dtype)
    before, after = max_value(img.dtype), max_value(dtype)
    if dtype.is_floating_point:
        return img.to(dtype) / before
    if before > after:
        return flambeau.div(img, (before + 1) // (after + 1), rounding_mode="floor").to(dtype)
    return img.to(dtype) * ((after + 1) // (before + 1))


def convert_image_dtype(img, dtype=flambeau.float32):
    return img if img.dtype == dtype else _scaled(img, dtype)


def normalize(tensor, mean, std, inplace=False):
    if not tensor.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.ndim < 3:
        raise ValueError(
            f"Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = {tensor.size()}"
        )
    tensor = tensor if inplace else tensor.clone()
    mean, std = (flambeau.as_tensor(x, dtype=tensor.dtype, device=tensor.device) for x in (mean, std))
    if (std == 0).any():
        raise ValueError(f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by zero.")
    mean, std = (x.reshape(-1, 1, 1) if x.ndim == 1 else x for x in (mean, std))
    return tensor.sub_(mean).div_(std)


def rgb_to_grayscale(img, num_output_channels=1):
    _channels_of(img, (1, 3))
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    if img.shape[-3] == 1:
        return img.clone()
    red, green, blue = img.unbind(-3)
    img = (0.2989 * red + 0.587 * green + 0.114 * blue).to(img.dtype).unsqueeze(-3)
    return img.expand(*img.shape[:-3], 3, *img.shape[-2:]) if num_output_channels == 3 else img


def _blend(first, second, ratio):
    ratio = float(ratio)
    return (ratio * first + (1.0 - ratio) * second).clamp(0, max_value(first.dtype)).to(first.dtype)


def _float_of(img):
    return img.dtype if img.is_floating_point() else flambeau.float32


def adjust_brightness(img, factor):
    _channels_of(img, (1, 3))
    return _blend(img, flambeau.zeros_like(img), factor)


def adjust_contrast(img, factor):
    gray = rgb_to_grayscale(img) if _channels_of(img, (1, 3)) == 3 else img
    return _blend(img, gray.to(_float_of(img)).mean(dim=(-3, -2, -1), keepdim=True), factor)


def adjust_saturation(img, factor):
    return img if _channels_of(img, (1, 3)) == 1 else _blend(img, rgb_to_grayscale(img), factor)


def adjust_gamma(img, gamma, gain=1.0):
    _channels_of(img, (1, 3))
    dtype = img.dtype
    result = img if img.is_floating_point() else convert_image_dtype(img, flambeau.float32)
    return convert_image_dtype((gain * result**gamma).clamp(0, 1), dtype)


def adjust_hue(img, factor):
    if _channels_of(img, (1, 3)) == 1:
        return img
    dtype = img.dtype
    hue, saturation, value = _rgb_to_hsv(convert_image_dtype(img, flambeau.float32)).unbind(-3)
    hue = (hue + factor) % 1.0
    return convert_image_dtype(_hsv_to_rgb(flambeau.stack((hue, saturation, value), -3)), dtype)


def _rgb_to_hsv(img):
    """Hue (turns, from red), saturation and value (Smith, "Color gamut transform pairs", 1978)."""
    red, green, blue = img.unbind(-3)
    high, low = img.amax(-3), img.amin(-3)
    gray = high == low
    spread, ones = high - low, flambeau.ones_like(high)
    saturation = spread / flambeau.where(gray, ones, high)
    divisor = flambeau.where(gray, ones, spread)
    from_red, from_green, from_blue = ((high - x) / divisor for x in (red, green, blue))
    is_red = high == red
    is_green = (high == green) & ~is_red
    hue = is_red * (from_blue - from_green) + is_green * (2.0 + from_red - from_blue)
    hue = hue + ((high != green) & ~is_red) * (4.0 + from_green - from_red)
    return flambeau.stack((flambeau.fmod(hue / 6.0 + 1.0, 1.0), saturation, high), -3)


def _hsv_to_rgb(img):
    hue, saturation, value = img.unbind(-3)
    sector = (hue * 6.0).floor()
    inside = hue * 6.0 - sector
    sector = sector.to(flambeau.int32) % 6
    low = (value * (1.0 - saturation)).clamp(0.0, 1.0)
    falling = (value * (1.0 - saturation * inside)).clamp(0.0, 1.0)
    rising = (value * (1.0 - saturation * (1.0 - inside))).clamp(0.0, 1.0)
    sides = (
        (value, falling, low, low, rising, value),
        (rising, value, value, falling, low, low),
        (low, low, rising, value, value, falling),
    )
    at = sector.unsqueeze(0).to(flambeau.int64)
    return flambeau.cat([flambeau.stack(side).gather(0, at) for side in sides]).movedim(0, -3)


def _as_batch(img, dtypes):
    """(N, C, H, W) in one of the dtypes, and how to go back."""
    shape, dtype = img.shape, img.dtype
    wide = img.reshape(-1, *img.shape[-3:]) if img.ndim != 4 else img
    wide = wide if dtype in dtypes else wide.to(dtypes[0])

    def back(result):
        if result.dtype != dtype:
            result = (result.round() if dtype in _WHOLE else result).to(dtype)
        return result.reshape(*shape[:-3], *result.shape[-3:]) if len(shape) != 4 else result

    return wide, back


def resize(img, size, interpolation="bilinear", antialias=True):
    check_image(img)
    smooth = interpolation in ("bilinear", "bicubic")
    flat = img.ndim == 2
    wide, back = _as_batch(img.unsqueeze(0) if flat else img, (flambeau.float32, flambeau.float64))
    align = False if smooth else None
    out = F.interpolate(wide, size=size, mode=interpolation, align_corners=align, antialias=bool(antialias) and smooth)
    if interpolation == "bicubic" and img.dtype == flambeau.uint8:
        out = out.clamp(min=0, max=255)
    return back(out)[0] if flat else back(out)


def crop(img, top, left, height, width):
    check_image(img)
    h, w = img.shape[-2:]
    right, bottom = left + width, top + height
    inside = img[..., max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if left < 0 or top < 0 or right > w or bottom > h:
        before = (min(right, 0) - left if left < 0 else 0, min(bottom, 0) - top if top < 0 else 0)
        around = [before[0], max(right - max(w, left), 0), before[1], max(bottom - max(h, top), 0)]
        return F.pad(inside, around)
    return inside


def pad(img, padding, fill=0, padding_mode="constant"):
    """`padding` is [left, top, right, bottom]."""
    check_image(img)
    left, top, right, bottom = padding
    if padding_mode == "symmetric":
        return _pad_symmetric(img, padding)
    mode = {"edge": "replicate"}.get(padding_mode, padding_mode)
    if mode == "constant":
        return F.pad(img, [left, right, top, bottom], value=float(fill or 0))
    floats = (flambeau.float32, flambeau.float64)
    flat = img.ndim == 2
    wide, back = _as_batch(img.unsqueeze(0) if flat else img, floats)
    out = back(F.pad(wide, [left, right, top, bottom], mode=mode))
    return out[0] if flat else out


def _pad_symmetric(img, padding):
    left, top, right, bottom = padding
    img = img[..., -min(top, 0) : img.shape[-2] + min(bottom, 0), -min(left, 0) : img.shape[-1] + min(right, 0)]
    for dim, before, after in ((-2, top, bottom), (-1, left, right)):
        size = img.shape[dim]
        places = [*range(max(before, 0) - 1, -1, -1), *range(size), *range(-1, -max(after, 0) - 1, -1)]
        img = img.index_select(dim, flambeau.tensor([p % size for p in places]))
    return img


def _apply_grid(img, grid, mode, fill):
    """Sample at the places of a grid (1, H, W, 2); what lies outside is filled."""
    wide, back = _as_batch(img, (grid.dtype,))
    grid = grid.expand(wide.shape[0], *grid.shape[1:])
    if fill is None:
        return back(F.grid_sample(wide, grid, mode=mode, padding_mode="zeros", align_corners=False))
    with_mask = flambeau.cat((wide, flambeau.ones_like(wide[:, :1])), 1)
    sampled = F.grid_sample(with_mask, grid, mode=mode, padding_mode="zeros", align_corners=False)
    out, mask = sampled[:, :-1], sampled[:, -1:].expand(-1, wide.shape[1], -1, -1)
    colours = [float(x) for x in fill] if isinstance(fill, tuple | list) else [float(fill)]
    colour = flambeau.tensor(colours, dtype=out.dtype).reshape(1, -1, 1, 1).expand_as(out)
    if mode == "nearest":
        return back(flambeau.where(mask < 0.5, colour, out))
    return back(out * mask + (1.0 - mask) * colour)


def _check_fill(img, fill):
    channels = get_dimensions(img)[0]
    if isinstance(fill, tuple | list) and len(fill) not in (1, channels):
        raise ValueError(
            "The number of elements in 'fill' cannot broadcast to match the number of channels of the image "
            f"({len(fill)} != {channels})"
        )


def _check_mode(interpolation, modes):
    if interpolation not in modes:
        raise ValueError(f"Resampling mode '{interpolation}' is unsupported with Tensor input")


def _affine_grid(matrix, w, h, ow, oh, dtype):
    """Where the pixels of an (oh, ow) picture come from, in the units of grid_sample."""
    theta = flambeau.tensor(matrix, dtype=dtype).reshape(1, 2, 3)
    x = flambeau.linspace(-ow * 0.5 + 0.5, ow * 0.5 - 0.5, ow, dtype=dtype).expand(oh, ow)
    y = flambeau.linspace(-oh * 0.5 + 0.5, oh * 0.5 - 0.5, oh, dtype=dtype).reshape(oh, 1).expand(oh, ow)
    base = flambeau.stack((x, y, flambeau.ones_like(x)), -1).reshape(1, oh * ow, 3)
    scaled = theta.transpose(1, 2) / flambeau.tensor([0.5 * w, 0.5 * h], dtype=dtype)
    return base.bmm(scaled).reshape(1, oh, ow, 2)


def affine(img, matrix, interpolation="nearest", fill=None):
    _check_fill(img, fill)
    _check_mode(interpolation, ("nearest", "bilinear"))
    h, w = img.shape[-2:]
    return _apply_grid(img, _affine_grid(matrix, w, h, w, h, _float_of(img)), interpolation, fill)


def affine_output_size(matrix, w, h):
    """(width, height) that hold the whole picture after an affine map."""
    corners = flambeau.tensor(
        [[-0.5 * w, -0.5 * h, 1.0], [-0.5 * w, 0.5 * h, 1.0], [0.5 * w, 0.5 * h, 1.0], [0.5 * w, -0.5 * h, 1.0]]
    )
    moved = corners @ flambeau.tensor(matrix).reshape(2, 3).T
    middle, fine = flambeau.tensor([w * 0.5, h * 0.5]), 1e-4
    high, low = moved.amax(0) + middle, moved.amin(0) + middle
    size = ((high / fine).trunc() * fine).ceil() - ((low / fine).trunc() * fine).floor()
    return int(size[0]), int(size[1])


def rotate(img, matrix, interpolation="nearest", expand=False, fill=None):
    _check_fill(img, fill)
    _check_mode(interpolation, ("nearest", "bilinear"))
    h, w = img.shape[-2:]
    ow, oh = affine_output_size(matrix, w, h) if expand else (w, h)
    return _apply_grid(img, _affine_grid(matrix, w, h, ow, oh, _float_of(img)), interpolation, fill)


def _perspective_grid(c, ow, oh, dtype):
    above = flambeau.tensor([[[c[0], c[1], c[2]], [c[3], c[4], c[5]]]], dtype=dtype)
    below = flambeau.tensor([[[c[6], c[7], 1.0], [c[6], c[7], 1.0]]], dtype=dtype)
    x = flambeau.linspace(0.5, ow - 0.5, ow, dtype=dtype).expand(oh, ow)
    y = flambeau.linspace(0.5, oh - 0.5, oh, dtype=dtype).reshape(oh, 1).expand(oh, ow)
    base = flambeau.stack((x, y, flambeau.ones_like(x)), -1).reshape(1, oh * ow, 3)
    scaled = above.transpose(1, 2) / flambeau.tensor([0.5 * ow, 0.5 * oh], dtype=dtype)
    return (base.bmm(scaled) / base.bmm(below.transpose(1, 2)) - 1.0).reshape(1, oh, ow, 2)


def perspective(img, coefficients, interpolation="bilinear", fill=None):
    _check_fill(img, fill)
    _check_mode(interpolation, ("nearest", "bilinear"))
    h, w = img.shape[-2:]
    return _apply_grid(img, _perspective_grid(coefficients, w, h, _float_of(img)), interpolation, fill)


def elastic_transform(img, displacement, interpolation="bilinear", fill=None):
    h, w = img.shape[-2:]
    places = [flambeau.linspace((-s + 1) / s, (s - 1) / s, s) for s in (h, w)]
    y, x = flambeau.meshgrid(*places, indexing="ij")
    grid = flambeau.stack([x, y], -1).unsqueeze(0) + displacement.to(flambeau.float32)
    return _apply_grid(img, grid.to(_float_of(img)), interpolation, fill)


def gaussian_kernel(size, sigma, dtype):
    half = (size - 1) * 0.5
    x = flambeau.linspace(-half, half, steps=size, dtype=dtype)
    bell = flambeau.exp(-0.5 * (x / sigma).pow(2))
    return bell / bell.sum()


def gaussian_blur(img, kernel_size, sigma):
    """Both [x, y]."""
    dtype = _float_of(img)
    across, down = (gaussian_kernel(k, s, dtype) for k, s in zip(kernel_size, sigma))
    kernel = flambeau.mm(down[:, None], across[None, :]).expand(img.shape[-3], 1, len(down), len(across))
    wide, back = _as_batch(img, (dtype,))
    x, y = kernel_size[0] // 2, kernel_size[1] // 2
    return back(F.conv2d(F.pad(wide, [x, x, y, y], mode="reflect"), kernel, groups=wide.shape[1]))


def invert(img):
    return max_value(img.dtype) - img


def posterize(img, bits):
    if img.dtype != flambeau.uint8:
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {img.dtype}")
    _channels_of(img, (1, 3))
    return img & (256 - 2 ** (8 - bits))


def solarize(img, threshold):
    _channels_of(img, (1, 3))
    if threshold > max_value(img.dtype):
        raise TypeError("Threshold should be less than bound of img.")
    return flambeau.where(img >= threshold, invert(img), img)


def adjust_sharpness(img, factor):
    _channels_of(img, (1, 3))
    if img.shape[-1] <= 2 or img.shape[-2] <= 2:
        return img
    dtype = _float_of(img)
    kernel = flambeau.ones(3, 3, dtype=dtype)
    kernel[1, 1] = 5.0
    wide, back = _as_batch(img, (dtype,))
    blurred = F.conv2d(wide, (kernel / kernel.sum()).expand(img.shape[-3], 1, 3, 3), groups=img.shape[-3])
    smooth = img.clone()
    smooth[..., 1:-1, 1:-1] = back(blurred)
    return _blend(img, smooth, factor)


def autocontrast(img):
    _channels_of(img, (1, 3))
    bound, dtype = max_value(img.dtype), _float_of(img)
    low, high = img.amin(dim=(-2, -1), keepdim=True).to(dtype), img.amax(dim=(-2, -1), keepdim=True).to(dtype)
    scale = bound / (high - low)
    flat = ~flambeau.isfinite(scale)
    low, scale = low.masked_fill(flat, 0), scale.masked_fill(flat, 1)
    return ((img - low) * scale).clamp(0, bound).to(img.dtype)


def _equalized(channel):
    counts = flambeau.bincount(channel.reshape(-1), minlength=256)
    step = (counts[counts != 0][:-1].sum() // 255).item()
    if step == 0:
        return channel
    table = (counts.cumsum(0) + step // 2) // step
    return F.pad(table, [1, 0])[:-1].clamp(0, 255)[channel.to(flambeau.int64)].to(flambeau.uint8)


def equalize(img):
    if img.dtype != flambeau.uint8:
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {img.dtype}")
    _channels_of(img, (1, 3))
    channels = img.reshape(-1, *img.shape[-2:])
    return flambeau.stack([_equalized(c) for c in channels]).reshape(img.shape) if len(channels) else img


def erase(img, i, j, h, w, v, inplace=False):
    img = img if inplace else img.clone()
    img[..., i : i + h, j : j + w] = v
    return img


def solve_perspective(startpoints, endpoints):
    """The eight numbers of the map from end points to start points, by least squares in double precision."""
    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ValueError(
            f"Please provide exactly four corners, got {len(startpoints)} startpoints and {len(endpoints)} endpoints."
        )
    rows = []
    for (x, y), (u, v) in zip(endpoints, startpoints):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    wanted = flambeau.tensor([float(value) for point in startpoints for value in point], dtype=flambeau.float64)
    matrix = flambeau.tensor([[float(value) for value in row] for row in rows], dtype=flambeau.float64)
    return flambeau.linalg.lstsq(matrix, wanted, driver="gels").solution.to(flambeau.float32).tolist()


def affine_matrix(center, angle, translate, scale, shear, inverted=True):
    """[a, b, c, d, e, f]: rotation, shear and scale about a center, then translation; inverted by default."""
    turn, (sx, sy) = math.radians(angle), (math.radians(s) for s in shear)
    (cx, cy), (tx, ty) = center, translate
    a = math.cos(turn - sy) / math.cos(sy)
    b = -math.cos(turn - sy) * math.tan(sx) / math.cos(sy) - math.sin(turn)
    c = math.sin(turn - sy) / math.cos(sy)
    d = -math.sin(turn - sy) * math.tan(sx) / math.cos(sy) + math.cos(turn)
    if inverted:
        m = [x / scale for x in (d, -b, 0.0, -c, a, 0.0)]
        m[2] += m[0] * (-cx - tx) + m[1] * (-cy - ty) + cx
        m[5] += m[3] * (-cx - tx) + m[4] * (-cy - ty) + cy
        return m
    m = [x * scale for x in (a, b, 0.0, c, d, 0.0)]
    m[2] += m[0] * -cx + m[1] * -cy + cx + tx
    m[5] += m[3] * -cx + m[4] * -cy + cy + ty
    return m
