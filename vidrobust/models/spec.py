"""A model spec, ``kind:target,key=value,...``, and the record that says what a kind of spec is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vidrobust.errors import SettingsError
from vidrobust.models.doctor import installed

if TYPE_CHECKING:
    import torch

    from vidrobust.models.detection.network import DetectionNetwork
    from vidrobust.models.network import Network
    from vidrobust.predictions import Classifier, Detector


@dataclass(frozen=True)
class ModelSpec:
    """text as given; kind the scheme of a ModelKind; target the name or file; options by name."""

    text: str
    kind: str
    target: str
    options: dict[str, str] = field(default_factory=dict)

    def file(self) -> Path:
        """The target as an existing file."""
        return existing_file(self.target, self.text)

    def number(self, option: str) -> int | None:
        """An option as a positive whole number, or None where it is not given."""
        text = self.options.get(option)
        if text is None:
            return None
        if not text.isdecimal() or int(text) < 1:
            raise SettingsError(f"{self.text}: {option}: expected a whole number from 1, got {text!r}")
        return int(text)


@dataclass(frozen=True, kw_only=True)
class Form:
    """One way to write a spec, as ``vidrobust models`` lists it.

    needs    distributions without which it cannot be used
    install  the command that brings them
    """

    spec: str
    what: str
    example: str
    needs: tuple[str, ...] = ()
    install: str = ""

    def ready(self) -> str:
        """ "yes, NAME VERSION", or "no: pip install ..."."""
        if missing := [name for name in self.needs if installed(name) is None]:
            return f"no: {self.install}" if self.install else f"no: pip install {' '.join(missing)}"
        found = ", ".join(f"{name} {installed(name)}" for name in self.needs)
        return f"yes, {found}" if found else "yes"


@dataclass(frozen=True, kw_only=True)
class ModelKind:
    """A kind of model. One file in ``models/kinds/`` holds its record KIND; a package gives one by entry point.

    scheme   what stands before the colon of a spec, and its name in messages
    load     (spec, device) -> a Network or DetectionNetwork, which is checked and becomes a Classifier or a
             Detector, or a model of the protocols; raises SettingsError for a wrong spec or a missing
             package, InputError for what cannot be read
    forms    how specs of this kind are written
    options  what may follow the target as ``,key=value``
    endings  of files, so that the form of a bare file name is known
    reads    spec up to the first option -> target, or None if it is of another kind; None: ``scheme:target``
    """

    scheme: str
    load: Callable[[ModelSpec, torch.device], Network | DetectionNetwork | Classifier | Detector]
    forms: tuple[Form, ...]
    options: tuple[str, ...] = ()
    endings: tuple[str, ...] = ()
    reads: Callable[[str], str | None] | None = None

    def target(self, head: str) -> str | None:
        """The target in a spec up to its first option, or None if it is of another kind."""
        if self.reads is not None:
            return self.reads(head)
        scheme, colon, target = head.partition(":")
        return target if colon and target and scheme == self.scheme else None


def split_options(text: str) -> tuple[str, dict[str, str]]:
    """A spec up to its first option, and the options. A comma inside a path is kept: they start at ``,key=``."""
    head, *parts = re.split(r",(?=[A-Za-z_]+=)", text.strip())
    return head, dict(part.split("=", 1) for part in parts)


def existing_file(name: str, spec: str) -> Path:
    """The path, or a SettingsError that says where it was looked for."""
    path = Path(name).expanduser()
    if not path.is_file():
        what = "is a directory, not a file" if path.is_dir() else "no such file"
        raise SettingsError(f"{spec}: {path}: {what} (looked for from {Path.cwd()})")
    return path
