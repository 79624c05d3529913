"""What is compared along time, by the settings of a run; without PyTorch, for reports."""

from __future__ import annotations

from vidrobust.metrics.metric import AlongTime
from vidrobust.run_folder.settings import Settings
from vidrobust.video.selection import Origin


def along_time(
    settings: Settings, rate: float, origin: tuple[int, float] | None = None
) -> AlongTime:
    """Return what is compared along time at ``rate`` frames per second; rows are counted from ``origin``."""
    selection = settings.selection
    delivered = selection.rate(rate)

    def row_of(index: int, time_s: float) -> int:
        return 0 if origin is None else selection.row_of(index, time_s, Origin(*origin))

    return AlongTime(
        frame_rate=delivered,
        tracks=settings.tracks_at(delivered),
        row_of=row_of,
    )
