"""Data pipes: what each stage gives, sharding and seeds in loaders, and the same in torch."""

import functools
import io
import pickle

import pytest

import flambeau as fl
from flambeau.utils import data
from flambeau.utils.data.datapipes.iter import FileLister, FileOpener, IterableWrapper
from flambeau.utils.data.datapipes.map import SequenceWrapper


def tens(x):
    return x * 10


def add(a, b):
    return a + b


def parity(x):
    return x % 2


def is_even(x):
    return x % 2 == 0


def stages(wrap, sequence):
    """Name and a function that makes lists from two starts of pipes."""
    return {
        "map": lambda: list(wrap(range(4)).map(tens)),
        "map columns": lambda: list(wrap([(1, 2, 3), (4, 5, 6)]).map(add, input_col=[0, 2])),
        "map to the end": lambda: list(wrap([(1, 2), (4, 5)]).map(tens, input_col=1, output_col=-1)),
        "map dict": lambda: list(wrap([{"a": 1, "b": 2}]).map(add, input_col=["a", "b"], output_col="c")),
        "map dict in place": lambda: list(wrap([{"a": 1, "b": 2}]).map(add, input_col=["a", "b"])),
        "map list": lambda: list(wrap([[1, 2]]).map(tens, input_col=0, output_col=1)),
        "filter": lambda: list(wrap(range(6)).filter(is_even)),
        "filter column": lambda: list(wrap([(1, 2), (2, 3)]).filter(is_even, input_col=0)),
        "batch": lambda: [list(b) for b in wrap(range(5)).batch(2)],
        "batch dropped": lambda: [list(b) for b in wrap(range(5)).batch(2, drop_last=True)],
        "unbatch": lambda: list(wrap([[[1], [2, 3]], [[4]]]).unbatch(2)),
        "unbatch all": lambda: list(wrap([[[1], 2], 3]).unbatch(-1)),
        "concat": lambda: list(wrap([1]).concat(wrap([2, 3]))),
        "zip": lambda: list(wrap([1, 2, 3]).zip(wrap("ab"))),
        "mux": lambda: list(wrap([1, 2, 3]).mux(wrap([10, 20, 30, 40]), wrap([5, 6, 7]))),
        "fork": lambda: [list(p) for p in wrap(range(4)).fork(3)],
        "fork by turns": lambda: list(zip(*wrap(range(4)).fork(2), strict=True)),
        "demux": lambda: [list(p) for p in wrap(range(7)).demux(2, parity)],
        "groupby": lambda: list(map(list, wrap(["a", "bb", "c", "dd", "e"]).groupby(len))),
        "groupby sizes": lambda: list(map(list, wrap(["a", "bb", "c", "dd", "e"]).groupby(len, group_size=2))),
        "groupby full": lambda: list(map(list, wrap("abcabcabbb").groupby(str, buffer_size=4))),
        "groupby keys": lambda: [(k, list(v)) for k, v in wrap(range(5)).groupby(parity, keep_key=True)],
        "groupby dropping": lambda: list(
            map(
                list,
                wrap("abcdaab").groupby(str, buffer_size=3, group_size=3, guaranteed_group_size=2, drop_remaining=True),
            )
        ),
        "shuffle": lambda: list(wrap(range(20)).shuffle()),
        "shuffle small": lambda: list(wrap(range(20)).shuffle(buffer_size=3)),
        "shuffle seeded": lambda: list(wrap(range(20)).shuffle().set_seed(3)),
        "shuffle off": lambda: list(wrap(range(5)).shuffle().set_shuffle(False)),
        "shuffle unbatched": lambda: sorted(wrap([[1, 2], [3]]).shuffle(unbatch_level=1)),
        "sharding": lambda: [list(_sharded(wrap(range(7)).sharding_filter(), 3, i)) for i in range(3)],
        "collate": lambda: [b.tolist() for b in wrap(range(4)).batch(2).collate()],
        "lengths": lambda: [len(wrap(range(5)).batch(2)), len(wrap(range(5)).map(tens).concat(wrap([1])).shuffle())],
        "sequence": lambda: [sequence([3, 1, 2]).map(tens)[i] for i in range(3)],
        "sequence shuffled": lambda: list(sequence(range(10)).shuffle().set_seed(5)),
        "sequence batch": lambda: [list(sequence(range(5)).batch(2)[i]) for i in range(3)],
        "sequence concat": lambda: [sequence([1, 2]).concat(sequence([3]))[i] for i in range(3)],
        "sequence zip": lambda: sequence([1, 2]).zip(sequence("ab"))[1],
    }


