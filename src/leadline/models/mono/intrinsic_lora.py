"""Depth that an image generator knows already: low-rank adapters bring it out in a single step."""

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from leadline.errors import InputError
from leadline.io.atomic import atomic_write
from leadline.models.extras import from_zoo_extra
from leadline.models.mono.prediction import MonoPrediction

_ATTENTION: Final = ("to_q", "to_k", "to_v", "to_out.0")
_ADAPTER: Final = ".lora_"
_PREFIX: Final = "unet."
_LAST_STEP: Final = 999


@final
class IntrinsicLora(nn.Module):
    """A latent diffusion network with low-rank adapters on its attention: image in, inverse depth out, in one pass.

    The image's latent takes the place of the noise at the last step, and what comes out is taken for the latent of
    the depth. Only the adapters are learnt, kept in a checkpoint and copied; everything else is frozen and shared.

    Args:
        vae: An AutoencoderKL of diffusers, from pixels in [-1, 1] to latents and back.
        unet: A UNet2DConditionModel of diffusers on such latents; gains the adapters.
        text: Embedding of the prompt.
        rank: Of the adapters.
    Raises:
        InputError: If rank is less than 1.
        MissingExtraError: If peft is not installed.
    Source: Du et al. 2023, "Generative Models: What Do They Know? Do They Know Things? Let's Find Out!" (Intrinsic
        LoRA); Hu et al. 2022 (LoRA).
    """

    def __init__(self, vae: nn.Module, unet: nn.Module, text: Float[Tensor, "1 n c"], rank: int = 8) -> None:
        super().__init__()
        if rank < 1:
            raise InputError(f"expected a rank of at least 1 for the adapters, got {rank}")
        settings, autoencoder = cast(Any, unet).config, cast(Any, vae).config
        self.latent_stride = 2 ** (len(autoencoder.block_out_channels) - 1)
        self.input_stride = self.latent_stride * 2 ** (len(settings.block_out_channels) - 1)
        self.latent_scale = float(autoencoder.scaling_factor)
        self.rank = rank
        self.vae, self.unet = vae.requires_grad_(False), unet.requires_grad_(False)
        self.register_buffer("text", text.detach())
        cast(Any, self.unet).add_adapter(
            from_zoo_extra("peft").LoraConfig(
                r=rank, lora_alpha=rank, init_lora_weights="gaussian", target_modules=list(_ATTENTION)
            )
        )
        self.register_load_state_dict_post_hook(_frozen_is_not_missing)
        self.train()  # as any new network: diffusers' loaders leave theirs in inference mode

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> MonoPrediction:
        """Inverse depth up to scale and shift, about in [-1, 1].

        Args:
            image: RGB in [0, 1]; sizes are multiples of `input_stride`.
        """
        latent = self.depth_latent(image) / self.latent_scale
        decoded = cast(Any, self.vae).decode(latent).sample
        return MonoPrediction(decoded.float().mean(dim=1, keepdim=True))

    def depth_latent(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k hl wl"]:
        """The latent of the depth: one pass of the U-Net at the last step of its diffusion.

        Args:
            image: RGB in [0, 1].
        """
        latent = self.latent(2.0 * image - 1.0)
        text = cast(Tensor, self.text).expand(len(image), -1, -1)
        return cast(Any, self.unet)(latent, _LAST_STEP, encoder_hidden_states=text).sample

    @torch.no_grad()
    def latent(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k hl wl"]:
        """The likeliest latent of images in [-1, 1], scaled as the U-Net wants it."""
        return cast(Any, self.vae).encode(image).latent_dist.mode() * self.latent_scale

    def adapters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Trained weights by name."""
        return ((name, weight) for name, weight in self.named_parameters() if _ADAPTER in name)

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401 - torch's
        """The adapters only: the rest stays as it was loaded."""
        prefix = kwargs.get("prefix", "")
        state = super().state_dict(*args, **kwargs)
        for name in [name for name in state if name.startswith(prefix) and _ADAPTER not in name]:
            del state[name]
        return state

    def __deepcopy__(self, memo: dict[int, Any]) -> "IntrinsicLora":
        """A copy with adapters of its own, which shares the frozen weights: an average needs no second generator."""
        learnt = {id(weight) for _, weight in self.adapters()}
        memo.update({id(weight): weight for weight in self.parameters() if id(weight) not in learnt})
        copied = self.__class__.__new__(self.__class__)
        memo[id(self)] = copied
        copied.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return copied


def _frozen_is_not_missing(_: nn.Module, keys: Any) -> None:  # noqa: ANN401 - torch's pair of lists
    keys.missing_keys[:] = [name for name in keys.missing_keys if _ADAPTER in name]


def write_adapters(network: IntrinsicLora, path: Path, notes: Mapping[str, str]) -> None:
    """Writes the adapters as safetensors, in the layout that diffusers' `load_lora_adapter` reads.

    Args:
        network: Whose.
        path: The file.
        notes: What else shall stand in it: what the generator was.
    Raises:
        OutputError: If it cannot be written.
    """
    found: Mapping[str, Tensor] = from_zoo_extra("peft").get_peft_model_state_dict(network.unet)
    tensors = {_PREFIX + name: value.detach().cpu().float().contiguous() for name, value in found.items()}
    content = from_zoo_extra("safetensors.torch").save(tensors, {"notes": json.dumps({**notes, "rank": network.rank})})
    with atomic_write(path) as stream:
        stream.write(content)


def read_notes(path: Path) -> dict[str, Any]:
    """Notes of `write_adapters`: rank, and whatever it was given.

    Raises:
        InputError: If the file is not readable as adapters of ours.
    """
    safetensors = from_zoo_extra("safetensors")
    try:
        with safetensors.safe_open(path, framework="pt") as content:
            notes = json.loads(content.metadata()["notes"])
            return {**notes, "rank": int(notes["rank"])}
    except Exception as error:  # the reader's own, the system's, and those of what is not there
        reason = " ".join(str(error).split())[:100]
        raise InputError(
            f"expected adapters that `leadline train` wrote, could not read {path}: {type(error).__name__} {reason}"
        ) from None


def load_adapters(network: IntrinsicLora, path: Path) -> None:
    """Replaces the adapters by those of a file.

    Raises:
        InputError: If the file holds other adapters than the network has.
    """
    found: Mapping[str, Tensor] = from_zoo_extra("safetensors.torch").load_file(path)
    own: Mapping[str, Tensor] = from_zoo_extra("peft").get_peft_model_state_dict(network.unet)
    weights = {name.removeprefix(_PREFIX): value for name, value in found.items()}
    if {name: value.shape for name, value in weights.items()} != {name: value.shape for name, value in own.items()}:
        raise InputError(
            f"expected {len(own)} adapter weights of rank {network.rank} in {path}, got {len(weights)} of another "
            "network or rank; give the generator that they were trained on"
        )
    from_zoo_extra("peft").set_peft_model_state_dict(network.unet, weights)
