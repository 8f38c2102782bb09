"""Depth samples in shards: images exactly, depth within its stated error."""

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leadline.data.mono.shards import DepthShards, decode_depth, encode_depth, write_depth_shard
from leadline.errors import InputError
from leadline.geometry.camera import Pinhole
from leadline.maps import DepthMap
from leadline.samples import DepthSample


def sample(seed: int) -> DepthSample:
    rng = np.random.default_rng(seed)
    depth = np.exp(rng.uniform(np.log(0.05), np.log(1000.0), (12, 20))).astype(np.float32)
    camera = Pinhole(200.0 + seed, 200.0 + seed, 9.5, 5.25, 12, 20)
    image = rng.integers(0, 256, (12, 20, 3), np.uint8)
    return DepthSample(f"k{seed}", image, DepthMap(depth, rng.random((12, 20)) < 0.7, "metric"), camera)


def test_samples_come_back_in_any_order(tmp_path: Path) -> None:
    written = [sample(i) for i in range(4)]
    write_depth_shard(tmp_path / "a.tar", [(s, {"world": f"w{i}"}) for i, s in enumerate(written[:3])])
    write_depth_shard(tmp_path / "b.tar", [(replace(written[3], camera=None), {})])
    shards = DepthShards(tmp_path)
    assert len(shards) == 4
    for i in (3, 0, 2, 1):
        back, truth = shards[i], written[i]
        assert shards.key(i) == back.key == f"k{i}"
        assert back.annotation == "metric"
        np.testing.assert_array_equal(back.image, truth.image)
        np.testing.assert_array_equal(back.valid, truth.valid)
        np.testing.assert_allclose(back.depth[truth.valid], truth.depth[truth.valid], rtol=1e-4)
        assert np.isfinite(back.depth).all()
    assert [shards[i].camera for i in range(4)] == [s.camera for s in written[:3]] + [None]
    assert [shards.notes(i) for i in (1, 3)] == [{"world": "w1"}, {}]


def test_depth_codes_run_from_the_first_to_the_last_over_the_range() -> None:
    # The middle code is the geometric mean: sqrt(0.05 * 1000) = sqrt(50) m.
    depth = np.array([[0.05, 1000.0, np.sqrt(50.0), 0.01, 5000.0, np.nan]], np.float32)
    valid = np.array([[True, True, True, True, True, False]])
    code = encode_depth(depth, valid)
    assert code.tolist() == [[1, 65535, 32768, 1, 65535, 0]]
    back, known = decode_depth(code)
    np.testing.assert_allclose(back[0, :3], [0.05, 1000.0, np.sqrt(50.0)], rtol=1e-6)
    np.testing.assert_array_equal(known, valid)


@pytest.mark.parametrize("kind", ["up_to_scale", "affine_depth"])
def test_only_metric_depth_and_inverse_depth_are_taken(tmp_path: Path, kind: str) -> None:
    with pytest.raises(InputError, match=rf"expected metric depth or affine_inverse.*{kind}"):
        write_depth_shard(tmp_path / "a.tar", [(replace(sample(0), truth=replace(sample(0).truth, kind=kind)), {})])
    assert not list(tmp_path.iterdir())


def test_inverse_depth_comes_back_with_its_sign(tmp_path: Path) -> None:
    values = np.linspace(-20.0, 45.0, 240, dtype=np.float32).reshape(12, 20)
    truth = DepthMap(values, sample(0).valid, "affine_inverse")
    nothing = DepthMap(values, np.zeros((12, 20), bool), "affine_inverse")
    written = [replace(sample(n), truth=one, camera=None) for n, one in enumerate((truth, nothing))]
    write_depth_shard(tmp_path / "a.tar", [(one, {"frame": 7}) for one in written])
    shards = DepthShards(tmp_path)
    back = shards[0]
    assert (shards.annotation, back.annotation, shards.notes(0)) == ("affine_inverse", "affine_inverse", {"frame": 7})
    np.testing.assert_array_equal(back.valid, truth.valid)
    # 65 px in 65534 steps.
    np.testing.assert_allclose(back.depth[truth.valid], values[truth.valid], atol=0.5 * 65 / 65534 + 1e-5)
    assert not shards[1].valid.any()


def test_inverse_depth_without_its_unit_is_refused(tmp_path: Path) -> None:
    from leadline.data.shards import encode_png
    from leadline.io.shards import write_shard

    files = {
        "image.png": encode_png(sample(0).image), "depth.png": encode_png(np.ones((12, 20), np.uint16)),
        "json": b'{"depth_code": "affine-inverse-linear", "least": 1.0}',
    }  # fmt: skip
    write_shard(tmp_path / "a.tar", [("k", files)])
    with pytest.raises(InputError, match="expected least and step beside inverse depth"):
        DepthShards(tmp_path)[0]


def test_a_key_with_a_dot_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"without a dot, got 'a\.b'"):
        write_depth_shard(tmp_path / "a.tar", [(replace(sample(0), key="a.b"), {})])


def test_damaged_images_are_told(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, content in (("image.png", b"x"), ("depth.png", b"x"), ("json", b'{"camera": null, "notes": {}}')):
            entry = tarfile.TarInfo(f"k.{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    with pytest.raises(InputError, match="damaged bytes"):
        DepthShards(tmp_path)[0]
