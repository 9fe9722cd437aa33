"""Runs the code of the pages: README.md, docs/*.md and examples/README.md. `doc_pages.py [PATTERN]`: of those whose path has PATTERN.

The blocks of a page run in order, in one process that starts in an empty folder. What a block is, its fence says:

- `python`: runs in the page's namespace; a warning is an error.
- `bash`: each line is given to bash; `flambeau` and `python` are this installation's.
- `text` right after one of these: what that block printed. `...` stands for anything, white space for any other.

A comment before a block says what else may be done with it:

- `<!-- file: NAME -->`: the block is a file of the folder, for the blocks after it.
- `<!-- needs: PACKAGE -->`: run where the package is installed, and listed where it is not.
- `<!-- not run: REASON -->`: only listed.

`cpp` is to be read. Code that is only indented, or whose fence says something else, would be overlooked, so it is an error.
"""

import contextlib
import doctest
import importlib.util
import io
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import time
import traceback
import types
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
LIMIT = 300  # seconds for a page
_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>file|needs|not run): (?P<value>.+?) -->\n+)?```(?P<kind>\w*)\n(?P<code>.*?)^```$", re.M | re.S
)


def pages(root=ROOT):
    """The files whose code is run."""
    return [
        p
        for p in (root / "README.md", *sorted((root / "docs").glob("*.md")), root / "examples/README.md")
        if p.exists()
    ]


def title(path):
    """What a page is called in the report."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name)


def blocks(text):
    """The blocks of a page, each with its line, mark and the output that is expected (None: not said)."""
    found, end = [], 0
    for match in _BLOCK.finditer(text):
        block = types.SimpleNamespace(**match.groupdict(), output=None)
        block.line = text.count("\n", 0, match.start("code"))
        if block.kind == "text" and found and not text[end : match.start()].strip():
            found[-1].output = block.code
        else:
            found.append(block)
        end = match.end()
    return found


def indented(text):
    """Lines at which code begins that is only indented: it would not be run."""
    rest = _BLOCK.sub(lambda m: "x\n" * m[0].count("\n") + "x", text).split("\n\n")
    line, in_list = 1, False
    for part in rest:
        start = part.lstrip("\n")
        if start and not start.startswith("  "):
            in_list = re.match(r"[-*] |\d+\. ", start) is not None
        if start.startswith("    ") and not in_list:
            yield line + part.count("\n") - start.count("\n")
        line += part.count("\n") + 2


def python(block, main, path):
    """Run a block of Python; returns what it printed. Its lines are those of the page, in tracebacks and for inspect."""
    code = compile("\n" * block.line + block.code, str(path), "exec", dont_inherit=True)
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(code, vars(main))
    return out.getvalue()


def shell(block):
    """Run a block of commands; returns what they printed."""
    done = subprocess.run(["bash", "-ec", block.code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError(f"status {done.returncode}:\n{done.stdout}")
    return done.stdout


def reason(block):
    """Why a block is not run, or None."""
    if block.mark == "not run":
        return block.value
    if block.mark == "needs" and importlib.util.find_spec(block.value) is None:
        return f"needs {block.value}"
    return None


def run_block(block, main, path):
    """Run a block; returns what is wrong (None: nothing) and whether the blocks after it can be run."""
    try:
        printed = python(block, main, path) if block.kind == "python" else shell(block)
    except BaseException as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
        return "".join([*traceback.format_list(frames), *traceback.format_exception_only(error)]), False
    if block.output is None or doctest.OutputChecker().check_output(block.output, printed, FLAGS):
        return None, True
    return f"expected:\n{textwrap.indent(block.output, '    ')}\ngot:\n{textwrap.indent(printed, '    ')}", True


def run_page(path):
    """Run a page in this process and this folder; prints what is to be known and returns whether all went well."""
    text = path.read_text()
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    sys.path[0] = ""
    name, began, ran = title(path), time.monotonic(), 0
    skipped, failed = [], [f"{line}: code that is only indented: put it between fences" for line in indented(text)]
    for block in blocks(text):
        if block.kind not in ("python", "bash", "text", "cpp"):
            failed.append(f"{block.line}: a block of {block.kind or 'no language'}: say python, bash, text or cpp")
        elif block.mark == "file":
            Path(block.value).write_text(block.code)
        elif block.kind in ("text", "cpp"):
            continue
        elif why := reason(block):
            skipped.append(f"{block.line}: {why}")
        else:
            ran += 1
            wrong, usable = run_block(block, main, path)
            if wrong:
                failed.append(f"{block.line}:\n{textwrap.indent(wrong, '    ')}")
            if not usable:
                break
    lines = [f"  not run {name}:{text}" for text in skipped] + [f"  FAILED {name}:{text}" for text in failed]
    print(f"{name}: {ran} blocks run, {time.monotonic() - began:.1f} s", *lines, sep="\n", flush=True)
    return not failed


def environment(folder):
    """For a page's process: this flambeau, and commands that are this installation's."""
    package = Path(importlib.util.find_spec("flambeau").origin).parents[1]
    for name, words in (("python", ""), ("flambeau", "-m flambeau")):
        command = folder / name
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        command.chmod(0o755)
    paths = [str(package), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(folder), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join(p for p in paths if p),
        "PYTHONDONTWRITEBYTECODE": "1",
        "COLUMNS": "100",
        "NO_COLOR": "1",
    }


def start_page(path):
    """Run a page in a process of its own; returns whether all went well and what it printed."""
    with tempfile.TemporaryDirectory(prefix="pages-") as top:
        commands, folder = Path(top, "bin"), Path(top, "page")
        commands.mkdir()
        folder.mkdir()
        try:
            done = subprocess.run(
                [sys.executable, __file__, "--page", str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, cwd=folder, env=environment(commands), timeout=LIMIT,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return False, f"{title(path)}: FAILED: longer than {LIMIT} s\n"
        return done.returncode == 0, done.stdout


def main():
    if sys.argv[1:2] == ["--page"]:
        sys.exit(0 if run_page(Path(sys.argv[2])) else 1)
    pattern, began, failed = "".join(sys.argv[1:2]), time.monotonic(), 0
    wanted = [path for path in pages() if pattern in title(path)]
    with ThreadPoolExecutor(2) as pool:
        for good, printed in pool.map(start_page, wanted):
            failed += not good
            print(printed, end="", flush=True)
    print(f"pages: {len(wanted)}, {failed} failed, {time.monotonic() - began:.0f} s")
    sys.exit(1 if failed or not wanted else 0)


if __name__ == "__main__":
    main()
