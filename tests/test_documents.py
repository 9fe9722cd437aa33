"""What the pages say is there, and the tool that runs their code."""

import importlib
import re
from pathlib import Path

import pytest

from tests.frame import fl

ROOT = Path(__file__).resolve().parents[1]
doc_pages = importlib.import_module("tools.doc_pages")
PAGES = [*doc_pages.pages(), ROOT / "CONTRIBUTING.md", ROOT / "tests/README.md", ROOT / "CHANGELOG.md"]
# Where paths in the text may start.
PLACES = ("", "csrc", "csrc/core", "csrc/python", "csrc/kernels/cpu", "flambeau", "tests")
_PATH = re.compile(r"[.\w*{},-]+(?:/[.\w*{},-]+)+(?:\.(?:py|cpp|h|def|md)|/)?|[\w-]+\.(?:cpp|h|def)")


def paths(text):
    """Words between backticks that look like files or folders of the repository."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    for word in re.findall(r"`([^`\s]+)`", prose):
        if _PATH.fullmatch(word) and (
            Path(word).suffix in (".py", ".cpp", ".h", ".def", ".md") or word.startswith("csrc/")
        ):
            yield word


def is_there(word):
    before, brace, rest = word.partition("{")
    if brace:
        names, _, after = rest.partition("}")
        return all(is_there(f"{before}{name}{after}") for name in names.split(","))
    return any(list((ROOT / place).glob(word.rstrip("/"))) for place in PLACES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_pages_name_exist(page):
    missing = [word for word in paths(page.read_text()) if not is_there(word)]
    assert not missing, f"{page.name} names {missing}"


def test_what_looks_like_a_file_of_the_repository():
    text = "`csrc/ops/conv.cpp`, `ops/*.py`, `a/b`, `x.y`, `runs/mnist/model.pt`, `core/{node,tensor}.h`\n```\n`no/way.py`\n```\n"
    assert list(paths(text)) == ["csrc/ops/conv.cpp", "ops/*.py", "core/{node,tensor}.h"]
    assert is_there("core/{node,tensor}.h") and not is_there("core/{node,nothing}.h")


@pytest.mark.parametrize(("page", "folders"), [("how-it-works", []), ("engine", ["examples"])])
def test_names_of_the_code_exist(page, folders):
    """Words between backticks on the pages about the code are words of it."""
    text = re.sub(r"^```.*?^```$", "", (ROOT / f"docs/{page}.md").read_text(), flags=re.M | re.S)
    sources = [
        p
        for folder in ("csrc", "flambeau", *folders)
        for p in (ROOT / folder).rglob("*")
        if p.suffix in (".py", ".cpp", ".h", ".def")
    ]
    known = set(re.findall(r"\w+", "\n".join(f"{p} {p.read_text()}" for p in sources)))
    words = {word for quoted in re.findall(r"`([^`]+)`", text) for word in re.findall(r"[A-Za-z_]\w{3,}", quoted)}
    assert len(words) > 60
    assert not words - known


def test_the_engine_of_the_page_is_that_of_the_examples():
    """docs/engine.md shows all of examples/engine.py but its command line, in the file's order."""
    shown = "\n".join(b.code for b in doc_pages.blocks((ROOT / "docs/engine.md").read_text()) if b.kind == "python")
    source = (ROOT / "examples/engine.py").read_text()
    source = source[source.index("# ---- the graph") : source.index("# ---- command line")]
    parts = [re.sub(r"^# ----.*", "", part, flags=re.M).strip() for part in source.split("\n\n\n")]
    places = [shown.find(f"{part}\n") for part in parts if part]
    assert len(places) > 12 and -1 not in places
    assert places == sorted(places)


def test_what_is_said_to_be_missing_is_missing():
    """`tools/missing_names.py` writes the table, beside torch; a name that has come since must leave it."""
    text = (ROOT / "docs/coming-from-pytorch.md").read_text()
    table = text[text.index("<!-- missing names") : text.index("| module | only an error")]
    rows = re.findall(r"^\| `torch([\w.]*)` \| (.*) \|$", table, re.M)
    there = []
    for path, names in rows:
        module = importlib.import_module(f"flambeau{path}")
        there += [f"torch{path}.{name}" for name in re.findall(r"`(\w+)`", names) if hasattr(module, name)]
    text = (ROOT / "docs/vision.md").read_text()
    names = re.findall(r"`(\w+)`", text[text.index("Not there:") :])
    assert len(names) > 5
    there += [name for name in names if hasattr(fl.vision.datasets, name)]
    assert len(rows) > 20 and not there, "they are here now: python tools/missing_names.py"


PAGE = """
```python
x = 1
print("one")
```

```text
on...
```

<!-- file: part.py -->
```python
y = 2
```

```bash
cat part.py
python -c 'import part; print(part.y)'
```

```text
y = 2
2
```

<!-- needs: a_package_that_nobody_has -->
```python
import a_package_that_nobody_has
```

<!-- not run: costs too much -->
```bash
false
```

- a list

    goes on
"""


def run(folder, text):
    """What the tool says of a page with this text."""
    page = folder / "page.md"
    page.write_text(text)
    return doc_pages.start_page(page)


def test_a_page_is_run(tmp_path):
    good, printed = run(tmp_path, PAGE)
    assert good, printed
    lines = printed.splitlines()
    assert lines[0].startswith("page.md: 2 blocks run")
    assert lines[1:] == [
        "  not run page.md:27: needs a_package_that_nobody_has",
        "  not run page.md:32: costs too much",
    ]


@pytest.mark.parametrize(
    "text, said",
    [
        ("```python\nprint(1)\n```\n\n```text\n2\n```\n", "expected:"),
        ("```python\nx = 1\n1 / 0\n```\n", 'page.md", line 3'),
        ("```python\nimport warnings\nwarnings.warn('careful')\n```\n", "careful"),
        ("```bash\nfalse\n```\n", "status 1"),
        ("text\n\n    indented\n", "page.md:3: code that is only indented"),
        ("```py\nx = 1\n```\n", "page.md:1: a block of py"),
    ],
)
def test_what_a_page_must_not_have(tmp_path, text, said):
    good, printed = run(tmp_path, text)
    assert not good and "FAILED" in printed and said in printed
