"""The generator under the adapters: from a folder or the hub's cache, its licence first."""

from pathlib import Path
from typing import Any, Final, cast, final

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from leadline.errors import InputError
from leadline.maps import DepthMap
from leadline.models.extras import from_zoo_extra
from leadline.models.mono.inference import MonoInference
from leadline.models.mono.intrinsic_lora import IntrinsicLora, load_adapters, read_notes
from leadline.models.zoo.cards import ZooCard
from leadline.models.zoo.pretrained import one_line, placed, quiet
from leadline.models.zoo.source import model_folder, require_licence
from leadline.runtime.images import as_rgb, require_8bit

GENERATOR: Final = ZooCard(
    name="stable-diffusion-v1-5",
    hub_id="stable-diffusion-v1-5/stable-diffusion-v1-5",
    family="stable_diffusion",
    kind="affine_inverse",  # with adapters; without, it says nothing of depth
    licence="LicenseRef-CreativeML-OpenRAIL-M",
    restriction="restricts what it may be used for",
    parameters_m=860,
    paper="Rombach et al., High-Resolution Image Synthesis with Latent Diffusion Models, CVPR 2022, arXiv:2112.10752",
)
"""Not a depth network, and so not in the zoo."""
WORKING_AREA_PX: Final = 512 * 512
_PARTS: Final = ("vae", "unet", "text_encoder", "tokenizer")
_WANTED: Final = tuple(f"{part}/*.{kind}" for part in _PARTS for kind in ("json", "safetensors", "txt"))


def intrinsic_lora(rank: int = 8, source: str = "", accept_licence: bool = False) -> IntrinsicLora:
    """The generator with fresh adapters, which change nothing yet.

    Args:
        rank: Of the adapters.
        source: Folder with the generator's files, laid out as a repository of a diffusers pipeline; empty for the
            hub's cache or the network.
        accept_licence: Must be true: the licence restricts its use.
    Raises:
        InputError: If the licence is not accepted, or its files are not to be had or not what they should be.
        MissingExtraError: If a package is not installed.
    """
    require_licence(GENERATOR, accept_licence)
    for package in ("diffusers", "transformers", "peft"):
        from_zoo_extra(package)
    return IntrinsicLora(*_generator(model_folder(GENERATOR, source or None, _WANTED)), rank)


def _generator(folder: Path) -> tuple[nn.Module, nn.Module, Float[Tensor, "1 n c"]]:
    """Autoencoder, U-Net, and the embedding of the empty prompt."""
    diffusers, transformers = from_zoo_extra("diffusers"), from_zoo_extra("transformers")
    options: dict[str, Any] = {"local_files_only": True, "use_safetensors": True}
    with one_line(f"vae, unet, text_encoder and tokenizer of {GENERATOR.hub_id} in {folder}"), quiet():
        parts = [
            kind.from_pretrained(str(folder), subfolder=part, low_cpu_mem_usage=False, **options)
            for kind, part in ((diffusers.AutoencoderKL, "vae"), (diffusers.UNet2DConditionModel, "unet"))
        ]
        encoder = transformers.CLIPTextModel.from_pretrained(str(folder), subfolder="text_encoder", **options)
        tokenizer = transformers.CLIPTokenizer.from_pretrained(
            str(folder), subfolder="tokenizer", local_files_only=True
        )
        length = encoder.config.max_position_embeddings
        tokens = tokenizer("", padding="max_length", max_length=length, return_tensors="pt")
        with torch.no_grad():
            text = encoder(tokens.input_ids).last_hidden_state
    vae, unet = parts
    latents, channels = vae.config.latent_channels, unet.config.in_channels
    if not channels == unet.config.out_channels == latents:
        raise InputError(
            f"expected a U-Net from {latents} latent channels to as many in {folder}, got {channels} to "
            f"{unet.config.out_channels}; a text-to-image generator has such a one"
        )
    return vae, unet, text.float()


@final
class AdaptedGenerator:
    """Trained adapters on their generator as a method for single images.

    Args:
        network: With its adapters.
        device: As torch names it.
        area_px: About how many pixels it sees of an image.
    """

    def __init__(self, network: IntrinsicLora, device: str = "cpu", area_px: int = WORKING_AREA_PX) -> None:
        self.inference, self.device = placed(MonoInference(cast(Any, network), (area_px,)), device), device

    def __call__(self, image: UInt8[np.ndarray, "h w *c"]) -> DepthMap:
        """Inverse depth up to scale and shift, of kind affine_inverse, without a confidence.

        Args:
            image: RGB or grey, 8 bit.
        Raises:
            InputError: If it is something else.
        """
        require_8bit(image, "the image")
        with torch.inference_mode():
            inverse_depth, _ = self.inference(torch.from_numpy(np.ascontiguousarray(as_rgb(image))).to(self.device))
        return DepthMap(inverse_depth.cpu().numpy(), np.ones(image.shape[:2], bool), "affine_inverse")


def load_intrinsic_lora(
    adapters: Path,
    source: Path | str | None = None,
    accept_licence: bool = False,
    device: str = "cpu",
    area_px: int = WORKING_AREA_PX,
) -> AdaptedGenerator:
    """Trained adapters on their generator.

    Args:
        adapters: What `leadline train` wrote.
        source: Folder with the generator's files; the hub's cache or the network if absent.
        accept_licence: Must be true: the generator's licence restricts its use.
        device: As torch names it.
        area_px: About how many pixels it sees of an image: as in training.
    Raises:
        InputError: If the adapters cannot be read or fit another generator, or as for `intrinsic_lora`.
        MissingExtraError: If a package is not installed.
    """
    rank = read_notes(adapters)["rank"]
    network = intrinsic_lora(rank, "" if source is None else str(source), accept_licence)
    load_adapters(network, adapters)
    return AdaptedGenerator(network, device, area_px)
