"""How accurate scene flow is: camera motion and moving objects on rendered pairs, outliers on KITTI's streets.

    python benchmarks/scene_flow_accuracy.py --first 3000 --count 40 --scenes KITTI --models leadline-fast+dis

Rendered pairs have truth for everything. KITTI 2012 has none for the disparity at the second time; its streets stand
still, so that it follows from the true disparity and the camera's motion, which is fitted to the true flow.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import cyclopts
import numpy as np
from rich.console import Console
from rich.table import Table

from leadline.data.synthetic.scene_flow import render_scene_flow
from leadline.geometry.camera_motion import CameraMotion, points_of, rigid_prediction
from leadline.loading import load_model
from leadline.maps import DisparityMap, SceneFlowMap
from leadline.protocols.scene_flow.kitti2015 import SCENE_FLOW
from leadline.protocols.scene_flow.scenes import find_scene_flow_scenes
from leadline.protocols.scoring import evaluate_samples
from leadline.results.stereo import write_json
from leadline.runtime.scene_flow import SceneFlowMethod
from leadline.samples import SceneFlowSample

_SHIFTS_PX = 1.0
"""A camera's shift is scored where it moves the median still pixel by this much."""
_VISIBLE_PX = 2.0
"""A pixel counts as moving by itself where its own motion in the image, or in disparity, is as large as this; those
with less count neither way."""
_LEAST_SHARE = 0.005
_FITS_PX = 1.0
ABOUT = f"""\
translation: error as a share of its length, median over the pairs where it moves the median still pixel by
{_SHIFTS_PX:g} px and more. rotation: median over all pairs. IoU: of the mask of what moves by itself by
{_VISIBLE_PX:g} px and more, where that is {100 * _LEAST_SHARE:g} % of the image and more; less counts neither way.
false: still pixels that are taken for moving, mean over all pairs."""

Method = Callable[[SceneFlowSample], SceneFlowMap]


def main(
    *,
    models: str = "leadline-fast+dis",
    baseline: str = "sgbm-3way+dis",
    first: int = 3000,
    count: int = 40,
    scenes: Path | None = None,
    threads: int = 2,
    json: Path | None = None,
) -> None:
    """Scores scene flow.

    Args:
        models: Pairs of a stereo and a flow method, separated by commas.
        baseline: Pair whose numbers stand for themselves, on KITTI's streets.
        first: Seed of the first rendered pair.
        count: How many are rendered; 0 for none.
        scenes: Development kit of KITTI 2012.
        threads: Threads of OpenCV and of the networks.
        json: File for all numbers.
    """
    cv2.setNumThreads(threads)
    methods = {name: find_method(name, threads) for name in models.split(",")}
    rows: list[dict[str, object]] = []
    for seed in range(first, first + count):
        sample, truth = render_scene_flow(seed)
        for name, method in methods.items():
            rows.append({"method": name, "seed": seed, **rendered_scores(sample, truth, method(sample))})
    console = Console(width=140)
    if rows:
        console.print(rendered_table(rows, list(methods)))
        console.print(ABOUT)
    if scenes is not None:
        methods[f"{baseline}:plain"] = find_method(baseline, threads, completes=False)
        samples = (with_second_truth(files.load()) for files in find_scene_flow_scenes(scenes))
        for table in evaluate_samples(samples, methods, SCENE_FLOW).tables():
            console.print(table)
    if json is not None:
        write_json(json, {"rows": rows})


def find_method(name: str, threads: int, completes: bool = True) -> Method:
    """A pair of methods on a sample."""
    stereo, _, flow = name.partition("+")
    method = SceneFlowMethod(
        load_model(stereo, "stereo", threads=threads), load_model(flow, "flow", threads=threads), completes
    )
    return lambda sample: method(sample.images, sample.rig)


