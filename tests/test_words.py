"""Words that the field does not use stay out: of names in the code, and of sentences that a person reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from vidrobust.cli.app import cli

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "vidrobust"

NAMES = re.compile(
    r"(^|_)(told|untold|reckon\w*|crew|heard|foretold|felt|correlated|huber|man)(_|$)",
    re.IGNORECASE,
)
"""Words of identifiers."""
CODED = re.compile(r"\b(effective_freedom|settle_process|give_memory_back|two_models_of|along_tracks)\b")

SENTENCES = re.compile(
    r"""
    \b(un)?told\b | (?<!cannot\ )\btells?\b | \bitems?\b | \(s\) | \bhangs\ on\b
    | comes?\ back\ in | in\ other\ company | changes\ hands | that\ small | computer's
    | asks\ for\ nothing | little\ to\ stand | of\ no\ more\ than\ so
    | judge\ by\ other\ families | grain\ is\ not\ that | as\ of\ the\ second\ frame | played\ backwards:
    | whatever\ the\ truth | goes\ as\ far\ as | would\ tell\b | reckon
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""In sentences: "item" is the name of a column, and an input, clip or image set where a person reads it."""
ALLOWED = re.compile(
    r"\bcolumn item\b|columns? [a-z0-9_, ]*\bitem\b|(and|,) item\b|\bItem\.|align-items|^## items$"
)
"""Where the column is meant."""


@cache
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def names(tree: ast.Module) -> Iterator[str]:
    """What the module defines: functions, classes, arguments, variables and attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr


def sentences(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and text of strings of several words that are no docstrings; places of values are left empty."""
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)) or id(node) in bare:
            continue
        if " " in node.value.strip() and "\n" not in node.value.strip():
            yield node.lineno, node.value


def against(text: str) -> str:
    """The words to leave in a text, "" without any."""
    return ", ".join(found[0] for found in SENTENCES.finditer(ALLOWED.sub(" ", text)))


def test_names_in_the_code() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path, tree in trees().items()
        for name in dict.fromkeys(names(tree))
        if NAMES.search(name) or CODED.search(name)
    ]
    assert not wrong, "\n".join(wrong)


def test_sentences_of_console_errors_and_reports() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {found}: {text}"
        for path, tree in trees().items()
        for line, text in sentences(tree)
        if (found := against(text))
    ]
    assert not wrong, "\n".join(wrong)


def commands(command: click.Command, path: str = "vidrobust") -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from commands(each, f"{path} {name}")


def test_help() -> None:
    wrong = [
        f"{path}: {found}: {text}"
        for path, command in commands(cli)
        for text in [command.help or "", *(getattr(option, "help", None) or "" for option in command.params)]
        if (found := against(text))
    ]
    assert not wrong, "\n".join(wrong)


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of a page, without code, tags and addresses."""
    code = False
    for line, text in enumerate(path.read_text().splitlines(), start=1):
        code ^= text.lstrip().startswith("```")
        if not code:
            yield line, re.sub(r"`[^`]*`|<[^>]*>|\{[{%#].*?[%#}]\}|\]\([^)]*\)", " ", text)


PAGES = [
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *PACKAGE.rglob("templates/*.html"))
    if path.name != "architecture.md"
]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages(page: Path) -> None:
    wrong = [f"{line}: {found}: {text}" for line, text in prose(page) if (found := against(text))]
    assert not wrong, "\n".join(wrong)


def test_the_list_finds_what_it_names() -> None:
    assert against("the rule never tells it, as told")
    assert against("3 item(s) left")
    assert not against("cannot tell; its name in the column item, or columns path, item, part")
