"""Pictures read from and written to files, by Pillow, as uint8 tensors (C, H, W)."""

import enum
import io

import flambeau

from ..transforms import functional as F

__all__ = [
    "ImageReadMode", "decode_avif", "decode_gif", "decode_heic", "decode_image", "decode_jpeg", "decode_png", "decode_webp", "encode_jpeg",
    "encode_png", "read_file", "read_image", "write_file", "write_jpeg", "write_png",
]  # fmt: skip


class ImageReadMode(enum.Enum):
    """What channels a picture is read with; UNCHANGED keeps the file's.

    >>> flambeau.vision.io.ImageReadMode.RGB.value
    3
    """

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4


_MODES = {"GRAY": "L", "GRAY_ALPHA": "LA", "RGB": "RGB", "RGB_ALPHA": "RGBA"}
_KEPT = ("L", "LA", "RGB", "RGBA", "I;16")


def read_file(path):
    """The bytes of a file, as a uint8 tensor.

    >>> import tempfile
    >>> file = tempfile.NamedTemporaryFile()
    >>> _ = file.write(b"hi")
    >>> file.flush()
    >>> flambeau.vision.io.read_file(file.name).tolist()
    [104, 105]
    """
    with open(path, "rb") as file:
        return flambeau.frombuffer(bytearray(file.read()), dtype=flambeau.uint8)


def write_file(filename, data):
    """Write a uint8 tensor's bytes to a file.

    >>> import tempfile
    >>> file = tempfile.NamedTemporaryFile()
    >>> flambeau.vision.io.write_file(file.name, flambeau.tensor([104, 105], dtype=flambeau.uint8))
    >>> flambeau.vision.io.read_file(file.name).tolist()
    [104, 105]
    """
    if data.dtype != flambeau.uint8 or data.ndim != 1:
        raise RuntimeError(f"Input tensor should be 1-dimensional uint8, got {data.dtype} {tuple(data.shape)}")
    with open(filename, "wb") as file:
        file.write(data.numpy().tobytes())


def _wanted(mode):
    if isinstance(mode, str):
        return ImageReadMode[mode.upper()]
    return ImageReadMode(mode) if isinstance(mode, int) else mode


def _open(input, formats):
    from PIL import Image, UnidentifiedImageError

    if not isinstance(input, flambeau.Tensor) or input.dtype != flambeau.uint8 or input.ndim != 1:
        raise RuntimeError("Expected a non empty 1-dimensional tensor of uint8: the bytes of a file")
    if input.numel() == 0:
        raise RuntimeError("Expected a non empty 1-dimensional tensor: the file has no bytes")
    try:
        return Image.open(io.BytesIO(input.numpy().tobytes()), formats=formats)
    except UnidentifiedImageError:
        kinds = "picture" if formats is None else f"{' or '.join(formats)} picture"
        raise RuntimeError(f"The bytes are not a {kinds}, or a damaged one")


