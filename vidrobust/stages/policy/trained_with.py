"""Which families of perturbations a model was trained with, read off the settings of the training. Understood are

    perturbations and families of the catalogue        brightness, geometry
    torchvision, Kornia and Albumentations calls        ColorJitter(brightness=0.2), Compose([...])
    their names alone                                   AugMix, RandAugment, RandomResizedCrop
    Albumentations as dict, JSON or YAML                {"__class_fullname__": "Affine", ...}
    timm's auto-augment strings and options             rand-m9-mstd0.5-inc1, augmix-m3, color_jitter=0.4
    Ultralytics hyper-parameters                        hsv_h: 0.015
    files that hold any of these                        augment.yaml, train.py is not run, only read

What cannot be shown to be switched off counts as used. An unknown setting is an error; in files, other keys,
calls and a library's unwritten defaults are passed over.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from vidrobust.errors import SettingsError, in_plain_words
from vidrobust.files.json_text import file_text, parsed_json
from vidrobust.perturb.catalogue import PERTURBATIONS

# What other libraries' augmentations are in the words of the catalogue, read from ``augmentations.toml``.

Names = Mapping[str, tuple[str, ...]]

_DATA: dict[str, Any] = tomllib.loads(
    resources.files("vidrobust.stages.policy")
    .joinpath("augmentations.toml")
    .read_text(encoding="utf-8")
)


def _tuples(table: Mapping[str, list[str]]) -> Names:
    return {name: tuple(values) for name, values in table.items()}


NEUTRAL = frozenset(_DATA["neutral"])  # transforms that perturb nothing by themselves
# Transforms that do one thing, whatever their arguments.
TRANSFORMS: Names = {
    name: tuple(each["are"]) for each in _DATA["transforms"] for name in each["names"]
}
# Transforms whose arguments say what they do.
BY_ARGUMENT: Mapping[str, Names] = {
    name: _tuples(table) for name, table in _DATA["by_argument"].items()
}
# Their values where an argument is left out, if that is not "off".
LEFT_OUT: Mapping[str, Mapping[str, object]] = _DATA["left_out"]
POSITIONAL: Names = _tuples(_DATA["positional"])
# Policies of many operations.
AUTO_AUGMENT: Names = dict.fromkeys(_DATA["auto_augment"], tuple(_DATA["many_operations"]))
# Auto-augment strings of timm by their first word, and the two names that Ultralytics uses.
TIMM_STRINGS: Names = {
    **dict.fromkeys(_DATA["timm_many"], tuple(_DATA["many_operations"])),
    **_tuples(_DATA["timm_strings"]),
}
# Options of timm's create_transform and training script, and hyper-parameters of Ultralytics.
KEYS: Names = _tuples(_DATA["keys"])
AA_KEYS = ("aa", "auto_augment")
UNKNOWN = object()  # the value of an argument that is not written out
_CLASSES = NEUTRAL | set(TRANSFORMS) | set(BY_ARGUMENT) | set(AUTO_AUGMENT)


@dataclass(frozen=True)
class Trained:
    """One thing a model was trained with, read from the words ``said``; only the family may be known."""

    perturbation: str
    family: str
    said: str


def families(trained: Iterable[Trained]) -> tuple[str, ...]:
    """The families, each once, in the order they were met."""
    return tuple(dict.fromkeys(each.family for each in trained))


def parse(settings: Iterable[str | Mapping[str, Any]]) -> tuple[Trained, ...]:
    """What the settings of a training come to; SettingsError for what is not understood."""
    found: dict[str, Trained] = {}
    for setting in settings:
        said = setting if isinstance(setting, str) else json.dumps(setting, default=str)
        for name in _names(setting):
            found.setdefault(name, _trained(name, said))
    return tuple(found.values())


def _trained(name: str, said: str) -> Trained:
    short = said if len(said) <= 80 else said[:77] + "..."
    if name in PERTURBATIONS:
        return Trained(name, str(PERTURBATIONS[name].family), short)
    return Trained("", name, short)


def _names(setting: str | Mapping[str, Any]) -> Iterator[str]:
    if isinstance(setting, Mapping):
        yield from _of_mapping(setting)
        return
    text = setting.strip().removeprefix("--")
    if not text:
        return
    known_families = {str(entry.family) for entry in PERTURBATIONS.values()}
    if text in PERTURBATIONS or text in known_families:
        yield text
    elif "\n" not in text and len(text) < 4096 and Path(text).is_file():
        yield from _names(_read(Path(text)))
    elif text[0] in "{[":
        yield from _of_json(text)
    elif "__class_fullname__" in text:
        yield from _of_albumentations_yaml(text)
    elif _timm_string(text) is not None:
        yield from _timm_string(text) or ()
    elif re.fullmatch(r"[A-Za-z_.]+", text):
        yield from _of_call(text.split(".")[-1], {})
    elif _calls(text):
        yield from _of_code(text)
    elif _pairs(text):
        yield from _of_mapping(_pairs(text))
    else:
        raise SettingsError(_not_known(text))


def _read(path: Path) -> str:
    try:
        return file_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"trained_with: {path}: cannot be read as text: {in_plain_words(error)}"
        ) from error


def _of_json(text: str) -> Iterator[str]:
    try:
        content = parsed_json(text)
    except ValueError:
        content = _literal(text)
        if not isinstance(content, dict | list):
            yield from _of_code(text)
            return
    for each in content if isinstance(content, list) else [content]:
        yield from _names(each)


def _of_mapping(settings: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(settings.get("transform"), Mapping):
        yield from _of_mapping(settings["transform"])
        return
    if "__class_fullname__" in settings:
        name = str(settings["__class_fullname__"]).split(".")[-1]
        if settings.get("p", 1) == 0:
            return
        for each in settings.get("transforms") or ():
            yield from _of_mapping(each)
        arguments = {k: v for k, v in settings.items() if k != "transforms"}
        yield from _of_call(name, arguments, _albumentations_default(name))
        return
    named = {str(key).lstrip("-").replace("-", "_"): value for key, value in settings.items()}
    known = {key: value for key, value in named.items() if key in KEYS or key in AA_KEYS}
    if not known:
        raise SettingsError(_not_known(json.dumps(named, default=str)))
    for key, value in known.items():
        yield from _of_key(key, value)


def _of_key(key: str, value: Any) -> Iterator[str]:
    if key in AA_KEYS:
        if value not in (None, "", False):
            yield from _names(str(value))
        return
    if key == "scale" and isinstance(value, list | tuple):
        yield from ("translation", "scale")  # timm: the area of a random crop
    elif not _off(key, value):
        yield from KEYS[key]


def _of_call(name: str, arguments: Mapping[str, Any], left_out: Any = 0) -> Iterator[str]:
    plain = name.lower().replace("_", "")
    if arguments.get("p", 1) == 0 or plain in NEUTRAL:
        return
    if plain in AUTO_AUGMENT:
        without = plain == "augmix" and arguments.get("all_ops") is False
        extra = ("brightness", "saturation", "sharpening")
        yield from (each for each in AUTO_AUGMENT[plain] if not (without and each in extra))
        return
    if plain in BY_ARGUMENT:
        for argument, names in BY_ARGUMENT[plain].items():
            default = LEFT_OUT.get(plain, {}).get(argument, left_out if arguments else UNKNOWN)
            if not _off(argument, arguments.get(argument, default)):
                yield from names
        return
    if plain not in TRANSFORMS:
        raise SettingsError(_not_known(name))
    yield from TRANSFORMS[plain]


def _calls(text: str) -> list[ast.Call]:
    try:
        return [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    except (SyntaxError, ValueError):
        return []


def _of_code(text: str) -> Iterator[str]:
    calls = _calls(text)
    body = ast.parse(text).body if calls else []
    alone = len(body) == 1 and isinstance(body[0], ast.Expr)
    known = 0
    for call in calls:
        name = (
            call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        )
        plain = name.lower().replace("_", "")
        if plain == "createtransform":
            yield from _of_mapping({k.arg: _value(k.value) for k in call.keywords if k.arg})
        elif plain in ("randaugmenttransform", "autoaugmenttransform"):
            config = _value(call.args[0]) if call.args else UNKNOWN
            yield from (isinstance(config, str) and _timm_string(config)) or TIMM_STRINGS["rand"]
        elif plain == "levels" and call.args and getattr(call.args[0], "id", "") in PERTURBATIONS:
            yield call.args[0].id  # type: ignore[attr-defined] # of an exported policy
        elif plain in _CLASSES or alone:
            positional = dict(zip(POSITIONAL.get(plain, ()), map(_value, call.args), strict=False))
            given = {k.arg: _value(k.value) for k in call.keywords if k.arg}
            module = call.func.value if isinstance(call.func, ast.Attribute) else None
            theirs = getattr(module, "id", "") in ("A", "albumentations")
            default = (
                _albumentations_default("ColorJitter") if theirs and plain == "colorjitter" else 0
            )
            yield from _of_call(name, {**positional, **given}, default)
        else:
            continue
        known += 1
    if not known:
        raise SettingsError(_not_known(text))


def _value(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return UNKNOWN


def _timm_string(text: str) -> tuple[str, ...] | None:
    kind = text.split("-")[0]
    if kind not in TIMM_STRINGS or not re.fullmatch(r"[a-z0-9]+(-[a-z]+[0-9.a-z]*)*", text):
        return None
    if kind == "rand" and re.search(r"-t3a(-|$)", text):
        return TIMM_STRINGS["3a"]
    return TIMM_STRINGS[kind]


def _pairs(text: str) -> dict[str, Any]:
    """``key: value``, ``key=value``, ``--key value``, in lines or behind commas; empty without a known key."""
    pairs = {}
    for line in text.splitlines():
        bare = line.split("#")[0].strip()
        for part in re.split(r",\s*(?=[A-Za-z_]+\s*[:=])|\s+(?=--)", bare):
            match = re.fullmatch(r"-{0,2}([A-Za-z_-]+)(?:\s*[:=]\s*|\s+)(\S.*)", part.strip())
            if match:
                pairs[match.group(1).replace("-", "_")] = _literal(match.group(2))
    return pairs if any(key in KEYS or key in AA_KEYS for key in pairs) else {}


def _literal(text: str) -> Any:
    if text in ("null", "None", "~", "false", "False"):
        return None
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        numbers = re.fullmatch(r"[-+0-9.eE ]+", text)
        return [float(each) for each in text.split()] if numbers else text


def _of_albumentations_yaml(text: str) -> Iterator[str]:
    """Classes of an Albumentations YAML with their arguments; arguments over several lines count as used."""
    parts = re.split(r"__class_fullname__:\s*", text)[1:]
    for part in parts:
        lines = part.splitlines()
        arguments: dict[str, Any] = {"": None}
        for line in lines[1:]:
            match = re.fullmatch(r"[\s-]*(\w+):\s*(.*)", line)
            if match:
                arguments[match.group(1)] = _literal(match.group(2)) if match.group(2) else UNKNOWN
        name = lines[0].strip().strip("'\"").split(".")[-1]
        yield from _of_call(name, arguments, _albumentations_default(name))


def _albumentations_default(name: str) -> Any:
    """Its ColorJitter changes everything unless it is switched off; its Affine nothing."""
    return UNKNOWN if name == "ColorJitter" else 0


def _off(key: str, value: Any) -> bool:
    """Whether a value switches its argument off: nothing, no change added, or a factor of exactly one."""
    if value is UNKNOWN:
        return False
    if value is None or value is False:
        return True
    if isinstance(value, Mapping):
        return all(_off(key, each) for each in value.values())
    if isinstance(value, list | tuple):
        return all(_off(key, each) for each in value) or (
            all(each == 1 for each in value)
            and len(value) > 0
            and key not in ("degrees", "rotate", "hue")
        )
    return value == 0


def _not_known(text: str) -> str:
    short = text if len(text) <= 60 else text[:57] + "..."
    return (
        f"trained_with: {short!r} is not known; name instead the perturbations or families it holds "
        f"(families are {', '.join(dict.fromkeys(str(e.family) for e in PERTURBATIONS.values()))})"
    )
