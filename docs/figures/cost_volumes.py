"""Writes docs/images/cost-volumes.jpg: what three block-matching scores choose, also after a change of exposure.

The pair is Middlebury's Motorcycle as scikit-image has it, a quarter of its resolution, halved once more.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from leadline.io.atomic import atomic_write
from leadline.maps import DisparityMap
from leadline.ops import census_transform, sad_volume, zncc_volume
from leadline.protocols.stereo.evaluate import StereoMethod, evaluate
from leadline.protocols.stereo.middlebury2014 import MIDDLEBURY2014
from leadline.protocols.stereo.motorcycle import motorcycle
from leadline.samples import StereoSample
from leadline.visual.colormap import plasma, robust_range
from leadline.visual.sheet import Panel, sheet

TARGET = Path(__file__).resolve().parents[1] / "images" / "cost-volumes.jpg"
DISPARITIES = 35
RADIUS = 3
GAIN, OFFSET = 0.7, -20.0
"""Of the other exposure, in grey levels of 255."""
PANEL_WIDTH = 260
QUALITY = 80

Image = UInt8[np.ndarray, "h w 3"]
Costs = Callable[[Float[Tensor, "1 1 h w"], Float[Tensor, "1 1 h w"]], Float[Tensor, "1 d h w"]]

COSTS: Mapping[str, Costs] = {
    "SAD": lambda left, right: sad_volume(left, right, DISPARITIES, RADIUS),
    "ZNCC": lambda left, right: -zncc_volume(left, right, DISPARITIES, RADIUS),
    # Two signs that differ are 2 apart, so that this is twice the share of comparisons that differ.
    "census": lambda left, right: sad_volume(census_transform(left), census_transform(right), DISPARITIES, RADIUS),
}


def winner_takes_all(costs: Costs) -> StereoMethod:
    """The cheapest disparity of each pixel, and nothing else: no smoothing and no check."""

    def match(left: Image, right: Image) -> DisparityMap:
        cheapest = costs(grey(left), grey(right)).argmin(dim=1)[0].numpy().astype(np.float32)
        return DisparityMap(cheapest, np.ones(cheapest.shape, dtype=bool))

    return match


def grey(image: Image) -> Float[Tensor, "1 1 h w"]:
    """Mean of the channels, in [0, 1]."""
    return torch.from_numpy(image).float().mean(dim=2).div(255.0)[None, None]


def halved(scene: StereoSample) -> StereoSample:
    """The scene at half its size; the truth is that of every second pixel."""
    assert scene.truth is not None
    height, width = (side // 2 for side in scene.left.shape[:2])
    left, right = (
        np.asarray(cv2.resize(view[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA))
        for view in (scene.left, scene.right)
    )
    disparity, valid = (
        layer[: 2 * height : 2, : 2 * width : 2] for layer in (scene.truth.disparity, scene.truth.valid)
    )
    return replace(scene, left=left, right=right, truth=DisparityMap(disparity / np.float32(2.0), valid))


def exposed(scene: StereoSample) -> StereoSample:
    """The scene as if the right camera had another exposure and black level."""
    right = np.clip(np.rint(scene.right * GAIN + OFFSET), 0, 255).astype(np.uint8)
    return replace(scene, right=right)


def panels(scene: StereoSample, remark: str) -> list[Panel]:
    """The right image, and each score's disparity with its bad-2."""
    assert scene.truth is not None
    colors = robust_range(scene.truth.disparity, scene.truth.valid)
    row = [Panel(f"right image, {remark}", scene.right, photo=True)]

    def observe(_: StereoSample, maps: Mapping[str, DisparityMap], __: object) -> None:
        images.update({name: plasma(found.disparity, found.valid, colors) for name, found in maps.items()})

    images: dict[str, Image] = {}
    methods = {name: winner_takes_all(costs) for name, costs in COSTS.items()}
    report = evaluate([scene], methods, MIDDLEBURY2014, observe)
    for name, image in images.items():
        row.append(Panel(f"{name}: bad-2 {report.score(name, 'bad-2', 'all', 'dense').value:.1f} %", image))
    return row


def main() -> None:
    """Draws the sheet."""
    scene = halved(motorcycle()[0])
    assert scene.truth is not None
    truth = Panel("truth (black: unknown)", plasma(scene.truth.disparity, scene.truth.valid))
    rows = [[*panels(scene, "as taken"), truth], panels(exposed(scene), "other exposure")]
    title = f"Motorcycle, winner takes all, windows of {2 * RADIUS + 1}x{2 * RADIUS + 1} (middlebury2014, all, dense)"
    drawn = sheet(rows, title, panel_width=PANEL_WIDTH)
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
    with atomic_write(TARGET) as stream:
        stream.write(encoded.tobytes())


if __name__ == "__main__":
    main()
