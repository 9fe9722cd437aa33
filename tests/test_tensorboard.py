"""utils.tensorboard: every kind of event is written and read again by TensorBoard's own reader."""

import os

import numpy as np
import pytest

from tests.frame import fl

pytest.importorskip("tensorboard")

from flambeau.utils.tensorboard import SummaryWriter


def events_of(folder):
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    return [
        event
        for name in sorted(os.listdir(folder))
        if "tfevents" in name
        for event in EventFileLoader(os.path.join(folder, name)).Load()
    ]


def values_of(folder):
    return {value.tag: (event.step, value) for event in events_of(folder) for value in event.summary.value}


def test_scalars(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("loss", fl.tensor(0.5), 3)
        writer.add_scalar("new", 0.25, 4, new_style=True, double_precision=True)
        writer.add_scalars("both", {"a": 1, "b": 2.0}, 1)
        writer.add_text("note", "words", 2)
        assert writer.get_logdir() == str(tmp_path)
    found = values_of(tmp_path)
    assert found["loss"][0] == 3 and found["loss"][1].tensor.float_val == [0.5]
    assert found["new"][1].tensor.double_val == [0.25] and found["note/text_summary"][1].tensor.string_val == [b"words"]
    assert values_of(tmp_path / "both_a")["both"][0] == 1


def test_pictures_and_sounds(tmp_path):
    import io

    pil = pytest.importorskip("PIL.Image")
    picture = fl.zeros(3, 4, 5)
    picture[0] = 1
    with SummaryWriter(tmp_path) as writer:
        writer.add_image("chw", picture)
        writer.add_image("hw", picture[0], dataformats="HW")
        writer.add_images("many", fl.rand(9, 1, 4, 5))
        writer.add_image_with_boxes("boxes", picture, fl.tensor([[1.0, 1.0, 3.0, 3.0]]), labels="thing")
        writer.add_video("video", fl.rand(1, 3, 3, 4, 4))
        writer.add_audio("audio", fl.zeros(1, 100), sample_rate=8000)
        with pytest.raises(AssertionError, match="format"):
            writer.add_image("bad", picture, dataformats="HW")
    found = {tag: value for tag, (_, value) in values_of(tmp_path).items()}
    assert {"chw", "hw", "many", "boxes", "video", "audio"} <= found.keys()
    drawn = np.asarray(pil.open(io.BytesIO(found["chw"].tensor.string_val[2])))
    assert drawn.shape == (4, 5, 3) and drawn[0, 0].tolist() == [255, 0, 0]


def test_distributions(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_histogram("h", fl.arange(100).float(), 1)
        writer.add_histogram("few", fl.arange(100).float(), bins=[0, 50, 100])
        writer.add_histogram_raw("raw", 0, 1, 2, 1, 1, [0.5, 1], [1, 1])
        writer.add_pr_curve("pr", fl.tensor([0, 1, 1]), fl.tensor([0.1, 0.8, 0.6]))
        writer.add_tensor("t", fl.ones(2))
        with pytest.raises(ValueError, match="no element"):
            writer.add_histogram("none", fl.zeros(0))
    assert {"h", "few", "raw", "pr", "t"} <= values_of(tmp_path).keys()


def test_settings_graphs_and_points(tmp_path):
    with SummaryWriter(tmp_path, purge_step=2) as writer:
        writer.add_hparams({"lr": 0.1, "on": True, "kind": "a"}, {"accuracy": 0.9}, run_name="run")
        writer.add_graph(fl.nn.Sequential(fl.nn.Linear(2, 3), fl.nn.ReLU()), fl.ones(1, 2))
        writer.add_embedding(fl.rand(4, 3), metadata=["a", "b", "c", "d"], label_img=fl.rand(4, 1, 2, 2))
        writer.add_custom_scalars_multilinechart(["a", "b"])
        writer.add_mesh("mesh", fl.rand(1, 4, 3))
        writer.flush()
        with pytest.raises(NotImplementedError):
            writer.add_onnx_graph("")
    assert values_of(tmp_path / "run")["accuracy"][1].tensor.float_val[0] == pytest.approx(0.9)
    assert any(event.HasField("graph_def") for event in events_of(tmp_path))
    assert (tmp_path / "00000" / "default" / "metadata.tsv").read_text() == "a\nb\nc\nd\n"
    assert "tensor_path" in (tmp_path / "projector_config.pbtxt").read_text()


def test_figures(tmp_path):
    plt = pytest.importorskip("matplotlib.pyplot")
    figure = plt.figure(figsize=(1, 1))
    with SummaryWriter(tmp_path) as writer:
        writer.add_figure("figure", figure)
    assert "figure" in values_of(tmp_path)
