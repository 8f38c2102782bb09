"""Steady depth for every frame of a film, from any method that looks at one frame at a time.

Each frame is estimated on its own. Then, in windows of frames that overlap,

1. a scale and a shift for each frame make the values of corresponding pixels of consecutive frames agree by least
   squares, held near the method's own scale (`align_frames`);
2. a window is brought onto the one before by the scale and shift that fit best on the frames of both, a correction that
   fades within the window, lest errors add up over a long film; in the overlap the two are blended;
3. each frame is fused with all of its past and with its future in the window (`steady_fusion`).

A frame that shares too few points with the one before begins a new shot, which knows nothing of the last one. Memory is
bounded by the window, however long the film is.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple, final

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from leadline.errors import InputError
from leadline.geometry.flow import carried
from leadline.maps import DepthMap, DisparityMap
from leadline.metrics.video import warping_error
from leadline.runtime.steady_fusion import Fusion, Step, Values, step_between

Image = UInt8[np.ndarray, "h w 3"]
Freedom = Literal["scale and shift", "scale", "none"]

_WIDTH_PX: Final = 320
"""Correspondences are looked for in frames of at most this width."""
_HOLD: Final = 0.01
"""Weight of a frame's own scale and shift beside its agreement with its neighbours."""
_NEAREST: Final = 1e-6


@dataclass(frozen=True, kw_only=True)
class SteadyOptions:
    """How depth is steadied.

    Args:
        window: Frames of a window.
        overlap: Frames that it shares with the next.
        keep: Weight of the past where a point is found again and looks the same; 0 fuses nothing.
    Raises:
        InputError: If a number is out of range.
    """

    window: int = 32
    overlap: int = 8
    keep: float = 0.9

    def __post_init__(self) -> None:
        """Refuses windows that cannot overlap."""
        for count in (self.window, self.overlap):
            if isinstance(count, bool) or not isinstance(count, int | np.integer):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise InputError(f"expected whole numbers of frames as window and overlap, got {count!r}")
        if not 0 < self.overlap < self.window:
            raise InputError(f"expected an overlap from 1 to {self.window - 1} frames, got {self.overlap}")
        if not 0.0 <= self.keep < 1.0:
            raise InputError(f"expected a share of the past from 0 and below 1, got {self.keep}")


@dataclass(frozen=True, eq=False)
class SteadyState:
    """All that the next frames depend on, where a window ends: `SteadyDepth.steady` goes on from it.

    Attributes:
        done: Frames that are finished.
        overlap: Scale and shift that the frames of the overlap have so far.
        fused: The last finished frame with its past alone, as `Fusion.both_ways` gives it; None at a cut.
        last: Its steadied and its own values on the small grid.
    """

    done: int = 0
    overlap: tuple[Float64[np.ndarray, " 2"], ...] = ()
    fused: Float32[np.ndarray, "h2 w2 layers"] | None = None
    last: tuple[Float32[np.ndarray, "h2 w2"], Float32[np.ndarray, "h2 w2"]] | None = None


class SteadyFrame(NamedTuple):
    """Depth of one frame, or disparity of one pair.

    Attributes:
        depth: Steadied, of the kind that the method has.
        raw: As the method alone has it.
        new_shot: Whether a shot begins with it.
        change: Mean difference of the steadied values to those of the last frame, carried along the flow
            (`warping_error`); NaN for a new shot.
        raw_change: The same of the method's own values.
        spread: Mean absolute deviation of the frame's values from their median, in the same unit: logarithms for
            distances, else that of the values.
        state: Where a window ends, the state from which the next frame can be resumed; None elsewhere.
    """

    depth: DepthMap | DisparityMap
    raw: DepthMap | DisparityMap
    new_shot: bool
    change: float
    raw_change: float
    spread: float
    state: SteadyState | None = None


@dataclass(frozen=True, eq=False)
class _Entry:
    """A frame that waits in its window."""

    raw: DepthMap | DisparityMap
    values: Float32[np.ndarray, "h w"]
    small: Float32[np.ndarray, "h2 w2"]
    confidence: Float32[np.ndarray, "h2 w2"] | None
    step: Step | None


