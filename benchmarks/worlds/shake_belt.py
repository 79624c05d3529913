"""A camera shakes, and a part moves on a belt."""

from worlds import Scene, over, seen, walk

GROUPS = {"camera": "camera", "part": "moving"}


def world(scene: Scene):
    places, belt = walk(scene, 1.5 * scene.size), scene.uniform(2, 5)

    def picture(at):
        x, y = places[at["camera"]]
        part = over(scene.still, scene.other, 40 + belt * at["part"], 150)
        return seen(part, [[1, 0, x], [0, 1, y]])

    return picture
