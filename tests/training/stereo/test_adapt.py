"""Adapting: it mends what is off, and keeps what is right."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from leadline.data.stereo.pairs import StereoPairs
from leadline.errors import InputError
from leadline.io.pair_files import PairFiles
from leadline.models.stereo import StereoInference, StereoPrediction
from leadline.training.stereo.adapt import AdaptOptions, _split, adapt, guard_score, load_trainable

SHIFT_PX = 7


class Everywhere(nn.Module):
    """A network that knows one disparity."""

    max_disparity = 64
    input_stride = 4

    def __init__(self, disparity_px: float) -> None:
        super().__init__()
        self.px = nn.Parameter(torch.tensor(disparity_px))

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> StereoPrediction:
        return StereoPrediction(self.px.expand(left.shape[0], 1, *left.shape[2:]))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[PairFiles]:
    """Five pairs at a disparity of 7 px."""
    folder = tmp_path_factory.mktemp("pairs")
    found: list[PairFiles] = []
    for index in range(5):
        noise = np.random.default_rng(index).normal(size=(48, 80 + SHIFT_PX, 3))
        smooth = sum(s * cv2.GaussianBlur(noise, (0, 0), s) for s in (1.0, 3.0))
        texture = (255.0 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)
        left, right = folder / f"l{index}.png", folder / f"r{index}.png"
        assert cv2.imwrite(str(left), texture[:, :80])
        assert cv2.imwrite(str(right), texture[:, SHIFT_PX:])
        found.append(PairFiles(left.stem, left, right))
    return found


def test_the_guard_knows_the_right_disparity(files: list[PairFiles]):
    pairs = StereoPairs(files)
    right, near, off = (guard_score(StereoInference(Everywhere(px)), pairs) for px in (7.0, 6.0, 2.0))
    assert right < near < off


def test_hiding_everything_is_no_way_past_the_guard(files: list[PairFiles]):
    assert guard_score(StereoInference(Everywhere(500.0)), StereoPairs(files)) == pytest.approx(0.5)


def test_a_network_that_is_off_is_mended(files: list[PairFiles], tmp_path: Path):
    old = StereoInference(Everywhere(9.0))  # which says 6 px, near enough, where it sees an image 1.5 times larger
    adapted = adapt(old, files, AdaptOptions(steps=60, learning_rate=0.1, checks=2, rehearsed=0), tmp_path)
    assert adapted.improved
    assert list(adapted.scores) == [30, 60]
    assert min(adapted.scores.values()) < adapted.before
    assert float(adapted.inference.model.get_parameter("px").detach()) == pytest.approx(SHIFT_PX, abs=0.5)
    assert float(old.model.get_parameter("px").detach()) == 9.0
    assert (len(adapted.learned), adapted.held_back) == (4, (str(files[2].left),))


def test_a_network_that_would_get_worse_stays_as_it_was(files: list[PairFiles], tmp_path: Path):
    old = StereoInference(Everywhere(float(SHIFT_PX)))
    adapted = adapt(old, files, AdaptOptions(steps=2, learning_rate=5.0, checks=2, rehearsed=1), tmp_path)
    assert not adapted.improved
    assert adapted.inference is old
    assert min(adapted.scores.values()) > adapted.before


def test_judges_are_spread_over_the_recording():
    assert _split(10, AdaptOptions(holdout=0.2)) == ([0, 1, 3, 4, 5, 6, 8, 9], [2, 7])
    assert _split(2, AdaptOptions(holdout=0.9)) == ([0], [1])
    with pytest.raises(InputError, match="at least 2 pairs, one of them to judge by, got 1"):
        _split(1, AdaptOptions())


def test_one_image_twice_is_refused(files: list[PairFiles], tmp_path: Path):
    twice = [files[0], PairFiles("twice", files[1].left, files[1].left)]
    with pytest.raises(InputError, match="got one image twice"):
        adapt(StereoInference(Everywhere(7.0)), twice, AdaptOptions(), tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "checks of at least 1, got 0"),
        ({"holdout": 1.0}, "holdout between 0 and 1"),
        ({"learning_rate": 0.0}, "positive learning rate"),
        ({"rehearsed": -1}, "rehearsed pairs of at least 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, float], message: str):
    with pytest.raises(InputError, match=message):
        AdaptOptions(**options)


def test_only_networks_that_can_be_trained_on_are_taken(tmp_path: Path):
    assert load_trainable("leadline-accurate").max_disparity == 137
    assert load_trainable("leadline-fast").max_disparity == 192
    with pytest.raises(InputError, match="got 'nobody'"):
        load_trainable("nobody")
    with pytest.raises(InputError, match="expected a checkpoint at"):
        load_trainable(str(tmp_path / "none.ckpt"))
