"""Runs a recipe: Lightning does the work."""

import ctypes
import multiprocessing
import sys
from pathlib import Path

import lightning
from lightning.pytorch.callbacks import ModelCheckpoint, Timer
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from leadline.training.recipe import StereoRecipe
from leadline.training.stereo import SupervisedStereo

CHECKPOINT_NAME = "last.ckpt"


def train_stereo(recipe: StereoRecipe, output: Path, start_from: Path | None = None) -> Path:
    """Train until the recipe's last step; a run that was stopped goes on from its last checkpoint.

    Args:
        recipe: What to learn.
        output: Folder of checkpoints, TensorBoard logs and metrics.csv.
        start_from: Checkpoint of another run to go on from, where `output` holds none yet.
    Returns:
        The last checkpoint.
    """
    _keep_freed_memory()
    multiprocessing.get_context("forkserver").set_forkserver_preload(["leadline.data.torch_stereo"])
    lightning.seed_everything(recipe.seed)
    checkpoint = output / CHECKPOINT_NAME
    trainer = lightning.Trainer(
        max_steps=recipe.steps,
        precision="bf16-mixed",
        gradient_clip_val=1.0,
        logger=[TensorBoardLogger(output, name="", version="logs"), CSVLogger(output, name="", version="metrics")],
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
        log_every_n_steps=10,
    )
    resume = checkpoint if checkpoint.exists() else start_from
    trainer.fit(SupervisedStereo(recipe), ckpt_path=resume, weights_only=False)
    return checkpoint


def _keep_freed_memory() -> None:
    """Stops glibc from returning freed tensors to the system: mapping them anew each step costs half the time."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            m_trim_threshold, m_mmap_max = -1, -4
            libc.mallopt(m_mmap_max, 0)
            libc.mallopt(m_trim_threshold, 2**31 - 1)
