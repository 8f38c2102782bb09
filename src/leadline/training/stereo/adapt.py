"""Adapting a trained stereo network to a camera's own recordings, with a guard against making it worse."""

import copy
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast, final

import lightning
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from leadline.classical import ClassicalStereo
from leadline.data.source import Source
from leadline.data.stereo.augment import StereoAugmentation
from leadline.data.stereo.pairs import StereoPairs
from leadline.data.stereo.shards import StereoShards
from leadline.data.stereo.stream import stereo_stream
from leadline.data.synthetic.generate import generate_stereo
from leadline.errors import InputError
from leadline.export.onnx import load_inference
from leadline.io.owned import owned_folder
from leadline.io.pair_files import PairFiles
from leadline.losses import census_difference
from leadline.maps import DisparityMap
from leadline.models.from_onnx import from_onnx
from leadline.models.stereo import StereoInference, StereoModel
from leadline.ops import warp_by_disparity
from leadline.runtime.card import find_graph
from leadline.runtime.images import check_images
from leadline.samples import StereoSample
from leadline.training.interruption import interruptible
from leadline.training.run import disk_errors
from leadline.training.stereo.distillation import DistillationRecipe, DistilledStereo
from leadline.training.stereo.photometric import seen_by_both

_CROP: Final = (256, 512)
_NETWORK: Final = "leadline-fast"
_RECORDINGS: Final = "recordings"
"""Name of the data in the recipe: the pairs themselves are passed to the learner."""
_WIDTH_SHARE: Final = 8
"""Recordings wider than so many times the network's largest disparity are shrunk, so that near things stay in range."""
_LOG2_SCALE: Final = 0.1
_MATCHER: Final = "sgbm-3way"
_NEAR_PX: Final = 2.0
"""Largest difference from the network at which the matcher is believed: its few gross errors would teach much."""
_TEACHER_ENLARGE: Final = 1.5
"""Enlargement of the teacher's images: thin and slanted things come out better in larger images."""
_OWN_WEIGHT: Final = 0.5
"""Weight of the network's own disparity where the matcher does not confirm it."""
_RENDER_SEED: Final = 500_000
_HIDDEN_COST: Final = 0.5
"""Cost of a pixel on which the two views' disparities disagree: that of a poor match."""
_AGREED_PX: Final = 1.0
_MOST_CHECKED: Final = 12
"""Most held-back pairs that are scored."""


