"""Segmentation networks of torchvision, in ONNX files and of transformers, and folders of maps."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch.nn.functional import interpolate

from vidrobust.errors import ModelError, SettingsError
from vidrobust.frames.pixels import check_pixels
from vidrobust.install_hint import installed
from vidrobust.models.classes import given_names, numbered
from vidrobust.models.info import ModelInfo, code_sha256, file_sha256, state_sha256
from vidrobust.models.modules import full_precision
from vidrobust.models.spec import Form, ModelKind, ModelSpec, existing_file
from vidrobust.plugins.semantic.maps import CELL, UNKNOWN, ClassMaps, at_size
from vidrobust.plugins.semantic.truth import map_files, names_in, read_map

# of ImageNet, as all of torchvision's weights take
MEAN, STD = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
SIDE = 520  # px; shorter side of the pictures of torchvision's segmentation weights


@dataclass(eq=False, kw_only=True)
class MapNetwork:
    """A network that gives (N, K, h, w) logits of pictures (N, 3, H, W) float32, or (N, h, w) classes."""

    name: str
    class_names: tuple[str, ...]
    info: ModelInfo
    run: Callable[[torch.Tensor], torch.Tensor]
    # height and width of its pictures, px; None: the shorter side is SIDE
    size: tuple[int, int] | None
    device: torch.device
    task: Literal["semantic"] = "semantic"

    def __call__(self, pixels: torch.Tensor) -> ClassMaps:
        check_pixels(pixels, f"model {self.name}")
        height, width = (int(side) for side in pixels.shape[-2:])
        scale = SIDE / min(height, width)
        size = self.size or (round(height * scale), round(width * scale))
        with torch.inference_mode(), full_precision(self.device):
            mean, std = (torch.tensor(v, device=self.device).view(1, 3, 1, 1) for v in (MEAN, STD))
            inputs = interpolate(
                pixels.to(self.device).float() / 255, size, mode="bilinear", antialias=True
            )
            return self._maps(self.run((inputs - mean) / std), (height, width))

    def _maps(self, answer: torch.Tensor, size: tuple[int, int]) -> ClassMaps:
        if answer.ndim == 3:
            labels = np.stack(
                [at_size(grid, size) for grid in answer.cpu().numpy().astype(np.uint8)]
            )
            return ClassMaps(labels, self.class_names, np.ones(len(labels), np.float32))
        count, shape = len(self.class_names), tuple(answer.shape)
        if answer.ndim != 4 or shape[1] != count:
            raise ModelError(f"model {self.name}: expected scores (N, {count}, h, w), got {shape}")
        # a whole batch at full size is large
        return ClassMaps.join([class_maps(row[None], self.class_names, size) for row in answer])


@dataclass(eq=False, kw_only=True)
class TransformersMaps:
    """A segmentation network of transformers with its image processor: one of classes of pixels, or of queries."""

    name: str
    class_names: tuple[str, ...]
    info: ModelInfo
    module: Any
    processor: Any
    device: torch.device
    task: Literal["semantic"] = "semantic"

    def __call__(self, pixels: torch.Tensor) -> ClassMaps:
        check_pixels(pixels, f"model {self.name}")
        frames = list(pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy())
        inputs = self.processor(
            images=frames, return_tensors="pt", input_data_format="channels_last"
        )
        with torch.inference_mode(), full_precision(self.device):
            answer = self.module(**inputs.to(self.device))
            size = (int(pixels.shape[-2]), int(pixels.shape[-1]))
            if hasattr(answer, "logits"):
                parts = [class_maps(row[None], self.class_names, size) for row in answer.logits]
            else:
                parts = self._of_queries(answer, size)
        return ClassMaps.join(parts)

    def _of_queries(self, answer: Any, size: tuple[int, int]) -> list[ClassMaps]:
        """The library's maps; as sure as the leading class is of what all classes get of a pixel."""
        labels = self.processor.post_process_semantic_segmentation(
            answer, target_sizes=[size] * len(answer.class_queries_logits)
        )
        classes = answer.class_queries_logits.softmax(dim=-1)[..., :-1]  # the last is no object
        shares = torch.einsum(
            "bqc,bqhw->bchw", classes.float(), answer.masks_queries_logits.float().sigmoid()
        )
        shares = shares / shares.sum(dim=1, keepdim=True).clamp_min(1e-9)
        rows = zip(labels, shares, strict=True)
        return [class_maps(row[None], self.class_names, size, of[None]) for of, row in rows]


