"""Fusion of the frames of a window with their past and their future, each carried to where its points are now.

A point's depth changes when the camera moves. Depth and optical flow of a frame tell the motion, and the motion tells
where each point of a still scene is in the neighbouring frame and how far away. Where flow says otherwise, since a
thing moves by itself or depth is wrong, values are carried along the flow as they are.

Everything happens on a small grid: what is added to the frames' own values is smooth.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, final

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8

from leadline.classical.flow import ClassicalFlow
from leadline.geometry.depth_motion import Rays, depth_ratio, motion_of_flow, rays, seen_at
from leadline.geometry.flow import agreeing, carried, landing
from leadline.metrics.video import alike

_Grey = UInt8[np.ndarray, "h w"]
_Map = Float32[np.ndarray, "h w"]
_Motion = Float64[np.ndarray, "4 4"]
_Layers = Float32[np.ndarray, "h w layers"]
"""Values, how many frames stand behind them, and confidence if there is one."""

_SAME_SHOT: Final = 0.25
"""Frames of one shot share more than this: of hand-held and driving cameras at least 0.4. Across a cut they share 0.02,
between images of like texture up to 0.22."""
_JUMP: Final = 2.0
"""Differences from the past of this many mean deviations of the frame are taken for changes of the scene."""
_SOFT_PX: Final = 3.0
"""Spread of the blur of the flow's weight."""
_FOCAL_WIDTHS: Final = 0.866
"""Focal length in widths of the image: a field of view of 60 degrees. What is made of it hardly depends on it."""
_STILL_PX: Final = 2.0
_STILL_SHARE: Final = 0.3
"""A point is still if its flow and the camera's motion differ by less than this, plus a share of the flow."""
_LEAST: Final = 1e-3
"""Least inverse depth, in units of its median."""
_FARTHEST: Final = 0.01
"""Share of the pixels that are taken for the farthest ones."""
_EVERY: Final = 4

# What values say of depth: d/Z; a/Z + b; ln Z; a Z + b.
Values = Literal["inverse", "affine inverse", "logarithm", "affine depth"]


@dataclass(frozen=True, eq=False)
class Correspondence:
    """Where the points of a frame are in a neighbouring one, on the small grid.

    Args:
        flow: To the other frame.
        weight: How far it is trusted.
    """

    flow: Float32[np.ndarray, "h w 2"]
    weight: _Map


class Step(NamedTuple):
    """From a frame to the one before, and from that one to the frame."""

    back: Correspondence
    forth: Correspondence


def step_between(before: _Grey, now: _Grey) -> Step | None:
    """How the points of two frames correspond; None if they are of different shots.

    Args:
        before: Earlier frame.
        now: Later frame.
    Example:
        >>> texture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (80, 103), np.uint8), (0, 0), 2)
        >>> step = step_between(texture[:, 3:].copy(), texture[:, :100].copy())
        >>> round(float(step.back.flow[40, 50, 0])), round(float(step.forth.flow[40, 50, 0]))
        (-3, 3)
    """
    method = ClassicalFlow("dis-fast")
    back, forth = method.one_way(now, before), method.one_way(before, now)
    found = Step(_checked(back, forth, now, before), _checked(forth, back, before, now))
    return None if float(found.back.weight.mean()) < _SAME_SHOT else found


def _checked(flow: np.ndarray, back: np.ndarray, here: _Grey, there: _Grey) -> Correspondence:
    weight = alike(here / np.float32(255), carried(there.astype(np.float32), flow) / np.float32(255))
    return Correspondence(flow, np.where(agreeing(flow, back), weight, 0.0).astype(np.float32))


