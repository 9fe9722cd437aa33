"""Tensors that travel between processes, copies and pickles of what holds tensors, and processes that fail."""

import copy
import gc
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import time

import pytest

import flambeau as fl
import flambeau.multiprocessing as mp
from flambeau.multiprocessing.queue import ConnectionWrapper
from flambeau.multiprocessing.spawn import ProcessException

METHODS = ["fork", "spawn"]


# ---------------------------------------------------------------- functions for other processes


def double(inbox, outbox):
    for tensor in iter(inbox.get, None):
        tensor.mul_(2)
        outbox.put(tensor)
    inbox.get()  # until the other end has all of it


def describe(tensor):
    kind = (
        tensor.dtype,
        tuple(tensor.shape),
        tensor.stride() if not tensor.is_nested and tensor.layout is fl.strided else None,
    )
    return type(tensor).__name__, str(kind[0]), *kind[1:], tensor.requires_grad, tensor.is_shared()


def add_one(index, tensor, amount):
    tensor[index] += amount


def fail(index, when):
    if index == when:
        raise KeyError("the reason")
    time.sleep(60)


def end(index, how):
    if how == "signal":
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(how)


def train(model, seed):
    fl.manual_seed(seed)
    optimizer = fl.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(30):
        x = fl.randn(16, 2)
        optimizer.zero_grad()
        fl.nn.functional.mse_loss(model(x), x.sum(1, keepdim=True)).backward()
        optimizer.step()


# ---------------------------------------------------------------- sharing


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("strategy", ["file_descriptor", "file_system"])
def test_queues(method, strategy):
    before = set(os.listdir("/dev/shm"))
    mp.set_sharing_strategy(strategy)
    try:
        context = mp.get_context(method)
        inbox, outbox = context.Queue(), context.Queue()
        process = context.Process(target=double, args=(inbox, outbox))
        process.start()
        shared, plain, strided = fl.arange(6.0).share_memory_(), fl.arange(1000), fl.arange(12.0).view(3, 4).t()[1:]
        for tensor in (shared, plain, strided, fl.tensor(3), fl.zeros(0, 2), fl.tensor([1 + 2j]).conj()):
            expected = (tensor * 2).tolist()
            inbox.put(tensor)
            found = outbox.get(timeout=60)
            assert found.tolist() == expected and found.shape == tensor.shape and found.dtype is tensor.dtype
        assert shared.tolist() == [0, 2, 4, 6, 8, 10] and plain[1].item() == 1
        inbox.put(None)
        inbox.put(None)
        process.join(60)
        assert process.exitcode == 0
        del shared, tensor, found
        gc.collect()
    finally:
        mp.set_sharing_strategy("file_descriptor")
    assert {name for name in set(os.listdir("/dev/shm")) - before if name.startswith("flambeau")} == set()


def test_kinds_of_tensors_through_a_pool():
    parameter = fl.nn.Parameter(fl.ones(2, 3))
    kinds = [
        parameter,
        fl.ones(3, requires_grad=True),
        fl.eye(3).to_sparse(),
        fl.ones(4, dtype=fl.uint16),
        fl.eye(2).to_sparse_csr(),
    ]
    with mp.get_context("fork").Pool(2) as pool:
        described = pool.map(describe, kinds)
    assert [kind[0] for kind in described] == [type(kind).__name__ for kind in kinds]
    assert [kind[4] for kind in described] == [True, True, False, False, False]
    assert all(kind[5] for kind in described)
    from flambeau.multiprocessing.pool import Pool

    with Pool(1) as pool:
        assert pool.apply(fl.add, (fl.ones(2), 1)).tolist() == [2, 2]


def test_what_cannot_travel():
    with pytest.raises(RuntimeError, match="Cowardly refusing"):
        mp.reductions.ForkingPickler.dumps(fl.ones(2, requires_grad=True) * 2)
    with pytest.raises(AssertionError, match="invalid sharing strategy 'x'"):
        mp.set_sharing_strategy("x")
    assert mp.get_all_sharing_strategies() == {"file_descriptor", "file_system"}


def test_pipes_and_storages():
    one, other = mp.Pipe()
    storage = fl.arange(3.0).untyped_storage().share_memory_()
    assert storage.is_shared()
    one.send([storage, fl.arange(2.0).storage(), fl.UntypedStorage(0)])
    again, typed, empty = other.recv()
    again[0] = 7
    assert storage[0] == 7 and typed.tolist() == [0, 1] and empty.size() == 0
    ConnectionWrapper(one).send(fl.ones(2))
    assert ConnectionWrapper(other).recv().tolist() == [1, 1]


def test_shared_memory():
    tensor = fl.arange(6.0).view(2, 3)
    assert not tensor.is_shared() and tensor.share_memory_() is tensor and tensor.is_shared() and tensor[1].is_shared()
    assert tensor.tolist() == [[0, 1, 2], [3, 4, 5]]
    model = fl.nn.Linear(2, 1).share_memory()
    assert all(parameter.is_shared() for parameter in model.parameters())
    with pytest.raises(OSError, match="are to be shared"):
        fl._sharing.make(1 << 60)


