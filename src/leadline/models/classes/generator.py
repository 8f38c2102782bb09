"""What generators of images of classes have in common, and how they draw."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from leadline.errors import InputError
from leadline.models.blocks.diffusion import denoised
from leadline.models.catalog import build_model
from leadline.models.checkpoint import averaged_weights

METHOD = "classes"
"""Of the recipes that train generators."""


@runtime_checkable
class ClassNetwork(Protocol):
    """A network that says the velocity of a noisy code of an image of a class, and translates codes and images."""

    classes: int
    side: int
    channels: int
    code_shape: Sequence[int]
    largest: float
    weight: Tensor

    def fit(self, images: Float[Tensor, "n c h w"], /) -> None:
        """Measures what it needs of the images that will be learnt from, in [-1, 1]."""
        ...

    def encode(self, images: Float[Tensor, "b c h w"], /) -> Float[Tensor, "b *code"]:
        """Codes of images in [-1, 1]."""
        ...

    def decode(self, code: Float[Tensor, "b *code"], generator: torch.Generator, /) -> Float[Tensor, "b c h w"]:
        """Images of codes."""
        ...

    def __call__(
        self, noisy: Float[Tensor, "b *code"], step: Int[Tensor, " b"], label: Int[Tensor, " b"], /
    ) -> Float[Tensor, "b *code"]:
        """The velocity; the label `classes` stands for any class."""
        ...


@torch.no_grad()
def draw_classes(
    network: ClassNetwork, labels: Int[Tensor, " b"], generator: torch.Generator, steps: int = 25, guidance: float = 0.0
) -> UInt8[Tensor, "b h w c"]:
    """Images of classes.

    Args:
        network: The generator.
        labels: Class of each image.
        generator: Of the noise, on the CPU, so that all devices start alike.
        steps: Of denoising, from 1 to 1000.
        guidance: How far the velocity is moved away from that of any class: 0 draws what was learnt, more draws clearer
            images that vary less.
    Source: Ho and Salimans 2022, "Classifier-Free Diffusion Guidance", equation 6.
    """
    labels = labels.to(network.weight.device)
    anything = torch.full_like(labels, network.classes)

    def velocity_of(code: Tensor, step: Tensor) -> Tensor:
        towards = network(code, step, labels)
        return towards if guidance == 0.0 else (1.0 + guidance) * towards - guidance * network(code, step, anything)

    start = torch.randn((len(labels), *network.code_shape), generator=generator).to(labels.device)
    images = network.decode(denoised(velocity_of, start, steps, network.largest), generator)
    return ((images.clamp(-1.0, 1.0) + 1.0) * 127.5).round().byte().permute(0, 2, 3, 1).cpu()


def load_class_network(checkpoint: Path) -> ClassNetwork:
    """The averaged network of a run of the method `classes`.

    Raises:
        InputError: If the file is not the checkpoint of such a run.
        MissingExtraError: If diffusers is not installed.
    """
    recipe, weights = averaged_weights(checkpoint)
    if recipe.get("method") != METHOD:
        raise InputError(f"expected a run of method: {METHOD} in {checkpoint}, got {recipe.get('method')!r}")
    network = build_model(recipe["model"], recipe["model_options"])
    network.load_state_dict(weights)
    return cast(ClassNetwork, cast(Any, network).eval()) if isinstance(network, nn.Module) else network
