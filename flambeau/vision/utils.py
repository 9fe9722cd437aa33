"""Pictures side by side, written to files, and with boxes, masks and points drawn on them."""

import math
import warnings

import flambeau

from .transforms import _functional_tensor as F_t
from .transforms import functional as F

__all__ = [
    "draw_bounding_boxes",
    "draw_keypoints",
    "draw_segmentation_masks",
    "flow_to_image",
    "make_grid",
    "save_image",
]


def _stretched(t, value_range):
    low, high = value_range if value_range is not None else (float(t.min()), float(t.max()))
    return t.clamp(min=low, max=high).sub(low).div(max(high - low, 1e-5))


@flambeau.no_grad()
def make_grid(tensor, nrow=8, padding=2, normalize=False, value_range=None, scale_each=False, pad_value=0.0):
    """One picture of many, in rows.

    Args:
        tensor: (N, C, H, W), or a list of pictures of one size.
        nrow: pictures in a row.
        padding: pixels between them.
        normalize: stretch the values to [0, 1].
        value_range: what becomes 0 and 1 (the smallest and the largest value).
        scale_each: look for these in each picture.
        pad_value: value between the pictures.

    Returns: (C, H', W'), with three channels if there was one.

    >>> flambeau.vision.utils.make_grid(flambeau.zeros(5, 1, 4, 4), nrow=3).shape
    torch.Size([3, 14, 20])
    """
    if not isinstance(tensor, flambeau.Tensor):
        items = tensor if isinstance(tensor, list) else [tensor]
        for item in items:
            if not isinstance(item, flambeau.Tensor):
                raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
        tensor = flambeau.stack(items, 0)
    tensor = tensor.reshape((1,) * max(3 - tensor.ndim, 0) + tensor.shape)
    tensor = tensor.unsqueeze(0) if tensor.ndim == 3 else tensor
    if tensor.ndim == 4 and tensor.shape[1] == 1:
        tensor = flambeau.cat((tensor,) * 3, 1)
    if normalize:
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError("value_range has to be a tuple (min, max) if specified. min and max are numbers")
        pieces = [_stretched(t, value_range) for t in tensor] if scale_each else None
        tensor = flambeau.stack(pieces) if scale_each else _stretched(tensor, value_range)
    if tensor.shape[0] == 1:
        return tensor.squeeze(0)
    count, channels, height, width = tensor.shape
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    high, wide = int(height + padding), int(width + padding)
    grid = tensor.new_full((channels, high * rows + padding, wide * columns + padding), pad_value)
    for place, picture in enumerate(tensor):
        top, left = place // columns * high + padding, place % columns * wide + padding
        grid[:, top : top + height, left : left + width] = picture
    return grid


@flambeau.no_grad()
def save_image(tensor, fp, format=None, **kwargs):
    """Write a picture, or many in a grid, to a file.

    Args:
        tensor: floats in [0, 1], (C, H, W) or (N, C, H, W), or a list.
        fp: path or open file.
        format: Pillow's, if it does not follow from the name.
        **kwargs: arguments of make_grid.

    >>> import io
    >>> file = io.BytesIO()
    >>> flambeau.vision.utils.save_image(flambeau.rand(4, 3, 8, 8), file, format="png")
    >>> file.getvalue()[1:4]
    b'PNG'
    """
    from PIL import Image

    grid = make_grid(tensor, **kwargs)
    array = grid.mul(255).add(0.5).clamp(0, 255).permute(1, 2, 0).to(flambeau.uint8).numpy()
    Image.fromarray(array).save(fp, format=format)


def _check_picture(image, channels):
    if not isinstance(image, flambeau.Tensor):
        raise TypeError(f"The image must be a tensor, got {type(image)}")
    if image.dtype != flambeau.uint8 and not image.is_floating_point():
        raise ValueError(f"The image dtype must be uint8 or float, got {image.dtype}")
    if image.ndim != 3:
        raise ValueError("Pass individual images, not batches")
    if image.shape[0] not in channels:
        raise ValueError(
            "Only grayscale and RGB images are supported"
            if 1 in channels
            else "Pass an RGB image. Other Image formats are not supported"
        )


def _colours(colors, count, dtype=flambeau.uint8):
    """A triple of numbers for each object."""
    from PIL import ImageColor

    if colors is None:
        steps = (2**25 - 1, 2**15 - 1, 2**21 - 1)
        colors = [tuple(i * step % 255 for step in steps) for i in range(count)]
    elif isinstance(colors, list):
        if len(colors) < count:
            raise ValueError(
                f"Number of colors must be equal or larger than the number of objects, but got {len(colors)} < {count}."
            )
    elif not isinstance(colors, tuple | str):
        raise ValueError(f"colors must be a tuple or a string, or a list thereof, but got {colors}.")
    elif isinstance(colors, tuple) and len(colors) != 3:
        raise ValueError(f"If passed as tuple, colors should be an RGB triplet, but got {colors}.")
    else:
        colors = [colors] * count
    colors = [ImageColor.getrgb(color) if isinstance(color, str) else color for color in colors]
    return [tuple(v / 255 for v in color) for color in colors] if dtype.is_floating_point else colors


