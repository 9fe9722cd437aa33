"""Lists and dicts that worker processes share: they read like the originals."""

import copy
import os
import pickle
import random
from pathlib import Path

import pytest

import flambeau as fl
from flambeau.utils import data
from flambeau.utils.data._utils import packing

VALUES = [(f"name-{i:06d}", i) for i in range(30_000)]
MIXED = [
    None,
    True,
    1,
    2**80,
    -1.5,
    float("inf"),
    2j,
    "",
    "ä\ud800",
    b"\0x",
    (),
    ("a", (1, 2)),
    frozenset({3}),
    [1, [2]],
    {"k": {4}},
]


def packed_list(values):
    return packing._packed(list(values))


def packed_dict(values):
    return packing._packed(dict(values))


def test_a_list_reads_like_a_list():
    ordinary, packed = VALUES[:500], packed_list(VALUES[:500])
    assert type(packed) is packing.PackedList and isinstance(packed, list) and not isinstance(packed, dict)
    assert len(packed) == 500 and packed[3] == ordinary[3] and packed[-1] == ordinary[-1]
    assert packed[5:400:7] == ordinary[5:400:7] and packed[::-1] == ordinary[::-1]
    assert list(packed) == [*packed] == ordinary and list(reversed(packed)) == ordinary[::-1]
    assert packed == ordinary and ordinary == packed and packed != ordinary[1:] and packed < ordinary[1:]
    assert ordinary[7] in packed and ("no", 1) not in packed
    assert packed.index(ordinary[9]) == 9 and packed.count(ordinary[9]) == 1
    assert packed + [1] == ordinary + [1] and [1] + packed == [1] + ordinary and packed * 2 == ordinary * 2
    assert sorted(packed, key=lambda v: -v[1]) == ordinary[::-1] and repr(packed) == repr(ordinary)
    assert copy.deepcopy(packed) == pickle.loads(pickle.dumps(packed)) == packed.copy() == ordinary
    assert type(pickle.loads(pickle.dumps(packed))) is list
    assert random.Random(1).sample(packed, 3) == random.Random(1).sample(ordinary, 3)
    for wrong in (500, -501):
        with pytest.raises(IndexError, match="list index out of range"):
            packed[wrong]
    with pytest.raises(TypeError):
        packed["a"]
    assert packed_list(MIXED) == MIXED and [type(v) for v in packed_list(MIXED)] == [type(v) for v in MIXED]


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.append(1),
        lambda x: x.extend([1, 2]),
        lambda x: x.insert(2, 0),
        lambda x: x.pop(),
        lambda x: x.pop(0),
        lambda x: x.remove(("name-000003", 3)),
        lambda x: x.reverse(),
        lambda x: x.sort(key=lambda v: -v[1]),
        lambda x: x.clear(),
        lambda x: x.__setitem__(3, "x"),
        lambda x: x.__setitem__(slice(1, 3), []),
        lambda x: x.__delitem__(0),
        lambda x: x.__iadd__([1]) is x,
        lambda x: random.Random(0).shuffle(x),
    ],
)
def test_a_change_makes_it_an_ordinary_list(change):
    ordinary, packed = VALUES[:20], packed_list(VALUES[:20])
    assert change(packed) == change(ordinary)
    assert packed == ordinary and len(packed) == len(ordinary) and list(packed) == ordinary


def test_a_dict_reads_like_a_dict():
    keys = [*range(200), *(f"k{i}" for i in range(200)), *((i, "t") for i in range(50)), 2.5, b"b", None, -7]
    ordinary = {key: (key, [i]) for i, key in enumerate(keys)}
    packed = packed_dict(ordinary)
    assert isinstance(packed, dict) and len(packed) == len(ordinary) and list(packed) == keys
    assert (
        all(packed[key] == ordinary[key] for key in keys) and packed[1.0] == ordinary[1] and packed[True] == ordinary[1]
    )
    assert list(packed.items()) == list(ordinary.items()) and list(packed.values()) == list(ordinary.values())
    assert (
        packed == ordinary
        and ordinary == packed
        and packed.keys() == ordinary.keys()
        and list(reversed(packed)) == keys[::-1]
    )
    assert packed.get("no") is None and packed.get("no", 3) == 3 and "k3" in packed and object() not in packed
    assert packed | {"x": 1} == ordinary | {"x": 1} and {**packed} == ordinary and repr(packed) == repr(ordinary)
    assert type(pickle.loads(pickle.dumps(packed))) is dict and copy.copy(packed) == ordinary
    with pytest.raises(KeyError, match="no"):
        packed["no"]
    with pytest.raises(TypeError, match="unhashable"):
        packed[[1]]
    for change in (
        lambda x: x.pop("k3"),
        lambda x: x.setdefault("new", 1),
        lambda x: x.update(a=1),
        lambda x: x.popitem(),
        lambda x: x.__setitem__("k4", 0),
        lambda x: x.__delitem__("k5"),
        lambda x: x.clear(),
    ):
        assert change(packed) == change(ordinary)
        assert packed == ordinary and len(packed) == len(ordinary)


