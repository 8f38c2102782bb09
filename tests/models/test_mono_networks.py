"""Eigen, DPT, metric bins and MonoDepth: each can learn, at any size, and its parts do what the papers say."""

import math

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import default_collate

from leadline.data.mono.stream import to_canonical_tensors, to_tensors
from leadline.data.synthetic.mono import render_mono
from leadline.errors import InputError
from leadline.metrics.align import least_squares_disparity
from leadline.metrics.depth import abs_rel
from leadline.models.catalog import build_model
from leadline.models.mono import DistanceModel, MonoInference
from leadline.models.mono.dpt import Reassemble
from leadline.models.mono.eigen import Eigen
from leadline.models.mono.monodepth import MonoDepth
from leadline.models.mono.zoe_bins import MetricBins, ZoeBins, attracted, log_binomial
from leadline.samples import DepthSample
from leadline.training.mono.metric import metric_terms
from leadline.training.mono.monodepth import MonoDepthRecipe, left_right_terms
from leadline.training.mono.supervised import MonoRecipe, mono_terms

TINY_DPT = {"width": 96, "depth": 4, "heads": 3}
#: Options, learning rate of Adam, steps, and the relative error after them.
LEARNERS = {
    "eigen": ({"dropout": 0.0}, 1e-3, 80, 0.11),
    "zoe-bins": ({}, 2e-3, 40, 0.1),
    "dpt-small": (TINY_DPT, 2e-3, 60, 0.12),
}


@pytest.fixture(scope="module")
def room() -> DepthSample:
    sample, _ = render_mono(1, (64, 96), sensor=False)
    return sample


def learnt(name: str, sample: DepthSample) -> tuple[torch.nn.Module, Tensor]:
    """The network after it has seen one image many times, as it is while it learns."""
    options, rate, steps, _ = LEARNERS[name]
    torch.manual_seed(0)
    model = build_model(name, options).train()
    canonical = isinstance(model, DistanceModel)
    batch = default_collate([(to_canonical_tensors if canonical else to_tensors)(sample)])
    image = batch["image"].permute(0, 3, 1, 2).float() / 255.0
    optimizer = torch.optim.Adam(model.parameters(), rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.2)
    loss = {"eigen": "eigen", "zoe-bins": "bts"}.get(name)
    recipe = MonoRecipe(model=name, data="no data", validation="no validation")
    for _ in range(steps):
        optimizer.zero_grad()
        found = model(image)
        terms = mono_terms(found, batch, recipe) if loss is None else metric_terms(found, batch, loss)
        torch.stack(list(terms.values())).sum().backward()
        optimizer.step()
        schedule.step()
    with torch.inference_mode():
        return model, model(image).inverse_depth[0, 0]


@pytest.mark.parametrize("name", LEARNERS)
def test_a_rendered_image_is_learned_by_heart(name, room):
    _, inverse = learnt(name, room)
    if name == "dpt-small":
        depth = least_squares_disparity(inverse.numpy(), room.depth, room.valid, 1000.0).depth
        flat = least_squares_disparity(np.ones((64, 96), np.float32), room.depth, room.valid, 1000.0).depth
    else:  # metres, without any fit
        depth = room.camera.relative_focal / inverse.numpy()
        flat = np.full_like(room.depth, np.median(room.depth[room.valid]))
    assert abs_rel(flat, room.depth, room.valid) > 0.18
    assert abs_rel(depth, room.depth, room.valid) < LEARNERS[name][3]


@pytest.mark.parametrize("name", ["eigen", "dpt-small", "zoe-bins", "monodepth"])
def test_any_size_is_answered(name):
    model = build_model(name, TINY_DPT if name == "dpt-small" else None)
    inference = MonoInference(model, (64 * 96,)).eval()
    assert inference.kind == ("affine_inverse" if name == "dpt-small" else "up_to_scale")
    assert inference.canonical == (name in ("eigen", "zoe-bins"))
    for size in ((16, 16), (33, 70), (101, 47)):
        with torch.inference_mode():
            values, confidence = inference(torch.randint(0, 256, (*size, 3), dtype=torch.uint8))
        assert values.shape == size
        assert confidence is None
        assert torch.isfinite(values).all()
        assert (values >= 0).all()


def test_eigens_coarse_network_uses_the_whole_image_and_starts_at_4_m():
    torch.manual_seed(0)
    model = Eigen().eval()
    image = torch.rand(1, 3, 64, 96, requires_grad=True)
    depth = 1.0 / model(image).inverse_depth
    assert 2.0 < depth.min() < math.exp(1.4) < depth.max() < 8.0
    depth[0, 0, 0, 0].backward()
    # The fine network sees 9 + 2 * 4 * 4 + ... px around; the far corner reaches this depth by the coarse one alone.
    assert (image.grad[..., -16:, -16:] != 0).any()


def test_tokens_of_the_readout_are_projected_or_ignored():
    tokens = torch.rand(1, 1 + 6, 8)
    other = tokens.clone()
    other[:, 0] += 1.0
    for readout in ("project", "ignore"):
        for level, size in enumerate(((8, 12), (4, 6), (2, 3), (1, 2))):
            reassemble = Reassemble(8, level, 5, readout)
            found = reassemble(tokens, 3)
            assert found.shape == (1, 5, *size)
            assert torch.equal(found, reassemble(other, 3)) == (readout == "ignore")


def test_patches_lie_where_they_are():
    reassemble = Reassemble(4, 2, 1, "ignore")
    tokens = torch.zeros(1, 1 + 6, 4)
    tokens[0, 1 + 5] = 1.0  # last column of the second row
    changed = (reassemble(tokens, 3) - reassemble(torch.zeros_like(tokens), 3)).abs()[0, 0] > 1e-6
    assert changed.tolist() == [[False, False, False], [False, False, True]]


