"""The worst moments: pairs of frames where a model changed its mind most, as pictures for the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.models.predict import needs_pixels
from vidrobust.pipeline.counts import PICTURED_PAIRS
from vidrobust.pipeline.run import Run
from vidrobust.predictions import Classifier
from vidrobust.report.pictures import WIDTH, save_picture
from vidrobust.stages.causes.pair_replays import PairReplays, study_pair
from vidrobust.stages.causes.side_by_side import Pictures, side_by_side
from vidrobust.stages.moments import player
from vidrobust.stages.moments.strip import tiles
from vidrobust.video.source import VideoSource

PER_MODEL = 6
STRIP_WIDTH = 240


def moments(run: Run) -> None:
    """``moments.json``, its pictures in ``moments/`` and the table ``player_frames``; pictures only if wanted."""
    chosen = choose(run.table("pairs"), run.table("frames")) if run.folder.has("pairs") else []
    if run.settings.pictures:
        (run.path / "moments").mkdir(exist_ok=True)
        for item in dict.fromkeys(moment["item"] for moment in chosen):
            with run.opened(item) as source:
                _take(run, source, item, [each for each in enumerate(chosen) if each[1]["item"] == item])
    run.folder.write_json("moments.json", {"moments": chosen, "player": player.keep(run)})


def choose(pairs: pd.DataFrame, frames: pd.DataFrame) -> list[dict[str, Any]]:
    """Per model the usable pairs of neighbours that changed most, flips first, at least a second apart."""
    usable = pairs[(pairs["kind"] == "adjacent") & (pairs["excluded"] == "")]
    lookup = frames.set_index(["model", "item", "frame"])
    found: list[dict[str, Any]] = []
    for model in usable["model"].drop_duplicates():
        ranked = usable[usable["model"] == model].sort_values(
            ["label_flip", "total_variation"], ascending=False, kind="stable"
        )
        taken: list[tuple[str, float]] = []
        for pair in ranked.itertuples():
            a = lookup.loc[(model, pair.item, pair.frame_a)]
            b = lookup.loc[(model, pair.item, pair.frame_b)]
            if any(item == pair.item and abs(time - a.time_s) < 1.0 for item, time in taken):
                continue
            taken.append((pair.item, float(a.time_s)))
            found.append({**_moment(model, pair, a, b), "rank": len(taken) - 1})
            if len(taken) == PER_MODEL:
                break
    return found


def _take(run: Run, source: VideoSource, item: str, chosen: list[tuple[int, dict[str, Any]]]) -> None:
    """Of each numbered moment both frames as pictures, and of the worst the chain of changes between them."""
    transitions = run.table("transitions")
    own = transitions[transitions["item"] == item]
    shown = {m.name: m for m in run.models if needs_pixels(m) and isinstance(m, Classifier)}
    moments = [moment for _, moment in chosen]
    chained = [moment["rank"] < PICTURED_PAIRS and moment["model"] in shown for moment in moments]
    frames = [(moment["frame_a"], moment["frame_b"]) for moment in moments]
    each = side_by_side(source, own, frames, _pictured, chained)
    for number, moment in chosen:
        pair, replayed = next(each)
        for side, picture in zip("ab", pair, strict=True):
            moment[f"picture_{side}"] = _save(run.path, f"{number:02d}_{side}", picture, WIDTH)
        if replayed is None:
            continue
        moment["strip"] = [
            {
                "title": tile.title,
                "measured": tile.measured,
                "label": tile.label,
                "probability": tile.probability,
                "frame": tile.frame,
                "picture": _save(run.path, f"{number:02d}_strip_{k}", tile.picture, STRIP_WIDTH),
            }
            for k, tile in enumerate(tiles(replayed, shown[moment["model"]], moment, source.info.device))
        ]


def _pictured(pictures: Pictures, chained: bool) -> tuple[tuple[np.ndarray, np.ndarray], PairReplays | None]:
    """Both frames, and the pair's replays where its chain is shown."""
    return pictures[1:3], study_pair(*pictures) if chained else None


def _save(folder: Path, stem: str, rgb: np.ndarray, width: int) -> str:
    name = f"moments/{stem}.jpg"
    save_picture(rgb, folder / name, width)
    return name


def _moment(model: str, pair: Any, a: Any, b: Any) -> dict[str, Any]:
    return {
        "model": model,
        "item": pair.item,
        "frame_a": int(pair.frame_a),
        "frame_b": int(pair.frame_b),
        "time_a_s": float(a.time_s),
        "time_b_s": float(b.time_s),
        "label_a": a.label_name,
        "label_b": b.label_name,
        "probability_a": float(a.probability),
        "probability_b": float(b.probability),
        "flip": bool(pair.label_flip),
        "total_variation": float(pair.total_variation),
        "pixel_change": float(pair.pixel_change),
    }
