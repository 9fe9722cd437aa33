"""What happens to masks, boxes and points when a picture changes its geometry."""

import flambeau

from .... import ops, tv_tensors
from ... import _functional_tensor as F_t
from ... import functional as V1
from . import _images as I

NEAREST = V1.InterpolationMode.NEAREST


def plain(x):
    return x.as_subclass(flambeau.Tensor)


# ---- masks: nearest neighbours, nothing outside


def mask_kernel(change):
    """A kernel for masks (..., H, W) of one for pictures."""

    def kernel(mask, *args, **kwargs):
        x = plain(mask)
        flat = x.reshape(-1, 1, *x.shape[-2:]) if x.ndim != 3 else x
        out = change(flat, *args, **kwargs)
        out = out.reshape(*x.shape[:-2], *out.shape[-2:]) if x.ndim != 3 else out
        return tv_tensors.wrap(out, like=mask)

    return kernel


def _fill_of_mask(fill):
    return 0 if fill is None else fill


MASKS = {
    "resize": mask_kernel(lambda x, size, interpolation=None, max_size=None, antialias=None: I.resize(x, size, NEAREST, max_size)),
    "resized_crop": mask_kernel(
        lambda x, top, left, height, width, size, interpolation=None, antialias=None: I.resize(
            V1.crop(x, top, left, height, width), size, NEAREST
        )
    ),
    "crop": mask_kernel(V1.crop),
    "center_crop": mask_kernel(V1.center_crop),
    "pad": mask_kernel(lambda x, padding, fill=None, padding_mode="constant": I.pad(x, padding, _fill_of_mask(fill), padding_mode)),
    "horizontal_flip": mask_kernel(V1.hflip),
    "vertical_flip": mask_kernel(V1.vflip),
    "affine": mask_kernel(
        lambda x, angle, translate, scale, shear, interpolation=None, fill=None, center=None: I.affine(
            x, angle, translate, scale, shear, NEAREST, fill, center
        )
    ),
    "rotate": mask_kernel(
        lambda x, angle, interpolation=None, expand=False, center=None, fill=None: I.rotate(x, angle, NEAREST, expand, center, fill)
    ),
    "perspective": mask_kernel(
        lambda x, startpoints, endpoints, interpolation=None, fill=None, coefficients=None: I.perspective(
            x, startpoints, endpoints, NEAREST, fill, coefficients
        )
    ),
    "elastic": mask_kernel(lambda x, displacement, interpolation=None, fill=None: I.elastic(x, displacement, NEAREST, fill)),
}  # fmt: skip


# ---- points: maps (x, y) -> (x, y), and the new size of the picture


def _resized(size, canvas, max_size):
    new = V1._compute_resized_output_size(canvas, size, max_size, allow_size_none=True)
    ratio = flambeau.tensor([new[1] / canvas[1], new[0] / canvas[0]])
    return (lambda p: p * ratio), tuple(new)


def _cropped(top, left, height, width):
    return (lambda p: p - flambeau.tensor([float(left), float(top)])), (height, width)


def _centered(size, canvas):
    height, width = V1._pair(size)
    top, left = (round((before - after) / 2.0) for before, after in zip(canvas, (height, width)))
    return _cropped(top, left, height, width)


def _padded(padding, canvas, mode):
    if mode != "constant":
        raise ValueError(f"Padding mode '{mode}' is not supported with bounding boxes or key points")
    left, top, right, bottom = V1._sides(padding)
    move = flambeau.tensor([float(left), float(top)])
    return (lambda p: p + move), (canvas[0] + top + bottom, canvas[1] + left + right)


def _matrix(angle, translate, scale, shear, center, canvas):
    shear = V1._check_affine(angle, translate, scale, shear, center)
    middle = [canvas[1] * 0.5, canvas[0] * 0.5] if center is None else list(center)
    numbers = F_t.affine_matrix(middle, angle, [float(t) for t in translate], scale, shear, inverted=False)
    return flambeau.tensor(numbers).reshape(2, 3)


