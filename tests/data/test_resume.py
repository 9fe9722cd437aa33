"""state_dict of a loader: the same batches and random numbers after it as without it."""

import io
import itertools
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import flambeau as fl
from flambeau.utils import data

ROOT = Path(fl.__file__).resolve().parents[1]  # where the package with the extension is
WORKERS = [(0, "process"), (2, "process"), (2, "thread")]


class Augmented(data.Dataset):
    """Draws from every kind of source that a data set may use."""

    def __init__(self, size=22):
        self.size, self.held = size, np.random.default_rng(3)
        self.nested = [{"python": random.Random(4)}, fl.Generator().manual_seed(5), np.random.RandomState(6)]

    def __len__(self):
        return self.size

    def __getitem__(self, i):
        drawn = [i, self.held.random(), self.nested[0]["python"].random(), self.nested[2].rand()]
        drawn.append(fl.rand((), generator=self.nested[1]).item())
        info = data.get_worker_info()
        if info is None or info.rng is None:
            return [*drawn, fl.rand(()).item(), random.random(), np.random.rand()]
        rng = info.rng
        more = fl.rand((), generator=rng.torch_generator).item()
        return [*drawn, more, rng.random_generator.random(), rng.numpy_generator.random()]


class Shards(data.IterableDataset):
    """Uneven shards; augmented at random; iterated again on resume."""

    def __iter__(self):
        info = data.get_worker_info()
        part = range(23) if info is None else range(0, 23 if info.id else 8, info.num_workers)
        source = fl.default_generator if info is None or info.rng is None else info.rng.torch_generator
        for i in part:
            yield [i, fl.rand((), generator=source).item()]


class Stateful(Shards):
    """Keeps its own state."""

    def __init__(self):
        self.next = 0

    def __iter__(self):
        info = data.get_worker_info()
        step, first = (1, 0) if info is None else (info.num_workers, info.id)
        source = fl.default_generator if info is None or info.rng is None else info.rng.torch_generator
        while self.next < 9:
            self.next += 1
            yield [(self.next - 1) * step + first, fl.rand((), generator=source).item()]
        self.next = 0

    def state_dict(self):
        return {"next": self.next}

    def load_state_dict(self, state):
        self.next = state["next"]


class OwnState(data.Sampler):
    """Counts on, epoch after epoch."""

    def __init__(self):
        self.count = 0

    def __iter__(self):
        while True:
            place, self.count = self.count % 22, self.count + 1
            yield place
            if self.count % 22 == 0:
                return

    def __len__(self):
        return 22

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]


class Eager(data.Sampler):
    """Draws from global sources as soon as it is iterated over."""

    def __iter__(self):
        order = np.random.permutation(22).tolist()
        random.shuffle(order)
        return iter(order)

    def __len__(self):
        return 22


def same(batch):
    return batch


OPTIONS = {
    "plain": dict,
    "shuffled": lambda: {"shuffle": True},
    "generator": lambda: {"shuffle": True, "generator": fl.Generator().manual_seed(1)},
    "weighted": lambda: {"sampler": data.WeightedRandomSampler([1.0 + i for i in range(22)], 30)},
    "replaced": lambda: {"sampler": data.RandomSampler(range(22), True, 70, fl.Generator().manual_seed(2))},
    "subset": lambda: {"sampler": data.SubsetRandomSampler(range(5, 22))},
    "own state": lambda: {"sampler": OwnState()},
    "eager": lambda: {"sampler": Eager()},
    "unbatched": lambda: {"sampler": Eager(), "batch_size": None},
    "dropped": lambda: {"shuffle": True, "drop_last": True},
}


def build(dataset, options, workers, kind, persistent):
    made = {"batch_size": 3, "collate_fn": same, **OPTIONS[options]()}
    persistent = persistent and workers > 0
    return data.DataLoader(dataset(), num_workers=workers, worker_type=kind, persistent_workers=persistent, **made)


def seed(value):
    fl.manual_seed(value)
    random.seed(value)
    np.random.seed(value)


def saved(state):
    """The state after a way through a file."""
    file = io.BytesIO()
    fl.save(state, file)
    file.seek(0)
    return fl.load(file)


def run(loader, epochs):
    return [[*epoch] for epoch in (list(loader) for _ in range(epochs))] + [fl.rand(2).tolist(), random.random()]


