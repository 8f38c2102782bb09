"""Images with a class each, from IDX files (MNIST, Fashion-MNIST) or folders of classes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, final

import cv2
import numpy as np
from jaxtyping import Int64, UInt8

from leadline.errors import InputError
from leadline.io.idx import read_idx
from leadline.io.images import read_image
from leadline.io.pair_files import IMAGE_SUFFIXES, natural_key

Split = Literal["train", "test"]
_IDX_STEMS: Final = {"train": "train", "test": "t10k"}
_LEAST_CLASSES: Final = 2


@dataclass(frozen=True)
class ClassSample:
    """One image and its class.

    Args:
        key: Name within its source.
        image: RGB, or grey with one channel.
        label: Number of the class.
    """

    key: str
    image: UInt8[np.ndarray, "h w c"]
    label: int


@final
@dataclass(frozen=True, eq=False)
class ClassImages:
    """Images of one size with their classes, held in memory: a `Source` of `ClassSample`.

    Args:
        images: All of them; one channel if all are grey, else RGB.
        labels: Class of each.
        names: Of the classes, by number.
    Raises:
        InputError: If the numbers of images and labels differ, or a label has no name.
    Example:
        >>> known = ClassImages(np.zeros((2, 4, 4, 1), np.uint8), np.array([1, 0]), ("cat", "dog"))
        >>> len(known), known.key(0), known[0].label
        (2, 'dog/0', 1)
    """

    images: UInt8[np.ndarray, "n h w c"]
    labels: Int64[np.ndarray, " m"]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuses labels that do not fit."""
        if len(self.images) != len(self.labels):
            raise InputError(f"expected a label for each image, got {len(self.labels)} for {len(self.images)} images")
        if len(self.labels) and not 0 <= int(self.labels.min()) <= int(self.labels.max()) < len(self.names):
            raise InputError(f"expected labels from 0 to {len(self.names) - 1}, got up to {int(self.labels.max())}")

    def __len__(self) -> int:
        """Number of images."""
        return len(self.images)

    def key(self, index: int, /) -> str:
        """Class and number of an image."""
        return f"{self.names[int(self.labels[index])]}/{index}"

    def __getitem__(self, index: int, /) -> ClassSample:
        """One image."""
        return ClassSample(self.key(index), self.images[index], int(self.labels[index]))

    def part(self, places: Int64[np.ndarray, " k"]) -> "ClassImages":
        """Some of the images, in an order of their own."""
        return ClassImages(self.images[places], self.labels[places], self.names)

    def balanced(self, seed: int) -> Int64[np.ndarray, " n"]:
        """Places of all images in an order whose every beginning has about as many of each class.

        Args:
            seed: Of the order within each class.
        """
        rng = np.random.default_rng((seed, 7))
        turns = np.empty(len(self), np.int64)
        for label in range(len(self.names)):
            of_class = np.flatnonzero(self.labels == label)
            turns[rng.permutation(of_class)] = np.arange(len(of_class))
        return np.lexsort((self.labels, turns)).astype(np.int64)


def open_classes(
    folder: Path | str, split: Split = "train", side: int | None = None, grey: bool | None = None
) -> ClassImages:
    """The images of a folder of classes.

    Args:
        folder: With IDX files (train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-...; .gz or not), or with folders
            train/CLASS and test/CLASS of images. Without train and test, CLASS folders are the part for training.
        split: Which part.
        side: Images are scaled to so many pixels a side; those of IDX files and of the first image if absent.
        grey: Whether images have one channel; if absent, whether all of them are grey.
    Raises:
        InputError: If there is no such part, fewer than two classes, a class without images, or an unreadable image.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"expected a folder of classes at {root}, got no folder; check the path")
    found = _from_idx(root, split) or _from_folders(root, split, side)
    images = found.images
    if side is not None and images.shape[1:3] != (side, side):
        images = np.stack([_scaled(image, side) for image in images])
    one = images.shape[3] == 1
    if grey is None:
        grey = one or bool((images == images[..., :1]).all())
    if grey and not one:
        images = np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None] for image in images])
    if not grey and one:
        images = np.repeat(images, 3, axis=3)
    return ClassImages(np.ascontiguousarray(images, np.uint8), found.labels, found.names)


def _from_idx(root: Path, split: Split) -> ClassImages | None:
    stem = _IDX_STEMS[split]
    places = [_idx_file(root, f"{stem}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1")]
    if places[0] is None or places[1] is None:
        return None
    images, labels = (read_idx(place) for place in places if place is not None)
    if images.ndim != 3 or labels.ndim != 1:
        raise InputError(f"expected images and labels in {places[0]} and {places[1]}, got other arrays; check them")
    names = tuple(f"{label}" for label in range(int(labels.max(initial=0)) + 1))
    return ClassImages(images[..., None], labels.astype(np.int64), names)


def _idx_file(root: Path, name: str) -> Path | None:
    return next((path for path in (root / name, root / f"{name}.gz") if path.is_file()), None)


def _from_folders(root: Path, split: Split, side: int | None) -> ClassImages:
    place = root / split if (root / split).is_dir() or split == "test" else root
    folders = sorted((path for path in place.iterdir() if path.is_dir()), key=natural_key) if place.is_dir() else []
    files = {path.name: _images_in(path) for path in folders if not path.name.startswith(".")}
    files = {name: found for name, found in files.items() if found}
    if len(files) < _LEAST_CLASSES:
        raise InputError(
            f"expected at least {_LEAST_CLASSES} folders of images, one for each class, or IDX files "
            f"({_IDX_STEMS[split]}-images-idx3-ubyte ...) in {place}, got {len(files)}; see the page on classes"
        )
    images, labels, wanted = list[np.ndarray](), list[int](), side or 0
    for label, found in enumerate(files.values()):
        for file in found:
            image = read_image(file).pixels
            wanted = wanted or max(image.shape[:2])
            images.append(_scaled(image, wanted))
            labels.append(label)
    return ClassImages(np.stack(images), np.array(labels, np.int64), tuple(files))


def _images_in(folder: Path) -> list[Path]:
    found = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES]
    return sorted(found, key=natural_key)


def _scaled(image: UInt8[np.ndarray, "h w c"], side: int) -> UInt8[np.ndarray, "side side c"]:
    if image.shape[:2] == (side, side):
        return image
    method = cv2.INTER_AREA if max(image.shape[:2]) > side else cv2.INTER_CUBIC
    scaled = np.asarray(cv2.resize(image, (side, side), interpolation=method), np.uint8)
    return scaled if scaled.ndim == 3 else scaled[..., None]
