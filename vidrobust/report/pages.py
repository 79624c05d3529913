"""From a template to one HTML file that opens offline, and to a PDF by an installed Chromium."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from vidrobust.errors import InputError, SettingsError
from vidrobust.files.atomic import write_text
from vidrobust.report.drawing import THEMES
from vidrobust.text.printable import printable, shown
from vidrobust.version import VERSION

# What a page may do: show pictures that it holds, and its own styles and scripts, known by their hashes.
POLICY = (
    "default-src 'none'; img-src data:; style-src {style}; script-src {script}; base-uri 'none'; "
    "form-action 'none'"
)
HERE = "vidrobust.report"
PLACE = "content-security-policy"  # stands in ``page.html`` until all styles and scripts are known


def rendered(template: str, content: Mapping[str, Any], package: str = HERE) -> str:
    """Return a page with its styles' and scripts' hashes in its content security policy.

    ``package`` has the folder ``templates`` of the template; it may use those of the core.
    """
    page: str = _environment(package).get_template(template).render(content)
    policy = POLICY.format(style=_hashes("style", page), script=_hashes("script", page))
    return page.replace(PLACE, policy, 1)


def fragment(template: str, content: Mapping[str, Any], package: str) -> Markup:
    """Return a part of a page from a template in the folder ``templates`` of a package."""
    return Markup(_environment(package).get_template(template).render(content))


def _hashes(tag: str, page: str) -> str:
    texts = re.findall(rf"<{tag}>(.*?)</{tag}>", page, flags=re.DOTALL)
    digests = (hashlib.sha256(text.encode("utf-8")).digest() for text in texts)
    return " ".join(f"'sha256-{base64.b64encode(d).decode('ascii')}'" for d in digests) or "'none'"


def written(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, shown(text))  # names of classes and files may hold control characters
    except OSError as error:
        raise InputError(f"{path}: the report cannot be written ({error.strerror})") from error
    return path


def write_page(path: Path, template: str, content: Mapping[str, Any], package: str = HERE) -> Path:
    return written(path, rendered(template, {"version": VERSION, **content}, package))


def _unbroken(value: Any) -> Any:
    return value.replace(" %", "\u00a0%") if isinstance(value, str) else value


@cache
def _environment(package: str) -> jinja2.Environment:
    templates = {
        each.name: each.read_text(encoding="utf-8")
        for folder in dict.fromkeys((HERE, package))
        for each in resources.files(folder).joinpath("templates").iterdir()
        if each.name.endswith((".html", ".css", ".js"))
    }
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(templates),
        autoescape=True,
        finalize=_unbroken,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["themes"] = THEMES  # of the style sheet, as of the figures
    return environment


PROGRAMS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
)
LONGEST_S = 120


def printed(page: Path, pdf: Path) -> Path:
    """Print an HTML file; SettingsError where there is no Chromium, InputError where it does not print."""
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        raise SettingsError(
            f"--pdf: none of {', '.join(PROGRAMS)} is installed; print {printable(page)} from a browser, or leave "
            "--pdf out"
        )
    beside = pdf.with_name(f"{pdf.name}.part")
    with tempfile.TemporaryDirectory(prefix="vidrobust-print-") as profile:
        command = [
            program,
            "--headless",
            "--disable-gpu",
            f"--user-data-dir={profile}",
            "--no-pdf-header-footer",
            f"--print-to-pdf={beside.resolve()}",
            page.resolve().as_uri(),
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.insert(1, "--no-sandbox")  # Chromium refuses to run as root with one
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=LONGEST_S)
        except (OSError, subprocess.SubprocessError) as error:
            raise InputError(
                f"{printable(pdf)}: {program} did not print the page ({error})"
            ) from error
    if not beside.is_file():
        raise InputError(f"{printable(pdf)}: {program} wrote no file")
    os.replace(beside, pdf)
    return pdf
