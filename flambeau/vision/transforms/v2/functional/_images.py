"""What the second version does otherwise than the first with pictures that are tensors."""

import flambeau

from ... import _functional_tensor as F_t
from ... import functional as V1

_whole = F_t.max_value


def is_tensor(img):
    return isinstance(img, flambeau.Tensor)


def resize(img, size, interpolation=V1.InterpolationMode.BILINEAR, max_size=None, antialias=True):
    mode, before = interpolation_mode(interpolation), V1.get_dimensions(img)[1:]
    V1._check_size(size, max_size)
    after = V1._compute_resized_output_size(before, size, max_size, allow_size_none=True)
    if is_tensor(img) and img.numel() == 0:
        return img.new_empty(*img.shape[:-2], *after)
    return V1.resize(img, list(after), mode, antialias=antialias)


def interpolation_mode(value):
    return V1.InterpolationMode(value) if isinstance(value, str) else V1._mode(value)


def pad(img, padding, fill=None, padding_mode="constant"):
    fill = 0 if fill is None else fill
    if not is_tensor(img):
        return V1.pad(img, padding, fill, padding_mode)
    if isinstance(fill, int | float):
        return V1.pad(img, padding, fill, padding_mode)
    if len(fill) == 1:
        return V1.pad(img, padding, fill[0], padding_mode)
    if padding_mode != "constant":
        raise ValueError(f"Padding mode '{padding_mode}' is not supported if fill is not scalar")
    out = V1.pad(img, padding, 0, padding_mode)
    left, top, right, bottom = V1._sides(padding)
    inside = flambeau.zeros(out.shape[-2:], dtype=flambeau.bool)
    inside[max(top, 0) : out.shape[-2] - max(bottom, 0), max(left, 0) : out.shape[-1] - max(right, 0)] = True
    colour = flambeau.tensor(fill).to(img.dtype).reshape(-1, 1, 1)
    return flambeau.where(inside, out, colour)


def autocontrast(img):
    if not is_tensor(img):
        return V1.autocontrast(img)
    F_t._channels_of(img, (1, 3))
    if img.numel() == 0:
        return img
    bound, low, high = _whole(img.dtype), img.amin((-2, -1), keepdim=True), img.amax((-2, -1), keepdim=True)
    if not img.is_floating_point():
        low, high = low.float(), high.float()
    flat = high == low
    scale = ((high - low) * (1.0 / bound)).masked_fill(flat, 1)
    out = ((img - low.masked_fill(flat, 0)) / scale).clamp(0, bound)
    return out if img.is_floating_point() else out.to(img.dtype)


def posterize(img, bits):
    if not is_tensor(img):
        return V1.posterize(img, bits)
    if img.is_floating_point():
        levels = 1 << bits
        return (img * levels).floor().clamp(0, levels - 1) * (1.0 / levels)
    count = flambeau.iinfo(img.dtype).bits - (img.dtype != flambeau.uint8)
    return img if bits >= count else img & (((1 << bits) - 1) << (count - bits))


def equalize(img):
    if not is_tensor(img) or img.dtype == flambeau.uint8:
        return V1.equalize(img)
    as_bytes = F_t.convert_image_dtype(img, flambeau.uint8)
    return F_t.convert_image_dtype(V1.equalize(as_bytes), img.dtype)


def invert(img):
    if is_tensor(img) and img.dtype == flambeau.bool:
        return ~img
    return V1.invert(img)


def solarize(img, threshold):
    if is_tensor(img) and threshold > _whole(img.dtype):
        raise TypeError(f"Threshold should be less or equal the maximum value of the dtype, but got {threshold}")
    return V1.solarize(img, threshold)


def adjust_sharpness(img, sharpness_factor):
    """In floats to the end: as the first version, but for the rounding."""
    if not is_tensor(img) or img.is_floating_point() or min(img.shape[-2:]) <= 2:
        return V1.adjust_sharpness(img, sharpness_factor)
    if sharpness_factor < 0:
        raise ValueError(f"sharpness_factor ({sharpness_factor}) is not non-negative.")
    sharp = img.to(flambeau.float32)
    inner = sharp[..., 1:-1, 1:-1]
    inner.add_(F_t.adjust_sharpness(img, 0.0)[..., 1:-1, 1:-1] - inner, alpha=1.0 - sharpness_factor)
    return sharp.clamp(0, _whole(img.dtype)).to(img.dtype)


