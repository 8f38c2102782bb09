"""Stereo samples as scene folders in Middlebury's layout."""

from pathlib import Path

import numpy as np

from leadline.geometry.rig import StereoRig
from leadline.io.atomic import unfinished_folder
from leadline.io.calib_middlebury import write_middlebury_calibration
from leadline.io.images import write_image
from leadline.io.pfm import write_pfm
from leadline.samples import StereoSample

_SEEN_BY_BOTH, _OCCLUDED = 255, 128


def write_stereo_scene(folder: Path, sample: StereoSample, rig: StereoRig) -> None:
    """Writes im0.png, im1.png, disp0.pfm (inf is unknown), mask0nocc.png if occlusion is known, and calib.txt.

    The folder appears only when it is complete.

    Args:
        folder: The scene; it must not exist, its parent must.
        sample: The pair and its truth.
        rig: The cameras.
    Raises:
        OutputError: If it cannot be written.
    Example:
        >>> import tempfile
        >>> image = np.zeros((2, 3, 3), np.uint8)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     scene = Path(folder, "scene")
        ...     write_stereo_scene(scene, StereoSample("a", image, image), StereoRig.from_focal(2, 3, 500.0, 0.1))
        ...     sorted(path.name for path in scene.iterdir())
        ['calib.txt', 'disp0.pfm', 'im0.png', 'im1.png']
    """
    with unfinished_folder(folder.parent, folder.name) as unfinished:
        write_image(unfinished / "im0.png", sample.left)
        write_image(unfinished / "im1.png", sample.right)
        write_pfm(unfinished / "disp0.pfm", np.where(sample.valid, sample.disparity, np.float32(np.inf)))
        if sample.occluded is not None:
            seen = np.where(sample.occluded, np.uint8(_OCCLUDED), np.uint8(_SEEN_BY_BOTH))
            write_image(unfinished / "mask0nocc.png", np.where(sample.valid, seen, np.uint8(0)))
        largest = int(np.ceil(sample.disparity[sample.valid].max(initial=0.0)))
        write_middlebury_calibration(unfinished / "calib.txt", rig, largest + 1)
        unfinished.rename(folder)