@pytest.mark.parametrize("options", [{"depth": 6}, {"depth": 0}, {"heads": 5}])
def test_a_transformer_that_makes_no_pyramid_is_refused(options):
    with pytest.raises(InputError, match="multiple of 4 and heads that divide the width"):
        build_model("dpt-small", options)


def test_attractors_pull_by_hand():
    centres = torch.tensor([1.0, 2.0, 4.0]).view(1, 3, 1, 1)
    attractors = torch.tensor([2.0, 3.0]).view(1, 2, 1, 1)
    # With alpha 2: from 1, 1 / 3 to 2 and 2 / 9 to 3; from 2, 0 and 1 / 3; from 4, -2 / 9 and -1 / 3.
    wanted = [1.0 + 1 / 3 + 2 / 9, 2.0 + 1 / 3, 4.0 - 2 / 9 - 1 / 3]
    assert attracted(centres, attractors, 2.0).flatten().tolist() == pytest.approx(wanted)


def test_log_binomial_is_the_binomial():
    choices = torch.tensor([math.log(math.comb(4, k)) for k in range(5)])
    logit = torch.tensor([0.0, math.log(3.0)]).view(1, 1, 1, 2)  # q = 1/2 and 3/4
    found = log_binomial(logit, choices).exp()[0, :, 0]
    for column, q in enumerate((0.5, 0.75)):
        wanted = [math.comb(4, k) * q**k * (1 - q) ** (4 - k) for k in range(5)]
        assert found[:, column].tolist() == pytest.approx(wanted, rel=1e-5)


def test_bins_begin_between_half_a_metre_and_forty():
    bins = MetricBins((8, 8), (2,), 16)
    coarse, fine = torch.zeros(1, 8, 2, 3), torch.zeros(1, 8, 4, 6)
    seeds = torch.nn.functional.softplus(bins.seeds[-1].bias)
    torch.testing.assert_close(seeds[[0, -1]], torch.tensor([0.5, 40.0]))
    depth = bins([coarse, fine], torch.zeros(1, 1, 4, 6))
    assert depth.shape == (1, 1, 4, 6)
    assert ((depth > 0.5) & (depth < 40.0)).all()


def test_metric_bins_use_the_relative_network():
    torch.manual_seed(0)
    model = ZoeBins(8)
    model(torch.rand(2, 3, 32, 32)).inverse_depth.mean().backward()
    unused = {name.split(".")[1] for name, weight in model.named_parameters() if weight.grad is None}
    assert unused == {"confidence", "confidence_half", "confidence_quarter"}
    assert model.encoder is model.backbone.encoder


def pair() -> tuple[Tensor, Tensor, Tensor]:
    """Background at 2 px and a square at 6 px, both smooth enough to slide into place; the left view's disparity."""
    rng = np.random.default_rng(0)
    noise = [cv2.GaussianBlur(rng.random((32, 112, 3), dtype=np.float32), (0, 0), 2.0) for _ in range(2)]
    back, front = ((layer - layer.min()) / np.ptp(layer) for layer in noise)
    left, right = 0.6 * back[:, :96], 0.6 * back[:, 2:98]
    square = 0.4 + 0.6 * front[8:24, 36:68]
    left[8:24, 36:68], right[8:24, 30:62] = square, square
    disparity = torch.full((32, 96), 2.0)
    disparity[8:24, 36:68] = 6.0
    return *(torch.from_numpy(view.copy()).permute(2, 0, 1)[None] for view in (left, right)), disparity


def test_a_pair_teaches_its_left_image():
    left, right, truth = pair()
    torch.manual_seed(0)
    model = MonoDepth().train()
    recipe = MonoDepthRecipe(model="monodepth", data="no data", validation="no validation")
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=50, pct_start=0.2)
    for _ in range(50):
        optimizer.zero_grad()
        torch.stack(list(left_right_terms(model.disparities(left), left, right, recipe).values())).sum().backward()
        optimizer.step()
        schedule.step()
    with torch.inference_mode():
        found = 96.0 * model(left).inverse_depth[0, 0]
    inside = (found - truth)[:, 8:].abs().mean()  # the first columns lie outside of the right image
    assert (truth - truth.median())[:, 8:].abs().mean() > 0.7
    assert inside < 0.4


def test_monodepth_says_both_views_at_four_scales():
    found = MonoDepth()(torch.rand(1, 3, 64, 96)), MonoDepth().disparities(torch.rand(1, 3, 64, 96))
    assert found[0].inverse_depth.shape == (1, 1, 64, 96)
    assert [tuple(scale.shape) for scale in found[1]] == [(1, 2, 64 // n, 96 // n) for n in (8, 4, 2, 1)]
    assert all(((scale > 0) & (scale < 0.3)).all() for scale in found[1])


def test_monodepth_of_one_view_is_never_farther_than_a_thousand_times_its_nearest():
    model = MonoDepth(views=1)
    found = model.disparities(torch.rand(1, 3, 64, 96))
    assert [tuple(scale.shape) for scale in found] == [(1, 1, 64 // n, 96 // n) for n in (8, 4, 2, 1)]
    for bias, wanted in ((-200.0, 0.0003), (200.0, 0.3)):
        torch.nn.init.constant_(model.heads[-1].logit.bias, bias)
        with torch.inference_mode():
            disparity = model(torch.rand(1, 3, 64, 96)).inverse_depth
        torch.testing.assert_close(disparity, torch.full_like(disparity, wanted))
