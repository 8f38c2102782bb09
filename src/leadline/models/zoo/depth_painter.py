"""Images of a given depth, by a diffusion network that a depth ControlNet steers, through diffusers."""

from importlib import import_module
from pathlib import Path
from typing import Any, Final, final

import cv2
import numpy as np
import torch
from jaxtyping import Bool, UInt8

from leadline.errors import InputError
from leadline.models.zoo.pretrained import one_line, quiet

_SIDE: Final = 8
"""The network's images have sides of multiples of it."""


@final
class DepthPainter:
    """Paints scenes of a given inverse depth: a `Painter`.

    Args:
        folder: A StableDiffusionControlNetPipeline as diffusers saves it, with safetensors, its ControlNet for depth.
        prompt: What the images show.
        steps: Steps of denoising.
        device: As torch names it.
    Raises:
        InputError: If the folder does not hold such a pipeline, or the steps make no sense.
    """

    def __init__(self, folder: Path, prompt: str, steps: int = 20, device: str = "cpu") -> None:
        if steps < 1:
            raise InputError(f"expected at least 1 step, got {steps}")
        if not (folder / "model_index.json").is_file():
            raise InputError(f"expected a pipeline of diffusers in the folder {folder}, found no model_index.json")
        diffusers: Any = import_module("diffusers")
        with one_line(f"a StableDiffusionControlNetPipeline as safetensors in {folder}"), quiet():
            self._whole = diffusers.StableDiffusionControlNetPipeline.from_pretrained(
                str(folder), local_files_only=True, use_safetensors=True, trust_remote_code=False
            ).to(device)
            self._holes = diffusers.StableDiffusionControlNetInpaintPipeline(**self._whole.components)
        for one in (self._whole, self._holes):
            one.set_progress_bar_config(disable=True)
        self._prompt, self._steps = prompt, steps

    def paint(self, depth: UInt8[np.ndarray, "h w"], seed: int) -> UInt8[np.ndarray, "h w 3"]:
        """An image of a scene with this inverse depth, 255 at the nearest point."""
        steered = _padded(cv2.merge([depth] * 3))
        return _cut(self._drawn(self._whole, seed, image=_pillow(steered), size=steered.shape), depth.shape)

    def fill(
        self,
        image: UInt8[np.ndarray, "h w 3"],
        holes: Bool[np.ndarray, "h w"],
        depth: UInt8[np.ndarray, "h w"],
        seed: int,
    ) -> UInt8[np.ndarray, "h w 3"]:
        """The image with its holes painted."""
        whole = _padded(image)
        parts = {"image": whole, "mask_image": _padded(holes.astype(np.uint8) * 255)}
        steered = {**parts, "control_image": _padded(cv2.merge([depth] * 3))}
        drawn = {name: _pillow(part) for name, part in steered.items()}
        return _cut(self._drawn(self._holes, seed, size=whole.shape, **drawn), depth.shape)

    def _drawn(self, pipeline: Any, seed: int, size: tuple[int, ...], **given: Any) -> np.ndarray:  # noqa: ANN401
        found = pipeline(
            self._prompt,
            **given,
            height=size[0],
            width=size[1],
            num_inference_steps=self._steps,
            generator=torch.Generator().manual_seed(seed),
            output_type="np",
        )
        return np.rint(np.nan_to_num(np.asarray(found.images[0], np.float32)) * 255.0).astype(np.uint8)


def _padded(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    return np.asarray(cv2.copyMakeBorder(image, 0, -height % _SIDE, 0, -width % _SIDE, cv2.BORDER_REPLICATE))


def _cut(image: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    return np.ascontiguousarray(image[: size[0], : size[1]])


def _pillow(image: np.ndarray) -> Any:  # noqa: ANN401 - of Pillow
    return import_module("PIL.Image").fromarray(image)
