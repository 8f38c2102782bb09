"""Writes tiny datasets file by file, in the true layouts and encodings."""

from pathlib import Path

import cv2
import numpy as np
import pytest


class Tree:
    """A dataset's folder that grows as a test writes into it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, name: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def image(self, name: str, seed: int = 0, size: tuple[int, int] = (6, 8)) -> np.ndarray:
        """Noise in a PNG; one colour in a JPEG, which then survives its compression nearly."""
        rgb = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
        suffix = Path(name).suffix.lower()
        if suffix != ".png":
            rgb[:] = rgb[0, 0]
        code = cv2.imencode(".png" if suffix == ".png" else ".jpg", rgb[..., ::-1])[1]
        self.path(name).write_bytes(code.tobytes())
        return rgb

    def grey(self, name: str, values: np.ndarray) -> None:
        """A grey PNG with exactly these samples, 8 or 16 bit."""
        cv2.imwrite(str(self.path(name)), values)

    def text(self, name: str, content: str) -> Path:
        self.path(name).write_text(content)
        return self.root / name

    def data(self, name: str, values: np.ndarray | bytes) -> None:
        self.path(name).write_bytes(values if isinstance(values, bytes) else values.tobytes())


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def units(*values: int) -> np.ndarray:
    """A 6x8 map of zeros whose first row begins with these values."""
    depth = np.zeros((6, 8), np.uint16)
    depth[0, : len(values)] = values
    return depth


@pytest.fixture
def depth16():
    return units
