"""Runs a recipe: Lightning does the work."""

import ctypes
import logging
import multiprocessing
import sys
import warnings
from pathlib import Path

import lightning
from lightning.pytorch.callbacks import ModelCheckpoint, Timer
from lightning.pytorch.loggers import TensorBoardLogger

from leadline.errors import InputError
from leadline.io.atomic import make_output_folder
from leadline.models.checkpoint import averaged_weights
from leadline.training.learner import Learner
from leadline.training.recipe import Recipe, learner_type

_LOG = logging.getLogger(__name__)
CHECKPOINT_NAME = "last.ckpt"
_LIGHTNING_INTERRUPTED = 1  # how Lightning exits after Ctrl-C
LOGS_NAME = "logs"


def train(recipe: Recipe, output: Path, start_from: Path | None = None, weights: Path | None = None) -> Path:
    """Train until the recipe's last step; a run that was stopped goes on from its last checkpoint.

    Args:
        recipe: What to learn.
        output: Folder of the checkpoint and the TensorBoard logs.
        start_from: Checkpoint of another run to go on from, where `output` holds none yet.
        weights: Checkpoint whose averaged weights a new run begins with, as far as they fit.
    Returns:
        The last checkpoint.
    Raises:
        InputError: If `start_from` does not exist, or the recipe's data cannot be read.
        OutputError: If the folder cannot be made.
        LeadlineError: If the loss is not finite.
        KeyboardInterrupt: After Ctrl-C.
    """
    for path in (start_from, weights):
        if path is not None and not path.is_file():
            raise InputError(f"expected a checkpoint to start from at {path}, got no such file; check the name")
    make_output_folder(output)
    _keep_freed_memory()
    multiprocessing.get_context("forkserver").set_forkserver_preload(["leadline.data.torch_stereo"])
    lightning.seed_everything(recipe.seed)
    checkpoint = output / CHECKPOINT_NAME
    trainer = lightning.Trainer(
        max_steps=recipe.steps,
        precision="bf16-mixed",
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
        ],
        reload_dataloaders_every_n_epochs=1,
        check_val_every_n_epoch=recipe.validate_epochs,
        num_sanity_val_steps=0,
        log_every_n_steps=min(10, recipe.epoch_steps),
    )
    resume = checkpoint if checkpoint.exists() else start_from
    learner: Learner = learner_type(recipe)(recipe)
    if weights is not None and resume is None:
        fresh = learner.adopt(averaged_weights(weights)[1])
        _LOG.warning("weights of %s; afresh start: %s", weights, ", ".join(fresh) or "none")
    try:
        with warnings.catch_warnings():
            # The logs are in it already, and a run that goes on has its checkpoint there.
            warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty", UserWarning)
            # The stream of samples goes on at the right one, wherever in an epoch that is.
            warnings.filterwarnings("ignore", "You're resuming from a checkpoint that ended before", UserWarning)
            trainer.fit(learner, ckpt_path=resume, weights_only=True)
    except SystemExit as error:
        if error.code == _LIGHTNING_INTERRUPTED:
            raise KeyboardInterrupt from None
        raise
    return checkpoint


def _keep_freed_memory() -> None:
    """Stops glibc from returning freed tensors to the system: mapping them anew each step costs half the time."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            m_trim_threshold, m_mmap_max = -1, -4
            libc.mallopt(m_mmap_max, 0)
            libc.mallopt(m_trim_threshold, 2**31 - 1)
