"""From a template and its content to one HTML file that opens offline."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from vidrobust.errors import InputError
from vidrobust.files.atomic import write_text
from vidrobust.version import VERSION

# What a page may do: show pictures that it holds, and its own styles and scripts, known by their hashes.
POLICY = (
    "default-src 'none'; img-src data:; style-src {style}; script-src {script}; base-uri 'none'; "
    "form-action 'none'"
)
OWN = "vidrobust.report"
PLACE = "content-security-policy"  # stands in ``page.html`` until all styles and scripts are known


def rendered(template: str, content: Mapping[str, Any], package: str = OWN) -> str:
    """Return a page, with the hashes of its styles and scripts in its content security policy.

    ``package`` has the folder ``templates`` that holds the template; it may use those of the core.
    """
    page: str = _environment(package).get_template(template).render(content)
    policy = POLICY.format(style=_hashes("style", page), script=_hashes("script", page))
    return page.replace(PLACE, policy, 1)


def fragment(template: str, content: Mapping[str, Any], package: str) -> Markup:
    """Return a part of a page from a template in the folder ``templates`` of a package."""
    return Markup(_environment(package).get_template(template).render(content))


def _hashes(tag: str, page: str) -> str:
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", page, flags=re.DOTALL)
    digests = (hashlib.sha256(text.encode("utf-8")).digest() for text in found)
    return " ".join(f"'sha256-{base64.b64encode(d).decode('ascii')}'" for d in digests) or "'none'"


def written(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    except OSError as error:
        raise InputError(f"{path}: the report cannot be written ({error.strerror})") from error
    return path


def write_page(path: Path, template: str, content: Mapping[str, Any], package: str = OWN) -> Path:
    return written(path, rendered(template, {"version": VERSION, **content}, package))


def _unbroken(value: Any) -> Any:
    """A figure and its percent sign stay on one line."""
    return value.replace(" %", "\u00a0%") if isinstance(value, str) else value


def _environment(package: str) -> jinja2.Environment:
    templates = {
        each.name: each.read_text(encoding="utf-8")
        for folder in dict.fromkeys((OWN, package))
        for each in resources.files(folder).joinpath("templates").iterdir()
        if each.name.endswith((".html", ".css", ".js"))
    }
    return jinja2.Environment(
        loader=jinja2.DictLoader(templates),
        autoescape=True,
        finalize=_unbroken,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