def to_dtype(img, dtype=flambeau.float32, scale=False):
    return F_t.convert_image_dtype(img, dtype) if scale else img.to(dtype)


def rgb_to_grayscale(img, num_output_channels=1):
    if is_tensor(img) and img.shape[-3] == 1 and num_output_channels == 3:
        return img.expand(*img.shape[:-3], 3, *img.shape[-2:])
    return V1.rgb_to_grayscale(img, num_output_channels)


def grayscale_to_rgb(img):
    if not is_tensor(img):
        return img.convert("RGB")
    if img.shape[-3] >= 3:
        return img
    if img.shape[-3] == 2:
        raise RuntimeError(f"Unsupported number of channels {img.shape[-3]}")
    return img.expand(*img.shape[:-3], 3, *img.shape[-2:])


def permute_channels(img, permutation):
    if is_tensor(img):
        if img.shape[-3] != len(permutation):
            raise ValueError(
                f"Length of permutation does not match number of channels: {len(permutation)} != {img.shape[-3]}"
            )
        return img[..., permutation, :, :]
    return V1.to_pil_image(permute_channels(V1.pil_to_tensor(img), permutation))


def gaussian_noise(img, mean=0.0, sigma=0.1, clip=True):
    if not is_tensor(img):
        raise TypeError(f"gaussian_noise is for tensors, got {type(img)}")
    if sigma < 0:
        raise ValueError(f"sigma shouldn't be negative. Got {sigma}")
    if img.is_floating_point():
        noisy = img + (mean + flambeau.randn_like(img) * sigma)
        return noisy.clamp(0, 1) if clip else noisy
    if img.dtype != flambeau.uint8:
        raise ValueError(f"Input tensor is expected to be in uint8 or float dtype, got dtype={img.dtype}")
    noise = ((mean * 255) + flambeau.randn_like(img, dtype=flambeau.float32) * sigma * 255).to(flambeau.int16)
    return (img.to(flambeau.int16) + noise).clamp(0, 255).to(flambeau.uint8) if clip else img + noise.to(flambeau.uint8)


def jpeg(img, quality):
    from .... import io

    if not is_tensor(img):
        return V1.to_pil_image(jpeg(V1.pil_to_tensor(img), quality))
    shape = img.shape
    flat = img.reshape(-1, *shape[-3:])
    return flambeau.stack([io.decode_jpeg(io.encode_jpeg(one, quality)) for one in flat]).reshape(shape)


def uniform_temporal_subsample(video, num_samples):
    places = flambeau.linspace(0, video.shape[-4] - 1, num_samples).long()
    return video.index_select(-4, places)


def perspective(img, startpoints, endpoints, interpolation="bilinear", fill=None, coefficients=None):
    mode = interpolation_mode(interpolation)
    numbers = F_t.solve_perspective(startpoints, endpoints) if coefficients is None else coefficients
    if is_tensor(img):
        return F_t.perspective(img, numbers, mode.value, fill)
    return V1.F_pil.perspective(img, numbers, V1.pil_modes_mapping[mode], fill)


def affine(img, angle, translate, scale, shear, interpolation="nearest", fill=None, center=None):
    return V1.affine(img, angle, list(translate), scale, shear, interpolation_mode(interpolation), fill, center)


def rotate(img, angle, interpolation="nearest", expand=False, center=None, fill=None):
    return V1.rotate(img, angle % 360, interpolation_mode(interpolation), expand, center, fill)


def elastic(img, displacement, interpolation="bilinear", fill=None):
    return V1.elastic_transform(img, displacement, interpolation_mode(interpolation), fill)


def resized_crop(img, top, left, height, width, size, interpolation="bilinear", antialias=True):
    return resize(V1.crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def erase(img, i, j, h, w, v, inplace=False):
    if is_tensor(img):
        return F_t.erase(img, i, j, h, w, v, inplace)
    return V1.to_pil_image(F_t.erase(V1.pil_to_tensor(img), i, j, h, w, v))


def normalize(img, mean, std, inplace=False):
    return F_t.normalize(img, mean, std, inplace)
