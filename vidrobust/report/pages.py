"""From a template and its content to one HTML file that opens offline."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2

from vidrobust import __version__
from vidrobust.errors import InputError
from vidrobust.files.atomic import write_text


def rendered(template: str, content: Mapping[str, Any]) -> str:
    """A page as text."""
    page: str = _environment().get_template(template).render(content)
    return page


def written(path: Path, text: str) -> Path:
    """Write a page beside and rename it; InputError where it cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    except OSError as error:
        raise InputError(f"{path}: the report cannot be written ({error.strerror})") from error
    return path


def write_page(path: Path, template: str, content: Mapping[str, Any]) -> Path:
    """A page of its own, with no run folder about it."""
    return written(path, rendered(template, {"version": __version__, **content}))


def _unbroken(value: Any) -> Any:
    """A figure and its percent sign stay on one line."""
    return value.replace(" %", "\u00a0%") if isinstance(value, str) else value


def _environment() -> jinja2.Environment:
    templates = {
        each.name: each.read_text(encoding="utf-8")
        for each in resources.files("vidrobust.report").joinpath("templates").iterdir()
        if each.name.endswith((".html", ".css"))
    }
    return jinja2.Environment(
        loader=jinja2.DictLoader(templates),
        autoescape=True,
        finalize=_unbroken,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
