"""Depth from leadline-mono and 64 zones: methods of fusion on rendered rooms, real rooms, and shared recordings.

    python benchmarks/tof_fusion.py --cache rooms [--real ../shared/real]

No alignment: AbsRel is of metres. "Perfect" is leadline-mono with the scale and shift of inverse depth that fit the
truth best, which nobody has. Real rooms with true depth get zones of the simulated sensor; the shared recordings have
their own, and half of them are held out.
"""

import time
import zlib
from pathlib import Path

import cv2
import cyclopts
import numpy as np
from rich.console import Console
from rich.table import Table
from tof_scenes import Scene, real_rooms, rendered_rooms, simulated_frame

from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.io.images import read_image
from leadline.loading import load_model
from leadline.maps import DepthMap
from leadline.robotics.time_to_collision import LATENCY_S, WINDOW_S, time_to_collision
from leadline.robotics.tof_frame import TofFrame
from leadline.robotics.tof_fusion import FUSION_METHODS, FusedDepth, combine_frames, fuse_depth
from leadline.robotics.tof_log import read_tof_log
from leadline.robotics.tof_match import FusionView, ZoneMatch
from leadline.robotics.tof_plot import projection_image
from leadline.robotics.tof_zones import TofZones

CONSOLE = Console(width=140)
BASE = "scale-shift"
READ_OFF = {
    "scene_1": (44.8, 0.03, -0.23),
    "scene_2": (62.8, -0.15, -0.03),
    "scene_3": (48.2, 0.15, 0.0),
    "scene_4": (41.6, -0.01, -0.02),
}
"""Of the shared photos, which have no calibration: the field of view across, degrees, and where the sensor's axis is in
the image, x / z and y / z. Read off by hand from the objects in photo and zones, to about half a zone."""


def abs_rel(depth: np.ndarray, scene: Scene, valid: np.ndarray) -> float:
    """Mean relative error over the scored pixels; those that a method leaves out count as wrong by all."""
    scored = scene.scored
    error = np.abs(depth[scored] / scene.depth[scored] - 1.0)
    return float(np.where(valid[scored], error, 1.0).mean())


def perfect(scene: Scene) -> float:
    """AbsRel of leadline-mono with the best scale and shift of inverse depth, by least squares."""
    known = scene.scored & scene.relative.valid
    design = np.stack([scene.relative.depth[known], np.ones(int(known.sum()))], axis=1).astype(np.float64)
    scale, shift = np.linalg.lstsq(design, 1.0 / scene.depth[known].astype(np.float64), rcond=None)[0]
    depth = 1.0 / np.maximum(scale * scene.relative.depth + shift, 1.0 / 50.0)
    return abs_rel(depth, scene, scene.relative.valid)


def fuse_all(scene: Scene, frame: TofFrame) -> dict[str, tuple[FusedDepth, float]] | None:
    """Each method's depth and seconds of one processor; None if the zones do not suffice."""
    view, found = FusionView(scene.camera, TofZones(frame.size)), {}
    for method in FUSION_METHODS:
        started = time.process_time()
        try:
            fused = fuse_depth(scene.relative, frame, view, image=scene.image, method=method)
        except InputError:
            return None
        found[method] = (fused, time.process_time() - started)
    return found


