"""Checkpoint files that are either whole or absent."""

import io
from pathlib import Path
from typing import Any, BinaryIO, cast, final

import torch
from lightning.fabric.plugins.io.checkpoint_io import CheckpointIO

from leadline.io.atomic import atomic_write


@final
class _Remembering(io.RawIOBase):
    """A stream that keeps the system's error of a write."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def writable(self) -> bool:
        """Always true."""
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer
        """Writes on."""
        try:
            return self._stream.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        """Flushes, and keeps the error of that too."""
        try:
            self._stream.flush()
        except OSError as error:
            self.error = error
            raise


@final
class AtomicCheckpoints(CheckpointIO):
    """Writes beside the checkpoint and renames.

    Lightning's own writer goes through the system's folder for temporary files: where that is another disk, a run that
    is killed while it saves loses the old checkpoint and the new one.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None) -> None:
        """Replaces the file at once."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as stream:
            kept = _Remembering(stream)
            try:
                torch.save(checkpoint, cast(Any, kept))
            except RuntimeError:
                # Torch's writer hides what the system said of the disk.
                if kept.error is not None:
                    raise kept.error from None
                raise

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Any = "cpu",  # noqa: ANN401 - torch's
        weights_only: bool | None = True,
    ) -> dict[str, Any]:
        """Content of a saved checkpoint."""
        return torch.load(path, map_location=map_location, weights_only=True if weights_only is None else weights_only)

    def remove_checkpoint(self, path: str | Path) -> None:
        """Deletes the file; one that is not there is fine."""
        Path(path).unlink(missing_ok=True)
