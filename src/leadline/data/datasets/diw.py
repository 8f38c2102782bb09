"""Depth in the Wild: photographs with one pair of points each, ordered by people."""

import re
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Int32

from leadline.data.datasets.files import read_entries, require_size
from leadline.errors import InputError
from leadline.io.images import read_image
from leadline.samples import OrdinalSample

_PAIR = re.compile(r"(\d{1,6}),(\d{1,6}),(\d{1,6}),(\d{1,6}),([<>]),(\d{1,6}),(\d{1,6})")


@final
class DepthInTheWild:
    r"""Images with an ordinal pair each.

    Annotation: ordinal. An entry is two lines: the image's path, then y_A,x_A,y_B,x_B,relation,width,height. Points
    are counted from 1 there, from 0 in our samples; > says that A is farther than B. Nothing is coded as unknown.

    Licence: none is stated; the images are Flickr's, under their owners' terms; published for research.
    Source: Chen et al., "Single-Image Depth Perception in the Wild", NeurIPS 2016;
    www-personal.umich.edu/~wfchen/depth-in-the-wild.

    Args:
        root: The folder that the list's paths start from; it holds DIW_train_val and DIW_test.
        annotations: DIW_test.csv, DIW_train_val.csv or a part of it.
    Raises:
        InputError: If the list is missing, or an entry has another form.
    Example:
        >>> import tempfile
        >>> from leadline.io.images import write_image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = Path(folder, "pairs.csv").write_text("./1.png\n1,1,2,3,>,3,2\n")
        ...     write_image(f"{folder}/1.png", np.zeros((2, 3, 3), np.uint8))
        ...     sample = DepthInTheWild(Path(folder), Path(folder, "pairs.csv"))[0]
        >>> sample.first.tolist(), sample.second.tolist(), sample.relation.tolist()
        ([[0, 0]], [[2, 1]], [1])
    """

    def __init__(self, root: Path, annotations: Path) -> None:
        self._root = root
        entries = read_entries(annotations, "DIW's annotations")
        self._names = [name.removeprefix("./") for name in entries[::2]]
        self._relations: list[int] = []
        numbers: list[list[int]] = []
        for line in entries[1::2]:
            found = _PAIR.fullmatch(line)
            if found is None:
                raise InputError(
                    f"expected an image's path, then y,x,y,x,< or >,width,height in the next line, got {line[:60]!r} "
                    f"in {annotations}; fetch the list again"
                )
            numbers.append([int(found[group]) for group in (2, 1, 4, 3, 7, 6)])
            self._relations.append(1 if found[5] == ">" else -1)
        if len(self._names) != len(numbers):
            raise InputError(f"expected two lines for each image, got an odd number in {annotations}; it is cut off")
        self._numbers = np.array(numbers, dtype=np.int32)

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._names)

    def key(self, index: int) -> str:
        """Name of a sample: its image's path without the suffix."""
        return Path(self._names[index]).with_suffix("").as_posix()

    def __getitem__(self, index: int) -> OrdinalSample:
        """Reads one sample.

        Raises:
            InputError: If the image is missing or of another size, or a point lies outside it.
        """
        path = self._root / self._names[index]
        image = read_image(path).pixels
        size = self._numbers[index, 4:]
        require_size(path, image.shape[:2], (int(size[0]), int(size[1])))
        points: Int32[np.ndarray, "2 2"] = self._numbers[index, :4].reshape(2, 2) - 1
        if (points < 0).any() or (points >= size[::-1]).any():
            raise InputError(
                f"expected points inside {path}, got {points.tolist()} (x, y from 0); fetch the list again"
            )
        relation = np.array([self._relations[index]], dtype=np.int8)
        return OrdinalSample(self.key(index), image, points[:1], points[1:], relation)
