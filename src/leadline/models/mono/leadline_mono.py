"""leadline-mono: depth from one image on two laptop cores."""

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from leadline.models.blocks import Fusion, ResidualBlock, batch_conv, conv_relu, upsample2x
from leadline.models.mono.efficientnet_lite import LEVEL_CHANNELS, EfficientNetLite0
from leadline.models.mono.prediction import MonoPrediction
from leadline.ops import convex_upsample

_WIDTHS: Final = (16, 32, 64, 64, 64)
"""Channels of the decoder at 1/2, 1/4, 1/8, 1/16 and 1/32."""


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

    def stages(self, image: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b _ _ _"]]:
        """The decoder's features at 1/32, 1/16, 1/8, 1/4 and 1/2, of 64, 64, 64, 32 and 16 channels.

        Args:
            image: RGB in [0, 1]; height and width are multiples of 32.
        """
        *skips, coarsest = self.encoder(image)
        scene = self.scene(functional.adaptive_avg_pool2d(coarsest, 1))
        stages: list[Tensor] = [self.refine(self.deepest(coarsest) + scene)]
        for fusion, skip in zip(self.fusions, reversed(skips), strict=True):
            stages.append(fusion(stages[-1], skip))
        return stages

    def enlarged(
        self, half: Float[Tensor, "b 1 h w"], features: Float[Tensor, "b c h w"]
    ) -> Float[Tensor, "b 1 2*h 2*w"]:
        """A map at 1/2 in full resolution, by weights that the last stage's features tell."""
        return convex_upsample(half, self.mask(features.float()), 2)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> MonoPrediction:
        """Inverse depth and confidence.

        Args:
            image: RGB in [0, 1]; height and width are multiples of 32.
        """
        *_, quarter, features = self.stages(image)
        # Never let an inverse depth be rounded to bfloat16: far surfaces would become steps.
        with torch.autocast(image.device.type, enabled=False):
            inverse_depth = self.enlarged(self.inverse_depth(features.float()), features)
        # Detached: who judges the depth must not change it.
        context = upsample2x(self.confidence_quarter(quarter.detach()))
        confidence = self.confidence(functional.relu(self.confidence_half(features.detach()) + context))
        # Reshaped, since ONNX Runtime would carry 15 empty channels from the convolution into the upsampling.
        confidence = confidence.float().flatten(0, 1).unsqueeze(0)
        confidence = functional.interpolate(confidence, scale_factor=2.0, mode="bilinear", align_corners=False)
        return MonoPrediction(inverse_depth, confidence.transpose(0, 1))
