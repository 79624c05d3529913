"""A lamp flickers over a belt on which a part moves."""

from worlds import Scene, over, seen

GROUPS = {"flicker": "light", "part": "moving"}


def world(scene: Scene):
    gains = 1 + 0.08 * scene.size * scene.rng.uniform(-1, 1, scene.count)
    belt = scene.uniform(2, 5)

    def picture(at):
        part = over(scene.still, scene.other, 40 + belt * at["part"], 150)
        return seen(part) * gains[at["flicker"]]

    return picture