@dataclass(frozen=True, kw_only=True)
class AdaptOptions:
    """Options of adapting.

    Args:
        steps: Optimiser steps.
        holdout: Share of the pairs that judge the result and are not learned from.
        learning_rate: Small, for the network is good already.
        batch_size: Crops a step.
        checks: How often the held-back pairs are scored; the best of these states is kept.
        rehearsed: Rendered pairs with truth, rendered before, that are half of the training data, so that the network
            keeps its accuracy on other scenes. 0 for none.
        seed: Seeds the order and the crops.
    """

    steps: int = 100
    holdout: float = 0.2
    learning_rate: float = 2e-4
    batch_size: int = 4
    checks: int = 4
    rehearsed: int = 60
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuses what cannot adapt anything."""
        if self.rehearsed < 0:
            raise InputError(f"expected a number of rehearsed pairs of at least 0, got {self.rehearsed}")
        if self.steps < 1 or self.batch_size < 1 or self.checks < 1:
            raise InputError(
                f"expected steps, batch_size and checks of at least 1, got {self.steps}, {self.batch_size} and "
                f"{self.checks}"
            )
        if not 0.0 < self.holdout < 1.0:
            raise InputError(f"expected a holdout between 0 and 1, got {self.holdout}; 0.2 holds back every fifth pair")
        if not 0.0 < self.learning_rate < math.inf:
            raise InputError(f"expected a positive learning rate, got {self.learning_rate}")


@dataclass(frozen=True, eq=False)
class Adapted:
    """The result of adapting.

    Args:
        inference: The adapted network, or the old one if adapting made it worse.
        improved: Whether it is the adapted one.
        before: Score of the old network on the held-back pairs; lower is better.
        scores: Score at each check, by step.
        learned: Pairs that were learned from.
        held_back: Pairs that the score is of.
    """

    inference: StereoInference
    improved: bool
    before: float
    scores: Mapping[int, float]
    learned: tuple[str, ...]
    held_back: tuple[str, ...]


def load_trainable(model: str) -> StereoInference:
    """A trained network, ready to be trained on.

    Args:
        model: Bundled name or ONNX file whose weights are those of a LeadlineFast, or a checkpoint (.ckpt).
    Raises:
        InputError: If there is no such network, or its file carries no weights that can be trained on.
    """
    path = Path(model)
    if path.suffix == ".ckpt":
        if not path.is_file():
            raise InputError(f"expected a checkpoint at {path}, got no such file; check the name")
        return load_inference(path, "stereo")
    return from_onnx(find_graph(model, "stereo"))


def adapt(inference: StereoInference, files: Sequence[PairFiles], options: AdaptOptions, folder: Path) -> Adapted:
    """Fine-tunes a network on unlabelled rectified pairs; keeps the old one if held-back pairs say that it is better.

    Args:
        inference: The network; it stays as it is.
        files: The pairs, at least two.
        options: Options of the run.
        folder: Where a batch that ends the run with an error is left.
    Raises:
        InputError: If there are too few pairs, or one cannot be read or matched.
        LeadlineError: If the loss is not finite.
    """
    pairs = StereoPairs(files, _WIDTH_SHARE * inference.max_disparity)
    sizes = [_checked_size(pairs, index) for index in range(len(pairs))]
    learned, held_back = _split(len(files), options)
    recipe = _recipe(inference, options, sizes)
    learner = DistilledStereo(recipe, copy.deepcopy(inference.model), _Confirmed(inference))
    judge = StereoPairs([files[index] for index in held_back[:_MOST_CHECKED]], _WIDTH_SHARE * inference.max_disparity)
    guard = _Guard(judge, max(1, options.steps // options.checks), guard_score(inference, judge))
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_steps=options.steps,
        gradient_clip_val=1.0,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        limit_val_batches=0,
        log_every_n_steps=1,
        default_root_dir=folder,
        callbacks=[guard],
    )
    recordings = StereoPairs([files[index] for index in learned], _WIDTH_SHARE * inference.max_disparity)
    with interruptible(), owned_folder(folder), disk_errors(folder), tempfile.TemporaryDirectory() as rendered:
        sources: list[Source[StereoSample]] = [recordings]
        if options.rehearsed:
            generate_stereo(options.rehearsed, _RENDER_SEED, rendered, workers=0)
            sources.append(StereoShards(rendered))
        count = options.steps * options.batch_size
        stream = stereo_stream(sources, [1.0] * len(sources), recipe.augmentation, options.seed, 0, count)
        trainer.fit(learner, train_dataloaders=learner.loader(stream))
    best = inference
    if guard.weights is not None:
        model = copy.deepcopy(inference.model)
        model.load_state_dict(guard.weights)
        best = StereoInference(cast(StereoModel, model), float(inference.enlarge)).eval()
    names = [[pairs.key(index) for index in part] for part in (learned, held_back)]
    return Adapted(best, guard.weights is not None, guard.before, guard.scores, tuple(names[0]), tuple(names[1]))


def guard_score(inference: StereoInference, pairs: StereoPairs) -> float:
    """Score of a network on pairs without truth: the mean census difference of both views, lower is better.

    A pixel that leaves the other image, or on which both views disagree by more than 1 px, costs 0.5, so that the score
    cannot fall by hiding what does not match.

    Args:
        inference: The network.
        pairs: The pairs.
    """
    inference = inference.eval()
    costs = list[float]()
    with torch.inference_mode():
        for index in range(len(pairs)):
            sample = pairs[index]
            left, right = (torch.from_numpy(np.ascontiguousarray(view)) for view in (sample.left, sample.right))
            disparity = inference(left, right)[0][None, None]
            other = inference(right.flip(1), left.flip(1))[0].flip(1)[None, None]
            near, far = (view.permute(2, 0, 1)[None].float() / 255.0 for view in (left, right))
            costs.append(_cost(disparity, other, near, far))
            costs.append(_cost(other.flip(3), disparity.flip(3), far.flip(3), near.flip(3)))
    return float(np.mean(costs))


def _cost(
    disparity: Tensor, other: Tensor, target: Float[Tensor, "1 3 h w"], source: Float[Tensor, "1 3 h w"]
) -> float:
    difference = census_difference(warp_by_disparity(source, disparity), target)
    seen = seen_by_both(disparity, other, _AGREED_PX)
    return float(torch.where(seen, difference.clamp(max=_HIDDEN_COST), _HIDDEN_COST).mean())


@final
class _Confirmed:
    """A teacher: a classical matcher where both views and the network confirm it, elsewhere the network as it was.

    The teacher's images are larger than those of the network that learns.

    Source: Tonioni et al. 2017 (Unsupervised Adaptation for Deep Stereo), for learning from a matcher where it is sure.
    """

    def __init__(self, inference: StereoInference) -> None:
        # The images of a learner have been enlarged already.
        self.old = StereoInference(cast(StereoModel, copy.deepcopy(inference.model)), _TEACHER_ENLARGE).eval()
        self.matcher = ClassicalStereo(_MATCHER, self.old.max_disparity)

    def __call__(self, left: UInt8[np.ndarray, "h w 3"], right: UInt8[np.ndarray, "h w 3"]) -> DisparityMap:
        """Disparities to learn, each with its weight as the confidence."""
        with torch.inference_mode():
            disparity, _ = self.old(torch.from_numpy(left), torch.from_numpy(right))
        own, found = disparity.numpy(), self.matcher(left, right)
        believed = found.valid & (np.abs(found.disparity - own) <= _NEAR_PX)
        weight = np.where(believed, np.float32(1.0), np.float32(_OWN_WEIGHT))
        return DisparityMap(np.where(believed, found.disparity, own), np.ones_like(believed), weight)


@final
class _Guard(lightning.Callback):
    """Scores the held-back pairs at intervals, and keeps the averaged weights that explain them best."""

    def __init__(self, pairs: StereoPairs, every: int, before: float) -> None:
        self.pairs, self.every, self.before = pairs, every, before
        self.scores: dict[int, float] = {}
        self.weights: dict[str, Tensor] | None = None

    def on_train_batch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any) -> None:  # noqa: ANN401 - Lightning's hook
        """Scores the steps so far; at the end of a batch the average is still one step behind."""
        if trainer.global_step and trainer.global_step % self.every == 0:
            self._score(trainer.global_step, cast(DistilledStereo, pl_module))

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Scores the last step."""
        self._score(trainer.global_step, cast(DistilledStereo, pl_module))

    def _score(self, step: int, learner: DistilledStereo) -> None:
        score = guard_score(learner.inference, self.pairs)
        if score < min(self.before, *self.scores.values(), math.inf):
            self.weights = copy.deepcopy(learner.inference.model.state_dict())
        self.scores[step] = score


