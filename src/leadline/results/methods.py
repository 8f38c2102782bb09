"""A stereo method for each range of disparities that calibrations ask for, loaded once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import final

from leadline.results.rigs import ReadyPair, search_range
from leadline.runtime.stereo import StereoMethod


@final
@dataclass(eq=False)
class MethodsByRange:
    """Loads a method for each range of disparities, and keeps it.

    Args:
        load: Makes the method that looks from a smallest to a largest disparity (None for its own).
        largest: The largest disparity that the user asks for, px; else the calibration's, or the method's own.
        smallest: The smallest one, px; else the calibration's, or 0.
    Example:
        >>> from leadline.classical import ClassicalStereo
        >>> methods = MethodsByRange(lambda largest, smallest: ClassicalStereo("bm", largest or 64), largest=32)
        >>> methods.get(32, 0) is methods.get(32, 0), methods.get(32, 0).max_disparity
        (True, 32)
    """

    load: Callable[[int | None, int], StereoMethod]
    largest: int | None = None
    smallest: int | None = None
    _loaded: dict[tuple[int | None, int], StereoMethod] = field(
        default_factory=dict[tuple[int | None, int], StereoMethod], init=False
    )

    def prepare(self) -> None:
        """Loads the method as asked, so that a wrong name or range fails before any image is read."""
        if not self._loaded:
            self.get(self.largest, self.smallest or 0)

    def get(self, largest: int | None, smallest: int) -> StereoMethod:
        """The method that looks from the smallest to the largest disparity."""
        key = largest, smallest
        if key not in self._loaded:
            self._loaded[key] = self.load(largest, smallest)
        return self._loaded[key]

    def fitting(self, ready: ReadyPair) -> tuple[StereoMethod, tuple[str, ...]]:
        """The method for a pair, and notes on its range."""
        largest, smallest, notes = search_range(ready, self.largest, self.smallest)
        return self.get(largest, smallest), notes
