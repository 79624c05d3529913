"""A baseline of the user's own: what ``vidrobust corruptions --json`` said of one model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vidrobust.errors import InputError, SettingsError
from vidrobust.files.json_text import parsed_json
from vidrobust.plugins.published.corruption_error import Baseline, FlipBaseline
from vidrobust.text.printable import printable


def read_baseline(path: Path, suite: str) -> Baseline | FlipBaseline:
    """Read the errors, or flip probabilities and T5D, of the one model in a file.

    InputError for another kind of file; SettingsError for several models, another suite, or a baseline of 0.
    """
    try:
        found = parsed_json(path.read_text(encoding="utf-8"))
        models: Mapping[str, Any] = found["models"]
        of_suite = str(found["suite"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{printable(path)}: is no baseline ({type(error).__name__}: {error}); it is what "
            "vidrobust corruptions "
            "--json prints of one model"
        ) from error
    if of_suite != suite:
        raise SettingsError(
            f"{printable(path)}: is of the suite {of_suite}, and cannot be a baseline for {suite}"
        )
    if len(models) != 1:
        raise SettingsError(f"{printable(path)}: holds {len(models)} models; a baseline is one")
    ((name, one),) = models.items()
    try:
        return _flips(name, one) if "sequences" in one else _errors(name, one)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{printable(path)}: model {name} lacks {error}") from error
    except ZeroDivisionError as error:
        raise SettingsError(
            f"{printable(path)}: model {name} {error}, by which nothing can be divided"
        ) from error


def _errors(name: str, one: Mapping[str, Any]) -> Baseline:
    errors = {key: tuple(float(e) for e in each["errors"]) for key, each in one["corruptions"].items()}
    clean = float(one["clean_error"])
    for key, each in errors.items():
        if sum(each) <= 0 or np.isclose(sum(each), len(each) * clean):
            raise ZeroDivisionError(
                f"makes no more errors under {key} than without" if sum(each) else f"never fails under {key}"
            )
    return Baseline(errors=errors, clean_error=clean, name=name)


def _flips(name: str, one: Mapping[str, Any]) -> FlipBaseline:
    flips = {key: float(each["flip_probability"]) for key, each in one["sequences"].items()}
    moved = {key: float(each["t5d"]) for key, each in one["sequences"].items()}
    for key in flips:
        if flips[key] <= 0 or moved[key] <= 0:
            raise ZeroDivisionError(f"never flips on {key}")
    return FlipBaseline(flip_probability=flips, top5_distance=moved, name=name)
