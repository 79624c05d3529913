"""Stability as a metric of torchmetrics, where that is installed; importing torchmetrics takes seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vidrobust.api.stability import StabilityMeter
from vidrobust.run_folder.settings import Settings

if TYPE_CHECKING:

    class Base:
        def __init__(self, **how: Any) -> None: ...
        def reset(self) -> None: ...
else:
    try:
        from torchmetrics import Metric as Base
    except ImportError:
        Base = object


class Stability(StabilityMeter, Base):
    """Flip rate, reverts, jitter and dropouts of predictions along clips, with 95 % intervals.

    A ``torchmetrics.Metric`` if that package is installed. The same frames give exactly the figures of
    ``study``. Clips are not joined across processes: give each process whole clips.

    Parameters
    ----------
    task
        "classification" or "detection".
    frame_rate
        Frames a second.
    class_names
        Of score columns or label numbers; by default ImageNet's for 1000, else ``class 0``, ...
    frame_size
        Height and width, px; needed by detection without frames.
    settings
        As of ``study``.

    Examples
    --------
    >>> stability = Stability(task="classification", frame_rate=25)
    >>> stability.update(np.eye(3)[[0, 0, 1, 0]])
    >>> float(stability.compute()["flip_rate"])
    0.6666666666666666
    """

    full_state_update = True
    higher_is_better = False
    is_differentiable = False

    def __init__(
        self,
        *,
        task: str = "classification",
        frame_rate: float = 25.0,
        class_names: Sequence[str] | None = None,
        frame_size: tuple[int, int] | None = None,
        settings: Settings | Mapping[str, Any] | None = None,
    ) -> None:
        if Base is not object:  # a torch module, which must be made before it is given attributes
            Base.__init__(self, sync_on_compute=False)
        StabilityMeter.__init__(
            self,
            task=task,
            frame_rate=frame_rate,
            class_names=class_names,
            frame_size=frame_size,
            settings=settings,
        )

    def reset(self) -> None:
        """Forget all clips."""
        if Base is not object:
            Base.reset(self)
        super().reset()
