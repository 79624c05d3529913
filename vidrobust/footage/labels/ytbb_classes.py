"""The classes of YouTube-BoundingBoxes, and which class of ImageNet belongs to each of them.

The map is that of YTBB-Robust (Shankar et al. 2019, ``class_idx_map.json``), as ranges of ImageNet's numbers. No
class of ImageNet belongs to cow, giraffe, skateboard, toilet and none.
"""

from __future__ import annotations

from vidrobust.footage.labels.class_map import ClassMap

# fmt: off
CLASSES = dict(enumerate((
    "person", "bird", "bicycle", "boat", "bus", "bear", "cow", "cat", "giraffe", "potted plant", "horse",
    "motorcycle", "knife", "airplane", "skateboard", "train", "truck", "zebra", "toilet", "dog", "elephant",
    "umbrella", "none", "car",
)))
_OF_IMAGENET = {
    0: ((981, 983),), 1: ((7, 24), (80, 100), (127, 146)), 2: (444, 671), 3: (472, 554, 576, 625, 814, 914),
    4: (654, 779, 874), 5: ((294, 297),), 7: ((281, 287),), 9: ((985, 986),), 10: (339,), 11: (665,),
    12: (499, 623), 13: (404,), 15: (466,), 16: (555, 569, 675, 717, 734, 864, 867), 17: (340,),
    19: ((151, 268),), 20: ((385, 386),), 21: (879,), 23: (407, 436, 468, 511, 609, 627, 656, 661, 751, 817),
}
# fmt: on
"""A class of the data set -> classes of ImageNet, single or from and to."""


def imagenet_map() -> ClassMap:
    """From ImageNet's 1000 classes to these 24."""
    of_model: dict[int, int] = {}
    for label, places in _OF_IMAGENET.items():
        for place in places:
            first, last = place if isinstance(place, tuple) else (place, place)
            of_model |= dict.fromkeys(range(first, last + 1), label)
    return ClassMap(of_model=of_model, classes=len(CLASSES))