def _sharded(pipe, count, place):
    pipe.apply_sharding(count, place)
    return pipe


EXPECTED = {
    "map columns": [(4, 2), (10, 5)],
    "map to the end": [(1, 2, 20), (4, 5, 50)],
    "unbatch all": [1, 2, 3],
    "mux": [1, 10, 5, 2, 20, 6, 3, 30, 7],
    "fork": [[0, 1, 2, 3]] * 3,
    "demux": [[0, 2, 4, 6], [1, 3, 5]],
    "groupby full": [["a", "a"], ["b", "b"], ["c", "c"], ["a", "b"], ["b", "b"]],
    "groupby sizes": [["a", "c"], ["bb", "dd"], ["e"]],
    "sharding": [[0, 3, 6], [1, 4], [2, 5]],
    "lengths": [3, 6],
    "sequence batch": [[0, 1], [2, 3], [4]],
}


@pytest.mark.parametrize("name", [name for name in EXPECTED if name != "groupby full"])
def test_stages(name):
    assert stages(IterableWrapper, SequenceWrapper)[name]() == EXPECTED[name]


@pytest.mark.oracle
def test_stages_as_in_torch():
    torch = pytest.importorskip("torch")
    from torch.utils.data.datapipes.iter import IterableWrapper as TorchIterable
    from torch.utils.data.datapipes.map import SequenceWrapper as TorchSequence

    theirs = stages(TorchIterable, TorchSequence)
    for name, ours in stages(IterableWrapper, SequenceWrapper).items():
        torch.manual_seed(1)
        fl.manual_seed(1)
        assert ours() == theirs[name](), name


@pytest.mark.oracle
@pytest.mark.parametrize("workers", [0, 2])
def test_loaders_of_pipes_as_in_torch(workers):
    torch = pytest.importorskip("torch")
    results = []
    for lib, wrap in ((fl, IterableWrapper), (torch, None)):
        if wrap is None:
            from torch.utils.data.datapipes.iter import IterableWrapper as wrap
        out = []
        for persistent in (False, True) if workers else (False,):
            lib.manual_seed(3)
            pipe = wrap(range(40)).shuffle().sharding_filter().map(tens)
            for shuffle in (None, True, False):
                loader = lib.utils.data.DataLoader(
                    pipe, batch_size=4, num_workers=workers, shuffle=shuffle, persistent_workers=persistent
                )
                out += [[batch.tolist() for batch in loader] for _ in range(2)]
            out.append(lib.rand(1).item())
        results.append(out)
    assert results[0] == results[1]


@pytest.mark.parametrize("kind", ["process", "thread"])
def test_workers_share_a_pipe(kind):
    pipe = IterableWrapper(range(23)).shuffle().sharding_filter()
    loader = data.DataLoader(pipe, batch_size=3, num_workers=2, worker_type=kind)
    passes = [[i for batch in loader for i in batch.tolist()] for _ in range(2)]
    assert [sorted(each) for each in passes] == [list(range(23))] * 2 and passes[0] != passes[1]


def test_shuffling_is_added_where_asked_for():
    with pytest.warns(UserWarning, match="does not contain a `Shuffler`"):
        loader = data.DataLoader(IterableWrapper(range(30)), shuffle=True, batch_size=30)
    (batch,) = loader
    assert sorted(batch.tolist()) == list(range(30)) != batch.tolist()


def test_a_pipe_has_one_valid_iterator():
    pipe = IterableWrapper(range(3))
    first = iter(pipe)
    assert next(first) == 0
    second = iter(pipe)
    with pytest.raises(RuntimeError, match="This iterator has been invalidated"):
        next(first)
    assert list(second) == [0, 1, 2]
    a, b = IterableWrapper(range(4)).fork(2)
    assert (list(a), list(b), list(a), list(b)) == ([0, 1, 2, 3],) * 4


