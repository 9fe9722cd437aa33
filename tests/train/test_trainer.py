"""The training loop: the same as a loop by hand, exact resume, callbacks, errors."""

import csv
import io
import math
import os
import signal
import subprocess
import sys

import pytest

from tests.frame import fl

train, F = fl.train, fl.nn.functional
X = fl.randn(96, 5, generator=fl.Generator().manual_seed(0))
Y = (X.sum(1) > 0).long()


def loader(shuffle=True, batch_size=16):
    return fl.utils.data.DataLoader(fl.utils.data.TensorDataset(X, Y), batch_size=batch_size, shuffle=shuffle)


def model():
    fl.manual_seed(1)
    return fl.nn.Sequential(fl.nn.Linear(5, 16), fl.nn.ReLU(), fl.nn.Dropout(0.3), fl.nn.Linear(16, 2))


def trainer(**options):
    module = model()
    optimizer = fl.optim.Adam(module.parameters(), 0.01)
    return train.Trainer(module, optimizer, F.cross_entropy, **{"progress": False, **options})


def same(a, b):
    return all(fl.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))


def test_equals_a_loop_by_hand():
    t = trainer(metrics=["accuracy"], clip=1.0)
    fl.manual_seed(2)
    history = t.fit(loader(), epochs=2)
    by_hand = model()
    optimizer = fl.optim.Adam(by_hand.parameters(), 0.01)
    fl.manual_seed(2)
    for _ in range(2):
        total = hits = 0
        for x, y in loader():
            output = by_hand(x)
            loss = F.cross_entropy(output, y)
            loss.backward()
            fl.nn.utils.clip_grad_norm_(by_hand.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            total, hits = total + loss.item() * len(y), hits + (output.argmax(1) == y).sum().item()
    assert same(t.module, by_hand) and t.step == 12
    assert math.isclose(history[-1]["loss"], total / 96) and history[-1]["accuracy"] == hits / 96


def test_accumulation_is_a_larger_batch():
    t, whole = trainer(accumulate=2), trainer()
    for one, size in ((t, 16), (whole, 32)):
        one.module[2].p = 0.0
        one.fit(loader(False, size), epochs=1)
    assert t.step == whole.step == 3
    for p, q in zip(t.module.parameters(), whole.module.parameters(), strict=True):
        assert fl.allclose(p, q, atol=1e-6)


class StopAt(train.Callback):
    def __init__(self, step):
        self.step = step

    def on_step_end(self, trainer):
        trainer.stop = trainer.step == self.step


@pytest.mark.parametrize("step", [2, 6, 9])
def test_resume_is_exact(tmp_path, step):
    def run(*callbacks, folder, resume=None, seed=3):
        fl.manual_seed(seed)
        t = trainer(metrics=["accuracy", "f1"], callbacks=[train.Checkpoint(folder, every_steps=1), *callbacks])
        t.scheduler = fl.optim.lr_scheduler.StepLR(t.optimizer, 1, 0.5)
        t.fit(loader(), loader(False), epochs=3, resume=resume)
        return t

    whole = run(folder=tmp_path / "a")
    run(StopAt(step), folder=tmp_path / "b")
    fl.manual_seed(99)
    rest = run(folder=tmp_path / "b", resume=tmp_path / "b", seed=98)
    assert same(whole.module, rest.module) and whole.history == rest.history and rest.step == 18


def test_resume_of_lists_and_between_gradients(tmp_path):
    batches = [(X[i : i + 8], Y[i : i + 8]) for i in range(0, 96, 8)]

    class StopAfter(train.Callback):
        def on_step_end(self, trainer):
            trainer.stop = trainer.batch == 5  # in the middle of a group of 3

    fl.manual_seed(4)
    whole = trainer(accumulate=3)
    whole.fit(batches, epochs=2)
    fl.manual_seed(4)
    first = trainer(accumulate=3, callbacks=[StopAfter()])
    first.fit(batches, epochs=2)
    fl.save(first.state_dict(), tmp_path / "state.pt")
    fl.manual_seed(5)
    rest = trainer(accumulate=3)
    rest.fit(batches, epochs=2, resume=tmp_path / "state.pt")
    assert same(whole.module, rest.module)


def test_checkpoints(tmp_path):
    saver = train.Checkpoint(tmp_path, keep=2, monitor="val_loss")
    t = trainer(callbacks=[saver])
    t.fit(loader(), loader(False), epochs=4)
    assert sorted(os.listdir(tmp_path)) == ["best.pt", "step-00000018.pt", "step-00000024.pt"]
    assert saver.newest().endswith("step-00000024.pt")
    best = t.history.best("val_loss")
    assert fl.load(tmp_path / "best.pt")["progress"]["epoch"] == best["epoch"]
    fl.save({"weight": X}, tmp_path / "weights.pt")
    with pytest.raises(ValueError, match="not a trainer's checkpoint"):
        t.resume(tmp_path / "weights.pt")
    with pytest.raises(ValueError, match="Checkpoint callback"):
        trainer().fit(loader(), epochs=1, resume=True)
    assert trainer().resume(tmp_path.parent) is None


def test_early_stopping():
    class Worse(train.Metric):
        name, number = "worse", 0.0

        def update(self, output, target):
            pass

        def compute(self):
            self.number += 1
            return self.number

    t = trainer(metrics=[Worse()], callbacks=[train.EarlyStopping("worse", patience=2, restore_best=True)])
    weights = []

    class Watch(train.Callback):
        def on_epoch_end(self, trainer):
            weights.append([p.detach().clone() for p in trainer.module.parameters()])

    t._callbacks.append(Watch())
    t.fit(loader(), epochs=10)
    assert t.epoch == 3
    assert all(fl.equal(p, q) for p, q in zip(t.module.parameters(), weights[0], strict=True))
    with pytest.raises(KeyError, match="val_loss"):
        trainer(callbacks=[train.EarlyStopping()]).fit(loader(), epochs=1)


def test_logs_and_lines(tmp_path):
    out = io.StringIO()
    t = trainer(metrics=["accuracy"], callbacks=[train.CSVLogger(tmp_path / "log.csv"), train.Progress(out)])
    t.fit(loader(), loader(False), epochs=2)
    with open(tmp_path / "log.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"] and float(rows[1]["val_accuracy"]) == t.history[1][
        "val_accuracy"
    ]
    lines = out.getvalue().splitlines()
    assert len(lines) == 2 and lines[1].startswith("epoch 2/2  step 12  ") and "val_loss" in lines[1]


def test_other_steps_and_autocast():
    seen = []

    def step(module, batch):
        output = module(batch["x"])
        seen.append(output.dtype)
        return F.cross_entropy(output.float(), batch["y"])

    t = train.Trainer(model(), fl.optim.SGD(model().parameters(), 0.1), step=step, progress=False, autocast=fl.bfloat16)
    t.fit([{"x": X, "y": Y}] * 2, epochs=1)
    assert seen == [fl.bfloat16] * 2 and t.history[0]["loss"] > 0


def test_evaluate_leaves_modes_alone():
    t = trainer()
    t.module[0].eval()
    numbers = t.evaluate(loader(False))
    assert [m.training for m in t.module] == [False, True, True, True] and set(numbers) == {"loss"}
    assert t.predict(loader(False)).shape == (96, 2)


def test_errors():
    with pytest.raises(ValueError, match="either loss="):
        train.Trainer(model(), None)
    bad = trainer()
    bad.loss = lambda output, target: F.cross_entropy(output, target) * float("nan")
    with pytest.raises(RuntimeError, match="loss is nan at step"):
        bad.fit(loader(), epochs=1)
    vector = trainer()
    vector.loss = lambda output, target: F.cross_entropy(output, target, reduction="none")
    with pytest.raises(RuntimeError, match="mean"):
        vector.fit(loader(), epochs=1)
    with pytest.raises(TypeError, match="step="):
        trainer().fit([X], epochs=1)


def test_checkpoints_of_a_new_run_in_an_old_folder(tmp_path):
    """The newest file is that of the new run, though the old one came further."""
    for epochs in (4, 1):
        saver = train.Checkpoint(tmp_path)
        fl.manual_seed(0)
        trainer(callbacks=[saver]).fit(loader(), epochs=epochs)
    assert saver.newest().endswith("step-00000006.pt") and len(os.listdir(tmp_path)) == 2
    again = trainer(callbacks=[train.Checkpoint(tmp_path)])
    again.fit(loader(), epochs=2, resume=True)
    assert again.step == 12


def test_plot(tmp_path):
    pytest.importorskip("matplotlib")
    history = train.History([{"epoch": 1, "loss": 2.0, "val_loss": 3.0}, {"epoch": 2, "loss": 1.0, "val_loss": 2.0}])
    history.plot(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 1000
    history.append({"epoch": 3, "loss": 0.5, "val_loss": math.nan, "accuracy": 0.5})
    panels = history.plot().axes
    assert [panel.get_title() for panel in panels] == ["loss", "accuracy"]
    assert panels[0].get_legend_handles_labels()[1] == ["training", "validation", "epoch 2: 2"]
    with pytest.raises(ValueError, match="first epoch"):
        train.History().plot()


def test_a_loss_that_is_not_finite_changes_nothing():
    x = X.clone()
    x[20, 1] = math.nan
    t = trainer()
    with pytest.raises(RuntimeError, match=r"loss is nan at step 1, .*values that are not finite, .*\(16, 5\)"):
        t.fit([(x[i : i + 16], Y[i : i + 16]) for i in (0, 16)], epochs=1)
    assert all(p.isfinite().all() for p in t.module.parameters()) and t.step == 1
    assert math.isnan(t.evaluate([(x, Y)])["loss"])


def test_no_batches_and_wrong_callbacks():
    with pytest.raises(ValueError, match="has no batches"):
        trainer().fit([], epochs=1)
    with pytest.raises(ValueError, match="has no batches"):
        trainer().fit(iter([(X, Y)]), epochs=2)
    for call in (lambda: trainer().evaluate([]), lambda: trainer().predict([])):
        with pytest.raises(ValueError, match="has no batches"):
            call()
    with pytest.raises(TypeError, match="derive a class"):
        trainer(callbacks=[print])

    class Misspelt(train.Callback):
        def on_batch_end(self, trainer):
            pass

    with pytest.raises(ValueError, match="on_batch_end would never be called: the events are .*on_step_end"):
        trainer(callbacks=[Misspelt()])
    with pytest.raises(TypeError, match="flambeau.bfloat16"):
        trainer(autocast="bfloat16")


def test_what_cannot_train():
    module, other = model(), model()
    rate = fl.optim.SGD(other.parameters(), 0.1)
    with pytest.raises(ValueError, match="none of the module's parameters"):
        train.Trainer(module, rate, F.cross_entropy)
    with pytest.raises(TypeError, match="closure"):
        train.Trainer(module, fl.optim.LBFGS(module.parameters()), F.cross_entropy)
    with pytest.raises(TypeError, match="scheduler must be"):
        trainer(scheduler="cosine")
    with pytest.raises(ValueError, match="no optimizer"):
        train.Trainer(module, None, F.cross_entropy).fit(loader(), epochs=1)
    module.requires_grad_(False)
    with pytest.raises(RuntimeError, match="does not depend on any parameter"):
        train.Trainer(module, fl.optim.SGD(module.parameters(), 0.1), "cross_entropy", progress=False).fit(
            loader(), epochs=1
        )
    for step, says in ((lambda m, b: 3.0, "got float"), (lambda m, b: [m(b[0])], "got list of 1")):
        with pytest.raises(TypeError, match=says):
            train.Trainer(other, rate, step=step, progress=False).fit(loader(), epochs=1)
    t = train.Trainer(other, rate, step=lambda m, b: F.cross_entropy(m(b[0]), b[1]), metrics="acc", progress=False)
    with pytest.raises(TypeError, match=r"returns \(loss, output, target\)"):
        t.fit(loader(), epochs=1)
    with pytest.raises(KeyError, match="give fit validation data"):
        trainer(callbacks=train.EarlyStopping()).fit(loader(), epochs=1)


def test_softmax_before_cross_entropy_warns():
    for last, loss in ((fl.nn.Softmax(1), F.cross_entropy), (fl.nn.Sigmoid(), "bce")):
        module = fl.nn.Sequential(fl.nn.Linear(5, 2), last)
        with pytest.warns(UserWarning, match="does itself: leave it out"):
            train.Trainer(module, fl.optim.SGD(module.parameters(), 0.1), loss, progress=False)


def test_a_new_fit_begins_the_epoch_anew():
    t = trainer(callbacks=[StopAt(3)])
    t.fit(loader(), epochs=2)
    assert (t.epoch, t.step, t.batch) == (0, 3, 3)
    t._watch((), False)
    t.fit(loader(), epochs=1)
    assert (t.epoch, t.step) == (1, 9)


def test_state_given_by_hand(tmp_path):
    def run(*callbacks):
        fl.manual_seed(6)
        return trainer(callbacks=callbacks)

    whole, first, rest = run(), run(StopAt(8)), trainer()
    fl.manual_seed(6)
    whole.fit(loader(), epochs=2)
    fl.manual_seed(6)
    first.fit(loader(), epochs=2)
    fl.save(first.state_dict(), tmp_path / "state.pt")
    rest.load_state_dict(fl.load(tmp_path / "state.pt"))
    rest.fit(loader(), epochs=2)
    assert same(whole.module, rest.module) and rest.step == 12


def test_the_same_callback_in_another_training(tmp_path):
    stop, saver = train.EarlyStopping("loss", patience=1, restore_best=True), train.Checkpoint(tmp_path, monitor="loss")
    trainer(callbacks=[stop, saver]).fit(loader(), epochs=3)
    stop.best = saver.best = -1.0
    t = trainer(callbacks=[stop, saver])
    t.fit(loader(), epochs=2)
    assert stop.best == saver.best == min(row["loss"] for row in t.history)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("tqdm", [True, False])
def test_bar(monkeypatch, tqdm):
    if tqdm:
        pytest.importorskip("tqdm")
    else:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    out = Terminal()
    trainer(callbacks=[train.Progress(out, interval=0.0)]).fit(loader(), epochs=1)
    shown = out.getvalue()
    assert "epoch 1/1" in shown and "3/6" in shown and "loss" in shown and shown.rstrip().count("\n") == 0
    lines = Terminal()
    trainer(callbacks=[train.Progress(lines, interval=0.0, bar=False)]).fit(loader(), epochs=2)
    assert len(lines.getvalue().splitlines()) == 2 and "\r" not in lines.getvalue()


INTERRUPTED = """
import sys, time
sys.path.insert(0, {package!r})
import flambeau as fl
WHEN, FOLDER, CHECKED = sys.argv[1:]


def tell(where):
    if WHEN == where:
        print("now", flush=True)
        while not t.stop:
            time.sleep(0.01)


class Tell(fl.train.Callback):
    def on_step_end(self, trainer):
        if trainer.step == 9:
            tell("training")


class Validation:
    def __iter__(self):
        for batch in loader(48):
            if t.epoch == 1:
                tell("validation")
            yield batch


def loader(size):
    return fl.utils.data.DataLoader(data, batch_size=size, shuffle=True)


fl.manual_seed(1)
x = fl.randn(96, 5)
data = fl.utils.data.TensorDataset(x, (x.sum(1) > 0).long())
module = fl.nn.Sequential(fl.nn.Linear(5, 16), fl.nn.Dropout(0.3), fl.nn.Linear(16, 2))
keep = [fl.train.Checkpoint(FOLDER), Tell()]
t = fl.train.Trainer(module, fl.optim.Adam(module.parameters()), "cross_entropy", metrics=["auc"], accumulate=2, callbacks=keep)
t.fit(loader(8), Validation(), epochs=3, resume=True)
fl.save([module.state_dict(), list(t.history)], CHECKED)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_interrupt_and_going_on(tmp_path):
    """Ctrl-C during training and during validation; both go on to what a run without it gives."""
    program = tmp_path / "program.py"
    package = os.path.dirname(os.path.dirname(os.path.abspath(fl.__file__)))
    program.write_text(INTERRUPTED.format(package=package))

    def start(when, name):
        words = [sys.executable, str(program), when, str(tmp_path / name), str(tmp_path / f"{name}.pt")]
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    steps = {"training": 9, "validation": 12}
    children = {name: start(name, name) for name in ("never", *steps)}
    for name, step in steps.items():
        children[name].stdout.readline()
        children[name].send_signal(signal.SIGINT)
        _, error = children[name].communicate(timeout=60)
        assert children[name].returncode != 0 and f"stopped in epoch 2 of 3 after step {step}; the newest" in error
        assert "resume=True" in error and not (tmp_path / f"{name}.pt").exists()
        assert train.Checkpoint(tmp_path / name).newest().endswith(f"step-{step:08}.pt")
    rest = [start("never", name) for name in steps]
    for child in (children["never"], *rest):
        assert child.communicate(timeout=60) and child.returncode == 0
    wanted, rows = fl.load(tmp_path / "never.pt")
    for name in steps:
        weights, found = fl.load(tmp_path / f"{name}.pt")
        assert found == rows and all(fl.equal(weights[key], t) for key, t in wanted.items())
