"""Validation of an optical-flow network during its training."""

import logging
from pathlib import Path
from typing import TypedDict, final

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from leadline.data.catalog import open_dataset
from leadline.data.flow.shards import FlowShards
from leadline.data.source import Source
from leadline.protocols.flow.scenes import FlowFiles, find_flow_scenes
from leadline.samples import FlowSample
from leadline.training.learner import Learner
from leadline.training.recipe import NetworkRecipe

_LOG = logging.getLogger(__name__)


class FlowValidationItem(TypedDict):
    """One pair of frames with its truth, and the group whose mean it enters."""

    group: str
    first: UInt8[Tensor, "h w 3"]
    second: UInt8[Tensor, "h w 3"]
    flow: Float[Tensor, "h w 2"]
    valid: Bool[Tensor, "h w"]


@final
class FlowValidation(Dataset[FlowValidationItem]):
    """Rendered pairs, and the real pairs of the recipe's folders that are present."""

    def __init__(self, recipe: NetworkRecipe) -> None:
        place = recipe.validation
        # What is rendered has the backward motion too, which nothing is scored by.
        whole = FlowShards(place, backward=False) if isinstance(place, str) else open_dataset(place, "flow")
        self.group = "rendered" if isinstance(place, str) else place.dataset
        self.pairs: Source[FlowSample] = whole
        self.rendered = min(recipe.validation_pairs, len(whole))
        self.scenes: list[FlowFiles] = []
        for folder in map(Path, recipe.scenes):
            if folder.is_dir():
                self.scenes += find_flow_scenes(folder)
            else:
                _LOG.warning("no real pairs at %s: they are left out of the validation", folder)

    def __len__(self) -> int:
        """Pairs in all."""
        return self.rendered + len(self.scenes)

    def __getitem__(self, index: int) -> FlowValidationItem:
        """One pair, unchanged."""
        if index < self.rendered:
            sample = self.pairs[index]
            return _item(self.group, sample.first, sample.second, sample.flow, sample.valid)
        files = self.scenes[index - self.rendered]
        scene = files.load()
        return _item(files.group, scene.first, scene.second, scene.flow, scene.valid)


def log_flow_scores(
    learner: Learner, item: FlowValidationItem, flow: Float[Tensor, "h w 2"], confidence: Float[Tensor, "h w"] | None
) -> None:
    """Logs how a network did on one pair, over all pixels with truth: EPE, Fl-all, and how honest its confidence is."""
    difference = (flow.double() - item["flow"].double())[item["valid"]]
    error = torch.linalg.vector_norm(difference, dim=1)
    length = torch.linalg.vector_norm(item["flow"].double()[item["valid"]], dim=1)
    wrong = (error > 3.0) & (error > 0.05 * length)
    scores = {"epe": error.mean(), "fl_all": 100.0 * wrong.double().mean()}
    if confidence is not None:
        scores["confidence_gap"] = confidence[item["valid"]].double().mean() - (error < 1.0).double().mean()
    for name, score in scores.items():
        learner.score(f"{item['group']}/{name}", score)


def _item(
    group: str,
    first: UInt8[np.ndarray, "h w 3"],
    second: UInt8[np.ndarray, "h w 3"],
    flow: Float[np.ndarray, "h w 2"],
    valid: Bool[np.ndarray, "h w"],
) -> FlowValidationItem:
    layers = (first, second, np.where(valid[..., None], flow, 0.0).astype(np.float32), valid)
    frames = [torch.from_numpy(np.ascontiguousarray(layer)) for layer in layers]
    return {"group": group, "first": frames[0], "second": frames[1], "flow": frames[2], "valid": frames[3]}