def test_pipes_resume():
    pipe = IterableWrapper(range(30)).shuffle()
    fl.manual_seed(2)
    loader = data.DataLoader(pipe, batch_size=4)
    batches = iter(loader)
    for _ in range(3):
        next(batches)
    state = loader.state_dict()
    rest = [batch.tolist() for batch in batches]
    fl.manual_seed(9)
    again = data.DataLoader(IterableWrapper(range(30)).shuffle(), batch_size=4)
    again.load_state_dict(state)
    assert [batch.tolist() for batch in again] == rest


def test_files(tmp_path):
    for name in ("b.txt", "a.txt", "c.csv"):
        (tmp_path / name).write_text(name)
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "d.txt").write_text("deep")
    names = [path.rpartition("/")[2] for path in FileLister(str(tmp_path), "*.txt")]
    assert names == ["a.txt", "b.txt"]
    assert len(list(FileLister(str(tmp_path), ["*.txt", "*.csv"], recursive=True))) == 4
    opened = FileOpener(FileLister(str(tmp_path), "*.txt")).read_from_stream()
    assert [text for _, text in opened] == ["a.txt", "b.txt"]
    assert [
        piece for _, piece in IterableWrapper([str(tmp_path / "c.csv")]).open_files("rb").read_from_stream(chunk=2)
    ] == [
        b"c.",
        b"cs",
        b"v",
    ]


def test_streams_close_with_their_children():
    from flambeau.utils.data.datapipes.utils.common import StreamWrapper

    parent = StreamWrapper(io.BytesIO(b"archive"))
    children = [StreamWrapper(io.BytesIO(b"x"), parent, name=f"c{i}") for i in range(2)]
    parent.autoclose()
    StreamWrapper.close_streams({"a": [children[0]]})
    assert children[0].closed and not parent.closed and children[1].read() == b"x"
    children[1].close()
    assert parent.closed


def test_graphs_and_pickles():
    from flambeau.utils.data.graph import traverse_dps
    from flambeau.utils.data.graph_settings import get_all_graph_pipes

    a, b = IterableWrapper(range(4)), IterableWrapper(range(3))
    pipe = a.zip(b.map(functools.partial(add, 1))).batch(2)
    pipes = get_all_graph_pipes(traverse_dps(pipe))
    assert len(pipes) == 5 and {id(a), id(b)} < set(map(id, pipes))
    assert [list(x) for x in pickle.loads(pickle.dumps(pipe))] == [[(0, 1), (1, 2)], [(2, 3)]]
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = pipe.nothing
    assert "batch" in dir(pipe) and str(pipe) == "BatcherIterDataPipe"


@pytest.mark.parametrize(
    "make, error, text",
    [
        (lambda: IterableWrapper([1]).batch(0), AssertionError, "Batch size"),
        (lambda: IterableWrapper([1]).shuffle(buffer_size=0), AssertionError, "buffer_size"),
        (lambda: IterableWrapper([1]).concat([2]), TypeError, "IterDataPipe"),
        (lambda: IterableWrapper([1]).fork(0), ValueError, "num_instances"),
        (lambda: list(IterableWrapper([1]).filter(lambda x: x)), ValueError, "Boolean output"),
        (lambda: list(IterableWrapper([1]).unbatch()), IndexError, "exceeds the depth"),
        (lambda: IterableWrapper([1]).map(add, input_col=[0]), ValueError, "takes 2 parameters"),
        (lambda: IterableWrapper([1]).map(tens, output_col=1), ValueError, "must be None"),
        (lambda: list(IterableWrapper([5]).demux(2, tens)[0]), ValueError, "between 0 and 1"),
        (lambda: list(IterableWrapper(range(9)).fork(2, buffer_size=3)[0]), BufferError, "buffer overflow"),
        (lambda: FileOpener([], mode="w"), ValueError, "Invalid mode"),
        (lambda: _sharded(IterableWrapper([1]).sharding_filter(), 2, 2), ValueError, "smaller than"),
        (lambda: SequenceWrapper([1]).batch(2)[1], IndexError, "out of bound"),
    ],
)
def test_misuse(make, error, text):
    with pytest.raises(error, match=text):
        make()
