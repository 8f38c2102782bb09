"""Losses by name: those of `leadline.losses`, and functions of other packages."""

from collections.abc import Callable, Mapping
from inspect import Parameter, signature
from typing import cast

from torch import Tensor

from leadline import losses
from leadline.errors import InputError
from leadline.models.places import imported, is_place

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Mean loss of a prediction, its truth, and a weight that is 0 where the truth is unknown."""
_ARGUMENTS = ("prediction", "truth", "weight")


def named_loss(name: str, own: Mapping[str, Loss] | None = None) -> Loss:
    """A loss of prediction, truth and weight.

    Args:
        name: Name of one of `own`, of a function in `leadline.losses`, or `mypackage.module:function`.
        own: A method's own losses by name.
    Raises:
        InputError: If there is no such loss, or it takes other arguments.
    """
    if own and name in own:
        return own[name]
    if is_place(name):
        return _checked(imported(name, "a loss"), name)
    found = getattr(losses, name, None) if name in losses.__all__ else None
    if found is None or not _takes_truth(found):
        plain = [each for each in losses.__all__ if _takes_truth(getattr(losses, each))]
        names = ", ".join(dict.fromkeys([*(own or ()), *plain]))
        raise InputError(f"expected a loss out of {names} or mypackage.module:function in the recipe, got {name!r}")
    return found


def _takes_truth(function: Callable[..., object]) -> bool:
    """Whether a function of ours compares a prediction with a truth under a weight, and needs nothing else."""
    if isinstance(function, type):
        return False
    parameters = list(signature(function).parameters.values())
    return tuple(each.name for each in parameters[:3]) == _ARGUMENTS and _optional(parameters[3:])


def _checked(function: object, name: str) -> Loss:
    if not callable(function) or isinstance(function, type):
        raise InputError(f"expected a function at {name}, got {function!r}; a loss takes {', '.join(_ARGUMENTS)}")
    parameters = list(signature(function).parameters.values())
    positional = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    if (
        len(parameters) < 3
        or any(each.kind not in positional for each in parameters[:3])
        or not _optional(parameters[3:])
    ):
        raise InputError(f"expected a loss that takes {', '.join(_ARGUMENTS)}, got {name}{signature(function)}")
    return cast(Loss, function)


def _optional(parameters: list[Parameter]) -> bool:
    return all(
        each.default is not Parameter.empty or each.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
        for each in parameters
    )