def rendered_scores(sample, truth, found):
    """Errors of the camera's motion, and of the mask of what moves by itself."""
    pose, wanted = found.motion.second_from_first, truth.second_from_first
    length = float(np.linalg.norm(wanted[:3, 3]))
    still = ~truth.moving & sample.flow.valid
    shift = float(np.median(sample.disparity.disparity[still])) * length / sample.rig.baseline_m if still.any() else 0.0
    own = own_motion_px(sample, truth)
    visible, cares = own >= _VISIBLE_PX, ~truth.moving | (own >= _VISIBLE_PX)
    overlap, either = (found.moving & visible).sum(), ((found.moving | visible) & cares).sum()
    return {
        "world": truth.world,
        "path": truth.path,
        "translation": float(np.linalg.norm(pose[:3, 3] - wanted[:3, 3])) / length if shift >= _SHIFTS_PX else None,
        "rotation": CameraMotion(pose @ np.linalg.inv(wanted), 1, 1).rotation_deg,
        "IoU": float(overlap / either) if visible.mean() >= _LEAST_SHARE else None,
        "false": float((found.moving & still).sum() / max(still.sum(), 1)),
    }


def own_motion_px(sample, truth):
    """Length of each pixel's motion by itself: (u, v, disparity) beside that of the camera."""
    rows, columns = np.indices(truth.moving.shape).astype(float)
    disparity = sample.disparity.disparity.astype(float)
    u, v, then, _ = rigid_prediction(columns, rows, disparity, truth.second_from_first, sample.rig)
    off = np.stack([sample.flow.flow[..., 0] - u, sample.flow.flow[..., 1] - v, sample.next_disparity.disparity - then])
    return np.where(truth.moving & sample.flow.valid, np.linalg.norm(off, axis=0), 0.0)


def rendered_table(rows, methods):
    """Medians and means over the rendered pairs."""
    columns = (
        "method",
        "pairs",
        "translation %",
        "rotation deg",
        "IoU median",
        "IoU mean",
        "pairs with IoU",
        "false %",
    )
    table = Table(*columns, title="rendered stereo sequences, 640x320")
    for method in methods:
        of = [row for row in rows if row["method"] == method]
        moved, masks = ([row[key] for row in of if row[key] is not None] for key in ("translation", "IoU"))
        table.add_row(
            method,
            str(len(of)),
            f"{100 * np.median(moved):.2f}" if moved else "-",
            f"{np.median([row['rotation'] for row in of]):.4f}",
            f"{np.median(masks):.3f}" if masks else "-",
            f"{np.mean(masks):.3f}" if masks else "-",
            str(len(masks)),
            f"{100 * np.mean([row['false'] for row in of]):.2f}",
        )
    return table


def with_second_truth(sample: SceneFlowSample) -> SceneFlowSample:
    """A street that stands still, with the disparity at the second time that its true disparity and flow give."""
    if sample.next_disparity is not None:
        return sample
    rows, columns = np.nonzero(sample.disparity.valid & sample.flow.valid & (sample.disparity.disparity > 0))
    camera, disparity = sample.rig.left, sample.disparity.disparity[rows, columns].astype(float)
    matrix = np.array(
        [[camera.focal_x_px, 0, camera.center_x_px], [0, camera.focal_y_px, camera.center_y_px], [0, 0, 1]]
    )
    x, y = columns.astype(float), rows.astype(float)
    points = np.ascontiguousarray(points_of(x, y, disparity, sample.rig).T)
    pixels = np.column_stack([x, y]) + sample.flow.flow[rows, columns]
    _, turn, shift, inliers = cv2.solvePnPRansac(points, pixels, matrix, None, reprojectionError=_FITS_PX)
    turn, shift = cv2.solvePnPRefineLM(points[inliers[:, 0]], pixels[inliers[:, 0]], matrix, None, turn, shift)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = cv2.Rodrigues(turn)[0], shift[:, 0]
    u, v, then, _ = rigid_prediction(x, y, disparity, pose, sample.rig)
    fits = np.hypot(*(np.stack([u, v]) - sample.flow.flow[rows, columns].T)) < _FITS_PX
    values, known = np.zeros(sample.disparity.valid.shape, np.float32), np.zeros(sample.disparity.valid.shape, bool)
    values[rows, columns], known[rows, columns] = then, fits
    print(f"{sample.key}: the camera's motion fits {100 * fits.mean():.1f} % of the truth within {_FITS_PX:g} px")
    return replace(sample, next_disparity=DisparityMap(values, known))


if __name__ == "__main__":
    cyclopts.run(main)
