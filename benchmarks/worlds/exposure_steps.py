"""An automatic exposure changes in four steps; all other pairs differ by noise alone."""

import numpy as np

from worlds import Scene, seen

GROUPS = {"exposure": "light"}


def world(scene: Scene):
    still = seen(scene.still)
    places = np.sort(scene.rng.choice(np.arange(4, scene.count - 4), 4, replace=False))
    gains = [1.0, 1 - 0.2 * scene.size, 1 + 0.12 * scene.size, 1 - 0.12 * scene.size, 1.0]

    def picture(at):
        return still * np.float32(gains[int(np.searchsorted(places, at["exposure"]))])

    return picture
