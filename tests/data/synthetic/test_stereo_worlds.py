"""The further worlds: as exact and as repeatable as the first ones."""

import numpy as np
import pytest

from leadline.data.synthetic.stereo import render_stereo
from leadline.data.synthetic.stereo_worlds import further_scene
from leadline.data.synthetic.textures import TextureBank

SIZE = (96, 192)
#: Seeds of one scene each of some kinds.
SEEDS = {50001: "boards", 50003: "furnished street", 50004: "swarm", 50006: "furnished room"}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_gives_the_same_world_again(household: TextureBank, seed: int) -> None:
    one, other = (further_scene(seed, household) for _ in range(2))
    assert one.name == SEEDS[seed]
    assert 8.0 <= one.largest_disparity_px <= 190.0
    assert np.array_equal(one.vertices, other.vertices)
    assert np.array_equal(one.looks, other.looks)


def test_pair_of_a_furnished_room_agrees_with_its_truth(household: TextureBank) -> None:
    sample, rig = render_stereo(50006, SIZE, sensor=False, highlights=False, bank=household, worlds="further")
    assert rig.world == "furnished room"
    columns = np.broadcast_to(np.arange(SIZE[1]), SIZE)
    landing = np.rint(columns - sample.disparity).astype(int)
    seen = sample.valid & ~sample.occluded & (landing >= 0)
    rows = np.broadcast_to(np.arange(SIZE[0])[:, None], SIZE)
    difference = np.abs(sample.left[seen].astype(float) - sample.right[rows[seen], landing[seen]]).mean(axis=1)
    assert np.median(difference) < 4.0
    assert seen.mean() > 0.7


def test_the_first_worlds_are_as_they_were() -> None:
    first, further = (render_stereo(50006, (64, 128), worlds=worlds)[1].world for worlds in ("first", "further"))
    assert first != further
