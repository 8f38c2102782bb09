"""The terms without truth, on pairs whose disparity is known by construction."""

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from leadline.errors import InputError
from leadline.models.stereo import StereoPrediction
from leadline.training.stereo.photometric import (
    PhotometricOptions,
    background_of,
    both_ways,
    matching_cost,
    other_view,
    photometric_terms,
    seen_by_both,
)

SHIFT_PX = 9
HEIGHT, WIDTH = 32, 64
ONE_SCALE = PhotometricOptions(scales=1, warmup_steps=0)


@pytest.fixture(scope="module")
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    """A fronto-parallel texture at a disparity of 9 px."""
    noise = np.random.default_rng(3).random((HEIGHT, WIDTH + SHIFT_PX, 3), dtype=np.float32)
    texture = cv2.GaussianBlur(noise, (0, 0), 1.0)
    texture = torch.from_numpy((texture - texture.min()) / np.ptp(texture)).permute(2, 0, 1)[None]
    return texture[..., :WIDTH].contiguous(), texture[..., SHIFT_PX:].contiguous()


def terms_of(pair, disparity_px: float, options: PhotometricOptions = ONE_SCALE, step: int = 0, weight: float = 1.0):
    target, source = both_ways(*pair)
    disparity = torch.full((2, 1, HEIGHT, WIDTH), disparity_px, requires_grad=True)
    counted = torch.full_like(target[:, :1], weight)
    terms = photometric_terms(StereoPrediction(disparity), target, source, counted, options, step)
    return terms, disparity


def test_the_second_half_is_the_right_view_in_a_mirror(pair):
    target, source = both_ways(*pair)
    assert torch.equal(target[1:], pair[1].flip(3))
    assert torch.equal(source[1:], pair[0].flip(3))
    left, right = torch.arange(4.0).view(1, 1, 1, 4), torch.arange(4.0, 8.0).view(1, 1, 1, 4)
    assert other_view(torch.cat([left, right.flip(3)])).flatten().tolist() == [4, 5, 6, 7, 3, 2, 1, 0]


def test_photometric_loss_is_lowest_at_the_true_disparity(pair):
    right = float(terms_of(pair, float(SHIFT_PX))[0]["photometric"].detach())
    assert right < 0.03  # all but the windows at the border, where the warp repeats a column
    assert all(float(terms_of(pair, px)[0]["photometric"].detach()) > 5.0 * right for px in (3.0, 8.0, 10.0))


def test_the_gradient_leads_to_the_true_disparity(pair):
    for start, sign in ((SHIFT_PX - 0.5, -1.0), (SHIFT_PX + 0.5, 1.0)):
        terms, disparity = terms_of(pair, start)
        terms["photometric"].backward()
        assert disparity.grad is not None
        assert float(disparity.grad.sum()) * sign > 0


def test_pixels_whose_partner_lies_outside_do_not_count(pair):
    terms, disparity = terms_of(pair, float(SHIFT_PX))
    terms["photometric"].backward()
    assert disparity.grad is not None
    assert (disparity.grad[..., :SHIFT_PX] == 0).all()
    assert (disparity.grad[..., SHIFT_PX:] != 0).any()


