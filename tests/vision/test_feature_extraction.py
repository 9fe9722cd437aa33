"""Values inside a network, by name."""

import copy

import pytest

from tests.frame import fl

vision = pytest.importorskip(f"{fl.__name__}.vision")
from flambeau.vision.models import feature_extraction as FE  # noqa: E402


class Net(fl.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv_1, self.conv_2 = fl.nn.Conv2d(3, 4, 3), fl.nn.Conv2d(4, 4, 3, padding=1)
        self.relu = fl.nn.ReLU()
        self.seq = fl.nn.Sequential(fl.nn.Conv2d(4, 4, 1), fl.nn.ReLU())

    def forward(self, x):
        y = self.relu(self.conv_1(x))
        z = self.relu(self.conv_2(y) + y) + y
        return self.seq(self.seq(z) + 1).flatten(1)


def test_names_are_torchvisions():
    names = [
        "x", "conv", "relu", "conv_1", "add", "relu_1", "add_1", "seq.0", "seq.1", "add_2", "seq.0_1", "seq.1_1", "flatten",
    ]  # fmt: skip
    assert FE.get_graph_node_names(Net()) == (names, names)
    names, _ = FE.get_graph_node_names(vision.models.mobilenet_v3_small())
    assert names[:3] == ["x", "features.0", "features.1.block.0"] and len(names) == 56


def test_values_are_those_inside():
    fl.manual_seed(0)
    net, x = Net().eval(), fl.rand(2, 3, 9, 9)
    part = FE.create_feature_extractor(net, {"relu": "first", "seq.0_1": "late"})
    out = part(x)
    assert list(out) == ["first", "late"] and not part.training
    assert fl.equal(out["first"], fl.relu(net.conv_1(x)))
    again = copy.deepcopy(part)
    assert fl.equal(again(x)["late"], out["late"]) and again.conv_1 is not part.conv_1
    assert part.conv_1 is net.conv_1  # the layers are shared
    cut = FE.create_feature_extractor(net, ["conv"])
    assert set(cut.state_dict()) == {"conv_1.weight", "conv_1.bias"}


@pytest.mark.parametrize("name", ["resnet18", "vit_b_32", "swin_t", "googlenet"])
def test_models_can_be_traced(name):
    model = vision.models.get_model(name, **({"init_weights": False} if name == "googlenet" else {})).eval()
    layers = {"resnet18": "layer2", "vit_b_32": "encoder.layers.encoder_layer_1", "swin_t": "features.1",
              "googlenet": "inception3a"}  # fmt: skip
    with fl.no_grad():
        out = FE.create_feature_extractor(model, [layers[name]], suppress_diff_warning=True)(fl.rand(1, 3, 224, 224))
    assert list(out) == [layers[name]] and fl.isfinite(out[layers[name]]).all()


def test_training_and_evaluation():
    net = vision.models.googlenet(init_weights=False)
    with pytest.warns(UserWarning, match="part of those of training"):
        FE.get_graph_node_names(net)
    chosen = {"train_return_nodes": ["aux1"], "eval_return_nodes": ["fc"]}
    part = FE.create_feature_extractor(net, **chosen)
    assert part.training and list(part.eval()(fl.rand(1, 3, 64, 64))) == ["fc"]
    assert list(part.train()(fl.rand(2, 3, 64, 64))) == ["aux1"]


def test_wrong_names():
    with pytest.raises(ValueError, match="'nope' is not present"):
        FE.create_feature_extractor(Net(), ["nope"])
    with pytest.raises(ValueError, match="together"):
        FE.create_feature_extractor(Net())
    with pytest.raises(ValueError, match="without"):
        FE.create_feature_extractor(Net(), ["relu"], train_return_nodes=["relu"])