_Line = Float64[np.ndarray, " 2"]
"""Scale and shift."""


@final
class SteadyDepth:
    """Steadies the depth of frames, one after the other.

    Args:
        method: Depth of a frame, or disparity of a pair: called with what `steady` is given for each frame.
        options: Windows and fusion.

    >>> rng = np.random.default_rng(0)
    >>> frame = cv2.GaussianBlur(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8), (0, 0), 2)
    >>> sure = np.ones((48, 64), bool)
    >>> def flickering(frame):
    ...     return DepthMap(np.full((48, 64), rng.uniform(1.9, 2.1), np.float32), sure, "metric")
    >>> found = [frame.depth.depth.mean() for frame in SteadyDepth(flickering).steady([frame] * 8)]
    >>> bool(np.ptp(found) < 0.05)
    True
    """

    def __init__(self, method: Callable[..., DepthMap | DisparityMap], options: SteadyOptions | None = None) -> None:
        self.method, self.options = method, options or SteadyOptions()

    def steady(
        self, frames: Iterable[Image | tuple[Image, ...]], state: SteadyState | None = None
    ) -> Iterator[SteadyFrame]:
        """Steadied depth of each frame, in order; it comes up to a window later than the frame goes in.

        Args:
            frames: RGB; for a stereo method, pairs of a left and a right view. All of one size.
            state: Where an earlier run ended: `frames` then begin with the last finished one, `state.done - 1`, which
                only says where its points are, and the result is the same as of one run.
        Raises:
            InputError: If the sizes of frames differ, or the method refuses one.
        """
        window = _Window(self.options, state or SteadyState())
        skip = state is not None and state.done > 0
        before: UInt8[np.ndarray, "h w"] | None = None
        shape: tuple[int, ...] | None = None
        for frame in frames:
            views = frame if isinstance(frame, tuple) else (frame,)
            if shape not in (None, views[0].shape):
                raise InputError(f"expected frames of one size, got {shape} and {views[0].shape}; resize some of them")
            shape = views[0].shape
            grey = _small_grey(views[0])
            if skip:
                before, skip = grey, False
                continue
            raw = self.method(*views)
            step = None if before is None else step_between(before, grey)
            if step is None:
                yield from window.flush()
            window.add(_entry(raw, grey.shape, step), _freedom(raw))
            yield from window.ready()
            before = grey
        yield from window.flush()


def align_frames(values: Sequence[Float32[np.ndarray, "h w"]], steps: Sequence[Step], freedom: Freedom) -> list[_Line]:
    """Scale and shift of each frame with which corresponding pixels of consecutive frames agree best.

    Minimises the sum over consecutive frames of the weighted mean of (a_k v_k + b_k - a_(k-1) v_(k-1) - b_(k-1))^2 at
    corresponding pixels, in units of the values' spread, plus a small multiple of (a_k - 1)^2 + b_k^2; then all frames
    are brought back to a mean scale of 1 and a mean shift of 0.

    Args:
        values: Of each frame.
        steps: From the second frame to the first, and so on.
        freedom: What may change: scale and shift, or for logarithms of depth a shift alone (a scale of the depth).
    """
    count = len(values)
    lines = np.tile(np.array([1.0, 0.0]), (count, 1))
    if freedom == "none" or count < 2:
        return list(lines)
    mean = float(np.mean([frame.mean() for frame in values]))
    spread = max(float(np.sqrt(np.mean([frame.var() for frame in values]))), _NEAREST)
    unit = [(frame - mean) / spread for frame in values]
    free = 2 if freedom == "scale and shift" else 1
    matrix = _HOLD * np.eye(count * free)
    right = _HOLD * np.tile([1.0, 0.0], count) if free == 2 else np.zeros(count)
    for number, step in enumerate(steps, 1):
        known = step.back.weight > _NEAREST
        past = carried(unit[number - 1], step.back.flow)[known]
        now, weight = unit[number][known], step.back.weight[known]
        weight = weight * _robust(past - now)
        columns = np.stack([past, np.ones_like(past), -now, -np.ones_like(now)], 1).astype(np.float64)
        weight = weight / max(float(weight.sum()), _NEAREST)
        product = (columns * weight[:, None]).T @ columns
        at = slice((number - 1) * free, (number + 1) * free)
        if free == 1:
            # The scales are 1: what is left of them stands on the right side.
            matrix[at, at] += product[1::2, 1::2]
            right[at] -= product[1::2, 0::2] @ (1.0, 1.0)
        else:
            matrix[at, at] += product
    solved = np.linalg.solve(matrix, right).reshape(count, free)
    solved -= solved.mean(axis=0) - ((1.0, 0.0) if free == 2 else 0.0)
    scale = solved[:, 0] if free == 2 else np.ones(count)
    shift = solved[:, -1]
    return list(np.stack([scale, shift * spread + mean * (1.0 - scale)], 1))


