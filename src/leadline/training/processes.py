"""Several processes that share one batch."""

import os

from torch import distributed


def process_count() -> int:
    """Processes that train together; 1 outside of such training."""
    return distributed.get_world_size() if _together() else 1


def process_rank() -> int:
    """Number of this process among them, from 0."""
    return distributed.get_rank() if _together() else 0


def is_first_process() -> bool:
    """Whether this process is the first of all; known before they are connected, too."""
    names = ("RANK",) if "RANK" in os.environ else ("LOCAL_RANK", "NODE_RANK")
    return all(int(os.environ.get(name, "0")) == 0 for name in names) and process_rank() == 0


def _together() -> bool:
    return distributed.is_available() and distributed.is_initialized()
