"""What a pose network says before it has learned anything, and in which form."""

import pytest
import torch

from leadline.models.pose import PoseNet
from leadline.ops import se3_exponential


def views(count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(2, 3, 64, 96, generator=generator) for _ in range(count)]


@pytest.mark.parametrize(("count", "explains"), [(2, False), (3, True)])
def test_it_says_a_motion_and_a_mask_for_each_further_view(count, explains):
    torch.manual_seed(0)
    found = PoseNet(count, explains)(*views(count))
    assert found.twist.shape == (2, count - 1, 6)
    sizes = [tuple(logit.shape) for logit in found.explainability_logits]
    assert sizes == [(2, count - 1, 64 // n, 96 // n) for n in (8, 4, 2, 1) if explains]


def test_it_begins_near_no_motion_and_all_its_weights_learn():
    torch.manual_seed(0)
    model = PoseNet(3, explains=True)
    found = model(*views(3))
    motion = se3_exponential(found.twist)
    assert (motion - torch.eye(4)).abs().max() < 0.01
    assert found.twist.abs().max() > 0
    (motion.square().sum() + sum(logit.square().sum() for logit in found.explainability_logits)).backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in model.parameters())
