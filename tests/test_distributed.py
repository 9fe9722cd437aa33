"""flambeau.distributed: stores, collective operations and training, in two processes over TCP."""

import json
import multiprocessing
import socket
import threading
from datetime import timedelta

import pytest

from tests.frame import fl

dist, nn = fl.distributed, fl.nn


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _worker(rank, size, port, folder, job):
    dist.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=size, timeout=timedelta(seconds=60)
    )
    try:
        result = globals()[job](rank, size)
    finally:
        dist.destroy_process_group()
    (folder / f"{rank}.json").write_text(json.dumps(result))


def together(folder, job, size=2):
    """What `job(rank, size)` gives in each of several processes."""
    port, context = free_port(), multiprocessing.get_context("spawn")
    processes = [context.Process(target=_worker, args=(r, size, port, folder, job)) for r in range(size)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    return [json.loads((folder / f"{r}.json").read_text()) for r in range(size)]


def collectives(rank, size):
    x = fl.tensor([1.0, 2.0]) * (rank + 1)
    found = {}
    for op in (dist.ReduceOp.SUM, dist.ReduceOp.AVG, dist.ReduceOp.MAX, dist.ReduceOp.PRODUCT):
        y = x.clone()
        dist.all_reduce(y, op)
        found[op.name] = y.tolist()
    y = x.clone()
    dist.broadcast(y, 1)
    found["broadcast"] = y.tolist()
    parts = [fl.zeros(2) for _ in range(size)]
    dist.all_gather(parts, x)
    found["all_gather"] = [p.tolist() for p in parts]
    y = x.clone()
    dist.reduce(y, 1)
    found["reduce"] = y.tolist()
    gathered = [fl.zeros(2) for _ in range(size)] if rank == 0 else None
    dist.gather(x, gathered, 0)
    found["gather"] = [p.tolist() for p in gathered or []]
    y = fl.zeros(2)
    dist.scatter(y, [x, x * 10] if rank == 0 else None, 0)
    found["scatter"] = y.tolist()
    y = fl.zeros(2)
    dist.reduce_scatter(y, [x, x * 10])
    found["reduce_scatter"] = y.tolist()
    y = fl.zeros(2)
    dist.all_to_all_single(y, x)
    found["all_to_all"] = y.tolist()
    both = fl.zeros(4, dtype=fl.bfloat16)
    dist.all_gather_into_tensor(both, x.bfloat16())
    found["into"] = both.tolist()
    objects = [None] * size
    dist.all_gather_object(objects, {"rank": rank})
    found["objects"] = objects
    flags = fl.tensor([rank == 0, True])
    dist.all_reduce(flags, dist.ReduceOp.MIN)
    found["flags"] = flags.tolist()
    return found


def messages(rank, size):
    x = fl.full((2,), float(rank))
    y = fl.zeros(2)
    works = [dist.irecv(y, 1 - rank), dist.isend(x, 1 - rank)]
    for work in works:
        work.wait()
    found = [y.tolist()]
    if rank == 0:
        dist.send(fl.arange(3), 1)
    else:
        z = fl.zeros(3, dtype=fl.int64)
        found += [dist.recv(z), z.tolist()]
    half = dist.new_group([1])
    found.append(dist.get_rank(half))
    mesh = dist.init_device_mesh("cpu", (2, 1), mesh_dim_names=("a", "b"))
    found += [mesh.get_coordinate(), mesh["a"].size(), mesh.get_local_rank("a")]
    return found


class Partly(nn.Module):
    def __init__(self):
        super().__init__()
        self.used = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        return self.used(x)


def training(rank, size):
    fl.manual_seed(rank)
    model = Partly()
    parallel = nn.parallel.DistributedDataParallel(model)
    optimizer = fl.optim.SGD(parallel.parameters(), 0.1)
    for _ in range(3):
        optimizer.zero_grad()
        parallel(fl.randn(8, 3)).square().sum().backward()
        optimizer.step()
    with parallel.no_sync():
        optimizer.zero_grad()
        parallel(fl.randn(8, 3) * (rank + 1)).square().sum().backward()
        alone = model.used[0].weight.grad.tolist()
    return {
        "parameters": [p.tolist() for p in model.parameters()], "alone": alone, "unused": model.unused.weight.grad is None,
    }  # fmt: skip


def test_collectives(tmp_path):
    first, second = together(tmp_path, "collectives")
    for found in (first, second):
        assert (
            found["SUM"] == [3, 6]
            and found["AVG"] == [1.5, 3]
            and found["MAX"] == [2, 4]
            and found["PRODUCT"] == [2, 8]
        )
        assert found["broadcast"] == [2, 4] and found["all_gather"] == [[1, 2], [2, 4]]
        assert (
            found["into"] == [1, 2, 2, 4]
            and found["objects"] == [{"rank": 0}, {"rank": 1}]
            and found["flags"] == [False, True]
        )
    assert second["reduce"] == [3, 6] and first["gather"] == [[1, 2], [2, 4]] and second["gather"] == []
    assert first["scatter"] == [1, 2] and second["scatter"] == [10, 20]
    assert first["reduce_scatter"] == [3, 6] and second["reduce_scatter"] == [30, 60]
    assert first["all_to_all"] == [1, 2] and second["all_to_all"] == [2, 4]


def test_messages(tmp_path):
    first, second = together(tmp_path, "messages")
    assert first == [[1, 1], -1, [0, 0], 2, 0]
    assert second == [[0, 0], 0, [0, 1, 2], 0, [1, 0], 2, 1]


def test_training(tmp_path):
    first, second = together(tmp_path, "training")
    assert first["parameters"] == second["parameters"] and first["alone"] != second["alone"]
    assert first["unused"] and second["unused"]


def test_one_process():
    with pytest.raises(ValueError, match="not been initialized"):
        dist.get_rank()
    with pytest.raises(ValueError, match="not been initialized"):
        nn.parallel.DistributedDataParallel(nn.Linear(1, 1))
    dist.init_process_group(store=dist.HashStore(), rank=0, world_size=1)
    try:
        x = fl.ones(2)
        assert dist.all_reduce(x, async_op=True).wait() and x.tolist() == [1, 1]
        assert dist.get_world_size() == 1 and dist.get_backend() == "gloo" and dist.is_initialized()
        with pytest.raises(ValueError, match="twice"):
            dist.init_process_group(store=dist.HashStore(), rank=0, world_size=1)
        model = nn.parallel.DistributedDataParallel(nn.Linear(2, 2))
        model(x).sum().backward()
        assert model.module.weight.grad.tolist() == [[1, 1], [1, 1]]
        with pytest.raises(TypeError, match="torch.Tensor"):
            dist.all_reduce([1])
        with pytest.raises(ValueError, match="destination"):
            dist.send(x, 0)
        with pytest.raises(ValueError, match="new_group"):
            dist.new_group([3])
        with pytest.raises(RuntimeError, match="any parameter"):
            nn.parallel.DistributedDataParallel(nn.ReLU())
    finally:
        dist.destroy_process_group()
    assert not dist.is_initialized()


@pytest.mark.parametrize(
    "arguments, kind, text",
    [
        ({"backend": "nccl"}, RuntimeError, "NCCL built in"),
        ({"init_method": "http://a"}, RuntimeError, "No rendezvous handler"),
        ({"init_method": "tcp://127.0.0.1:1"}, ValueError, "rank and world_size"),
        ({"init_method": "tcp://127.0.0.1", "rank": 0, "world_size": 1}, ValueError, "port"),
        ({"timeout": 3}, TypeError, "timedelta"),
        ({"store": dist.HashStore(), "rank": 3, "world_size": 2}, ValueError, "rank 3 of 2"),
    ],
)
def test_bad_groups(arguments, kind, text):
    with pytest.raises(kind, match=text):
        dist.init_process_group(**arguments)
    assert not dist.is_initialized()


def test_environment(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="RANK expected"):
        dist.init_process_group("gloo")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    dist.init_process_group("gloo")
    assert dist.get_world_size() == 1
    dist.destroy_process_group()


@pytest.mark.parametrize("kind", ["hash", "tcp", "file", "prefix"])
def test_stores(kind, tmp_path):
    store = {
        "hash": dist.HashStore,
        "tcp": lambda: dist.TCPStore("127.0.0.1", 0, is_master=True),
        "file": lambda: dist.FileStore(tmp_path / "store", 1),
        "prefix": lambda: dist.PrefixStore("a", dist.HashStore()),
    }[kind]()
    store.set("text", "value")
    assert store.get("text") == b"value" and store.add("n", 3) == 3 and store.add("n", -1) == 2
    store.append("text", b"s")
    assert store.get("text") == b"values" and store.check(["text", "n"]) and not store.check(["text", "no"])
    assert store.compare_set("c", "", "first") == b"first" and store.compare_set("c", "other", "x") == b"first"
    assert store.compare_set("c", "first", "second") == b"second" and store.num_keys() == 3
    assert store.delete_key("c") and not store.delete_key("c")
    store.multi_set(["a", "b"], ["1", "2"])
    assert store.multi_get(["a", "b"]) == [b"1", b"2"]
    store.set_timeout(timedelta(milliseconds=50))
    with pytest.raises(dist.DistStoreError, match="timeout"):
        store.get("nothing")
    with pytest.raises(dist.DistStoreError, match="timeout"):
        store.wait(["nothing"])
    if kind == "tcp":
        threading.Timer(0.1, lambda: store.clone().set("late", "here")).start()
        store.set_timeout(timedelta(seconds=20))
        assert store.get("late") == b"here"
        store.close()


def test_a_server_that_is_not_there():
    with pytest.raises(dist.DistNetworkError, match="timed out"):
        dist.TCPStore("127.0.0.1", free_port(), timeout=timedelta(milliseconds=200))
    server = dist.TCPStore("127.0.0.1", 0, is_master=True)
    with pytest.raises(dist.DistNetworkError, match="cannot listen"):
        dist.TCPStore("127.0.0.1", server.port, is_master=True)
    with socket.create_connection(("127.0.0.1", server.port)) as stranger:
        stranger.sendall(b"\xff" * 64)
    server.set("key", "still there")
    assert server.get("key") == b"still there"
    server.close()
