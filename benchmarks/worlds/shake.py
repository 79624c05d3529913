"""A camera shakes before a scene at rest."""

from worlds import Scene, seen, walk

GROUPS = {"camera": "camera"}


def world(scene: Scene):
    places = walk(scene, 2.0 * scene.size)

    def picture(at):
        x, y = places[at["camera"]]
        return seen(scene.still, [[1, 0, x], [0, 1, y]])

    return picture