def _through(matrix):
    return lambda p: p @ matrix[:, :2].T.to(p.dtype) + matrix[:, 2].to(p.dtype)


def _turned(angle, expand, center, canvas):
    matrix = _matrix(-angle, [0, 0], 1.0, [0.0, 0.0], center, canvas)
    move, size = _through(matrix), canvas
    if expand:
        h, w = float(canvas[0]), float(canvas[1])
        corners = move(flambeau.tensor([[0.0, 0.0], [0.0, h], [w, h], [w, 0.0]]))
        middle = [0.0, 0.0] if center is None else [center[0] - w * 0.5, center[1] - h * 0.5]  # as for pictures
        back = F_t.affine_matrix(middle, -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
        width, height = F_t.affine_output_size(back, canvas[1], canvas[0])
        low, size, turned = corners.amin(0), (height, width), move
        return (lambda p: turned(p) - low), size
    return move, size


def _projected(startpoints, endpoints, coefficients):
    c = F_t.solve_perspective(startpoints, endpoints) if coefficients is None else coefficients
    full = flambeau.tensor([[c[0], c[1], c[2]], [c[3], c[4], c[5]], [c[6], c[7], 1.0]], dtype=flambeau.float64)
    there = flambeau.linalg.inv(full).to(flambeau.float32)

    def move(p):
        x = flambeau.cat([p, flambeau.ones_like(p[..., :1])], -1) @ there.T.to(p.dtype)
        return x[..., :2] / x[..., 2:]

    return move


def _shifted(displacement, canvas):
    height, width = canvas
    scale = flambeau.tensor([width / 2.0, height / 2.0])

    def move(p):
        at = p.long()
        x, y = at[..., 0].clamp(0, width - 1), at[..., 1].clamp(0, height - 1)
        return flambeau.stack([x, y], -1).to(p.dtype) - displacement[0, y, x].to(p.dtype) * scale.to(p.dtype)

    return move


def point_map(op, canvas, options):
    """(map of points, new size of the picture) of a change of the geometry."""
    o = options
    if op == "resize":
        return _resized(o["size"], canvas, o.get("max_size"))
    if op == "crop":
        return _cropped(o["top"], o["left"], o["height"], o["width"])
    if op == "center_crop":
        return _centered(o["output_size"], canvas)
    if op == "resized_crop":
        first, size = _cropped(o["top"], o["left"], o["height"], o["width"])
        second, size = _resized(o["size"], size, None)
        return (lambda p: second(first(p))), size
    if op == "pad":
        return _padded(o["padding"], canvas, o.get("padding_mode", "constant"))
    if op == "affine":
        names = ("angle", "translate", "scale", "shear")
        return _through(_matrix(*(o[n] for n in names), o.get("center"), canvas)), canvas
    if op == "rotate":
        return _turned(o["angle"], o.get("expand", False), o.get("center"), canvas)
    if op == "perspective":
        return _projected(o["startpoints"], o["endpoints"], o.get("coefficients")), canvas
    if op == "elastic":
        return _shifted(o["displacement"], canvas), canvas
    flip = flambeau.tensor([float(canvas[1]), 0.0] if op == "horizontal_flip" else [0.0, float(canvas[0])])
    sign = flambeau.tensor([-1.0, 1.0] if op == "horizontal_flip" else [1.0, -1.0])
    return (lambda p: p * sign + flip), canvas


def _mirrored_points(op):
    """Points are pixels: the first becomes the last."""
    return flambeau.tensor([1.0, 0.0] if op == "horizontal_flip" else [0.0, 1.0])


def move_points(op, points, options):
    """Points after a change of the picture's geometry; they may come to lie outside."""
    x = plain(points)
    exact = x if x.is_floating_point() else x.to(flambeau.float32)
    move, size = point_map(op, points.canvas_size, options)
    out = move(exact)
    if op in ("horizontal_flip", "vertical_flip"):
        out = out - _mirrored_points(op)
    return tv_tensors.wrap(out.to(x.dtype), like=points, canvas_size=size)


def clamp_points(points, size):
    high = flambeau.tensor([size[1] - 1, size[0] - 1], dtype=points.dtype)
    return flambeau.maximum(flambeau.minimum(points, high), flambeau.zeros_like(high))


def convert(boxes, before, after):
    return ops.box_convert(boxes, before.value.lower(), after.value.lower())


XYXY, CORNERS = tv_tensors.BoundingBoxFormat.XYXY, tv_tensors.BoundingBoxFormat.XYXYXYXY


def _hull(corners):
    return flambeau.cat([corners.amin(-2), corners.amax(-2)], -1)


def _straightly(op, x, boxes, move):
    """Boxes whose sides stay straight, in their own format: (boxes, whether they are to be cut off), or None."""
    format, (height, width) = boxes.format.value, boxes.canvas_size
    if op in ("horizontal_flip", "vertical_flip"):
        i, side = (0, width) if op == "horizontal_flip" else (1, height)
        parts = list(x.unbind(-1))
        if format == "XYXY":
            parts[i], parts[i + 2] = side - parts[i + 2], side - parts[i]
        else:
            parts[i] = side - parts[i] - (parts[i + 2] if format == "XYWH" else 0)
        return flambeau.stack(parts, -1), False
    zero, one = (move(flambeau.full((2,), number)) for number in (0.0, 1.0))
    if op == "resize":
        return x * one.repeat(2), False
    if op in ("crop", "center_crop", "pad"):
        return x + flambeau.cat([zero, zero if format == "XYXY" else zero * 0]).to(x.dtype), True
    return None


def _cut(x, format, size, mode):
    if mode is None:
        return x
    sides = ops.clip_boxes_to_image(convert(x.float() if not x.is_floating_point() else x, format, XYXY), size)
    return convert(sides, XYXY, format).to(x.dtype)


def move_boxes(op, boxes, options):
    """Boxes after a change of the picture's geometry: the boxes around the moved corners."""
    if op == "resized_crop":
        parts = move_boxes("crop", boxes, {k: options[k] for k in ("top", "left", "height", "width")})
        return move_boxes("resize", parts, {"size": options["size"]})
    x, mode = plain(boxes), boxes.clamping_mode
    if tv_tensors.is_rotated_bounding_format(boxes.format):
        return _move_turned(op, boxes, options)
    move, size = point_map(op, boxes.canvas_size, options)
    straight = _straightly(op, x, boxes, move)
    if straight is not None:
        out = straight[0].to(x.dtype)
        out = _cut(out, boxes.format, size, mode) if straight[1] else out
        return tv_tensors.wrap(out, like=boxes, canvas_size=size)
    exact = x if x.is_floating_point() else x.to(flambeau.float32)
    whole = op == "elastic"  # whole numbers stay whole on the way
    sides = convert(x, boxes.format, XYXY).to(x.dtype).to(exact.dtype) if whole else convert(exact, boxes.format, XYXY)
    corners = sides[..., [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
    out = _hull(move(corners.ceil() if op == "elastic" else corners))
    out = out.to(x.dtype) if whole else out
    out = ops.clip_boxes_to_image(out, size) if mode is not None else out
    return tv_tensors.wrap(convert(out, XYXY, boxes.format).to(x.dtype), like=boxes, canvas_size=size)


def _move_turned(op, boxes, options):
    """Turned boxes under what keeps them boxes: moves, flips, turns, and scaling alike in both directions."""
    if op in ("elastic", "perspective", "affine"):
        raise NotImplementedError(f"{op} does not keep turned boxes boxes: convert them to XYXY before")
    x = plain(boxes)
    move, size = point_map(op, boxes.canvas_size, options)
    moved = move(convert(x, boxes.format, CORNERS).reshape(-1, 4, 2))
    if op == "horizontal_flip":
        moved = moved[:, [1, 0, 3, 2]]
    elif op == "vertical_flip":
        moved = moved[:, [3, 2, 1, 0]]
    out = convert(moved.reshape(-1, 8), CORNERS, boxes.format)
    return tv_tensors.wrap(out.to(x.dtype), like=boxes, canvas_size=size)
