"""Blocks: what can be said of them without training."""

import pytest
import torch
from torch.nn import functional

from leadline.models.blocks import (
    CorrelationLayer,
    CostHead,
    Decoder,
    DisparityHead,
    Encoder,
    Hourglass3d,
    ResidualBlock,
    SpatialPyramidPooling,
    batch_stage,
    enlarge,
    plain_stage,
    six_channels,
    upsample2x,
)


def test_doubling_repeats_every_pixel():
    assert upsample2x(torch.tensor([[[[1.0, 2.0]]]])).tolist() == [[[[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]]]


@pytest.mark.parametrize("factor", [2, 4])
def test_enlarging_leaves_coarse_pixel_i_on_fine_pixel_factor_i(factor):
    row, column = torch.meshgrid(torch.arange(12.0), torch.arange(20.0), indexing="ij")
    plane = (3.0 * row + column)[None, None]
    fine = enlarge(plane[..., ::factor, ::factor], factor)
    torch.testing.assert_close(fine[..., : 12 - factor, : 20 - factor], plane[..., : 12 - factor, : 20 - factor])
    torch.testing.assert_close(fine[..., -1], fine[..., -factor])


def test_a_pair_becomes_six_channels_left_first():
    pair = six_channels(torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2))
    assert pair[0, :, 0, 0].tolist() == [-2.0, -2.0, -2.0, 2.0, 2.0, 2.0]


@pytest.mark.parametrize("stage", [plain_stage, batch_stage])
def test_an_encoder_gives_every_level_finest_first(stage):
    levels = Encoder(3, (4, 5, 6), stage)(torch.rand(2, 3, 16, 24))
    assert [tuple(level.shape[1:]) for level in levels] == [(4, 8, 12), (5, 4, 6), (6, 2, 3)]


def test_a_residual_block_whose_branch_is_silent_passes_on():
    block = ResidualBlock(4, 4).eval()
    torch.nn.init.zeros_(block.second[0].weight)
    features = torch.rand(1, 4, 6, 6)
    torch.testing.assert_close(block(features), features)
    assert ResidualBlock(4, 6, stride=2)(torch.rand(2, 4, 6, 8)).shape == (2, 6, 3, 4)


def test_a_decoder_goes_up_with_skips_and_without():
    deepest, skips = torch.rand(2, 6, 2, 3), [torch.rand(2, 5, 4, 6), torch.rand(2, 4, 8, 12)]
    assert Decoder((6, 5, 3))(deepest).shape == (2, 3, 8, 12)
    assert Decoder((6, 5, 3), skips=(5, 4))(deepest, skips).shape == (2, 3, 8, 12)


def test_a_disparity_head_begins_near_a_twentieth_of_the_range():
    found = DisparityHead(8, max_disparity=100)(torch.zeros(1, 8, 4, 4))
    assert found.mean().item() == pytest.approx(100.0 / (1.0 + torch.tensor(3.0).exp().item()))


def test_pyramid_pooling_joins_the_mean_of_a_square():
    pooling = SpatialPyramidPooling(1, 1, sizes=(4,))
    torch.nn.init.ones_(pooling.branches[0][0].weight)
    torch.nn.init.zeros_(pooling.branches[0][0].bias)
    features = torch.rand(1, 1, 4, 4)
    joined = pooling(features)
    assert joined.shape[1] == pooling.outputs == 2
    torch.testing.assert_close(joined[:, :1], features)
    torch.testing.assert_close(joined[:, 1:], features.mean().expand(1, 1, 4, 4))


def test_a_correlation_layer_answers_where_a_view_was_shifted():
    right = functional.one_hot(torch.arange(8) % 8, 8).float().T[None, :, None]  # every column is unlike the others
    left = right.roll(3, dims=3)
    layer = CorrelationLayer(8, 2, disparities=5)
    joined = layer(left, right)
    assert joined.shape[1] == layer.outputs == 7
    assert joined[0, :5, 0, 3:].argmax(dim=0).tolist() == [3] * 5


def test_an_hourglass_keeps_the_volume_and_a_head_costs_it():
    volume = torch.rand(1, 4, 8, 4, 12)
    mended = Hourglass3d(4, 6)(volume)
    assert mended.shape == volume.shape
    assert CostHead(4)(mended).shape == (1, 8, 4, 12)
