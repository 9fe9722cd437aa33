"""Values as TensorBoard's messages."""

import io
import json


def to_array(value):
    """A tensor, list or number as a NumPy array."""
    import numpy as np

    if hasattr(value, "detach"):
        value = value.detach()
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value
        return value.numpy()
    return np.asarray(value)


def _message():
    from tensorboard.compat.proto import summary_pb2

    return summary_pb2


def _number(value):
    array = to_array(value).squeeze()
    if array.ndim != 0:
        raise AssertionError("scalar should be 0D")
    return float(array)


def scalar(name, value, new_style=False, double_precision=False):
    """A number."""
    from tensorboard.compat.proto import tensor_pb2

    message, number = _message(), _number(value)
    if new_style:
        kind = "DT_DOUBLE" if double_precision else "DT_FLOAT"
        field = {"double_val": [number]} if double_precision else {"float_val": [number]}
        data = message.SummaryMetadata.PluginData(plugin_name="scalars")
        metadata = message.SummaryMetadata(plugin_data=data)
        tensor = tensor_pb2.TensorProto(dtype=kind, **field)
        return message.Summary(value=[message.Summary.Value(tag=name, tensor=tensor, metadata=metadata)])
    return message.Summary(value=[message.Summary.Value(tag=name, simple_value=number)])


def _edges(bins, values):
    import numpy as np

    if bins == "tensorflow":
        positive = [1e-12 * 1.1**k for k in range(775) if 1e-12 * 1.1**k < 1e20]
        return np.array([-v for v in reversed(positive)] + [0.0] + positive)
    return bins


def histogram(name, values, bins, max_bins=None):
    """The distribution of many numbers."""
    import numpy as np

    values = to_array(values).astype(float).reshape(-1)
    if values.size == 0:
        raise ValueError("The input has no element.")
    counts, limits = np.histogram(values, bins=_edges(bins, values))
    if max_bins is not None and len(counts) > max_bins:
        step = len(counts) // max_bins
        rest = len(counts) % step
        if rest:
            counts = np.pad(counts, [0, step - rest])
        counts = counts.reshape(-1, step).sum(-1)
        edges = limits[:-1:step]
        limits = np.append(edges, limits[-1])
    return histogram_raw(
        name, values.min(), values.max(), values.size, values.sum(), values @ values, *_trimmed(counts, limits)
    )


def _trimmed(counts, limits):
    """(right edges, counts) from the first to the last count that is not 0, and one place around them."""
    import numpy as np

    cumulative = np.cumsum(counts)
    first, last = np.searchsorted(cumulative, [0, cumulative[-1] - 0.5], side="right")
    first, last = int(first), int(last) + 1
    counts = np.concatenate([[0], counts[:last]]) if first == 0 else counts[first - 1 : last]
    return limits[first : last + 1], counts


def histogram_raw(name, min, max, num, sum, sum_squares, bucket_limits, bucket_counts):
    """A distribution that was already counted."""
    message = _message()
    made = message.HistogramProto(
        min=min, max=max, num=num, sum=sum, sum_squares=sum_squares, bucket_limit=list(map(float, bucket_limits)),
        bucket=list(map(float, bucket_counts)),
    )  # fmt: skip
    return message.Summary(value=[message.Summary.Value(tag=name, histo=made)])


def _as_hwc(array, dataformats):
    """Pictures as height, width, 3 channels; several side by side."""
    import numpy as np

    if len(set(dataformats)) != len(dataformats) or len(dataformats) != array.ndim:
        raise AssertionError(f"size of input tensor and input format are different. tensor shape: {array.shape}, input_format: {dataformats}")  # fmt: skip
    formats = dataformats.upper()
    if array.ndim == 4:
        pictures = array.transpose([formats.index(c) for c in "NHWC"])
        pictures = np.concatenate([pictures] * 3, 3) if pictures.shape[3] == 1 else pictures
        return _grid(pictures)
    if array.ndim == 3:
        picture = array.transpose([formats.index(c) for c in "HWC"])
        return np.concatenate([picture] * 3, 2) if picture.shape[2] == 1 else picture
    picture = array.transpose([formats.index(c) for c in "HW"])
    return np.stack([picture] * 3, 2)


