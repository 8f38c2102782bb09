"""A network for single images as its users call it: any size in, depth and any confidence out."""

import math
from collections.abc import Sequence
from typing import Final, cast

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from leadline.maps import DepthKind
from leadline.models.mono.prediction import DistanceModel, MonoModel, MonoPrediction

WORKING_AREAS_PX: Final = (192 * 256, 160 * 224)
"""What networks are trained for, and a little less, where they see more of the whole scene: the mean errs less."""
_LEAST: Final = 1e-6
"""Inverse depth below which a distance stays what it is."""


class MonoInference(nn.Module):
    """A network with its pre- and post-processing, used alike in validation and in the exported graph.

    Without a camera, not even canonical depth is metric: its kind is up_to_scale then too.

    Args:
        model: A network for single images, which is a torch module.
        areas_px: About how many pixels the network sees of an image, whatever its size and shape; the result is the
            mean over these areas.
    """

    def __init__(self, model: MonoModel, areas_px: Sequence[int] = WORKING_AREAS_PX) -> None:
        super().__init__()
        self.model = cast(nn.Module, model)
        self.stride = model.input_stride
        distance = isinstance(model, DistanceModel)
        self.kind: DepthKind = "up_to_scale" if distance else "affine_inverse"
        self.canonical = distance and model.canonical
        self.sides_milli = [round(1000.0 * math.sqrt(area_px) / self.stride) for area_px in areas_px]

    def working_sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """Heights and widths that the network sees: of its areas and the image's shape, multiples of the stride.

        The root of the shape h/w is taken as (w + 3 h) / (3 w + h), since graphs compute sizes in whole numbers: off by
        1 % at 2:1, and at 10:1 the image is seen half as elongated as it is, but with all its area.
        """
        tall, wide = width + 3 * height, height + 3 * width
        # Nearest whole number of strides: (2 n + d) // (2 d) of n / d.
        return [
            (
                (2 * side_milli * tall + 1000 * wide) // (2000 * wide) * self.stride,
                (2 * side_milli * wide + 1000 * tall) // (2000 * tall) * self.stride,
            )
            for side_milli in self.sides_milli
        ]

    def forward(self, image: UInt8[Tensor, "h w 3"]) -> tuple[Float[Tensor, "h w"], Float[Tensor, "h w"] | None]:
        """Depth of this kind, and P(depth within 10 %) in [0, 1] if the network judges itself.

        Returns:
            Inverse depth up to scale and shift, or the depth of a `DistanceModel`: metres over the camera's relative
            focal length if it is canonical.
        """
        height, width = image.shape[0], image.shape[1]
        rgb = image.permute(2, 0, 1).unsqueeze(0).float() / 255.0
        said = [self._said(rgb, size) for size in self.working_sizes(height, width)]
        values = torch.stack([_at_size(inverse_depth, height, width) for inverse_depth, _ in said]).mean(dim=0)
        if self.kind == "up_to_scale":
            values = 1.0 / values.clamp_min(_LEAST)
        sure = [_at_size(confidence, height, width) for _, confidence in said if confidence is not None]
        return values, torch.stack(sure).mean(dim=0) if sure else None

    def _said(
        self, rgb: Float[Tensor, "1 3 h w"], size: tuple[int, int]
    ) -> tuple[Float[Tensor, "1 1 h2 w2"], Float[Tensor, "1 1 h2 w2"] | None]:
        """Inverse depth and any confidence of an image seen at a size."""
        rgb = functional.interpolate(rgb, size=size, mode="bilinear", align_corners=False, antialias=True)
        # A mirrored scene is as likely as the scene, so the mean of what is said of both errs less than either.
        prediction = cast(MonoPrediction, self.model(torch.cat([rgb, rgb.flip(3)])))
        inverse_depth, logit = _mean_of_mirrored(prediction.inverse_depth), prediction.confidence_logit
        return inverse_depth, None if logit is None else _mean_of_mirrored(logit.sigmoid())


def _mean_of_mirrored(layers: Float[Tensor, "2 1 h w"]) -> Float[Tensor, "1 1 h w"]:
    """Mean of the predictions for an image and for its mirror image."""
    return 0.5 * (layers[:1] + layers[1:].flip(3))


def _at_size(layer: Float[Tensor, "1 1 h w"], height: int, width: int) -> Float[Tensor, "h2 w2"]:
    return functional.interpolate(layer, size=(height, width), mode="bilinear", align_corners=False)[0, 0]
