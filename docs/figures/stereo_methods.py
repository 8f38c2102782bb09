"""Writes docs/images/motorcycle.jpg: what the networks and SGBM make of Middlebury's Motorcycle, and how far off."""

from collections.abc import Mapping
from pathlib import Path

import cv2

from leadline.io.atomic import atomic_write
from leadline.loading import load_model
from leadline.maps import DisparityMap
from leadline.protocols.stereo.evaluate import evaluate
from leadline.protocols.stereo.middlebury2014 import MIDDLEBURY2014
from leadline.protocols.stereo.motorcycle import motorcycle
from leadline.samples import StereoSample
from leadline.visual.sheet import stereo_sheet

TARGET = Path(__file__).resolve().parents[1] / "images" / "motorcycle.jpg"
METHODS = ("leadline-fast", "leadline-accurate", "leadline-refine", "sgbm-3way")
SGBM_REACH_PX = 95
WIDTH_PX = 1500
QUALITY = 80


def main() -> None:
    """Draws the sheet."""
    scene, _ = motorcycle()
    maps: dict[str, DisparityMap] = {}

    def observe(_: StereoSample, found: Mapping[str, DisparityMap], __: object) -> None:
        maps.update(found)

    methods = {
        name: load_model(name, "stereo", max_disparity=SGBM_REACH_PX if name == "sgbm-3way" else None)
        for name in METHODS
    }
    report = evaluate([scene], methods, MIDDLEBURY2014, observe)
    scores = {name: [report.score(name, of, "all", "dense").value for of in ("bad-2", "avgerr")] for name in METHODS}
    captions = {name: f"bad-2 {bad:.1f} %, avgerr {error:.2f} px" for name, (bad, error) in scores.items()}
    title = "Middlebury Motorcycle (middlebury2014, all, dense); hotter is closer"
    drawn = stereo_sheet(scene.left, scene.right, maps, scene.truth, captions, title)
    size = WIDTH_PX, round(WIDTH_PX * drawn.shape[0] / drawn.shape[1])
    smaller = cv2.resize(cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR), size, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", smaller, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
    with atomic_write(TARGET) as stream:
        stream.write(encoded.tobytes())


if __name__ == "__main__":
    main()
