"""Augmentation and the stream of single images with depth."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from leadline.data.mono.augment import MonoAugmentation, augment_mono, photometric
from leadline.data.mono.shards import DepthShards, write_depth_shard
from leadline.data.mono.stream import mono_stream, to_tensors
from leadline.data.stream import Stream
from leadline.maps import DepthMap
from leadline.samples import DepthSample

STILL = MonoAugmentation(
    crop=(48, 64),
    scale=(1.0, 1.0),
    log2_stretch=0.0,
    flip=0.0,
    tone=0.0,
    grey=0.0,
    saturation=0.0,
    blur=0.0,
    noise=0.0,
    jpeg=0.0,
)


def ramp(key: str = "ramp", first: float = 1.0) -> DepthSample:
    """Red and depth tell the column, green the row; the top rows are sky."""
    rows, columns = np.mgrid[:48, :64]
    image = np.stack([columns * 2, rows * 2, np.full_like(rows, 9)], axis=-1).astype(np.uint8)
    valid = rows >= 4
    return DepthSample(key, image, DepthMap((first + columns).astype(np.float32), valid, "metric"))


def test_without_options_nothing_changes():
    sample = augment_mono(ramp(), STILL, np.random.default_rng(0))
    np.testing.assert_array_equal(sample.image, ramp().image)
    np.testing.assert_array_equal(sample.depth, ramp().depth)
    np.testing.assert_array_equal(sample.valid, ramp().valid)


def test_a_mirror_turns_image_and_truth():
    sample = augment_mono(ramp(), replace(STILL, flip=1.0), np.random.default_rng(0))
    np.testing.assert_array_equal(sample.image, ramp().image[:, ::-1])
    np.testing.assert_array_equal(sample.depth, ramp().depth[:, ::-1])


def test_image_and_truth_are_cut_from_the_same_window():
    for seed in range(5):
        options = replace(STILL, scale=(0.6, 0.9), log2_stretch=0.2, crop=(96, 128))
        sample = augment_mono(ramp(), options, np.random.default_rng(seed))
        assert sample.image.shape == (96, 128, 3)
        seen_column = sample.image[..., 0] / 2.0
        assert np.abs(seen_column - (sample.depth - 1.0)).max() <= 1.0
        # Of 64 columns at least 0.6 less what the stretch takes, at most 0.9 of them.
        assert 64 * 0.6 * 2**-0.2 - 2 < np.ptp(sample.depth) + 1 <= 64 * 0.9 + 1


@pytest.mark.parametrize("name", ["tone", "saturation", "blur", "noise", "jpeg"])
def test_light_and_camera_change_the_image_alone(name):
    noisy = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    assert not np.array_equal(photometric(noisy, replace(STILL, **{name: 1.0}), np.random.default_rng(0)), noisy)
    sample = augment_mono(ramp(), replace(STILL, **{name: 1.0}), np.random.default_rng(0))
    np.testing.assert_array_equal(sample.depth, ramp().depth)


def test_grey_has_equal_channels():
    grey = photometric(ramp().image, replace(STILL, grey=1.0), np.random.default_rng(0))
    assert (grey == grey[..., :1]).all()


def test_inverse_depth_is_zero_where_nothing_is_known():
    tensors = to_tensors(ramp())
    assert tensors["inverse_depth"][10, 3] == 0.25
    assert (tensors["inverse_depth"][:4] == 0).all()
    assert tensors["inverse_depth"].dtype == torch.float32


@pytest.fixture
def sources(tmp_path: Path) -> list[DepthShards]:
    """Three samples at 1, 2 and 3 m in one folder, two at 101 and 102 m in another."""
    write_depth_shard(tmp_path / "a" / "a.tar", [(ramp(f"a{k}", 1.0 + k), {}) for k in range(3)])
    write_depth_shard(tmp_path / "b" / "b.tar", [(ramp(f"b{k}", 101.0 + k), {}) for k in range(2)])
    return [DepthShards(tmp_path / name) for name in "ab"]


def firsts(stream: Stream) -> list[int]:
    """Depth in the first column tells which sample it is."""
    return [round(float(1.0 / stream[n]["inverse_depth"][10, 0])) for n in range(len(stream))]


def test_one_source_is_read_whole_before_it_comes_again(sources):
    seen = firsts(mono_stream(sources[:1], [1.0], STILL, 5, 0, 6))
    assert sorted(seen[:3]) == sorted(seen[3:]) == [1, 2, 3]


def test_a_sample_depends_on_its_number_alone(sources):
    whole = mono_stream(sources, [1.0, 2.0], MonoAugmentation(crop=(48, 64)), 5, 0, 8)
    rest = mono_stream(sources, [1.0, 2.0], MonoAugmentation(crop=(48, 64)), 5, 5, 3)
    for index in range(3):
        for name, value in rest[index].items():
            assert torch.equal(whole[5 + index][name], value)


def test_sources_are_drawn_by_their_shares(sources):
    seen = firsts(mono_stream(sources, [1.0, 3.0], STILL, 5, 0, 200))
    # 150 expected; four standard deviations of sqrt(200 * 3 / 16) = 6.1.
    assert abs(sum(first > 50 for first in seen) - 150) < 25
