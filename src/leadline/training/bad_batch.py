"""A batch on disk, to see why a run stopped at it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from leadline.io.atomic import atomic_write


def save_batch(path: Path, batch: object) -> None:
    """Writes the tensors, numbers and texts of a batch, however nested, as a .npz file that appears only when whole.

    Args:
        path: The file; its folder must exist.
        batch: Mappings and sequences down to tensors. An array's name is the way to it: ``left``, ``frames.0``.
    Raises:
        OutputError: If it cannot be written.
    """
    with atomic_write(path) as stream:
        np.savez(stream, allow_pickle=False, **dict(_arrays(batch, "")))


def _arrays(part: object, name: str) -> Iterator[tuple[str, np.ndarray]]:
    if isinstance(part, Mapping):
        parts = part.items()
    elif isinstance(part, list | tuple):
        parts = enumerate(part)
    elif isinstance(part, Tensor):
        # numpy has no bfloat16.
        yield name, (part.float() if part.dtype == torch.bfloat16 else part).detach().cpu().numpy()
        return
    else:
        if isinstance(part, str | int | float):
            yield name, np.asarray(part)
        return
    for key, value in parts:
        yield from _arrays(value, f"{name}.{key}" if name else str(key))
