"""The loss asks of a network what it says, and nothing else."""

import math
from dataclasses import replace

import pytest
import torch

from leadline.data.stereo.stream import StereoBatch
from leadline.losses import confidence_cross_entropy, disparity_cross_entropy, smooth_l1
from leadline.models.catalog import BUILDERS, build_model
from leadline.models.stereo import StereoPrediction
from leadline.training.stereo.supervised import stereo_terms


@pytest.fixture(scope="module")
def everything() -> StereoPrediction:
    """As leadline-fast answers: volume and a disparity at 1/4, one at 1/2, a confidence."""
    random = torch.Generator().manual_seed(2)
    disparity, logit = torch.randn((2, 2, 1, 64, 64), generator=random) * 40.0
    scores = torch.randn((2, 48, 16, 16), generator=random)
    coarse = tuple(60.0 * torch.rand((2, 1, side, side), generator=random) for side in (16, 32))
    return StereoPrediction(disparity, logit, scores, coarse)


def test_the_loss_of_leadline_fast_is_its_five_terms(everything, batch, recipe):
    truth = batch["disparity"].unsqueeze(1)
    occluded = batch["occluded"].unsqueeze(1)
    weight = (batch["valid"].unsqueeze(1) & (truth < 192)).float() * torch.where(occluded, recipe.occluded_weight, 1.0)
    quarter, half = (truth[..., ::4, ::4], weight[..., ::4, ::4]), (truth[..., ::2, ::2], weight[..., ::2, ::2])
    wanted = {
        "full": smooth_l1(everything.disparity, truth, weight),
        "half": recipe.half_weight * smooth_l1(everything.coarse[1], *half),
        "quarter": recipe.quarter_weight * smooth_l1(everything.coarse[0], *quarter),
        "volume": recipe.volume_weight * disparity_cross_entropy(everything.scores, quarter[0] / 4.0, quarter[1]),
        "confidence": recipe.confidence_weight
        * confidence_cross_entropy(everything.confidence_logit, everything.disparity, truth, (weight > 0).float()),
    }
    terms = stereo_terms(everything, batch, recipe, 192)
    assert list(terms) == list(wanted)
    for name, term in wanted.items():
        assert torch.equal(terms[name], term), name
    assert torch.equal(torch.stack(list(terms.values())).sum(), torch.stack(list(wanted.values())).sum())


def test_what_a_network_does_not_say_has_no_term(everything, batch, recipe):
    assert list(stereo_terms(StereoPrediction(everything.disparity), batch, recipe, 192)) == ["full"]
    for absent, term in (("confidence_logit", "confidence"), ("scores", "volume")):
        silent = replace(everything, **{absent: None})
        assert set(stereo_terms(everything, batch, recipe, 192)) - set(stereo_terms(silent, batch, recipe, 192)) == {
            term
        }


def test_every_coarse_disparity_counts_at_its_own_resolution(batch, recipe):
    """Each is off by 3 px, where the loss is 2.5 px; twice at 1/4."""
    truth = batch["disparity"].unsqueeze(1)
    coarse = tuple(truth[..., ::stride, ::stride] + 3.0 for stride in (32, 8, 4, 4, 2))
    terms = stereo_terms(StereoPrediction(truth, coarse=coarse), batch, recipe, 192)
    quarter = recipe.quarter_weight
    shares = {"half": recipe.half_weight, "quarter": 2 * quarter, "eighth": quarter / 2, "thirtysecond": quarter / 8}
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(
        {"full": 0.0} | {name: 2.5 * share for name, share in shares.items()}, abs=1e-5
    )


def test_what_lies_beyond_the_range_does_not_count(batch, recipe):
    truth = batch["disparity"].unsqueeze(1)
    wrong_beyond = torch.where(truth < 96, truth, 0.0)
    assert stereo_terms(StereoPrediction(wrong_beyond), batch, recipe, 96)["full"] == 0.0
    assert stereo_terms(StereoPrediction(wrong_beyond), batch, recipe, 192)["full"] > 1.0


def test_a_network_with_edges_learns_them_and_smooths_up_to_them(batch: StereoBatch, recipe):
    """A step of 8 px down a column, rightly predicted: the edges' P is 1/2, so they cost half of log 2 everywhere.

    The guide is flat, so nothing stops the smoothing: of 63 differences a row one is 8 px.
    """
    truth = torch.full((2, 64, 64), 2.0)
    truth[..., 32:] = 10.0
    stepped: StereoBatch = {**batch, "disparity": truth, "valid": torch.ones_like(truth, dtype=torch.bool)}
    logit = torch.zeros(2, 1, 64, 64, requires_grad=True)
    prediction = StereoPrediction(truth[:, None].clone().requires_grad_(), edges_logit=logit)
    terms = stereo_terms(prediction, stepped, recipe, 192)
    assert list(terms) == ["full", "edges", "smoothness"]
    assert terms["edges"].item() == pytest.approx(0.5 * math.log(2.0), rel=1e-6)
    assert terms["smoothness"].item() == pytest.approx(0.05 * 8.0 / 63.0, rel=1e-6)
    assert torch.autograd.grad(terms["smoothness"], logit, allow_unused=True) == (None,)
    # Sure edges on the nearer side, where the truth has them: both terms vanish.
    sure = torch.full_like(logit, -20.0)
    sure[..., 32] = 20.0
    terms = stereo_terms(replace(prediction, edges_logit=sure), stepped, recipe, 192)
    assert terms["edges"].item() == pytest.approx(0.0, abs=1e-6)
    assert terms["smoothness"].item() == pytest.approx(0.05 * 8.0 / 63.0 * math.exp(-10.0), rel=1e-4)


def test_of_all_networks_only_edgestereo_looks_for_edges(batch, recipe):
    left, right = (batch[side].permute(0, 3, 1, 2) / 255.0 for side in ("left", "right"))
    with torch.inference_mode():
        for name in BUILDERS:
            terms = stereo_terms(build_model(name)(left, right), batch, recipe, 192)
            wanted = {"edges", "smoothness"} if name == "edgestereo" else set()
            assert {"edges", "smoothness"} & set(terms) == wanted, name


def test_only_a_disparity_is_required():
    bare = StereoPrediction(torch.zeros(1, 1, 2, 2))
    assert (bare.confidence_logit, bare.scores, bare.coarse, bare.edges_logit) == (None, None, (), None)
