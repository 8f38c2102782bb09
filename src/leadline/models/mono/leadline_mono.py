"""leadline-mono: depth from one picture on two laptop cores."""

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from leadline.models.blocks import ResidualBlock, batch_conv, conv_relu, double
from leadline.models.mono.efficientnet_lite import LEVEL_CHANNELS, EfficientNetLite0
from leadline.models.mono.prediction import MonoPrediction
from leadline.ops import convex_upsample

_WIDTHS: Final = (16, 32, 64, 64, 64)
"""Channels of the decoder at 1/2, 1/4, 1/8, 1/16 and 1/32."""


class Fusion(nn.Module):
    """Joins what comes from the coarser resolution with what the encoder saw at this one.

    Args:
        coarse: Channels from the coarser resolution.
        skip: Channels of the encoder.
        width: Channels that go out.
    Source: Lin et al. 2017 (RefineNet) as lightened in Ranftl et al. 2020 (MiDaS); here with batch norm.
    """

    def __init__(self, coarse: int, skip: int, width: int) -> None:
        super().__init__()
        self.coarse = nn.Conv2d(coarse, width, 1)
        self.skip = nn.Conv2d(skip, width, 1)
        self.enter = batch_conv(width, width)
        self.refine = ResidualBlock(width, width)

    def forward(self, coarse: Float[Tensor, "b c hc wc"], skip: Float[Tensor, "b k h w"]) -> Float[Tensor, "b n h w"]:
        """Features at the skip's resolution, twice the coarser one."""
        joined = self.skip(skip) + double(self.coarse(coarse))
        return self.refine(self.enter(joined))


class LeadlineMono(nn.Module):
    """EfficientNet-Lite0, a narrow RefineNet decoder up to 1/2, convex upsampling.

    It knows nothing of the camera: its inverse depth has any scale and shift.
    """

    input_stride = 32

    def __init__(self) -> None:
        super().__init__()
        half, quarter, *_, deepest = _WIDTHS
        self.encoder = EfficientNetLite0()
        self.deepest = conv_relu(LEVEL_CHANNELS[-1], deepest, kernel=1, norm=nn.BatchNorm2d(deepest))
        self.scene = nn.Conv2d(LEVEL_CHANNELS[-1], deepest, 1)
        self.refine = ResidualBlock(deepest, deepest)
        self.fusions = nn.ModuleList(
            Fusion(_WIDTHS[level + 1], LEVEL_CHANNELS[level], _WIDTHS[level]) for level in (3, 2, 1, 0)
        )
        self.inverse_depth = nn.Sequential(batch_conv(half, half), nn.Conv2d(half, 1, 3, padding=1))
        self.mask = nn.Conv2d(half, 36, 1)
        self.confidence_half = nn.Conv2d(half, half, 3, padding=1)
        self.confidence_quarter = nn.Conv2d(quarter, half, 3, padding=1)
        self.confidence = nn.Conv2d(half, 1, 1)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> MonoPrediction:
        """Inverse depth and confidence.

        Args:
            image: RGB in [0, 1]; height and width are multiples of 32.
        """
        *skips, coarsest = self.encoder(image)
        scene = self.scene(functional.adaptive_avg_pool2d(coarsest, 1))
        features = self.refine(self.deepest(coarsest) + scene)
        stages: list[Tensor] = []
        for fusion, skip in zip(self.fusions, reversed(skips), strict=True):
            features = fusion(features, skip)
            stages.append(features)
        # Never let an inverse depth be rounded to bfloat16: far surfaces would become steps.
        with torch.autocast(image.device.type, enabled=False):
            half = self.inverse_depth(features.float())
            inverse_depth = convex_upsample(half, self.mask(features.float()), 2)
        # Detached: who judges the depth must not change it.
        context = double(self.confidence_quarter(stages[-2].detach()))
        confidence = self.confidence(functional.relu(self.confidence_half(features.detach()) + context))
        # Reshaped, since ONNX Runtime would carry 15 empty channels from the convolution into the upsampling.
        confidence = confidence.float().flatten(0, 1).unsqueeze(0)
        confidence = functional.interpolate(confidence, scale_factor=2.0, mode="bilinear", align_corners=False)
        return MonoPrediction(inverse_depth, confidence.transpose(0, 1))
