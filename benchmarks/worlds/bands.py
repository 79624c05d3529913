"""Bands of a lamp on mains through a rolling shutter: they drift over the rows."""

import numpy as np

from worlds import HEIGHT, Scene, grid, seen

GROUPS = {"bands": "light"}


def world(scene: Scene):
    still, (rows, _) = seen(scene.still), grid()
    period = HEIGHT * scene.uniform(0.12, 1.1)
    drift, phase = scene.uniform(0.13, 0.4), scene.uniform(0, 1)
    depth = 0.15 * scene.size

    def picture(at):
        turn = 2 * np.pi * (rows / period + drift * at["bands"] + phase)
        return still * (1 + depth * np.sin(turn))[..., None]

    return picture