def _outline(draw, box, **style):
    """A rectangle, or the four corners of one that is turned."""
    if len(box) == 4:
        draw.rectangle(box, **style)
        return
    corners = [tuple(box[i : i + 2]) for i in range(0, 8, 2)]
    draw.polygon(corners, outline=style["outline"], fill=style["fill"], width=1)
    width = style["width"]
    for i in range(4) if width > 1 else ():
        draw.line([corners[i], corners[(i + 1) % 4]], fill=style["outline"], width=width)


def _write(draw, box, text, font, width, colour, background):
    """A label in the corner of a box."""
    at = (box[0] + width + 1, box[1] + width + 1)
    if background is not None:
        left, top, right, bottom = draw.textbbox(at, text, font=font)
        draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=background)
    draw.text(at, text, fill=colour, font=font)


def _font(font, font_size):
    from PIL import ImageFont

    if font is None:
        if font_size is not None:
            warnings.warn("Argument 'font_size' will be ignored since 'font' is not set.")
        return ImageFont.load_default()
    return ImageFont.truetype(font=font, size=font_size or 10)


def _check_boxes(boxes, labels):
    if boxes.shape[-1] == 4 and ((boxes[:, 0] > boxes[:, 2]).any() or (boxes[:, 1] > boxes[:, 3]).any()):
        raise ValueError(
            "Boxes need to be in (xmin, ymin, xmax, ymax) format. Use flambeau.vision.ops.box_convert to convert them"
        )
    if labels is not None and len(labels) != len(boxes):
        raise ValueError(
            f"Number of boxes ({len(boxes)}) and labels ({len(labels)}) mismatch. Please specify labels for each box."
        )


@flambeau.no_grad()
def draw_bounding_boxes(
    image,
    boxes,
    labels=None,
    colors=None,
    fill=False,
    width=1,
    font=None,
    font_size=None,
    label_colors=None,
    label_background_colors=None,
    fill_labels=False,
):
    """The picture with boxes drawn on it.

    Args:
        image: (1 or 3, H, W), uint8 or floats in [0, 1].
        boxes: (N, 4), (left, top, right, bottom), or (N, 8), corners (x, y).
        labels: a text for each box.
        colors: one, or a list of names and triples.
        fill: fill the boxes, so that what is below is still seen.
        width: of the lines.
        font, font_size: file of a TrueType font, and its size.
        label_colors, label_background_colors: of the texts, as colors.
        fill_labels: give the texts a background.

    Returns: (3, H, W), of the picture's dtype.

    >>> box = flambeau.tensor([[1, 1, 3, 3]])
    >>> drawn = flambeau.vision.utils.draw_bounding_boxes(flambeau.zeros(3, 5, 5), box, colors="red")
    >>> drawn[0].sum()
    tensor(8.)
    """
    from PIL import ImageDraw

    _check_picture(image, (1, 3))
    _check_boxes(boxes, labels)
    count = len(boxes)
    if count == 0:
        warnings.warn("boxes doesn't contain any box. No box was drawn")
        return image
    colours = _colours(colors, count)
    named = label_colors or ("black" if fill_labels else None)
    text_colours = _colours(named, count) if named else colours
    grounds = _colours(label_background_colors, count) if fill_labels and label_background_colors else colours
    letters, dtype = _font(font, font_size), image.dtype
    image = image.tile((3, 1, 1)) if image.shape[0] == 1 else image
    picture = F.to_pil_image(F_t.convert_image_dtype(image, flambeau.uint8))
    draw = ImageDraw.Draw(picture, *(("RGBA",) if fill else ()))
    for i, box in enumerate(boxes.to(flambeau.int64).tolist()):
        _outline(draw, box, width=width, outline=colours[i], fill=(*colours[i], 100) if fill else None)
        if labels is not None and labels[i] is not None:
            _write(draw, box, labels[i], letters, width, text_colours[i], grounds[i] if fill_labels else None)
    return F_t.convert_image_dtype(F.pil_to_tensor(picture), dtype)


@flambeau.no_grad()
def draw_segmentation_masks(image, masks, alpha=0.8, colors=None):
    """The picture with areas coloured; where areas overlap, it becomes dark.

    Args:
        image: (3, H, W), uint8 or floats in [0, 1].
        masks: bool, (N, H, W) or (H, W).
        alpha: from 0 (nothing is seen of the colours) to 1.
        colors: one, or a list of names and triples.

    >>> mask = flambeau.eye(2).bool()
    >>> flambeau.vision.utils.draw_segmentation_masks(flambeau.zeros(3, 2, 2), mask, 0.5, "red")[0]
    tensor([[0.5000, 0.0000],
            [0.0000, 0.5000]])
    """
    _check_picture(image, (3,))
    masks = masks[None] if masks.ndim == 2 else masks
    if masks.ndim != 3:
        raise ValueError("masks must be of shape (H, W) or (batch_size, H, W)")
    if masks.dtype != flambeau.bool:
        raise ValueError(f"The masks must be of dtype bool. Got {masks.dtype}")
    if masks.shape[-2:] != image.shape[-2:]:
        raise ValueError("The image and the masks must have the same height and width")
    if len(masks) == 0:
        warnings.warn("masks doesn't contain any mask. No mask was drawn")
        return image
    drawn = image.clone()
    for mask, colour in zip(masks, _colours(colors, len(masks), image.dtype)):
        drawn = flambeau.where(mask, flambeau.tensor(colour, dtype=image.dtype).reshape(3, 1, 1), drawn)
    drawn = drawn.masked_fill(masks.sum(0) > 1, 0)
    return (image * (1 - alpha) + drawn * alpha).to(image.dtype)