def interrupted(make, epochs, stops):
    """What ``run`` gives, in pieces: at each stop a new loader takes over, in a process that drew something else."""
    loader, out, count = make(), [[]], 0
    while len(out) <= epochs:
        for batch in loader:
            out[-1].append(batch)
            count += 1
            if count in stops:
                state = saved(loader.state_dict())
                break
        else:
            out.append([])
            continue
        stops = stops - {count}
        del loader
        seed(99 + count)
        loader = make()
        loader.load_state_dict(state)
    return out[:epochs] + [fl.rand(2).tolist(), random.random()]


@pytest.mark.parametrize("workers, kind", WORKERS)
@pytest.mark.parametrize("options", OPTIONS)
def test_same_batches_as_without_a_stop(options, workers, kind):
    for persistent in (False, True) if workers else (False,):
        seed(7)
        whole = run(build(Augmented, options, workers, kind, persistent), 2)
        seed(7)
        pieces = interrupted(lambda: build(Augmented, options, workers, kind, persistent), 2, {1, 3, 4, 10})
        assert pieces == whole


@pytest.mark.parametrize("workers, kind", WORKERS)
@pytest.mark.parametrize("dataset", [Shards, Stateful])
def test_iterable(dataset, workers, kind):
    for persistent in (False, True) if workers else (False,):
        seed(8)
        whole = run(build(dataset, "plain", workers, kind, persistent), 3)
        assert len(whole[0]) >= 3
        for stops in ({1, 4}, {2, 3}, {len(whole[0]) + 1, len(whole[0]) + 3}):
            seed(8)
            assert interrupted(lambda: build(dataset, "plain", workers, kind, persistent), 3, stops) == whole


@pytest.mark.parametrize("workers, kind", WORKERS)
def test_between_epochs_and_at_the_very_ends(workers, kind):
    for persistent in (False, True) if workers else (False,):

        def make():
            return build(Augmented, "shuffled", workers, kind, persistent)

        seed(3)
        whole = run(make(), 3)
        seed(3)
        loader = make()
        state = saved(loader.state_dict())  # before anything
        loader.load_state_dict(state)
        assert saved(loader.state_dict())["pass"] is None
        assert list(loader) == whole[0]
        state = saved(loader.state_dict())
        seed(4)
        again = make()
        again.load_state_dict(state)
        assert [list(again), list(again)] == whole[1:3]
        seed(3)
        loader = make()
        for _batch in loader:
            state = loader.state_dict()
        seed(5)
        last = make()
        last.load_state_dict(saved(state))
        assert list(last) == []  # this epoch has no more
        assert list(last) == whole[1]


@pytest.mark.parametrize("workers, kind", WORKERS)
@pytest.mark.parametrize("dataset, options", [(Stateful, {}), (Shards, {}), (Augmented, {"sampler": OwnState})])
@pytest.mark.parametrize("drop_last", [False, True])
def test_stops_after_the_last_batch_of_a_pass(dataset, options, drop_last, workers, kind):
    """What has run to its end with a short batch does not begin anew, and what is at its end goes on in the next pass."""
    for size in (3, 5):

        def make():
            made = {name: value() for name, value in options.items()}
            made.update(batch_size=size, drop_last=drop_last, collate_fn=same)
            return data.DataLoader(
                dataset(), num_workers=workers, worker_type=kind, persistent_workers=workers > 0, **made
            )

        seed(8)
        whole = run(make(), 3)
        for stops in ({len(whole[0])}, {len(whole[0]) - 1, len(whole[0]) + len(whole[1])}):
            seed(8)
            assert interrupted(make, 3, stops) == whole


def test_a_sampler_with_its_own_state_between_passes():
    loader = data.DataLoader(Augmented(), sampler=OwnState(), batch_size=4)
    list(loader)
    next(iter(loader))
    state, other = saved(loader.state_dict()), data.DataLoader(Augmented(), sampler=OwnState(), batch_size=4)
    other.load_state_dict(state)
    assert len(list(other)) == 5
    state = saved(other.state_dict())
    loader.load_state_dict(state)
    assert len(list(loader)) == 6 and loader.sampler.count == other.sampler.count + 22


def test_size_does_not_grow_with_the_data():
    sizes = []
    for length in (1_000, 100_000):
        loader = data.DataLoader(data.TensorDataset(fl.arange(length)), batch_size=10, shuffle=True)
        list(itertools.islice(loader, 60))
        file = io.BytesIO()
        fl.save(loader.state_dict(), file)
        sizes.append(len(file.getvalue()))
    assert abs(sizes[0] - sizes[1]) < 100 and max(sizes) < 40_000