@pytest.mark.parametrize(
    "values, large, plain",
    [
        (VALUES, True, True),
        (dict(VALUES), True, True),
        ([{"path": f"p{i}", "box": [i, i]} for i in range(10_000)], True, True),
        (list(range(100_000)), True, True),
        ([None] * 1_000_000, False, True),
        (VALUES[:2_000], False, True),
        ([Path("x")] * 30_000, True, False),
        ([fl.ones(1)] * 30_000, True, False),
        ([(1.5, bytearray(b"x"))] * 30_000, True, False),
    ],
    ids=str,
)
def test_what_is_packed(values, large, plain):
    assert packing._is_large(values) == large
    assert (packing.Packs().get(values, True) is not None) == (large and plain)


def test_packing_again_only_after_changes():
    values, records = list(VALUES), [{"id": str(i) * 8} for i in range(30_000)]
    packs = packing.Packs()
    first = packs.get(values, False)
    assert packs.get(values, False) is first and packs.get(records, False) is None
    values[5] = ("new", 5)
    second = packs.get(values, False)
    assert second is not first and second[5] == ("new", 5)
    kept = packs.get(records, True)
    records[3]["id"] = "changed"  # cannot be noticed, so it is packed each time
    assert packs.get(records, True)[3] == {"id": "changed"} and kept[3] == {"id": "3" * 8}


class Named(data.Dataset):
    def __init__(self):
        self.items, self.table, self.small = list(VALUES), dict(VALUES), [1, 2]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        name, number = self.items[i]
        assert self.table[name] == number
        return number, type(self.items).__name__ == "PackedList", type(self.table).__name__ == "PackedDict"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_share(method):
    dataset = Named()
    for source in (dataset, data.Subset(dataset, range(100)), data.ConcatDataset([dataset])):
        loader = data.DataLoader(
            data.Subset(source, range(40)), batch_size=20, num_workers=2, multiprocessing_context=method
        )
        for _ in range(2 if method == "fork" else 1):
            batches = list(loader)
            assert [batch[0].tolist() for batch in batches] == [list(range(20)), list(range(20, 40))]
            assert all(bool(batch[1].all()) and bool(batch[2].all()) for batch in batches)
    assert type(dataset.items) is list and type(dataset.table) is dict  # here nothing has changed
    plain = data.DataLoader(list(VALUES), batch_size=4, num_workers=1, multiprocessing_context=method)
    assert next(iter(plain))[1].tolist() == [0, 1, 2, 3]
    threads = data.DataLoader(dataset, num_workers=1, worker_type="thread")
    assert not next(iter(threads))[1].any()


class Words(data.Dataset):
    def __init__(self, count):
        self.items = [(f"word-{i:07d}", i) for i in range(count)]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i][1]


def private_memory(pid):
    """Bytes that the process has written to and shares with no other."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_Dirty"))


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="needs Linux")
def test_workers_grow_by_less_than_a_tenth_of_the_list():
    before = private_memory("self")
    dataset = Words(200_000)
    size = private_memory("self") - before
    loader = data.DataLoader(dataset, batch_size=1000, num_workers=1, shuffle=True, persistent_workers=True)
    batches = iter(loader)
    next(batches)
    (worker,) = batches._workers
    first = private_memory(worker.pid)
    assert sum(1 for _ in batches) == 199
    assert size > 10_000_000 and private_memory(worker.pid) - first < 0.1 * size + 1_000_000
