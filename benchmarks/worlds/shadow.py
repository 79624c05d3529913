"""A shadow with an edge of 2, 11 or 35 px sweeps over a scene at rest."""

import numpy as np

from worlds import WIDTH, Scene, grid, seen, step

GROUPS = {"shadow": "light"}


def world(scene: Scene):
    still, (rows, columns) = seen(scene.still), grid()
    width = float(scene.rng.choice([2, 11, 35]))
    slope, speed = scene.uniform(-0.5, 0.5), scene.uniform(6, 14)
    depth = min(0.7, 0.45 * scene.size)
    half, start = scene.uniform(30, 60), scene.uniform(-60, 0)

    def picture(at):
        middle = (start + speed * at["shadow"]) % (WIDTH + 160) - 80
        across = np.abs(columns + slope * (rows - 120) - middle)
        return still * (1 - depth * step(half - across, width))[..., None]

    return picture