@final
class _Window:
    """Frames that wait for their scale, those of the overlap with the lines that the last window gave them."""

    def __init__(self, options: SteadyOptions, state: SteadyState) -> None:
        self.options = options
        self.entries: list[_Entry] = []
        self.done, self.overlap = state.done, list(state.overlap)
        self.fused, self.last = state.fused, state.last
        self.freedom: Freedom = "none"

    def add(self, entry: _Entry, freedom: Freedom) -> None:
        self.entries.append(entry)
        self.freedom = freedom

    def ready(self) -> Iterator[SteadyFrame]:
        """The frames of a full window but for the overlap with the next."""
        if len(self.entries) == self.options.window:
            yield from self._emit(self.options.window - self.options.overlap)

    def flush(self) -> Iterator[SteadyFrame]:
        """All frames that are left; what comes next is another shot."""
        if self.entries:
            yield from self._emit(len(self.entries))
        self.overlap, self.fused, self.last = [], None, None

    def _emit(self, count: int) -> Iterator[SteadyFrame]:
        lines, waiting = self._lines(), self.entries
        self.entries, self.overlap = waiting[count:], lines[count:]
        lined = [_on(line, entry.small) for line, entry in zip(lines, waiting, strict=True)]
        sure, steps = [entry.confidence for entry in waiting], [entry.step for entry in waiting]
        fusion = Fusion(lined, sure, steps, _meaning(waiting[0].raw), self.options.keep)
        fused = fusion.both_ways(self.fused, count)
        for number, (added, past) in enumerate(fused):
            new_shot, self.fused = self.fused is None, past
            found = self._told(waiting[number], lines[number], added, new_shot)
            self.done += 1
            yield found if number + 1 < count else found._replace(state=self._state())

    def _state(self) -> SteadyState:
        if not self.entries:
            return SteadyState(self.done)
        return SteadyState(self.done, tuple(self.overlap), self.fused, self.last)

    def _lines(self) -> list[_Line]:
        """The line of each frame in the window."""
        small = [entry.small for entry in self.entries]
        steps = [entry.step for entry in self.entries[1:]]
        lines = align_frames(small, [step for step in steps if step is not None], self.freedom)
        shared = len(self.overlap)
        if not shared or self.freedom == "none":
            return lines
        join = _join(small[:shared], lines[:shared], self.overlap, self.freedom)
        joined = list[_Line]()
        for number, line in enumerate(lines):
            fade = 1.0 - number / max(len(lines) - 1, 1)
            scale, shift = 1.0 + fade * (join[0] - 1.0), fade * join[1]
            joined.append(np.array([scale * line[0], scale * line[1] + shift]))
        for number, old in enumerate(self.overlap):
            share = (number + 1) / (shared + 1)
            joined[number] = share * joined[number] + (1.0 - share) * old
        return joined

    def _told(
        self, entry: _Entry, line: _Line, added: Float32[np.ndarray, "h2 w2 layers"], new_shot: bool
    ) -> SteadyFrame:
        """A frame with what it changes since the last one, measured on the small grid."""
        height, width = entry.values.shape
        grown = np.asarray(cv2.resize(added, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
        confidence = entry.raw.confidence
        if confidence is not None:
            confidence = np.clip(confidence + grown[..., 2], 0.0, 1.0)
        small = _on(line, entry.small) + added[..., 0]
        change = raw_change = float("nan")
        if self.last is not None and entry.step is not None:
            past = [carried(old, entry.step.back.flow) for old in self.last]
            change = warping_error(past[0], small, entry.step.back.weight)
            raw_change = warping_error(past[1], entry.small, entry.step.back.weight)
        self.last = small, entry.small
        spread = float(np.abs(entry.small - np.median(entry.small)).mean())
        found = _as_map(entry.raw, _on(line, entry.values) + grown[..., 0], confidence)
        return SteadyFrame(found, entry.raw, new_shot, change, raw_change, spread)


def _on(line: _Line, values: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    return np.float32(line[0]) * values + np.float32(line[1])


def _join(
    small: Sequence[Float32[np.ndarray, "h w"]], lines: Sequence[_Line], wanted: Sequence[_Line], freedom: Freedom
) -> _Line:
    """Scale and shift that bring the values of one window onto those of the last, on the frames of both."""
    found = np.concatenate([(line[0] * frame + line[1]).ravel() for frame, line in zip(small, lines, strict=True)])
    goal = np.concatenate([(line[0] * frame + line[1]).ravel() for frame, line in zip(small, wanted, strict=True)])
    if freedom == "scale":
        return np.array([1.0, float((goal - found).mean())])
    columns = np.stack([found, np.ones_like(found)], 1).astype(np.float64)
    return np.linalg.lstsq(columns, goal.astype(np.float64), rcond=None)[0]


def _small_grey(image: Image) -> UInt8[np.ndarray, "h2 w2"]:
    height, width = image.shape[:2]
    size = (min(width, _WIDTH_PX), max(16, round(height * min(width, _WIDTH_PX) / width)))
    return cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY).astype(np.uint8)


def _robust(difference: Float32[np.ndarray, " n"]) -> Float32[np.ndarray, " n"]:
    """Weights of Cauchy's estimator: moving things and edges count less."""
    if not difference.size:
        return difference
    away = difference - np.median(difference)
    return 1.0 / (1.0 + (away / (1.5 * np.median(np.abs(away)) + _NEAREST)) ** 2)


def _freedom(found: DepthMap | DisparityMap) -> Freedom:
    if isinstance(found, DisparityMap):
        return "none"
    return "scale and shift" if found.kind in ("affine_inverse", "affine_depth") else "scale"


def _meaning(found: DepthMap | DisparityMap) -> Values:
    """What the values of `_entry` say of depth."""
    if isinstance(found, DisparityMap):
        return "inverse"
    named: dict[str, Values] = {"affine_inverse": "affine inverse", "affine_depth": "affine depth"}
    return named.get(found.kind, "logarithm")


def _entry(raw: DepthMap | DisparityMap, small: tuple[int, ...], step: Step | None) -> _Entry:
    """Values on which scale and shift act: those of affine kinds, logarithms of distances, disparities."""
    values = raw.disparity if isinstance(raw, DisparityMap) else raw.depth
    known: Bool[np.ndarray, "h w"] = np.isfinite(values) & raw.valid
    if _freedom(raw) == "scale":
        known = known & (values > 0)
        values = np.log(np.where(known, values, 1.0), dtype=np.float32)
    # What is not known takes the frame's median: it must not disturb its neighbours.
    values = np.where(known, values, np.median(values[known]) if known.any() else 0.0).astype(np.float32)
    confidence = None if raw.confidence is None else _shrunk(raw.confidence, small)
    return _Entry(raw, values, _shrunk(values, small), confidence, step)


def _shrunk(values: Float32[np.ndarray, "h w"], shape: tuple[int, ...]) -> Float32[np.ndarray, "h2 w2"]:
    return np.asarray(cv2.resize(values, shape[::-1], interpolation=cv2.INTER_AREA), np.float32)


def _as_map(
    raw: DepthMap | DisparityMap,
    values: Float32[np.ndarray, "h w"],
    confidence: Float32[np.ndarray, "h w"] | None,
) -> DepthMap | DisparityMap:
    if isinstance(raw, DisparityMap):
        return replace(raw, disparity=np.where(raw.valid, values, raw.disparity), confidence=confidence)
    values = np.exp(values) if _freedom(raw) == "scale" else values
    return replace(raw, depth=np.where(raw.valid, values, raw.depth).astype(np.float32), confidence=confidence)
