"""What introductions to PyTorch promise (promises.py), run as the PyTorch program that it is."""

from pathlib import Path

from tests.compat.test_run import run


def test_promises(tmp_path):
    out, err = run("run", str(Path(__file__).with_name("promises.py").resolve()), cwd=tmp_path)
    assert out == "18 promises kept\n" and err == ""