@pytest.mark.parametrize("method", METHODS)
def test_hogwild(method):
    """Processes train one model in shared memory."""
    fl.manual_seed(0)
    model = fl.nn.Linear(2, 1).share_memory()
    context = mp.get_context(method)
    processes = [context.Process(target=train, args=(model, seed)) for seed in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    assert fl.allclose(model.weight, fl.ones(1, 2), atol=0.1)


# ---------------------------------------------------------------- spawn


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_starting_processes(method):
    tensor = fl.zeros(3).share_memory_()
    assert mp.start_processes(add_one, (tensor, 2.0), nprocs=3, start_method=method) is None
    assert tensor.tolist() == [2, 2, 2]


def test_a_function_that_raises():
    start = time.monotonic()
    with pytest.raises(
        mp.ProcessRaisedException, match=r"Process 1 terminated(.|\n)*in fail(.|\n)*KeyError: 'the reason'"
    ) as caught:
        mp.start_processes(fail, (1,), nprocs=2, start_method="fork")
    assert (
        caught.value.error_index == 1 and isinstance(caught.value, ProcessException) and time.monotonic() - start < 30
    )
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    "how, code, name, text",
    [
        ("signal", -9, "SIGKILL", "process 0 terminated with signal SIGKILL"),
        (3, 3, None, "process 0 terminated with exit code 3"),
    ],
)
def test_a_process_that_ends(how, code, name, text):
    with pytest.raises(mp.ProcessExitedException, match=text) as caught:
        mp.start_processes(end, (how,), nprocs=1, start_method="fork")
    assert (caught.value.exit_code, caught.value.signal_name, caught.value.error_index) == (code, name, 0)


def test_without_waiting():
    context = mp.start_processes(time.sleep, (), nprocs=2, join=False, start_method="fork")  # sleep(0), sleep(1)
    assert len(context.pids()) == 2 and context.join(timeout=0.01) in (False, True)
    while not context.join():
        pass
    with pytest.warns(FutureWarning, match="only supports start_method=spawn"):
        mp.spawn(time.sleep, nprocs=1, start_method="fork")


PARENT = """
import os, time
import flambeau.multiprocessing as mp
context = mp.start_processes(time.sleep, (), nprocs=1, join=False, start_method="fork")
context = mp.start_processes(lambda i: time.sleep(60), (), nprocs=1, join=False, start_method="fork")
print(context.pids()[0], flush=True)
time.sleep(0.5)
os._exit(0)
"""


def test_children_end_with_their_parent():
    done = subprocess.run([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, timeout=60)
    pid = int(done.stdout)
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("the child lives on")


# ---------------------------------------------------------------- copies and ordinary pickles


@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))], ids=["copy", "pickle"]
)
def test_copies(again):
    base = fl.arange(12.0).view(3, 4)
    a, b = again([base, base[1]])
    b.zero_()
    assert a[1].tolist() == [0, 0, 0, 0] and base[1].tolist() == [4, 5, 6, 7] and again(base.t()).stride() == (1, 4)
    parameter = fl.nn.Parameter(fl.ones(2))
    parameter.note = "n"
    one, other = again([parameter, parameter])
    assert one is other and type(one) is fl.nn.Parameter and one.note == "n" and one.requires_grad
    model = fl.nn.Sequential(fl.nn.Linear(2, 2), fl.nn.BatchNorm1d(2), fl.nn.LSTM(2, 2))
    model[0].weight.note = "w"
    copied = again(model)
    assert copied[0].weight.note == "w" and copied[0].weight is not model[0].weight
    for (name, value), (other_name, other) in zip(model.state_dict().items(), copied.state_dict().items(), strict=True):
        assert name == other_name and value.tolist() == other.tolist()
    x = fl.ones(3, 2)
    assert copied(x)[0].tolist() == model(x)[0].tolist()
    generator = fl.Generator().manual_seed(3)
    assert fl.rand(2, generator=again(generator)).tolist() == fl.rand(2, generator=generator).tolist()


def test_optimizers_in_pickles():
    model = fl.nn.Linear(2, 1)
    optimizer = fl.optim.Adam(model.parameters(), lr=0.1)
    schedule = fl.optim.lr_scheduler.StepLR(optimizer, 2)
    for _ in range(3):
        model(fl.ones(4, 2)).sum().backward()
        optimizer.step()
        schedule.step()
    model2, optimizer2, schedule2 = pickle.loads(pickle.dumps((model, optimizer, schedule)))
    assert (
        optimizer2.param_groups[0]["params"][0] is model2.weight and schedule2.get_last_lr() == schedule.get_last_lr()
    )
    for net, opt in ((model, optimizer), (model2, optimizer2)):
        opt.zero_grad()
        net(fl.ones(4, 2)).sum().backward()
        opt.step()
    assert model2.weight.tolist() == model.weight.tolist()
    copied = copy.deepcopy(optimizer)
    assert copied.state_dict()["state"][0]["step"].item() == 4
