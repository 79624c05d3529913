"""Why the answer changes: the coarse account as dots with whiskers, and where in the picture it comes from."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd

from vidrobust.report import drawing
from vidrobust.report.drawing import Picture, data_uri
from vidrobust.report.pictures import PICTURE_WIDTH, jpeg
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.causes.catalogue import NOT_MEASURED
from vidrobust.stages.causes.section import LEAST_DRAWN, alike_in_words, named_causes, whole
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.text.numbers import part_with_interval, percent
from vidrobust.text.phrases import plural

# Groups as they are written beside a dot, and in the title as the subject of "cause half of the change".
NAMES = {
    "moving": "what moves in the picture",
    "camera": "motion of the camera",
    "light": "light and colour",
    "noise_and_detail": "noise and fine detail",
    "not_measured": "not measured",
    "keyframes": "keyframes of the recording",
}
SUBJECTS = {
    "moving": ("things that move", "cause", "contribute"),
    "camera": ("the moving camera", "causes", "contributes"),
    "light": ("changing light", "causes", "contributes"),
    "noise_and_detail": ("noise and fine detail", "cause", "contribute"),
    "keyframes": ("keyframes of the recording", "cause", "contribute"),
}
LEAST_SHARE = 0.05  # a group is named in the title if its interval lies above this share
WIDEST = 0.5  # interval up to which the title gives the share as a fraction
# Shares from which a fraction is the nearest one.
FRACTIONS = (
    (0.95, "nearly all"),
    (0.83, "nine tenths"),
    (0.71, "three quarters"),
    (0.58, "two thirds"),
    (0.42, "half"),
    (0.29, "a third"),
    (0.22, "a quarter"),
    (0.15, "a fifth"),
    (0.0, "a tenth"),
)
WHY_IN = 5.6  # width of the figure, beside the map
LEAST_MAPPED = 0.03  # a smaller share of a tile is not written on the map
WRITTEN = 0.65  # size of a share on the map, in OpenCV's units
TINT = np.array([209, 101, 6], np.float32)  # RGB of a tile that has all of the change


@dataclass(frozen=True)
class PageAccount:
    """What page one shows on the causes of one account of one model."""

    model: str
    of: str  # what was accounted for: "the change", "the change of its scores"
    dots: Picture | None
    place: Picture | None
    said: str


def groups(run: RunTables, model: str, prefix: str = "") -> pd.DataFrame:
    """Return the groups of an account over all clips, the largest share first; may be empty."""
    rows = whole(run, model, f"{prefix}account", "group")
    rows = rows[rows["share"].notna() & (rows["n"] >= FEWEST_ROWS)]
    rows = rows[(rows["cause"] != NOT_MEASURED) | (rows["share"] >= LEAST_DRAWN)]
    if (rows["cause"] == "keyframes").all():  # no pair changes
        rows = rows[:0]
    return rows.sort_values("share", ascending=False, kind="stable")


def clause(run: RunTables, model: str) -> str:
    """Say what causes most of the change, for the title; "" where *Why* does not name it."""
    prefix = next(iter(run.tasks[model].accounts), "")
    rows = groups(run, model, prefix)
    if rows.empty or alike_in_words(run, model):
        return ""
    row = rows.iloc[0]
    named = row["cause"] in named_causes(run, model, prefix, "group")
    if not named or not row["low"] > LEAST_SHARE:
        return ""
    subject, causes, contributes = SUBJECTS.get(
        str(row["cause"]), (str(row["cause"]).replace("_", " "), "causes", "contributes")
    )
    if row["high"] - row["low"] > WIDEST:
        return f"{subject} {contributes}"
    part = next(text for least, text in FRACTIONS if row["share"] >= least)
    return f"{subject} {causes} {part} of the change"


def why(run: RunTables, model: str) -> list[PageAccount]:
    """Return the accounts of a model; without a figure where too few pairs were replayed."""
    accounts: list[PageAccount] = []
    for prefix, of in run.tasks[model].accounts.items():
        rows = groups(run, model, prefix)
        if rows.empty:
            continue
        pairs = plural(int(rows["n"].max()), "pair")
        note = f"From {pairs} of neighbouring frames, replayed change by change. Whiskers: 95 % intervals."
        place = None if accounts else _map(run, model)
        accounts.append(PageAccount(model, of, _dots(rows, of), place, note))
    return accounts


def _dots(rows: pd.DataFrame, of: str) -> Picture:
    names = [NAMES.get(str(cause), str(cause).replace("_", " ")) for cause in rows["cause"]]
    share, low, high = (
        100 * rows[name].clip(0, 1).to_numpy(np.float64) for name in ("share", "low", "high")
    )

    def at(width_in: float) -> Picture:
        with drawing.styled():
            figure, axes = drawing.panels(1, 1, 0.5 + 0.34 * len(rows), width_in=width_in)
            axis = axes[0, 0]
            drawing.forest(axis, names, share, low, high, colours=drawing.COLOURS[0])
            for k, value in enumerate(share):
                axis.annotate(
                    percent(value / 100 if value >= 0.5 else 0),  # its dot lies at 0
                    (value, k),
                    (0, 5),
                    textcoords="offset points",
                    ha="center",
                    fontweight="bold",
                )
            axis.set_xlim(-3, 103)
            axis.set_xlabel(f"share of {of}, %")
            axis.tick_params(axis="y", labelsize=9)
            text = ", ".join(
                f"{name} {part_with_interval(row.share, row.low, row.high)}"
                for name, row in zip(names, rows.itertuples(), strict=True)
            )
            return drawing.encode(figure, f"What {of} comes from: {text}")

    return drawing.in_both_widths(at, WHY_IN)


@dataclass(frozen=True)
class PlaceMap:
    """The tiles over a picture of a clip, each tinted by the share of the change that comes from it."""

    item: str
    where: str  # its tile with the largest share: "top, left"
    tile: tuple[float, float, float, float]  # the same: x1, y1, x2, y2 as shares of the picture
    share: float  # its share of that of all tiles
    pairs: int
    image: np.ndarray  # (H, W, 3) uint8


def place_map(run: RunTables, model: str) -> PlaceMap | None:
    """Return the map of the clip with the most mapped pairs; None without one, or without its picture."""
    table = run.rows("places")
    mine = table[(table["model"] == model) & table["share"].notna()]
    if mine.empty:
        return None
    item = str(mine["item"].value_counts().index[0])
    mine = mine[mine["item"] == item]
    tiles = mine.groupby("tile", sort=True).agg(
        {"x1": "first", "y1": "first", "x2": "first", "y2": "first", "share": "mean"}
    )
    picture = _picture_of(run, model, item)
    if picture is None:
        return None
    height, width = run.record.sizes[item]
    total = float(tiles["share"].clip(lower=0).sum()) or 1.0
    worst = tiles.loc[tiles["share"].idxmax()]
    across = ("left", "middle", "right")[min(2, int(3 * (worst["x1"] + worst["x2"]) / 2 / width))]
    down = ("top", "middle", "bottom")[min(2, int(3 * (worst["y1"] + worst["y2"]) / 2 / height))]
    return PlaceMap(
        item=item,
        where="the middle" if across == down == "middle" else f"{down}, {across}",
        tile=(
            float(worst["x1"] / width),
            float(worst["y1"] / height),
            float(worst["x2"] / width),
            float(worst["y2"] / height),
        ),
        share=float(worst["share"]) / total,
        pairs=mine.groupby(["frame_a", "frame_b"]).ngroups,
        image=_tinted(picture, tiles, picture.shape[1] / width),
    )


def _tinted(picture: np.ndarray, tiles: pd.DataFrame, scale: float) -> np.ndarray:
    """Return the picture in grey under its tiles, with their shares; ``scale`` leads from their px to its own."""
    grey = picture.mean(axis=2, keepdims=True).repeat(3, axis=2)
    total = float(tiles["share"].clip(lower=0).sum()) or 1.0
    most = float(tiles["share"].max()) or 1.0
    for tile in tiles.itertuples():
        x1, y1, x2, y2 = (round(side * scale) for side in (tile.x1, tile.y1, tile.x2, tile.y2))
        strength = 0.65 * max(0.0, float(tile.share)) / most
        grey[y1:y2, x1:x2] = (1 - strength) * grey[y1:y2, x1:x2] + strength * TINT
    image = np.ascontiguousarray(grey.clip(0, 255).astype(np.uint8))
    for tile in tiles.itertuples():
        share = max(0.0, float(tile.share)) / total
        if share >= LEAST_MAPPED:
            middle = (tile.x1 + tile.x2) / 2 * scale, (tile.y1 + tile.y2) / 2 * scale
            _write(image, percent(share), middle)
    return image


def _map(run: RunTables, model: str) -> Picture | None:
    place = place_map(run, model)
    if place is None:
        return None
    caption = (
        f"Where in the picture it comes from, {place.item}: most at {place.where}, {percent(place.share)}. "
        f"Mean over {plural(place.pairs, 'pair')}."
    )
    alt = f"Map of {place.item}: most of the change at {place.where}"
    uri = data_uri("jpeg", jpeg(place.image, place.image.shape[1]))
    return Picture(uri, alt, place.image.shape[1], caption)


def _picture_of(run: RunTables, model: str, item: str) -> np.ndarray | None:
    """Return a picture of the clip, (H, W, 3) float32, of the model's worst moment where there is one."""
    here = [moment for moment in run.moments if moment["item"] == item and moment.get("picture_a")]
    here.sort(key=lambda moment: moment["model"] != model)
    path = (run.folder / str(here[0]["picture_a"])).resolve() if here else None
    if path is None or not path.is_relative_to(run.folder.resolve()) or not path.is_file():
        return None
    picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        return None
    scale = PICTURE_WIDTH / picture.shape[1]
    size = (PICTURE_WIDTH, round(picture.shape[0] * scale))
    return np.asarray(cv2.resize(picture, size)[..., ::-1], np.float32)


def _write(image: np.ndarray, text: str, middle: tuple[float, float]) -> None:
    font, text = cv2.FONT_HERSHEY_DUPLEX, text.replace("\u00a0", " ")
    (width, height), _ = cv2.getTextSize(text, font, WRITTEN, 1)
    place = round(middle[0] - width / 2), round(middle[1] + height / 2)
    for colour, thick in (((0, 0, 0), 4), ((255, 255, 255), 1)):
        cv2.putText(image, text, place, font, WRITTEN, colour, thick, cv2.LINE_AA)
