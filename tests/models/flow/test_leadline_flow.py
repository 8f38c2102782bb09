"""The optical-flow network: what it may weigh, what it returns, and that it learns."""

import numpy as np
import pytest
import torch

from leadline.classical.flow_prior import PRIOR_LAYERS
from leadline.errors import InputError
from leadline.models.catalog import build_model
from leadline.models.flow import FlowInference, FlowModel, FlowPrediction
from leadline.models.method import TorchMethod
from leadline.tasks import TASKS


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


def guided_pair() -> tuple[torch.nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    prior = torch.zeros(1, PRIOR_LAYERS, 64, 96)
    prior[:, 0:6:2], prior[:, 1:6:2] = 5.0, -3.0
    return build_model("leadline-flow", {"guided": True}).eval(), prior


def test_an_untrained_guided_network_says_what_classical_flow_says():
    network, prior = guided_pair()
    frame = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        prediction = network(frame, frame, prior)
    middle = prediction.flow[0].flatten(1).median(dim=1).values
    torch.testing.assert_close(middle, torch.tensor([5.0, -3.0]), atol=0.6, rtol=0)
    assert [64 // flow.shape[2] for flow in prediction.coarse] == [16, 16, 8, 8, 8, 4, 1]
    assert sum(weight.numel() for weight in network.parameters()) < 2_000_000


def test_it_begins_with_the_weights_of_a_network_without_a_prior():
    guided, _ = guided_pair()
    plain = build_model("leadline-flow").state_dict()
    assert all(guided.state_dict()[name].shape == value.shape for name, value in plain.items())
    assert not any(name.endswith("guide.weight") and value.any() for name, value in guided.state_dict().items())


def test_a_prior_is_taken_by_a_guided_network_alone(network):
    guided, prior = guided_pair()
    frame = torch.rand(1, 3, 64, 96)
    with pytest.raises(InputError, match="expected a prior for this network"):
        guided(frame, frame)
    with pytest.raises(InputError, match="expected no prior for this network"):
        network(frame, frame, prior)


def test_a_method_in_torch_finds_the_prior_itself():
    guided, _ = guided_pair()
    texture = torch.nn.functional.interpolate(torch.rand(1, 3, 20, 30), size=(80, 120), mode="bicubic").clamp(0, 1)
    frames = (255 * texture[0]).permute(1, 2, 0).to(torch.uint8).numpy()
    found = TorchMethod("guided", TASKS["flow"], guided)(frames[:70, 3:103], frames[:70, :100])
    assert abs(float(np.median(found.flow[..., 0])) - 3.0) < 0.5


def test_the_confidence_is_weighed_against_that_of_dis():
    guided, prior = guided_pair()
    prior[:, -1] = 0.7
    frame = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        own = guided(frame, frame, prior)
        guided.belief.copy_(torch.tensor([0.0, 1.0, 0.0, 0.1]))
        classical = guided(frame, frame, prior)
        guided.belief.copy_(torch.tensor([0.0, 0.0, 1.0, 0.0]))
        apart = guided(frame, frame, prior)
    assert not torch.allclose(own.confidence_logit, classical.confidence_logit)
    torch.testing.assert_close(classical.confidence_logit, torch.full((1, 1, 64, 96), 0.8))
    away = (own.flow - torch.tensor([5.0, -3.0]).view(1, 2, 1, 1)).norm(dim=1, keepdim=True)
    torch.testing.assert_close(apart.confidence_logit, (0.05 + away).log())
