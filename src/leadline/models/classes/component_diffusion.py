"""A network that draws images of a class by diffusion of their principal components: for minutes on a CPU."""

import math
from typing import Final, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from leadline.errors import InputError
from leadline.models.blocks.diffusion import DIFFUSION_STEPS

_STEP_CODES: Final = 64
_FREQUENCIES: Final = (1.0, 200.0)
_LEAST_DEVIATION: Final = 1e-3


class ComponentDiffusion(nn.Module):
    """A residual network without convolutions that says the velocity of noisy principal components.

    The components with the largest variance are denoised, each in units of its own deviation. What they leave of an
    image is drawn as noise with the deviation that it has at each pixel. So the network is far faster than a U-Net on
    images of 28x28 pixels; for large images or fine structure take the U-Net.

    Args:
        classes: How many.
        side: Height and width of the images.
        channels: 1 for grey, 3 for RGB.
        components: How many are denoised.
        width: Features of the network.
        blocks: Residual blocks.
    Raises:
        InputError: If the sizes do not fit.
    Source: Rombach et al. 2022 (diffusion of codes instead of pixels); Peebles and Xie 2023 (blocks whose normalisation
        the step and the class steer).
    """

    mean: Tensor
    basis: Tensor
    deviation: Tensor
    rest: Tensor
    weight: Tensor

    def __init__(
        self, classes: int, side: int = 28, channels: int = 1, components: int = 200, width: int = 320, blocks: int = 3
    ) -> None:
        super().__init__()
        if classes < 2 or channels not in (1, 3) or min(side, width, blocks) < 1:
            raise InputError(
                f"expected at least 2 classes, 1 or 3 channels and positive sizes, got {classes} classes, {channels} "
                f"channels, side {side}, width {width} and {blocks} blocks"
            )
        pixels = channels * side**2
        if not 1 <= components <= pixels:
            raise InputError(f"expected from 1 to {pixels} components of images of {pixels} values, got {components}")
        self.classes, self.side, self.channels = classes, side, channels
        self.code_shape, self.largest = (components,), 5.0
        self.register_buffer("mean", torch.zeros(pixels))
        self.register_buffer("basis", torch.zeros(pixels, components))
        self.register_buffer("deviation", torch.ones(components))
        self.register_buffer("rest", torch.zeros(pixels))
        self.register_buffer("weight", torch.ones(components))
        self.enter = nn.Linear(components, width)
        self.step_code = nn.Linear(_STEP_CODES, width)
        self.class_code = nn.Embedding(classes + 1, width)  # the last one stands for any class
        self.blocks = nn.ModuleList(_Block(width) for _ in range(blocks))
        self.leave = nn.Linear(width, components)
        nn.init.zeros_(self.leave.weight)

    @torch.no_grad()
    def fit(self, images: Float[Tensor, "n c h w"]) -> None:
        """Measures the components of the images that will be learnt from.

        Args:
            images: In [-1, 1], more of them than components.
        Raises:
            InputError: If there are fewer images than components.
        """
        components = self.code_shape[0]
        if len(images) <= components:
            raise InputError(
                f"expected more images than the {components} components, got {len(images)}; set components in the "
                "recipe's model_options to less"
            )
        flat = images.flatten(1).double()
        mean = flat.mean(dim=0)
        # Eigenvectors of the covariance: pixels are fewer than images, as a rule.
        covariance = (flat - mean).T @ (flat - mean) / len(flat)
        values, vectors = torch.linalg.eigh(covariance)
        basis = vectors.flip(1)[:, :components]
        left = (flat - mean) - (flat - mean) @ basis @ basis.T
        deviation = values.flip(0)[:components].clamp_min(0.0).sqrt().clamp_min(_LEAST_DEVIATION)
        for name, value in (
            ("mean", mean), ("basis", basis), ("deviation", deviation), ("rest", left.std(dim=0)),
            ("weight", deviation / deviation.mean()),
        ):  # fmt: skip
            cast(Tensor, getattr(self, name)).copy_(value.float())

    def encode(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k"]:
        """Components of images, in their deviations."""
        return (images.flatten(1) - self.mean) @ self.basis / self.deviation

    def decode(self, code: Float[Tensor, "b k"], generator: torch.Generator) -> Float[Tensor, "b c h w"]:
        """Images of components, with noise where the components say nothing."""
        noise = self.rest * torch.randn((len(code), len(self.rest)), generator=generator).to(code)
        noise = noise - noise @ self.basis @ self.basis.T
        flat = self.mean + (code * self.deviation) @ self.basis.T + noise
        return flat.view(-1, self.channels, self.side, self.side)

    def forward(
        self, noisy: Float[Tensor, "b k"], step: Int[Tensor, " b"], label: Int[Tensor, " b"]
    ) -> Float[Tensor, "b k"]:
        """The velocity.

        Args:
            noisy: Components with noise.
            step: How noisy: 0 hardly, 999 nothing but noise.
            label: Number of the class; `classes` for any.
        """
        low, high = (math.log(value) for value in _FREQUENCIES)
        frequencies = torch.linspace(low, high, _STEP_CODES // 2, device=noisy.device).exp()
        angles = (step[:, None] + 1.0) / DIFFUSION_STEPS * frequencies
        steered = functional.silu(self.step_code(torch.cat([angles.sin(), angles.cos()], 1)) + self.class_code(label))
        features = self.enter(noisy)
        for block in self.blocks:
            features = block(features, steered)
        return self.leave(features)


class _Block(nn.Module):
    """Adds gated features of the features, whose normalisation is steered."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.steer = nn.Linear(width, 2 * width)
        self.widen = nn.Linear(width, 2 * width)
        self.narrow = nn.Linear(width, width)

    def forward(self, features: Float[Tensor, "b w"], steered: Float[Tensor, "b w"]) -> Float[Tensor, "b w"]:
        gain, shift = self.steer(steered).chunk(2, dim=1)
        gate, value = self.widen(self.norm(features) * (1.0 + gain) + shift).chunk(2, dim=1)
        return features + self.narrow(functional.silu(gate) * value)
