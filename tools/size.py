"""Prints lines per folder, longest files and functions, the extension's size, import time; fails past a limit."""

import ast
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE_LINES = 1000
FUNCTION_LINES = 60
CPP_LINES = 16000
WHEEL_MB = 12
IMPORT_SECONDS = 0.15


def source_files():
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [ROOT / n for n in names if n.endswith((".py", ".cpp", ".h")) and (ROOT / n).exists()]


def count(path):
    return len(path.read_text().splitlines())


def folder_of(path):
    parts = path.relative_to(ROOT).parts
    return "/".join(parts[: min(2, len(parts) - 1)]) or "."


def functions(path):
    """(lines without docstring, name) of each Python function of a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node, clean=False)
            lines = node.end_lineno - node.lineno + 1 - (len(text.splitlines()) if text else 0)
            yield lines, f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"


def best_time(code, rounds=7):
    """The fastest of several fresh interpreters that run `code`."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
        times.append(time.perf_counter() - start)
    return min(times)


def report_lines(files):
    """Print lines per folder; return what is past a limit."""
    totals = {}
    for path in files:
        totals[folder_of(path)] = totals.get(folder_of(path), 0) + count(path)
    for folder, lines in sorted(totals.items()):
        print(f"{lines:7d}  {folder}")
    native = sum(lines for folder, lines in totals.items() if folder.startswith("csrc"))
    print(f"{native:7d}  csrc in all (limit {CPP_LINES})")
    return [f"csrc has {native} lines, the limit is {CPP_LINES}"] if native > CPP_LINES else []


def report_longest(files):
    problems = [f"{p.relative_to(ROOT)} has {count(p)} lines" for p in files if count(p) > FILE_LINES]
    package = [p for p in files if p.suffix == ".py" and p.is_relative_to(ROOT / "flambeau")]
    lengths = sorted((row for p in package for row in functions(p)), reverse=True)
    if lengths:
        print(f"functions of the package: {len(lengths)}, median {lengths[len(lengths) // 2][0]} lines, longest:")
        print(*(f"{lines:7d}  {where}" for lines, where in lengths[:3]), sep="\n")
    return problems + [f"{where} has {lines} lines" for lines, where in lengths if lines > FUNCTION_LINES]


def report_weight():
    problems = []
    for path in sorted([*(ROOT / "flambeau").glob("_C*.so"), *(ROOT / "dist").glob("*.whl")]):
        megabytes = path.stat().st_size / 2**20
        print(f"{megabytes:7.1f}  MB {path.relative_to(ROOT)}")
        if path.suffix == ".whl" and megabytes > WHEEL_MB:
            problems.append(f"{path.name} is over {WHEEL_MB} MB")
    cost = best_time("import flambeau") - best_time("pass")
    print(f"{cost:7.3f}  s to import flambeau, over bare Python")
    return problems + ([f"import takes {cost:.3f} s, limit {IMPORT_SECONDS}"] if cost > IMPORT_SECONDS else [])


def main():
    files = source_files()
    problems = report_lines(files) + report_longest(files) + report_weight()
    for problem in problems:
        print(f"over the limit: {problem}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
