"""Distillation of stereo networks: a teacher says the disparities of pairs without truth."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast, final

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from leadline.data.stereo.stream import StereoBatch
from leadline.errors import InputError
from leadline.export.onnx import load_inference
from leadline.loading import load_model
from leadline.maps import DisparityMap
from leadline.models.stereo import StereoPrediction
from leadline.training.stereo.learner import StereoLearner, views_of
from leadline.training.stereo.recipe import StereoRecipe
from leadline.training.stereo.supervised import disparity_terms

Teacher = Callable[[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w 3"]], DisparityMap]


@dataclass(frozen=True)
class DistillationRecipe(StereoRecipe):
    """Training on what another method says; occluded_weight has no say here, for the teacher's confidence has.

    Args:
        teacher: Bundled network, ONNX file of ours, checkpoint (.ckpt) of `leadline train`, or a classical matcher.
        min_confidence: Pixels of which the teacher is less sure do not count.
        freeze_norms: Keep the statistics of batch norms as they are, for a network that is only adapted.
        heed_truth: Samples that have truth are learned from it, without the teacher.
    """

    teacher: str = "leadline-accurate"
    min_confidence: float = 0.3
    freeze_norms: bool = False
    heed_truth: bool = False

    def __post_init__(self) -> None:
        """Refuses what cannot be trained."""
        super().__post_init__()
        if not 0.0 <= self.min_confidence < 1.0:
            raise InputError(f"expected min_confidence in [0, 1) in the recipe, got {self.min_confidence}")


@final
class DistilledStereo(StereoLearner):
    """Learns a teacher's disparities, each as firmly as the teacher believes in it; truth only if the recipe heeds it.

    Args:
        recipe: What to learn.
        model: The network to go on with, instead of a new one.
        teacher: Who says the disparities, instead of the recipe's teacher.
    """

    def __init__(
        self, recipe: DistillationRecipe, model: nn.Module | None = None, teacher: Teacher | None = None
    ) -> None:
        super().__init__(recipe, recipe, recipe.enlarge, model)
        self.recipe, self.teacher = recipe, load_teacher(recipe.teacher) if teacher is None else teacher

    def training_step(self, batch: StereoBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch."""
        if self.recipe.freeze_norms:
            freeze_norms(self.model)
        taught, weight = self._taught(batch)
        prediction = cast(StereoPrediction, self.model(*views_of(batch)))
        with torch.autocast(self.device.type, enabled=False):
            return self.checked(disparity_terms(prediction, taught, weight, self.recipe, self.max_disparity))

    def _taught(self, batch: StereoBatch) -> tuple[Float[Tensor, "b 1 h w"], Float[Tensor, "b 1 h w"]]:
        """The disparities to learn of the augmented pairs, and their weights."""
        disparities, weights = list[Tensor](), list[Tensor]()
        for left, right, truth, known in zip(
            batch["left"], batch["right"], batch["disparity"], batch["valid"], strict=True
        ):
            if self.recipe.heed_truth and known.any():
                disparities.append(truth)
                weights.append(known.float())
                continue
            said = self.teacher(left.cpu().numpy(), right.cpu().numpy())
            confidence = said.valid.astype(np.float32) if said.confidence is None else said.valid * said.confidence
            sure = np.where(confidence >= self.recipe.min_confidence, confidence, 0.0).astype(np.float32)
            disparities.append(torch.from_numpy(np.where(said.valid, said.disparity, 0.0).astype(np.float32)))
            weights.append(torch.from_numpy(sure))
        taught, weight = (torch.stack([one.to(self.device) for one in maps]) for maps in (disparities, weights))
        return taught.unsqueeze(1), weight.unsqueeze(1)


def load_teacher(name: str) -> Teacher:
    """A method whose disparities shall be learned.

    Args:
        name: As in `DistillationRecipe`.
    Raises:
        InputError: If there is no such method, or it cannot be read.
    """
    path = Path(name)
    if path.suffix != ".ckpt":
        return load_model(name, "stereo")
    if not path.is_file():
        raise InputError(f"expected the teacher's checkpoint at {path}, got no such file; check the name")
    inference = load_inference(path, "stereo")

    def say(left: UInt8[np.ndarray, "h w 3"], right: UInt8[np.ndarray, "h w 3"]) -> DisparityMap:
        with torch.inference_mode():
            disparity, confidence = inference(torch.from_numpy(left), torch.from_numpy(right))
        valid = np.ones(left.shape[:2], bool)
        return DisparityMap(disparity.numpy(), valid, None if confidence is None else confidence.numpy())

    return say


def freeze_norms(model: nn.Module) -> None:
    """Makes batch norms use their statistics, and keep them."""
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d):
            layer.eval()
