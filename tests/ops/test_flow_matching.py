"""Look-ups, global matching and upsampling of flow, against naive loops."""

import torch

from leadline.ops.displacement_lookup import displacement_lookup, lookup_table
from leadline.ops.global_match import global_match
from leadline.ops.upsample import convex_upsample, convex_upsample_flow


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_lookup_is_the_naive_loop():
    first, second = noise(2, 3, 5, 6), noise(2, 3, 5, 6, seed=1)
    flow = (3.0 * noise(2, 2, 5, 6, seed=2)).round()
    scores = displacement_lookup(lookup_table(first, second, 2), flow)
    assert scores.shape == (2, 25, 5, 6)
    for b in range(2):
        for y in range(5):
            for x in range(6):
                u = min(max(x + int(flow[b, 0, y, x]), 0), 5)
                v = min(max(y + int(flow[b, 1, y, x]), 0), 4)
                for k in range(25):
                    row, column = v + k // 5 - 2, u + k % 5 - 2
                    inside = 0 <= row < 5 and 0 <= column < 6
                    expected = (first[b, :, y, x] * second[b, :, row, column]).sum() if inside else torch.tensor(0.0)
                    torch.testing.assert_close(scores[b, k, y, x], expected.to(scores.dtype))


def test_the_first_frame_learns_from_a_lookup_and_the_second_does_not():
    first, second = noise(1, 3, 4, 4).requires_grad_(), noise(1, 3, 4, 4, seed=1).requires_grad_()
    displacement_lookup(lookup_table(first, second, 1), torch.zeros(1, 2, 4, 4)).sum().backward()
    assert first.grad is not None
    assert first.grad.abs().sum() > 0
    assert second.grad is None


def test_global_matching_finds_a_shift_of_distinct_features():
    """One-hot features: pixel i is like pixel i alone, so the expectation is exact but for exp(-50)."""
    height, width = 4, 5
    codes = torch.eye(height * width, dtype=torch.float64).reshape(1, -1, height, width)
    shifted = codes.roll((1, 2), dims=(2, 3))
    match = global_match(codes, shifted, torch.tensor(50.0, dtype=torch.float64))
    inner = match.flow[0, :, : height - 1, : width - 2]
    torch.testing.assert_close(inner[0], torch.full_like(inner[0], 2.0), atol=1e-12, rtol=0)
    torch.testing.assert_close(inner[1], torch.full_like(inner[1], 1.0), atol=1e-12, rtol=0)
    back = match.backward[0, :, 1:, 2:]
    torch.testing.assert_close(back[0], torch.full_like(back[0], -2.0), atol=1e-12, rtol=0)
    torch.testing.assert_close(match.certainty, torch.ones_like(match.certainty), atol=1e-12, rtol=0)


def test_global_matching_is_a_softmax():
    first, second = (torch.nn.functional.normalize(noise(2, 6, 3, 4, seed=s), dim=1) for s in (0, 1))
    match = global_match(first, second, torch.tensor(7.0, dtype=torch.float64))
    cosines = torch.einsum("bcn,bcm->bnm", first.flatten(2), second.flatten(2))
    chance = (7.0 * cosines).softmax(dim=2)
    columns = torch.arange(12) % 4
    lines = torch.arange(12) // 4
    torch.testing.assert_close(match.flow[:, 0].flatten(1), chance @ columns.double() - columns)
    torch.testing.assert_close(match.flow[:, 1].flatten(1), chance @ lines.double() - lines)
    torch.testing.assert_close(match.certainty.flatten(1), chance.amax(dim=2))
    torch.testing.assert_close(match.scores.log_softmax(dim=2), (7.0 * cosines).log_softmax(dim=2))
    back = (7.0 * cosines).softmax(dim=1).transpose(1, 2)
    torch.testing.assert_close(match.backward[:, 0].flatten(1), back @ columns.double() - columns)


def test_both_components_are_upsampled_alike():
    flow, mask = noise(2, 2, 3, 4), 5.0 * noise(2, 9 * 16, 3, 4, seed=1)
    together = convex_upsample_flow(flow, mask, 4)
    for component in range(2):
        alone = convex_upsample(flow[:, component : component + 1], mask.clamp(-20, 20), 4)
        torch.testing.assert_close(together[:, component : component + 1], alone)