def _read(image, mode, turned):
    """A tensor of an open picture, in the channels asked for."""
    from PIL import ImageOps

    try:
        image = ImageOps.exif_transpose(image) if turned else image
        mode = _wanted(mode)
        if mode is not ImageReadMode.UNCHANGED:
            image = image.convert(_MODES[mode.name])
        elif image.mode not in _KEPT:
            image = image.convert("RGBA" if "transparency" in image.info else "L" if image.mode == "1" else "RGB")
        pixels = F.pil_to_tensor(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise RuntimeError(f"The picture is damaged: {error}")
    return pixels.contiguous()


def _decode(input, mode, formats, turned=False):
    if isinstance(input, list | tuple):
        return [_decode(one, mode, formats, turned) for one in input]
    return _read(_open(input, formats), mode, turned)


def decode_png(input, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False):
    """The picture in the bytes of a PNG file.

    Args:
        input: uint8 (N,).
        mode: an ImageReadMode, or its name.
        apply_exif_orientation: turn it as the file says.

    >>> data = flambeau.vision.io.encode_png(flambeau.ones(3, 2, 2, dtype=flambeau.uint8))
    >>> flambeau.vision.io.decode_png(data).shape
    torch.Size([3, 2, 2])
    """
    return _decode(input, mode, ["PNG"], apply_exif_orientation)


def decode_jpeg(input, mode=ImageReadMode.UNCHANGED, device="cpu", apply_exif_orientation=False):
    """The picture in the bytes of a JPEG file.

    Args:
        input: uint8 (N,), or a list.
        mode: an ImageReadMode, or its name.
        device: the CPU.
        apply_exif_orientation: turn it as the file says.

    >>> data = flambeau.vision.io.encode_jpeg(flambeau.ones(3, 8, 8, dtype=flambeau.uint8))
    >>> flambeau.vision.io.decode_jpeg(data).shape
    torch.Size([3, 8, 8])
    """
    return _decode(input, mode, ["JPEG"], apply_exif_orientation)


def decode_webp(input, mode=ImageReadMode.UNCHANGED):
    """The picture in the bytes of a WebP file.

    Args:
        input: uint8 (N,).
        mode: an ImageReadMode, or its name.

    >>> import io
    >>> from PIL import Image
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (4, 3)).save(file, format="webp")
    >>> flambeau.vision.io.decode_webp(flambeau.tensor(list(file.getvalue()), dtype=flambeau.uint8)).shape
    torch.Size([3, 3, 4])
    """
    return _decode(input, mode, ["WEBP"])


def decode_avif(input, mode=ImageReadMode.UNCHANGED):
    """The picture in the bytes of an AVIF file, where Pillow reads these.

    Args:
        input: uint8 (N,).
        mode: an ImageReadMode, or its name.

    >>> try:
    ...     flambeau.vision.io.decode_avif(flambeau.zeros(4, dtype=flambeau.uint8))
    ... except RuntimeError as error:
    ...     print("not a picture")
    not a picture
    """
    return _decode(input, mode, ["AVIF"])


def decode_heic(input, mode=ImageReadMode.UNCHANGED):
    """The picture in the bytes of a HEIC file, where a plugin of Pillow reads these.

    Args:
        input: uint8 (N,).
        mode: an ImageReadMode, or its name.

    >>> try:
    ...     flambeau.vision.io.decode_heic(flambeau.zeros(4, dtype=flambeau.uint8))
    ... except RuntimeError as error:
    ...     print("not a picture")
    not a picture
    """
    from PIL import Image

    Image.init()
    if "HEIF" not in Image.OPEN:
        raise RuntimeError("Pillow reads no HEIC files here: a plugin such as pillow-heif does")
    return _decode(input, mode, ["HEIF"])


def decode_gif(input):
    """The pictures in the bytes of a GIF file.

    Args:
        input: uint8 (N,).

    Returns: (3, H, W), or (frames, 3, H, W) if there are several.

    >>> import io
    >>> from PIL import Image
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (4, 3)).save(file, format="gif")
    >>> flambeau.vision.io.decode_gif(flambeau.tensor(list(file.getvalue()), dtype=flambeau.uint8)).shape
    torch.Size([3, 3, 4])
    """
    from PIL import ImageSequence

    image = _open(input, ["GIF"])
    frames = [_read(frame, ImageReadMode.RGB, False) for frame in ImageSequence.Iterator(image)]
    return frames[0] if len(frames) == 1 else flambeau.stack(frames)


def decode_image(input, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False):
    """The picture in the bytes of a file, or in a file.

    Args:
        input: uint8 (N,), or a path.
        mode: an ImageReadMode, or its name.
        apply_exif_orientation: turn it as the file says.

    Raises: RuntimeError where there is no picture in it.

    >>> data = flambeau.vision.io.encode_png(flambeau.ones(1, 2, 2, dtype=flambeau.uint8))
    >>> flambeau.vision.io.decode_image(data, mode="RGB").shape
    torch.Size([3, 2, 2])
    """
    input = input if isinstance(input, flambeau.Tensor) else read_file(str(input))
    if bytes(input[:6].tolist()) in (b"GIF87a", b"GIF89a"):
        return decode_gif(input)
    return _decode(input, mode, None, apply_exif_orientation)


def read_image(path, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False):
    """The picture in a file.

    Args:
        path: where it is.
        mode: an ImageReadMode, or its name.
        apply_exif_orientation: turn it as the file says.

    >>> import tempfile
    >>> file = tempfile.NamedTemporaryFile(suffix=".png")
    >>> flambeau.vision.io.write_png(flambeau.ones(1, 2, 2, dtype=flambeau.uint8), file.name)
    >>> flambeau.vision.io.read_image(file.name)
    tensor([[[1, 1],
             [1, 1]]], dtype=torch.uint8)
    """
    return decode_image(read_file(str(path)), mode, apply_exif_orientation)


def _encode(input, format, **options):
    if not isinstance(input, flambeau.Tensor) or input.dtype != flambeau.uint8:
        raise RuntimeError("Input tensor dtype should be uint8")
    if input.ndim != 3:
        raise RuntimeError(f"Input data should be a 3-dimensional tensor, got {input.ndim} dimensions")
    if input.shape[0] not in (1, 3):
        raise RuntimeError(f"The number of channels should be 1 or 3, got: {input.shape[0]}")
    file = io.BytesIO()
    F.to_pil_image(input).save(file, format=format, **options)
    return flambeau.frombuffer(bytearray(file.getvalue()), dtype=flambeau.uint8)


def encode_png(input, compression_level=6):
    """The bytes of a PNG file.

    Args:
        input: uint8 (1 or 3, H, W).
        compression_level: 0 to 9.

    >>> flambeau.vision.io.encode_png(flambeau.zeros(1, 2, 2, dtype=flambeau.uint8))[1:4].tolist() == list(b"PNG")
    True
    """
    if not 0 <= compression_level <= 9:
        raise RuntimeError("Compression level should be between 0 and 9")
    return _encode(input, "PNG", compress_level=compression_level)


def encode_jpeg(input, quality=75):
    """The bytes of a JPEG file.

    Args:
        input: uint8 (1 or 3, H, W), or a list.
        quality: 1 to 100.

    >>> flambeau.vision.io.encode_jpeg(flambeau.zeros(1, 2, 2, dtype=flambeau.uint8))[:2].tolist()
    [255, 216]
    """
    if not 1 <= quality <= 100:
        raise ValueError("Image quality should be a positive number between 1 and 100")
    if isinstance(input, list):
        return [encode_jpeg(one, quality) for one in input]
    return _encode(input, "JPEG", quality=quality)


def write_png(input, filename, compression_level=6):
    """Write a PNG file.

    Args:
        input: uint8 (1 or 3, H, W).
        filename: where to.
        compression_level: 0 to 9.

    >>> import tempfile
    >>> flambeau.vision.io.write_png(flambeau.zeros(1, 2, 2, dtype=flambeau.uint8), tempfile.mkdtemp() + "/a.png")
    """
    write_file(filename, encode_png(input, compression_level))


def write_jpeg(input, filename, quality=75):
    """Write a JPEG file.

    Args:
        input: uint8 (1 or 3, H, W).
        filename: where to.
        quality: 1 to 100.

    >>> import tempfile
    >>> flambeau.vision.io.write_jpeg(flambeau.zeros(1, 2, 2, dtype=flambeau.uint8), tempfile.mkdtemp() + "/a.jpg")
    """
    write_file(filename, encode_jpeg(input, quality))
