"""flambeau.profiler: events, averages, tables, schedules and trace files."""

import gzip
import json
import threading

import pytest

from tests.frame import fl

profiler = fl.profiler
CPU = [profiler.ProfilerActivity.CPU]


X, W, ONE = fl.ones(4, 8), fl.ones(8, 3), fl.ones(1)


def work():
    x, w = X.detach().requires_grad_(), W
    with profiler.record_function("product"):
        y = (x @ w).relu()
    y.sum().backward()


def test_events_nest():
    with profiler.profile(activities=CPU, record_shapes=True, with_stack=True, with_flops=True) as p:
        work()
    names = [event.name for event in p.events()]
    start = names.index("product")
    assert names[start : start + 3] == ["product", "aten::matmul", "aten::relu"]
    product = p.events()[start]
    assert [child.name for child in product.cpu_children] == names[start + 1 : start + 3] and product.is_user_annotation
    assert product.cpu_children[0].cpu_parent is product and product.self_cpu_time_total < product.cpu_time_total
    matmul = product.cpu_children[0]
    assert matmul.input_shapes[:2] == [[4, 8], [8, 3]] and matmul.flops == 2 * 4 * 8 * 3
    assert "test_profiler.py" in matmul.stack[0] and "autograd::engine::run_backward" in names


def test_ranges_by_operator():
    """As torch.fx programs put them into graphs."""
    operators = fl.ops.profiler
    with fl.profiler.profile() as profile:
        handle = operators._record_function_enter("first")
        assert operators._record_function_exit(handle) is None
        operators._record_function_exit._RecordFunction(operators._record_function_enter_new("second", None))
    assert [event.key for event in profile.key_averages()] == ["first", "second"]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = operators.nothing
    graph = fl.fx.symbolic_trace(lambda handle: operators._record_function_exit(handle)).graph
    assert [node.target for node in graph.nodes][1] is operators._record_function_exit


def test_averages_and_tables():
    big = fl.ones(1 << 20)
    with profiler.profile(profile_memory=True) as p:
        for _ in range(3):
            ONE.exp()
        kept = big.exp()
    averages = p.key_averages()
    assert [(a.key, a.count) for a in averages] == [("aten::exp", 4)] and averages[0].cpu_memory_usage >= kept.nbytes
    table = averages.table(sort_by="cpu_time_total", row_limit=5)
    for word in (
        "Name",
        "Self CPU %",
        "CPU total",
        "CPU Mem",
        "# of Calls",
        "aten::exp",
        "4.00 MB",
        "Self CPU time total: ",
    ):
        assert word in table
    total = averages.total_average()
    assert total.key == "Total" and total.count == 4 and total.cpu_time == pytest.approx(total.cpu_time_total / 4)
    assert averages.self_cpu_time_total == pytest.approx(p.events().self_cpu_time_total)
    by_shape = p.key_averages(group_by_input_shape=True)
    assert len(by_shape) == 1 and fl.autograd.profiler.EventList().table() == ""


@pytest.mark.parametrize("name", ["trace.json", "trace.json.gz"])
def test_trace_files(tmp_path, name):
    with profiler.profile(record_shapes=True) as p:
        work()
    p.add_metadata("note", "text")
    p.add_metadata_json("numbers", "[1, 2]")
    p.export_chrome_trace(str(tmp_path / name))
    with (gzip.open if name.endswith("gz") else open)(tmp_path / name, "rt") as file:
        trace = json.load(file)
    events = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert trace["note"] == "text" and trace["numbers"] == [1, 2] and len(events) == len(p.events())
    assert {"name", "ts", "dur", "tid", "pid", "cat", "args"} <= events[0].keys()
    assert {event["cat"] for event in events} == {"cpu_op", "user_annotation"}


def test_stacks(tmp_path):
    with profiler.profile(with_stack=True) as p:
        for _ in range(50):
            fl.ones(1 << 16).exp()
    p.export_stacks(str(tmp_path / "stacks"), "self_cpu_time_total")
    assert "test_profiler.py" in (tmp_path / "stacks").read_text()
    with pytest.raises(ValueError):
        p.export_stacks(str(tmp_path / "stacks"), "nothing")
    with profiler.profile() as p:
        pass
    with pytest.raises(RuntimeError, match="with_stack"):
        p.export_stacks(str(tmp_path / "stacks"))


def test_schedules():
    plan = profiler.schedule(wait=1, warmup=1, active=2, repeat=2, skip_first=1)
    names = "NONE NONE WARMUP RECORD RECORD_AND_SAVE NONE WARMUP RECORD RECORD_AND_SAVE NONE".split()
    assert [plan(step).name for step in range(10)] == names
    ready = []
    with profiler.profile(schedule=plan, on_trace_ready=lambda p: ready.append([e.name for e in p.events()])) as p:
        for _ in range(10):
            ONE.exp()
            p.step()
    assert ready == [
        ["ProfilerStep#3", "aten::exp", "ProfilerStep#4", "aten::exp"],
        ["ProfilerStep#7", "aten::exp", "ProfilerStep#8", "aten::exp"],
    ]
    with pytest.raises(AssertionError):
        profiler.schedule(wait=0, warmup=0, active=0)


def test_nothing_stays_behind():
    with pytest.raises(ZeroDivisionError), profiler.profile():
        1 / 0
    from flambeau import _interpreters

    assert not _interpreters.active() and not fl.autograd.profiler._active

    @profiler.record_function("decorated")
    def f():
        return fl.ones(1)

    assert f().item() == 1
    with profiler.profile() as p:
        f()
        thread = threading.Thread(target=f)
        thread.start()
        thread.join()
    assert [e.name for e in p.events()].count("decorated") == 2


def test_old_profile():
    with fl.autograd.profiler.profile() as p:
        ONE.exp()
    assert [e.name for e in p.function_events] == ["aten::exp"] and "aten::exp" in str(p)
    with fl.autograd.profiler.profile(enabled=False):
        fl.ones(1)
    with pytest.raises(RuntimeError, match="finish"):
        fl.autograd.profiler.profile().function_events
    with pytest.raises(AssertionError), fl.autograd.profiler.emit_nvtx():
        pass
