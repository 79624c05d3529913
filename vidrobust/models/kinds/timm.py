"""timm classifiers, with the hub's weights or a local file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from vidrobust.errors import SettingsError
from vidrobust.install_hint import pip_install
from vidrobust.models.classes import given_names
from vidrobust.models.info import file_sha256, state_sha256
from vidrobust.models.modules import fit_state, from_hub, from_module, read_state
from vidrobust.models.network import Network
from vidrobust.models.preprocess import from_timm
from vidrobust.models.spec import Form, ModelKind, ModelSpec, existing_file


def timm_model(spec: ModelSpec, device: torch.device) -> Network:
    """A timm classifier with hub weights or a local file, in timm's own data config for it."""
    try:
        import timm
        from timm.data.config import resolve_model_data_config
    except ModuleNotFoundError as error:
        raise SettingsError(f"{spec.text}: needs the package timm: {pip_install('timm')}") from error
    if not timm.is_model(spec.target.partition(".")[0]):
        raise SettingsError(f"{spec.text}: timm {timm.__version__} has no model {spec.target!r}")
    names = given_names(spec.options.get("classes"))
    if "weights" in spec.options:
        path = existing_file(spec.options["weights"], spec.text)
        count = spec.number("num_classes") or (len(names) if names else None)
        head: dict[str, Any] = {"num_classes": count} if count else {}
        module = timm.create_model(spec.target, pretrained=False, **head)
        fit_state(module, read_state(path), spec.text)
        weights, sha256, name = str(path), file_sha256(path), f"{spec.target}@{path.stem}"
    else:
        module = from_hub(spec, lambda: timm.create_model(spec.target, pretrained=True))
        weights, sha256, name = f"{spec.target} from the hub", state_sha256(module), spec.target
    try:
        resolve: Callable[..., dict[str, Any]] = resolve_model_data_config
        preprocess = from_timm(resolve(module))
    except SettingsError as error:
        raise SettingsError(f"{spec.text}: {error}") from error
    return from_module(
        module, preprocess, device, name=name, weights=weights, weights_sha256=sha256, class_names=names
    )


KIND = ModelKind(
    scheme="timm",
    load=timm_model,
    options=("weights", "num_classes", "classes"),
    forms=(
        Form(
            spec="timm:NAME[,weights=FILE]",
            what="timm classifier, the hub's or your weights",
            example="timm:mobilenetv3_small_100,weights=best.pth,num_classes=12",
            needs=("timm",),
            install=pip_install("timm"),
        ),
    ),
)