def _grid(pictures):
    import numpy as np

    count, height, width, channels = pictures.shape
    across = min(count, 8)
    down = -(-count // across)
    made = np.zeros((down * height, across * width, channels), pictures.dtype)
    for i, picture in enumerate(pictures):
        y, x = divmod(i, across)
        made[y * height : (y + 1) * height, x * width : (x + 1) * width] = picture
    return made


def image(tag, tensor, rescale=1, dataformats="NCHW"):
    """A picture, or several side by side."""
    import numpy as np

    array = to_array(tensor)
    scale = 1 if array.dtype == np.uint8 else 255
    picture = _as_hwc(array, dataformats).astype(np.float32)
    return _picture(tag, np.clip(picture * scale, 0, 255).astype(np.uint8), rescale)


def image_boxes(tag, tensor_image, tensor_boxes, rescale=1, dataformats="CHW", labels=None):
    """A picture with boxes (x1, y1, x2, y2) drawn on it."""
    import numpy as np
    from PIL import Image, ImageDraw

    array = to_array(tensor_image)
    scale = 1 if array.dtype == np.uint8 else 255
    picture = np.clip(_as_hwc(array, dataformats).astype(np.float32) * scale, 0, 255).astype(np.uint8)
    drawn = Image.fromarray(picture)
    pen = ImageDraw.Draw(drawn)
    for i, box in enumerate(to_array(tensor_boxes)):
        pen.rectangle([float(v) for v in box[:4]], outline="red")
        if labels:
            pen.text((float(box[0]), float(box[1])), str(labels[i]), fill="red")
    return _picture(tag, np.asarray(drawn), rescale)


def _picture(tag, array, rescale):
    from PIL import Image

    message = _message()
    height, width, channels = array.shape
    drawn = Image.fromarray(array)
    if rescale != 1:
        drawn = drawn.resize((int(width * rescale), int(height * rescale)))
    file = io.BytesIO()
    drawn.save(file, format="PNG")
    made = message.Summary.Image(
        height=drawn.height, width=drawn.width, colorspace=channels, encoded_image_string=file.getvalue()
    )
    return message.Summary(value=[message.Summary.Value(tag=tag, image=made)])


def video(tag, tensor, fps=4):
    """Moving pictures (batch, time, channels, height, width), as an animated GIF."""
    import numpy as np
    from PIL import Image

    array = to_array(tensor)
    array = array if array.dtype == np.uint8 else np.clip(array * 255, 0, 255).astype(np.uint8)
    frames = [_grid(array[:, t].transpose(0, 2, 3, 1)) for t in range(array.shape[1])]
    drawn = [Image.fromarray(f[..., 0] if f.shape[2] == 1 else f) for f in frames]
    file = io.BytesIO()
    drawn[0].save(file, format="GIF", save_all=True, append_images=drawn[1:], duration=int(1000 / fps), loop=0)
    message = _message()
    made = message.Summary.Image(
        height=frames[0].shape[0],
        width=frames[0].shape[1],
        colorspace=frames[0].shape[2],
        encoded_image_string=file.getvalue(),
    )
    return message.Summary(value=[message.Summary.Value(tag=tag, image=made)])


def audio(tag, tensor, sample_rate=44100):
    """A sound: numbers from -1 to 1."""
    import wave

    import numpy as np

    array = np.clip(to_array(tensor).squeeze(), -1, 1)
    if array.ndim != 1:
        raise AssertionError("input tensor should be 1 dimensional.")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(sample_rate)
        writer.writeframes((array * np.iinfo(np.int16).max).astype("<i2").tobytes())
    message = _message()
    made = message.Summary.Audio(
        sample_rate=sample_rate, num_channels=1, length_frames=array.shape[0], encoded_audio_string=file.getvalue(),
        content_type="audio/wav",
    )  # fmt: skip
    return message.Summary(value=[message.Summary.Value(tag=tag, audio=made)])


def _plugin(tag, plugin, content, tensor):
    message = _message()
    data = message.SummaryMetadata.PluginData(plugin_name=plugin, content=content)
    metadata = message.SummaryMetadata(plugin_data=data)
    return message.Summary(value=[message.Summary.Value(tag=tag, metadata=metadata, tensor=tensor)])


def text(tag, text):
    """A text, in Markdown."""
    from tensorboard.compat.proto import tensor_pb2, tensor_shape_pb2
    from tensorboard.plugins.text.plugin_data_pb2 import TextPluginData

    shape = tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)])
    tensor = tensor_pb2.TensorProto(dtype="DT_STRING", string_val=[text.encode()], tensor_shape=shape)
    return _plugin(f"{tag}/text_summary", "text", TextPluginData(version=0).SerializeToString(), tensor)


