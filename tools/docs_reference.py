"""A hook of mkdocs: one reference page per public module, made from the docstrings of the names in its `__all__`, and a list of them;
the examples as pages."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

from mkdocs.structure.files import File

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SECTIONS = ("Args:", "Returns:", "Raises:", "Yields:", "Note:", "Source:", "Example:", "Examples:", "Shape:")


def public_modules():
    """flambeau and its modules that have an `__all__`, without private ones."""
    package = importlib.import_module("flambeau")
    yield package
    for info in pkgutil.walk_packages(package.__path__, "flambeau."):
        if not any(part.startswith("_") for part in info.name.split(".")):
            module = importlib.import_module(info.name)
            if getattr(module, "__all__", None):
                yield module


def signature(value):
    try:
        return str(inspect.signature(value))
    except (TypeError, ValueError):
        return "(...)"


def plain(line):
    """Formulas and roles as code: `$x_i$` and `:math:`x_i`` are read as they stand."""
    return re.sub(r"\$([^$]+)\$|:\w+:`([^`]+)`", lambda m: f"`{m[1] or m[2]}`", line)


def markdown(text):
    """A docstring as Markdown: sections in bold, arguments as a list, examples as code."""
    lines, in_code, in_list, in_section = [], False, False, False
    for line in inspect.cleandoc(text or "").splitlines():
        stripped = line.strip()
        if in_code and not stripped:
            lines.append("```")
            in_code = False
        if stripped.startswith(">>>") and not in_code:
            lines += ["", "```pycon"]
            in_code = True
        if in_code:
            lines.append(stripped)
            continue
        line, stripped = plain(line), plain(stripped).replace("::", ":")
        head, _, rest = stripped.partition(" ")
        if rest and head in SECTIONS and not line.startswith(" "):
            lines += ["", f"**{head[:-1]}** {rest}"]
            in_list, in_section = False, True
        elif stripped in SECTIONS:
            lines += ["", f"**{stripped[:-1]}**", ""]
            in_list, in_section = stripped in ("Args:", "Raises:"), True
        elif in_list and re.match(r"\s+[*\w., ]+(\(.*?\))?:\s", line):
            name, _, rest = stripped.partition(":")
            lines.append(f"- `{name}`:{rest}")
        elif in_list and stripped:
            lines.append(f"  {stripped}")
        else:
            in_list = in_list and not stripped
            lines.append(stripped if in_section else line)
    return "\n".join(lines + ["```"] * in_code)


def entry(name, value):
    """One name: a heading, its signature and its docstring; a class's own public methods below it."""
    parts = [f"## {name}", "", f"```python\n{name}{signature(value)}\n```", "", markdown(value.__doc__), ""]
    if inspect.isclass(value):
        for key, member in vars(value).items():
            method = getattr(member, "__func__", member)
            if not key.startswith("_") and callable(method) and (method.__doc__ or "").strip():
                parts += [f"### {name}.{key}", "", f"```python\n{key}{signature(method)}\n```", ""]
                parts += [markdown(method.__doc__), ""]
    return "\n".join(parts)


def page(module):
    """The reference page of a module; names that are documented elsewhere (submodules) are left to their pages."""
    parts = [f"# {module.__name__}", "", markdown(module.__doc__), ""]
    constants = []
    for name in sorted(module.__all__, key=str.lower):
        value = getattr(module, name)
        if inspect.ismodule(value):
            continue
        if callable(value):
            parts.append(entry(name, value))
        else:
            constants.append(f"`{name}`")
    if constants:
        parts += ["## Constants", "", ", ".join(constants), ""]
    return "\n".join(parts)


def contents(modules):
    """The list of all reference pages: what each module is for, in one line."""
    lines = [
        "# Reference",
        "",
        "Every public name, by module. Tensor methods are in [flambeau](flambeau.md), under Tensor.",
        "",
    ]
    lines += ["| module | what |", "| --- | --- |"]
    for module in modules:
        first = inspect.cleandoc(module.__doc__ or "").split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
        lines.append(f"| [{module.__name__}]({module.__name__}.md) | {first} |")
    return "\n".join(lines)


def example_pages():
    """(name, text): the list of examples, and each program."""
    listed = (EXAMPLES / "README.md").read_text()
    yield "index.md", re.sub(r"\((\w+)\.py\)", r"(\1.md)", listed).replace("(../docs/", "(../")
    for path in sorted(EXAMPLES.glob("*.py")):
        yield f"{path.stem}.md", f"# {path.name}\n\n```python\n{path.read_text()}```\n"


def on_files(files, config):
    """Add the generated pages to what mkdocs found in docs/."""
    modules = list(public_modules())
    files.append(File.generated(config, "reference/index.md", content=contents(modules)))
    for module in modules:
        files.append(File.generated(config, f"reference/{module.__name__}.md", content=page(module)))
    for name, text in example_pages():
        files.append(File.generated(config, f"examples/{name}", content=text))
    return files