def _checked_size(pairs: StereoPairs, index: int) -> tuple[int, int]:
    sample = pairs[index]
    check_images(sample.left, sample.right)
    if np.array_equal(sample.left, sample.right):
        raise InputError(f"expected two views of a scene in {pairs.key(index)}, got one image twice; remove the pair")
    return sample.left.shape[0], sample.left.shape[1]


def _split(count: int, options: AdaptOptions) -> tuple[list[int], list[int]]:
    """Pairs to learn from and pairs to score, at least one of each; evenly spread over a recording."""
    if count < 2:
        raise InputError(f"expected at least 2 pairs, one of them to judge by, got {count}; record more")
    held = min(max(1, round(options.holdout * count)), count - 1)
    judges = {int((index + 0.5) * count / held) for index in range(held)}
    return [index for index in range(count) if index not in judges], sorted(judges)


def _recipe(inference: StereoInference, options: AdaptOptions, sizes: Sequence[tuple[int, int]]) -> DistillationRecipe:
    """The recipe of a short fine-tuning at the scale at which the network works."""
    enlarge = float(inference.enlarge)
    smallest = (min(size[axis] for size in sizes) * enlarge for axis in (0, 1))
    crop = tuple(
        max(inference.stride, min(most, int(side)) // inference.stride * inference.stride)
        for most, side in zip(_CROP, smallest, strict=True)
    )
    log2 = math.log2(enlarge)
    augmentation = StereoAugmentation(
        crop=(crop[0], crop[1]),
        log2_scale=(log2 - _LOG2_SCALE, log2 + _LOG2_SCALE),
        log2_stretch=0.0,
        flip_views=0.5,
        flip_rows=0.0,
        photometric=0.3,
        asymmetric=0.0,
        erase=0.0,
    )
    return DistillationRecipe(
        model=_NETWORK,
        data=_RECORDINGS,
        validation=_RECORDINGS,
        seed=options.seed,
        steps=options.steps,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        warmup_steps=max(1, options.steps // 10),
        decay_steps=max(1, options.steps // 2),
        weight_decay=0.0,
        ema_decay=0.95,
        epoch_steps=options.steps,
        compile=False,
        workers=0,
        enlarge=enlarge,
        confidence_weight=0.0,
        min_confidence=0.0,
        freeze_norms=True,
        heed_truth=True,
        augmentation=augmentation,
    )
