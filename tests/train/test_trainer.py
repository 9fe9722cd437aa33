"""The training loop: the same as a loop by hand, exact resume, callbacks, errors."""

import csv
import io
import math
import os
import signal
import subprocess
import sys
import textwrap

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


def test_model():
    fl.manual_seed(0)
    net = train.Model(model())
    with pytest.raises(RuntimeError, match="compile"):
        net.fit(X, Y)
    net.compile("AdamW", "cross_entropy", ["accuracy"], lr=0.02)
    history = net.fit(X.numpy(), Y.numpy(), epochs=10, validation_split=0.25, progress=False)
    assert len(history) == 10 and history.history["val_accuracy"][-1] > 0.7
    assert net.fit(X, Y, epochs=1, progress=False)[-1]["epoch"] == 11
    assert net.evaluate(X, Y)["accuracy"] > 0.9 and net.predict(X).shape == (96, 2)
    for wrong in (
        {"optimizer": "adamm"},
        {"loss": "msee"},
        {"optimizer": fl.optim.SGD(net.module.parameters(), 0.1), "lr": 0.1},
    ):
        with pytest.raises(ValueError):
            net.compile(**wrong)
    with pytest.raises(ValueError, match="as many samples"):
        net.fit(X, Y[:5], progress=False)


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


def test_plot(tmp_path):
    pytest.importorskip("matplotlib")
    history = train.History([{"epoch": 1, "loss": 2.0, "val_loss": 3.0}, {"epoch": 2, "loss": 1.0, "val_loss": 2.0}])
    history.plot(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 1000


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_interrupt_keeps_a_whole_checkpoint(tmp_path):
    program = tmp_path / "program.py"
    package = os.path.dirname(
        os.path.dirname(os.path.abspath(fl.__file__))
    )  # before the sources, which have no extension
    program.write_text(
        textwrap.dedent(f"""
        import sys
        sys.path[:0] = [{package!r}, {os.getcwd()!r}]
        from tests.train.test_trainer import *
        class Tell(train.Callback):
            def on_step_end(self, trainer):
                if trainer.step == 20: print("now", flush=True)
        t = trainer(callbacks=[train.Checkpoint({str(tmp_path / "run")!r}, every_steps=5), Tell()])
        t.fit(loader(), epochs=100000)
        """)
    )
    child = subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    child.stdout.readline()
    child.send_signal(signal.SIGINT)
    _, error = child.communicate(timeout=60)
    assert child.returncode != 0 and "stopped in epoch" in error and "resume=True" in error
    state = fl.load(train.Checkpoint(tmp_path / "run").newest())
    assert state["progress"]["step"] >= 20 and state["progress"]["step"] % 5 == 0 or state["progress"]["batch"] == 0
