"""How well `leadline.tracking` follows rendered bodies: MOTA, IDF1, HOTA, and the error of positions in metres.

    python benchmarks/tracking_accuracy.py --sequences 8 --frames 12

Rendered worlds with bodies that move by themselves are seen by a moving stereo camera whose poses are known. Detections
are the exact boxes of what is visible of each body, made worse: edges by 4 % of the side (standard deviation), 10 %
missing, and one false box in five frames; tracks are told of from their second detection on. Depth is true, or
comes from a matcher.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from leadline.data.synthetic.footage import draw_baseline_m
from leadline.data.synthetic.mono import known_depth
from leadline.data.synthetic.sensor import encode, exposure_gain
from leadline.data.synthetic.video import camera_poses, draw_footage
from leadline.geometry.boxes import Box, LabelledBox
from leadline.geometry.camera import Pinhole
from leadline.geometry.rig import StereoRig
from leadline.loading import load_model
from leadline.maps import DepthMap
from leadline.metrics.tracking import TrackingFrame, frame_of_boxes, score_tracking
from leadline.tracking.detection import detections_in_space
from leadline.tracking.tracker import Tracker, TrackerOptions

RATE = 10.0
"""Frames a second that a rendered step stands for."""
LEAST_PIXELS = 120
"""Bodies of which less is visible are not there: neither a miss nor a false alarm counts."""
EDGES, MISSING, FALSE = 0.04, 0.1, 0.2
OFFSET = 100_000
"""Identities of different sequences differ."""


@dataclass
class Sequence:
    images: list
    depths: list[DepthMap]
    poses: np.ndarray
    rig: StereoRig
    boxes: list[dict[int, Box]]
    positions: list[dict[int, np.ndarray]]


@dataclass
class Found:
    frames: list[TrackingFrame] = field(default_factory=list)
    errors_m: list[float] = field(default_factory=list)
    relative: list[float] = field(default_factory=list)
    in_sigmas: list[float] = field(default_factory=list)


def rendered(seed: int, size: tuple[int, int], frames: int) -> Sequence:
    _, _, _, footage, rng = draw_footage(seed, size, frames, "moving")
    baseline_m = draw_baseline_m(footage, rng)
    views = [footage.colours(), footage.right_colours(baseline_m)]
    gain = exposure_gain(views[0][0], 0.45)
    images = [tuple(encode(colour * gain) for colour in pair) for pair in zip(*views, strict=True)]
    camera = footage.cameras[0]
    pinhole = Pinhole(camera.focal_px, camera.focal_px, *camera.centre_px, *camera.size)
    depths = [DepthMap(*known_depth(footage.depth(n)), "metric", None, pinhole) for n in range(frames)]
    boxes, positions = [], []
    for number in range(frames):
        shown = footage.bodies(number)
        boxes.append({})
        positions.append({})
        for body in footage.moving.bodies:
            mask = (shown == body) & depths[number].valid
            if mask.sum() < LEAST_PIXELS:
                continue
            rows, columns = np.nonzero(mask)
            box = (columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5)
            boxes[-1][body] = tuple(float(edge) for edge in box)
            z = float(np.median(depths[number].depth[mask]))
            x = ((box[0] + box[2]) / 2 - pinhole.center_x_px) / pinhole.focal_x_px
            y = ((box[1] + box[3]) / 2 - pinhole.center_y_px) / pinhole.focal_y_px
            positions[-1][body] = z * np.array([x, y, 1.0])
    return Sequence(
        images, depths, camera_poses(footage.cameras), StereoRig(pinhole, pinhole, baseline_m), boxes, positions
    )


def detected(boxes: dict[int, Box], size: tuple[int, int], rng: np.random.Generator) -> tuple[LabelledBox, ...]:
    found = []
    for left, top, right, bottom in boxes.values():
        if rng.random() < MISSING:
            continue
        sides = np.array([right - left, bottom - top] * 2)
        edges = np.array([left, top, right, bottom]) + EDGES * sides * rng.normal(size=4)
        found.append(LabelledBox(tuple(edges.tolist()), float(rng.uniform(0.5, 1.0)), "thing"))
    if rng.random() < FALSE:
        height, width = size
        x, y, side = rng.uniform(0, width - 40), rng.uniform(0, height - 40), rng.uniform(15, 40)
        found.append(LabelledBox((x, y, x + side, y + side), float(rng.uniform(0.3, 0.6)), "thing"))
    return tuple(found)


def follow(number: int, shown: Sequence, depth_of: Callable[[int], DepthMap], found: Found) -> None:
    rng = np.random.default_rng(number)
    tracker = Tracker(shown.rig.left, TrackerOptions(confirm=2))
    size = (shown.rig.left.height, shown.rig.left.width)
    for frame, (boxes, positions) in enumerate(zip(shown.boxes, shown.positions, strict=True)):
        pose = shown.poses[frame]
        seen = detections_in_space(detected(boxes, size, rng), depth_of(frame))
        tracks = tracker.update(seen, frame / RATE, pose)
        truth = {number * OFFSET + body: box for body, box in boxes.items()}
        scored = frame_of_boxes(truth, {number * OFFSET + track.identity: track.box_px for track in tracks})
        found.frames.append(scored)
        for row, place in enumerate(positions.values()):
            for column, track in enumerate(tracks):
                if scored.likeness[row, column] >= 0.5:
                    off = pose[:3, :3].T @ (track.position_m - pose[:3, 3]) - place
                    spread = pose[:3, :3].T @ track.covariance[:3, :3] @ pose[:3, :3]
                    found.errors_m.append(float(np.linalg.norm(off)))
                    found.relative.append(float(np.linalg.norm(off) / np.linalg.norm(place)))
                    found.in_sigmas.append(float(abs(off[2]) / np.sqrt(spread[2, 2])))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=8)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--seed", type=int, default=9_100_000)
    parser.add_argument("--size", type=int, nargs=2, default=(240, 320), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--models", nargs="+", default=["true", "leadline-fast", "sgbm"])
    given = parser.parse_args(arguments)
    methods = {name: None if name == "true" else load_model(name, "stereo", threads=1) for name in given.models}
    results = {name: Found() for name in methods}
    for number in range(given.sequences):
        shown = rendered(given.seed + number, tuple(given.size), given.frames)
        print(f"sequence {number}: {len({body for boxes in shown.boxes for body in boxes})} bodies", file=sys.stderr)
        for name, method in methods.items():

            def depth_of(frame, method=method, shown=shown):
                return shown.depths[frame] if method is None else method(*shown.images[frame]).to_depth(shown.rig)

            follow(number, shown, depth_of, results[name])
    print("depth           MOTA  IDF1  HOTA  switches  boxes  error m  error %  within 2 sigma")
    for name, found in results.items():
        scores = score_tracking(found.frames)
        error, relative = np.median(found.errors_m), 100 * np.median(found.relative)
        within = float((np.array(found.in_sigmas) < 2.0).mean())
        print(
            f"{name:14} {scores.mota:5.3f} {scores.idf1:5.3f} {scores.hota:5.3f}  {scores.switches:8d}  "
            f"{scores.truths:5d}  {error:7.3f}  {relative:7.2f}  {within:14.2f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
