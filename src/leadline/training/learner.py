"""What all ways of learning share: averaged weights, the schedule, and batches that a resumed run sees likewise."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, cast

import lightning
import torch
from jaxtyping import Float
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

from leadline.errors import LeadlineError
from leadline.training.recipe import Recipe, resolved


class Learner(lightning.LightningModule, ABC):
    """Trains one network; a subclass says what from: its step, its data and its validation.

    Args:
        recipe: What to learn.
        model: The network, with the weights that it starts with.
    """

    def __init__(self, recipe: Recipe, model: nn.Module) -> None:
        super().__init__()
        self.save_hyperparameters({"recipe": resolved(recipe)})
        self.schedule = recipe
        # Not the whole network at once: the weights of 3D convolutions know no such layout.
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d):
                layer.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.model = model
        self.average = AveragedModel(
            copy.deepcopy(self.model), multi_avg_fn=get_ema_multi_avg_fn(recipe.ema_decay), use_buffers=True
        )
        if recipe.compile:
            self.model.compile()

    @abstractmethod
    def training_step(self, batch: Any, batch_index: int) -> Float[Tensor, ""]:  # noqa: ANN401 - each way has its own
        """The loss of one batch."""

    def adopt(self, weights: Mapping[str, Tensor]) -> list[str]:
        """Starts with another network's weights where name and shape agree.

        Returns:
            Names of the weights that start afresh.
        """
        own = self.model.state_dict()
        fitting = {name: value for name, value in weights.items() if name in own and value.shape == own[name].shape}
        self.model.load_state_dict(fitting, strict=False)
        return [name for name in own if name not in fitting]

    def checked(self, terms: Mapping[str, Float[Tensor, ""]]) -> Float[Tensor, ""]:
        """The sum of a loss's terms, logged with each of them.

        Raises:
            LeadlineError: If it is not finite.
        """
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

    @property
    def samples_seen(self) -> int:
        """Where in the endless stream of samples this epoch begins.

        By step, not by epoch: Lightning restores the epoch's number one too low, and then ends that epoch early.
        """
        return self.global_step * self.schedule.batch_size

    def loader(self, stream: Dataset[Any]) -> DataLoader[Any]:
        """Batches of the samples of one epoch, in order."""
        workers = self.schedule.workers
        # Forked straight from here, a worker would inherit the dead threads of OpenCV and OpenMP.
        return DataLoader(  # pyright: ignore
            stream,
            self.schedule.batch_size,
            num_workers=workers,
            prefetch_factor=8 if workers else None,
            multiprocessing_context="forkserver" if workers else None,
        )

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW; warm-up, plateau, then a linear fall to zero, so a run can be extended from its plateau."""
        recipe = self.schedule
        optimizer = torch.optim.AdamW(self.model.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)

        def factor(step: int) -> float:
            return max(0.0, min(1.0, (step + 1) / recipe.warmup_steps, (recipe.steps - step) / recipe.decay_steps))

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
