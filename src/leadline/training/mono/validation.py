"""Validation of a network for single images while it trains."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NotRequired, TypedDict, final

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor
from torch.utils.data import Dataset

from leadline.maps import DISTANCE_KINDS, DepthKind, DepthMap
from leadline.metrics.align import AlignmentName
from leadline.metrics.depth import abs_rel, delta, relative_error
from leadline.protocols.mono.depth_units import with_units
from leadline.protocols.mono.generic import GENERIC
from leadline.protocols.mono.scenes import DepthFiles, find_depth_scenes
from leadline.samples import DepthSample
from leadline.training.learner import Learner
from leadline.training.mono.recipe import DepthNetworkRecipe
from leadline.training.sources import validation_source
from leadline.visual.colormap import confidence_grey, plasma

_LOG = logging.getLogger(__name__)

CONFIDENT_ERROR: Final = 0.1
"""Relative error of depth after alignment below which a pixel counts as right for the confidence."""
_COMMON: Final[AlignmentName] = "lsq-disparity"
"""Alignment under which every kind is scored, so that all networks can be compared."""
_OWN: Final[Mapping[DepthKind, tuple[AlignmentName, ...]]] = {
    "metric": ("median", "none"),
    "up_to_scale": ("median",),
}
"""Further alignments under which a kind is scored."""
_SHOWN: Final = 4


class MonoValidationItem(TypedDict):
    """One image with its truth, and the group whose mean it enters."""

    group: str
    name: str
    shown: bool
    image: UInt8[Tensor, "h w 3"]
    depth: Float[Tensor, "h w"]
    valid: Bool[Tensor, "h w"]
    relative_focal: NotRequired[float]


@final
class MonoValidation(Dataset[MonoValidationItem]):
    """Rendered images, and the real scenes of the recipe's folders that are present: evenly spaced ones if many."""

    def __init__(self, recipe: DepthNetworkRecipe) -> None:
        self.shards = validation_source(recipe.validation)
        self.rendered = min(recipe.validation_pairs, len(self.shards))
        self.scenes: list[tuple[str, bool, DepthFiles]] = []
        for folder in map(Path, recipe.scenes):
            if not folder.is_dir():
                _LOG.warning("no real scenes at %s: they are left out of the validation", folder)
                continue
            settled, notes = with_units(find_depth_scenes(folder), recipe.depth_unit)
            for note in notes:
                _LOG.info("%s: %s", folder, note)
            found = [files for files in settled if files.depth or files.image.suffix == ".npz"]
            step = max(1, len(found) // max(1, recipe.validation_pairs))
            for index, files in enumerate(found[::step]):
                self.scenes.append((folder.name, index < _SHOWN, files))

    def __len__(self) -> int:
        """Images in all."""
        return self.rendered + len(self.scenes)

    def __getitem__(self, index: int) -> MonoValidationItem:
        """One image, unchanged."""
        if index < self.rendered:
            return _item("rendered", index < _SHOWN, self.shards[index])
        group, shown, files = self.scenes[index - self.rendered]
        return _item(group, shown, files.load())


def _item(group: str, shown: bool, scene: DepthSample) -> MonoValidationItem:
    size = scene.image.shape[:2]
    depth, valid = (np.zeros(size, np.float32), np.zeros(size, bool))
    if scene.truth is not None:
        depth, valid = scene.truth.depth, scene.truth.valid
    item: MonoValidationItem = {
        "group": group,
        "name": scene.key,
        "shown": shown,
        "image": torch.from_numpy(np.ascontiguousarray(scene.image)),
        "depth": torch.from_numpy(np.ascontiguousarray(depth)),
        "valid": torch.from_numpy(np.ascontiguousarray(valid)),
    }
    if scene.camera is not None:
        item["relative_focal"] = scene.camera.relative_focal
    return item


def log_scores(
    learner: Learner,
    item: MonoValidationItem,
    values: Float[Tensor, "h w"],
    confidence: Float[Tensor, "h w"] | None,
    kind: DepthKind = "affine_inverse",
) -> None:
    """Logs how a network did on one image, and the image itself where it is shown.

    Scored under the protocol `generic`, aligned by least squares in disparity; depth up to scale by median too, metric
    depth also as it is: under the names abs_rel-median, abs_rel-none and so on. An image without truth is not scored.

    Args:
        learner: Collects the scores.
        item: The image.
        values: The network's depth or inverse depth.
        confidence: Its P(the depth is within 10 % of the truth).
        kind: What the values are.
    """
    image, depth, valid = (item[name].cpu().numpy() for name in ("image", "depth", "valid"))
    found = values.float().cpu().numpy()
    sure = None if confidence is None else confidence.float().cpu().numpy()
    scene = DepthSample(item["name"], image, DepthMap(depth, valid, "metric"))
    prediction = DepthMap(found, np.ones(found.shape, dtype=bool), kind, sure)
    for alignment in (_COMMON, *_OWN.get(kind, ())):
        for name, score in _scores(scene, prediction, alignment).items():
            learner.score(f"{item['group']}/{name}", torch.tensor(score))
    if item["shown"]:
        judged = [] if sure is None else [confidence_grey(sure)]
        shown = 1.0 / found if kind in DISTANCE_KINDS else found
        _show(learner, item, [image, plasma(shown, prediction.valid), *judged])


def _scores(scene: DepthSample, prediction: DepthMap, alignment: AlignmentName) -> dict[str, float]:
    """Scores by name; none of an image without truth."""
    scored = GENERIC.aligned_by(alignment).score_pixels(scene, prediction, "no-crop", "dense")
    if isinstance(scored, str):
        return {}
    suffix = "" if alignment == _COMMON else f"-{alignment}"
    scores = {
        f"abs_rel{suffix}": abs_rel(scored.depth, scored.truth, scored.mask),
        f"delta1{suffix}": delta(scored.depth, scored.truth, scored.mask),
    }
    if prediction.confidence is not None and alignment == _COMMON:
        right = relative_error(scored.depth, scored.truth)[scored.mask] < CONFIDENT_ERROR
        sure = prediction.confidence[scored.mask]
        scores["confidence_gap"] = float(sure.mean(dtype=np.float64) - right.mean())
    return scores


def _show(learner: Learner, item: MonoValidationItem, panels: list[UInt8[np.ndarray, "h w 3"]]) -> None:
    depth, valid = item["depth"].cpu().numpy(), item["valid"].cpu().numpy()
    if valid.any():
        panels.append(plasma(1.0 / np.where(valid, depth, np.float32(1.0)), valid))
    for logger in learner.loggers:
        if isinstance(logger, TensorBoardLogger):
            tag = f"{item['group']}/{item['name']}"
            logger.experiment.add_image(tag, np.hstack(panels), learner.global_step, dataformats="HWC")
