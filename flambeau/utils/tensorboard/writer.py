"""SummaryWriter: writes events into a folder, for TensorBoard to show."""

import os
import time

from . import summary as _summary


class FileWriter:
    """Writes events to one file in a folder.

    Args:
        log_dir: the folder.
        max_queue: events that may wait in memory.
        flush_secs: how long they may wait.
        filename_suffix: the end of the file's name.
    """

    def __init__(self, log_dir, max_queue=10, flush_secs=120, filename_suffix=""):
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self.event_writer = EventFileWriter(str(log_dir), max_queue, flush_secs, filename_suffix)

    def get_logdir(self):
        """The folder."""
        return self.event_writer.get_logdir()

    def add_event(self, event, step=None, walltime=None):
        """Write an event."""
        event.wall_time = time.time() if walltime is None else walltime
        if step is not None:
            event.step = int(step)
        self.event_writer.add_event(event)

    def add_summary(self, summary, global_step=None, walltime=None):
        """Write a value."""
        from tensorboard.compat.proto.event_pb2 import Event

        self.add_event(Event(summary=summary), global_step, walltime)

    def flush(self):
        """Write out what waits."""
        self.event_writer.flush()

    def close(self):
        """Write out what waits, and close the file."""
        self.event_writer.close()

    def reopen(self):
        """Go on in a new file."""
        self.event_writer.reopen()


