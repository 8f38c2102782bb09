"""External networks as torch modules with their processing inside: for training, saving and export."""

import copy
import shutil
import warnings
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, cast, final

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from leadline.errors import InputError, MissingExtraError
from leadline.maps import DepthKind
from leadline.models.zoo import depth_pro
from leadline.models.zoo.cards import ZooCard
from leadline.models.zoo.dense import load_parts, run_network
from leadline.models.zoo.pretrained import enlarged, quiet
from leadline.runtime.onnx_card import SizeRule

_BACKBONES: Final[Mapping[str, str]] = {
    "depth_anything": "backbone",
    "prompt_depth_anything": "backbone",
    "dpt": "dpt",
    "zoedepth": "backbone",
    "depth_pro": "depth_pro.encoder",
    "glpn": "glpn",
}
"""Family -> the part that was pretrained on far more images than the rest; all that can be trained."""
_PROCESSING: Final = "preprocessor_config.json"
_LEAST_STD: Final = 1e-6


@final
class ZooNetwork(nn.Module):
    """A network of the zoo that takes plain images.

    Args:
        network: The library's, perhaps with adapters.
        card: What is known of it.
        size: At which size it wants to see an image.
        mean: Of RGB in [0, 1], subtracted.
        std: What the difference is divided by.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, network: nn.Module, card: ZooCard, size: SizeRule, mean: Float[Tensor, " 3"], std: Float[Tensor, " 3"]
    ) -> None:
        super().__init__()
        self.network, self.card, self.size = network, card, size
        self.register_buffer("mean", mean.view(3, 1, 1), persistent=False)
        self.register_buffer("std", std.view(3, 1, 1), persistent=False)

    @property
    def plain(self) -> Any:  # noqa: ANN401 - the library's classes have no common type
        """The library's network itself; where there are adapters, they are inside its layers."""
        network: Any = self.network
        return network.get_base_model() if hasattr(network, "get_base_model") else network

    @property
    def kind(self) -> DepthKind:
        """Meaning of its numbers."""
        return self.card.kind

    @property
    def farthest_m(self) -> float | None:
        """The farthest depth that it can give; None without metres, without a bound, or where a prompt gives it."""
        config = self.plain.config
        if self.kind != "metric" or self.card.family in ("prompt_depth_anything", "depth_pro"):
            return None
        if self.card.family == "zoedepth":
            return float(max(bins["max_depth"] for bins in config.bin_configurations))
        return float(config.max_depth)

    def forward(
        self, image: Float[Tensor, "b 3 h w"], prompt_m: Float[Tensor, "b 1 _ _"] | None = None
    ) -> Float[Tensor, "b h w"]:
        """Numbers of the card's kind.

        Args:
            image: RGB in [0, 1]; sides are multiples of `size.multiple_of`; any for Depth Pro, which brings them to its
                own.
            prompt_m: Coarse depth of the same views, metres, all of it known, for a network that takes it.
        """
        pixels = (image - self.mean) / self.std
        if self.card.family == "depth_anything":
            return _depth_anything(self.plain, pixels)
        if self.card.family == "depth_pro":
            return depth_pro.metres(self.plain, pixels, self.size.applied(*image.shape[2:]))
        depth: Tensor = run_network(self.plain, pixels, prompt_m).predicted_depth
        if self.card.family == "zoedepth":  # its answer is smaller than what it sees
            depth = functional.interpolate(depth[:, None], image.shape[2:], mode="bilinear", align_corners=False)[:, 0]
        return depth

    def depth(
        self, image: UInt8[Tensor, "h w 3"], prompt_m: Float[Tensor, "_ _"] | None = None
    ) -> Float[Tensor, "h w"]:
        """Numbers of the card's kind for an image of any size, brought to the network's size as a card of ours says.

        Args:
            image: RGB.
            prompt_m: As for `forward`.
        """
        height, width = image.shape[:2]
        pixels = image.to(self.mean.device).permute(2, 0, 1)[None].float() / 255.0
        resizes_itself = self.card.family == "depth_pro"
        if not resizes_itself and (seen := self.size.applied(height, width)) != (height, width):
            pixels = functional.interpolate(pixels, seen, mode="bicubic", align_corners=False)
        prompt = None if prompt_m is None else prompt_m.to(pixels.device)[None, None]
        return enlarged(self(pixels, prompt)[0], (height, width), "bilinear")

    def resized(self, size: SizeRule) -> "ZooNetwork":
        """The same weights behind another rule for the size."""
        return ZooNetwork(self.network, self.card, size, self.mean, self.std)

    def backbone(self) -> nn.Module:
        """The part that was pretrained on far more images than the rest."""
        return self.plain.get_submodule(_BACKBONES[self.card.family])