def pr_curve(tag, labels, predictions, num_thresholds=127, weights=None):
    """Precision and recall at thresholds of a prediction from 0 to 1."""
    import numpy as np

    labels, predictions = to_array(labels).astype(bool).reshape(-1), to_array(predictions).reshape(-1)
    count = min(num_thresholds, 127)
    weights = np.ones(len(labels)) if weights is None else to_array(weights).reshape(-1)
    place = np.int32(np.floor(predictions * (count - 1)))
    kinds = [np.histogram(place, count, (0, count - 1), weights=weights * part)[0] for part in (labels, ~labels)]
    true, false = (np.cumsum(kind[::-1])[::-1] for kind in kinds)
    missed, refused = true[0] - true, false[0] - false
    precision, recall = true / np.maximum(1e-7, true + false), true / np.maximum(1e-7, true + missed)
    return pr_curve_raw(tag, true, false, refused, missed, precision, recall, count)


def pr_curve_raw(tag, tp, fp, tn, fn, precision, recall, num_thresholds=127, weights=None):
    """Precision and recall that were already counted."""
    import numpy as np
    from tensorboard.compat.proto import tensor_pb2, tensor_shape_pb2
    from tensorboard.plugins.pr_curve.plugin_data_pb2 import PrCurvePluginData

    count = min(num_thresholds, 127)
    data = np.stack([to_array(v) for v in (tp, fp, tn, fn, precision, recall)])
    dims = [tensor_shape_pb2.TensorShapeProto.Dim(size=int(size)) for size in data.shape]
    tensor = tensor_pb2.TensorProto(
        dtype="DT_FLOAT", float_val=data.reshape(-1).tolist(), tensor_shape=tensor_shape_pb2.TensorShapeProto(dim=dims)
    )
    return _plugin(tag, "pr_curves", PrCurvePluginData(version=0, num_thresholds=count).SerializeToString(), tensor)


def mesh(tag, vertices, colors, faces, config_dict):
    """Points and triangles in space, as the messages of the mesh plugin."""
    from tensorboard.plugins.mesh import metadata
    from tensorboard.plugins.mesh.plugin_data_pb2 import MeshPluginData

    message = _message()
    values = []
    parts = ((vertices, MeshPluginData.VERTEX), (faces, MeshPluginData.FACE), (colors, MeshPluginData.COLOR))
    kinds = [kind for tensor, kind in parts if tensor is not None]
    for tensor, kind in parts:
        if tensor is None:
            continue
        array = to_array(tensor)
        about = metadata.create_summary_metadata(tag, f"{tag}_{kind}", kind, metadata.get_components_bitmask(kinds), array.shape, "", json_config=json.dumps(config_dict or {}))  # fmt: skip
        values.append(message.Summary.Value(tag=f"{tag}_{kind}", tensor=_tensor(array), metadata=about))
    return message.Summary(value=values)


def _tensor(array):
    from tensorboard.util.tensor_util import make_tensor_proto

    return make_tensor_proto(array)