@final
class Fusion:
    """Fuses the frames of a window.

    Args:
        frames: Values of its frames, in order.
        confidences: Of the frames; None if there are none.
        steps: Of each frame to the one before; None of a shot's first frame.
        values: What values say of depth.
        keep: Weight of the past, once it is long, where a point is found again and looks the same.
    """

    def __init__(
        self,
        frames: Sequence[_Map],
        confidences: Sequence[_Map | None],
        steps: Sequence[Step | None],
        values: Values,
        keep: float,
    ) -> None:
        self._own = [_layers(frame, sure) for frame, sure in zip(frames, confidences, strict=True)]
        self._steps, self._keep, self._space = steps, keep, _space(frames, values)
        height, width = frames[0].shape
        self._rays = rays(height, width, _FOCAL_WIDTHS * width)
        self._spreads = [_spread(frame) for frame in frames]
        self._motions = [self._motion(frame, step) for frame, step in zip(frames, steps, strict=True)]

    def both_ways(self, past: _Layers | None, count: int) -> Iterator[tuple[_Layers, _Layers]]:
        """What all of its past and its future in the window add to each of the window's first frames.

        Past and future are weighed by how many frames stand behind them, so that the first and the last frame of a shot
        are as steady as the others.

        Args:
            past: Of the frame before the first, as came second then; None for a new shot.
            count: How many frames are wanted.
        Returns:
            Of each frame what is to be added to its layers, and its layers with its past alone.
        """
        own = self._own
        later = [own[-1]]
        for number in range(len(own) - 2, -1, -1):
            step, motion = self._steps[number + 1], self._motions[number + 1]
            assert step is not None, "only the first frame of a shot has no step"
            back = None if motion is None else np.linalg.inv(motion)
            later.append(self._joined(later[-1], number, step.forth, back))
            if number >= count:
                later = later[-1:]
        later = later[::-1]
        for number in range(count):
            step, alone = self._steps[number], own[number]
            if past is None or step is None:
                past = alone
            else:
                past = self._joined(past, number, step.back, self._motions[number])
            behind, ahead = past[..., 1:2], later[number][..., 1:2]
            total = behind + ahead - 1.0
            yield (behind * (past - alone) + ahead * (later[number] - alone)) / total, past

    def _motion(self, frame: _Map, step: Step | None) -> _Motion | None:
        """From a frame to the one before."""
        if self._space is None or step is None:
            return None
        return motion_of_flow(self._space.inverse(frame), step.back.flow, step.back.weight, self._rays)

    def _joined(self, other: _Layers, number: int, step: Correspondence, motion: _Motion | None) -> _Layers:
        """A frame's layers averaged with those of its neighbour, carried to it."""
        alone = self._own[number]
        found, weight = self._carried(other, alone[..., 0], step, motion)
        changed = (found[..., 0] - alone[..., 0]) / np.float32(_JUMP * self._spreads[number])
        mass = np.float32(self._keep) * weight * np.exp(-(changed**2)) * found[..., 1]
        joined = alone + (mass / (1.0 + mass))[..., None] * (found - alone)
        joined[..., 1] = 1.0 + mass
        return joined

    def _carried(self, other: _Layers, now: _Map, step: Correspondence, motion: _Motion | None) -> tuple[_Layers, _Map]:
        """A neighbour's layers at the points of a frame, and how far they are trusted."""
        x, y, _ = landing(step.flow)
        along_flow, weight = _read(other, x, y), np.asarray(cv2.GaussianBlur(step.weight, (0, 0), _SOFT_PX))
        if self._space is None or motion is None:
            return along_flow, weight
        inverse = self._space.inverse(now)
        x_still, y_still, _ = seen_at(inverse, motion, self._rays)
        by_motion = _moved(_read(other, x_still, y_still), x_still, y_still, motion, self._space, self._rays)
        allowed = np.float32(_STILL_PX) + np.float32(_STILL_SHARE) * np.hypot(step.flow[..., 0], step.flow[..., 1])
        still = np.exp(-((((x_still - x) ** 2 + (y_still - y) ** 2) / allowed**2) ** 2))
        height, width = now.shape
        inside = (x_still >= 0) & (x_still <= width - 1) & (y_still >= 0) & (y_still <= height - 1)
        still = np.where(inside, still, np.float32(0.0))
        return along_flow + still[..., None] * (by_motion - along_flow), weight + still * (1.0 - weight)


@dataclass(frozen=True)
class _Space:
    """Values as inverse depth in units of its median.

    Args:
        zero: Value of what is infinitely far away; 0 for logarithms.
        unit: Median of the inverse depth.
        logarithmic: Whether values are logarithms of depth.
    """

    zero: float
    unit: float
    logarithmic: bool

    def inverse(self, values: _Map) -> _Map:
        found = np.exp(-values) if self.logarithmic else values - np.float32(self.zero)
        return np.maximum(found / np.float32(self.unit), np.float32(_LEAST))

    def values(self, inverse: _Map) -> _Map:
        found = inverse * np.float32(self.unit)
        return -np.log(found) if self.logarithmic else found + np.float32(self.zero)


def _space(frames: Sequence[_Map], values: Values) -> _Space | None:
    """How values become inverse depth; None if they do not.

    Inverse depth up to scale and shift has no zero. It is taken to lie below the farthest points by as much as these
    lie below the median, so that they are twice as far away as the median.
    """
    if values == "affine depth":
        return None
    some = np.stack([frame[::_EVERY, ::_EVERY] for frame in frames])
    far, median = np.quantile(some, [_FARTHEST, 0.5])
    if values == "logarithm":
        return _Space(0.0, float(np.exp(-median)), logarithmic=True)
    zero = 2.0 * float(far) - float(median) if values == "affine inverse" else 0.0
    unit = float(median) - zero
    return _Space(zero, unit, logarithmic=False) if unit > 1e-9 else None


def _moved(layers: _Layers, x_px: _Map, y_px: _Map, motion: _Motion, space: _Space, directions: Rays) -> _Layers:
    """A neighbour's layers, read where a frame's points were by the camera's motion, at the depth of now."""
    there = space.inverse(layers[..., 0])
    layers[..., 0] = space.values(there / depth_ratio(there, x_px, y_px, np.linalg.inv(motion), directions))
    return layers


def _spread(values: _Map) -> float:
    """Mean absolute deviation from the median."""
    some = values[::_EVERY, ::_EVERY]
    return max(float(np.abs(some - np.median(some)).mean()), 1e-6)


def _read(layers: _Layers, x: _Map, y: _Map) -> _Layers:
    found = cv2.remap(layers, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)


def _layers(values: _Map, confidence: _Map | None) -> _Layers:
    own = [values, np.ones_like(values)]
    return np.stack(own if confidence is None else [*own, confidence], axis=-1)
