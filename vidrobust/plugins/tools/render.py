"""Every strength of a suite of perturbations as a picture."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from vidrobust.errors import InputError, in_plain_words
from vidrobust.perturb.catalogue import suite
from vidrobust.perturb.draws import seeded
from vidrobust.perturb.perturbation import Perturbation

THUMBNAIL_PX = 176  # Longer side of a picture on the contact sheet
_GAP, _TITLE, _FONT = 6, 18, 13


def render(image: Path, out: Path, *, seed: int = 0, suite_name: str = "natural") -> list[Path]:
    """Write ``out/NAME/STRENGTH.png`` for all of a suite, and ``out/contact_sheet.png``; return the paths.

    All strengths of a perturbation share one draw.
    """
    perturbations = suite(suite_name)
    pixels = read_picture(image)
    content = hashlib.sha256(pixels.numpy().tobytes()).hexdigest()
    written, rows = [], []
    for perturbation in perturbations:
        made = [
            one(perturbation, pixels, strength, content, seed)
            for strength in perturbation.strengths
        ]
        for strength, picture in zip(perturbation.strengths, made, strict=True):
            written.append(_write(picture, out / perturbation.name / f"{strength:g}.png"))
        rows.append((perturbation, made))
    return [*written, _write(contact_sheet(pixels, rows), out / "contact_sheet.png")]


def read_picture(path: Path) -> torch.Tensor:
    try:
        with Image.open(path) as image:
            array = np.array(image.convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(
            f"{path}: cannot be read as a picture ({in_plain_words(error)}); give a PNG or JPEG file"
        ) from error
    return torch.from_numpy(array).permute(2, 0, 1)[None].contiguous()


def one(
    perturbation: Perturbation, pixels: torch.Tensor, strength: float, content: str, seed: int
) -> Image.Image:
    """Return one picture (1, 3, H, W) under one strength, with the draw of frame 0 of this content."""
    changed = perturbation.apply(pixels, strength, [seeded(content, 0, 0, perturbation.key, seed)])
    return _to_image(changed)


def contact_sheet(
    pixels: torch.Tensor, rows: list[tuple[Perturbation, list[Image.Image]]]
) -> Image.Image:
    """Draw a row for each perturbation: the clean picture, then its strengths, each with its number and unit."""
    clean = _thumbnail(_to_image(pixels))
    columns = 1 + max(len(made) for _, made in rows)
    cell = clean.width + _GAP, clean.height + _TITLE + _GAP
    sheet = Image.new("RGB", (columns * cell[0] + _GAP, len(rows) * cell[1] + _GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_FONT)
    for row, (perturbation, made) in enumerate(rows):
        labels = [perturbation.name, *(f"{s:g}" for s in perturbation.strengths)]
        labels[1] += f" {perturbation.unit}"
        for column, picture in enumerate([clean, *map(_thumbnail, made)]):
            x, y = column * cell[0] + _GAP, row * cell[1] + _GAP
            text = _fitting(labels[column], font, clean.width)
            draw.text((x, y), text, fill="black", font=font)
            sheet.paste(picture, (x, y + _TITLE))
    return sheet


def _fitting(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    while len(text) > 1 and font.getlength(text) > width:
        text = text[:-1]
    return text


def _thumbnail(picture: Image.Image) -> Image.Image:
    scale = min(1.0, THUMBNAIL_PX / max(picture.size))
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BOX)


def _to_image(pixels: torch.Tensor) -> Image.Image:
    return Image.fromarray(pixels[0].permute(1, 2, 0).contiguous().cpu().numpy())


def _write(picture: Image.Image, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    picture.save(beside, format="PNG")
    os.replace(beside, path)
    return path
