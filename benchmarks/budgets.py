"""Count lines, modules, settings, commands and words, and hold them against ``[tool.vidrobust.budgets]``.

    python benchmarks/budgets.py

Ends with exit code 1 where a count is above its budget. A budget is only ever lowered; raising one is a commit of
its own that says what users get for it.
"""

from __future__ import annotations

import ast
import dataclasses
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "vidrobust"
PLUGINS = PACKAGE / "plugins"


def counts() -> dict[str, int]:
    """Return every count by the name of its budget.

    Lines are those of Python files with blank lines and docstrings. Settings and commands are those of the core.
    Docstrings are those of modules, classes and functions, and the texts below assignments; words are separated
    by white space. Markdown is counted everywhere but in folders that git ignores.
    """
    every = sorted(PACKAGE.rglob("*.py"))
    plugins = [path for path in every if PLUGINS in path.parents]
    core = [path for path in every if path not in set(plugins)]
    return {
        "core_lines": _lines(core),
        "core_modules": len(core),
        "plugin_lines": _lines(plugins),
        "core_settings": _settings(),
        "core_commands": _commands(),
        "docstring_words": sum(len(text.split()) for path in every for text in _docstrings(path)),
        "markdown_words": sum(len(path.read_text(encoding="utf-8").split()) for path in _markdown()),
    }


def _lines(paths: Iterable[Path]) -> int:
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)


def _settings() -> int:
    from vidrobust.run_folder.settings import Settings

    return len({field.name for field in dataclasses.fields(Settings)} - {"plugins"})


def _commands() -> int:
    from vidrobust.cli.app import cli
    from vidrobust.cli.command_entry import from_plugins

    return len(set(cli.commands) - {entry.name for entry in from_plugins(()).records})


def _docstrings(path: Path) -> Iterator[str]:
    """Every statement that is nothing but a string."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value.value if isinstance(node.value.value, str) else ""


def _markdown() -> list[Path]:
    ignored = {"build", "reports", "commands", "generated", "node_modules"}
    return [
        path
        for path in ROOT.rglob("*.md")
        if not any(part.startswith(".") or part in ignored for part in path.relative_to(ROOT).parts[:-1])
    ]


def main() -> int:
    budgets = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["vidrobust"][
        "budgets"
    ]
    found = counts()
    for name, count in found.items():
        over = f"  over by {count - budgets[name]:,}" if count > budgets[name] else ""
        print(f"{name:16} {count:8,} of {budgets[name]:8,}{over}")
    return int(any(count > budgets[name] for name, count in found.items()))


if __name__ == "__main__":
    sys.exit(main())
