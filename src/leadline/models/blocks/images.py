"""Images as networks want them."""

import torch
from jaxtyping import Float
from torch import Tensor


def centred(images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Values in [0, 1] to about zero mean and unit variance."""
    return images * 4.0 - 2.0


def six_channels(left: Float[Tensor, "b 3 h w"], right: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 6 h w"]:
    """A pair as one image, centred: the network must find out by itself that there is something to match."""
    return centred(torch.cat([left, right], dim=1))