@pytest.mark.parametrize("case", ["beyond the border", "no weight"])
def test_loss_without_valid_pixels_is_0_with_finite_gradient(pair, case):
    target, source = both_ways(*pair)
    scores = torch.randn((2, 4, HEIGHT // 4, WIDTH // 4), requires_grad=True)
    disparity = torch.full((2, 1, HEIGHT, WIDTH), 1000.0 if case != "no weight" else 9.0, requires_grad=True)
    prediction = StereoPrediction(disparity, torch.zeros_like(disparity), scores, (disparity[..., ::2, ::2],))
    weight = torch.full_like(target[:, :1], float(case != "no weight"))
    for options in (ONE_SCALE, PhotometricOptions(warmup_steps=10)):
        terms = photometric_terms(prediction, target, source, weight, options, 5)
        assert {name: float(term.detach()) for name, term in terms.items()} == dict.fromkeys(terms, 0.0)
    torch.stack(list(terms.values())).sum().backward()
    assert disparity.grad is not None
    assert torch.isfinite(disparity.grad).all()
    assert scores.grad is not None
    assert (scores.grad == 0).all()


def test_what_the_views_disagree_on_is_left_out_after_the_warm_up(pair):
    target, source = both_ways(*pair)
    disparity = torch.full((2, 1, HEIGHT, WIDTH), float(SHIFT_PX))
    disparity[0, 0, :16] = 3.0  # the right view still says 9
    ones = torch.ones_like(target[:, :1])
    options = PhotometricOptions(scales=1, warmup_steps=10)
    young, old = (photometric_terms(StereoPrediction(disparity), target, source, ones, options, n) for n in (9, 10))
    assert float(old["photometric"]) < 0.03 < float(young["photometric"])
    seen = seen_by_both(disparity, other_view(disparity), 2.0)
    assert not seen[0, 0, :16].any()
    assert seen[0, 0, 16:, SHIFT_PX:].all()


def test_smoothness_and_consistency_rise_with_the_steps(pair):
    target, source = both_ways(*pair)
    disparity = torch.full((2, 1, HEIGHT, WIDTH), 9.0)
    disparity[1] += torch.linspace(0.0, 1.0, WIDTH)
    ones = torch.ones_like(target[:, :1])
    options = PhotometricOptions(scales=1, warmup_steps=10)
    first, half, whole = (
        photometric_terms(StereoPrediction(disparity), target, source, ones, options, step) for step in (0, 5, 10)
    )
    for name in ("smoothness", "consistency"):
        assert float(first[name]) == 0
        assert float(half[name]) == pytest.approx(0.5 * float(whole[name]))
        assert float(whole[name]) > 0


def test_hidden_pixels_take_the_lesser_neighbour():
    disparity = torch.tensor([[9.0, 9.0, 50.0, 50.0, 3.0], [50.0, 7.0, 50.0, 8.0, 50.0], [1.0, 2.0, 3.0, 4.0, 5.0]])
    seen = torch.tensor([[1, 1, 0, 0, 1], [0, 1, 0, 1, 0], [0, 0, 0, 0, 0]]).bool()
    background, known = background_of(disparity[None, None], seen[None, None])
    assert background[0, 0].tolist() == [[9.0, 9.0, 3.0, 3.0, 3.0], [7.0, 7.0, 7.0, 8.0, 8.0], [0.0] * 5]
    assert known[0, 0].all(dim=1).tolist() == [True, True, False]


def test_the_matching_cost_is_least_at_the_true_disparity(pair):
    cost = matching_cost(*pair, 16)
    inside = cost[..., SHIFT_PX + 4 :]
    assert (inside.argmin(dim=1) == SHIFT_PX).float().mean() > 0.95
    assert (cost[0, 1:, :, 0] == cost[0, :1, :, 0]).all()  # the first column sees disparity 0 only


def test_volume_loss_finds_a_distant_disparity_from_uniform_scores(pair):
    """A network of one free score a disparity and pixel, which at first finds all alike."""
    target, source = both_ways(*pair)
    scores = nn.Parameter(torch.zeros((2, 32, HEIGHT, WIDTH)))
    bins = torch.arange(32.0).view(1, -1, 1, 1)
    optimizer = torch.optim.Adam([scores], 0.3)
    options = PhotometricOptions(scales=1, warmup_steps=30)
    losses = []
    for step in range(40):
        disparity = (scores.softmax(dim=1) * bins).sum(dim=1, keepdim=True)
        prediction = StereoPrediction(disparity, scores=scores)
        terms = photometric_terms(prediction, target, source, torch.ones_like(target[:, :1]), options, step)
        loss = torch.stack(list(terms.values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    error = (disparity.detach()[0, 0, :, SHIFT_PX + 4 : -4] - SHIFT_PX).abs()
    assert error.mean() < 0.5  # 6.5 px at first
    assert losses[-1] < 0.5 * losses[0]


def test_confidence_learns_where_the_views_agree(pair):
    target, source = both_ways(*pair)
    disparity = torch.full((2, 1, HEIGHT, WIDTH), float(SHIFT_PX))
    disparity[0, 0, :16] = 3.0
    logit = torch.zeros_like(disparity, requires_grad=True)
    prediction = StereoPrediction(disparity, logit)
    terms = photometric_terms(prediction, target, source, torch.ones_like(disparity), ONE_SCALE, 0)
    terms["confidence"].backward()
    assert logit.grad is not None
    assert (logit.grad[0, 0, :16, SHIFT_PX:] > 0).all()  # less sure
    assert (logit.grad[0, 0, 16:, SHIFT_PX:] < 0).all()


def test_options_that_make_no_sense_are_refused():
    with pytest.raises(InputError, match="census of at least 0"):
        PhotometricOptions(census=-1.0)
    with pytest.raises(InputError, match="scales of at least 1"):
        PhotometricOptions(scales=0)


@pytest.mark.parametrize(("partner_px", "wanted"), [(12.0, 0.05 * 6 * 2.5 / 128), (0.0, 0.0)])
def test_only_occluded_pixels_are_pulled_to_the_background(pair, partner_px, wanted):
    target, source = both_ways(*pair)
    left, right = torch.full((2, 1, 1, HEIGHT, WIDTH), 4.0)
    left[..., 26:32] = 7.0
    right[..., 17:28] = partner_px
    counted = torch.ones_like(target[:, :1])
    counted[1] = 0.0  # the right view has no say
    options = PhotometricOptions(scales=1, warmup_steps=0, occluded=0.05)
    prediction = StereoPrediction(torch.cat([left, right.flip(3)]))
    terms = photometric_terms(prediction, target, source, counted, options, 0)
    # Six columns of 128 in both views are 3 px off their background, for which smooth-L1 is 2.5.
    assert float(terms["occluded"]) == pytest.approx(wanted, abs=1e-7)
