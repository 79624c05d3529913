"""``vidrobust export --to clip``: the worst moments as a short video to send, as MP4 and GIF, and the page as PDF.

Each moment runs at a third of its speed, with what the model says of each frame and a ribbon of the whole clip.
Boxes are drawn by supervision's annotators.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import repeat
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from vidrobust.errors import InputError, SettingsError
from vidrobust.finished_runs.exports.catalogue import Exported, Format, library
from vidrobust.frames.pixels import to_array
from vidrobust.pipeline.open import opened_folder
from vidrobust.pipeline.progress import Reporter
from vidrobust.report.drawing import COLOURS, GREY
from vidrobust.report.pages import printed
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.stability.ribbon_section import NO_ANSWER, colours_of
from vidrobust.text.numbers import percent

LONGEST_S, SHORTEST_S = 10.0, 6.0  # of the clip
MOMENTS = 3
SLOWER = 3.0  # times as slow as the footage
FRAME_RATE = 15  # of the clip; more would make the GIF larger than a mail takes
WIDTH, BAND, RIBBON = 720, 64, 18  # of the picture, of the words below it, and of the ribbon, px
GIF_WIDTH = 480
PAPER, INK = (255, 255, 255), (29, 29, 31)


@dataclass(frozen=True)
class Shown:
    """One moment: the frames of an input about it, and what the model says along the input."""

    item: str
    words: str  # what happens
    frames: np.ndarray  # (F,) int64 numbers of the frames that are shown
    answers: pd.DataFrame  # one row a frame of the input: frame, time_s, label, said
    boxes: pd.DataFrame | None  # of a detector


def write(run: RunTables, out: Path) -> Exported:
    """Write ``worst.mp4``, ``worst.gif`` and, where a browser is installed, ``report.pdf`` and ``correlation.pdf``."""
    model = next(iter(run.tasks), None)
    moments = shown_moments(run, model) if model is not None else []
    if not moments:
        raise InputError(f"{run.folder}: holds no moment at which an answer changes")
    if model in run.detectors:
        library("supervision", "clip")
    pictures = list(_pictures(run, moments))
    files = [_as_mp4(pictures, out / "worst.mp4"), _as_gif(pictures, out / "worst.gif")]
    notes = []
    for name in ("report", "correlation"):
        page = run.folder / f"{name}.html"
        try:
            if name == "report" or page.is_file():
                files.append(printed(page, out / f"{name}.pdf"))
        except (SettingsError, FileNotFoundError) as error:
            notes.append(f"without {name}.pdf: {error}")
    others = [name for name in run.tasks if name != model]
    notes += [f"of {model}, not of {', '.join(others)}"] if others else []
    return Exported(tuple(files), tuple(notes))


def shown_moments(run: RunTables, model: str) -> list[Shown]:
    """Choose the worst moments of a model, and as many frames about each as fill six to ten seconds."""
    files = ("moments.json", "box_moments.json")
    every = [entry for name in files for entry in run.json(name).get("moments", [])]
    chosen = [entry for entry in every if entry["model"] == model][:MOMENTS]
    clips = []
    for moment in chosen:
        answers = _answers(run, model, str(moment["item"]))
        time_s = answers["time_s"].to_numpy(np.float64)
        at = float(moment["time_b_s"])
        half = (LONGEST_S + SHORTEST_S) / 2 / len(chosen) / SLOWER / 2
        inside = (time_s >= at - half) & (time_s <= at + half)
        clips.append(
            Shown(
                item=str(moment["item"]),
                words=str(moment.get("what") or f"{moment['label_a']} becomes {moment['label_b']}"),
                frames=answers["frame"].to_numpy(np.int64)[inside],
                answers=answers,
                boxes=_boxes(run, model, str(moment["item"])),
            )
        )
    return [clip for clip in clips if len(clip.frames)]


def _answers(run: RunTables, model: str, item: str) -> pd.DataFrame:
    """Return frame, time_s, label and what is written below, a row a frame."""
    if model in run.detectors:
        counts = run.rows("box_counts")
        rows = counts[(counts["model"] == model) & (counts["item"] == item)]
        boxes = _boxes(run, model, item)
        assert boxes is not None
        n = boxes.groupby("frame").size().reindex(rows["frame"]).fillna(0).astype(int).to_numpy()
        label = [f"{k} objects" if k != 1 else "1 object" for k in n]
        return rows[["frame", "time_s"]].assign(label=label, said=label).sort_values("frame")
    frames = run.rows("frames")
    rows = frames[(frames["model"] == model) & (frames["item"] == item)]
    rows = rows.drop_duplicates("frame").sort_values("frame")
    label = rows["label_name"].fillna(NO_ANSWER).astype(str)
    texts = [f"{name}, {percent(p)}" for name, p in zip(label, rows["probability"], strict=True)]
    return rows[["frame", "time_s"]].assign(label=label, said=texts)


def _boxes(run: RunTables, model: str, item: str) -> pd.DataFrame | None:
    if model not in run.detectors:
        return None
    rows = run.rows("detections")
    return rows[(rows["model"] == model) & (rows["item"] == item) & (rows["track"] >= 0)]


def _pictures(run: RunTables, moments: Sequence[Shown]) -> Iterator[np.ndarray]:
    with opened_folder(run.folder, {}, Reporter(quiet=True)) as opened:
        for moment in moments:
            wanted, ribbon, held = set(moment.frames.tolist()), _ribbon(moment), 0.0
            with opened.opened(moment.item) as source:
                for batch in source.batches(16):
                    for number, pixels in zip(batch.index.tolist(), batch.pixels, strict=True):
                        if number not in wanted:
                            continue
                        picture = _drawn(to_array(pixels), number, moment, ribbon)
                        held += SLOWER * FRAME_RATE * _step_s(moment)
                        yield from repeat(picture, round(held))
                        held -= round(held)
                    if batch.index.max() >= moment.frames[-1]:
                        break


def _step_s(moment: Shown) -> float:
    time_s = moment.answers["time_s"].to_numpy(np.float64)
    return float(np.median(np.diff(time_s))) if len(time_s) > 1 else 1 / 30


def _ribbon(moment: Shown) -> np.ndarray:
    """Draw the labels of the whole clip from left to right, (RIBBON, WIDTH, 3) uint8."""
    labels = moment.answers["label"].tolist()
    colours = colours_of(labels)
    columns = np.arange(WIDTH) * len(labels) // WIDTH
    row = np.array([_rgb(colours.get(labels[k], GREY)) for k in columns], np.uint8)
    return np.repeat(row[None], RIBBON, axis=0)


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _drawn(frame: np.ndarray, number: int, moment: Shown, ribbon: np.ndarray) -> np.ndarray:
    """Return a frame with its boxes, the words and the ribbon below, (H, WIDTH, 3) uint8 of even height."""
    height = round(frame.shape[0] * WIDTH / frame.shape[1] / 2) * 2
    picture = cv2.resize(frame, (WIDTH, height), interpolation=cv2.INTER_AREA)
    if moment.boxes is not None:
        of = moment.boxes[moment.boxes["frame"] == number]
        picture = _with_boxes(picture, of, WIDTH / frame.shape[1])
    place = int(np.flatnonzero(moment.answers["frame"].to_numpy() == number)[0])
    row = moment.answers.iloc[place]
    band = Image.new("RGB", (WIDTH, BAND), PAPER)
    pen = ImageDraw.Draw(band)
    colour = colours_of(moment.answers["label"].tolist()).get(str(row["label"]), GREY)
    pen.text((10, 6), str(row["said"]), fill=colour, font=_font(24))
    pen.text((10, 40), f"{row['time_s']:.2f} s   {moment.words}", fill=INK, font=_font(14))
    ribbon = ribbon.copy()
    x = round((place + 0.5) / len(moment.answers) * WIDTH)
    ribbon[:, max(0, x - 2) : x + 2] = INK
    return np.concatenate([picture, np.asarray(band), ribbon])


def _with_boxes(picture: np.ndarray, boxes: pd.DataFrame, scale: float) -> np.ndarray:
    sv: Any = library("supervision", "clip")
    if boxes.empty:
        return picture
    tracks = boxes["track"].to_numpy(np.int64)
    detections = sv.Detections(
        xyxy=boxes[["x1", "y1", "x2", "y2"]].to_numpy(np.float64) * scale,
        confidence=boxes["score"].to_numpy(np.float64),
        class_id=tracks,
        tracker_id=tracks,
    )
    palette = sv.ColorPalette.from_hex(list(COLOURS))
    words = [f"{row.label_name} {row.score:.2f}" for row in boxes.itertuples()]
    bgr = np.ascontiguousarray(picture[..., ::-1])  # as supervision has it
    drawn = sv.BoxAnnotator(color=palette, thickness=3).annotate(bgr, detections)
    labels = sv.LabelAnnotator(color=palette, text_scale=0.5)
    return np.ascontiguousarray(labels.annotate(drawn, detections, labels=words)[..., ::-1])


def _font(size: int) -> Any:
    from matplotlib.font_manager import findfont

    return ImageFont.truetype(findfont("DejaVu Sans"), size)


def _as_mp4(pictures: Sequence[np.ndarray], path: Path) -> Path:
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(FRAME_RATE))
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "20"}
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def _as_gif(pictures: Sequence[np.ndarray], path: Path) -> Path:
    """Write every second picture, smaller: a GIF has no compression between its frames to speak of."""
    height = round(pictures[0].shape[0] * GIF_WIDTH / WIDTH)
    small = [
        Image.fromarray(cv2.resize(picture, (GIF_WIDTH, height), interpolation=cv2.INTER_AREA))
        for picture in pictures[::2]
    ]
    small[0].save(path, save_all=True, append_images=small[1:], duration=2000 // FRAME_RATE, loop=0)
    return path


FORMAT = Format(
    name="clip",
    what="the worst moments as MP4 and GIF with labels and a ribbon, and the page as PDF",
    opened_by="open {out}/worst.mp4; send worst.gif or report.pdf",
    write=write,
)
