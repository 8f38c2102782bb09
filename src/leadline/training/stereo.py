"""Supervised training of stereo networks."""

import copy
from typing import Any, cast

import lightning
import numpy as np
import torch
from jaxtyping import Float
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from leadline.data.stereo_shards import StereoShards
from leadline.data.torch_stereo import StereoBatch, StereoStream
from leadline.errors import LeadlineError
from leadline.losses import confidence_cross_entropy, disparity_cross_entropy, smooth_l1
from leadline.models.catalog import build_model
from leadline.models.stereo import Deployed, StereoModel, StereoPrediction
from leadline.training.recipe import StereoRecipe, resolved
from leadline.training.validation import StereoValidation, StereoValidationItem
from leadline.visual.colormap import plasma


class SupervisedStereo(lightning.LightningModule):
    """Learns disparity and its confidence from samples with truth; validates a moving average of the weights."""

    def __init__(self, recipe: StereoRecipe) -> None:
        super().__init__()
        self.save_hyperparameters({"recipe": resolved(recipe)})
        self.recipe = recipe
        model = build_model(recipe.model)
        self.model = model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.average = AveragedModel(
            copy.deepcopy(self.model), multi_avg_fn=get_ema_multi_avg_fn(recipe.ema_decay), use_buffers=True
        )
        if recipe.compile:
            self.model.compile()

    @property
    def deployed(self) -> Deployed:
        """The averaged network as users call it."""
        return Deployed(cast(StereoModel, self.average.module)).eval()

    def training_step(self, batch: StereoBatch, batch_index: int) -> Float[Tensor, ""]:
        """The loss of one batch."""
        pair = torch.cat([batch["left"], batch["right"]]).permute(0, 3, 1, 2).float() / 255.0
        left, right = pair.chunk(2)
        prediction = cast(StereoPrediction, self.model(left, right))
        with torch.autocast(left.device.type, enabled=False):
            terms = stereo_terms(prediction, batch, self.recipe)
        loss = torch.stack(list(terms.values())).sum()
        if not torch.isfinite(loss):
            values = ", ".join(f"{name} {float(term):g}" for name, term in terms.items())
            raise LeadlineError(
                f"expected a finite loss at step {self.global_step}, got {values}; lower the recipe's learning_rate"
            )
        self.log_dict({f"train/{name}": term for name, term in terms.items()}, on_step=True)
        self.log("train/loss", loss, on_step=True, prog_bar=True)
        return loss

    def on_train_batch_end(self, *_: Any) -> None:  # noqa: ANN401 - Lightning's hook
        """Moves the averaged weights; young averages follow faster."""
        self.average.update_parameters(cast(nn.Module, self.model))

    def validation_step(self, batch: StereoValidationItem, batch_index: int) -> None:
        """Scores the averaged network on one picture, all pixels with truth."""
        group, truth, valid = batch["group"], batch["disparity"].double(), batch["valid"]
        with torch.autocast(self.device.type, enabled=False):
            disparity, confidence = self.deployed(batch["left"], batch["right"])
        error = (disparity.double() - truth).abs()[valid]
        scores = {"epe": error.mean(), "bad2": 100.0 * (error > 2.0).double().mean()}
        scores["confidence_gap"] = confidence[valid].double().mean() - (error < 1.0).double().mean()
        for name, score in scores.items():
            self.log(f"{group}/{name}", score.float(), batch_size=1, on_epoch=True)
        if batch["shown"]:
            self._show(batch, disparity, confidence)

    def _show(self, batch: StereoValidationItem, disparity: Tensor, confidence: Tensor) -> None:
        for logger in self.loggers:
            if isinstance(logger, TensorBoardLogger):
                colors = plasma(disparity.float().cpu().numpy(), np.ones(disparity.shape, dtype=bool))
                grey = (confidence * 255).byte().cpu().numpy()[..., None].repeat(3, 2)
                sheet = np.hstack([batch["left"].cpu().numpy(), colors, grey])
                tag = f"{batch['group']}/{batch['name']}"
                logger.experiment.add_image(tag, sheet, self.global_step, dataformats="HWC")

    def train_dataloader(self) -> DataLoader[StereoBatch]:
        """The samples of this epoch; made anew for each, so that a resumed run sees what it would have seen."""
        recipe = self.recipe
        count = recipe.epoch_steps * recipe.batch_size
        shards = StereoShards(recipe.data)
        # By step, not by epoch: Lightning restores the epoch's number one too low, and then ends that epoch early.
        start = self.global_step * recipe.batch_size
        stream = StereoStream(shards, recipe.augmentation, recipe.seed, start, count)
        # Forked straight from here, a worker would inherit the dead threads of OpenCV and OpenMP.
        return DataLoader(  # pyright: ignore
            stream,
            recipe.batch_size,
            num_workers=recipe.workers,
            prefetch_factor=8 if recipe.workers else None,
            multiprocessing_context="forkserver" if recipe.workers else None,
        )

    def val_dataloader(self) -> DataLoader[StereoValidationItem]:
        """Dreamed pairs first, then the real scenes that are present."""
        return DataLoader(StereoValidation(self.recipe), batch_size=None)  # pyright: ignore

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW; warm-up, plateau, then a linear fall to zero, so a run can be extended from its plateau."""
        recipe = self.recipe
        optimizer = torch.optim.AdamW(self.model.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)

        def factor(step: int) -> float:
            return max(0.0, min(1.0, (step + 1) / recipe.warmup_steps, (recipe.steps - step) / recipe.decay_steps))

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def stereo_terms(prediction: StereoPrediction, batch: StereoBatch, recipe: StereoRecipe) -> dict[str, Tensor]:
    """The weighted terms of the supervised loss, by name."""
    truth = batch["disparity"].unsqueeze(1)
    weight = batch["valid"].unsqueeze(1).float() * torch.where(batch["occluded"], recipe.occluded_weight, 1.0)[:, None]
    weight = weight * (truth < prediction.scores.shape[1] * truth.shape[2] / prediction.scores.shape[2])
    # Stride-2 convolutions centre output i on input 2 i, so the truth of a coarse pixel is its top-left one.
    coarse = [
        (2**level, truth[..., :: 2**level, :: 2**level], weight[..., :: 2**level, :: 2**level]) for level in (2, 1)
    ]
    quarter, half = prediction.coarse
    return {
        "full": smooth_l1(prediction.disparity, truth, weight),
        "half": recipe.half_weight * smooth_l1(half, coarse[1][1], coarse[1][2]),
        "quarter": recipe.quarter_weight * smooth_l1(quarter, coarse[0][1], coarse[0][2]),
        "volume": recipe.volume_weight * disparity_cross_entropy(prediction.scores, coarse[0][1] / 4.0, coarse[0][2]),
        "confidence": recipe.confidence_weight
        * confidence_cross_entropy(prediction.confidence_logit, prediction.disparity, truth, (weight > 0).float()),
    }
