"""The core of all methods: averaged weights, the schedule, and batches that do not depend on interruptions."""

import copy
import logging
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import lightning
import torch
from jaxtyping import Float
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, distributed, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset, Subset

from leadline.data.synthetic.fresh import FreshWorlds
from leadline.data.workers import end_with_this_process
from leadline.errors import InputError, LeadlineError
from leadline.io.remote import is_remote, local_shards
from leadline.models.checkpoint import current_name
from leadline.training.bad_batch import save_batch
from leadline.training.continued import Continued
from leadline.training.interruption import check_interruption, listen_again
from leadline.training.processes import process_count, process_rank
from leadline.training.recipe import Recipe, resolved
from leadline.training.time_budget import TimeBudget

_LOG = logging.getLogger(__name__)
_ENDLESS = 1 << 40
"""Samples that no run comes to."""
_SEEDS = "fresh_seeds"


class DivergedError(LeadlineError):
    """A run came to numbers that are not finite."""


R = TypeVar("R", bound=Recipe)
Groups = Callable[[nn.Module], Sequence[dict[str, Any]]]
"""Parameter groups of a network, as torch optimisers take them."""
Renaming = Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]
"""Weights of another network under the names that this network gives them."""


def all_weights(model: nn.Module) -> Sequence[dict[str, Any]]:
    """One parameter group of all weights, with the recipe's learning rate."""
    return [{"params": list(model.parameters())}]


