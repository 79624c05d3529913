"""A camera moves about a scene in which nothing does: a near plane goes over the far one."""

import numpy as np

from worlds import MARGIN, Scene, over, seen

GROUPS = {"camera": "camera"}


def world(scene: Scene):
    speed, near = 1.5 * scene.size, scene.uniform(1.5, 2.5)
    turn = scene.uniform(14, 24)

    def picture(at):
        place = speed * turn / 6 * np.sin(2 * np.pi * at["camera"] / turn)
        both = over(scene.still, scene.other, 160 - (near - 1) * place, 130)
        return seen(both, [[1, 0, np.clip(place, 1 - MARGIN, MARGIN - 1)], [0, 1, 0]])

    return picture
