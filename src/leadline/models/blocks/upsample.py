"""Two ways to a higher resolution."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def upsample2x(features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c 2*h 2*w"]:
    """Every pixel becomes 2x2 of its kind."""
    if torch.compiler.is_exporting():  # ONNX Runtime is fast at this one, but its compiled gradient is a slow scatter
        return functional.interpolate(features, scale_factor=2.0, mode="nearest")
    batch, channels, height, width = features.shape
    tiles = features.view(batch, channels, height, 1, width, 1).expand(-1, -1, -1, 2, -1, 2)
    return tiles.reshape(batch, channels, 2 * height, 2 * width)


def enlarge(values: Float[Tensor, "b c h w"], factor: int) -> Float[Tensor, "b c {factor}*h {factor}*w"]:
    """Bilinear between coarse pixels of which number i lies on fine pixel `factor` * i.

    That is where convolutions with stride 2 leave them. An interpolation that takes pixels for squares lays pixel i
    on `factor` * (i + 1/2) - 1/2 instead, and shifts the map by (`factor` - 1) / 2 pixels.

    Args:
        values: Coarse map; beyond its last row and column these are repeated. The values are not rescaled.
        factor: How much larger the fine map is.
    """
    height, width = values.shape[2:]
    # By hand: the gradient of a replicating pad is a slow scatter.
    padded = torch.cat([values, values[:, :, -1:]], dim=2)
    padded = torch.cat([padded, padded[..., -1:]], dim=3)
    size = (factor * height + 1, factor * width + 1)
    fine = functional.interpolate(padded, size=size, mode="bilinear", align_corners=True)
    return fine[:, :, :-1, :-1]
