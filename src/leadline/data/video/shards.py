"""Sequences of frames in shards.

A sample is ``frame-000.png``, ``frame-001.png`` and so on, and beside each frame what is known of it:
``right-000.png``, ``depth-000.png`` (see ``encode_depth``), ``forward-000.png`` and ``backward-000.png`` (KITTI's code
for flow, towards the next frame and from it), ``masks-000.png`` (bit 0 for what moves by itself, bit 1 for what the
next frame does not show, bit 2 for what the frame before does not show) and ``json``: under "camera" the pinhole, under
"baseline_m" and "first_from_frame" baseline and poses (null where they are unknown), under "notes" whatever the writer
adds.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from leadline.data.mono.shards import camera_of, decode_depth, encode_depth
from leadline.data.shards import NamedSample, Shards, decode_json, decode_png, decode_rgb, encode_png
from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.io.kitti_flow_png import decode_flow, encode_flow, parse_kitti_flow
from leadline.io.remote import is_remote
from leadline.io.shards import ShardReader, write_shard
from leadline.maps import DepthMap, FlowMap
from leadline.samples import DepthSample, SequenceSample, VideoSample

FIRST_FRAME: Final = "frame-000.png"
_MOVING, _HIDDEN_AFTER, _HIDDEN_BEFORE = 1, 2, 4


def write_sequence_shard(path: Path, samples: Iterable[tuple[SequenceSample, dict[str, object]]]) -> None:
    """Writes sequences, each with notes, to a shard that appears only when it is complete.

    Args:
        path: The shard; its folder is made if need be.
        samples: Sequences, whose keys hold no dot, with notes that JSON can hold.
    Raises:
        InputError: If depth is not metric.
        OutputError: If the shard cannot be written.
    Example:
        >>> import tempfile
        >>> frame = np.zeros((2, 3, 3), np.uint8)
        >>> sample = SequenceSample("a", (frame, frame, frame), Pinhole(9.0, 9.0, 1.0, 0.5, 2, 3))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_sequence_shard(Path(folder, "0.tar"), [(sample, {"seed": 1})])
        ...     len(SequenceShards(folder)[0].frames), len(ShardTriplets(folder))
        (3, 1)
    """
    write_shard(path, ((sample.key, dict(_files(sample, notes))) for sample, notes in samples))


def _files(sample: SequenceSample, notes: dict[str, object]) -> Iterator[tuple[str, bytes]]:
    if other := [depth.kind for depth in sample.depths if depth.kind != "metric"]:
        raise InputError(f"expected metric depth for a shard, got {other[0]} ({sample.key}); leave it out")
    for number, image in enumerate(sample.frames):
        yield _name("frame", number), encode_png(image[..., ::-1])
        if sample.rights:
            yield _name("right", number), encode_png(sample.rights[number][..., ::-1])
        if sample.depths:
            depth = sample.depths[number]
            yield _name("depth", number), encode_png(encode_depth(depth.depth, depth.valid))
        for stem, flows in (("forward", sample.forward), ("backward", sample.backward)):
            if number < len(flows):
                yield _name(stem, number), encode_png(encode_flow(flows[number].flow, flows[number].valid)[..., ::-1])
        if sample.moving:
            yield _name("masks", number), encode_png(_masks(sample, number))
    poses = sample.first_from_frame
    values = {
        "camera": asdict(sample.camera),
        "baseline_m": sample.baseline_m,
        "first_from_frame": None if poses is None else poses.tolist(),
        "notes": notes,
    }
    yield "json", json.dumps(values, sort_keys=True).encode()


def _masks(sample: SequenceSample, number: int) -> np.ndarray:
    masks = _MOVING * sample.moving[number].astype(np.uint8)
    if number < len(sample.hidden_after):
        masks |= _HIDDEN_AFTER * sample.hidden_after[number].astype(np.uint8)
    if 0 < number <= len(sample.hidden_before):
        masks |= _HIDDEN_BEFORE * sample.hidden_before[number - 1].astype(np.uint8)
    return masks


def _name(stem: str, number: int) -> str:
    return f"{stem}-{number:03d}.png"


@final
class SequenceShards(Shards[SequenceSample]):
    """Random access to the sequences of a folder of shards, or of given shard files, with all their truth."""

    def _names(self, present: tuple[str, ...]) -> list[str]:
        return list(dict.fromkeys([FIRST_FRAME, *present, "json"]))

    def _notes(self, values: Mapping[str, Any]) -> dict[str, object]:
        return _notes(values)

    def _decoded(self, found: Mapping[str, bytes], key: str) -> SequenceSample:
        values = decode_json(found["json"])
        frames = [decode_rgb(content) for content in _layers(found, "frame")]
        rights = [decode_rgb(content) for content in _layers(found, "right")]
        depths = [decode_depth(decode_png(content, np.uint16)) for content in _layers(found, "depth")]
        flows = {
            stem: [FlowMap(*decode_flow(parse_kitti_flow(content, stem))) for content in _layers(found, stem)]
            for stem in ("forward", "backward")
        }
        masks = [decode_png(content, np.uint8) for content in _layers(found, "masks")]
        after = [(each & _HIDDEN_AFTER) > 0 for each in masks[:-1]] if flows["forward"] else []
        before = [(each & _HIDDEN_BEFORE) > 0 for each in masks[1:]] if flows["backward"] else []
        camera, baseline_m = _rig(values)
        return SequenceSample(
            key,
            tuple(frames),
            camera,
            tuple(rights),
            baseline_m,
            tuple(DepthMap(depth, valid, "metric") for depth, valid in depths),
            _poses(values.get("first_from_frame")),
            tuple(flows["forward"]),
            tuple(flows["backward"]),
            tuple(after),
            tuple(before),
            tuple((each & _MOVING) > 0 for each in masks),
        )


@final
class ShardTriplets:
    """Each frame of sequences in shards that has a frame before it and one after it, without truth: a `Source`.

    Args:
        source: As for `Shards`.
        stride: Frames between two frames of a sample.
        right: How many right views to read: of no frame, of the target, or of the following frame as well.
    Raises:
        InputError: If no sequence has enough frames, one has no right views to read, or a shard is damaged.
    """

    def __init__(self, source: Path | str | Iterable[Path], stride: int = 1, right: int = 0) -> None:
        self._reader, self._stride, self._right = ShardReader(source), stride, right
        counts = [_count(self._reader.names(index)) for index in range(len(self._reader))]
        self._places = [(index, n) for index, count in enumerate(counts) for n in range(stride, count - stride)]
        if not self._places:
            raise InputError(
                f"expected a sequence of at least {2 * stride + 1} frames for frames {stride} apart in {source}, got "
                f"{max(counts, default=0)}; render them with `leadline render video --frames`, or lower frame_stride"
            )
        if right and not all(_name("right", n) in self._reader.names(index) for index, n in self._places):
            raise InputError(
                f"expected right views in the shards of {source}, got none; render them with `leadline render video "
                "--views stereo`, or learn from one view"
            )

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._places)

    def key(self, index: int, /) -> str:
        """Key of the sequence, and number of the target frame."""
        sequence, number = self._places[index]
        return f"{self._reader.key(sequence)}-{number:03d}"

    def __getitem__(self, index: int, /) -> VideoSample:
        """Reads three frames, and the right views that are wanted.

        Raises:
            InputError: If a file is missing or damaged, or frames differ in size.
        """
        sequence, number = self._places[index]
        around = (number - self._stride, number, number + self._stride)
        names = [_name("frame", n) for n in around] + [_name("right", n) for n in around[1 : 1 + self._right]]
        with NamedSample(self._reader, sequence):
            found = self._reader.read(sequence, [*names, "json"])
            camera, baseline_m = _rig(decode_json(found["json"]))
            previous, target, following, *rights = (decode_rgb(found[name]) for name in names)
            right, later, *_ = (*rights, None, None)
            baseline_m = baseline_m if rights else None
            return VideoSample(self.key(index), previous, target, following, camera, right, baseline_m, later)


@final
class SequenceDepths(Shards[DepthSample]):
    """The middle frame of each sequence in shards with its depth, to validate on: a `Source`."""

    def _names(self, present: tuple[str, ...]) -> list[str]:
        middle = _count(present) // 2
        return [_name("frame", middle), _name("depth", middle), "json"]

    def _notes(self, values: Mapping[str, Any]) -> dict[str, object]:
        return _notes(values)

    def _decoded(self, found: Mapping[str, bytes], key: str) -> DepthSample:
        (image,), (coded,) = _layers(found, "frame"), _layers(found, "depth")
        depth = DepthMap(*decode_depth(decode_png(coded, np.uint16)), "metric")
        return DepthSample(key, decode_rgb(image), depth, _rig(decode_json(found["json"]))[0])


def holds_sequences(place: Path | str) -> bool:
    """Whether a folder or address holds shards of sequences: they are told by their first sample.

    Raises:
        InputError: If a shard is damaged or cannot be fetched.
    """
    if not is_remote(str(place)) and not any(Path(place).glob("*.tar")):
        return False
    reader = ShardReader(place)
    return len(reader) > 0 and FIRST_FRAME in reader.names(0)


def _count(names: tuple[str, ...]) -> int:
    return sum(name.startswith("frame-") for name in names)


def _layers(found: Mapping[str, bytes], stem: str) -> list[bytes]:
    """The files of one kind, in the order of time."""
    return [found[name] for name in sorted(found) if name.startswith(f"{stem}-")]


def _notes(values: Mapping[str, Any]) -> dict[str, object]:
    notes = values.get("notes")
    return notes if isinstance(notes, dict) else {}


def _rig(values: Mapping[str, Any]) -> tuple[Pinhole, float | None]:
    camera, baseline_m = camera_of(values.get("camera")), values.get("baseline_m")
    if camera is None or not (baseline_m is None or type(baseline_m) in (int, float)):
        raise InputError("expected a camera, and a baseline or null, beside a shard's sequence; write it again")
    return camera, None if baseline_m is None else float(baseline_m)


def _poses(values: object) -> np.ndarray | None:
    if values is None:
        return None
    try:
        poses = np.array(values, np.float64)
    except (TypeError, ValueError):
        poses = np.empty(0)
    if poses.ndim != 3 or poses.shape[1:] != (4, 4) or not np.isfinite(poses).all():
        raise InputError("expected poses of 4x4 numbers beside a shard's sequence, got others; write it again")
    return poses
