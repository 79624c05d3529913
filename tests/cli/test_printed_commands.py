"""Commands that the package prints: each exists and takes the options it is printed with."""

import ast
import re
import shlex
from pathlib import Path

import click
import pytest

from vidrobust.cli.app import cli

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "vidrobust"
COMMAND = re.compile(
    r"""\bvidrobust ([a-z]+(?:-[a-z]+)*)((?: (?:"[^"]*"|'[^']*'|[^\s`"';,()<]+))*)"""
)
PLACE = re.compile(r"\{[^{}]*\}|\b[A-Z][A-Z_]+\b")
"""What stands for a value of the user: {run.folder_name}, RUN, SPEC."""
PROSE = {"is", "run", "sends", "clean", "the", "has", "runs"}
"""Words behind the package's name that are no command: "vidrobust is at work in this run folder"."""


def texts_of(path):
    """Every text of a module that may print a command: its strings but no docstrings, f-strings with {x} in place."""
    text = path.read_text(encoding="utf-8")
    if "vidrobust " not in text:
        return
    nodes = list(ast.walk(ast.parse(text)))
    defined = [n for n in nodes if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef)]
    # no printed text: docstrings, and the parts of f-strings, which are taken whole
    skipped = {id(n.body[0].value) for n in defined if n.body and isinstance(n.body[0], ast.Expr)}
    skipped |= {id(v) for n in nodes if isinstance(n, ast.JoinedStr) for v in n.values}
    for node in nodes:
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in skipped:
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            parts = (v.value if isinstance(v, ast.Constant) else "{x}" for v in node.values)
            yield "".join(map(str, parts))


def collected():
    """Command line -> a file that prints it, of the package, its templates and the documents."""
    found = {}
    sources = [(path, texts_of(path)) for path in PACKAGE.rglob("*.py")]
    sources += [(path, [path.read_text(encoding="utf-8")]) for path in PACKAGE.rglob("*.html")]
    documents = sorted((ROOT / "docs").rglob("*.md"))
    # the site's build writes these two folders
    place = len(ROOT.parts) + 1
    written = [path for path in documents if path.parts[place] not in ("commands", "generated")]
    for path in (ROOT / "README.md", *written):
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        sources.append((path, re.findall(r"^vidrobust .*$|`vidrobust [^`]+`", text, re.MULTILINE)))
    for path, texts in sources:
        for text in texts:
            for match in COMMAND.finditer(text):
                if match[1] not in PROSE:
                    text = _without_prose(match[1], match[2])
                    found.setdefault(text, str(path.relative_to(ROOT)))
    return found


def _without_prose(name, rest):
    """The command up to the first word that belongs to the sentence around it."""
    words = []
    for word in re.findall(r"""[^\s"']+|"[^"]*"|'[^']*'""", rest):
        value = words and words[-1].startswith("-") and "=" not in words[-1]
        looks = word.startswith("-") or PLACE.search(word) or re.search(r"[/.*:=\d]", word)
        if not (value or looks) or word in ("...", "{{", "}}"):
            break
        words.append(word.rstrip(".,;:"))
    return " ".join([name, *words])


EVERY = collected()


def test_the_commands_are_found():
    names = {text.split()[0] for text in EVERY}
    wanted = "study show causes sensitivity remedies policy adapt compare"
    assert set(wanted.split()) <= names


@pytest.mark.parametrize("text", sorted(EVERY), ids=lambda text: f"{text} ({EVERY[text]})")
def test_a_printed_command_exists_and_has_its_options(text):
    name, *arguments = shlex.split(PLACE.sub("x", text))
    assert name in cli.commands, EVERY[text]
    command = cli.commands[name]
    context = click.Context(command, info_name=name)
    # raises where an option is unknown or has no value; commands in mid-sentence name no sources
    given = [each for each in arguments if each != "..."]
    _, left, _ = command.make_parser(context).parse_args(given)
    left = [each for each in left if each]
    takes = [each for each in command.params if isinstance(each, click.Argument)]
    assert len(left) <= len(takes) or any(each.nargs == -1 for each in takes), left
