"""How often inputs in another unit, order, form or storage give wrong numbers without a word: 10,000 random variants.

    python benchmarks/silent_errors.py --count 10000

Each variant is what some program or person writes, with a known truth. It comes out right (within 5 %), is refused in
one line, comes with a note, or is silently wrong: the last must never happen.
"""

import struct
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import cv2
import cyclopts
import numpy as np
from rich.console import Console
from rich.table import Table

from leadline.errors import LeadlineError
from leadline.io.calib import read_stereo_calibration
from leadline.io.disparities import read_disparity
from leadline.io.images import read_image
from leadline.io.pair_files import search_pairs
from leadline.io.pfm import write_pfm
from leadline.maps import DepthMap, DisparityMap
from leadline.results.known_disparity import in_pixels
from leadline.scale.fit import to_metric
from leadline.scale.sources import parse_scale_source

Outcome = Literal["right", "refused", "told", "WRONG"]
Told = tuple[str, ...]
TOLERANCE = 0.05
PER_M = {"m": 1.0, "cm": 100.0, "mm": 1000.0}
SIDE = 64


def pick(rng: np.random.Generator, values):
    """One of them."""
    values = list(values)
    return values[int(rng.integers(len(values)))]


FORMS = {
    "middlebury": "cam0=[500 0 320; 0 500 240; 0 0 1]\ndoffs=0\nbaseline={b}\nwidth=640\nheight=480\n",
    "kitti": "P0: 500 0 320 0 0 500 240 0 0 0 1 0\nP1: 500 0 320 {minus_fb} 0 500 240 0 0 0 1 0\n",
    "opencv": "M1: [500,0,320,0,500,240,0,0,1]\nD1: [0,0,0,0,0]\nM2: [500,0,320,0,500,240,0,0,1]\nD2: [0,0,0,0,0]\n"
    "R: [1,0,0,0,1,0,0,0,1]\nT: [{minus}, 0, 0]\n",
    "opencv rectified": "P1: [500,0,320,0, 0,500,240,0, 0,0,1,0]\nP2: [500,0,320,{minus_fb}, 0,500,240,0, 0,0,1,0]\n"
    "image_width: 640\nimage_height: 480\n",
    "kalibr": "cam0: {{camera_model: pinhole, intrinsics: [500,500,320,240], resolution: [640,480], distortion_model: "
    "none}}\ncam1: {{camera_model: pinhole, intrinsics: [500,500,320,240], resolution: [640,480], distortion_model: "
    "none,\n  T_cn_cnm1: [[1,0,0,{minus}],[0,1,0,0],[0,0,1,0],[0,0,0,1]]}}\n",
    "matrix": "500 0 320 0 500 240 0 0 1\n{b}\n",
}


def calibration(rng: np.random.Generator, folder: Path) -> tuple[float, Told]:
    """A baseline from 3 to 30 cm in any unit, or in squares of a board where a calibration knows nothing else."""
    form, true_m = pick(rng, FORMS), float(np.exp(rng.uniform(np.log(0.03), np.log(0.3))))
    per_m = {**PER_M, "squares": 1.0 / rng.uniform(0.015, 0.06)} if form.startswith("opencv") else PER_M
    length = true_m * pick(rng, per_m.values())
    values = {"b": repr(length), "minus": repr(-length), "minus_fb": repr(-500.0 * length)}
    (folder / "calib.txt").write_text(FORMS[form].format(**values))
    found = read_stereo_calibration(folder / "calib.txt", (480, 640))
    rig = found.rectified if found.raw is None else found.raw
    return abs(rig.baseline_m / true_m - 1.0), found.notes


def relative_depth(rng: np.random.Generator) -> tuple[np.ndarray, DepthMap]:
    """Metres of a room that is unlike its mirror images, and what a network would say of it."""
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE
    near = rng.uniform(0.5, 1.5)
    metres = near + rng.uniform(1.0, 2.0) * columns + rng.uniform(0.5, 1.0) * rows**3
    scale, shift = rng.uniform(0.5, 5.0), rng.uniform(-0.2, 2.0)
    values = (scale / metres + shift).astype(np.float32)
    return metres, DepthMap(values, np.ones((SIDE, SIDE), bool), "affine_inverse")


def fitted(source: str, metres: np.ndarray, relative: DepthMap) -> tuple[float, Told]:
    fit = parse_scale_source(source).fit(relative, None, "image")
    depth = to_metric(relative, fit)
    off = np.abs(depth.depth[depth.valid] / metres[depth.valid] - 1.0)
    return float(np.median(off)) if off.size else np.inf, (*fit.notes, *fit.doubts())


