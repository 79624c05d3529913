"""The worst moments as pictures for the report, and frames for its player."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from vidrobust.files.atomic import write_bytes
from vidrobust.frames.pixels import reduced, to_array
from vidrobust.metrics.catalogue import of_plugins, task_of
from vidrobust.metrics.metric import usable_pairs
from vidrobust.metrics.tracks.measures import without_absent
from vidrobust.models.predict import Model, needs_pixels, predict_footage
from vidrobust.pipeline.estimate import pictured_pairs
from vidrobust.pipeline.run import OpenRun
from vidrobust.report.pictures import PICTURE_WIDTH, narrowed, save_picture
from vidrobust.stages.causes.pair_replays import PairReplays, study_strip
from vidrobust.stages.causes.strips import STRIP_WIDTH, drawn, tiles
from vidrobust.stages.causes.unit import Pictures, factor_of, frames_about, side_by_side
from vidrobust.stages.moments.player import DIFFERENCE, FRAME, box_events, task_pairs
from vidrobust.tables import schema as tables
from vidrobust.video.kept import KeptFrames
from vidrobust.video.source import VideoSource

PER_MODEL = 6  # moments; of a small sample two
OF_STRIP = ["item", "model", "frame_a", "frame_b"]  # what names a pair in the table ``strips``


def moments(run: OpenRun) -> None:
    """Write ``moments.json``, its pictures in ``moments/`` if wanted, and the table ``player_frames``."""
    most = min(PER_MODEL, 2 * pictured_pairs(run.settings))
    chosen = (
        choose(run.table("pairs"), run.table("frames"), most) if run.folder.has("pairs") else []
    )
    names = {"answer": "label_name", "sure": "probability"}
    frames = run.table("task_frames").rename(columns=names)
    for pairs in task_pairs(run.table("task_pairs"), of_plugins(run.folder.record.tasks)):
        chosen += choose(pairs, frames, most)
    drawn_on = next((model for model in run.models if task_of(model.task).drawn is not None), None)
    with ThreadPoolExecutor(1) as pool:
        player = pool.submit(keep, run, drawn_on)
        if drawn_on is not None:
            player.result()  # a model is asked by one thread at a time
        if run.settings.pictures:
            (run.path / "moments").mkdir(exist_ok=True)
            strips = dict(iter(run.table("strips").groupby(OF_STRIP)))
            for item in dict.fromkeys(moment["item"] for moment in chosen):
                with run.opened(item) as source, KeptFrames(source) as kept:
                    _take(
                        run,
                        kept,
                        item,
                        [entry for entry in enumerate(chosen) if entry[1]["item"] == item],
                        strips,
                    )
        run.folder.write_json("moments.json", {"moments": chosen, "player": player.result()})


def choose(
    pairs: pd.DataFrame, frames: pd.DataFrame, most: int = PER_MODEL
) -> list[dict[str, Any]]:
    """Choose per model the usable neighbours that changed most, flips first, at least a second apart."""
    usable = usable_pairs(pairs)
    lookup = frames.set_index(["model", "item", "frame"])
    chosen: list[dict[str, Any]] = []
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
            chosen.append({**_moment(model, pair, a, b), "rank": len(taken) - 1})
            if len(taken) == most:
                break
    return chosen


def _take(
    run: OpenRun,
    source: KeptFrames,
    item: str,
    chosen: list[tuple[int, dict[str, Any]]],
    strips: dict[Any, pd.DataFrame],
) -> None:
    transitions = run.table("transitions")
    rows = transitions[transitions["item"] == item]
    models = {m.name: m for m in run.models if needs_pixels(m)}
    moments = [moment for _, moment in chosen]
    ready = [strips.get(tuple(moment[name] for name in OF_STRIP)) for moment in moments]
    chained = [
        strip is None
        and moment["rank"] < pictured_pairs(run.settings)
        and moment["model"] in models
        for moment, strip in zip(moments, ready, strict=True)
    ]
    frames = [(moment["frame_a"], moment["frame_b"]) for moment in moments]
    # a strip shows no more of a pair than a small picture does
    shown_by = {name: factor_of(model, source.info) for name, model in models.items()}
    factors = [shown_by.get(moment["model"], 1) for moment in moments]
    source.keep([frame for pair in frames for frame in frames_about(rows, *pair)[0]])
    replays = side_by_side(source, rows, frames, _pictured, chained, factors)
    for (number, moment), strip in zip(chosen, ready, strict=True):
        pair, replayed = next(replays)
        difference, moment["difference_factor"] = magnified(*pair)
        moment["picture_difference"] = _save(
            run.path, f"{number:02d}_difference", difference, PICTURE_WIDTH
        )
        if moment["model"] in models:
            pair = drawn(models[moment["model"]], pair, source.info.delivered_on)
        for side, picture in zip("ab", pair, strict=True):
            moment[f"picture_{side}"] = _save(
                run.path, f"{number:02d}_{side}", picture, PICTURE_WIDTH
            )
        if strip is not None:
            moment["strip"] = list(_made_before(run.path, number, moment, strip))
        if replayed is None:
            continue
        moment["strip"] = [
            {
                **vars(tile),
                "picture": _save(run.path, f"{number:02d}_strip_{k}", tile.picture, STRIP_WIDTH),
            }
            for k, tile in enumerate(
                tiles(replayed, models[moment["model"]], moment, source.info.delivered_on)
            )
        ]


def _pictured(
    pictures: Pictures, chained: bool, factor: int
) -> tuple[tuple[np.ndarray, ...], PairReplays | None]:
    if not chained:
        return pictures[1:3], None
    small: Any = [None if picture is None else reduced(picture, factor) for picture in pictures]
    return pictures[1:3], study_strip(*small)


def _made_before(
    folder: Path, number: int, moment: dict[str, Any], rows: pd.DataFrame
) -> Iterator[dict[str, Any]]:
    """Yield the pictures of a strip that the account has replayed; none of a pair that could not be."""
    frames = {f"frame {moment[side]}": moment[side] for side in ("frame_a", "frame_b")}
    for row in rows[rows["excluded"] == ""].sort_values("place").to_dict("records"):
        picture = f"moments/{number:02d}_strip_{row['place']}.jpg"
        write_bytes(folder / picture, base64.b64decode(row["picture"]))
        tile = {name: row[name] for name in ("title", "measured", "label", "probability")}
        yield {**tile, "frame": frames.get(row["title"]), "picture": picture}


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


MOST_FRAMES = 3000  # frames of the run that are kept at most
# of a longer run about so many lie on the grid; the rest is for both sides of the flips
ON_GRID = 2000
MOST_DIFFERENCES = 200  # flips, the largest changes first, whose two frames are also subtracted
BUDGET = 8_000_000  # characters of base64 that all pictures may take
# of the pictures, px; the largest that fits is taken
WIDTHS = (480, 400, 320, 256, 208, 160, 128, 96)
QUALITY = 70
TYPICAL = 0.16  # bytes of a JPEG of this quality for one pixel, to begin with a width that is likely to fit
MOST_MAGNIFIED = 16  # the largest factor by which a difference is magnified


@dataclass(frozen=True)
class ChosenFrames:
    """Which frames are kept."""

    frames: dict[str, np.ndarray]  # Item -> sorted frame numbers
    every: int  # One frame in so many lies on the grid; 1 where all are there
    left: int  # Flips one of whose frames found no room


def keep(run: OpenRun, drawn_on: Model | None) -> dict[str, Any]:
    """Write the table ``player_frames``, and return what was kept, in plain values for ``moments.json``."""
    if not run.settings.pictures:
        run.folder.write_table("player_frames", tables.empty("player_frames"))
        return {"every": 0, "kept": 0, "of": 0, "left": 0, "width": 0}
    events = flips(run)
    transitions = run.table("transitions")
    chosen = choose_frames(transitions, events)
    rows = pd.DataFrame(
        _pictures(run, chosen, events, drawn_on), columns=[*tables.TABLES["player_frames"]]
    )
    rows, width = fitted(rows)
    run.folder.write_table("player_frames", rows)
    kept = int((rows["kind"] == FRAME).sum())
    return {
        "every": chosen.every,
        "kept": kept,
        "of": len(transitions),
        "left": chosen.left,
        "width": width,
    }


def flips(run: OpenRun) -> pd.DataFrame:
    """Return every event the player marks (item, model, frame_a, frame_b, what, size), the largest first."""
    events = [_label_flips(run.table("pairs")), _box_events(run)]
    others = of_plugins(run.folder.record.tasks)
    events += [_label_flips(pairs) for pairs in task_pairs(run.table("task_pairs"), others)]
    every = pd.concat([part for part in events if len(part)] or [events[0]], ignore_index=True)
    return every.sort_values("size", ascending=False, kind="stable").reset_index(drop=True)


def _label_flips(pairs: pd.DataFrame) -> pd.DataFrame:
    rows = usable_pairs(pairs)
    rows = rows[rows["label_flip"].astype(bool)]
    columns = rows[["item", "model", "frame_a", "frame_b"]]
    return columns.assign(what="label flips", size=rows["total_variation"].fillna(0.0))


def _box_events(run: OpenRun) -> pd.DataFrame:
    rows = box_events(without_absent(run.table("object_frames"), run.table("judged_steps")))
    what = rows["label_name"].astype(str) + np.where(rows["lost"], " missed", " renamed")
    return pd.DataFrame(
        {
            "item": rows["item"],
            "model": rows["model"],
            "frame_a": rows["frame_a"].astype("int64"),
            "frame_b": rows["frame"],
            "what": what,
            "size": 0.0,
        }
    )


def choose_frames(transitions: pd.DataFrame, events: pd.DataFrame) -> ChosenFrames:
    """Choose all frames up to MOST_FRAMES; else a grid of each item, and both sides of the flips that fit."""
    of_item = {
        str(item): rows["frame"].to_numpy()
        for item, rows in transitions.groupby("item", sort=False)
    }
    if len(transitions) <= MOST_FRAMES:
        return ChosenFrames(of_item, 1, 0)
    every = -(-len(transitions) // ON_GRID)
    kept = {item: set(frames[::every].tolist()) for item, frames in of_item.items()}
    room, left = MOST_FRAMES - sum(map(len, kept.values())), 0
    for event in events.itertuples():
        new = {event.frame_a, event.frame_b} - kept[event.item]
        if len(new) > room:
            left += 1
            continue
        kept[event.item] |= new
        room -= len(new)
    return ChosenFrames(
        {item: np.array(sorted(frames), np.int64) for item, frames in kept.items()}, every, left
    )


def _pictures(
    run: OpenRun, chosen: ChosenFrames, events: pd.DataFrame, drawn_on: Model | None
) -> Iterator[dict[str, Any]]:
    pairs = events.drop_duplicates(["item", "frame_a", "frame_b"]).head(MOST_DIFFERENCES)
    wanted = sum(map(len, chosen.frames.values())) + len(pairs)
    for item, frames in chosen.frames.items():
        subtracted = {
            int(row.frame_b): int(row.frame_a) for row in pairs[pairs["item"] == item].itertuples()
        }
        with run.opened(item) as source:
            yield from _of_item(source, item, set(frames.tolist()), subtracted, wanted, drawn_on)


def _of_item(
    source: VideoSource,
    item: str,
    frames: set[int],
    subtracted: dict[int, int],
    wanted: int,
    model: Model | None,
) -> Iterator[dict[str, Any]]:
    held: tuple[int, np.ndarray] | None = None
    for batch in source.batches(16):
        answer: Any = None
        if model is not None and not frames.isdisjoint(batch.index.tolist()):
            answer = predict_footage(model, batch)
        for row, (index, pixels) in enumerate(zip(batch.index.tolist(), batch.pixels, strict=True)):
            picture = to_array(pixels)
            width = likely_width(picture.shape, wanted)
            if index in frames:
                shown = picture
                if model is not None and (draw := task_of(model.task).drawn) is not None:
                    shown = draw(picture, answer.select([row]))
                yield _row(item, index, FRAME, narrowed(shown, width), 1.0)
            before = subtracted.get(index)
            if before is not None and held is not None and held[0] == before:
                difference, factor = magnified(held[1], picture)
                yield _row(item, index, DIFFERENCE, narrowed(difference, width), factor)
            held = index, picture.copy()


def magnified(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the difference of two pictures, magnified by a power of two that cuts off two values in a hundred."""
    if a.shape != b.shape:
        return np.zeros_like(b), 1.0
    difference = cv2.absdiff(a, b)
    # by counting levels, which takes a tenth of the time of sorting
    counts = cv2.calcHist([difference.reshape(-1)], [0], None, [256], [0, 256]).ravel()
    high = int(np.searchsorted(np.cumsum(counts, dtype=np.float64), 0.98 * difference.size))
    factor = 1
    while factor < MOST_MAGNIFIED and 2 * factor * high <= 255:
        factor *= 2
    return cv2.convertScaleAbs(difference, alpha=factor), float(factor)


