"""A stereo network as its users call it: images of any size in, disparity and any confidence out."""

from fractions import Fraction
from typing import Literal, cast

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from leadline.models.stereo.prediction import StereoModel, StereoPrediction


class StereoInference(nn.Module):
    """A network with its pre- and post-processing, used alike in validation and in the exported graph.

    Args:
        model: A stereo network, which is a torch module.
        enlarge: How much larger the network sees the images: finer for more work. A fraction of small numbers, at
            least 1.
    """

    def __init__(self, model: StereoModel, enlarge: float = 1.0) -> None:
        super().__init__()
        self.model = cast(nn.Module, model)
        self.stride = model.input_stride
        self.guided = bool(getattr(model, "guided", False))
        self.enlarge = Fraction(enlarge).limit_denominator(8)
        self.max_disparity = int(model.max_disparity / self.enlarge)

    def forward(
        self,
        left: UInt8[Tensor, "h w 3"],
        right: UInt8[Tensor, "h w 3"],
        prior: Float[Tensor, "h w"] | None = None,
        prior_valid: UInt8[Tensor, "h w"] | None = None,
    ) -> tuple[Float[Tensor, "h w"], Float[Tensor, "h w"] | None]:
        """Disparity in px, and P(|error| < 1 px) in [0, 1] if the network judges itself; at the images' size.

        Args:
            left: RGB.
            right: The right image.
            prior: Disparity of another matcher, px, filled where it is invalid; for a guided network only.
            prior_valid: 1 where that matcher stands by its value, else 0.
        """
        pair = torch.stack([left, right]).permute(0, 3, 1, 2).float() / 255.0
        pair = padded(self._enlarged(pair, "bilinear"), self.stride)
        inputs: tuple[Tensor, ...] = ()
        if prior is not None and prior_valid is not None:
            layers = torch.stack([prior * float(self.enlarge), prior_valid.float()])[None]
            inputs = padded(self._enlarged(layers, "nearest"), self.stride).chunk(2, dim=1)
        prediction = cast(StereoPrediction, self.model(pair[:1], pair[1:], *inputs))
        disparity = self._at_size(prediction.disparity / float(self.enlarge), left)
        if prior is not None and prior_valid is not None:
            disparity = averaged(disparity, prior, prior_valid)
        if prediction.confidence_logit is None:
            return disparity, None
        return disparity, self._at_size(prediction.confidence_logit.sigmoid(), left)

    def _enlarged(self, layers: Float[Tensor, "b c h w"], mode: Literal["bilinear", "nearest"]) -> Tensor:
        """Whole multiples of the fraction first, so that every pixel grows alike."""
        if self.enlarge == 1:
            return layers
        over, under = self.enlarge.numerator, self.enlarge.denominator
        layers = padded(layers, under)
        size = layers.shape[2] // under * over, layers.shape[3] // under * over
        return functional.interpolate(layers, size=size, mode=mode, align_corners=None if mode == "nearest" else False)

    def _at_size(self, layer: Float[Tensor, "1 1 h2 w2"], image: UInt8[Tensor, "h w 3"]) -> Float[Tensor, "h w"]:
        """A layer of the enlarged image, at the size of the image itself."""
        height, width = image.shape[0], image.shape[1]
        if self.enlarge != 1:
            over, under = self.enlarge.numerator, self.enlarge.denominator
            # Not -(-side // under): in ONNX a division of a negative number rounds the other way.
            rows, columns = ((side + under - 1) // under for side in (height, width))
            layer = functional.interpolate(
                layer[:, :, : rows * over, : columns * over],
                size=(rows * under, columns * under),
                mode="bilinear",
                align_corners=False,
            )
        return layer[0, 0, :height, :width]


def averaged(
    disparity: Float[Tensor, "h w"], prior: Float[Tensor, "h w"], prior_valid: UInt8[Tensor, "h w"]
) -> Float[Tensor, "h w"]:
    """The mean of a network's disparity and of a matcher's where they agree: their sub-pixel errors are independent.

    Args:
        disparity: The network's, px.
        prior: The matcher's, px.
        prior_valid: 1 where the matcher stands by its value, else 0.
    Returns:
        The mean where they differ by at most 1/2 px, less and less of the prior up to 1 px, the network's beyond.
    """
    difference = prior - disparity
    share = 0.5 * (2.0 - 2.0 * difference.abs()).clamp(0.0, 1.0)
    return disparity + share * prior_valid.to(disparity.dtype) * difference


def padded(images: Float[Tensor, "b c h w"], multiple: int) -> Float[Tensor, "b c h2 w2"]:
    """Repeats the last row and column until both sides are whole multiples."""
    rows, columns = -images.shape[2] % multiple, -images.shape[3] % multiple
    return functional.pad(images, (0, columns, 0, rows), mode="replicate")