@flambeau.no_grad()
def draw_keypoints(image, keypoints, connectivity=None, colors=None, radius=2, width=3, visibility=None):
    """The picture with points drawn on it, and lines between them.

    Args:
        image: (3, H, W), uint8 or floats in [0, 1].
        keypoints: (N, K, 2), K points (x, y) of each thing.
        connectivity: pairs of points to draw a line between.
        colors: a name or a triple.
        radius, width: of points and lines.
        visibility: (N, K), which points are drawn.

    >>> points = flambeau.tensor([[[2, 2]]])
    >>> flambeau.vision.utils.draw_keypoints(flambeau.zeros(3, 5, 5), points, colors="red", radius=1)[0, 2]
    tensor([0., 1., 1., 1., 0.])
    """
    from PIL import ImageDraw

    _check_picture(image, (3,))
    if keypoints.ndim != 3:
        raise ValueError("keypoints must be of shape (num_instances, K, 2)")
    if visibility is None:
        visibility = flambeau.ones(keypoints.shape[:-1], dtype=flambeau.bool)
    visibility = visibility.squeeze(-1) if visibility.ndim == 3 else visibility
    if visibility.shape != keypoints.shape[:-1]:
        raise ValueError(
            "keypoints and visibility must have the same dimensionality for num_instances and K. "
            f"Got {visibility.shape} and {keypoints.shape}"
        )
    dtype = image.dtype
    picture = F.to_pil_image(F_t.convert_image_dtype(image, flambeau.uint8))
    draw = ImageDraw.Draw(picture)
    for points, seen in zip(keypoints.to(flambeau.int64).tolist(), visibility.bool().tolist()):
        for (x, y), visible in zip(points, seen):
            if visible:
                draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colors, outline=None, width=0)
        for first, second in connectivity or ():
            if seen[first] and seen[second]:
                draw.line((tuple(points[first]), tuple(points[second])), width=width)
    return F_t.convert_image_dtype(F.pil_to_tensor(picture), dtype)


def _colour_wheel():
    """55 colours around the circle (Baker et al., "A database and evaluation methodology for optical flow")."""
    spans = ((15, 0, 1, 1), (6, 1, 0, -1), (4, 1, 2, 1), (11, 2, 1, -1), (13, 2, 0, 1), (6, 0, 2, -1))
    rows = []
    for count, full, moving, direction in spans:
        for i in range(count):
            row, level = [0.0, 0.0, 0.0], math.floor(255 * i / count)
            row[full], row[moving] = 255.0, level if direction > 0 else 255.0 - level
            rows.append(row)
    return flambeau.tensor(rows)


@flambeau.no_grad()
def flow_to_image(flow):
    """Motion as colours: the direction is the hue, the speed the saturation.

    Args:
        flow: float (2, H, W) or (N, 2, H, W), motion along x and y.

    Returns: uint8, with three channels.

    >>> flambeau.vision.utils.flow_to_image(flambeau.zeros(2, 1, 1)).flatten().tolist()
    [255, 255, 255]
    """
    if flow.dtype != flambeau.float32:
        raise ValueError(f"Flow should be of dtype torch.float, got {flow.dtype}.")
    batch = flow[None] if flow.ndim == 3 else flow
    if batch.ndim != 4 or batch.shape[1] != 2:
        raise ValueError(f"Input flow should have shape (2, H, W) or (N, 2, H, W), got {flow.shape}.")
    batch = batch / ((batch**2).sum(1).sqrt().max() + flambeau.finfo(flambeau.float32).eps)
    speed = (batch**2).sum(1).sqrt()
    wheel = _colour_wheel()
    place = (flambeau.atan2(-batch[:, 1], -batch[:, 0]) / math.pi + 1) / 2 * (len(wheel) - 1)
    low = place.floor().long()
    high = (low + 1) % len(wheel)
    share = (place - low).unsqueeze(-1)
    colour = (1 - share) * (wheel[low] / 255.0) + share * (wheel[high] / 255.0)
    colour = 1 - speed.unsqueeze(-1) * (1 - colour)
    image = (255 * colour).floor().permute(0, 3, 1, 2).to(flambeau.uint8)
    return image[0] if flow.ndim == 3 else image
