"""Names of the COCO classes, for detectors that come without any."""

from __future__ import annotations

from vidrobust.errors import SettingsError


def coco(count: int) -> tuple[str, ...]:
    """The 80 names in use, all 91 entries with background and gaps, as torchvision has them, or 90 without it."""
    from torchvision.models._meta import _COCO_CATEGORIES

    if count in (90, 91):
        return tuple(_COCO_CATEGORIES)[-count:]
    return tuple(name for name in _COCO_CATEGORIES if name not in ("__background__", "N/A"))


def default_names(count: int | None, model: str, head: str) -> tuple[tuple[str, ...], str]:
    """Names for a detector without any, and a note that says so: COCO for 80, 90 or 91 classes."""
    if count is None:
        raise SettingsError(
            f"model {model}: the outputs of head {head} do not show how many classes there are; "
            "name them: classes = [...], or a file with one a line"
        )
    if count in (80, 90, 91):
        return coco(count), f"{count} classes without names: taken for COCO in the usual order"
    return tuple(f"class {i}" for i in range(count)), (
        f"{count} classes without names: called class 0 to class {count - 1}"
    )
