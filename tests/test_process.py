"""What concerns the whole process: what an import loads, forks, and what threads may see."""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np

from tests.frame import fl

FORKS = """
import os, signal, {name} as fl
fl.set_num_threads(2)
x = fl.ones(1 << 20)
for turn in range(100):
    assert (x * 2).sum().item() == 2 << 20
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(0 if (x * 3).sum().item() == 3 << 20 else 1)
    assert os.waitpid(child, 0)[1] == 0, turn
print("fine")
"""


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)


def test_parallel_op_fork_parallel_op():
    """100 of 100."""
    result = run(FORKS.format(name=fl.__name__))
    assert result.stdout.strip() == "fine", result.stderr[-800:]


def test_import_loads_nothing_heavy():
    code = "import sys; before = set(sys.modules); import flambeau; print(*sorted(set(sys.modules) - before))"
    loaded = set(run(code).stdout.split())
    assert "flambeau" in loaded
    heavy = {"numpy", "scipy", "PIL", "tqdm", "torch", "multiprocessing", "concurrent.futures", "asyncio", "unittest"}
    assert not loaded & heavy


def test_sources_without_the_compiled_part_say_so(tmp_path):
    """As in a clone, beside an installed flambeau."""
    import flambeau

    (tmp_path / "flambeau").mkdir()
    (tmp_path / "flambeau/__init__.py").write_bytes(Path(flambeau.__file__).read_bytes())
    done = subprocess.run([sys.executable, "-c", "import flambeau"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and f"{tmp_path}/flambeau has flambeau's sources" in done.stderr


def test_several_python_threads():
    """Each thread has its own grad mode, and results are those of one thread."""
    x = fl.rand(300, 300)
    expected = (x @ x).numpy()
    problems = []

    def work(number):
        with fl.no_grad() if number % 2 else fl.enable_grad():
            for _ in range(20):
                y = x.clone().requires_grad_()
                z = y @ y
                if z.requires_grad != (number % 2 == 0):
                    problems.append("grad mode leaked")
                if not np.array_equal(z.detach().numpy(), expected):
                    problems.append("values differ")
                if number % 2 == 0:
                    z.sum().backward()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems


def test_no_leak_over_many_steps():
    """Training steps do not grow the process."""
    import resource

    w = fl.randn(200, 200, requires_grad=True)

    def step():
        loss = (w @ w).exp().mean()
        loss.backward()
        w.grad = None

    for _ in range(30):
        step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(300):
        step()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 20_000, f"{grown} KiB more after 300 steps"
