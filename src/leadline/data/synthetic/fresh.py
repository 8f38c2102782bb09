"""Worlds that are rendered while a network trains: every sample is seen once, and none lies on a disk."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar, final

import numpy as np

from leadline.data.source import Source
from leadline.data.stream import Drawn
from leadline.errors import InputError, MissingExtraError
from leadline.samples import DepthSample, FlowSample, StereoSample

SampleT = TypeVar("SampleT")

_SMALLEST_PX: Final = 32
_MOST_SAMPLES: Final = 1 << 40


@dataclass(frozen=True, kw_only=True)
class FreshWorlds:
    """What is rendered while a network trains, instead of a recipe's `data` and `mix`.

    Args:
        first_seed: Seed of a run's first sample. Sample number n has the seed first_seed + n, whatever worker renders
            it, so a run that goes on meets no world twice. The default lies far from the seeds of rendered folders.
        height: Of the images, px; the default suits the task, as for `leadline render`.
        width: Of the images, px.
        further: Share of pairs, of stereo or of frames, from the further worlds; the rest are from the first ones.
    """

    first_seed: int = 1_000_000_000
    height: int | None = None
    width: int | None = None
    further: float = 0.5

    def __post_init__(self) -> None:
        """Refuses what cannot be rendered."""
        if self.first_seed < 0:
            raise InputError(f"expected a first_seed of at least 0 of fresh worlds, got {self.first_seed}")
        if not 0.0 <= self.further <= 1.0:
            raise InputError(f"expected a share of further worlds from 0 to 1, got {self.further}")
        if (self.height is None) != (self.width is None) or min(self.size(_SMALLEST_PX, _SMALLEST_PX)) < _SMALLEST_PX:
            raise InputError(
                f"expected height and width of fresh worlds of at least {_SMALLEST_PX} px, got {self.height} and "
                f"{self.width}; leave both out for the usual size"
            )

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width, with the task's own if none are given."""
        return self.height or height, self.width or width


@final
class Rendered(Generic[SampleT]):
    """A source that renders a sample when it is asked for it, the same one for a number at any time.

    Args:
        render: Makes the sample of a seed; it can be pickled.
        first_seed: Seed of sample 0.

    Example:
        >>> letters = Rendered("abcdefgh".__getitem__, first_seed=3)
        >>> letters[2], letters.key(2)
        ('f', '00000005')
    """

    def __init__(self, render: Callable[[int], SampleT], first_seed: int) -> None:
        self._render, self._first = render, first_seed

    def __len__(self) -> int:
        """More samples than any run takes."""
        return _MOST_SAMPLES

    def key(self, index: int, /) -> str:
        """Seed of a sample."""
        return f"{self._first + index:08d}"

    def __getitem__(self, index: int, /) -> SampleT:
        """The sample, rendered now."""
        return self._render(self._first + index)


def draw_fresh(seed: int, number: int, lengths: Any, shares: Any) -> Drawn:  # noqa: ANN401 - a `Draw`
    """Draws each number of the stream as it comes: a sample of fresh worlds is never shown again.

    Example:
        >>> [draw_fresh(1, number, [9, 9], [0.5, 0.5]).place for number in (0, 1, 2)]
        [0, 1, 2]
    """
    chosen = int(np.random.default_rng((seed, 2, number)).choice(len(lengths), p=shares)) if len(lengths) > 1 else 0
    return Drawn(chosen, number, np.random.default_rng((seed, 1, number)))


def fresh_stereo(worlds: FreshWorlds) -> tuple[list[Source[StereoSample]], list[float]]:
    """Rendered pairs, and how often those of each set of worlds are drawn.

    Raises:
        MissingExtraError: If the renderer's packages are not installed.
    """
    return _of_both(worlds, partial(_stereo, size=worlds.size(320, 640)))


def fresh_depth(worlds: FreshWorlds) -> tuple[list[Source[DepthSample]], list[float]]:
    """Rendered single images with depth, and their share.

    Raises:
        MissingExtraError: If the renderer's packages are not installed.
    """
    _require_renderer()
    return [Rendered(partial(_depth, size=worlds.size(288, 384)), worlds.first_seed)], [1.0]


def fresh_flow(worlds: FreshWorlds) -> tuple[list[Source[FlowSample]], list[float]]:
    """Rendered pairs of frames, and how often those of each set of worlds are drawn.

    Raises:
        MissingExtraError: If the renderer's packages are not installed.
    """
    return _of_both(worlds, partial(_flow, size=worlds.size(320, 640)))


def _of_both(worlds: FreshWorlds, render: Callable[..., SampleT]) -> tuple[list[Source[SampleT]], list[float]]:
    _require_renderer()
    both = (("first", 1.0 - worlds.further), ("further", worlds.further))
    used = [(name, share) for name, share in both if share > 0]
    sources = [Rendered(partial(render, worlds=name), worlds.first_seed) for name, _ in used]
    return list(sources), [share for _, share in used]


def _require_renderer() -> None:
    try:
        import leadline.data.synthetic.render  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "leadline":
            raise
        raise MissingExtraError(
            f"expected the package {error.name} to render worlds, found none; install it with pip install "
            '"leadline[train]"'
        ) from error


# Workers import the renderer when they render; nothing else of a recipe needs it.
def _stereo(seed: int, size: tuple[int, int], worlds: Any) -> StereoSample:  # noqa: ANN401 - a literal
    from leadline.data.synthetic.stereo import render_stereo

    return render_stereo(seed, size, worlds=worlds)[0]


def _depth(seed: int, size: tuple[int, int]) -> DepthSample:
    from leadline.data.synthetic.mono import render_mono

    return render_mono(seed, size)[0]


def _flow(seed: int, size: tuple[int, int], worlds: Any) -> FlowSample:  # noqa: ANN401 - a literal
    from leadline.data.synthetic.flow import render_flow

    return render_flow(seed, size, worlds=worlds)[0]