def likely_width(shape: tuple[int, ...], wanted: int) -> int:
    """Return the largest width with which so many pictures of this shape are likely to fit."""
    height, width = shape[:2]
    room = BUDGET * 3 / 4 / max(1, wanted)
    fits = (w for w in WIDTHS if min(w, width) ** 2 * height / width * TYPICAL <= room)
    return next(fits, WIDTHS[-1])


def fitted(rows: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return the rows with their pictures made smaller, all alike, until they fit; and the width."""
    width = max((_decoded(picture).shape[1] for picture in rows["picture"].head(1)), default=0)
    while rows["picture"].str.len().sum() > BUDGET:
        smaller = next((w for w in WIDTHS if w < width), 0)
        if not smaller:
            break
        width = smaller
        rows = rows.assign(
            picture=[_encoded(narrowed(_decoded(p), width)) for p in rows["picture"]]
        )
    return rows, width


def _row(item: str, frame: int, kind: str, picture: np.ndarray, factor: float) -> dict[str, Any]:
    return {
        "item": item,
        "frame": frame,
        "kind": kind,
        "factor": factor,
        "picture": _encoded(picture),
    }


def _encoded(rgb: np.ndarray) -> str:
    done, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise RuntimeError("a frame could not be encoded as JPEG")
    return base64.b64encode(data.tobytes()).decode("ascii")


def _decoded(picture: str) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(picture), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert image is not None, "it was encoded here"
    return np.asarray(image[..., ::-1])
