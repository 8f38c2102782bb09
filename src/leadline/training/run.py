"""Runs a recipe: Lightning does the work."""

import ctypes
import logging
import multiprocessing
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, Timer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy

from leadline.errors import InputError, LeadlineError, OutputError
from leadline.io.atomic import DISK_ERRORS, make_output_folder
from leadline.io.owned import owned_folder
from leadline.models.checkpoint import averaged_weights, current_name
from leadline.training.checkpoints import AtomicCheckpoints
from leadline.training.interruption import interruptible
from leadline.training.learner import Learner
from leadline.training.processes import is_first_process
from leadline.training.recipe import Recipe, learner_type
from leadline.training.time_budget import TimeBudget

_LOG = logging.getLogger(__name__)
CHECKPOINT_NAME = "last.ckpt"
_NEVER = 2**31 - 1
"""Epochs."""
LOGS_NAME = "logs"


@dataclass(frozen=True)
class Team:
    """The processes that share each batch.

    Args:
        processes: On each machine; one GPU each, or shares of the CPU where there is none.
        nodes: Machines.
    """

    processes: int = 1
    nodes: int = 1

    def __post_init__(self) -> None:
        """Refuses what this machine cannot do."""
        if min(self.processes, self.nodes) < 1:
            raise InputError(f"expected at least 1 process on 1 node, got {self.processes} on {self.nodes}")
        gpus = torch.cuda.device_count()
        if self.processes > gpus > 0:
            raise InputError(f"expected a GPU for each of {self.processes} processes, got {gpus}; ask for fewer")

    @property
    def size(self) -> int:
        """Processes in all."""
        return self.processes * self.nodes


def train(
    recipe: Recipe,
    output: Path,
    start_from: Path | None = None,
    weights: Path | None = None,
    team: Team | None = None,
    minutes: float | None = None,
    validated: bool = True,
) -> Path:
    """Train until the recipe's last step; a run that was stopped goes on from its last checkpoint.

    Args:
        recipe: What to learn.
        output: Folder of the checkpoint and the TensorBoard logs.
        start_from: Checkpoint of another run to go on from, where `output` holds none yet.
        weights: Checkpoint whose averaged weights a new run begins with, as far as they fit.
        team: Processes that share each batch; only this one if absent. The others run this program's command line again
            and return from here too.
        minutes: Time from the first step on that ends the run instead of the recipe's steps, as of `TimeBudget`.
        validated: Whether the averaged weights are validated, at intervals and in the end.
    Returns:
        The last checkpoint.
    Raises:
        InputError: If `start_from` does not exist or is another network's, the recipe's data cannot be read, the batch
            cannot be shared, or there are no minutes.
        OutputError: If the folder cannot be made, another run writes into it, or the disk is full.
        DivergedError: If the loss, a gradient or a weight is not finite.
        KeyboardInterrupt: After Ctrl-C.
        Terminated: After SIGTERM.
    """
    team = team or Team()
    for path in (start_from, weights):
        if path is not None and not path.is_file():
            raise InputError(f"expected a checkpoint to start from at {path}, got no such file; check the name")
    if recipe.batch_size % team.size:
        raise InputError(
            f"expected a batch_size that {team.size} processes can share, got {recipe.batch_size}; change one of them"
        )
    budget = None if minutes is None else TimeBudget(minutes, output)
    with owned_folder(output) if is_first_process() else nullcontext(make_output_folder(output)):
        return _train(recipe, output, start_from, weights, _Course(team, budget, validated))


@dataclass(frozen=True)
class _Course:
    """How a run goes: by whom, how long, and whether it is validated."""

    team: Team
    budget: TimeBudget | None
    validated: bool


def _train(recipe: Recipe, output: Path, start_from: Path | None, weights: Path | None, course: _Course) -> Path:
    _keep_freed_memory()
    multiprocessing.get_context("forkserver").set_forkserver_preload(["leadline.data.stereo.stream"])
    lightning.seed_everything(recipe.seed)
    checkpoint = output / CHECKPOINT_NAME
    resume = checkpoint if checkpoint.exists() else start_from
    learner: Learner[Any] = learner_type(recipe)(recipe)
    learner.budget = course.budget
    if weights is not None and resume is None:
        fresh = learner.adopt(averaged_weights(weights)[1])
        _LOG.warning("weights of %s; afresh start: %s", weights, ", ".join(fresh) or "none")
    if resume is not None:
        require_resumable(resume, learner)
    trainer = _trainer(recipe, output, course)
    with interruptible(), disk_errors(output), restoring(resume, learner), warnings.catch_warnings():
        # The logs are in it already, and a run that goes on has its checkpoint there.
        warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty", UserWarning)
        # The stream of samples goes on at the right one, wherever in an epoch that is.
        warnings.filterwarnings("ignore", "You're resuming from a checkpoint that ended before", UserWarning)
        trainer.fit(learner, ckpt_path=resume, weights_only=True)
    return checkpoint


