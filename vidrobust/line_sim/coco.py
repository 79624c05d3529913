"""The known boxes of rendered clips in COCO's form for videos, which ``--labels`` reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vidrobust.line_sim.parts.kinds import BOXES


def boxes_as_coco(truth: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """videos, images, annotations and categories, of rows of ``truth.parquet``; tracks are parts and defects."""
    videos: dict[str, int] = {}
    tracks: dict[tuple[str, str, str], int] = {}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for row in truth:
        video = videos.setdefault(row["item"], len(videos) + 1)
        images.append(
            {
                "id": len(images) + 1,
                "video_id": video,
                "frame_id": int(row["frame"]),
                "file_name": f"{row['item']}/{int(row['frame']):06d}",
            }
        )
        for box, label, part in zip(row["boxes"], row["box_labels"], row["box_parts"], strict=True):
            x1, y1, x2, y2 = (float(side) for side in box)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": len(images),
                    "category_id": BOXES.index(label) + 1,
                    "track_id": tracks.setdefault((row["item"], part, label), len(tracks) + 1),
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": (x2 - x1) * (y2 - y1),
                    "iscrowd": 0,
                }
            )
    return {
        "videos": [{"id": number, "name": name} for name, number in videos.items()],
        "images": images,
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for number, name in enumerate(BOXES, 1)],
    }
