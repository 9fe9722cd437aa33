"""compile, fit, evaluate and predict, with whatever people have their data in."""

import numpy as np
import pytest

from tests.frame import fl
from tests.train.test_trainer import X, Y, model

train, nn, F = fl.train, fl.nn, fl.nn.functional
QUIET = {"progress": False, "shuffle": False}


class Named(nn.Module):
    """Two inputs by name, two outputs by name."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(5, 2), nn.Linear(5, 1)

    def forward(self, a, b):
        return {"kind": self.first(a), "size": self.second(b)}


class Placed(Named):
    def forward(self, a, b):
        return tuple(super().forward(a, b).values())


def compiled(module=None, loss="cross_entropy", metrics=("accuracy",), **options):
    module = train.Model(module or model())
    module.compile("sgd", loss, metrics, lr=0.1, **options)
    return module


def test_model():
    fl.manual_seed(0)
    net = train.Model(model())
    for call in (lambda: net.fit(X, Y), lambda: net.evaluate(X, Y)):
        with pytest.raises(RuntimeError, match="compile"):
            call()
    assert net.predict(X).shape == (96, 2)
    net.compile("AdamW", "cross_entropy", ["accuracy"], lr=0.02)
    history = net.fit(X.numpy(), Y.numpy(), epochs=10, validation_split=0.25, progress=False)
    assert len(history) == 10 and history.history["val_accuracy"][-1] > 0.7
    assert net.fit(X, Y, epochs=1, progress=False)[-1]["epoch"] == 11
    assert net.evaluate(X, Y)["accuracy"] > 0.9 and net.predict(X).shape == (96, 2)
    for wrong in (
        {"optimizer": "adamm"},
        {"loss": "msee"},
        {"metrics": "acuracy"},
        {"optimizer": fl.optim.SGD(net.module.parameters(), 0.1), "lr": 0.1},
        {"loss_weights": [1, 2]},
    ):
        with pytest.raises(ValueError):
            net.compile(**wrong)
    with pytest.raises(ValueError, match="as many samples"):
        net.fit(X, Y[:5], progress=False)


@pytest.mark.parametrize("kind", ["int32", "uint8", "bool", "list"])
def test_targets_of_any_integer_type(kind):
    wanted = compiled().fit(X, Y, **QUIET)[-1]
    targets = Y.tolist() if kind == "list" else Y.numpy().astype(kind)
    assert compiled().fit(X.tolist() if kind == "list" else X.numpy(), targets, **QUIET)[-1] == wanted


def test_data_sets_and_loaders():
    whole = fl.utils.data.TensorDataset(X, Y)
    wanted = compiled().fit(X, Y, validation_split=0.25, **QUIET)
    assert compiled().fit(whole, validation_split=0.25, **QUIET) == wanted
    net = compiled()
    batches = fl.utils.data.DataLoader(fl.utils.data.Subset(whole, range(72)), batch_size=32)
    assert net.fit(batches, validation_data=(X[72:], Y[72:]), progress=False) == wanted
    assert net.evaluate(whole) == net.evaluate(X, Y) and fl.equal(net.predict(whole), net.predict(X))


def test_inputs_and_outputs_by_name():
    fl.manual_seed(0)
    net = compiled(
        Named(),
        {"kind": "cross_entropy", "size": "mse"},
        {"kind": "accuracy", "size": ["mae"]},
        loss_weights={"size": 0.5},
    )
    x, y = {"a": X, "b": X.numpy()}, {"kind": Y, "size": X[:, :1]}
    rows = net.fit(x, y, epochs=20, validation_split=0.25, **QUIET)
    assert set(rows[-1]) >= {"loss", "kind_loss", "size_loss", "kind_accuracy", "size_mae", "val_loss", "val_size_mae"}
    found, made = net.evaluate(x, y), net.predict(x)
    assert (
        found["loss"] == pytest.approx(found["kind_loss"] + 0.5 * found["size_loss"]) and found["kind_accuracy"] > 0.8
    )
    assert found["size_mae"] == pytest.approx((made["size"] - X[:, :1]).abs().mean().item())
    with pytest.raises(ValueError, match="loss for 'size', but the targets are 'kind'"):
        net.fit(x, {"kind": Y}, **QUIET)
    with pytest.raises(ValueError, match="a dict such as"):
        compiled(Named(), {"kind": "cross_entropy"}, "accuracy")


def test_inputs_and_outputs_by_place():
    fl.manual_seed(0)
    net = compiled(Placed(), ["cross_entropy", F.mse_loss], {0: "accuracy"})
    rows = net.fit((X, X), (Y, X[:, :1]), epochs=2, **QUIET)
    assert rows == net.trainer.history and "0_accuracy" in rows[-1] and "1_loss" in rows[-1]
    first, second = net.predict([X, X])
    assert first.shape == (96, 2) and second.shape == (96, 1)
    both = fl.utils.data.TensorDataset(X, X, Y)
    assert fl.equal(net.predict(both)[0], first)


def test_labels_and_probabilities():
    labels = X[:, :2] > 0
    row = compiled(nn.Linear(5, 2), "bce", ["accuracy", "f1"]).fit(X, labels, epochs=20, **QUIET)[-1]
    assert row["accuracy"] > 0.8 and row["f1"] > 0.8
    sure = nn.Sequential(nn.Linear(5, 1), nn.Sigmoid(), nn.Flatten(0))
    assert compiled(sure, nn.BCELoss()).fit(X, Y.float(), epochs=20, **QUIET)[-1]["accuracy"] > 0.9
    with pytest.raises(TypeError, match="the module's output is a dict"):
        compiled(Named(), "mse", ()).fit({"a": X, "b": X}, X, **QUIET)


def test_a_dict_for_a_module_that_takes_one():
    class Takes(nn.Linear):
        def forward(self, batch):
            return super().forward(batch["x"])

    assert compiled(Takes(5, 2)).fit({"x": X}, Y, **QUIET)[-1]["loss"] > 0


def test_weights():
    weights = fl.rand(96) + 0.5
    for loss, plain in (
        ("cross_entropy", F.cross_entropy),
        (nn.CrossEntropyLoss(), F.cross_entropy),
        (F.cross_entropy, F.cross_entropy),
    ):
        net = compiled(nn.Linear(5, 2), loss)
        wanted = (plain(net.module(X), Y, reduction="none") * weights).mean().item()
        assert net.fit(X, Y, sample_weight=weights.numpy(), batch_size=96, **QUIET)[0]["loss"] == pytest.approx(wanted)
    net = compiled(nn.Linear(5, 2))
    wanted = (F.cross_entropy(net.module(X), Y, reduction="none") * fl.tensor([1.0, 3.0])[Y] * weights).mean().item()
    row = net.fit(X, Y, class_weight={0: 1, 1: 3}, sample_weight=weights, batch_size=96, validation_split=0.0, **QUIET)[
        0
    ]
    assert row["loss"] == pytest.approx(wanted)
    for wrong, match in (
        ({"class_weight": [1.0]}, "no weight for 1"),
        ({"sample_weight": weights[:3]}, "as many samples"),
    ):
        with pytest.raises(ValueError, match=match):
            net.fit(X, Y, **wrong, **QUIET)
    with pytest.raises(ValueError, match="reduction="):
        compiled(loss=lambda output, target: output.mean()).fit(X, Y, sample_weight=weights, **QUIET)
    several = compiled(Placed(), ["cross_entropy", "mse"], ())
    assert several.fit((X, X), (Y, X[:, :1]), sample_weight=weights, **QUIET)[0]["0_loss"] > 0


def test_a_step_of_ones_own():
    def step(module, batch):
        output = module(batch[0])
        return F.cross_entropy(output, batch[1]) + 10, output, batch[1]

    net = compiled(loss=None, step=step)
    assert net.fit(X, Y, **QUIET)[0]["loss"] > 10 and net.evaluate(X, Y)["loss"] > 10
    with pytest.raises(ValueError, match="need compile"):
        net.fit(X, Y, class_weight=[1, 2], **QUIET)
    with pytest.raises(TypeError, match="argument of fit"):
        compiled(callbacks=[])


def test_verbose(capsys):
    for verbose, lines in ((0, 0), (1, 1), (2, 1)):
        compiled().fit(X, Y, verbose=verbose)
        assert len(capsys.readouterr().err.splitlines()) == lines


def test_epochs_are_those_of_the_whole_run_when_it_goes_on(tmp_path):
    saver = train.Checkpoint(tmp_path)
    compiled().fit(X, Y, epochs=2, callbacks=[saver], **QUIET)
    net = compiled(scheduler=lambda optimizer: fl.optim.lr_scheduler.StepLR(optimizer, 1, 0.5))
    rows = net.fit(X, Y, epochs=3, callbacks=saver, resume=True, **QUIET)
    assert [row["epoch"] for row in rows] == [1, 2, 3]


@pytest.mark.parametrize(
    ("x", "y", "options", "error", "says"),
    [
        (X[:0], Y[:0], {}, ValueError, "no samples"),
        (X, None, {}, ValueError, "y is missing"),
        ("x", Y, {}, TypeError, "got str"),
        (None, Y, {}, TypeError, "got NoneType"),
        (np.array(["a", "b"]), Y[:2], {}, TypeError, "expected numbers"),
        (X, 3, {}, ValueError, "single number"),
        (fl.utils.data.TensorDataset(X, Y), Y, {}, ValueError, "leave y out"),
        (X, Y, {"validation_split": 0.001}, ValueError, "leaves 96 to train on and 0"),
        (X, Y.float(), {}, TypeError, r"target.long\(\)"),
        (X, Y[:, None], {}, ValueError, r"target.squeeze\(1\)"),
        (X, Y, {"loss": "mse"}, ValueError, r"output \(32, 2\) and target \(32,\)"),
    ],
)
def test_errors(x, y, options, error, says):
    net = compiled(loss=options.pop("loss", "cross_entropy"))
    with pytest.raises(error, match=says):
        net.fit(x, y, **options, **QUIET)
