"""The one way to read samples: data sets, shards, folders and parts of them are all a `Source`."""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar, final, runtime_checkable

SampleT_co = TypeVar("SampleT_co", covariant=True)


@runtime_checkable
class Source(Protocol[SampleT_co]):
    """Random access to samples by number."""

    def __len__(self) -> int:
        """Number of samples."""
        ...

    def key(self, index: int, /) -> str:
        """Name of a sample, unique within the source."""
        ...

    def __getitem__(self, index: int, /) -> SampleT_co:
        """One sample, read when it is asked for."""
        ...


@final
class Part(Generic[SampleT_co]):
    """Some samples of a source, in an order of their own.

    Args:
        source: The source.
        places: Numbers of the samples in it.

    Example:
        >>> class Letters:
        ...     def __len__(self): return 3
        ...     def key(self, index): return f"letter-{index}"
        ...     def __getitem__(self, index): return "abc"[index]
        >>> last = Part(Letters(), [2, 1])
        >>> len(last), last.key(0), last[0]
        (2, 'letter-2', 'c')
    """

    def __init__(self, source: Source[SampleT_co], places: Sequence[int]) -> None:
        self._source, self._places = source, places

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._places)

    def key(self, index: int, /) -> str:
        """Name of a sample."""
        return self._source.key(self._places[index])

    def __getitem__(self, index: int, /) -> SampleT_co:
        """One sample."""
        return self._source[self._places[index]]