class SummaryWriter:
    """Writes numbers, pictures, texts and more into a folder, for TensorBoard to show.

    Args:
        log_dir: the folder; by default runs/DATE_HOST, with `comment` at the end.
        comment: the end of the default folder's name.
        purge_step: TensorBoard hides older events from this step on.
        max_queue, flush_secs: events, and seconds, that may wait in memory.
        filename_suffix: the end of the file's name.

    Every `add_...` takes `global_step` and `walltime`.

    Example::

        writer = SummaryWriter("runs/first")
        for step in range(100):
            writer.add_scalar("loss", 1 / (step + 1), step)
        writer.close()
    """

    def __init__(self, log_dir=None, comment="", purge_step=None, max_queue=10, flush_secs=120, filename_suffix=""):
        if not log_dir:
            import socket

            name = f"{time.strftime('%b%d_%H-%M-%S')}_{socket.gethostname()}{comment}"
            log_dir = os.path.join("runs", name)
        self.log_dir, self.purge_step = str(log_dir), purge_step
        self.max_queue, self.flush_secs, self.filename_suffix = max_queue, flush_secs, filename_suffix
        self.file_writer = self.all_writers = None
        self.default_bins = "tensorflow"
        self._get_file_writer()

    def _get_file_writer(self):
        if self.file_writer is None:
            self.file_writer = FileWriter(self.log_dir, self.max_queue, self.flush_secs, self.filename_suffix)
            self.all_writers = {self.file_writer.get_logdir(): self.file_writer}
            if self.purge_step is not None:
                self._purge()
        return self.file_writer

    def _purge(self):
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        self.file_writer.add_event(Event(step=self.purge_step, file_version="brain.Event:2"))
        self.file_writer.add_event(Event(step=self.purge_step, session_log=SessionLog(status=SessionLog.START)))
        self.purge_step = None

    def _add(self, message, step, walltime):
        self._get_file_writer().add_summary(message, step, walltime)

    def get_logdir(self):
        """The folder."""
        return self.log_dir

    def add_scalar(self, tag, scalar_value, global_step=None, walltime=None, new_style=False, double_precision=False):
        """A number."""
        self._add(_summary.scalar(tag, scalar_value, new_style, double_precision), global_step, walltime)

    def add_scalars(self, main_tag, tag_scalar_dict, global_step=None, walltime=None):
        """Several numbers for one chart: each goes into a folder of its own."""
        for tag, value in tag_scalar_dict.items():
            folder = os.path.join(self._get_file_writer().get_logdir(), f"{main_tag}_{tag}".replace("/", "_"))
            if folder not in self.all_writers:
                self.all_writers[folder] = FileWriter(folder, self.max_queue, self.flush_secs, self.filename_suffix)
            self.all_writers[folder].add_summary(_summary.scalar(main_tag, value), global_step, walltime)

    def add_tensor(self, tag, tensor, global_step=None, walltime=None):
        """A tensor."""
        message = _summary._message()
        value = message.Summary.Value(tag=tag, tensor=_summary._tensor(_summary.to_array(tensor)))
        self._add(message.Summary(value=[value]), global_step, walltime)

    def add_histogram(self, tag, values, global_step=None, bins="tensorflow", walltime=None, max_bins=None):
        """The distribution of many numbers."""
        self._add(_summary.histogram(tag, values, bins, max_bins), global_step, walltime)

    def add_histogram_raw(self, tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts, global_step=None, walltime=None):  # fmt: skip
        """A distribution that was already counted."""
        if len(bucket_limits) != len(bucket_counts):
            raise ValueError("len(bucket_limits) != len(bucket_counts), see the document.")
        made = _summary.histogram_raw(tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts)
        self._add(made, global_step, walltime)

    def add_image(self, tag, img_tensor, global_step=None, walltime=None, dataformats="CHW"):
        """A picture: numbers from 0 to 1, or bytes."""
        self._add(_summary.image(tag, img_tensor, dataformats=dataformats), global_step, walltime)

    def add_images(self, tag, img_tensor, global_step=None, walltime=None, dataformats="NCHW"):
        """Several pictures side by side."""
        self._add(_summary.image(tag, img_tensor, dataformats=dataformats), global_step, walltime)

    def add_image_with_boxes(self, tag, img_tensor, box_tensor, global_step=None, walltime=None, rescale=1, dataformats="CHW", labels=None):  # fmt: skip
        """A picture with boxes on it."""
        labels = [labels] if isinstance(labels, str) else labels
        self._add(
            _summary.image_boxes(tag, img_tensor, box_tensor, rescale, dataformats, labels), global_step, walltime
        )

    def add_figure(self, tag, figure, global_step=None, close=True, walltime=None):
        """A figure of Matplotlib's, or a list of them."""
        import numpy as np

        figures = figure if isinstance(figure, list) else [figure]
        pictures = []
        for one in figures:
            one.canvas.draw()
            pictures.append(np.asarray(one.canvas.buffer_rgba())[..., :3])
        if close:
            import matplotlib.pyplot as plt

            for one in figures:
                plt.close(one)
        if isinstance(figure, list):
            self.add_image(tag, np.stack(pictures), global_step, walltime, dataformats="NHWC")
        else:
            self.add_image(tag, pictures[0], global_step, walltime, dataformats="HWC")

    def add_video(self, tag, vid_tensor, global_step=None, fps=4, walltime=None):
        """Moving pictures."""
        self._add(_summary.video(tag, vid_tensor, fps), global_step, walltime)

    def add_audio(self, tag, snd_tensor, global_step=None, sample_rate=44100, walltime=None):
        """A sound."""
        self._add(_summary.audio(tag, snd_tensor, sample_rate), global_step, walltime)

    def add_text(self, tag, text_string, global_step=None, walltime=None):
        """A text, in Markdown."""
        self._add(_summary.text(tag, text_string), global_step, walltime)

    def add_pr_curve(self, tag, labels, predictions, global_step=None, num_thresholds=127, weights=None, walltime=None):
        """Precision and recall of predictions."""
        self._add(_summary.pr_curve(tag, labels, predictions, num_thresholds, weights), global_step, walltime)

    def add_pr_curve_raw(self, tag, true_positive_counts, false_positive_counts, true_negative_counts, false_negative_counts, precision, recall, global_step=None, num_thresholds=127, weights=None, walltime=None):  # fmt: skip
        """Precision and recall that were already counted."""
        counts = (true_positive_counts, false_positive_counts, true_negative_counts, false_negative_counts)
        self._add(_summary.pr_curve_raw(tag, *counts, precision, recall, num_thresholds), global_step, walltime)

    def add_mesh(self, tag, vertices, colors=None, faces=None, config_dict=None, global_step=None, walltime=None):
        """Points and triangles in space."""
        self._add(_summary.mesh(tag, vertices, colors, faces, config_dict), global_step, walltime)

    def add_custom_scalars(self, layout):
        """Which scalars to draw together."""
        self._add(_summary.custom_scalars(layout), None, None)

    def add_custom_scalars_multilinechart(self, tags, category="default", title="untitled"):
        """Scalars in one chart."""
        self.add_custom_scalars({category: {title: ["Multiline", tags]}})

    def add_custom_scalars_marginchart(self, tags, category="default", title="untitled"):
        """A scalar between two others, in one chart."""
        if len(tags) != 3:
            raise AssertionError("a margin chart needs three tags")
        self.add_custom_scalars({category: {title: ["Margin", tags]}})

    def add_hparams(self, hparam_dict, metric_dict, hparam_domain_discrete=None, run_name=None, global_step=None):
        """Settings of a run and what it reached, in a folder of its own."""
        messages = _summary.hparams(hparam_dict, metric_dict, hparam_domain_discrete)
        name = str(time.time()) if run_name is None else run_name
        with SummaryWriter(os.path.join(self._get_file_writer().get_logdir(), name)) as inner:
            for message in messages:
                inner.file_writer.add_summary(message, global_step)
            for tag, value in metric_dict.items():
                inner.add_scalar(tag, value, global_step)

    def add_graph(self, model, input_to_model=None, verbose=False, use_strict_trace=True):
        """The calls of a model, as a graph of TensorBoard's.

        Args:
            model: a module that `flambeau.fx.symbolic_trace` can trace.
            input_to_model: accepted; the graph does not depend on it.
        """
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.graph_pb2 import GraphDef
        from tensorboard.compat.proto.node_def_pb2 import NodeDef

        from ...fx import symbolic_trace

        nodes = [
            NodeDef(
                name=str(node.target).replace(".", "/") if node.op == "call_module" else node.name,
                op=node.op if node.op in ("placeholder", "output", "get_attr") else str(getattr(node.target, "__name__", node.target)),
                input=[str(i.target).replace(".", "/") if i.op == "call_module" else i.name for i in node.all_input_nodes],
            )
            for node in symbolic_trace(model).graph.nodes
        ]  # fmt: skip
        self._get_file_writer().add_event(Event(graph_def=GraphDef(node=nodes).SerializeToString()))

    def add_embedding(self, mat, metadata=None, label_img=None, global_step=None, tag="default", metadata_header=None):
        """Points in many dimensions, for TensorBoard's projector.

        Args:
            mat: one point in each row.
            metadata: a label for each, or several (with metadata_header).
            label_img: a picture for each (points, channels, height, width).
        """
        import numpy as np

        points = _summary.to_array(mat)
        if points.ndim != 2:
            raise AssertionError("mat should be 2D, where mat.size(0) is the number of data points")
        inside = f"{str(global_step or 0).zfill(5)}/{tag}"
        folder = os.path.join(self._get_file_writer().get_logdir(), inside)
        os.makedirs(folder, exist_ok=True)
        lines = [
            "embeddings {",
            f'tensor_name: "{tag}:{str(global_step or 0).zfill(5)}"',
            f'tensor_path: "{inside}/tensors.tsv"',
        ]
        np.savetxt(os.path.join(folder, "tensors.tsv"), points, delimiter="\t", fmt="%g")
        if metadata is not None:
            if len(metadata) != len(points):
                raise AssertionError("#labels should equal with #data points")
            _write_labels(os.path.join(folder, "metadata.tsv"), metadata, metadata_header)
            lines.append(f'metadata_path: "{inside}/metadata.tsv"')
        if label_img is not None:
            lines += _write_sprites(os.path.join(folder, "sprite.png"), _summary.to_array(label_img), inside)
        with open(os.path.join(self._get_file_writer().get_logdir(), "projector_config.pbtxt"), "a") as file:
            file.write("\n".join([*lines, "}", ""]))

    def add_onnx_graph(self, prototxt):
        """A graph of an ONNX file: an error, as they are not read."""
        raise NotImplementedError("[SummaryWriter.add_onnx_graph] ONNX files are not read: use add_graph")

    def flush(self):
        """Write out what waits."""
        for writer in (self.all_writers or {}).values():
            writer.flush()

    def close(self):
        """Write out what waits, and close the files."""
        for writer in (self.all_writers or {}).values():
            writer.flush()
            writer.close()
        self.file_writer = self.all_writers = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()
        return False


def _write_labels(path, metadata, header):
    rows = metadata
    if header:
        rows = [header, *metadata]
    with open(path, "w") as file:
        for row in rows:
            file.write("\t".join(map(str, row)) if isinstance(row, (list, tuple)) and header else str(row))
            file.write("\n")


def _write_sprites(path, pictures, inside):
    import numpy as np
    from PIL import Image

    count, channels, height, width = pictures.shape
    across = int(np.ceil(np.sqrt(count)))
    sheet = np.zeros((across * height, across * width, channels))
    for i, picture in enumerate(pictures):
        y, x = divmod(i, across)
        sheet[y * height : (y + 1) * height, x * width : (x + 1) * width] = picture.transpose(1, 2, 0)
    sheet = np.clip(sheet * 255, 0, 255).astype(np.uint8)
    Image.fromarray(np.repeat(sheet, 3, 2) if channels == 1 else sheet).save(path)
    return [
        "sprite {",
        f'image_path: "{inside}/sprite.png"',
        f"single_image_dim: {width}",
        f"single_image_dim: {height}",
        "}",
    ]
