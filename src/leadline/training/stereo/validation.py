"""Validation of a stereo network while it trains."""

import logging
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict, final

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor
from torch.utils.data import Dataset

from leadline.data.catalog import open_dataset
from leadline.data.source import Source
from leadline.data.stereo.shards import StereoShards
from leadline.errors import InputError
from leadline.protocols.stereo.motorcycle import motorcycle
from leadline.protocols.stereo.scenes import SceneFiles, find_scenes
from leadline.samples import StereoSample
from leadline.training.learner import Learner
from leadline.training.recipe import NetworkRecipe
from leadline.visual.colormap import plasma

_LOG = logging.getLogger(__name__)


class StereoValidationItem(TypedDict):
    """One image pair with its truth, and the group whose mean it enters."""

    group: str
    name: str
    shown: bool
    left: UInt8[Tensor, "h w 3"]
    right: UInt8[Tensor, "h w 3"]
    disparity: Float[Tensor, "h w"]
    valid: Bool[Tensor, "h w"]


@final
class StereoValidation(Dataset[StereoValidationItem]):
    """Rendered pairs, the Motorcycle pair, and the real scenes of the recipe's folders that are present."""

    def __init__(self, recipe: NetworkRecipe) -> None:
        place = recipe.validation
        rendered = StereoShards(place, right_truth=False) if isinstance(place, str) else open_dataset(place, "stereo")
        self.shards: Source[StereoSample] = rendered
        self.rendered = min(recipe.validation_pairs, len(self.shards))
        self.scenes: list[tuple[str, SceneFiles]] = []
        for folder in map(Path, recipe.scenes):
            if folder.is_dir():
                self.scenes += [(folder.name, files) for files in find_scenes(folder) if files.truth is not None]
            else:
                _LOG.warning("no real scenes at %s: they are left out of the validation", folder)
        self.motorcycle = int(find_spec("skimage") is not None)

    def __len__(self) -> int:
        """Pairs in all."""
        return self.rendered + len(self.scenes) + self.motorcycle

    def __getitem__(self, index: int) -> StereoValidationItem:
        """One pair, unchanged."""
        if index < self.rendered:
            sample = self.shards[index]
            return _item(
                "rendered", self.shards.key(index), index < 4, sample.left, sample.right, sample.disparity, sample.valid
            )
        if index < self.rendered + len(self.scenes):
            group, files = self.scenes[index - self.rendered]
            return _scene_item(group, files.load())
        scene, _ = motorcycle()
        return _scene_item("motorcycle", scene)


def log_scores(
    learner: Learner,
    item: StereoValidationItem,
    disparity: Float[Tensor, "h w"],
    confidence: Float[Tensor, "h w"] | None,
) -> None:
    """Logs how a network did on one image, over all pixels with truth, and the image itself where it is shown."""
    error = (disparity.double() - item["disparity"].double()).abs()[item["valid"]]
    scores = {"epe": error.mean(), "bad2": 100.0 * (error > 2.0).double().mean()}
    if confidence is not None:
        scores["confidence_gap"] = confidence[item["valid"]].double().mean() - (error < 1.0).double().mean()
    for name, score in scores.items():
        learner.score(f"{item['group']}/{name}", score)
    if not item["shown"]:
        return
    panels = [item["left"].cpu().numpy(), plasma(disparity.float().cpu().numpy(), np.ones(disparity.shape, dtype=bool))]
    if confidence is not None:
        panels.append((confidence * 255).byte().cpu().numpy()[..., None].repeat(3, 2))
    for logger in learner.loggers:
        if isinstance(logger, TensorBoardLogger):
            tag = f"{item['group']}/{item['name']}"
            logger.experiment.add_image(tag, np.hstack(panels), learner.global_step, dataformats="HWC")


def _scene_item(group: str, scene: StereoSample) -> StereoValidationItem:
    if scene.truth is None:
        raise InputError(f"expected scenes with truth to validate on, got none for {scene.key}; remove it")
    return _item(group, scene.key, True, scene.left, scene.right, scene.truth.disparity, scene.truth.valid)


def _item(
    group: str,
    name: str,
    shown: bool,
    left: UInt8[np.ndarray, "h w 3"],
    right: UInt8[np.ndarray, "h w 3"],
    disparity: Float[np.ndarray, "h w"],
    valid: Bool[np.ndarray, "h w"],
) -> StereoValidationItem:
    return {
        "group": group,
        "name": name,
        "shown": shown,
        "left": torch.from_numpy(left),
        "right": torch.from_numpy(right),
        "disparity": torch.from_numpy(np.where(valid, disparity, 0.0).astype(np.float32)),
        "valid": torch.from_numpy(valid),
    }
