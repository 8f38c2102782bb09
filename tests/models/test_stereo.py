"""Networks: shapes, sizes, weights and work."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from leadline.errors import InputError
from leadline.models.catalog import BUILDERS, build_model
from leadline.models.mono.efficientnet_lite import EfficientNetLite0
from leadline.models.stereo import LeadlineFast, StereoInference, StereoPrediction
from leadline.models.stereo.inference import averaged
from leadline.models.stereo.leadline_fast import Context


@pytest.fixture(scope="module")
def fast() -> LeadlineFast:
    torch.manual_seed(0)
    return LeadlineFast().eval()


@pytest.mark.parametrize("name", BUILDERS)
def test_every_entry_of_the_catalog_builds(name):
    assert sum(p.numel() for p in build_model(name).parameters()) > 0


def test_a_name_that_is_not_in_the_catalog_is_refused():
    with pytest.raises(InputError, match="leadline-fast"):
        build_model("leadline-quick")


def test_shapes(fast):
    with torch.inference_mode():
        prediction = fast(torch.rand(2, 3, 64, 96), torch.rand(2, 3, 64, 96))
    assert prediction.disparity.shape == prediction.confidence_logit.shape == (2, 1, 64, 96)
    assert prediction.scores.shape == (2, 48, 16, 24)
    assert [tuple(c.shape) for c in prediction.coarse] == [(2, 1, 16, 24), (2, 1, 32, 48)]
    assert prediction.disparity.isfinite().all()
    assert prediction.disparity.min() >= 0


@pytest.mark.parametrize("size", [(16, 16), (33, 65), (50, 131)])
def test_deployed_takes_any_size(fast, size):
    left, right = torch.randint(0, 256, (2, *size, 3), dtype=torch.uint8)
    with torch.inference_mode():
        disparity, confidence = StereoInference(fast).eval()(left, right)
    assert disparity.shape == confidence.shape == size
    assert ((confidence >= 0) & (confidence <= 1)).all()


class Ramp(torch.nn.Module):
    """Says where it is: the disparity of a pixel is its column."""

    max_disparity, input_stride = 64, 8

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> StereoPrediction:
        column = torch.arange(left.shape[3], dtype=torch.float32).expand(1, 1, left.shape[2], -1)
        return StereoPrediction(column, torch.zeros_like(column), column, (column,))


@pytest.mark.parametrize(("enlarge", "wide", "range_px"), [(1.0, 50, 64), (1.25, 50, 51), (1.5, 37, 42), (2.0, 50, 32)])
def test_enlarged_images_give_disparities_of_the_image(enlarge, wide, range_px):
    inference = StereoInference(Ramp(), enlarge).eval()
    left, right = torch.zeros(2, 21, wide, 3, dtype=torch.uint8)
    disparity, confidence = inference(left, right)
    assert disparity.shape == confidence.shape == (21, wide)
    assert inference.max_disparity == range_px
    # Pixel x of the image lies at (x + 1/2) s - 1/2 of the enlarged one, where the ramp has that value.
    column = torch.arange(wide, dtype=torch.float32)
    expected = ((column + 0.5) * enlarge - 0.5) / enlarge
    torch.testing.assert_close(disparity[0, 2:-2], expected[2:-2], atol=0.05, rtol=0)


@pytest.fixture
def guided(fast: LeadlineFast) -> LeadlineFast:
    model = LeadlineFast(guided=True)
    model.load_state_dict(fast.state_dict(), strict=False)
    return model.eval()


def test_a_network_that_can_be_guided_does_the_same_alone(fast, guided):
    pair, found = torch.rand(2, 1, 3, 64, 96), torch.full((1, 1, 64, 96), 20.0)
    with torch.inference_mode():
        alone, told = fast(*pair).disparity, guided(*pair, found, torch.ones_like(found)).disparity
        torch.testing.assert_close(guided(*pair).disparity, alone)
    assert not torch.allclose(told, alone)


def test_a_guided_network_can_take_what_the_matcher_found(guided):
    torch.nn.init.constant_(guided.selection.sgbm_prior.out.bias, 0.0)
    with torch.no_grad():
        guided.selection.sgbm_prior.out.bias[0] = 1000.0
    found = 40.0 * torch.rand(1, 1, 64, 96)
    with torch.inference_mode():
        prediction = guided(*torch.rand(2, 1, 3, 64, 96), found, torch.ones_like(found))
    torch.testing.assert_close(prediction.coarse[1], found[:, :, ::2, ::2])


@pytest.mark.parametrize("enlarge", [1.0, 1.4])
def test_what_guides_a_network_is_enlarged_with_the_images(guided, enlarge):
    torch.nn.init.constant_(guided.selection.sgbm_prior.out.bias, 1000.0)
    left, right = torch.randint(0, 256, (2, 50, 70, 3), dtype=torch.uint8)
    found, valid = torch.full((50, 70), 12.0), torch.ones(50, 70, dtype=torch.uint8)
    guided.refinement.register_forward_hook(lambda _, inputs, output: (inputs[1], *output[1:]))
    with torch.inference_mode():
        disparity, _ = StereoInference(guided, enlarge).eval()(left, right, found, valid)
    torch.testing.assert_close(disparity, found)


def test_a_matcher_that_agrees_is_averaged_with_the_network():
    matched = torch.tensor([[10.4, 9.5, 10.75, 11.2, 10.4]])
    valid = torch.tensor([[1, 1, 1, 1, 0]], dtype=torch.uint8)
    # Shares of 1/2 up to half a pixel, of 1/4 at three quarters, of nothing from one pixel on, or where it is not sure.
    expected = torch.tensor([[10.2, 9.75, 10.1875, 10.0, 10.0]])
    torch.testing.assert_close(averaged(torch.full((1, 5), 10.0), matched, valid), expected)


def test_what_a_matcher_says_of_itself_counts(guided):
    pair, found = torch.rand(2, 1, 3, 64, 96), torch.full((1, 1, 64, 96), 20.0)
    with torch.inference_mode():
        stands, falls = (guided(*pair, found, torch.full_like(found, valid)).disparity for valid in (1.0, 0.0))
    assert not torch.equal(stands, falls)


def test_fast_is_small(fast):
    assert sum(p.numel() for p in fast.parameters()) < 1_500_000


def test_fast_takes_about_10_gflop_at_640x480(fast):
    image = torch.rand(1, 3, 480, 640)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        fast(image, image)
    assert counter.get_total_flops() / 1e9 == pytest.approx(11.3, rel=0.05)


def test_every_weight_learns():
    model = LeadlineFast().train()
    prediction = model(torch.rand(1, 3, 64, 96), torch.rand(1, 3, 64, 96))
    total = prediction.disparity.mean() + prediction.confidence_logit.mean() + prediction.scores.square().mean()
    total.backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


@pytest.fixture(scope="module")
def efficient() -> LeadlineFast:
    torch.manual_seed(0)
    return LeadlineFast(trunk="efficientnet", groups=2).eval()


def test_trunk_that_knows_images_gives_the_same_shapes(efficient: LeadlineFast) -> None:
    with torch.inference_mode():
        prediction = efficient(torch.rand(2, 3, 64, 96), torch.rand(2, 3, 64, 96))
    assert prediction.disparity.shape == (2, 1, 64, 96)
    assert prediction.scores is not None
    assert prediction.scores.shape == (2, 48, 16, 24)


def test_trunk_does_not_see_gain_and_offset_of_one_view(efficient: LeadlineFast) -> None:
    left, right = 0.3 + 0.3 * torch.rand(2, 1, 3, 64, 96)
    gain = torch.tensor([0.5, 1.2, 0.8]).view(1, 3, 1, 1)
    with torch.inference_mode():
        plain, changed = efficient(left, right).disparity, efficient(left, gain * right + 0.1).disparity
    torch.testing.assert_close(changed, plain, atol=0.02, rtol=0)


def test_centred_strides_equal_the_others_on_a_shifted_image() -> None:
    torch.manual_seed(0)
    as_published, centred = EfficientNetLite0(levels=2).eval(), EfficientNetLite0(levels=2, centred=True).eval()
    centred.load_state_dict(as_published.state_dict())
    image = torch.rand(1, 3, 96, 128)
    # Each of the two strides pads one pixel less before: 1 pixel of the image, then 2.
    moved = torch.nn.functional.pad(image, (3, 0, 3, 0))[..., :96, :128]
    with torch.inference_mode():
        quarter, expected = centred(image)[1], as_published(moved)[1]
    torch.testing.assert_close(quarter[..., 4:-4, 4:-4], expected[..., 4:-4, 4:-4])


def test_volume_of_groups_is_the_cosine_within_each_group() -> None:
    model = LeadlineFast(max_disparity=16, groups=2)
    left = torch.zeros(1, 32, 8, 16)
    left[:, 0], left[:, 16] = 3.0, 2.0
    right = torch.zeros_like(left)
    right[:, 0], right[:, 17] = 5.0, 1.0
    volume = model._volume(torch.cat([left, right]))
    # The first group agrees, the second one is at right angles; where x - d < 0 both have the learned value 0.3.
    assert volume.shape == (1, 2, 4, 8, 16)
    torch.testing.assert_close(volume[0, :, 1, 0, 1:], torch.tensor([[1.0], [0.0]]).expand(2, 15))
    torch.testing.assert_close(volume[0, :, 1, 0, 0], torch.tensor([0.3, 0.3]))


def test_context_begins_as_no_change() -> None:
    features, context = torch.rand(1, 4, 5, 6), torch.rand(1, 3, 5, 6)
    torch.testing.assert_close(Context(3, 4)(features, context), features)


def test_every_weight_of_the_other_trunk_learns() -> None:
    model = LeadlineFast(trunk="efficientnet", groups=2).train()
    prediction = model(torch.rand(1, 3, 64, 96), torch.rand(1, 3, 64, 96))
    assert prediction.confidence_logit is not None
    assert prediction.scores is not None
    total = prediction.disparity.mean() + prediction.confidence_logit.mean() + prediction.scores.square().mean()
    total.backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []
