"""Folders of images by class: `photos/cat/1.jpg`, or `photos/train/cat/1.jpg` with valid and test.

| what differs       | becomes                                                                 |
| ------------------ | ----------------------------------------------------------------------- |
| sizes              | one size: `size`, or the median of training, its longer side at most 64  |
| colours            | three channels, or one where all images to train on are grey             |
| transparent places | white                                                                   |
| turned by a camera | upright                                                                 |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from einsearch.errors import TaskError
from einsearch.tasks.files import StoredArray, check_memory
from einsearch.tasks.labels import shown

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES: Final = frozenset(
    (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
)
_SPLITS: Final = {
    "train": ("train", "training"),
    "valid": ("valid", "validation", "val", "dev"),
    "test": ("test", "testing"),
}
LONGEST: Final = 64
"""Pixels of the longer side, where no size is given."""
_GREY: Final = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "F")
_SHOWN: Final = 5

Size = tuple[int, int]
"""Height and width."""
Folders = Mapping[str, Mapping[str, tuple[Path, ...]]]
"""By split, and by class, the files."""


@dataclass(frozen=True)
class PictureArray(StoredArray):
    """Images of files as an array: (n, height, width) or (n, 3, height, width) of bytes.

    Attributes:
        files: in the order of the examples.
        remark: what was done to them.
    """

    files: tuple[Path, ...]
    remark: str

    @property
    def notes(self) -> tuple[str, ...]:
        return (self.remark,) if self.remark else ()

    def read(self) -> NDArray[Any]:
        check_memory(self, "say a smaller size, size: 32, or take fewer images")
        made = np.empty(self.shape, np.uint8)
        damaged = []
        for place, file in enumerate(self.files):
            try:
                made[place] = _pixels(file, self.shape[1:])
            except (OSError, ValueError, SyntaxError, _bomb()) as error:
                damaged.append(f"{file.relative_to(self.path)} ({_reason(error)})")
        if damaged:
            raise _refusal(self.path, damaged)
        return made

    def refusal(self, index: int, reason: str) -> TaskError:
        return TaskError(f"{self.files[index]}: {reason}")


@dataclass(frozen=True)
class ClassArray(StoredArray):
    """Names of the folders that images stand in, (n,) words.

    Attributes:
        files: of the images.
        labels: of each.
    """

    files: tuple[Path, ...]
    labels: tuple[str, ...]

    def read(self) -> NDArray[Any]:
        return np.array(self.labels, dtype=str)

    def refusal(self, index: int, reason: str) -> TaskError:
        return TaskError(f"{self.files[index]}: {reason}")


def is_picture_folder(path: Path) -> bool:
    """Whether a path is a folder of folders of images."""
    if not path.is_dir() or any(path.glob("*.npy")):
        return False
    below = (folder for folder in path.iterdir() if _is_shown(folder) and folder.is_dir())
    return any(_is_picture(file) for folder in below for file in _below(folder))


def check_loose(path: Path) -> None:
    """Raises TaskError where images stand in a folder that has no folders of classes."""
    if path.is_dir() and any(_is_picture(file) for file in path.iterdir()):
        raise TaskError(
            f"{path} has images, but no folders of them: put the images of each class into a "
            "folder with its name"
        )


def _is_picture(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES


def find_pictures(path: Path) -> Folders:
    """The images of a folder; nothing where it has no folders of images.

    Raises:
        TaskError: two folders are the same split.
    """
    below = [folder for folder in sorted(path.iterdir()) if _is_shown(folder) and folder.is_dir()]
    named: dict[str, Path] = {}
    for split, names in _SPLITS.items():
        mine = [folder for folder in below if folder.name.lower() in names]
        if len(mine) > 1:
            raise TaskError(f"both {mine[0]} and {mine[1]} are {split} data: rename one of them")
        if mine:
            named[split] = mine[0]
    if "train" in named:
        found = {split: _classes(folder) for split, folder in named.items()}
        return {split: classes for split, classes in found.items() if classes}
    classes = _classes(path)
    return {"train": classes} if classes else {}


def _classes(folder: Path) -> Mapping[str, tuple[Path, ...]]:
    """Images by the name of the folder below that they are in, however deep."""
    found = {}
    for place in sorted(folder.iterdir()):
        if place.is_dir() and _is_shown(place):
            files = sorted(filter(_is_picture, _below(place)))
            if files:
                found[place.name] = tuple(files)
    return found


def _below(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        if file.is_file() and all(map(_is_shown, (file, *file.relative_to(folder).parents))):
            yield file


def _is_shown(path: Path) -> bool:
    return not path.name.startswith((".", "__"))


def find_picture_arrays(path: Path, size: Size | None) -> Mapping[str, StoredArray]:
    """The images and their classes, as `find_arrays` has arrays.

    Args:
        path: the folder.
        size: of all images; None for the median of training.

    Raises:
        TaskError: there is a single class, or an image is damaged.
    """
    folders = find_pictures(path)
    if "train" not in folders or len(folders["train"]) < 2:
        held = ", ".join(map(shown, folders.get("train", {}))) or "none"
        raise TaskError(
            f"{path} has images of one class, {held}: a task needs at least 2, a folder each"
        )
    every = {split: _flat(classes) for split, classes in folders.items()}
    looks = _look(path, [file for file, _ in every["train"]])
    wanted = size or _median([(look.height, look.width) for look in looks])
    channels = 1 if all(look.is_grey for look in looks) else 3
    remark = _remark(looks, wanted, channels, size is None)
    found: dict[str, StoredArray] = {}
    for split, pairs in every.items():
        files, labels = (tuple(part) for part in zip(*pairs, strict=True))
        shape = (len(files), *((channels,) if channels > 1 else ()), *wanted)
        x, y = f"{split}_x", f"{split}_y"
        told = remark if split == "train" else ""
        found[x] = PictureArray(path, x, shape, np.dtype(np.uint8), files, told)
        found[y] = ClassArray(path, y, shape[:1], np.dtype(str), files, labels)
    return found


def _flat(classes: Mapping[str, tuple[Path, ...]]) -> list[tuple[Path, str]]:
    return [(file, name) for name, files in classes.items() for file in files]


@dataclass(frozen=True)
class _Look:
    """What the head of a file says."""

    height: int
    width: int
    is_grey: bool


def _look(path: Path, files: Sequence[Path]) -> list[_Look]:
    from PIL import Image

    looks, damaged = [], []
    for file in files:
        try:
            with Image.open(file) as image:
                is_turned = image.getexif().get(_ORIENTATION, 1) > 4
                width, height = reversed(image.size) if is_turned else image.size
                looks.append(_Look(height, width, image.mode in _GREY))
        except (OSError, ValueError, SyntaxError, _bomb()) as error:
            damaged.append(f"{file.relative_to(path)} ({_reason(error)})")
    if damaged:
        raise _refusal(path, damaged)
    return looks


_ORIENTATION: Final = 0x0112
"""The entry that says how a camera was held; above 4 the image lies on its side."""


def _median(sizes: Sequence[Size]) -> Size:
    """Median height and width, both smaller where one is longer than LONGEST."""
    height, width = (median(side) for side in zip(*sizes, strict=True))
    scale = min(1.0, LONGEST / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _remark(looks: Sequence[_Look], size: Size, channels: int, is_own: bool) -> str:
    heights, widths = {look.height for look in looks}, {look.width for look in looks}
    colours = "grey" if channels == 1 else "in colour"
    if heights == {size[0]} and widths == {size[1]}:
        return ""
    told = (
        f"images {colours} of {min(heights)}x{min(widths)} to {max(heights)}x{max(widths)} are "
        f"read as {size[0]}x{size[1]}"
    )
    return f"{told}; size: 32 makes 32x32 of them" if is_own else told


def _pixels(file: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The image of a file, (height, width) or (3, height, width)."""
    from PIL import Image, ImageOps

    with Image.open(file) as opened:
        opened.load()
        image = ImageOps.exif_transpose(opened)
        image = _grey(image) if len(shape) == 2 else _coloured(image)
    height, width = shape[-2:]
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3.0)
    pixels = np.asarray(image, np.uint8)
    return pixels if len(shape) == 2 else pixels.transpose(2, 0, 1)