def class_maps(
    scores: torch.Tensor,
    names: tuple[str, ...],
    size: tuple[int, int],
    labels: torch.Tensor | None = None,
) -> ClassMaps:
    """Return the maps at ``size`` of logits (1, K, h, w); with ``labels`` (1, H, W) of shares that sum to 1."""
    shares = interpolate(scores.float(), size, mode="bilinear", align_corners=False)
    shares = shares.softmax(dim=1) if labels is None else shares
    top, leading = shares.max(dim=1)
    cells = interpolate(shares, (-(-size[0] // CELL), -(-size[1] // CELL)), mode="area")
    chosen = (leading if labels is None else labels).byte().cpu().numpy()
    return ClassMaps(chosen, names, top.mean(dim=(1, 2)).cpu().numpy(), cells.cpu().numpy())


@dataclass(eq=False, kw_only=True)
class RecordedMaps:
    """Maps from a folder, looked up by input and number of the frame."""

    name: str
    class_names: tuple[str, ...]
    info: ModelInfo
    files: dict[str, dict[int, Path]]
    task: Literal["semantic"] = "semantic"
    needs_pixels: bool = False

    def __call__(self, pixels: torch.Tensor) -> ClassMaps:
        raise ModelError(
            f"model {self.name}: its maps are files; new pictures need the network itself"
        )

    def predict_frames(self, item: str, index: np.ndarray) -> ClassMaps:
        """Return the maps of frames of an input by their numbers; ModelError for frames without one."""
        of = self.files.get(item) or self.files.get(Path(item).stem) or self.files.get("") or {}
        missing = [int(frame) for frame in index if int(frame) not in of]
        if missing:
            raise ModelError(f"model {self.name}: has no map of frame {missing[0]} of {item}")
        labels = np.stack([read_map(of[int(frame)]) for frame in index])
        return ClassMaps(labels, self.class_names, np.ones(len(labels), np.float32))


def adopt(given: object, device: torch.device) -> TransformersMaps | None:
    """Return a model of a pipeline, or of a network and its processor, of transformers; None for anything else."""
    module, processor = given if isinstance(given, tuple) else (given, None)
    if hasattr(module, "image_processor") and hasattr(module, "model"):
        module, processor = module.model, module.image_processor
    if not isinstance(module, torch.nn.Module) or not hasattr(module, "config"):
        return None
    place = str(getattr(module, "name_or_path", ""))
    if processor is None and place and Path(place).is_dir():
        library: Any = importlib.import_module("transformers")
        processor = library.AutoImageProcessor.from_pretrained(place)
    if not hasattr(processor, "post_process_semantic_segmentation"):
        return None
    module = module.to(device).eval().requires_grad_(False)
    config: Any = module.config
    names = tuple(str(config.id2label[k]) for k in range(len(config.id2label)))
    if len(names) > UNKNOWN:
        raise SettingsError(f"model {place}: has {len(names)} classes; maps hold at most {UNKNOWN}")
    name = Path(place).name or type(module).__name__
    settings = hashlib.sha256(processor.to_json_string().encode()).hexdigest()[:8]
    info = ModelInfo(
        spec=f"python:{name}",
        engine=f"transformers {installed('transformers')}, torch {torch.__version__}",
        device=str(device),
        precision=str(next(module.parameters()).dtype).removeprefix("torch."),
        preprocessing=f"{type(processor).__name__} ({settings})",
        weights="parameters of the network",
        weights_sha256=state_sha256(module),
        code_sha256=code_sha256(module),
        num_classes=len(names),
    )
    return TransformersMaps(
        name=name, class_names=names, info=info, module=module, processor=processor, device=device
    )


def load(spec: ModelSpec, device: torch.device) -> Any:
    """Return the model of a spec: a folder of maps, an ONNX file, or a network of torchvision."""
    place = Path(spec.target)
    if place.is_dir():
        return _folder(spec, place)
    if place.suffix.lower() == ".onnx":
        return _onnx(spec, existing_file(spec.target, spec.text), device)
    return _torchvision(spec, device)


def _folder(spec: ModelSpec, place: Path) -> RecordedMaps:
    files: dict[str, dict[int, Path]] = {}
    for item, frame, path in map_files(place):
        files.setdefault(item, {})[frame] = path
    if not files:
        if (place / "config.json").is_file():
            raise SettingsError(f"{spec.text}: a network of transformers: give hf:{place}")
        raise SettingsError(f"{spec.text}: {place} holds no map such as INPUT/000012.png")
    names = given_names(spec.options.get("classes")) or names_in(place)
    if names is None:
        raise SettingsError(
            f"{spec.text}: name the classes, one a line: {place}/classes.txt or classes=FILE"
        )
    every = [path for of in files.values() for path in of.values()]
    info = _info(spec, str(place), file_sha256(*every), "maps from files", "", len(names))
    return RecordedMaps(name=place.name, class_names=names, info=info, files=files)


def _onnx(spec: ModelSpec, path: Path, device: torch.device) -> MapNetwork:
    from vidrobust.models.onnx_runtime import open_session, weight_files

    session, notes = open_session(path, device, spec)
    (inputs, *more), outputs = session.get_inputs(), session.get_outputs()
    if (
        more
        or len(inputs.shape) != 4
        or inputs.shape[1] not in (3, "3")
        or inputs.type != "tensor(float)"
    ):
        raise SettingsError(
            f"{spec.text}: expected one input (N, 3, H, W) of float32, got {inputs.shape}"
        )
    shape, fixed = (
        outputs[0].shape,
        tuple(side for side in inputs.shape[2:] if isinstance(side, int)),
    )
    count = shape[1] if len(shape) == 4 and isinstance(shape[1], int) else None
    names = given_names(spec.options.get("classes")) or (numbered(count) if count else None)
    if names is None or (count is not None and len(names) != count):
        raise SettingsError(
            f"{spec.text}: name its {count or ''} classes: classes=FILE, one a line"
        )

    def run(pictures: torch.Tensor) -> torch.Tensor:
        parts = torch.split(pictures.cpu(), 1 if inputs.shape[0] == 1 else max(1, len(pictures)))
        scores = [session.run([outputs[0].name], {inputs.name: part.numpy()})[0] for part in parts]
        return torch.from_numpy(np.concatenate(scores))

    info = _info(
        spec, path.name, file_sha256(*weight_files(path)), "onnxruntime", device, len(names)
    )
    info, cpu = dataclasses.replace(info, notes=tuple(notes)), torch.device("cpu")
    size = (fixed[0], fixed[1]) if len(fixed) == 2 else None
    return MapNetwork(name=path.stem, class_names=names, info=info, run=run, size=size, device=cpu)


def _torchvision(spec: ModelSpec, device: torch.device) -> MapNetwork:
    import torchvision

    from vidrobust.models.modules import class_count, fit_state, from_hub, read_state

    known = torchvision.models.list_models(module=torchvision.models.segmentation)
    if spec.target not in known:
        raise SettingsError(
            f"{spec.text}: expected a folder, an ONNX file or one of {', '.join(known)}"
        )
    names = given_names(spec.options.get("classes"))
    if given := spec.options.get("weights"):
        path = existing_file(given, spec.text)
        state = read_state(path)
        extra = {"aux_loss": True} if any(key.startswith("aux_classifier") for key in state) else {}

        def build(classes: int) -> torch.nn.Module:
            return torchvision.models.get_model(
                spec.target, weights=None, weights_backbone=None, num_classes=classes, **extra
            )

        count = spec.number("num_classes") or class_count(build, state)
        count = count or (len(names) if names else 21)
        module = build(count)
        fit_state(module, state, spec.text)
        weights, sha256, name = str(path), file_sha256(path), f"{spec.target}@{path.stem}"
        names = names or numbered(count)
    else:
        entry = torchvision.models.get_model_weights(spec.target).DEFAULT
        module = from_hub(
            spec, lambda: torchvision.models.get_model(spec.target, weights=entry, progress=False)
        )
        weights, sha256, name = f"{entry} from the hub", state_sha256(module), spec.target
        names = names or tuple(entry.meta["categories"])
    module = module.to(device).eval().requires_grad_(False)
    info = _info(spec, weights, sha256, f"torch {torch.__version__}, eager", device, len(names))
    info = dataclasses.replace(info, code_sha256=code_sha256(module))
    return MapNetwork(
        name=name,
        class_names=names,
        info=info,
        run=lambda x: module(x)["out"],
        size=None,
        device=device,
    )


def _info(
    spec: ModelSpec, weights: str, sha256: str, engine: str, device: object, count: int
) -> ModelInfo:
    how = f"bilinear, shorter side {SIDE} px or the input's size, ImageNet mean and deviation"
    about: dict[str, Any] = {"weights": weights, "weights_sha256": sha256, "num_classes": count}
    about |= {"device": str(device), "precision": "float32", "preprocessing": how}
    return ModelInfo(spec=spec.text, engine=engine, **about)


KIND = ModelKind(
    scheme="semantic",
    load=load,
    adopts=adopt,  # type: ignore[arg-type]  # a task of its own
    options=("weights", "num_classes", "classes", "threads"),
    forms=(
        Form(
            spec="semantic:NAME[,weights=FILE]",
            what="torchvision segmentation network",
            example="semantic:lraspp_mobilenet_v3_large",
            needs=("torchvision",),
        ),
        Form(
            spec="semantic:FILE.onnx[,classes=FILE]",
            what="segmentation network, ImageNet's mean and deviation, (N, K, h, w) scores",
            example="semantic:road.onnx,classes=names.txt",
            needs=("onnxruntime",),
        ),
        Form(
            spec="semantic:FOLDER[,classes=FILE]",
            what="maps that another program made: INPUT/000012.png, class numbers, 255 unknown",
            example="semantic:maps",
        ),
    ),
)
