"""Runs a recipe: Lightning does the work."""

import ctypes
import logging
import multiprocessing
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, Timer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy

from leadline.errors import InputError
from leadline.io.atomic import make_output_folder
from leadline.models.checkpoint import averaged_weights
from leadline.training.checkpoints import AtomicCheckpoints
from leadline.training.learner import Learner
from leadline.training.recipe import Recipe, learner_type
from leadline.training.time_budget import TimeBudget

_LOG = logging.getLogger(__name__)
CHECKPOINT_NAME = "last.ckpt"
_LIGHTNING_INTERRUPTED = 1  # how Lightning exits after Ctrl-C
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
    Returns:
        The last checkpoint.
    Raises:
        InputError: If `start_from` does not exist, the recipe's data cannot be read, the batch cannot be shared, or
            there are no minutes.
        OutputError: If the folder cannot be made.
        DivergedError: If the loss, a gradient or a weight is not finite.
        KeyboardInterrupt: After Ctrl-C.
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
    make_output_folder(output)
    _keep_freed_memory()
    multiprocessing.get_context("forkserver").set_forkserver_preload(["leadline.data.stereo.stream"])
    lightning.seed_everything(recipe.seed)
    checkpoint = output / CHECKPOINT_NAME
    resume = checkpoint if checkpoint.exists() else start_from
    learner: Learner = learner_type(recipe)(recipe)
    learner.budget = budget
    if weights is not None and resume is None:
        fresh = learner.adopt(averaged_weights(weights)[1])
        _LOG.warning("weights of %s; afresh start: %s", weights, ", ".join(fresh) or "none")
    trainer = _trainer(recipe, output, team, budget)
    with ctrl_c(), warnings.catch_warnings():
        # The logs are in it already, and a run that goes on has its checkpoint there.
        warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty", UserWarning)
        # The stream of samples goes on at the right one, wherever in an epoch that is.
        warnings.filterwarnings("ignore", "You're resuming from a checkpoint that ended before", UserWarning)
        trainer.fit(learner, ckpt_path=resume, weights_only=True)
    return checkpoint


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
    learner: Learner = learner_type(recipe)(recipe)
    trainer = lightning.Trainer(
        accelerator="auto",
        devices=1,
        precision=recipe.precision,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    learner.load_state_dict(AtomicCheckpoints().load_checkpoint(checkpoint)["state_dict"])
    with ctrl_c():
        (scores,) = trainer.validate(learner, verbose=False)
    return {name: float(value) for name, value in scores.items()}


def _trainer(recipe: Recipe, output: Path, team: Team, budget: TimeBudget | None) -> lightning.Trainer:
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
        check_val_every_n_epoch=recipe.validate_epochs,
        num_sanity_val_steps=0,
        log_every_n_steps=min(10, recipe.epoch_steps),
    )


@contextmanager
def ctrl_c() -> Generator[None]:
    """Ctrl-C stays a KeyboardInterrupt, which Lightning makes an exit."""
    try:
        yield
    except SystemExit as error:
        if error.code == _LIGHTNING_INTERRUPTED:
            raise KeyboardInterrupt from None
        raise


def _keep_freed_memory() -> None:
    """Stops glibc from returning freed tensors to the system: mapping them anew each step costs half the time."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            m_trim_threshold, m_mmap_max = -1, -4
            libc.mallopt(m_mmap_max, 0)
            libc.mallopt(m_trim_threshold, 2**31 - 1)
