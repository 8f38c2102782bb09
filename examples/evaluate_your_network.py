"""Score your own stereo method beside the bundled networks.

    python examples/evaluate_your_network.py
    leadline eval stereo SCENES --models evaluate_your_network:BlockMatcher,predictions,leadline-fast

`leadline eval stereo --models` takes a class of yours (`package.module:Class`, called with both images), a folder of
NAME.pfm files that another program wrote, an ONNX file, and the names of bundled networks and classical matchers.
Without arguments, the scenes are the Motorcycle pair.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from leadline import DisparityMap
from leadline.apps.cli.main import main as leadline
from leadline.io import make_output_folder, write_image, write_pfm
from leadline.protocols.stereo.motorcycle import motorcycle


class BlockMatcher:
    """A stand-in for your network: sums of absolute differences in a window, and the best disparity of each pixel."""

    def __init__(self, max_disparity: int = 96, window: int = 9) -> None:
        self.max_disparity, self.window = max_disparity, window

    def __call__(self, left: np.ndarray, right: np.ndarray) -> DisparityMap:
        """Disparity of the left image of a rectified pair, RGB, uint8."""
        costs = []
        for disparity in range(self.max_disparity):
            shifted = np.roll(right, disparity, axis=1)
            difference = np.abs(left.astype(np.float32) - shifted).mean(axis=2)
            difference[:, :disparity] = 255.0
            costs.append(cv2.blur(difference, (self.window, self.window)))
        best = np.argmin(np.stack(costs), axis=0).astype(np.float32)
        return DisparityMap(best, np.ones(best.shape, dtype=bool))


def write_scene(folder: Path) -> None:
    """The Motorcycle pair as a scene folder in Middlebury's layout."""
    scene, _ = motorcycle()
    assert scene.truth is not None
    make_output_folder(folder)
    write_image(folder / "im0.png", scene.left)
    write_image(folder / "im1.png", scene.right)
    disparity = np.where(scene.truth.valid, scene.truth.disparity, np.inf)
    write_pfm(folder / "disp0.pfm", disparity.astype(np.float32))


def main() -> int:
    """Write predictions to a folder, then score them, the class and two methods of leadline."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("my-evaluation"))
    output: Path = parser.parse_args().output
    write_scene(output / "scenes" / "motorcycle")
    scene, _ = motorcycle()
    coarse = BlockMatcher(window=21)(scene.left, scene.right)
    write_pfm(make_output_folder(output / "predictions") / "motorcycle.pfm", coarse.disparity)
    models = f"evaluate_your_network:BlockMatcher,{output / 'predictions'},leadline-fast,sgbm-3way"
    words = ["eval", "stereo", str(output / "scenes"), "--models", models, "--output", str(output / "result")]
    return leadline([*words, "--overwrite"])


if __name__ == "__main__":
    raise SystemExit(main())
