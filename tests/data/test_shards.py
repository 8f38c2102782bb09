"""Foreign and damaged shards: one line that names the shard, never a traceback and never a wrong number."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from leadline.data.mono.shards import DepthShards, encode_depth, write_depth_shard
from leadline.data.shards import encode_png
from leadline.data.source import Part, Source
from leadline.data.stereo.shards import StereoShards, write_stereo_shard
from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.io.shards import ShardReader, write_shard
from leadline.maps import DepthMap, DisparityMap
from leadline.samples import DepthSample, StereoSample

IMAGE = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
METRES = np.linspace(0.5, 9.0, 48, dtype=np.float32).reshape(6, 8)
KNOWN = np.ones((6, 8), bool)
CAMERA = {
    "focal_x_px": 8.0, "focal_y_px": 8.0, "center_x_px": 3.5, "center_y_px": 2.5, "height": 6, "width": 8,
}  # fmt: skip


def depth_files(**changed: bytes | None) -> dict[str, bytes]:
    values = {"camera": CAMERA, "notes": {}}
    files = {
        "image.png": encode_png(IMAGE),
        "depth.png": encode_png(encode_depth(METRES, KNOWN)),
        "json": json.dumps(values).encode(),
    }
    files |= {name.replace("_png", ".png"): content for name, content in changed.items()}
    return {name: content for name, content in files.items() if content is not None}


def shard(tmp_path: Path, files: dict[str, bytes]) -> Path:
    write_shard(tmp_path / "a.tar", [("k0", files)])
    return tmp_path


def grey(values: np.ndarray) -> bytes:
    return cv2.imencode(".png", values)[1].tobytes()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"depth_png": None}, "depth.png is missing; it is another program's shard"),
        ({"json": None}, "json is missing"),
        ({"json": b"{"}, "expected JSON beside a shard's sample"),
        ({"json": b"[" * 100000}, "expected JSON beside a shard's sample"),
        ({"json": b"\xff\xfe"}, "expected JSON beside a shard's sample"),
        ({"json": b"[]"}, "expected a JSON object beside a shard's sample, got list"),
        ({"json": b'{"camera": [1, 2]}'}, "expected a camera of focal_x_px"),
        ({"json": b'{"camera": {"fx": 1}}'}, "expected a camera of focal_x_px"),
        ({"json": json.dumps({"camera": {**CAMERA, "width": "8"}}).encode()}, "expected a camera of focal_x_px"),
        ({"json": json.dumps({"camera": {**CAMERA, "focal_x_px": -1.0}}).encode()}, "positive focal_x_px"),
        ({"json": json.dumps({"camera": {**CAMERA, "width": 9}}).encode()}, "in the camera; write"),
        (
            {"json": json.dumps({"depth_code": "mm"}).encode()},
            "expected depth_code log-0.05m-1000m in a shard",
        ),
        ({"image_png": b"x"}, "damaged bytes"),
        ({"image_png": grey(IMAGE)[:60]}, "damaged bytes"),
        ({"depth_png": grey(np.zeros((6, 8), np.uint8))}, "a grey PNG of uint16"),
        ({"depth_png": grey(np.zeros((6, 8, 3), np.uint16))}, "a grey PNG of uint16"),
        ({"depth_png": grey(np.full((6, 9), 20000, np.uint16))}, r"\(6, 8\), got \(6, 9\) in depth.png"),
    ],
)
def test_other_depth_shards_are_refused(tmp_path: Path, changed: dict[str, bytes | None], message: str):
    shards = DepthShards(shard(tmp_path, depth_files(**changed)))
    with pytest.raises(InputError, match=message) as told:
        shards[0]
    assert "a.tar" in str(told.value)
    assert "\n" not in str(told.value)


def test_a_shard_without_a_named_code_stays_readable(tmp_path: Path):
    sample = DepthShards(shard(tmp_path, depth_files()))[0]
    np.testing.assert_allclose(sample.depth, METRES, rtol=1e-4)
    assert sample.camera == Pinhole(**CAMERA)


@pytest.mark.parametrize("metres", [METRES, 2.0 + 2.0 * METRES], ids=["room", "street"])
def test_depth_in_millimetres_is_refused_and_named(tmp_path: Path, metres: np.ndarray):
    """The code of 0.5 m is 15242: taken as a code, 500 mm would be 0.054 m."""
    depth = grey((1000 * metres).astype(np.uint16))
    near, far = np.quantile(np.floor(1000 * metres), (0.1, 0.9)) / 1000
    with pytest.raises(InputError, match=f"as millimetres they are {near:.1f} to {far:.1f} m: write the shard with"):
        DepthShards(shard(tmp_path, depth_files(depth_png=depth)))[0]


def test_near_depth_in_a_shard_that_names_its_code_is_taken(tmp_path: Path):
    near = DepthSample("k0", IMAGE, DepthMap(np.full((6, 8), 0.1, np.float32), KNOWN, "metric"))
    write_depth_shard(tmp_path / "a.tar", [(near, {})])
    np.testing.assert_allclose(DepthShards(tmp_path)[0].depth, 0.1, rtol=1e-4)


def test_shards_of_the_other_kind_are_refused(tmp_path: Path):
    stereo = StereoSample("k0", IMAGE, IMAGE, DisparityMap(METRES, KNOWN), ~KNOWN)
    write_stereo_shard(tmp_path / "s" / "a.tar", [(stereo, {})])
    with pytest.raises(InputError, match=r"image.png is missing; it is another program's shard or one of another kind"):
        DepthShards(tmp_path / "s")[0]
    with pytest.raises(InputError, match=r"left.png is missing"):
        StereoShards(shard(tmp_path, depth_files()))[0]


def test_layers_of_another_size_and_bad_bytes_in_a_stereo_shard_are_refused(tmp_path: Path):
    stereo = StereoSample("k0", IMAGE, IMAGE, DisparityMap(METRES, KNOWN), ~KNOWN)
    write_stereo_shard(tmp_path / "whole" / "a.tar", [(stereo, {})])
    reader = ShardReader(tmp_path / "whole")
    whole = reader.read(0, reader.names(0))
    for name, layer, message in (
        ("right.png", encode_png(IMAGE[:5]), r"got \(5, 8\) in right.png"),
        ("occluded.png", encode_png(np.zeros((5, 8), np.uint8)), r"got \(5, 8\) in occluded.png"),
        ("disparity.png", encode_png(IMAGE), "a grey PNG of uint16"),
        ("left.png", b"", "damaged bytes"),
    ):
        write_shard(tmp_path / "a.tar", [("k0", {**whole, name: layer})])
        with pytest.raises(InputError, match=message):
            StereoShards(tmp_path)[0]


def test_a_shard_that_is_cut_off_after_it_was_indexed_is_told(tmp_path: Path):
    shards = DepthShards(shard(tmp_path, depth_files()))
    path = tmp_path / "a.tar"
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(InputError, match="cut off meanwhile"):
        shards[0]
    path.unlink()
    with pytest.raises(InputError, match="could not read it"):
        shards[0]


def test_no_mutation_of_a_shard_gives_a_traceback(tmp_path: Path):
    depth = DepthSample("k0", IMAGE, DepthMap(METRES, KNOWN, "metric"), Pinhole(**CAMERA))
    write_depth_shard(tmp_path / "a.tar", [(depth, {})])
    whole = np.frombuffer((tmp_path / "a.tar").read_bytes(), np.uint8)
    rng, told = np.random.default_rng(0), list[str]()
    for _ in range(1000):
        changed = whole.copy()
        places = rng.integers(0, 3500, int(rng.integers(1, 6)))
        changed[places] = rng.integers(0, 256, len(places))
        (tmp_path / "b.tar").write_bytes(changed.tobytes())
        try:
            shards = DepthShards([tmp_path / "b.tar"])
            for index in range(len(shards)):
                shards[index]
                shards.notes(index)
        except InputError as error:
            told.append(str(error))
    assert len(told) > 500
    assert not any("\n" in message for message in told)


def test_shards_and_their_parts_are_sources(tmp_path: Path):
    shards = DepthShards(shard(tmp_path, depth_files()))
    part = Part(shards, [0, 0])
    assert isinstance(shards, Source)
    assert isinstance(part, Source)
    assert (len(part), part.key(1), part[1].key) == (2, "k0", "k0")
