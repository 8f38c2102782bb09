"""Distillation of stereo networks: a teacher gives the disparities of pairs without truth."""

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
from leadline.training.stereo.recipe import DisparityLoss, StereoData
from leadline.training.stereo.supervised import disparity_terms

Teacher = Callable[[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w 3"]], DisparityMap]


@dataclass(frozen=True, kw_only=True)
class DistillationRecipe(StereoData, DisparityLoss):
    """Training on another method's disparities, weighted by that method's confidence.

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
        StereoData.__post_init__(self)
        DisparityLoss.__post_init__(self)
        if not 0.0 <= self.min_confidence < 1.0:
            raise InputError(f"expected min_confidence in [0, 1) in the recipe, got {self.min_confidence}")


@final
class DistilledStereo(StereoLearner[DistillationRecipe]):
    """Learns a teacher's disparities, weighted by the teacher's confidence; truth only if the recipe heeds it.

    Args:
        recipe: What to learn.
        model: The network to go on with, instead of a new one.
        teacher: Method whose disparities are learned, instead of the recipe's teacher.
    """

    def __init__(
        self, recipe: DistillationRecipe, model: nn.Module | None = None, teacher: Teacher | None = None
    ) -> None:
        super().__init__(recipe, model)
        self.teacher = load_teacher(recipe.teacher) if teacher is None else teacher

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
            found = self.teacher(left.cpu().numpy(), right.cpu().numpy())
            confidence = found.valid.astype(np.float32) if found.confidence is None else found.valid * found.confidence
            sure = np.where(confidence >= self.recipe.min_confidence, confidence, 0.0).astype(np.float32)
            disparities.append(torch.from_numpy(np.where(found.valid, found.disparity, 0.0).astype(np.float32)))
            weights.append(torch.from_numpy(sure))
        taught, weight = (torch.stack([one.to(self.device) for one in maps]) for maps in (disparities, weights))
        return taught.unsqueeze(1), weight.unsqueeze(1)


def load_teacher(name: str) -> Teacher:
    """A method whose disparities are learned.

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

    def estimate(left: UInt8[np.ndarray, "h w 3"], right: UInt8[np.ndarray, "h w 3"]) -> DisparityMap:
        with torch.inference_mode():
            disparity, confidence = inference(torch.from_numpy(left), torch.from_numpy(right))
        valid = np.ones(left.shape[:2], bool)
        return DisparityMap(disparity.numpy(), valid, None if confidence is None else confidence.numpy())

    return estimate


def freeze_norms(model: nn.Module) -> None:
    """Makes batch norms use their statistics, and keep them."""
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d):
            layer.eval()
