"""Writes the images of the documentation's pages into docs/images.

Inputs are Middlebury's Motorcycle, which comes with scikit-image, and rendered scenes. `python page_images.py NAME...`
writes some of them only.
"""

import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float32, UInt8

import leadline
from leadline.classical.trivial_depth import vertical_ramp
from leadline.data.movies.mine import MineRequest, mine_films
from leadline.data.movies.options import MineOptions
from leadline.data.movies.report import REFUSED_SHEET, write_report
from leadline.data.movies.report import SHEET as CONTACT_SHEET
from leadline.data.synthetic.contact_sheets import contact_sheet, mono_contact_sheet
from leadline.data.synthetic.film import FilmShot, ShotKind, render_shots, write_stereo_film
from leadline.data.synthetic.mono import render_mono
from leadline.geometry.camera import Pinhole
from leadline.geometry.check import check_pair
from leadline.geometry.uncalibrated import rectify_uncalibrated
from leadline.geometry.unproject import PointCloud
from leadline.io.atomic import atomic_write
from leadline.io.images import read_image
from leadline.loading import load_signed_matcher
from leadline.losses.photometric import census_difference
from leadline.maps import DepthMap
from leadline.ops import warp_by_disparity
from leadline.protocols.stereo.motorcycle import motorcycle
from leadline.visual.colormap import confidence_grey, plasma, plasma_depth, robust_range
from leadline.visual.sheet import Panel, sheet
from leadline.visual.text import draw_text

IMAGES = Path(__file__).resolve().parents[1] / "images"
PANEL_WIDTH = 340
MAX_WIDTH = 1300
QUALITY = 82
TURN_DEG = 3.0
"""Rotation of the right view in the figure of rectification: enough to be seen."""
GREEN = (60, 220, 90)
WORST_RATIO = 1.5
"""Ratio of depths at which the error's colour ends."""

Image = UInt8[np.ndarray, "h w 3"]


def pair_to_depth() -> Image:
    """A pair, its disparity, confidence and metric depth."""
    scene, rig = motorcycle()
    found = leadline.stereo(scene.left, scene.right, "leadline-accurate")
    assert found.confidence is not None
    assert scene.truth is not None
    cloud = found.to_depth(rig).to_cloud(scene.left)
    colors = robust_range(scene.truth.disparity, scene.truth.valid)
    rows = [
        [
            Panel("left image", scene.left, photo=True),
            Panel("right image", scene.right, photo=True),
            Panel("true disparity (black: unknown)", plasma(scene.truth.disparity, scene.truth.valid, colors)),
        ],
        [
            Panel("disparity of leadline-accurate", plasma(found.disparity, found.valid, colors)),
            Panel("its confidence (white: certain)", confidence_grey(found.confidence)),
            Panel("its point cloud, from another viewpoint", seen_from(cloud, rig.left), photo=True),
        ],
    ]
    return sheet(rows, panel_width=PANEL_WIDTH)


def seen_from(cloud: PointCloud, camera: Pinhole) -> Image:
    """The coloured points as a camera that moved around the scene's middle shows them."""
    centre = np.median(cloud.points, axis=0)
    pose = cv2.Rodrigues(np.array([0.0, np.deg2rad(18.0), 0.0]))[0] @ cv2.Rodrigues(np.array([-0.22, 0.0, 0.0]))[0]
    points = (cloud.points - centre) @ pose.T + np.array([0.0, 0.0, centre[2] + 0.4])
    canvas = np.full((camera.height, camera.width, 3), 255, dtype=np.uint8)
    order = np.argsort(-points[:, 2])
    x = np.rint(points[:, 0] / points[:, 2] * camera.focal_x_px + camera.width / 2).astype(int)[order]
    y = np.rint(points[:, 1] / points[:, 2] * camera.focal_y_px + camera.height / 2).astype(int)[order]
    for right, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
        inside = (x + right >= 0) & (x + right < camera.width) & (y + down >= 0) & (y + down < camera.height)
        canvas[y[inside] + down, x[inside] + right] = cloud.colors[order][inside]
    return canvas


def disparity() -> Image:
    """Both views with one point marked in each, on the same row."""
    scene, _ = motorcycle()
    assert scene.truth is not None
    row, column = 215, 245
    shift = float(scene.truth.disparity[row, column])
    views = []
    for name, view, x in (("left", scene.left, float(column)), ("right", scene.right, column - shift)):
        drawn = view.copy()
        cv2.line(drawn, (0, row), (drawn.shape[1], row), (255, 255, 255), 1, cv2.LINE_AA)
        cv2.circle(drawn, (round(x), row), 9, GREEN, 2, cv2.LINE_AA)
        views.append(Panel(f"{name}: x = {x:.1f}, y = {row}", drawn, photo=True))
    return sheet([views], f"disparity = {column} - {column - shift:.1f} = {shift:.1f} px", panel_width=480)


