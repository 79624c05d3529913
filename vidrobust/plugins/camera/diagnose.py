"""From clips to a table of findings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vidrobust.plugins.camera.control import control_findings, mount_findings
from vidrobust.plugins.camera.finding import Finding, Found
from vidrobust.plugins.camera.lamp import LampSeen, lamp_findings, which_lamp
from vidrobust.plugins.camera.recording import (
    FEW_BITS,
    coding_findings,
    range_findings,
    time_findings,
)
from vidrobust.plugins.camera.sensor import (
    blur_findings,
    dust_findings,
    noise_findings,
    pixel_findings,
    static_findings,
)
from vidrobust.plugins.camera.view import ClipView

LOSSLESS = frozenset({"gif", "ffv1", "rawvideo", "png", "huffyuv", "ffvhuff", "qoi", "bmp"})


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """All findings of one clip."""

    item: str
    findings: tuple[Finding, ...]
    lamp: LampSeen | None
    dust: np.ndarray | None  # (H, W) bool

    def __getitem__(self, name: str) -> Finding:
        return next(finding for finding in self.findings if finding.name == name)

    def has(self, name: str) -> bool:
        return any(finding.name == name for finding in self.findings)


def diagnose_view(
    view: ClipView,
    *,
    exposure_ms: float | None = None,
    line_us: float | None = None,
    static: bool = False,
) -> Diagnosis:
    """Return every finding of one clip's view."""
    lossy = view.info.codec not in LOSSLESS
    lamps, lamp = lamp_findings(view, exposure_ms, line_us)
    noise = noise_findings(view, lossy)
    level = noise[0].value if math.isfinite(noise[0].value) else 1.0
    mount = mount_findings(view)
    dust, mask = dust_findings(view, level, at_rest=all(f.level is not Found.FOUND for f in mount))
    found = [
        *lamps,
        *control_findings(view, lamp),
        *mount,
        *noise,
        *(static_findings(view, noise) if static else []),
        *pixel_findings(view, lossy and view.bits_per_px < FEW_BITS),
        *blur_findings(view),
        *dust,
        *range_findings(view),
        *time_findings(view),
        *coding_findings(view, lossy),
    ]
    return Diagnosis(item=view.info.name, findings=tuple(found), lamp=lamp, dust=mask)


def between_clips(
    diagnoses: Sequence[Diagnosis], exposure_ms: float | None, line_us: float | None
) -> list[Diagnosis]:
    """Return the diagnoses with the lamp's frequency as clips of several frame rates tell it together."""
    seen = [d.lamp for d in diagnoses if d.lamp is not None]
    if len({round(lamp.frame_rate, 1) for lamp in seen}) < 2:
        return list(diagnoses)
    together = []
    for diagnosis in diagnoses:
        found = diagnosis.findings
        if diagnosis.lamp is not None:
            others = [diagnosis.lamp, *(lamp for lamp in seen if lamp is not diagnosis.lamp)]
            kept = [f for f in found if f.name not in ("lamp_frequency", "lamp_left")]
            found = (*kept, *which_lamp(others, diagnosis["lamp"].value, exposure_ms, line_us))
        together.append(replace(diagnosis, findings=tuple(found)))
    return together


def ordered(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings by size over what matters; those that describe another one follow it."""
    groups: list[list[Finding]] = []
    for finding in findings:
        if finding.kind.least == 0 and groups and finding.name not in ("range", "coding"):
            groups[-1].append(finding)
        else:
            groups.append([finding])
    rank = {Found.FOUND: 0, Found.CANNOT_TELL: 1, Found.NOT_FOUND: 2}
    groups.sort(key=lambda group: (rank[group[0].level], -group[0].size))
    return [finding for group in groups for finding in group]


def table_of(item: str, finding: Finding) -> dict[str, Any]:
    """Return a row of the table ``camera``, without its cost."""
    kind = finding.kind
    return {
        "item": item,
        "finding": finding.name,
        "value": float(finding.value),
        "low": float(finding.low),
        "high": float(finding.high),
        "unit": kind.unit,
        "n": int(finding.n),
        "level": str(finding.level),
        "text": finding.text,
        "null": kind.null,
        "genicam": kind.genicam,
        "uvc": kind.uvc,
        "raspberry_pi": kind.raspberry_pi,
    }
