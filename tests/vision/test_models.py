"""Models: what they hold, what they start from and what they compute is torchvision's."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.frame import fl
from tests.vision import figures

vision = pytest.importorskip(f"{fl.__name__}.vision")
models = vision.models
RECORDED = json.loads((Path(__file__).parent.parent / "recorded" / "vision.json").read_text())


def test_every_model_has_figures():
    small = {n for n in models.list_models() if _parameters(n) < figures.LARGE}
    assert small == set(RECORDED["states"])


def _parameters(name):
    return next(iter(models.get_model_weights(name))).meta["num_params"]


@pytest.mark.parametrize("name", RECORDED["states"])
def test_state(name):
    assert figures.state_figure(fl, vision, name) == RECORDED["states"][name]


@pytest.mark.parametrize("name", figures.COMPUTED)
def test_values(name):
    found, expected = figures.model_figure(fl, vision, name), RECORDED["models"][name]
    np.testing.assert_allclose(found[:4], expected[:4], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[4:], expected[4:], rtol=2e-2, atol=2e-3)  # statistics of two small pictures


def test_lists():
    names = models.list_models()
    assert names == sorted(names) and {"resnet50", "vit_b_16", "convnext_tiny", "inception_v3"} <= set(names)
    assert models.list_models(module=models, include=["resnet1*"], exclude="*2") == ["resnet101", "resnet18"]
    assert models.get_model_builder("ResNet18") is models.resnet18
    with pytest.raises(ValueError, match="did you mean resnet18"):
        models.get_model("resnet_18")


def test_weights():
    weights = models.get_weight("ResNet50_Weights.IMAGENET1K_V1")
    assert weights is models.ResNet50_Weights.IMAGENET1K_V1 is models.ResNet50_Weights["IMAGENET1K_V1"]
    assert weights.url.startswith("https://") and weights.meta["num_params"] == 25557032
    assert len(weights.meta["categories"]) == 1000 and weights.meta["categories"][0] == "tench"
    assert models.ResNet50_Weights.DEFAULT is models.ResNet50_Weights.IMAGENET1K_V2
    assert models.get_model_weights(models.resnet50) is models.ResNet50_Weights
    assert repr(weights) == "ResNet50_Weights.IMAGENET1K_V1"
    for wrong in ("ResNet50_Weights", "No_Weights.V1"):
        with pytest.raises(ValueError):
            models.get_weight(wrong)
    with pytest.raises(KeyError):
        models.resnet50(weights="V3")
    with pytest.raises(TypeError, match="expected ResNet18_Weights"):
        models.resnet18(weights=weights)
    with pytest.raises(ValueError, match="num_classes"):
        models.resnet18(weights="DEFAULT", num_classes=3)


def test_weights_can_be_pickled():
    import copy
    import pickle

    weights = models.ResNet18_Weights.DEFAULT
    assert pickle.loads(pickle.dumps(weights)) is weights and copy.deepcopy(weights) is weights


def test_preparation():
    from PIL import Image

    prepare = models.ResNet18_Weights.DEFAULT.transforms()
    out = prepare(Image.new("RGB", (300, 280), (124, 116, 104)))
    assert out.shape == (3, 224, 224) and out.abs().max() < 0.02
    assert prepare(fl.zeros(2, 3, 280, 300, dtype=fl.uint8)).shape == (2, 3, 224, 224)
    assert "crop_size=[224]" in repr(prepare)


def _published(tmp_path, monkeypatch, name, damage=False):
    """Weights of a model, where its enum says that they are."""
    fl.manual_seed(3)
    source = models.get_model(name)
    place = tmp_path / "site"
    place.mkdir()
    fl.save(source.state_dict(), place / "w.pth")
    import hashlib

    digits = hashlib.sha256((place / "w.pth").read_bytes()).hexdigest()[:8]
    (place / "w.pth").rename(place / f"w-{'00000000' if damage else digits}.pth")
    url = next(place.iterdir()).as_uri()
    weights = models.get_model_weights(name).DEFAULT
    monkeypatch.setattr(weights.value, "url", url)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    return source


def test_published_weights_load(tmp_path, monkeypatch):
    source = _published(tmp_path, monkeypatch, "squeezenet1_1")
    model = models.squeezenet1_1(weights="DEFAULT", progress=False)
    for (name, found), expected in zip(model.state_dict().items(), source.state_dict().values(), strict=True):
        assert fl.equal(found, expected), name
    with pytest.warns(UserWarning, match="pretrained"):
        models.squeezenet1_1(pretrained=True, progress=False)


def test_damaged_weights_leave_nothing(tmp_path, monkeypatch):
    _published(tmp_path, monkeypatch, "squeezenet1_1", damage=True)
    with pytest.raises(RuntimeError, match="hash"):
        models.squeezenet1_1(weights="DEFAULT", progress=False)
    assert not list((tmp_path / "home" / "hub" / "checkpoints").iterdir())


def test_old_names_of_densenet():
    from flambeau.vision.models.densenet import _rename

    assert _rename({"features.denseblock1.denselayer2.norm.1.weight": 1}) == {
        "features.denseblock1.denselayer2.norm1.weight": 1
    }


def test_side_branches_come_and_go():
    net = models.googlenet(init_weights=False, num_classes=2)
    out = net(fl.rand(2, 3, 64, 64))
    assert type(out).__name__ == "GoogLeNetOutputs" and out.aux_logits1.shape == (2, 2)
    assert net.eval()(fl.rand(1, 3, 64, 64)).shape == (1, 2)
    with pytest.warns(FutureWarning):
        models.googlenet(aux_logits=False)


def test_dilation_keeps_the_size():
    net = models.resnet50(replace_stride_with_dilation=[False, True, True]).eval()
    getter = models._utils.IntermediateLayerGetter(net, {"layer4": "out", "layer1": "first"})
    with fl.no_grad():
        out = getter(fl.rand(1, 3, 64, 64))
    assert (
        out["out"].shape == (1, 2048, 8, 8) and out["first"].shape == (1, 256, 16, 16) and list(out) == ["first", "out"]
    )
    with pytest.raises(ValueError):
        models._utils.IntermediateLayerGetter(net, {"layer9": "out"})


def test_vision_transformer_on_another_size():
    from flambeau.vision.models import vision_transformer as vt

    net = models.VisionTransformer(32, 8, 1, 2, 16, 32)
    state = vt.interpolate_embeddings(48, 8, dict(net.state_dict()))
    assert state["encoder.pos_embedding"].shape == (1, 37, 16)
    models.VisionTransformer(48, 8, 1, 2, 16, 32).load_state_dict(state)
    with pytest.raises(AssertionError, match="Wrong image height"):
        net(fl.zeros(1, 3, 16, 32))


def test_transfer():
    """A new last layer on a frozen network learns, the rest stays."""
    fl.manual_seed(0)
    net = models.mobilenet_v3_small()
    for p in net.parameters():
        p.requires_grad = False
    net.classifier[3] = fl.nn.Linear(1024, 2)
    before = net.features[0][0].weight.clone()
    optimizer = fl.optim.SGD([p for p in net.parameters() if p.requires_grad], 0.1)
    x, y = fl.randn(4, 3, 32, 32), fl.tensor([0, 1, 0, 1])
    losses = []
    net.eval()
    for _ in range(5):
        optimizer.zero_grad()
        loss = fl.nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] and fl.equal(net.features[0][0].weight, before)


def test_classes_for_pixels():
    from flambeau.vision.models import segmentation

    fl.manual_seed(0)
    for build, options in (
        (segmentation.lraspp_mobilenet_v3_large, {}),
        (segmentation.deeplabv3_mobilenet_v3_large, {"aux_loss": True}),
    ):
        net = build(weights_backbone=None, num_classes=3, **options)
        out = net(fl.rand(2, 3, 40, 48))
        assert {k: v.shape for k, v in out.items()} == dict.fromkeys(
            ["out", "aux"] if options else ["out"], (2, 3, 40, 48)
        )
        out["out"].mean().backward()
        assert all(fl.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)
    assert models.list_models(module=segmentation) == [
        "deeplabv3_mobilenet_v3_large", "deeplabv3_resnet101", "deeplabv3_resnet50", "fcn_resnet101", "fcn_resnet50",
        "lraspp_mobilenet_v3_large",
    ]  # fmt: skip


def test_published_backbone(tmp_path, monkeypatch):
    from flambeau.vision.models import segmentation

    source = _published(tmp_path, monkeypatch, "mobilenet_v3_large")
    net = segmentation.lraspp_mobilenet_v3_large(weights_backbone="DEFAULT", progress=False)
    assert fl.equal(net.backbone["0"][0].weight, source.features[0][0].weight)


def test_windows_that_do_not_fit():
    """A picture that is no multiple of the window is filled up, and cut off again."""
    fl.manual_seed(0)
    net = models.SwinTransformer([4, 4], 8, [2, 2], [2, 2], [3, 3], num_classes=3)
    assert net(fl.rand(2, 3, 44, 52)).shape == (2, 3)
