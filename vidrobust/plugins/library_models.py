"""Classifiers and detectors of torchvision, classifiers of timm: hub weights or a local file."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from vidrobust.errors import SettingsError
from vidrobust.install_hint import pip_install
from vidrobust.models.classes import given_names, shown_name
from vidrobust.models.info import file_sha256, state_sha256
from vidrobust.models.modules import (
    COCO_WITH_BACKGROUND,
    ModuleDetector,
    as_asked,
    class_count,
    fit_state,
    from_hub,
    from_module,
    module_detector,
    read_state,
)
from vidrobust.models.network import Network
from vidrobust.models.preprocess import Preprocess, Three
from vidrobust.models.spec import Form, ModelKind, ModelSpec, existing_file

# Arguments without which a torchvision builder warns that weights will be drawn at random, slowly
_QUIET: dict[str, dict[str, Any]] = {
    "googlenet": {"init_weights": False},
    "inception_v3": {"init_weights": False},
}


def torchvision_model(spec: ModelSpec, device: torch.device) -> Network | ModuleDetector:
    """Load a torchvision network with hub weights or a local file, with the hub weights' transforms."""
    import torchvision  # here: its import takes as long as that of torch, and every model kind is imported

    try:
        entries = torchvision.models.get_model_weights(spec.target)
    except ValueError as error:
        raise SettingsError(
            f"{spec.text}: torchvision has no model {spec.target!r}{_near_names(spec)}"
        ) from error
    entry, path = torchvision_choice(spec, entries)
    if spec.target in torchvision.models.list_models(module=torchvision.models.detection):
        return _torchvision_detector(spec, entry, path, device)
    try:
        preprocess = from_torchvision(entry.transforms())
    except SettingsError as error:
        raise SettingsError(f"{spec.text}: {error}") from error
    names = given_names(spec.options.get("classes"))

    def build(count: int | None) -> torch.nn.Module:
        module: Any = torchvision.models.get_model(
            spec.target,
            weights=None,
            num_classes=count or (len(names) if names else 1000),
            **_QUIET.get(spec.target, {}),
        )
        if hasattr(module, "transform_input"):
            # as the hub's weights set it, whose transforms are used here
            module.transform_input = True
        return module

    module, about = _with_weights(spec, path, str(entry), _hub(spec, entry), build)
    if path is None:
        names = names or tuple(map(shown_name, entry.meta["categories"]))
    network = from_module(as_asked(module, spec), preprocess, device, class_names=names, **about)
    if path is None:
        return network
    return replace(network, notes=(f"preprocessing of {entry}", *network.notes))


def _hub(spec: ModelSpec, entry: Any) -> Callable[[], torch.nn.Module]:
    from torchvision.models import get_model

    return partial(get_model, spec.target, weights=entry, progress=False)


def _with_weights(
    spec: ModelSpec,
    path: Path | None,
    hub_name: str,
    hub: Callable[[], torch.nn.Module],
    build: Callable[[int | None], torch.nn.Module],
) -> tuple[torch.nn.Module, dict[str, Any]]:
    """A network with the hub's weights or those of a file, and its name, weights and their hash."""
    if path is None:
        module = from_hub(spec, hub)
        about = {"weights": f"{hub_name} from the hub", "weights_sha256": state_sha256(module)}
        return module, {"name": spec.target, **about}
    state = read_state(path)
    module = build(spec.number("num_classes") or class_count(build, state))
    fit_state(module, state, spec.text)
    about = {"weights": str(path), "weights_sha256": file_sha256(path)}
    return module, {"name": f"{spec.target}@{path.stem}", **about}


def _torchvision_detector(
    spec: ModelSpec, entry: Any, path: Path | None, device: torch.device
) -> ModuleDetector:
    import torchvision

    names = given_names(spec.options.get("classes"))

    def build(count: int | None) -> torch.nn.Module:
        return torchvision.models.get_model(
            spec.target,
            weights=None,
            weights_backbone=None,
            num_classes=count or COCO_WITH_BACKGROUND,
        )

    module, about = _with_weights(spec, path, str(entry), _hub(spec, entry), build)
    if path is None:
        names = names or tuple(entry.meta["categories"])
    module = as_asked(module, spec)
    return module_detector(
        spec.text, about["name"], module, names, device, about["weights"], about["weights_sha256"]
    )