def test_unordered_batches_come_once():
    def make():
        return data.DataLoader(range(60), batch_size=2, num_workers=3, worker_type="thread", in_order=False)

    loader = make()
    seen = [batch.tolist() for batch in itertools.islice(loader, 11)]
    again = make()
    again.load_state_dict(saved(loader.state_dict()))
    seen += [batch.tolist() for batch in again]
    assert sorted(sum(seen, [])) == list(range(60))


class Stateless(Stateful):
    def state_dict(self):
        raise NotImplementedError("some day")


class Model(Augmented, fl.nn.Module):
    """Its state is weights."""

    def __init__(self):
        fl.nn.Module.__init__(self)
        Augmented.__init__(self)

    def state_dict(self):
        raise AssertionError("nobody may ask")


@pytest.mark.parametrize("workers, kind", WORKERS)
def test_a_state_that_cannot_be_had_matters_to_who_asks_for_it(workers, kind):
    loader = data.DataLoader(Stateless(), num_workers=workers, worker_type=kind, collate_fn=same)
    assert len(list(loader)) == 9 * max(1, workers)
    batches = iter(loader)
    next(batches)
    with pytest.raises(RuntimeError, match=r"Stateless.state_dict\(\) raised NotImplementedError: some day"):
        loader.state_dict()
    loader = data.DataLoader(Model(), num_workers=workers, worker_type=kind, collate_fn=same)
    batches = iter(loader)
    next(batches)
    assert loader.state_dict()["dataset"] == {}


@pytest.mark.parametrize(
    "state, error, text",
    [
        ({}, TypeError, "expected what state_dict"),
        (3, TypeError, "expected what state_dict"),
        ({"num_workers": 2}, ValueError, "num_workers=2"),
        ({"batch_size": 9}, ValueError, "batch_size=9"),
        ({"version": 9}, ValueError, "version 9"),
    ],
)
def test_other_states_are_refused(state, error, text):
    loader = data.DataLoader(range(5))
    whole = {**loader.state_dict(), **state} if state and isinstance(state, dict) else state
    with pytest.raises(error, match=text):
        loader.load_state_dict(whole)


PROGRAM = """
import os, signal, sys
import numpy as np
import flambeau as fl
from flambeau.utils import data

workers, kind, path, die_at = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])


class Noisy(data.Dataset):
    def __init__(self):
        self.x, self.rng = fl.randn(120, 8, generator=fl.Generator().manual_seed(1)), np.random.default_rng(2)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        info = data.get_worker_info()
        noise = fl.randn(8, generator=None if info is None or info.rng is None else info.rng.torch_generator)
        return self.x[i] + 0.1 * noise, float(self.x[i].sum()) + 0.1 * self.rng.random()


if __name__ == "__main__":
    fl.manual_seed(0)
    loader = data.DataLoader(Noisy(), batch_size=4, shuffle=True, num_workers=workers, worker_type=kind)
    model = fl.nn.Sequential(fl.nn.Linear(8, 16), fl.nn.ReLU(), fl.nn.Dropout(0.3), fl.nn.Linear(16, 1))
    optimizer = fl.optim.Adam(model.parameters(), lr=1e-2)
    scheduler = fl.optim.lr_scheduler.CosineAnnealingLR(optimizer, 100)
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler, "loader": loader}
    step = 0
    if os.path.exists(path):
        saved = fl.load(path)
        step = saved.pop("step")
        for name, state in saved.items():
            parts[name].load_state_dict(state)
    while step < 100:
        for x, y in loader:
            optimizer.zero_grad()
            fl.nn.functional.mse_loss(model(x)[:, 0], y.float()).backward()
            optimizer.step()
            scheduler.step()
            step += 1
            if step == die_at // 2 or step == die_at:
                fl.save({"step": step, **{name: part.state_dict() for name, part in parts.items()}}, path)
            if step == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            if step == 100:
                break
    print([p.flatten().tolist() for p in model.parameters()], optimizer.param_groups[0]["lr"])
"""


@pytest.mark.parametrize("workers, kind", WORKERS)
def test_killed_and_resumed_training_ends_with_the_same_bits(tmp_path, workers, kind):
    """100 steps, and 50 steps, SIGKILL, and the other 50 in a new process, in the middle of the second epoch."""
    program = tmp_path / "train.py"
    program.write_text(PROGRAM)

    def train(path, die_at):
        command = [sys.executable, str(program), str(workers), kind, str(tmp_path / path), str(die_at)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)

    whole = train("a.pt", -1)
    assert whole.returncode == 0, whole.stderr
    assert train("b.pt", 50).returncode == -signal.SIGKILL
    resumed = train("b.pt", -1)
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout == whole.stdout and len(whole.stdout) > 1000
