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
_MUCH_BETTER: Final = 0.3
"""Share of a flow's error below which another reading of its numbers is no chance."""
_DOUBTED: Final = 0.15
"""Median error of a flow, as a share of the true one's median length, from which other readings are tried."""


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


@final
@dataclass
class FlowWatch:
    """Flows that would fit the truth far better if their numbers were read in another way, collected pair by pair.

    Example:
        >>> truth = np.stack(np.meshgrid(np.linspace(3.0, 5.0, 9), np.linspace(-2.0, 1.0, 9)), axis=-1)
        >>> watch = FlowWatch()
        >>> watch.add("mine", truth[..., ::-1], truth, np.ones((9, 9), bool))
        >>> watch.doubts()
        ('mine fits the truth far better with x and y exchanged; check what its numbers mean',)
    """

    _errors: dict[str, list[dict[str, float]]] = field(default_factory=dict, init=False)

    def add(
        self,
        name: str,
        predicted: Float[np.ndarray, "h w 2"],
        truth: Float[np.ndarray, "h w 2"],
        known: Bool[np.ndarray, "h w"],
    ) -> None:
        """Takes a pair into account.

        Args:
            name: The method's.
            predicted: Its flow, px.
            truth: The true one.
            known: Where both are known.
        """
        at = np.flatnonzero(known)
        if at.size < _LEAST_PIXELS:
            return
        at = at[:: -(-at.size // _MOST_PIXELS)]
        found, wanted = (flow.reshape(-1, 2)[at].astype(np.float64) for flow in (predicted, truth))
        length = float(np.median(np.linalg.norm(wanted, axis=1)))
        if length > 0:
            readings = _flow_readings(found, known.shape[:2])
            errors = {words: _median_error(values, wanted) / length for words, values in readings.items()}
            self._errors.setdefault(name, []).append(errors)

    def doubts(self) -> tuple[str, ...]:
        """A line for each method whose numbers seem to mean something else."""
        found = list[str]()
        for name, errors in self._errors.items():
            medians = {words: float(np.median([one.get(words, np.inf) for one in errors])) for words in errors[0]}
            now = medians.pop("")
            best = min(medians, key=lambda words: medians[words], default="")
            if now > _DOUBTED and medians.get(best, np.inf) < _MUCH_BETTER * now:
                found.append(f"{name} fits the truth far better {best}; check what its numbers mean")
        return tuple(found)


def _flow_readings(found: Float[np.ndarray, "n 2"], size: tuple[int, int]) -> dict[str, Float[np.ndarray, "n 2"]]:
    """The flow as it is, under no words, and as other programs would mean its numbers."""
    height, width = size
    readings = {
        "": found,
        "with x and y exchanged": found[:, ::-1],
        "with both signs turned, as the flow from the second frame back has them": -found,
        "with the sign of y turned, as where y points up": found * (1.0, -1.0),
        "with the sign of x turned": found * (-1.0, 1.0),
        "as shares of half the width and height": found * (width / 2.0, height / 2.0),
        "as shares of the width and height": found * (width, height),
    }
    scales = (64.0, 16.0, 20.0, 8.0, 4.0, 2.0)
    readings |= {f"divided by {scale:g}": found / scale for scale in scales}
    return readings | {f"times {scale:g}": found * scale for scale in scales[1:]}


def _median_error(found: Float[np.ndarray, "n 2"], wanted: Float[np.ndarray, "n 2"]) -> float:
    return float(np.median(np.linalg.norm(found - wanted, axis=1)))
