"""Checkpoint files that are either whole or absent."""

from pathlib import Path
from typing import Any, final

import torch
from lightning.fabric.plugins.io.checkpoint_io import CheckpointIO

from leadline.io.atomic import atomic_write


@final
class AtomicCheckpoints(CheckpointIO):
    """Writes beside the checkpoint and renames.

    Lightning's own way goes through the system's folder for temporary files: where that is another disk, a run that is
    killed while it saves loses the old checkpoint and the new one.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None) -> None:
        """Replaces the file at once."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as stream:
            torch.save(checkpoint, stream)

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Any = "cpu",  # noqa: ANN401 - torch's
        weights_only: bool | None = True,
    ) -> dict[str, Any]:
        """What was saved."""
        return torch.load(path, map_location=map_location, weights_only=True if weights_only is None else weights_only)

    def remove_checkpoint(self, path: str | Path) -> None:
        """Deletes the file; one that is not there is fine."""
        Path(path).unlink(missing_ok=True)
