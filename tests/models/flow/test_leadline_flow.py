"""The optical-flow network: what it may weigh, what it returns, and that it learns."""

import pytest
import torch

from leadline.models.catalog import build_model
from leadline.models.flow import FlowInference, FlowModel, FlowPrediction


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return build_model("leadline-flow").eval()


def test_it_has_at_most_two_million_weights(network):
    assert sum(weight.numel() for weight in network.parameters()) < 2_000_000
    assert isinstance(network, FlowModel)


@pytest.mark.parametrize("size", [(64, 96), (96, 160), (32, 32)])
def test_every_output_has_its_resolution(network, size):
    height, width = size
    with torch.inference_mode():
        prediction = network(*torch.rand(2, 1, 3, height, width))
    assert isinstance(prediction, FlowPrediction)
    assert prediction.flow.shape == (1, 2, height, width)
    assert prediction.confidence_logit is not None
    assert prediction.confidence_logit.shape == (1, 1, height, width)
    strides = [height // flow.shape[2] for flow in prediction.coarse]
    assert strides == [16, 16, 8, 8, 4]
    assert prediction.scores is not None
    assert prediction.scores.shape == (1, *[height * width // 256] * 2)
    assert torch.isfinite(prediction.flow).all()


@pytest.mark.parametrize("size", [(1, 1), (33, 50), (64, 64)])
def test_frames_of_any_size_come_back_at_that_size(network, size):
    frames = torch.randint(0, 256, (2, *size, 3), dtype=torch.uint8)
    with torch.inference_mode():
        flow, confidence = FlowInference(network)(*frames)
    assert flow.shape == (*size, 2)
    assert confidence.shape == size
    assert ((confidence >= 0) & (confidence <= 1)).all()


def test_an_untrained_network_already_follows_a_shift():
    """Matching alone, with features as they come, finds most of a large shift of a texture without repetition."""
    torch.manual_seed(0)
    network = build_model("leadline-flow").eval()
    network.match_sharpness.data.fill_(3.3)
    coarse = torch.rand(1, 3, 16, 20)
    texture = torch.nn.functional.interpolate(coarse, size=(256, 320), mode="bicubic").clamp(0, 1)
    with torch.inference_mode():
        matched = network(texture[..., 32:, 48:], texture[..., :-32, :-48]).coarse[0]
    inner = matched[0, :, : -3 or None, : -4 or None].flatten(1).median(dim=1).values
    torch.testing.assert_close(inner, torch.tensor([48.0, 32.0]), atol=12.0, rtol=0)
