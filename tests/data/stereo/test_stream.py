"""The stream of training samples: number n is a pure function of the seed and n."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from leadline.data.stereo.augment import StereoAugmentation
from leadline.data.stereo.prior import PriorStream
from leadline.data.stereo.shards import StereoShards, write_stereo_shard
from leadline.data.stereo.stream import stereo_stream
from leadline.data.stream import Stream
from leadline.maps import DisparityMap
from leadline.runtime.prior import sgbm_prior
from leadline.samples import StereoSample

PLAIN = StereoAugmentation(
    crop=(32, 48),
    log2_scale=(0.0, 0.0),
    log2_stretch=0.0,
    flip_views=0.0,
    flip_rows=0.0,
    photometric=0.0,
    asymmetric=0.0,
    erase=0.0,
)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> StereoShards:
    """Five samples; the value of its pixels tells a sample."""
    path = tmp_path_factory.mktemp("shards") / "a.tar"
    samples = []
    for index in range(5):
        image = np.full((32, 48, 3), 10 * index, np.uint8)
        disparity, known = np.full((32, 48), 4.0, np.float32), np.ones((32, 48), bool)
        samples.append((StereoSample(f"k{index}", image, image, DisparityMap(disparity, known), ~known), {}))
    write_stereo_shard(path, samples)
    return StereoShards([path])


def seen(stream: Stream) -> list[int]:
    return [int(stream[i]["left"][0, 0, 0]) // 10 for i in range(len(stream))]


def test_every_sample_comes_once_a_turn_in_a_new_order(shards: StereoShards):
    turns = np.array(seen(stereo_stream([shards], [1.0], PLAIN, 1, 0, 20))).reshape(4, 5)
    assert all(sorted(turn) == [0, 1, 2, 3, 4] for turn in turns.tolist())
    assert len({tuple(turn) for turn in turns.tolist()}) > 1


def test_resumed_epoch_yields_the_samples_of_the_uninterrupted_stream(shards: StereoShards):
    options = StereoAugmentation(crop=(24, 32))
    whole = stereo_stream([shards], [1.0], options, 7, 0, 9)
    later = stereo_stream([shards], [1.0], options, 7, 6, 3)
    for index in range(3):
        for name, value in later[index].items():
            assert torch.equal(value, whole[6 + index][name])


def test_the_seed_decides_the_order(shards: StereoShards):
    assert seen(stereo_stream([shards], [1.0], PLAIN, 1, 0, 20)) != seen(
        stereo_stream([shards], [1.0], PLAIN, 2, 0, 20)
    )


def test_a_mixture_is_drawn_by_weight_and_by_number_alone(shards: StereoShards):
    class Whites:
        """Three samples that no shard has."""

        def __len__(self) -> int:
            return 3

        def key(self, index: int) -> str:
            return f"white-{index}"

        def __getitem__(self, index: int) -> StereoSample:
            sample = shards[0]
            return replace(sample, left=np.full_like(sample.left, 100 + 10 * index))

    def mixed(start: int, count: int) -> list[int]:
        return seen(stereo_stream([shards, Whites()], (1.0, 3.0), PLAIN, 4, start, count))

    drawn = mixed(0, 400)
    white = [number for number in drawn if number >= 10]
    assert 0.69 < len(white) / 400 < 0.81  # 0.75 with a deviation of 0.022
    assert set(drawn) == {0, 1, 2, 3, 4, 10, 11, 12}
    assert mixed(390, 10) == drawn[390:]


@pytest.mark.parametrize("enlarge", [1.0, 1.5])
def test_prior_is_matched_in_smaller_images_and_scaled_to_the_larger(tmp_path: Path, enlarge: float):
    rng = np.random.default_rng(0)
    texture = np.kron(rng.integers(0, 256, (30, 73), dtype=np.uint8), np.ones((3, 3), np.uint8))[..., None].repeat(3, 2)
    left, right = (np.ascontiguousarray(view) for view in (texture[:, :-27], texture[:, 27:]))
    truth, known = np.full(left.shape[:2], 27.0, np.float32), np.ones(left.shape[:2], bool)
    write_stereo_shard(tmp_path / "a.tar", [(StereoSample("k", left, right, DisparityMap(truth, known), ~known), {})])
    plain = replace(PLAIN, crop=truth.shape)
    stream = stereo_stream([StereoShards([tmp_path / "a.tar"])], [1.0], plain, 1, 6, 4)
    guided = PriorStream(stream, 6, 3, 60, enlarge)
    *alone, sample = (guided[index] for index in range(4))
    assert not any("prior" in other for other in alone)  # numbers 6 to 8 are the third batch
    assert sample["prior"].shape == truth.shape
    assert sample["prior_valid"].dtype == torch.bool
    seen = sample["prior_valid"].numpy()
    assert seen[:, 60:].mean() > 0.9
    assert np.abs(sample["prior"].numpy() - truth)[seen].mean() < 0.3
    if enlarge == 1.0:
        found, valid = sgbm_prior(left, right, 60)
        np.testing.assert_array_equal(sample["prior"].numpy(), found)
        np.testing.assert_array_equal(seen, valid > 0)
