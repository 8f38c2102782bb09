"""Frames, cameras and flows at the sizes at which networks say their maps."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def resized(image: Float[Tensor, "b c h w"], size: Sequence[int]) -> Float[Tensor, "b c h2 w2"]:
    """A smaller image: each pixel is the mean of the area that it covers.

    Args:
        image: Any map.
        size: Height and width.
    """
    return image if tuple(image.shape[2:]) == tuple(size) else functional.interpolate(image, size=size, mode="area")


def scaled_intrinsics(intrinsics: Float[Tensor, "b 3 3"], scale_y: float, scale_x: float) -> Float[Tensor, "b 3 3"]:
    """Camera matrices of frames that were resized; pixel centres shift, c' = (c + 0.5) s - 0.5.

    Args:
        intrinsics: Camera matrices.
        scale_y: Height afterwards over height before.
        scale_x: Width, likewise.
    """
    scale = intrinsics.new_tensor([[scale_x], [scale_y], [1.0]])
    shift = intrinsics.new_zeros(3, 3)
    shift[:2, 2] = 0.5
    return (intrinsics + shift) * scale - shift


def at_size(
    frames: Sequence[Float[Tensor, "b 3 h w"]], intrinsics: Float[Tensor, "b 3 3"], size: Sequence[int]
) -> tuple[list[Float[Tensor, "b 3 h2 w2"]], Float[Tensor, "b 3 3"]]:
    """Frames and their camera at a smaller size.

    Args:
        frames: Frames of one size.
        intrinsics: Camera matrix at that size.
        size: Height and width.
    """
    height, width = frames[0].shape[2:]
    camera = scaled_intrinsics(intrinsics, size[0] / height, size[1] / width)
    return [resized(frame, size) for frame in frames], camera