class Learner(lightning.LightningModule, ABC, Generic[R]):
    """Trains one network; a subclass defines the loss of a batch, the samples and the validation.

    Args:
        recipe: What to learn.
        model: The network, with the weights that it starts with.
        groups: What the optimiser learns, and at which rates.
        renaming: Names that another network's weights get before they are adopted.
    """

    #: What ends the run instead of the recipe's steps.
    budget: TimeBudget | None = None

    def __init__(self, recipe: R, model: nn.Module, groups: Groups = all_weights, renaming: Renaming = dict) -> None:
        super().__init__()
        self.save_hyperparameters({"recipe": resolved(recipe)})
        self.recipe = recipe
        # Not the whole network at once: the weights of 3D convolutions have no such layout.
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d):
                layer.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.model = model
        self.average = AveragedModel(
            copy.deepcopy(self.model), multi_avg_fn=get_ema_multi_avg_fn(recipe.ema_decay), use_buffers=True
        )
        # Data-parallel training waits for the gradient of whatever may have one.
        self.average.requires_grad_(False)
        self.allow_zero_length_dataloader_with_multiple_devices = True  # more processes than validation images
        self._groups, self._renaming = groups, renaming
        self._batch: Any = None
        self._continued: Continued | None = None
        self.has_started = False
        self._scores: defaultdict[str, list[float]] = defaultdict(list)
        if recipe.compile:
            self.model.compile()

    @abstractmethod
    def training_step(self, batch: Any, batch_index: int) -> Float[Tensor, ""]:  # noqa: ANN401 - each method has its own
        """The loss of one batch."""

    @abstractmethod
    def samples(self, start: int, count: int) -> Dataset[Any]:
        """The samples of one epoch.

        Args:
            start: Number of the first one in the endless stream of samples.
            count: How many.
        """

    @abstractmethod
    def validation_images(self) -> Dataset[Any]:
        """Samples on which the averaged network is validated, one by one."""

    @property
    def averaged(self) -> nn.Module:
        """The network with averaged weights, ready for inference."""
        return cast(nn.Module, self.average.module).eval()

    def adopt(self, weights: Mapping[str, Tensor]) -> list[str]:
        """Starts with another network's weights where name and shape agree.

        Returns:
            Names of the weights that start afresh.
        """
        own, offered = self.model.state_dict(), self._renaming(weights)
        fitting = {name: value for name, value in offered.items() if name in own and value.shape == own[name].shape}
        self.model.load_state_dict(fitting, strict=False)
        return [name for name in own if name not in fitting]

    def checked(self, terms: Mapping[str, Float[Tensor, ""]]) -> Float[Tensor, ""]:
        """The sum of a loss's terms, logged with each of them.

        Raises:
            DivergedError: If it is not finite; the batch lies beside the checkpoint then.
        """
        loss = torch.stack(list(terms.values())).sum()
        # Means over the processes, which thus agree on whether to stop.
        shared = _mean_over_processes(torch.stack([*terms.values(), loss]).detach().float())
        values = {f"train/{name}": value for name, value in zip((*terms, "loss"), shared, strict=True)}
        if not torch.isfinite(shared).all():
            told = ", ".join(f"{name} {float(term):g}" for name, term in zip(terms, shared, strict=False))
            raise self._stopped(f"a finite loss at step {self.global_step}, got {told}")
        self.log("train/loss", values.pop("train/loss"), on_step=True, prog_bar=True)
        self.log_dict(values, on_step=True)
        return loss

    def score(self, name: str, value: Float[Tensor, ""]) -> None:
        """Adds one image's score to its mean over the validation, whichever process has the image."""
        self._scores[name].append(float(value))

    def on_train_batch_start(self, batch: Any, *_: Any) -> None:  # noqa: ANN401 - Lightning's hook
        """Keeps the batch, in case it is the one that ends the run."""
        check_interruption()
        self._batch = batch
        if self._continued is not None:
            self.log("train/waited_percent", 100.0 * self._continued.waited_share, on_step=True)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Lets no gradient reach the weights that is not finite.

        Raises:
            DivergedError: If one is not; the batch lies beside the checkpoint then.
        """
        gradients = [weight.grad for weight in self.parameters() if weight.grad is not None]
        if not torch.isfinite(norm := torch.nn.utils.get_total_norm(gradients)):
            raise self._stopped(f"finite gradients at step {self.global_step}, got a norm of {float(norm):g}")

    def on_train_batch_end(self, *_: Any) -> None:  # noqa: ANN401 - Lightning's hook
        """Moves the averaged weights; young averages follow faster. Then validates, if it is time."""
        self.average.update_parameters(cast(nn.Module, self.model))
        if self._is_validated_at(self.global_step):
            self._validate()
        check_interruption()

    def _is_validated_at(self, step: int) -> bool:
        """Whether the weights of a step are validated: by step alone, so that interruptions change nothing."""
        every = self.recipe.validate_epochs * self.recipe.epoch_steps
        last = step == self.trainer.max_steps or self.trainer.should_stop
        return self.trainer.enable_validation and (step % every == 0 or last)

    def _validate(self) -> None:
        """Logs the scores of the averaged network."""
        self._require_finite(self.state_dict())
        self._scores.clear()
        with torch.inference_mode():
            for index, item in enumerate(self.val_dataloader()):
                check_interruption()
                self.validation_step(self.transfer_batch_to_device(item, self.device, 0), index)
        scores = self._mean_scores()
        for logger in self.loggers:
            logger.log_metrics(scores, self.global_step - 1)

    def _require_finite(self, weights: Mapping[str, Tensor]) -> None:
        for name, value in weights.items():
            if value.is_floating_point() and not torch.isfinite(value).all():
                raise self._stopped(f"finite weights at step {self.global_step}, got others in {name}")

    def _mean_scores(self) -> dict[str, float]:
        return {name: sum(values) / len(values) for name, values in _joined(self._scores).items()}

    @abstractmethod
    def validation_step(self, batch: Any, batch_index: int) -> None:  # noqa: ANN401 - each task has its own
        """Scores the averaged network on one image."""

    def on_train_start(self) -> None:
        """Gives a resumed optimiser the recipe's rates and decay, which the checkpoint's may differ from."""
        listen_again()
        self.has_started = True
        for optimizer, schedule in zip(self.trainer.optimizers, self.trainer.lr_scheduler_configs, strict=True):
            scheduler = cast(torch.optim.lr_scheduler.LambdaLR, schedule.scheduler)
            rates = [float(group.get("lr", self.recipe.learning_rate)) for group in self.parameter_groups()]
            scheduler.base_lrs = list(rates)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["initial_lr"] = rate
                group["lr"] = rate * self._rate_factor(scheduler.last_epoch)
                group["weight_decay"] = self.recipe.weight_decay

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Goes on from a run of an earlier version, whose weights had other names."""
        checkpoint["state_dict"] = {current_name(name): value for name, value in checkpoint["state_dict"].items()}
        if self.fresh is not None and (seen := checkpoint.get(_SEEDS)) is not None:
            goes_on = self.fresh.first_seed + int(checkpoint["global_step"]) * self.recipe.batch_size
            if int(seen["first"]) <= goes_on < int(seen["next"]):
                raise InputError(
                    f"expected fresh worlds that the checkpoint has not seen, which begin at seed {seen['next']}, got "
                    f"{goes_on}; raise fresh.first_seed by {int(seen['next']) - goes_on}"
                )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keeps the last good checkpoint from being replaced by one that nobody can use.

        Raises:
            DivergedError: If a weight is not finite.
        """
        self._require_finite(checkpoint["state_dict"])
        if self.fresh is not None:
            first = self.fresh.first_seed
            checkpoint[_SEEDS] = {"first": first, "next": first + self.samples_seen}

    def on_fit_end(self) -> None:
        """Says how long training waited for samples that were rendered for it, and ends their workers."""
        if self._continued is not None:
            _LOG.warning("%s", self._continued.summary())
            self._continued = None

    def on_validation_epoch_start(self) -> None:
        """Forgets the scores of a validation that was broken off."""
        self._scores.clear()

    def on_validation_epoch_end(self) -> None:
        """Logs the mean of each score over all images of all processes."""
        for name, value in self._mean_scores().items():
            self.log(name, value, sync_dist=process_count() > 1)

    def prepare_data(self) -> None:
        """Fetches what is far away: once on each machine, before the processes ask for it."""
        places = (self.recipe.validation,) if self.fresh else (self.recipe.data, self.recipe.validation)
        for place in (place if isinstance(place, str) else place.root for place in places):
            if is_remote(place):
                local_shards(place)

    def _stopped(self, what: str) -> DivergedError:
        if self._batch is None or self._trainer is None:
            return DivergedError(f"expected {what}; lower the recipe's learning_rate")
        process = f"-process-{process_rank()}" if process_count() > 1 else ""
        path = Path(self.trainer.default_root_dir) / f"bad-batch-step-{self.global_step}{process}.npz"
        save_batch(path, self._batch)
        return DivergedError(f"expected {what}; look at the batch in {path}, or lower the recipe's learning_rate")

    @property
    def samples_seen(self) -> int:
        """Number of the epoch's first sample in the endless stream.

        By step, not by epoch: Lightning restores the epoch's number one too low, and then ends that epoch early.
        """
        return self.global_step * self.recipe.batch_size

    @property
    def fresh(self) -> FreshWorlds | None:
        """What is rendered while the network trains, where the recipe asks for it."""
        return getattr(self.recipe, "fresh", None)

    def train_dataloader(self) -> DataLoader[Any] | Continued:
        """The batches of this epoch; made anew for each, so that a resumed run gets those of an uninterrupted one.

        Workers that render go on instead: they would build their textures anew in each epoch.
        """
        if self.fresh is not None:
            return self._fresh_batches()
        return self.loader(self.samples(self.samples_seen, self.recipe.epoch_steps * self.recipe.batch_size))

    def _fresh_batches(self) -> Continued:
        if self._continued is None or self._continued.next_sample != self.samples_seen:
            recipe, steps = self.recipe, self.trainer.max_steps
            count = _ENDLESS if steps < 0 else (steps - self.global_step) * recipe.batch_size
            loader = self.loader(self.samples(self.samples_seen, count))
            self._continued = Continued(loader, self.samples_seen, recipe.batch_size, recipe.epoch_steps)
        return self._continued

    def val_dataloader(self) -> DataLoader[Any]:
        """This process's share of the validation images, one by one; `score` joins their scores."""
        return DataLoader(_share(self.validation_images()), batch_size=None)  # pyright: ignore

    def loader(self, stream: Dataset[Any]) -> DataLoader[Any]:
        """Batches of the samples of one epoch, in order; n processes take every n-th sample each."""
        workers, processes = self.recipe.workers, process_count()
        # Forked straight from here, a worker would inherit the dead threads of OpenCV and OpenMP.
        return DataLoader(  # pyright: ignore
            _share(stream),
            self.recipe.batch_size // processes,
            num_workers=workers,
            prefetch_factor=8 if workers else None,
            multiprocessing_context="forkserver" if workers else None,
            worker_init_fn=end_with_this_process() if workers else None,
        )

    def parameter_groups(self) -> Sequence[dict[str, Any]]:
        """Parameter groups of the optimiser, with their rates."""
        return self._groups(self.model)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW; warm-up, plateau, then a linear fall to zero, so a run can be extended from its plateau.

        The fall is over the recipe's last steps, or over the last share of the time if that is what ends the run.
        """
        recipe = self.recipe
        optimizer = torch.optim.AdamW(self.parameter_groups(), recipe.learning_rate, weight_decay=recipe.weight_decay)
        # A checkpoint leaves out a function, but not a method.
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: self._rate_factor(step))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _rate_factor(self, step: int) -> float:
        recipe = self.recipe
        rising = (step + 1) / max(1, recipe.warmup_steps)
        falling = (recipe.steps - step) / recipe.decay_steps if self.budget is None else self.budget.factor
        return max(0.0, min(1.0, rising, falling))


def _share(samples: Dataset[Any]) -> Dataset[Any]:
    """All samples, or of n processes every n-th one, from this process's number on."""
    if process_count() == 1:
        return samples
    return Subset(samples, range(process_rank(), len(samples), process_count()))  # pyright: ignore


def _mean_over_processes(values: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    if process_count() > 1:
        distributed.all_reduce(values)
    return values / process_count()


def _joined(scores: Mapping[str, list[float]]) -> dict[str, list[float]]:
    """The scores of all processes by name, alike in each of them."""
    shares: list[Any] = [dict(scores)]
    if process_count() > 1:
        shares *= process_count()
        distributed.all_gather_object(shares, dict(scores))
    names = dict.fromkeys(name for share in shares for name in share)
    return {name: [value for share in shares for value in share.get(name, [])] for name in names}
