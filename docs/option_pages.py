"""Write the reference pages of all commands and options from the command line itself."""

from __future__ import annotations

from pathlib import Path

import click

from vidrobust.cli.app import cli
from vidrobust.cli.options import GROUPS


def write_option_pages(folder: Path) -> None:
    """Write one page for each section of ``vidrobust --help``."""
    entries = cli.commands.entries.values()
    for section in dict.fromkeys(entry.section for entry in entries):
        blocks = [f"# {section}"]
        for entry in entries:
            if entry.section == section:
                blocks += _command(entry.name, cli.commands[entry.name])
        write_page(folder / f"{section.lower()}.md", "\n\n".join(blocks) + "\n")


def write_page(path: Path, text: str) -> None:
    """Write a page unless it already has this text, so that Sphinx rebuilds only what changed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _command(name: str, command: click.Command) -> list[str]:
    context = click.Context(command, info_name=f"vidrobust {name}")
    blocks = [
        f"## vidrobust {name}",
        f"```\n{command.get_usage(context).removeprefix('Usage: ')}\n```",
    ]
    if command.help:
        blocks += [_escaped(" ".join(part.split())) for part in command.help.split("\n\n")]
    rows: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and isinstance(parameter, click.Option) and parameter.name != "help":
            rows.setdefault(getattr(parameter, "group", "Options"), []).append(record)
    # plugins bring groups
    for group in (*GROUPS, *(other for other in rows if other not in GROUPS)):
        if group in rows:
            cells = [
                f"| `{flag.replace('|', '/')}` | {_cell(text)} |" for flag, text in rows[group]
            ]
            blocks.append("\n".join([f"| {group} | |", "|---|---|", *cells]))
    return blocks


def _cell(text: str) -> str:
    return _escaped(" ".join(text.split())).replace("|", "\\|")


def _escaped(text: str) -> str:
    """Words with a star, an underscore or brackets in them as they stand."""
    for sign in "\\*_[]<":
        text = text.replace(sign, "\\" + sign)
    return text
