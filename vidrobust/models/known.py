"""The kinds of models there are: a file each in ``kinds/``, and those that installed packages bring."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass

from vidrobust.errors import InputError, SettingsError
from vidrobust.extensions import Extensions, extensions
from vidrobust.models import kinds, reading
from vidrobust.models.engines import wanted
from vidrobust.models.spec import ModelKind, ModelSpec, split_options
from vidrobust.text.suggestions import among, close_to

GROUP = "vidrobust.models"
"""The group of entry points in which a package names a ModelKind."""

OF_ALL = (*reading.KEYS, *wanted.KEYS)
"""Options that every kind takes: how outputs become answers, and what computes them."""


@dataclass(frozen=True)
class Known:
    """kinds by scheme; broken: entry points that give no kind, each with the reason."""

    kinds: dict[str, ModelKind]
    broken: Mapping[str, str]


def known() -> Known:
    """Every kind of model: the package's own, then those of entry points, in the order of their names."""
    found = brought()
    return Known({kind.scheme: kind for kind in (*_own(), *found.records)}, found.broken)


def brought() -> Extensions[ModelKind]:
    """Return the kinds of models of installed plugins."""
    return extensions(GROUP, ModelKind, lambda kind: kind.scheme, {kind.scheme for kind in _own()})


def _own() -> list[ModelKind]:
    modules = sorted(module.name for module in pkgutil.iter_modules(kinds.__path__))
    return [importlib.import_module(f"{kinds.__name__}.{name}").KIND for name in modules]


def parse_spec(text: str) -> ModelSpec:
    """Take a spec apart.

    Raises SettingsError that lists the forms, or the options of that form; InputError for a kind whose
    package is broken.

    >>> parse_spec("torchvision:resnet18,weights=a,b.pth").options
    {'weights': 'a,b.pth'}
    """
    head, options = split_options(text)
    every = known()
    scheme = head.partition(":")[0]
    if scheme in every.broken and scheme not in every.kinds:
        raise InputError(f"{text}: {every.broken[scheme]}")
    # those of a form of their own come last: a module of a user's code may be called like anything
    for kind in sorted(every.kinds.values(), key=lambda kind: kind.reads is not None):
        if (target := kind.target(head)) is not None:
            return _checked(ModelSpec(text, kind.scheme, target, options), kind)
    for kind in every.kinds.values():
        if ":" not in head and kind.endings and head.lower().endswith(kind.endings):
            raise SettingsError(f"{text}: say which kind of file it is: {kind.scheme}:{head}")
    forms = [form for kind in every.kinds.values() for form in kind.forms]
    specs = ", ".join(form.spec for form in forms)
    meant = among(head, [split_options(form.example)[0] for form in forms] + _of_torchvision(head))
    raise SettingsError(f"{text!r} is no model spec{meant}; expected one of: {specs}")


def _of_torchvision(head: str) -> list[str]:
    """Specs of torchvision's networks, where the head is nearly the bare name of one."""
    import torchvision  # here: its import takes as long as that of torch, and most specs are right

    near = close_to(head.removeprefix("torchvision:"), torchvision.models.list_models())
    return [f"torchvision:{name}" for name in near]


def kind_of(spec: ModelSpec) -> ModelKind:
    """The record of a spec that ``parse_spec`` made."""
    return known().kinds[spec.kind]


def available() -> list[dict[str, str]]:
    """Rows for ``vidrobust models``: each form of a spec, what it is, whether it can be used here, an example."""
    every = known()
    rows = [
        {"spec": form.spec, "what": form.what, "ready": form.ready(), "example": form.example}
        for kind in every.kinds.values()
        for form in kind.forms
    ]
    for name, why in every.broken.items():
        rows.append({"spec": f"{name}:", "what": "from a package", "ready": f"no: {why}", "example": ""})
    return rows


def _checked(spec: ModelSpec, kind: ModelKind) -> ModelSpec:
    options = (*kind.options, *OF_ALL)
    for key, value in spec.options.items():
        if key not in options:
            raise SettingsError(
                f"{spec.text}: unknown option {key!r}; {kind.scheme} takes {', '.join(options)}"
            )
        if not value:
            raise SettingsError(f"{spec.text}: option {key} has no value")
    return spec
