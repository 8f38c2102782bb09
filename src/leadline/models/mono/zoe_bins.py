"""ZoeDepth's metric bins on top of leadline-mono: relative depth becomes metric."""

import math
from typing import Final, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from leadline.models.mono.efficientnet_lite import EfficientNetLite0
from leadline.models.mono.leadline_mono import LeadlineMono
from leadline.models.mono.prediction import MonoPrediction

_STAGE_WIDTHS: Final = (64, 64, 64, 32, 16)
"""Channels of leadline-mono's decoder at 1/32, 1/16, 1/8, 1/4 and 1/2."""
_ATTRACTORS: Final = (16, 8, 4, 1)
"""How many pull at the bins at 1/16, 1/8, 1/4 and 1/2."""
_WIDTH: Final = 64
_ALPHA: Final = 300.0
_NEAREST_M, _FARTHEST_M = 0.5, 40.0
"""Where the first and the last bin begin before training."""
_TEMPERATURES: Final = (0.02, 50.0)
_FIRST_TEMPERATURE: Final = 1.0


def attracted(
    centres: Float[Tensor, "b n h w"], attractors: Float[Tensor, "b a h w"], alpha: float = _ALPHA
) -> Float[Tensor, "b n h w"]:
    """Bin centres c moved by sum over the attractors a of (a - c) / (1 + alpha (a - c)^2).

    Args:
        centres: Metres.
        attractors: Metres.
        alpha: The larger, the shorter an attractor reaches, 1/m^2.
    Source: Bhat et al. 2023 (ZoeDepth), equation of the inverse attractor, with gamma 2.
    """
    moved = centres
    for attractor in attractors.split(1, dim=1):
        gap = attractor - centres
        moved = moved + gap / (1.0 + alpha * gap.square())
    return moved


def log_binomial(logit: Float[Tensor, "b 1 h w"], choices: Float[Tensor, " n"]) -> Float[Tensor, "b n h w"]:
    """Logarithms of the binomial probabilities of k = 0 .. n - 1 successes out of n - 1.

    Args:
        logit: Of the probability q of one success.
        choices: log of (n - 1 over k).
    Source: Bhat et al. 2023 (ZoeDepth), the log-binomial of section 3.
    """
    count = choices.shape[0]
    successes = torch.arange(count, device=logit.device, dtype=logit.dtype).view(1, -1, 1, 1)
    # log q is -softplus(-logit), log(1 - q) is -softplus(logit).
    failures = (count - 1) - successes
    return choices.view(1, -1, 1, 1) - successes * functional.softplus(-logit) - failures * functional.softplus(logit)


def _pointwise(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, _WIDTH, 1), nn.ReLU(), nn.Conv2d(_WIDTH, outputs, 1))


def _doubled(values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
    return functional.interpolate(values, scale_factor=2.0, mode="bilinear", align_corners=False)


class MetricBins(nn.Module):
    """Bins of depth at every pixel: seeded at the coarsest features, attracted at each finer ones, mixed at the finest.

    Args:
        widths: Channels of the features, coarsest first, each at twice the resolution of the one before.
        attractors: How many attractors there are at each but the coarsest.
        bins: Number of bins.
    Source: Bhat et al. 2023 (ZoeDepth), figure 2 and section 3.
    """

    def __init__(self, widths: tuple[int, ...], attractors: tuple[int, ...], bins: int) -> None:
        super().__init__()
        self.enter = nn.ModuleList(_pointwise(width, _WIDTH) for width in widths)
        self.seeds = _pointwise(_WIDTH, bins)
        self.attractors = nn.ModuleList(_pointwise(_WIDTH, count) for count in attractors)
        self.mixture = nn.Sequential(nn.Conv2d(widths[-1] + 1 + _WIDTH, _WIDTH, 1), nn.GELU(), nn.Conv2d(_WIDTH, 2, 1))
        choices = [math.lgamma(bins) - math.lgamma(k + 1) - math.lgamma(bins - k) for k in range(bins)]
        self.register_buffer("choices", torch.tensor(choices), persistent=False)
        first = torch.logspace(math.log10(_NEAREST_M), math.log10(_FARTHEST_M), bins)
        _set_bias(self.seeds, first.expm1().log())  # what a softplus makes them of
        for layer in self.attractors:
            _set_bias(layer, torch.linspace(1.0, 10.0, layer[-1].bias.shape[0]))  # pyright: ignore
        low, high = _TEMPERATURES
        share = (_FIRST_TEMPERATURE - low) / (high - low)
        _set_bias(self.mixture, torch.tensor([0.0, math.log(share / (1.0 - share))]))

    def forward(
        self, stages: list[Float[Tensor, "b _ _ _"]], relative: Float[Tensor, "b 1 h w"]
    ) -> Float[Tensor, "b 1 h w"]:
        """Depth in metres at the finest features.

        Args:
            stages: Features, coarsest first.
            relative: Inverse depth up to scale and shift, at the finest features.
        """
        coarsest, *finer = stages
        enter, *entries = self.enter
        embedding = enter(coarsest)
        centres = functional.softplus(self.seeds(embedding))
        for stage, entry, attractors in zip(finer, entries, self.attractors, strict=True):
            embedding = entry(stage) + _doubled(embedding)
            centres = attracted(_doubled(centres), functional.softplus(attractors(embedding)))
        logit, heat = self.mixture(torch.cat([finer[-1], relative, embedding], dim=1)).chunk(2, dim=1)
        low, high = _TEMPERATURES
        temperature = low + (high - low) * heat.sigmoid()
        choices: Tensor = self.choices  # pyright: ignore[reportAssignmentType]
        share = (log_binomial(logit, choices) / temperature).softmax(dim=1)
        return (share * centres).sum(dim=1, keepdim=True)


def _set_bias(layers: nn.Module, bias: Float[Tensor, " n"]) -> None:
    """Begins with these values wherever the image says nothing."""
    last = layers[-1]  # pyright: ignore
    with torch.no_grad():
        last.weight.mul_(0.1)
        last.bias.copy_(bias)


@final
class ZoeBins(nn.Module):
    """Metric bins on the decoder's features of leadline-mono, and on its relative depth.

    Args:
        bins: Number of bins.
    Source: Bhat et al. 2023 (ZoeDepth), the metric bins module.
    """

    input_stride = 32
    canonical = True

    def __init__(self, bins: int = 64) -> None:
        super().__init__()
        self.backbone = LeadlineMono()
        self.bins = MetricBins(_STAGE_WIDTHS, _ATTRACTORS, bins)

    @property
    def encoder(self) -> EfficientNetLite0:
        """Encoder that ImageNet weights are for."""
        return self.backbone.encoder

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> MonoPrediction:
        """Canonical inverse depth.

        Args:
            image: RGB in [0, 1]; height and width are multiples of 32.
        """
        stages = self.backbone.stages(image)
        with torch.autocast(image.device.type, enabled=False):
            stages = [stage.float() for stage in stages]
            depth = self.bins(stages, self.backbone.inverse_depth(stages[-1]))
            return MonoPrediction(self.backbone.enlarged(1.0 / depth, stages[-1]))
