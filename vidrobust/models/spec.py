"""A model spec, ``kind:target,key=value,...``, taken apart and checked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from vidrobust.errors import SettingsError

LITE = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")

OPTIONS = {
    "efficientnet-lite": (),
    "torchvision": ("weights", "preset", "num_classes", "classes"),
    "timm": ("weights", "num_classes", "classes"),
    "onnx": ("sidecar", "classes", "threads"),
    "pt2": ("sidecar", "classes"),
    "factory": (),
}
"""Kind of spec -> the options it takes after a comma."""

FORMS = (
    "efficientnet-lite0|1|2",
    "torchvision:NAME[,weights=FILE]",
    "timm:NAME[,weights=FILE]",
    "onnx:FILE",
    "pt2:FILE",
    "package.module:factory",
)

_FILES = {".onnx": "onnx", ".pt2": "pt2"}


@dataclass(frozen=True)
class ModelSpec:
    """text as given; kind one of OPTIONS; target the name or file; options by name."""

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


def parse_spec(text: str) -> ModelSpec:
    """Take a spec apart. A comma inside a path is kept: options start only at ``,key=``.

    Raises SettingsError that lists the forms, or the options of that form.

    >>> parse_spec("torchvision:resnet18,weights=a,b.pth").options
    {'weights': 'a,b.pth'}
    """
    head, *parts = re.split(r",(?=[A-Za-z_]+=)", text.strip())
    options = dict(part.split("=", 1) for part in parts)
    kind, target = _kind(head, text)
    allowed = OPTIONS[kind]
    for key, value in options.items():
        if key not in allowed:
            takes = f"takes {', '.join(allowed)}" if allowed else "takes no options"
            raise SettingsError(f"{text}: unknown option {key!r}; {kind} {takes}")
        if not value:
            raise SettingsError(f"{text}: option {key} has no value")
    return ModelSpec(text, kind, target, options)


def existing_file(name: str, spec: str) -> Path:
    """The path, or a SettingsError that says where it was looked for."""
    path = Path(name).expanduser()
    if not path.is_file():
        what = "is a directory, not a file" if path.is_dir() else "no such file"
        raise SettingsError(f"{spec}: {path}: {what} (looked for from {Path.cwd()})")
    return path


def _kind(head: str, text: str) -> tuple[str, str]:
    if head in LITE:
        return "efficientnet-lite", head
    prefix, colon, target = head.partition(":")
    if colon and target and prefix in ("torchvision", "timm", "onnx", "pt2"):
        return prefix, target
    if colon and re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", prefix) and target.isidentifier():
        return "factory", head
    ending = Path(head).suffix.lower()
    if not colon and ending in _FILES:
        raise SettingsError(f"{text}: say which kind of file it is: {_FILES[ending]}:{head}")
    raise SettingsError(f"{text!r} is no model spec; expected one of: {', '.join(FORMS)}")
