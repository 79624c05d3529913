"""What other libraries' augmentations are in the words of the catalogue, read from ``augmentations.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

Names = Mapping[str, tuple[str, ...]]

_DATA: dict[str, Any] = tomllib.loads(
    resources.files("vidrobust.stages.policy").joinpath("augmentations.toml").read_text(encoding="utf-8")
)


def _tuples(table: Mapping[str, list[str]]) -> Names:
    return {name: tuple(values) for name, values in table.items()}


NEUTRAL = frozenset(_DATA["neutral"])
"""Transforms that perturb nothing by themselves."""
TRANSFORMS: Names = {name: tuple(each["are"]) for each in _DATA["transforms"] for name in each["names"]}
"""Transforms that do one thing, whatever their arguments."""
BY_ARGUMENT: Mapping[str, Names] = {name: _tuples(table) for name, table in _DATA["by_argument"].items()}
"""Transforms whose arguments say what they do."""
LEFT_OUT: Mapping[str, Mapping[str, object]] = _DATA["left_out"]
"""Their values where an argument is left out, if that is not "off"."""
POSITIONAL: Names = _tuples(_DATA["positional"])
AUTO_AUGMENT: Names = dict.fromkeys(_DATA["auto_augment"], tuple(_DATA["many_operations"]))
"""Policies of many operations."""
TIMM_STRINGS: Names = {
    **dict.fromkeys(_DATA["timm_many"], tuple(_DATA["many_operations"])),
    **_tuples(_DATA["timm_strings"]),
}
"""Auto-augment strings of timm by their first word, and the two names that Ultralytics uses."""
KEYS: Names = _tuples(_DATA["keys"])
"""Options of timm's create_transform and training script, and hyper-parameters of Ultralytics."""