def compare(title: str, scenes: list[Scene], frames: int = 1) -> None:
    """One table: mean and median error, the paired difference to scale and shift, and the error bar."""
    errors: dict[str, list[float]] = {name: [] for name in ("perfect", *FUSION_METHODS)}
    covered: dict[str, list[float]] = {name: [] for name in FUSION_METHODS}
    seconds: dict[str, list[float]] = {name: [] for name in FUSION_METHODS}
    refused = 0
    for scene in scenes:
        rng = np.random.default_rng(zlib.crc32(scene.name.encode()))
        frame = combine_frames([simulated_frame(scene, rng) for _ in range(frames)])
        found = None if frame.blind else fuse_all(scene, frame)
        if found is None:
            refused += 1
            continue
        errors["perfect"].append(perfect(scene))
        for name, (fused, took) in found.items():
            depth = fused.depth
            errors[name].append(abs_rel(depth.depth, scene, depth.valid))
            known = scene.scored & depth.valid
            off = np.abs(np.log(depth.depth[known] / scene.depth[known]))
            covered[name].append(float((off <= fused.log_bound[known]).mean()))
            seconds[name].append(took)
    table = Table(
        "method", "AbsRel mean", "median", "against scale-shift", "better in", "80 % bar holds", "CPU ms", title=title
    )
    for name, values in errors.items():
        paired = np.array(values) - np.array(errors[BASE])
        spread = paired.std(ddof=1) / len(paired) ** 0.5
        table.add_row(
            "leadline-mono, perfect scale and shift" if name == "perfect" else name,
            f"{np.mean(values):.4f}",
            f"{np.median(values):.4f}",
            f"{paired.mean():+.4f} ± {spread:.4f}",
            f"{100 * (paired < 0).mean():.0f} %",
            "" if name == "perfect" else f"{100 * np.mean(covered[name]):.1f} %",
            "" if name == "perfect" else f"{1000 * np.median(seconds[name]):.0f}",
        )
    CONSOLE.print(table)
    print(f"{len(errors['perfect'])} images; {refused} left out: fewer than 4 valid zones (blind, too far, too dark)\n")


def read_off_view(name: str, image: np.ndarray, size: int) -> FusionView:
    """Where camera and sensor look, as the outlines of the objects in the photo and in the zones say.

    Args:
        name: Of the room.
        image: Its photo.
        size: Zones across.
    """
    fov, right, down = READ_OFF[name]
    height, width = image.shape[:2]
    focal = width / (2.0 * np.tan(np.radians(fov) / 2.0))
    camera = Pinhole(focal, focal, (width - 1) / 2, (height - 1) / 2, height, width)
    pose = np.eye(4)
    pose[:3, :3] = cv2.Rodrigues(np.array([np.arctan(down), -np.arctan(right), 0.0]))[0]
    return FusionView(camera, TofZones(size), pose)


def held_out(relative: DepthMap, frame: TofFrame, view: FusionView, image: np.ndarray, method: str) -> np.ndarray:
    """|log| of zones that took no part, of every fourth zone in turn."""
    left = []
    places = np.add.outer(np.arange(frame.size), 2 * np.arange(frame.size)) % 4
    for part in range(4):
        used = TofFrame.from_status(frame.distances_m, np.where(frame.valid & (places != part), 5, 255))
        kept = TofFrame.from_status(frame.distances_m, np.where(frame.valid & (places == part), 5, 255))
        fused = fuse_depth(relative, used, view, image=image, method=method)
        match = ZoneMatch.prepare(fused.depth, kept, view, image)
        left.append(np.abs(match.compare(match.unit**-1, 0.0).error))
    return np.concatenate(left)


def recordings(root: Path, overlays: Path | None) -> None:
    """Residual of each shared room's own zones, held out, by method; the photos have no calibration."""
    network = load_model("leadline-mono", "mono", threads=1)
    table = Table("room", "zones in the photo", "residual of all, %", *[f"{name}, %" for name in FUSION_METHODS])
    every: dict[str, list[float]] = {name: [] for name in FUSION_METHODS}
    for path in sorted(root.glob("scene_*.xyz")):
        photo = read_image(path.with_suffix(".jpg")).pixels
        image = cv2.resize(photo, (384, round(384 * photo.shape[0] / photo.shape[1])), interpolation=cv2.INTER_AREA)
        frame, relative = combine_frames(list(read_tof_log(path).frames)), network(image)
        view = read_off_view(path.stem, image, frame.size)
        before = fuse_depth(relative, frame, view, image=image, method=BASE)
        cells = []
        for name in FUSION_METHODS:
            off = held_out(relative, frame, view, image, name)
            every[name].append(float(np.median(off)))
            cells.append(f"{100 * np.median(off):.1f}")
        table.add_row(path.stem, str(before.zones), f"{100 * before.residual:.1f}", *cells)
        if overlays is not None:
            overlays.mkdir(parents=True, exist_ok=True)
            drawn = projection_image(cv2.resize(image, None, fx=2, fy=2), frame, _doubled(view))
            cv2.imwrite(str(overlays / f"{path.stem}.png"), drawn[..., ::-1])
    table.title = "shared rooms: median error of zones that were held out"
    CONSOLE.print(table)
    print("mean over rooms: " + ", ".join(f"{name} {100 * np.mean(values):.1f} %" for name, values in every.items()))


