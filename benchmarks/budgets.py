"""Count code lines, groups of entry points, settings, commands and words, and hold them against the budgets.

    python benchmarks/budgets.py

The budgets are ``[tool.vidrobust.budgets]`` in ``pyproject.toml``. A code line holds at least one token of Python
that is neither a comment nor part of a docstring, so comments, docstrings and blank lines are free. The command
ends with exit code 1 where a count is above its budget or a docstring is empty. A budget is only ever lowered;
raising one is a commit of its own that says what users get for it.
"""

from __future__ import annotations

import ast
import dataclasses
import io
import sys
import tokenize
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "vidrobust"
PLUGINS = PACKAGE / "plugins"
NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
"""Kinds of tokens that make no code line."""


def counts(project: dict[str, Any]) -> dict[str, int]:
    """Return every count by the name of its budget.

    Parameters
    ----------
    project
        The content of ``pyproject.toml``.

    Returns
    -------
    dict of str to int
        Code lines of the core, the plugins, the benchmarks and the tests; entry-point groups; settings and commands
        of the core; words, separated by white space, of all Markdown files that git does not ignore.
    """
    plugins = sorted(PLUGINS.rglob("*.py"))
    core = sorted(set(PACKAGE.rglob("*.py")) - set(plugins))
    return {
        "core": _lines(core),
        "plugins": _lines(plugins),
        "benchmarks": _lines((ROOT / "benchmarks").rglob("*.py")),
        "tests": _lines((ROOT / "tests").rglob("*.py")),
        "entry_point_groups": len(project["project"]["entry-points"]),
        "core_settings": _settings(),
        "core_commands": _commands(),
        "markdown_words": sum(
            len(path.read_text(encoding="utf-8").split()) for path in _markdown()
        ),
    }


def code_lines(source: str) -> int:
    """Count the lines of ``source`` that hold code: no blank lines, comments or docstrings."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    lines = {
        line
        for token in tokens
        if token.type not in NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    for node in _docstrings(ast.parse(source)):
        lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


def _lines(paths: Iterable[Path]) -> int:
    return sum(code_lines(path.read_text(encoding="utf-8")) for path in paths)


def _docstrings(tree: ast.Module) -> Iterator[ast.Expr]:
    """Every statement that is nothing but a string: docstrings, and the texts below constants."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield node


def empty_docstrings() -> list[str]:
    """Return ``file:line`` of each docstring of the package that holds no word."""
    return [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in _docstrings(ast.parse(path.read_text(encoding="utf-8")))
        if not str(ast.literal_eval(node.value)).strip()
    ]


def _settings() -> int:
    from vidrobust.run_folder.settings import Settings

    return len({field.name for field in dataclasses.fields(Settings)} - {"plugins"})


def _commands() -> int:
    from vidrobust.cli.app import cli
    from vidrobust.cli.command_entry import from_plugins

    return len(set(cli.commands) - {entry.name for entry in from_plugins(()).records})


def _markdown() -> list[Path]:
    ignored = {"build", "reports", "commands", "generated", "node_modules"}
    return [
        path
        for path in ROOT.rglob("*.md")
        if not any(
            part.startswith(".") or part in ignored for part in path.relative_to(ROOT).parts[:-1]
        )
    ]


def main() -> int:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    budgets = project["tool"]["vidrobust"]["budgets"]
    found, empty = counts(project), empty_docstrings()
    for name, count in found.items():
        over = f"  over by {count - budgets[name]:,}" if count > budgets[name] else ""
        print(f"{name:20} {count:8,} of {budgets[name]:8,}{over}")
    for place in empty:
        print(f"{place}: this docstring is empty")
    return int(bool(empty) or any(count > budgets[name] for name, count in found.items()))


if __name__ == "__main__":
    sys.exit(main())
