"""A network for single pictures as its users call it: any size in, depth and any confidence out."""

import math
from typing import Final, cast

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from leadline.maps import DepthKind
from leadline.models.mono.prediction import DistanceModel, MonoModel, MonoPrediction

WORKING_AREA_PX: Final = 192 * 256
"""What the network is made for: finer pictures are shrunk, coarser ones enlarged."""
_LEAST: Final = 1e-6
"""Inverse depth below which a distance stays what it is."""


class DeployedMono(nn.Module):
    """A network with its pre- and post-processing, used alike in validation and in the exported graph.

    Without a camera, not even canonical depth is metric: its kind is up_to_scale then too.

    Args:
        model: A network for single pictures, which is a torch module.
        area_px: About how many pixels the network sees of a picture, whatever its size and shape.
    """

    def __init__(self, model: MonoModel, area_px: int = WORKING_AREA_PX) -> None:
        super().__init__()
        self.model = cast(nn.Module, model)
        self.stride = model.input_stride
        distance = isinstance(model, DistanceModel)
        self.kind: DepthKind = "up_to_scale" if distance else "affine_inverse"
        self.canonical = distance and model.canonical
        self.side_milli = round(1000.0 * math.sqrt(area_px) / self.stride)

    def working_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width that the network sees: of about its area and the picture's shape, multiples of the stride.

        The root of the shape h/w is taken as (w + 3 h) / (3 w + h), since graphs compute sizes in whole numbers: off by
        1 % at 2:1, and at 10:1 the picture is seen half as elongated as it is, but with all its area.
        """
        tall, wide = width + 3 * height, height + 3 * width
        # Nearest whole number of strides: (2 n + d) // (2 d) of n / d.
        rows = (2 * self.side_milli * tall + 1000 * wide) // (2000 * wide)
        columns = (2 * self.side_milli * wide + 1000 * tall) // (2000 * tall)
        return rows * self.stride, columns * self.stride

    def forward(self, image: UInt8[Tensor, "h w 3"]) -> tuple[Float[Tensor, "h w"], Float[Tensor, "h w"] | None]:
        """Depth of this kind, and P(depth within 10 %) in [0, 1] if the network judges itself.

        Returns:
            Inverse depth up to scale and shift, or the depth of a `DistanceModel`: metres over the camera's relative
            focal length if it is canonical.
        """
        height, width = image.shape[0], image.shape[1]
        picture = image.permute(2, 0, 1).unsqueeze(0).float() / 255.0
        size = self.working_size(height, width)
        picture = functional.interpolate(picture, size=size, mode="bilinear", align_corners=False, antialias=True)
        # A mirrored scene is as likely as the scene, so the mean of what is said of both errs less than either.
        prediction = cast(MonoPrediction, self.model(torch.cat([picture, picture.flip(3)])))
        values = _at_size(_mean_of_mirrored(prediction.inverse_depth), height, width)
        if self.kind == "up_to_scale":
            values = 1.0 / values.clamp_min(_LEAST)
        if prediction.confidence_logit is None:
            return values, None
        return values, _at_size(_mean_of_mirrored(prediction.confidence_logit.sigmoid()), height, width)


def _mean_of_mirrored(layers: Float[Tensor, "2 1 h w"]) -> Float[Tensor, "1 1 h w"]:
    """What is said of a picture, and of its mirror image."""
    return 0.5 * (layers[:1] + layers[1:].flip(3))


def _at_size(layer: Float[Tensor, "1 1 h w"], height: int, width: int) -> Float[Tensor, "h2 w2"]:
    return functional.interpolate(layer, size=(height, width), mode="bilinear", align_corners=False)[0, 0]
