"""Image files that labels name, as frames of items that are folders of images."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from vidrobust.footage.expand import IMAGE_SUFFIXES, images_in
from vidrobust.footage.item import Item
from vidrobust.text.printable import printable


class FrameFiles:
    """Finds VIDEO/000432.JPEG among items that are folders of images, by the end of the folder's path.

    A folder may hold only some frames of a video: what the file is called says which one it is, and not its place
    among the others.
    """

    def __init__(self, items: Iterable[Item]) -> None:
        self._folders: dict[str, list[Item]] = {}
        self._numbers: dict[Path, dict[str, int]] = {}
        for item in items:
            if item.path.is_dir():
                for end in dict.fromkeys([item.name, *ends_of(item.path)]):
                    self._folders.setdefault(end, []).append(item)

    def __len__(self) -> int:
        """How many names of folders are known."""
        return len(self._folders)

    def find(self, file: str) -> list[tuple[str, int]] | None:
        """The item and the number of the frame, several where windows of a folder are items.

        None where no folder of this name is known; empty where it is, and does not hold the file. The suffix may
        be another one.
        """
        path = PurePosixPath(file)
        folder = path.parts[:-1] if path.suffix.lower() in IMAGE_SUFFIXES else ()
        for start in range(len(folder)):
            items = self._folders.get("/".join(folder[start:]).lstrip("/"))
            if items:
                numbers = [(item.name, self._of(item.path)) for item in items]
                found = [(name, of.get(path.name, of.get(path.stem))) for name, of in numbers]
                return [(name, place) for name, place in found if place is not None]
        return None

    def _of(self, folder: Path) -> dict[str, int]:
        """The number of each image of a folder, by its name with and without suffix."""
        if folder not in self._numbers:
            files = images_in(folder)
            stems = {printable(path.stem): number for number, path in enumerate(files)}
            self._numbers[folder] = stems | {printable(path.name): n for n, path in enumerate(files)}
        return self._numbers[folder]


def ends_of(path: Path) -> list[str]:
    """The ends of a path, the shortest first: clip, b/clip, a/b/clip ..."""
    parts = Path(printable(path)).parts
    return ["/".join(parts[-depth:]).lstrip("/") for depth in range(1, len(parts) + 1)]
