"""Networks: shapes, sizes, weights and work."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from leadline.errors import InputError
from leadline.models.catalog import BUILDERS, build_model
from leadline.models.stereo import Deployed, LeadlineFast, StereoPrediction


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
        disparity, confidence = Deployed(fast).eval()(left, right)
    assert disparity.shape == confidence.shape == size
    assert ((confidence >= 0) & (confidence <= 1)).all()


class Ramp(torch.nn.Module):
    """Says where it is: the disparity of a pixel is its column."""

    max_disparity, input_stride = 64, 8

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> StereoPrediction:
        column = torch.arange(left.shape[3], dtype=torch.float32).expand(1, 1, left.shape[2], -1)
        return StereoPrediction(column, torch.zeros_like(column), column, (column,))


@pytest.mark.parametrize(("enlarge", "wide", "range_px"), [(1.0, 50, 64), (1.25, 50, 51), (1.5, 37, 42), (2.0, 50, 32)])
def test_enlarged_pictures_give_disparities_of_the_picture(enlarge, wide, range_px):
    deployed = Deployed(Ramp(), enlarge).eval()
    left, right = torch.zeros(2, 21, wide, 3, dtype=torch.uint8)
    disparity, confidence = deployed(left, right)
    assert disparity.shape == confidence.shape == (21, wide)
    assert deployed.max_disparity == range_px
    # Pixel x of the picture lies at (x + 1/2) s - 1/2 of the enlarged one, where the ramp has that value.
    column = torch.arange(wide, dtype=torch.float32)
    expected = ((column + 0.5) * enlarge - 0.5) / enlarge
    torch.testing.assert_close(disparity[0, 2:-2], expected[2:-2], atol=0.05, rtol=0)


def test_fast_is_small(fast):
    assert sum(p.numel() for p in fast.parameters()) < 1_500_000


def test_fast_takes_about_10_gflop_at_640x480(fast):
    picture = torch.rand(1, 3, 480, 640)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        fast(picture, picture)
    assert counter.get_total_flops() / 1e9 == pytest.approx(11.3, rel=0.05)


def test_every_weight_learns():
    model = LeadlineFast().train()
    prediction = model(torch.rand(1, 3, 64, 96), torch.rand(1, 3, 64, 96))
    total = prediction.disparity.mean() + prediction.confidence_logit.mean() + prediction.scores.square().mean()
    total.backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []
