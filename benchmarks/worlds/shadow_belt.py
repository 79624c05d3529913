"""A shadow with an edge sweeps, while a part moves on a belt."""

import numpy as np

from worlds import WIDTH, Scene, grid, over, seen, step

GROUPS = {"shadow": "light", "part": "moving"}


def world(scene: Scene):
    rows, columns = grid()
    width = float(scene.rng.choice([2, 11, 35]))
    slope, speed = scene.uniform(-0.5, 0.5), scene.uniform(6, 14)
    depth, belt = min(0.7, 0.45 * scene.size), scene.uniform(2, 5)

    def picture(at):
        x = seen(over(scene.still, scene.other, 40 + belt * at["part"], 150))
        middle = (speed * at["shadow"]) % (WIDTH + 160) - 80
        across = np.abs(columns + slope * (rows - 120) - middle)
        return x * (1 - depth * step(45 - across, width))[..., None]

    return picture
