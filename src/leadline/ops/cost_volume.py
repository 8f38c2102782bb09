"""Cost volumes: how alike are a left pixel and each of its candidates in the right picture."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def correlation_volume(
    left: Float[Tensor, "b c h w"], right: Float[Tensor, "b c h w"], disparities: int
) -> Float[Tensor, "b {disparities} h w"]:
    """Inner product of each left feature with the right features on its row: V(d, y, x) = <L(y, x), R(y, x - d)>.

    One matrix product per row compares every pair of columns; the wanted band of that matrix is cut out by
    padding and reshaping, so there is neither a gather nor a loop over disparities, in torch or in ONNX.

    Args:
        left: Features of the left picture; normalise them over channels for a cosine volume.
        right: Features of the right picture.
        disparities: Number of candidates d = 0, 1, ... in pixels of the features.
    Returns:
        The volume; 0 where x - d < 0.
    Source: FlowNetC (Dosovitskiy et al. 2015), restricted to a row as in DispNetC (Mayer et al. 2016).
    """
    batch, _, height, width = left.shape
    stride = width + disparities
    # Column j of `mirrored` holds right column width - 1 - j, so the band starts at column width - 1 - x of row x.
    mirrored = right.flip(3).permute(0, 2, 1, 3)
    similarity = left.permute(0, 2, 3, 1) @ mirrored
    padded = functional.pad(similarity, (0, disparities)).reshape(batch, height, width * stride)
    skewed = padded[:, :, width - 1 : width - 1 + width * (stride - 1)].reshape(batch, height, width, stride - 1)
    return skewed[:, :, :, :disparities].permute(0, 3, 1, 2)
