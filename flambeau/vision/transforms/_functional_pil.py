"""Operations on Pillow's pictures."""


def get_dimensions(img):
    """[channels, height, width]."""
    return [len(img.getbands()), img.height, img.width]


def _enhance(kind, img, factor):
    from PIL import ImageEnhance

    return getattr(ImageEnhance, kind)(img).enhance(factor)


def adjust_brightness(img, factor):
    return _enhance("Brightness", img, factor)


def adjust_contrast(img, factor):
    return _enhance("Contrast", img, factor)


def adjust_saturation(img, factor):
    return _enhance("Color", img, factor)


def adjust_sharpness(img, factor):
    return _enhance("Sharpness", img, factor)


def adjust_hue(img, factor):
    import numpy as np
    from PIL import Image

    if img.mode in ("L", "1", "I", "F"):
        return img
    hue, saturation, value = img.convert("HSV").split()
    turned = np.array(hue, dtype=np.uint8) + np.int32(factor * 255).astype(np.uint8)
    return Image.merge("HSV", (Image.fromarray(turned), saturation, value)).convert(img.mode)


def adjust_gamma(img, gamma, gain=1.0):
    table = [int((255 + 1 - 1e-3) * gain * pow(level / 255.0, gamma)) for level in range(256)] * 3
    return img.convert("RGB").point(table).convert(img.mode)


def hflip(img):
    from PIL import Image

    return img.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def vflip(img):
    from PIL import Image

    return img.transpose(Image.Transpose.FLIP_TOP_BOTTOM)


def pad(img, padding, fill=0, padding_mode="constant"):
    """`padding` is [left, top, right, bottom]."""
    import numpy as np
    from PIL import Image, ImageOps

    if padding_mode == "constant":
        colour = _fill(fill, img)
        if img.mode == "P":
            palette = img.getpalette()
            padded = ImageOps.expand(img, border=tuple(padding), fill=colour)
            padded.putpalette(palette)
            return padded
        return ImageOps.expand(img, border=tuple(padding), fill=colour)
    left, top, right, bottom = padding
    if min(padding) < 0:
        img = img.crop((-min(left, 0), -min(top, 0), img.width + min(right, 0), img.height + min(bottom, 0)))
        left, top, right, bottom = (max(p, 0) for p in padding)
    pixels = np.asarray(img)
    around = ((top, bottom), (left, right)) + ((0, 0),) * (pixels.ndim - 2)
    padded = Image.fromarray(np.pad(pixels, around, padding_mode))
    if img.mode == "P":
        padded.putpalette(img.getpalette())
    return padded


def crop(img, top, left, height, width):
    return img.crop((left, top, left + width, top + height))


def resize(img, size, interpolation):
    """`size` is (height, width)."""
    return img.resize(tuple(size[::-1]), interpolation)


def _fill(fill, img):
    """A colour that Pillow takes: one number for all bands becomes as many."""
    bands = len(img.getbands())
    fill = 0 if fill is None else fill
    if isinstance(fill, int | float) and bands > 1:
        return (int(fill),) * bands
    if isinstance(fill, list | tuple):
        if len(fill) == 1:
            fill = tuple(fill) * bands
        if len(fill) != bands:
            raise ValueError(
                "The number of elements in 'fill' does not match the number of channels of the image "
                f"({len(fill)} != {bands})"
            )
        fill = tuple(fill) if img.mode == "F" else tuple(int(x) for x in fill)
        return fill[0] if bands == 1 else fill
    return fill if img.mode == "F" else int(fill)


def affine(img, matrix, interpolation, fill=None):
    from PIL import Image

    return img.transform(img.size, Image.Transform.AFFINE, matrix, interpolation, fillcolor=_fill(fill, img))


def rotate(img, angle, interpolation, expand=False, center=None, fill=None):
    return img.rotate(angle, interpolation, expand, center, fillcolor=_fill(fill, img))


def perspective(img, coefficients, interpolation, fill=None):
    from PIL import Image

    return img.transform(img.size, Image.Transform.PERSPECTIVE, coefficients, interpolation, fillcolor=_fill(fill, img))


def to_grayscale(img, num_output_channels):
    import numpy as np
    from PIL import Image

    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    gray = img.convert("L")
    return gray if num_output_channels == 1 else Image.fromarray(np.dstack([np.array(gray, dtype=np.uint8)] * 3))


def _image_op(name, img, *arguments):
    from PIL import ImageOps

    return getattr(ImageOps, name)(img, *arguments)


def invert(img):
    return _image_op("invert", img)


def posterize(img, bits):
    return _image_op("posterize", img, bits)


def solarize(img, threshold):
    return _image_op("solarize", img, threshold)


def autocontrast(img):
    return _image_op("autocontrast", img)


def equalize(img):
    return _image_op("equalize", img)
