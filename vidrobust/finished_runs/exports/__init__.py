"""A finished run as files of other programs."""

from vidrobust.extensions import in_order

GROUP = "vidrobust.exports"  # group of entry points, each with the name of the format whose Format it names
# Formats of the core: module in this folder, and record.
OWN = {"coco": "coco:COCO", "csv": "csv:CSV", "markdown": "markdown:MARKDOWN", "mot": "coco:MOT"}
NAMES = tuple(sorted({*OWN, *(point.name for point in in_order(GROUP))}))  # none is imported for it
