"""Phases of a training in which not every network learns all the time: which one a step belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass

from leadline.errors import InputError


@dataclass(frozen=True)
class Phase:
    """A stretch of steps with one loss.

    Args:
        name: As logs say it.
        learns: Names of the networks that learn; the others stay as they are.
        steps: How many steps it lasts.
    """

    name: str
    learns: frozenset[str]
    steps: int

    def __post_init__(self) -> None:
        """Refuses a phase that cannot come."""
        if self.steps < 0:
            raise InputError(f"expected at least 0 steps of the phase {self.name}, got {self.steps}; change the recipe")


@dataclass(frozen=True)
class Schedule:
    """Phases that come once, then phases that come again and again.

    A step's phase depends on its number alone, so that a run which was stopped goes on in the right one.

    Args:
        opening: Phases at the beginning.
        cycle: What follows until the end.
    Example:
        >>> def phase(name, steps):
        ...     return Phase(name, frozenset({name}), steps)
        >>> schedule = Schedule([phase("a", 2)], [phase("b", 1), phase("c", 2)])
        >>> [schedule.at(step).name for step in range(7)]
        ['a', 'a', 'b', 'c', 'c', 'b', 'c']
    """

    opening: Sequence[Phase]
    cycle: Sequence[Phase]

    def __post_init__(self) -> None:
        """Refuses a cycle without steps."""
        if not sum(phase.steps for phase in self.cycle):
            raise InputError("expected a cycle of at least 1 step, got 0; change the recipe")

    def at(self, step: int) -> Phase:
        """The phase of a step.

        Args:
            step: Its number, from 0.
        """
        for phase in self.opening:
            if step < phase.steps:
                return phase
            step -= phase.steps
        step %= sum(phase.steps for phase in self.cycle)
        for phase in self.cycle:
            if step < phase.steps:
                return phase
            step -= phase.steps
        raise AssertionError("a step within the cycle has a phase")  # pragma: no cover

    @property
    def phases(self) -> list[str]:
        """Names of all phases in order; a phase's place is the number that logs show for it."""
        return list(dict.fromkeys(phase.name for phase in (*self.opening, *self.cycle)))