def points(rng: np.random.Generator, folder: Path) -> tuple[float, Told]:
    """Measured points in any unit, column order, heading and separator."""
    metres, relative = relative_depth(rng)
    count = int(rng.integers(4, 20))
    x, y = rng.integers(0, SIDE, count), rng.integers(0, SIDE, count)
    unit, separator = pick(rng, PER_M), pick(rng, (",", ";", "\t", ", "))
    heading = pick(rng, ("", "x,y,depth\n", f"x,y,{unit}\n", f"u,v,z_{unit}\n")).replace(",", separator.strip(" "))
    first, second = (y, x) if rng.random() < 0.3 else (x, y)
    lines = [
        f"{a}{separator}{b}{separator}{metres[v, u] * PER_M[unit]:.4f}"
        for a, b, u, v in zip(first, second, x, y, strict=True)
    ]
    (folder / "points.csv").write_text(heading + "\n".join(lines) + "\n")
    return fitted(f"points:{folder / 'points.csv'}", metres, relative)


def zones(rng: np.random.Generator, folder: Path) -> tuple[float, Told]:
    """A frame of a time-of-flight sensor in any unit, turned or mirrored in any way, with zones without a return."""
    metres, relative = relative_depth(rng)
    frame = np.median(metres.reshape(8, 8, 8, 8).transpose(0, 2, 1, 3).reshape(8, 8, 64), axis=2)
    turned = np.rot90(frame, int(rng.integers(4)))
    turned = turned.T if rng.random() < 0.5 else turned
    seen = turned * PER_M[pick(rng, PER_M)] * (rng.random((8, 8)) > rng.uniform(0.0, 0.3))
    (folder / "zones.csv").write_text("\n".join(",".join(f"{value:.3f}" for value in row) for row in seen))
    return fitted(f"tof:{folder / 'zones.csv'}", metres, relative)


def pair(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three walls: left and right image, and the left one's disparity."""
    noise = rng.normal(size=(120, 320, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.2) + cv2.GaussianBlur(noise, (0, 0), 4.0) * 3
    texture = cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    shifts = np.sort(rng.choice(np.arange(4, 40), 3, replace=False))
    truth = np.repeat(shifts, 40)[:, None] * np.ones((1, 240))
    right = np.concatenate([texture[40 * i : 40 * i + 40, s : s + 240] for i, s in enumerate(shifts)])
    return texture[:, :240].copy(), right, truth.astype(np.float32)


def disparity(rng: np.random.Generator, folder: Path) -> tuple[float, Told]:
    """Disparity as other programs store it: scale, sign, mark of the unknown, file and type of number."""
    left, right, truth = pair(rng)
    kind = pick(rng, ("px", "px", "px", "sixteenths", "negative", "depth", "1/256", "half size", "share of the width"))
    factor = {"sixteenths": 16.0, "1/256": 256.0, "negative": -1.0, "half size": 0.5, "share of the width": 1 / 240}
    values = 30.0 / truth if kind == "depth" else truth * factor.get(kind, 1.0)
    suffix = pick(rng, (".pfm", ".npy", ".png")) if (values >= 0).all() else pick(rng, (".pfm", ".npy"))
    hidden = rng.random(truth.shape) < rng.uniform(0.0, 0.3)
    mark = 0.0 if suffix == ".png" else pick(rng, (np.nan, np.inf, 3.4028235e38, 65535.0, -1.0, 1e31))
    written = np.where(hidden, mark, values)
    path = folder / f"given{suffix}"
    if suffix == ".pfm":
        write_pfm(path, written.astype(np.float32))
    elif suffix == ".png":
        steps = np.clip(np.rint(written * pick(rng, (256.0, 1.0, 16.0))), 0, 65535)
        cv2.imwrite(str(path), steps.astype(np.uint16))
    else:
        number = np.int16 if kind == "sixteenths" and mark == -1.0 else pick(rng, (np.float32, np.float64))
        np.save(path, written.astype(number))
    read = read_disparity(path)
    found, notes = in_pixels(DisparityMap(read.disparity, read.valid), left, right)
    if found.valid[hidden].any():
        return np.inf, (*read.notes, *notes)
    return float(np.median(np.abs(found.disparity / truth - 1.0)[found.valid])), (*read.notes, *notes)


def oriented(pixels: np.ndarray, tag: int) -> np.ndarray:
    """The stored image whose orientation tag makes it these pixels."""
    stored = pixels[:, ::-1] if tag in (2, 3, 6, 7) else pixels
    stored = stored[::-1] if tag in (3, 4, 7, 8) else stored
    return stored.transpose(1, 0, 2) if tag >= 5 else stored


def tiff(pixels: np.ndarray, tag: int, order: str, planar: bool) -> bytes:
    """An uncompressed TIFF of one strip, or one for each colour."""
    height, width, colours = pixels.shape
    samples = pixels.astype(pixels.dtype.newbyteorder(order))
    strips = [samples[..., i].tobytes() for i in range(colours)] if planar else [samples.tobytes()]
    bits, at = pixels.dtype.itemsize * 8, 8 + 2 + 10 * 12 + 4
    counts = [len(strip) for strip in strips]
    places = [at + 6 + 8 * len(strips) + sum(counts[:i]) for i in range(len(strips))]
    longs = struct.pack(f"{order}{2 * len(strips)}I", *places, *counts)
    offsets = (at + 6, at + 6 + 4 * len(strips)) if planar else (places[0], counts[0])
    entries = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, at), (262, 3, 1, 2)]
    entries += [(273, 4, len(strips), offsets[0]), (274, 3, 1, tag), (277, 3, 1, 3), (278, 3, 1, height)]
    entries += [(279, 4, len(strips), offsets[1]), (284, 3, 1, 2 if planar else 1)]
    directory = struct.pack(f"{order}H", len(entries))
    for number, kind, count, value in entries:
        short = kind == 3 and count == 1
        directory += struct.pack(f"{order}HHI" + ("HH" if short else "I"), number, kind, count, value, *([0] * short))
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    return head + directory + bytes(4) + struct.pack(f"{order}3H", bits, bits, bits) + longs + b"".join(strips)