def _doubled(view: FusionView) -> FusionView:
    camera = view.camera
    return FusionView(camera.scaled(2 * camera.height, 2 * camera.width), view.zones, view.sensor_from_camera)


def flight(root: Path) -> None:
    """Flight A0 towards a panel: distance and time to collision against motion capture."""
    log = read_tof_log(root / "tof.npz")
    with np.load(root / "vicon.npz") as capture:
        drone, panel = capture["Drone"], capture["Surface"]

    def gap(at: float) -> tuple[float, float]:
        near = np.abs(drone[:, 0] / 1e3 - at) < 0.25
        slope, place = np.polyfit(drone[near, 0] / 1e3 - at, drone[near, 1], 1)
        return float(panel[0, 1] - place), float(-slope)

    times, middle = [], []
    for frame in log.frames:
        good = frame.valid[3:5, 3:5]
        if good.any() and (not times or frame.time_s > times[-1]):
            times.append(frame.time_s)
            middle.append(float(np.median(frame.distances_m[3:5, 3:5][good])))
    times, middle = np.array(times), np.array(middle)
    flying = (times > 59.0) & (times < 71.0)
    gaps = np.array([gap(at - LATENCY_S)[0] for at in times])
    reach = flying & (gaps > 0.35) & (gaps < 3.5)
    off = np.abs(middle - gaps)[reach]
    span = f"{gaps[reach].min():.2f} to {gaps[reach].max():.2f} m"
    print(f"flight A0: centre zones against the gap of motion capture, {span}:")
    print(f"  median {np.median(off):.3f} m, 95 % within {np.quantile(off, 0.95):.3f} m, worst {off.max():.3f} m")
    errors = []
    for at in times[(times > 59.8) & (times < 64.0)]:
        distance, speed = gap(at)
        if speed < 0 and distance / -speed < 3.0:
            window = (times >= at - WINDOW_S - 1e-6) & (times <= at)
            found = time_to_collision(times[window], middle[window], latency_s=LATENCY_S)
            errors.append((distance / -speed, abs(float(found.time_s) - distance / -speed)))
    truth, wrong = np.array(errors).T
    for most in (3.0, 2.0):
        part = wrong[truth < most]
        within = f"{100 * np.mean(part < 0.2):.0f} % within 0.2 s, worst {part.max():.2f} s"
        print(f"  time to collision below {most:g} s, until the brake: median error {np.median(part):.3f} s, {within}")


def main(
    *, cache: Path, real: Path | None = None, first: int = 950000, count: int = 120, overlays: Path | None = None
) -> None:
    """Prints all tables.

    Args:
        cache: Folder of the rendered rooms.
        real: Folder with mono/ and tof8x8/ of shared images and recordings.
        first: Seed of the first room.
        count: Rooms.
        overlays: Folder for images of the zones in the shared rooms' photos.
    """
    rooms = list(rendered_rooms(first, count, cache))
    compare("rendered rooms, corridors and desks", rooms)
    compare("the same, five frames combined", rooms, frames=5)
    if real is None:
        return
    compare("real rooms with simulated zones", list(real_rooms(real / "mono")))
    recordings(real / "tof8x8", overlays)
    flight(real / "tof8x8" / "flight_A0")


if __name__ == "__main__":
    cyclopts.run(main)