def _depth_anything(network: Any, pixels: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b h w"]:  # noqa: ANN401 - as above
    """The library's own forward pass, without its rounding of sizes that no graph for all images can have."""
    grid = tuple(side // network.config.patch_size for side in pixels.shape[2:])
    features = network.backbone.forward_with_filtered_kwargs(pixels).feature_maps
    head = network.head
    states = head.conv1(network.neck(features, *grid)[head.head_in_index])
    states = functional.interpolate(states, pixels.shape[2:], mode="bilinear", align_corners=True)
    return head.activation2(head.conv3(head.activation1(head.conv2(states)))).squeeze(1) * head.max_depth


def require_trainable(card: ZooCard) -> None:
    """Refuses networks that leadline cannot train.

    Raises:
        InputError: If it is one.
    """
    if card.family not in _BACKBONES:
        raise InputError(
            f"expected a network of {', '.join(_BACKBONES)} to fine-tune, got {card.name} ({card.family}), which "
            "draws depth by diffusion; choose another"
        )


def load_trainable(folder: Path, card: ZooCard) -> ZooNetwork:
    """A network with its processing, on the cpu and in inference mode.

    Args:
        folder: Files of its repository.
        card: What it should be.
    Raises:
        InputError: If it cannot be trained, or the folder does not hold that network.
        MissingExtraError: If transformers is not installed.
    """
    require_trainable(card)
    if find_spec("transformers") is None:
        raise MissingExtraError(
            'expected the package transformers, found none; install it with pip install "leadline[zoo]"'
        )
    network, size, mean, std = _parts(folder, card)
    if mean.numel() != 3 or std.numel() != 3 or float(std.min()) < _LEAST_STD:
        raise InputError(
            f"expected three image_mean and image_std above 0 in {folder / _PROCESSING}, got {mean.tolist()} and "
            f"{std.tolist()}; download it again"
        )
    return ZooNetwork(network, card, size, mean.view(3), std.view(3))


def _parts(folder: Path, card: ZooCard) -> tuple[Any, SizeRule, Tensor, Tensor]:
    """The library's network, its size, and the mean and deviation of RGB as its folder states them."""
    if card.family == "depth_pro":
        network, (height, width), mean, std = depth_pro.load_parts(folder, card, "cpu")
        # Metres alone cannot tell a wrong field of view from wrong depth, and it is told to others as the camera's.
        network.fov_model.requires_grad_(False)
        return network, SizeRule("exact", height=height, width=width), mean, std
    network, processor = load_parts(folder, card, "cpu")
    mean, std = torch.zeros(3), torch.ones(3)
    if getattr(processor, "do_normalize", False):
        mean, std = torch.tensor(processor.image_mean).float(), torch.tensor(processor.image_std).float()
    return network, _size_rule(processor, card), mean, std


def _size_rule(processor: Any, card: ZooCard) -> SizeRule:  # noqa: ANN401 - as above
    if card.family == "glpn":
        return SizeRule("native", 0, int(processor.size_divisor))
    pixels = min(int(processor.size["height"]), int(processor.size["width"]))
    # ZoeDepth's pads the image first, so that there is no one rule.
    side = "shorter" if card.family == "zoedepth" else "nearest"
    return SizeRule(side, pixels, int(processor.ensure_multiple_of))


def with_lora(network: ZooNetwork, rank: int) -> ZooNetwork:
    """The network with low-rank adapters in all linear layers of its backbone; nothing else is trained.

    It gives what it gave before until the adapters have learned.

    Args:
        network: Is changed.
        rank: Of each adapter, at least 1.
    Raises:
        MissingExtraError: If peft is not installed.
    Source: Hu et al. 2022 (LoRA), with alpha twice the rank.
    """
    if find_spec("peft") is None:
        raise MissingExtraError('expected the package peft, found none; install it with pip install "leadline[zoo]"')
    peft: Any = import_module("peft")
    prefix = _BACKBONES[network.card.family] + "."
    layers = [
        name
        for name, layer in network.plain.named_modules()
        if isinstance(layer, nn.Linear) and name.startswith(prefix)
    ]
    network.plain.name_or_path = network.card.hub_id  # goes into the adapter's files: no folder of this machine
    with warnings.catch_warnings():
        # It asks the library in words that the library has since renamed.
        warnings.simplefilter("ignore", FutureWarning)
        adapted = peft.get_peft_model(
            network.plain, peft.LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=layers, lora_dropout=0.0)
        )
    network.network = adapted.eval()
    return network


def merged(network: ZooNetwork) -> ZooNetwork:
    """A copy whose adapters, if it has any, are part of the weights."""
    network = copy.deepcopy(network).eval()
    if hasattr(network.network, "merge_and_unload"):
        network.network = cast(Any, network.network).merge_and_unload()
    return network


def save_network(network: ZooNetwork, source: Path, folder: Path) -> None:
    """Writes a network as its repository has it: config.json, model.safetensors, preprocessor_config.json.

    Args:
        network: Without adapters.
        source: Where its processing comes from.
        folder: Exists and is empty.
    """
    with quiet():
        network.plain.save_pretrained(folder)
    shutil.copyfile(source / _PROCESSING, folder / _PROCESSING)


def save_adapter(network: ZooNetwork, folder: Path) -> None:
    """Writes the adapters alone, as peft loads them.

    Args:
        network: From `with_lora`.
        folder: Exists and is empty.
    """
    cast(Any, network.network).save_pretrained(folder, save_embedding_layers=False)