def image(rng: np.random.Generator, folder: Path) -> tuple[float, Told]:
    """A photograph in any storage: format, depth, orientation, byte order, planes."""
    size = (int(rng.integers(20, 60)), int(rng.integers(20, 60)))
    smooth = cv2.resize(rng.integers(0, 256, (5, 5, 3)).astype(np.uint8), size, interpolation=cv2.INTER_CUBIC)
    pixels = cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX)
    bits, suffix = pick(rng, (8, 8, 10, 12, 14, 16)), pick(rng, (".png", ".tif", ".ppm", ".bmp", ".webp", ".jpg"))
    path, tag = folder / f"photograph{suffix}", 1
    deep = np.rint(pixels / 255.0 * (2**bits - 1)).astype(np.uint16)
    samples = pixels if bits == 8 or suffix in (".bmp", ".webp", ".jpg") else deep
    if suffix == ".tif":
        tag = int(rng.integers(1, 9))
        path.write_bytes(tiff(oriented(samples, tag), tag, pick(rng, "<>"), bool(rng.random() < 0.5)))
    else:
        options = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == ".webp" else []
        cv2.imwrite(str(path), samples[..., ::-1], options)
    read = read_image(path)
    if read.pixels.shape != pixels.shape:
        return np.inf, read.notes
    return float(np.abs(read.pixels.astype(float) - pixels).mean()) / 255.0, read.notes


def frames(rng: np.random.Generator, folder: Path) -> tuple[float, Told]:
    """Recordings of two cameras with frames dropped on either side, under many customs of naming."""
    count, custom = int(rng.integers(3, 14)), pick(rng, ("equal", "sides", "padded", "times", "unlike"))
    start = int(rng.integers(10**17, 10**18))
    number_of = dict[Path, int]()
    for side, word in (("a", "left"), ("b", "right")):
        (folder / side).mkdir()
        for index in sorted(rng.choice(count, int(rng.integers(max(1, count - 3), count + 1)), replace=False)):
            late = int(rng.normal(0.0, 2e6)) if custom == "times" else 0
            names = {
                "equal": f"{index}.png",
                "sides": f"{word}_{index}.png",
                "padded": f"img{index:05d}_{word[0].upper()}.png",
                "times": f"{start + index * 50_000_000 + late}.png",
                "unlike": f"{word}view-{index + (side == 'b') * 1000}.png",
            }
            path = folder / side / names[custom]
            path.touch()
            number_of[path] = int(index)
    found = search_pairs(str(folder / "a"), str(folder / "b"))
    others = sum(number_of[each.left] != number_of[each.right] for each in found.pairs if each.right is not None)
    return float(others), found.notes


KINDS: dict[str, Callable[[np.random.Generator, Path], tuple[float, Told]]] = {
    "calibrations": calibration,
    "points": points,
    "time-of-flight zones": zones,
    "disparities": disparity,
    "images": image,
    "frames": frames,
}


def outcome(kind: str, seed: int) -> Outcome:
    """What becomes of the variant of this number."""
    rng = np.random.default_rng([list(KINDS).index(kind), seed])
    with tempfile.TemporaryDirectory() as folder:
        try:
            off, notes = KINDS[kind](rng, Path(folder))
        except LeadlineError as error:
            return "refused" if "\n" not in str(error) else "WRONG"
    if off <= TOLERANCE:
        return "right"
    return "told" if notes else "WRONG"


def silent_errors(*, count: int = 10_000, seed: int = 0) -> int:
    """Tries random variants of every kind.

    Args:
        count: How many altogether.
        seed: The first one's number.
    """
    start, each = time.perf_counter(), -(-count // len(KINDS))
    table = Table(title=f"{each * len(KINDS)} random variants, right within {TOLERANCE:.0%}")
    names = ("right", "told", "refused", "WRONG")
    for column in ("kind", *names):
        table.add_column(column, justify="left" if column == "kind" else "right")
    wrong = list[str]()
    for kind in KINDS:
        found = {number: outcome(kind, number) for number in range(seed, seed + each)}
        counts = Counter(found.values())
        table.add_row(kind, *(str(counts[name]) for name in names))
        wrong += [f"{kind} {number}" for number, name in found.items() if name == "WRONG"]
    Console().print(table)
    print(f"{len(wrong)} silently wrong in {time.perf_counter() - start:.0f} s", *wrong[:20], sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(cyclopts.run(silent_errors))
