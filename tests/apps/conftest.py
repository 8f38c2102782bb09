"""A small pair with known disparity, as files, and the command line inside this process."""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest

SHIFT_PX = 7


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def one_line(self):
        """The error message, which must be a single line."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        return lines[0]


@pytest.fixture
def leadline(capsys):
    """Runs a command and returns its exit code and what it printed."""
    from leadline.apps.cli.main import main

    def run(*words):
        capsys.readouterr()
        code = main([str(word) for word in words])
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def write_image():
    """Writes RGB pixels, in a folder that is made if need be, and returns the path."""

    def write(path, pixels):
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), pixels if pixels.ndim == 2 else pixels[..., ::-1])
        return path

    return write


@pytest.fixture(scope="session")
def texture():
    """Blobs of several sizes, RGB, wide enough to cut two views from."""
    rng = np.random.default_rng(5)
    noise = rng.normal(size=(120, 200, 3))
    smooth = sum(s * cv2.GaussianBlur(noise, (0, 0), s) for s in (1.0, 2.0, 4.0))
    scaled = (smooth - smooth.min()) / np.ptp(smooth)
    return (scaled * 255).astype(np.uint8)


@pytest.fixture(scope="session")
def views(texture):
    """Left and right image, 120x160: the right one's content lies 7 px to the left."""
    return texture[:, :160].copy(), texture[:, SHIFT_PX : 160 + SHIFT_PX].copy()


@pytest.fixture
def pair(tmp_path, views, write_image) -> tuple[Path, Path]:
    """The same as PNG files."""
    return tuple(
        write_image(tmp_path / "pair" / name, view) for name, view in zip(("l.png", "r.png"), views, strict=True)
    )


@pytest.fixture
def calibration(tmp_path):
    """Middlebury calib.txt for 160x120: f 100 px, baseline 0.1 m, doffs 0; disparity 7 px is 10/7 m."""
    path = tmp_path / "calib.txt"
    path.write_text(
        "cam0=[100 0 80; 0 100 60; 0 0 1]\ncam1=[100 0 80; 0 100 60; 0 0 1]\n"
        "doffs=0\nbaseline=100\nwidth=160\nheight=120\n"
    )
    return path


@pytest.fixture
def folders(tmp_path, views, write_image):
    """Three pairs in two folders."""
    for side, view in zip(("left", "right"), views, strict=True):
        for name in ("a", "b", "c"):
            write_image(tmp_path / side / f"{name}.png", view)
    return tmp_path / "left", tmp_path / "right"
