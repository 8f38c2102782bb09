"""Content of a checkpoint of `leadline train`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from leadline.errors import InputError

_AVERAGE = "average.module."
RENAMED_KEYS = {"learning": "method", "matched": "prior_cache"}
"""Keys of recipes of version 0.1 -> what they are called now."""
_RENAMED_WEIGHTS = (".guidance.", ".sgbm_prior.")
"""Part of the names of weights of version 0.1, and what it is called now."""


def current_name(weight: str) -> str:
    """The name of a weight now, of one that was stored by this version or an earlier one.

    >>> current_name("selection.guidance.enter.weight")
    'selection.sgbm_prior.enter.weight'
    """
    return weight.replace(*_RENAMED_WEIGHTS)


def averaged_weights(checkpoint: Path) -> tuple[Mapping[str, Any], dict[str, Tensor]]:
    """The recipe of a training run, and its averaged weights by name.

    Raises:
        InputError: If the file is not a checkpoint of `leadline train`.
    """
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        recipe: Mapping[str, Any] = state["hyper_parameters"]["recipe"]
        named: Mapping[str, Tensor] = state["state_dict"]
        recipe = {RENAMED_KEYS.get(key, key): value for key, value in recipe.items()}
        return recipe, {current_name(k.removeprefix(_AVERAGE)): v for k, v in named.items() if k.startswith(_AVERAGE)}
    except Exception as error:  # whatever torch raises on a foreign file
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"expected a checkpoint of `leadline train`, could not read {checkpoint}: {reason}") from None