def rectification() -> Image:
    """A pair whose right view is rotated, before and after rectification, with common rows marked."""
    scene, _ = motorcycle()
    height, width = scene.right.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), TURN_DEG, 1.0)
    turned = np.asarray(cv2.warpAffine(scene.right, turn, (width, height)))
    rectification = rectify_uncalibrated(scene.left, turned)
    rows = []
    for name, left, right in (
        ("before", scene.left, turned),
        ("after", *rectification.apply(scene.left, turned)),
    ):
        offset = check_pair(left, right).median_abs_offset_px
        both = np.concatenate([left, right], axis=1)
        for y in range(both.shape[0] // 8, both.shape[0], both.shape[0] // 8):
            cv2.line(both, (0, y), (both.shape[1], y), GREEN, 1)
        rows.append([Panel(f"{name}: matches are {offset:.1f} px off their rows (median)", both, photo=True)])
    return sheet(rows, panel_width=860)


def rendered_pairs() -> Image:
    """Rendered pairs with disparity and occlusion."""
    return contact_sheet((20001, 20004, 20007))


def rendered_images() -> Image:
    """Rendered single images beside their inverse depth."""
    return mono_contact_sheet(range(20001, 20007), (144, 192))


def monocular() -> Image:
    """A single image, leadline-mono's inverse depth and confidence, and the error after the fit, beside a ramp's."""
    scene, rig = motorcycle()
    assert scene.truth is not None
    truth = scene.truth.to_depth(rig)
    found = leadline.mono(scene.left)
    assert found.confidence is not None
    row = [
        Panel("image", scene.left, photo=True),
        Panel("inverse depth of leadline-mono", plasma(found.depth, found.valid)),
        Panel("confidence (white: certain)", confidence_grey(found.confidence)),
    ]
    ramp = vertical_ramp(scene.left)
    errors = [Panel("true depth (black: unknown)", plasma_depth(truth))]
    for name, depth in (("leadline-mono", found), ("ramp", ramp)):
        ratio = error_ratio(depth, truth)
        value = float(np.mean(np.abs(ratio[truth.valid] - 1.0)))
        errors.append(Panel(f"{name}: AbsRel {value:.3f}", error_image(ratio, truth)))
    title = "errors after lsq-disparity: red is too far, blue too near, by half or more"
    return sheet([row, errors], title, panel_width=PANEL_WIDTH)


def error_ratio(depth: DepthMap, truth: DepthMap) -> Float32[np.ndarray, "h w"]:
    """Depth after the fit of scale and shift in inverse depth over true depth; 1 where the truth is unknown."""
    safe = np.where(truth.valid, truth.depth, 1.0)
    known = np.stack([depth.depth[truth.valid], np.ones(truth.valid.sum())], axis=1)
    scale, shift = np.linalg.lstsq(known, 1.0 / safe[truth.valid], rcond=None)[0]
    aligned = 1.0 / np.maximum(scale * depth.depth + shift, 1e-3)
    return np.where(truth.valid, aligned / safe, 1.0).astype(np.float32)


def error_image(ratio: Float32[np.ndarray, "h w"], truth: DepthMap) -> Image:
    """White where right, red where too far, blue where too near, grey where the truth is unknown."""
    size = np.clip(np.log(np.maximum(ratio, 1e-3)) / np.log(WORST_RATIO), -1.0, 1.0)[..., None]
    ends = np.where(size > 0, np.array([200, 40, 40]), np.array([40, 70, 200]))
    colors = 255.0 + (ends - 255.0) * np.abs(size)
    return np.where(truth.valid[..., None], colors, 128.0).astype(np.uint8)


def photometric() -> Image:
    """The right view warped into the left one by a disparity, and where the two differ."""
    scene, _ = motorcycle()
    found = leadline.stereo(scene.left, scene.right)
    left, right = (torch.from_numpy(view).float().permute(2, 0, 1)[None] / 255.0 for view in (scene.left, scene.right))
    rows = []
    for name, values in (("disparity of leadline-fast", found.disparity), ("the same, 8 px too large", None)):
        disparity = found.disparity + 8.0 if values is None else values
        warped = warp_by_disparity(right, torch.from_numpy(disparity)[None, None])
        census = census_difference(warped, left)[0, 0].numpy()
        rows.append(
            [
                Panel(name, plasma(disparity, found.valid, (8.0, 75.0))),
                Panel("right image, warped into the left", to_image(warped), photo=True),
                Panel(f"census difference, mean {census.mean():.3f}", grey_image(census / 0.6)),
            ]
        )
    return sheet(rows, panel_width=PANEL_WIDTH)


def to_image(batch: torch.Tensor) -> Image:
    """The first image of a batch in [0, 1]."""
    return (batch[0].permute(1, 2, 0).clamp(0.0, 1.0) * 255.0).round().byte().numpy()


def grey_image(values: Float32[np.ndarray, "h w"]) -> Image:
    """Grey levels of values in [0, 1]."""
    return np.repeat((np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8)[..., None], 3, axis=2)


def field_of_view() -> Image:
    """An image and its central half: the same metres, other canonical depth."""
    sample, _ = render_mono(20001, (288, 384), True)
    assert sample.camera is not None
    panels = []
    for share in (1.0, 0.5):
        height, width = (round(side * share) for side in sample.image.shape[:2])
        top, start = (sample.image.shape[0] - height) // 2, (sample.image.shape[1] - width) // 2
        window = slice(top, top + height), slice(start, start + width)
        camera = replace(sample.camera, height=height, width=width)
        fov = 2.0 * np.degrees(np.arctan(height / (2.0 * camera.focal_y_px)))
        middle = float(np.median(sample.depth[window][sample.valid[window]]))
        factor = camera.relative_focal
        words = f"fov {fov:.0f} deg, phi {factor:.2f}: {middle:.1f} m becomes {middle / factor:.1f}"
        panels.append(Panel(words, sample.image[window], photo=True))
    return sheet([panels], "Median depth in metres and as canonical depth Z / phi", panel_width=480)


def annotations() -> Image:
    """What truth comes as: dense, semi-dense, sparse, ordinal."""
    scene, rig = motorcycle()
    assert scene.truth is not None
    truth = scene.truth.to_depth(rig)
    rows, columns = np.indices(truth.valid.shape)
    laser = truth.valid & (rows % 16 < 4) & (columns % 9 < 4)
    edges = cv2.dilate(cv2.Canny(cv2.cvtColor(scene.left, cv2.COLOR_RGB2GRAY), 80, 160), np.ones((5, 5))) > 0
    points = scene.left.copy()
    for name, place in (("A", (300, 330)), ("B", (620, 150))):
        cv2.circle(points, place, 11, GREEN, -1, cv2.LINE_AA)
        draw_text(points, f"{name} is nearer" if name == "A" else "B", (place[0] + 18, place[1] + 8), 0.9, GREEN)
    panels = [Panel("dense", plasma_depth(truth))]
    for name, kept in (("semi-dense", truth.valid & edges), ("sparse, as of a laser", laser)):
        panels.append(Panel(name, plasma_depth(replace(truth, valid=kept))))
    panels.append(Panel("ordinal: one pair of points", points, photo=True))
    return sheet([panels], panel_width=260)


def kinds() -> Image:
    """One truth as metres, as affine inverse depth, and as that inverted as if its shift were zero."""
    scene, rig = motorcycle()
    assert scene.truth is not None
    truth = scene.truth.to_depth(rig)
    safe = np.where(truth.valid, truth.depth, 1.0)
    inverse = 1.0 / safe + 0.5
    bent = np.where(truth.valid, 1.0 / inverse, 0.0).astype(np.float32)
    scale = float(np.median(truth.depth[truth.valid]) / np.median(bent[truth.valid]))
    bent *= np.float32(scale)
    ratio = np.where(truth.valid, bent / safe, 1.0).astype(np.float32)
    panels = [
        Panel("metric: metres", plasma_depth(truth)),
        Panel("affine_inverse: 1/Z + 0.5", plasma(inverse.astype(np.float32), truth.valid)),
        Panel("its reciprocal against Z (red: too far)", error_image(ratio, truth)),
    ]
    return sheet([panels], panel_width=PANEL_WIDTH)


def mined_frames() -> Image:
    """Accepted frames of a film of rendered shots, and the shots that are refused."""
    kinds: tuple[ShotKind, ...] = ("stereo", "black", "subtitled", "mono", "stereo", "misaligned", "swapped", "credits")
    shots = [FilmShot(kind=kind, seed=500 + number, frames=20) for number, kind in enumerate(kinds)]
    with tempfile.TemporaryDirectory() as name:
        film, output = Path(name, "film.mp4"), Path(name, "mined")
        write_stereo_film(film, render_shots(shots, (400, 960)), bar_px=12)
        request = MineRequest(films=(str(film),), output=output, options=MineOptions(), load=load_signed_matcher)
        write_report(output, mine_films(request))
        sheets = [read_image(output / sheet_name).pixels for sheet_name in (CONTACT_SHEET, REFUSED_SHEET)]
    width = max(image.shape[1] for image in sheets)
    paper = (255, 255, 255)
    padded = [
        cv2.copyMakeBorder(image, 0, 0, 0, width - image.shape[1], cv2.BORDER_CONSTANT, value=paper) for image in sheets
    ]
    return np.concatenate([np.asarray(image, np.uint8) for image in padded])


FIGURES: Mapping[str, Callable[[], Image]] = {
    "pair-to-depth": pair_to_depth,
    "disparity": disparity,
    "rectification": rectification,
    "rendered-pairs": rendered_pairs,
    "rendered-images": rendered_images,
    "monocular": monocular,
    "photometric": photometric,
    "field-of-view": field_of_view,
    "annotations": annotations,
    "kinds": kinds,
    "mined-frames": mined_frames,
}


def main() -> None:
    """Draws the figures that are named, or all."""
    for name in sys.argv[1:] or FIGURES:
        image = FIGURES[name]()
        if image.shape[1] > MAX_WIDTH:
            size = MAX_WIDTH, round(MAX_WIDTH * image.shape[0] / image.shape[1])
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
        _, encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
        with atomic_write(IMAGES / f"{name}.jpg") as stream:
            stream.write(encoded.tobytes())
        print(f"{name}: {image.shape[1]}x{image.shape[0]}, {encoded.size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