def custom_scalars(layout):
    """Which scalars to draw together: {category: {chart: [kind, [tags]]}}."""
    from tensorboard.compat.proto import tensor_pb2
    from tensorboard.plugins.custom_scalar import layout_pb2

    categories = []
    for title, charts in layout.items():
        made = []
        for name, (kind, tags) in charts.items():
            if kind == "Margin":
                series = layout_pb2.MarginChartContent.Series(value=tags[0], lower=tags[1], upper=tags[2])
                made.append(layout_pb2.Chart(title=name, margin=layout_pb2.MarginChartContent(series=[series])))
            else:
                made.append(
                    layout_pb2.Chart(
                        title=name, multiline=layout_pb2.MultilineChartContent(tag=[rf"^{t}$" for t in tags])
                    )
                )
        categories.append(layout_pb2.Category(title=title, chart=made))
    content = layout_pb2.Layout(category=categories).SerializeToString()
    tensor = tensor_pb2.TensorProto(dtype="DT_STRING", string_val=[content])
    message = _message()
    data = message.SummaryMetadata.PluginData(plugin_name="custom_scalars")
    metadata = message.SummaryMetadata(plugin_data=data)
    return message.Summary(
        value=[message.Summary.Value(tag="custom_scalars__config__", tensor=tensor, metadata=metadata)]
    )


def hparams(hparam_dict, metric_dict, hparam_domain_discrete=None):
    """(experiment, start of the session, its end): settings of a run and what it reached."""
    from tensorboard.plugins.hparams.api_pb2 import Experiment, HParamInfo, MetricInfo, MetricName, Status
    from tensorboard.plugins.hparams.metadata import (
        EXPERIMENT_TAG,
        PLUGIN_DATA_VERSION,
        SESSION_END_INFO_TAG,
        SESSION_START_INFO_TAG,
    )
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

    for value in (hparam_dict, metric_dict):
        if not isinstance(value, dict):
            raise TypeError("parameter: hparam_dict and metric_dict should be a dictionary, nothing logged.")
    start, infos = SessionStartInfo(), []
    for name, value in hparam_dict.items():
        if value is None:
            continue
        _set_hparam(start, name, value)
        info = HParamInfo(name=name, type=_hparam_type(value))
        for one in (hparam_domain_discrete or {}).get(name, ()):
            info.domain_discrete.values.add(**{_HPARAM[_hparam_type(one)]: one})
        infos.append(info)
    metrics = [MetricInfo(name=MetricName(tag=name)) for name in metric_dict]
    parts = (
        (EXPERIMENT_TAG, HParamsPluginData(version=PLUGIN_DATA_VERSION, experiment=Experiment(hparam_infos=infos, metric_infos=metrics))),
        (SESSION_START_INFO_TAG, HParamsPluginData(version=PLUGIN_DATA_VERSION, session_start_info=start)),
        (SESSION_END_INFO_TAG, HParamsPluginData(version=PLUGIN_DATA_VERSION, session_end_info=SessionEndInfo(status=Status.Value("STATUS_SUCCESS")))),
    )  # fmt: skip
    return tuple(_about(tag, content.SerializeToString()) for tag, content in parts)


_HPARAM = {3: "number_value", 2: "bool_value", 1: "string_value"}


def _hparam_type(value):
    from tensorboard.plugins.hparams.api_pb2 import DataType

    name = "BOOL" if isinstance(value, bool) else "STRING" if isinstance(value, str) else "FLOAT64"
    return DataType.Value(f"DATA_TYPE_{name}")


def _set_hparam(start, name, value):
    if isinstance(value, bool):
        start.hparams[name].bool_value = value
    elif isinstance(value, str):
        start.hparams[name].string_value = value
    elif isinstance(value, (int, float)) or hasattr(value, "item"):
        start.hparams[name].number_value = _number(value)
    else:
        raise ValueError(f"value should be one of int, float, str, bool, or torch.Tensor, got {name}={value!r}")


def _about(tag, content):
    message = _message()
    data = message.SummaryMetadata.PluginData(plugin_name="hparams", content=content)
    return message.Summary(value=[message.Summary.Value(tag=tag, metadata=message.SummaryMetadata(plugin_data=data))])
