"""ETH3D's multi-view sets: photographs with laser-scanned depth."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import numpy as np

from leadline.data.datasets.files import depth_sample, find_files, name_in, require_size
from leadline.errors import InputError
from leadline.io.colmap import ColmapCamera, read_colmap_cameras, read_colmap_images
from leadline.io.images import read_image
from leadline.io.raw_float import read_raw_float32
from leadline.samples import DepthSample


@dataclass(frozen=True)
class _Frame:
    image: Path
    depth: Path
    camera: ColmapCamera
    key: str


@final
class Eth3d:
    """Images as they were taken (distorted) with the depth of the laser scan.

    Annotation: metric, semi-dense. The depth files have their images' names, even the suffix, but are bare
    little-endian float32 of the image's size; inf is unknown. The published depth belongs to the distorted images,
    so a sample has a camera only where the calibration's model is a pinhole (then with its principal point counted from
    the first pixel's centre).

    Licence: CC BY-NC-SA 4.0.
    Source: Schöps et al., "A Multi-View Stereo Benchmark with High-Resolution Images and Multi-Camera Videos", CVPR
    2017; eth3d.net, documentation.

    Args:
        root: A folder of scenes, each with images/dslr_images/NAME.JPG, ground_truth_depth/dslr_images/NAME.JPG and the
            calibration.
        calibration: The folder with cameras.txt and images.txt in each scene; rig_calibration for the camera rig.
    Raises:
        InputError: If there is no depth, a scene lacks its calibration, or that lacks an image.
        CalibrationError: If a calibration is damaged.
    """

    def __init__(self, root: Path, calibration: str = "dslr_calibration_jpg") -> None:
        self._frames: list[_Frame] = []
        scenes: dict[Path, dict[str, ColmapCamera]] = {}
        for depth in find_files(root, "*/ground_truth_depth/*/*"):
            scene = depth.parents[2]
            if scene not in scenes:
                scenes[scene] = _read_cameras(scene / calibration)
            name = f"{depth.parent.name}/{depth.name}"
            if name not in scenes[scene]:
                raise InputError(
                    f"expected {name} in {scene / calibration / 'images.txt'}, got no such image; "
                    "fetch the calibration of the images that the depth was made for"
                )
            image = scene / "images" / name
            key = f"{scene.name}/{name_in(scene / 'images', image)}"
            self._frames.append(_Frame(image, depth, scenes[scene][name], key))

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._frames)

    def key(self, index: int) -> str:
        """Name of a sample: SCENE/dslr_images/NAME."""
        return self._frames[index].key

    def __getitem__(self, index: int) -> DepthSample:
        """Reads one sample.

        Raises:
            InputError: If a file is missing or wrongly encoded, or the sizes differ.
        """
        frame = self._frames[index]
        image = read_image(frame.image).pixels
        require_size(frame.image, image.shape[:2], (frame.camera.height, frame.camera.width))
        depth = read_raw_float32(frame.depth, *image.shape[:2])
        valid = np.isfinite(depth) & (depth > 0)
        sample = depth_sample(image, depth, valid, "metric", frame.key, frame.depth)
        return replace(sample, camera=frame.camera.pinhole())


def _read_cameras(folder: Path) -> dict[str, ColmapCamera]:
    """The camera of each image of a scene."""
    cameras = read_colmap_cameras(folder / "cameras.txt")
    images = read_colmap_images(folder / "images.txt")
    unknown = set(images.values()) - set(cameras)
    if unknown:
        raise InputError(
            f"expected cameras {sorted(unknown)} in {folder / 'cameras.txt'}, got none; fetch the calibration again"
        )
    return {name: cameras[number] for name, number in images.items()}
