"""From one photo to a coloured point cloud in metres.

    python examples/photo_to_3d.py
    python examples/photo_to_3d.py photo.jpg --fov 60 --points measured.csv

leadline-mono predicts inverse depth up to scale and shift. A few measured distances (lines x,y,metres) make it metric,
and the field of view gives each pixel its direction. Without arguments, the photo is the left view of the Motorcycle
pair, and eight pixels of its ground truth serve as measured distances.
"""

import argparse
from pathlib import Path

import numpy as np

from leadline.apps.cli.main import main as leadline
from leadline.io import make_output_folder, read_pfm, write_image
from leadline.protocols.stereo.motorcycle import motorcycle

POINTS = ((80, 300), (250, 220), (330, 330), (450, 80), (560, 200), (640, 400), (700, 60), (380, 470))
"""Columns and rows of the measured pixels."""


def write_demo(folder: Path) -> tuple[Path, Path, float, np.ndarray]:
    """The photo, measured points, field of view in degrees, and the true depth (NaN where unknown)."""
    scene, rig = motorcycle()
    assert scene.truth is not None
    truth = scene.truth.to_depth(rig)
    depth = np.where(truth.valid, truth.depth, np.nan)
    photo, points = folder / "photo.png", folder / "points.csv"
    write_image(photo, scene.left)
    known = [(x, y) for x, y in POINTS if np.isfinite(depth[y, x])]
    points.write_text("x,y,metres\n" + "".join(f"{x},{y},{depth[y, x]:.3f}\n" for x, y in known))
    fov = 2.0 * np.degrees(np.arctan(rig.left.width / (2.0 * rig.left.focal_x_px)))
    return photo, points, float(fov), depth


def main() -> int:
    """Write depth and point cloud, and say how far they are off where the truth is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path, nargs="?")
    parser.add_argument("--fov", type=float, help="field of view across the width, degrees; EXIF data if absent")
    parser.add_argument("--points", type=Path, help="lines x,y,metres")
    parser.add_argument("--output", type=Path, default=Path("photo-3d"))
    options = parser.parse_args()

    photo, points, fov, truth = options.photo, options.points, options.fov, None
    if photo is None:
        photo, points, fov, truth = write_demo(make_output_folder(options.output))
    words = ["mono", str(photo), "--output", str(options.output / "result"), "--overwrite"]
    words += [] if points is None else ["--scale-from", f"points:{points}"]
    words += [] if fov is None else ["--fov", f"{fov:.4f}"]
    code = leadline(words)
    if truth is not None and code == 0:
        depth = read_pfm(options.output / "result" / "depth.pfm")
        error = np.abs(depth / truth - 1.0)[np.isfinite(truth) & np.isfinite(depth)]
        print(f"median error of the depth: {100 * np.median(error):.0f} %")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