def _grey(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return _narrowed(image)
    return _on_white(image).convert("L")


def _coloured(image: Image.Image) -> Image.Image:
    image = _narrowed(image) if image.mode.startswith(("I", "F")) else image
    return _on_white(image).convert("RGB")


def _narrowed(image: Image.Image) -> Image.Image:
    """Grey of 16 bits or more as bytes: what goes beyond 255 is read as 16 bits."""
    from PIL import Image

    values = np.asarray(image, np.float64)
    values = values / 257 if values.max(initial=0) > 255 else values
    return Image.fromarray(values.clip(0, 255).round().astype(np.uint8))


def _on_white(image: Image.Image) -> Image.Image:
    """The image with white where it is transparent."""
    from PIL import Image

    if image.mode not in ("RGBA", "LA", "PA") and "transparency" not in image.info:
        return image
    layered = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered)


def _refusal(path: Path, damaged: Sequence[str]) -> TaskError:
    named = ", ".join(damaged[:_SHOWN]) + (", ..." if len(damaged) > _SHOWN else "")
    count = "1 image" if len(damaged) == 1 else f"{len(damaged)} images"
    return TaskError(f"{path}: {count} cannot be read: {named}; replace or remove them")


def _reason(error: BaseException) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return "no image" if text.startswith("cannot identify") else shown(text)


def _bomb() -> type[Exception]:
    from PIL import Image

    return Image.DecompressionBombError


def size_of(given: int | Sequence[int] | None) -> Size | None:
    """Height and width from the option `size`."""
    if given is None:
        return None
    height, width = (given, given) if isinstance(given, int) else given
    return height, width
