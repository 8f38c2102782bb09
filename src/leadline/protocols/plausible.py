"""Scale and order of predictions against the truth: what no score of a wrong unit would say in words."""

from dataclasses import dataclass, field
from typing import Final, final

import numpy as np
from jaxtyping import Bool, Float

_MOST_PIXELS: Final = 4096
_LEAST_PIXELS: Final = 20
_MOST_RATIO: Final = 2.5
"""Of a median to that of the truth: networks that are wrong are wrong by less."""
_REVERSED: Final = -0.3
"""Rank correlation with the truth below which near and far are confused."""


@final
@dataclass
class ScaleWatch:
    """Medians of predictions over those of the truth, and rank correlations, collected scene by scene.

    Args:
        of_what: What the numbers are, in words: "disparity in pixels", "depth in metres".
    Example:
        >>> truth = np.linspace(10.0, 60.0, 100, dtype=np.float32).reshape(10, 10)
        >>> watch = ScaleWatch("disparity in pixels")
        >>> everywhere = np.ones((10, 10), bool)
        >>> watch.add("sgbm.npy", 16.0 * truth, truth, everywhere)
        >>> watch.doubts()
        ('sgbm.npy is 16 times the truth in the median: expected disparity in pixels of the images; check its unit',)
    """

    of_what: str
    _ratios: dict[str, list[float]] = field(default_factory=dict, init=False)
    _ranks: dict[str, list[float]] = field(default_factory=dict, init=False)

    def add(
        self,
        name: str,
        predicted: Float[np.ndarray, "h w"],
        truth: Float[np.ndarray, "h w"],
        known: Bool[np.ndarray, "h w"],
        scaled: bool = True,
    ) -> None:
        """Takes a scene into account.

        Args:
            name: The method's.
            predicted: Its values; only positive ones count.
            truth: True values.
            known: Where both are known.
            scaled: Whether the values have the truth's unit: depth up to a scale has not.
        """
        at = np.flatnonzero(known & (predicted > 0) & (truth > 0))
        if at.size < _LEAST_PIXELS:
            return
        at = at[:: -(-at.size // _MOST_PIXELS)]
        found, wanted = predicted.ravel()[at].astype(np.float64), truth.ravel()[at].astype(np.float64)
        if scaled:
            self._ratios.setdefault(name, []).append(float(np.median(found) / np.median(wanted)))
        ranks = [np.argsort(np.argsort(values)) for values in (found, wanted)]
        if np.ptp(found) > 0 and np.ptp(wanted) > 0:
            self._ranks.setdefault(name, []).append(float(np.corrcoef(ranks[0], ranks[1])[0, 1]))

    def doubts(self) -> tuple[str, ...]:
        """A line for each method whose numbers seem to be of another unit, or fall where the truth rises."""
        found = list[str]()
        for name in dict.fromkeys((*self._ratios, *self._ranks)):
            if name in self._ranks and float(np.median(self._ranks[name])) < _REVERSED:
                found.append(
                    f"{name} falls where the truth rises: near and far are confused, as where depth is given for "
                    "disparity; check what its numbers mean"
                )
            elif name in self._ratios:
                ratio = float(np.median(self._ratios[name]))
                if not 1.0 / _MOST_RATIO < ratio < _MOST_RATIO:
                    found.append(
                        f"{name} is {ratio:.3g} times the truth in the median: expected {self.of_what} of the images; "
                        "check its unit"
                    )
        return tuple(found)
