"""The fuzzer: what it takes for intended stands in the documentation; a few draws find nothing else."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
fuzz = importlib.import_module("tools.fuzz")


def test_intended_differences_are_documented():
    text = (ROOT / "docs" / "design.md").read_text()
    reasons = {reason for *_, reason in fuzz.INTENDED} | {
        fuzz.EMPTY, fuzz.SEVERAL, fuzz.UNDETERMINED, fuzz.BROKEN, fuzz.FINITE,
    }  # fmt: skip
    assert not [reason for reason in sorted(reasons) if reason not in text]


def test_draws_are_the_same_every_time():
    frame = importlib.import_module("tests.frame")
    rows = frame.load_rows()
    assert [repr(fuzz.Case(rows, frame, 5, n)) for n in range(20)] == [
        repr(fuzz.Case(rows, frame, 5, n)) for n in range(20)
    ]


@pytest.mark.oracle
def test_a_few_draws(tmp_path):
    pytest.importorskip("torch")
    command = [
        sys.executable,
        ROOT / "tools" / "fuzz.py",
        "--draws",
        "150",
        "--ops",
        "^(add|clamp|sum|cat)$",
        "--folder",
        tmp_path,
    ]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert "150 draws, seed 0: 0 mismatches" in done.stdout, done.stdout + done.stderr
    shown = subprocess.run([*map(str, command[:2]), "--only", "3", "--ops", "^add$"], capture_output=True, text=True)
    assert json.loads(shown.stdout.splitlines()[-1])[:3] == [3, "add", "the same"]
