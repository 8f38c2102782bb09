"""Methods of other people: how they are made, and a check of what they return."""

import sys
from collections.abc import Callable, Mapping
from inspect import Parameter, isclass, isfunction, signature
from typing import Any, cast, final

import numpy as np

from leadline.errors import InputError
from leadline.lazy import load_attribute
from leadline.tasks import TASKS, Task

_TORCH_METHOD = "leadline.models.method:TorchMethod"
_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


@final
class CheckedMethod:
    """A method of somebody else, whose every result is checked.

    Args:
        name: For messages and summaries.
        task: What it is for.
        method: Takes the task's inputs.

    >>> from leadline.maps import DisparityMap
    >>> def flat(left, right):
    ...     return DisparityMap(np.full(left.shape[:2], 7.0, np.float32), np.ones(left.shape[:2], bool))
    >>> image = np.zeros((20, 30, 3), np.uint8)
    >>> float(CheckedMethod("flat", TASKS["stereo"], flat)(image, image).disparity[0, 0])
    7.0
    >>> CheckedMethod("half", TASKS["stereo"], lambda left, right: flat(left[::2], right))(image, image)
    Traceback (most recent call last):
    leadline.errors.InputError: expected a result of the image's (height, width) (20, 30) from half, got (10, 30)
    """

    def __init__(self, name: str, task: Task, method: Callable[..., Any]) -> None:
        self.name, self.task, self.method = name, task, method
        self._result: type = load_attribute(task.result)

    @property
    def description(self) -> dict[str, Any]:
        """Description of the model and how it runs, for a summary."""
        return {"model": self.name, **getattr(self.method, "description", {})}

    def __call__(self, image: np.ndarray, *others: Any) -> Any:  # noqa: ANN401 - as the task's methods
        """Result of the method for the task's inputs.

        Raises:
            InputError: If it is of another type or size than the task asks for.
        """
        found = self.method(image, *others)
        if not isinstance(found, self._result):
            raise InputError(
                f"expected a leadline.{self._result.__name__} from {self.name}, got {type(found).__name__}; return "
                f"{self._result.__name__}(values, valid)"
            )
        if found.valid.shape != image.shape[:2]:  # pyright: ignore[reportAttributeAccessIssue]
            raise InputError(
                f"expected a result of the image's (height, width) {image.shape[:2]} from {self.name}, got "
                f"{found.valid.shape}"  # pyright: ignore[reportAttributeAccessIssue]
            )
        return found


def own_tasks(attribute: object) -> tuple[str, ...]:
    """Names of the tasks that somebody's class or function can do: those with as many inputs.

    Args:
        attribute: A class or function, as `make_own` takes it. Its attribute `task`, if it has one, names the task.
    Raises:
        InputError: If it is neither, or no task has as many inputs.

    >>> own_tasks(lambda left, right: None)
    ('stereo', 'flow')
    >>> own_tasks(lambda image: None)
    ('mono',)
    """
    task = getattr(attribute, "task", None)
    if isinstance(task, str):
        return (task,)
    if not callable(attribute):
        raise InputError(f"expected a class or a function as the model, got {type(attribute).__name__}")
    call = attribute.__call__ if isclass(attribute) else attribute
    if _is_torch(attribute):
        call = getattr(attribute, "forward")  # noqa: B009 - which only a network in torch has
    count = _inputs(call) - isclass(attribute)
    if not isclass(attribute) and count == 0:
        return tuple(TASKS)
    tasks = tuple(task.name for task in TASKS.values() if len(task.inputs) == count)
    if not tasks:
        forms = "; ".join(f"({', '.join(task.inputs)}) for {task.name}" for task in TASKS.values())
        raise InputError(f"expected a method that takes {forms}, got one that takes {count} arguments")
    return tasks


def make_own(name: str, attribute: Callable[..., Any], task: Task, options: Mapping[str, Any]) -> CheckedMethod:
    """A method of somebody else, made if need be.

    Args:
        name: For messages and summaries.
        attribute: A class, or a function of no positional argument, which is called to make the method; or a function
            or other callable, which is the method. What is made, or is the method, may be a network in torch: its
            weights are those that it is made with.
        task: What it is for.
        options: What the caller asked for; what makes the method gets those that it takes.
    Raises:
        InputError: If there is nothing that could take an option, or a network in torch is not as it should be.
    """
    makes = isclass(attribute) or (isfunction(attribute) and _inputs(attribute) == 0)
    known: Mapping[str, Parameter] = signature(attribute).parameters if makes else {}
    takes_all = any(entry.kind is Parameter.VAR_KEYWORD for entry in known.values())
    if unknown := [option for option in options if option not in known and not takes_all]:
        raise InputError(f"expected no {unknown[0]} for {name}, which takes none, got {options[unknown[0]]}; omit it")
    method = cast("Callable[..., Any]", attribute(**options) if makes else attribute)
    if _is_torch(method):
        method = load_attribute(_TORCH_METHOD)(name, task, method)
    return CheckedMethod(name, task, method)


def _is_torch(attribute: Any) -> bool:  # noqa: ANN401 - whatever somebody wrote
    """Whether it is a network in torch, or its class; whoever has one has imported torch."""
    torch = sys.modules.get("torch")
    if torch is None:
        return False
    return issubclass(attribute, torch.nn.Module) if isclass(attribute) else isinstance(attribute, torch.nn.Module)


def _inputs(function: Callable[..., Any]) -> int:
    """Positional arguments that a function must be given."""
    entries = signature(function).parameters.values()
    return sum(entry.kind in _POSITIONAL and entry.default is Parameter.empty for entry in entries)
