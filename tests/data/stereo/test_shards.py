"""Stereo samples in shards: what is written comes back exactly."""

from pathlib import Path

import numpy as np

from leadline.data.stereo.shards import StereoShards, write_stereo_shard
from leadline.maps import DisparityMap
from leadline.samples import StereoSample


def sample(seed: int) -> StereoSample:
    rng = np.random.default_rng(seed)
    left, right = rng.integers(0, 256, (2, 12, 20, 3), np.uint8)
    disparity, right_disparity = (rng.integers(1, 255 * 256, (2, 12, 20)) / 256).astype(np.float32)
    valid, right_valid, hidden, right_hidden = rng.random((4, 12, 20)) < 0.5
    truth, right_truth = DisparityMap(disparity, valid), DisparityMap(right_disparity, right_valid)
    return StereoSample(f"k{seed}", left, right, truth, hidden, right_truth, right_hidden)


def test_samples_come_back_exactly_in_any_order(tmp_path: Path) -> None:
    written = [sample(i) for i in range(5)]
    write_stereo_shard(tmp_path / "a.tar", [(s, {"seed": i}) for i, s in enumerate(written[:3])])
    write_stereo_shard(tmp_path / "b.tar", [(s, {"seed": i + 3}) for i, s in enumerate(written[3:])])
    reader = StereoShards(tmp_path)
    assert len(reader) == 5
    for i in (4, 0, 2, 3, 1):
        back, truth = reader[i], written[i]
        assert reader.key(i) == back.key == f"k{i}"
        assert reader.notes(i) == {"seed": i}
        for name in ("left", "right", "valid", "occluded", "right_occluded"):
            np.testing.assert_array_equal(getattr(back, name), getattr(truth, name))
        np.testing.assert_array_equal(back.disparity[truth.valid], truth.disparity[truth.valid])
        assert back.right_truth is not None
        np.testing.assert_array_equal(back.right_truth.valid, truth.right_truth.valid)
    assert StereoShards(tmp_path, right_truth=False)[0].right_truth is None


def test_a_disparity_of_zero_stays_known(tmp_path: Path) -> None:
    zero = np.zeros((4, 6), np.float32)
    image, known = np.zeros((4, 6, 3), np.uint8), np.ones((4, 6), bool)
    write_stereo_shard(tmp_path / "a.tar", [(StereoSample("k", image, image, DisparityMap(zero, known), ~known), {})])
    back = StereoShards([tmp_path / "a.tar"])[0]
    assert back.valid.all()
    assert back.disparity.max() <= 1 / 256
    assert back.right_truth is None
