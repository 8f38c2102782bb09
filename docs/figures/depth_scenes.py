"""Writes a folder of scenes for `leadline eval mono`, and a folder of predictions for them, into the current folder.

The only scene is Middlebury's Motorcycle pair, from scikit-image: its left image, with the depth that its disparity
and calibration give. The predictions are the metric depth that leadline-fast finds in the pair.
"""

from pathlib import Path

from leadline.io.atomic import make_output_folder
from leadline.io.images import write_depth_mm_png, write_image
from leadline.io.pfm import write_pfm
from leadline.loading import load_model
from leadline.protocols.stereo.motorcycle import motorcycle


def main() -> None:
    """Writes scenes/motorcycle and predictions."""
    scene, rig = motorcycle()
    assert scene.truth is not None
    truth = scene.truth.to_depth(rig)
    room = Path("scenes") / "motorcycle"
    write_image(make_output_folder(room / "images") / "left.png", scene.left)
    write_depth_mm_png(make_output_folder(room / "depth") / "left.png", truth.depth, truth.valid)
    found = load_model("leadline-fast", "stereo")(scene.left, scene.right).to_depth(rig)
    write_pfm(make_output_folder(Path("predictions")) / "motorcycle-left.pfm", found.depth)


if __name__ == "__main__":
    main()