def torchvision_choice(spec: ModelSpec, entries: Any) -> tuple[Any, Path | None]:
    """Return the weight entry whose transforms apply, and the local file or None."""
    names = [entry.name for entry in entries]

    def entry_called(name: str) -> Any:
        if name not in names:
            raise SettingsError(
                f"{spec.text}: {spec.target} has no weights {name!r}; it has {', '.join(names)}"
            )
        return entries[name]

    given, preset = spec.options.get("weights"), spec.options.get("preset")
    if given is None or given in names:
        for option in ("num_classes", "preset"):
            if option in spec.options:
                raise SettingsError(
                    f"{spec.text}: {option} goes with weights=FILE; the hub's weights state it"
                )
        return (entry_called(given) if given else entries.DEFAULT), None
    path = existing_file(given, f"{spec.text} (weights: a file, or one of {', '.join(names)})")
    if preset:
        return entry_called(preset), path
    official = [entry for entry in entries if entry.url.rpartition("/")[2] == path.name]
    return (official[0] if official else entries.DEFAULT), path


def _near_names(spec: ModelSpec) -> str:
    import torchvision

    near = difflib.get_close_matches(
        spec.target, torchvision.models.list_models(module=torchvision.models), n=3
    )
    return f"; did you mean {' or '.join(near)}?" if near else ""


def timm_model(spec: ModelSpec, device: torch.device) -> Network:
    """Load a timm classifier with hub weights or a local file, with timm's data config."""
    try:
        import timm
        from timm.data.config import resolve_model_data_config
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"{spec.text}: needs the package timm: {pip_install('timm')}"
        ) from error
    if not timm.is_model(spec.target.partition(".")[0]):
        raise SettingsError(f"{spec.text}: timm {timm.__version__} has no model {spec.target!r}")
    names = given_names(spec.options.get("classes"))
    given = spec.options.get("weights")

    def build(count: int | None) -> torch.nn.Module:
        count = count or (len(names) if names else None)
        head: dict[str, Any] = {"num_classes": count} if count else {}
        return timm.create_model(spec.target, pretrained=False, **head)

    module, about = _with_weights(
        spec,
        None if given is None else existing_file(given, spec.text),
        spec.target,
        lambda: timm.create_model(spec.target, pretrained=True),
        build,
    )
    try:
        resolve: Callable[..., dict[str, Any]] = resolve_model_data_config
        preprocess = from_timm(resolve(module))
    except SettingsError as error:
        raise SettingsError(f"{spec.text}: {error}") from error
    return from_module(as_asked(module, spec), preprocess, device, class_names=names, **about)


def from_torchvision(preset: Any) -> Preprocess:
    from torchvision.transforms._presets import ImageClassification  # noqa: PLC2701 - has no public name

    if not isinstance(preset, ImageClassification):
        raise SettingsError(
            f"its transforms are {type(preset).__name__}, not ImageClassification: "
            "this version studies image classifiers only"
        )
    return Preprocess(
        size=preset.crop_size[0],
        resize_to=preset.resize_size[0],
        interpolation=preset.interpolation.value,
        mean=_times_255(preset.mean),
        std=_times_255(preset.std),
    )


def from_timm(config: dict[str, Any]) -> Preprocess:
    _, height, width = config["input_size"]
    mode = config.get("crop_mode") or "center"
    if mode not in ("center", "squash") or height != width:
        raise SettingsError(
            f"its timm data config has crop_mode {mode!r} for {width}x{height} px, which is not supported; "
            "give the network through package.module:factory with a Preprocess of your own"
        )
    return Preprocess(
        size=height,
        resize_to=int(height / config["crop_pct"]),
        interpolation=config["interpolation"],
        mean=_times_255(config["mean"]),
        std=_times_255(config["std"]),
        resize="stretch" if mode == "squash" else "shorter side",
    )


def _times_255(values: Sequence[float]) -> Three:
    """From the range 0..1, in which torchvision and timm state them."""
    red, green, blue = (255.0 * v for v in values)
    return (red, green, blue)


KINDS = (
    ModelKind(
        scheme="timm",
        load=timm_model,
        options=("weights", "num_classes", "classes", "blurpool"),
        forms=(
            Form(
                spec="timm:NAME[,weights=FILE]",
                what="timm classifier, the hub's or your weights",
                example="timm:mobilenetv3_small_100,weights=best.pth,num_classes=12",
                needs=("timm",),
                install=pip_install("timm"),
            ),
        ),
    ),
    ModelKind(
        scheme="torchvision",
        load=torchvision_model,
        options=("weights", "preset", "num_classes", "classes", "blurpool"),
        forms=(
            Form(
                spec="torchvision:NAME[,weights=FILE]",
                what="torchvision classifier or detector, the hub's or your weights",
                example="torchvision:resnet50",
                needs=("torchvision",),
            ),
        ),
    ),
)