def require_resumable(checkpoint: Path, learner: Learner[Any]) -> None:
    """Refuses a checkpoint from which a run cannot go on.

    Args:
        checkpoint: The file.
        learner: What shall go on.
    Raises:
        InputError: If it cannot be read, is no checkpoint of a whole run, or is one of another network.
    """
    try:
        state = AtomicCheckpoints().load_checkpoint(checkpoint)
        weights, groups = state["state_dict"], state["optimizer_states"][0]["param_groups"]
        sizes = [len(group["params"]) for group in groups]
        shapes = {current_name(name): tuple(value.shape) for name, value in weights.items()}
        steps, _ = int(state["global_step"]), state["loops"]["fit_loop"]
    except Exception as error:  # whatever torch raises on a foreign file
        reason = " ".join(f"{type(error).__name__} {error}".split())[:120]
        raise InputError(
            f"expected a checkpoint that a run can go on from, could not read {checkpoint}: {reason}; remove it, or "
            "choose another one"
        ) from None
    own = {name: tuple(value.shape) for name, value in learner.state_dict().items()}
    if other := [name for name in {**own, **shapes} if own.get(name) != shapes.get(name)]:
        raise InputError(
            f"expected the checkpoint of this network in {checkpoint}, got another one after {steps} steps: {other[0]} "
            f"has the shape {shapes.get(other[0])} instead of {own.get(other[0])}; choose another output folder"
        )
    if sizes != [len(group["params"]) for group in learner.parameter_groups()]:
        raise InputError(
            f"expected a checkpoint that learns the same weights in {checkpoint}, got others; choose another output "
            "folder"
        )


@contextmanager
def restoring(checkpoint: Path | None, learner: Learner[Any]) -> Generator[None]:
    """Makes what is raised before the first step of a resumed run an error of one line about its checkpoint.

    Raises:
        InputError: If the run did not begin to learn.
    """
    try:
        yield
    except LeadlineError:
        raise
    except Exception as error:
        if checkpoint is None or learner.has_started:
            raise
        reason = " ".join(f"{type(error).__name__} {error}".split())[:120]
        raise InputError(
            f"expected a whole checkpoint in {checkpoint}, could not go on from it: {reason}; remove it, or choose "
            "another one"
        ) from error


@contextmanager
def disk_errors(output: Path) -> Generator[None]:
    """Makes a full or broken disk an error of one line, whichever library met it.

    Raises:
        OutputError: If the disk is full, broken or read-only.
    """
    try:
        yield
    except LeadlineError:
        raise
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and not (isinstance(cause, OSError) and cause.errno in DISK_ERRORS):
            cause = cause.__cause__ or cause.__context__
        if cause is None:
            raise
        raise OutputError(
            f"expected to write into {output}, got {str(cast(OSError, cause).strerror).lower()}; the last checkpoint "
            "is whole: free space and start again"
        ) from error


def validate(recipe: Recipe, checkpoint: Path) -> dict[str, float]:
    """Score a checkpoint's averaged network as training does, on all that the recipe validates on.

    Args:
        recipe: What was learnt.
        checkpoint: What `train` returned.
    Returns:
        Means by group and score: "rendered/epe" in px, "rendered/bad2" in percent.
    Raises:
        InputError: If the recipe's validation data cannot be read.
        KeyboardInterrupt: After Ctrl-C.
    """
    learner: Learner[Any] = learner_type(recipe)(recipe)
    trainer = lightning.Trainer(
        accelerator="auto",
        devices=1,
        precision=recipe.precision,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    learner.load_state_dict(AtomicCheckpoints().load_checkpoint(checkpoint)["state_dict"])
    with interruptible():
        (scores,) = trainer.validate(learner, verbose=False)
    return {name: float(value) for name, value in scores.items()}


def _trainer(recipe: Recipe, output: Path, course: _Course) -> lightning.Trainer:
    team, budget = course.team, course.budget
    gpu = torch.cuda.is_available()
    return lightning.Trainer(
        default_root_dir=output,
        # Processes that share a batch need CUDA or nothing.
        accelerator="cpu" if team.size > 1 and not gpu else "auto",
        devices=team.processes,
        num_nodes=team.nodes,
        # A method may leave a part of the network out of a step.
        strategy=DDPStrategy(find_unused_parameters=True) if team.size > 1 else "auto",
        sync_batchnorm=gpu and team.size > 1,
        use_distributed_sampler=False,
        max_steps=recipe.steps if budget is None else -1,
        precision=recipe.precision,
        gradient_clip_val=1.0,
        logger=TensorBoardLogger(output, name="", version=LOGS_NAME),
        callbacks=[
            ModelCheckpoint(
                output,
                filename=Path(CHECKPOINT_NAME).stem,
                save_top_k=1,
                save_on_train_epoch_end=True,
                enable_version_counter=False,
            ),
            Timer(),
            *([] if budget is None else [budget]),
        ],
        plugins=[AtomicCheckpoints()],
        reload_dataloaders_every_n_epochs=1,
        # The learner validates by itself, by steps: Lightning counts epochs, and a resumed run has others.
        check_val_every_n_epoch=_NEVER,
        limit_val_batches=None if course.validated else 0,
        num_sanity_val_steps=0,
        log_every_n_steps=min(10, recipe.epoch_steps),
    )


def _keep_freed_memory() -> None:
    """Stops glibc from returning freed tensors to the system: mapping them anew each step costs half the time."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            m_trim_threshold, m_mmap_max = -1, -4
            libc.mallopt(m_mmap_max, 0)
            libc.mallopt(m_trim_threshold, 2**31 - 1)
