"""Marigold: depth, not inverse depth, drawn by a diffusion network and known up to a scale and a shift."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from leadline.errors import InputError
from leadline.models.zoo.cards import ZooCard
from leadline.models.zoo.estimate import DiffusionOptions, Estimate, Estimator
from leadline.models.zoo.pretrained import one_line, placed, quiet, read_settings


def load(folder: Path, card: ZooCard, device: str, options: DiffusionOptions) -> Estimator:
    """The network and its processing.

    Args:
        folder: Files of its repository.
        card: What it should be.
        device: As torch names it.
        options: How depth is drawn.
    Raises:
        InputError: If the folder does not hold that network, or one for disparity.
    """
    diffusers: Any = import_module("diffusers")  # its types do not follow its lazy imports
    index = read_settings(folder, "model_index.json", card)
    found = index.get("_class_name"), index.get("prediction_type")
    if found != ("MarigoldDepthPipeline", "depth"):
        raise InputError(f"expected a MarigoldDepthPipeline for depth for {card.name}, got {found} in {folder}")
    with one_line(f"the weights of {card.hub_id} as safetensors in {folder}"), quiet():
        pipeline = diffusers.MarigoldDepthPipeline.from_pretrained(
            str(folder),
            local_files_only=True,
            use_safetensors=True,
            low_cpu_mem_usage=False,
            trust_remote_code=False,
        )
    for part in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
        placed(part, device)
    pipeline.set_progress_bar_config(disable=True)
    if isinstance(pipeline.scheduler, diffusers.DDIMScheduler):
        # Leading steps start from noise that the network takes for less: few steps then fail.
        # Source: Garcia et al., Fine-Tuning Image-Conditional Diffusion Models is Easier than You Think, WACV 2025.
        pipeline.scheduler = diffusers.DDIMScheduler.from_config(pipeline.scheduler.config, timestep_spacing="trailing")

    def estimate(image: UInt8[np.ndarray, "h w 3"], _: Float32[np.ndarray, "_ _"] | None) -> Estimate:
        drawn = pipeline(
            image.astype(np.float32) / np.float32(255.0),
            num_inference_steps=options.steps,
            ensemble_size=options.ensemble,
            generator=torch.Generator().manual_seed(options.seed),
        )
        return Estimate(np.asarray(drawn.prediction[0, ..., 0], dtype=np.float32))

    return estimate
