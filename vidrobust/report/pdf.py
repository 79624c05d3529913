"""A page as PDF, printed by a Chromium that the machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from vidrobust.errors import InputError, SettingsError
from vidrobust.report.drawing import letters_without_font
from vidrobust.text.letter_names import in_brackets
from vidrobust.text.printable import printable

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
LONGEST_S = 120


NAMED = (
    '<p class="made">In brackets: letters that no font of the computer has that printed this, by name.</p>'
)


def _with_letters(page: Path, folder: Path) -> Path:
    """The page, or a copy in which letters that no font has are named in brackets."""
    text = page.read_text(encoding="utf-8")
    missing = letters_without_font(text)
    if not missing:
        return page
    copy = folder / "page.html"
    sign = '<div class="sign">'
    copy.write_text(in_brackets(text, missing).replace(sign, NAMED + sign, 1), encoding="utf-8")
    return copy


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
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--no-sandbox")  # Chromium refuses to run as root with one
        command += [
            f"--print-to-pdf={beside.resolve()}",
            _with_letters(page, Path(profile)).resolve().as_uri(),
        ]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=LONGEST_S)
        except (OSError, subprocess.SubprocessError) as error:
            raise InputError(f"{printable(pdf)}: {program} did not print the page ({error})") from error
    if not beside.is_file():
        raise InputError(f"{printable(pdf)}: {program} wrote no file")
    os.replace(beside, pdf)
    return pdf
