"""`flambeau run`: programs see what they see under python."""

import os
import subprocess
import sys
import textwrap

import pytest

import flambeau

ROOT = os.path.dirname(os.path.dirname(flambeau.__file__))


def run(*words, cwd, status=0, **environment):
    """(stdout, stderr) of `python -m flambeau ...`, whose exit status must be the given one."""
    env = {**os.environ, "PYTHONPATH": ROOT, **environment}
    done = subprocess.run(
        [sys.executable, "-m", "flambeau", *words], cwd=cwd, env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == status, done.stderr
    return done.stdout, done.stderr


def script(folder, text, name="program.py"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return path


def test_a_program_sees_its_arguments_and_folder(tmp_path):
    script(
        tmp_path,
        """
        import sys
        import torch, flambeau, helper
        import torch.nn.functional as F
        from torch import nn
        print(sys.argv, sys.path[0], __name__, __file__)
        print(torch is flambeau, sys.modules["torch.nn"] is flambeau.nn, helper.value)
        print(nn.Linear(2, 3)(torch.ones(1, 2)).shape)
        """,
        "inner/program.py",
    )
    script(tmp_path, "value = 7", "inner/helper.py")
    out, err = run("run", "inner/program.py", "--help", "-x", cwd=tmp_path)
    lines = out.splitlines()
    assert lines[0] == f"['inner/program.py', '--help', '-x'] {tmp_path}/inner __main__ {tmp_path}/inner/program.py"
    assert lines[1:] == ["True True 7", "torch.Size([1, 3])"] and err == ""


def test_a_module(tmp_path):
    script(tmp_path, "import sys, torch; print(sys.argv[1:], __package__, __spec__.name)", "package/train.py")
    script(tmp_path, "print('main')", "package/__main__.py")
    script(tmp_path, "", "package/__init__.py")
    assert run("run", "-m", "package.train", "--lr", "1", cwd=tmp_path)[0] == "['--lr', '1'] package package.train\n"
    assert run("run", "-m", "package", cwd=tmp_path)[0] == "main\n"
    assert run("run", "package", cwd=tmp_path)[0] == "main\n"
    assert "no module named 'nothing'" in run("run", "-m", "nothing", cwd=tmp_path, status=2)[1]
    assert "nothing" in run("run", "-m", "nothing.at.all", cwd=tmp_path, status=2)[1]


@pytest.mark.parametrize("end, status", [("sys.exit(3)", 3), ("sys.exit('text')", 1), ("pass", 0), ("1 / 0", 1)])
def test_exit_status(tmp_path, end, status):
    script(tmp_path, f"import sys\n{end}\n")
    run("run", "program.py", cwd=tmp_path, status=status)


def test_a_program_from_the_standard_input(tmp_path):
    words = [sys.executable, "-m", "flambeau", "run", "-", "a"]
    program = "import sys, torch\nprint(sys.argv, __name__, torch.__name__)\n1 / 0\n"
    env = {**os.environ, "PYTHONPATH": ROOT}
    done = subprocess.run(words, input=program, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stdout == "['-', 'a'] __main__ torch\n" and done.returncode == 1
    assert done.stderr.splitlines()[:2] == [
        "Traceback (most recent call last):",
        '  File "<stdin>", line 3, in <module>',
    ]


def test_tracebacks_are_the_programs_own(tmp_path):
    script(tmp_path, "def f():\n    1 / 0\nf()\n")
    err = run("run", "program.py", cwd=tmp_path, status=1)[1]
    assert err.splitlines()[0] == "Traceback (most recent call last):" and err.endswith(
        "ZeroDivisionError: division by zero\n"
    )
    assert err.count("File ") == 2 == err.count("program.py")
    script(tmp_path, "import torch.nowhere\n")
    err = run("run", "program.py", cwd=tmp_path, status=1)[1]
    assert err.count("File ") == 1 and "No module named 'torch.nowhere'" in err
    script(tmp_path, "x = (\n")
    assert "SyntaxError" in run("run", "program.py", cwd=tmp_path, status=1)[1]


def test_what_cannot_be_run(tmp_path):
    script(tmp_path, "", "train.py")
    err = run("run", "trian.py", cwd=tmp_path, status=2)[1]
    assert "can't open file" in err and "there is 'train.py'" in err and "Traceback" not in err
    (tmp_path / "empty").mkdir()
    assert "can't find '__main__' module" in run("run", "empty", cwd=tmp_path, status=2)[1]
    assert "which program?" in run("run", cwd=tmp_path, status=2)[1]


def test_children_have_the_alias(tmp_path):
    script(
        tmp_path,
        """
        import multiprocessing, subprocess, sys
        import torch
        def child():
            import torch
            print("spawned", torch.__version__)
        if __name__ == "__main__":
            process = multiprocessing.get_context("spawn").Process(target=child)
            process.start()
            process.join()
            code = "import torch; print('started', torch.__version__)"
            print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout, end="")
        """,
    )
    out, _ = run("run", "program.py", cwd=tmp_path)
    assert out == f"spawned {flambeau.__version__}\nstarted {flambeau.__version__}\n"


def test_a_sitecustomize_of_the_users_still_runs(tmp_path):
    script(tmp_path, "print('mine')", "site/sitecustomize.py")
    script(
        tmp_path,
        "import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', ''], capture_output=True).stdout)",
    )
    out, _ = run("run", "program.py", cwd=tmp_path, PYTHONPATH=f"{ROOT}{os.pathsep}{tmp_path / 'site'}")
    assert out == "mine\nb'mine\\n'\n"


def test_help(tmp_path):
    out, _ = run("run", "--help", cwd=tmp_path)
    assert "examples:" in out and "flambeau run train.py --epochs 3" in out
    assert "run a PyTorch program" in run("--help", cwd=tmp_path)[0]
    assert flambeau.__version__ in run("--version", cwd=tmp_path)[0]
