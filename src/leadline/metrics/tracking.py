"""How well tracks follow true things: MOTA, IDF1 and HOTA."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float64

from leadline.errors import InputError
from leadline.geometry.boxes import Box, box_overlaps
from leadline.metrics.assignment import best_pairs

_KEPT: Final = 1000.0
"""Added to the likeness of a pair that was one in the frame before: such a pair comes first."""
_EPSILON: Final = 1e-9
HOTA_LEVELS: Final = tuple(round(0.05 * step, 2) for step in range(1, 20))
"""Likenesses over which HOTA is averaged, 0.05 to 0.95 (Luiten et al. 2021, equation 8)."""


@dataclass(frozen=True)
class TrackingFrame:
    """What is there in one frame, and what was found.

    Args:
        truth: Identities of the true things, each once.
        found: Identities of the tracks, each once.
        likeness: Of each true thing to each track, in [0, 1], such as the overlap of their boxes.
    Raises:
        InputError: If an identity comes twice or the likeness has another shape or range.
    """

    truth: tuple[int, ...]
    found: tuple[int, ...]
    likeness: Float64[np.ndarray, "n m"]

    def __post_init__(self) -> None:
        """Refuses frames that contradict themselves."""
        if len(set(self.truth)) < len(self.truth) or len(set(self.found)) < len(self.found):
            raise InputError(f"expected each identity once in a frame, got {self.truth} and {self.found}")
        if self.likeness.shape != (len(self.truth), len(self.found)):
            raise InputError(
                f"expected a likeness of {len(self.truth)}x{len(self.found)}, got one of {self.likeness.shape}"
            )
        if self.likeness.size and not (self.likeness.min() >= 0.0 and self.likeness.max() <= 1.0 + _EPSILON):
            raise InputError("expected likeness from 0 to 1, got others")


def frame_of_boxes(truth: Mapping[int, Box], found: Mapping[int, Box]) -> TrackingFrame:
    """A frame whose likeness is the intersection over union of the boxes.

    Args:
        truth: Box of each true thing.
        found: Box of each track.
    """
    return TrackingFrame(tuple(truth), tuple(found), box_overlaps(list(truth.values()), list(found.values())))


@dataclass(frozen=True)
class TrackingScores:
    """Scores of a clip.

    Args:
        mota: 1 - (misses + false alarms + switches) / true boxes; can be negative.
        motp: Mean likeness of the pairs; NaN without pairs.
        idf1: F1 of boxes whose identity is right.
        hota: Mean over the levels of sqrt(detection x association).
        deta: Mean detection accuracy.
        assa: Mean association accuracy.
        truths: True boxes.
        misses: True boxes without a track.
        false_alarms: Boxes of tracks without a true thing.
        switches: How often a true thing changed its track.
    """

    mota: float
    motp: float
    idf1: float
    hota: float
    deta: float
    assa: float
    truths: int
    misses: int
    false_alarms: int
    switches: int


def score_tracking(frames: Sequence[TrackingFrame], least: float = 0.5) -> TrackingScores:
    """All scores of a clip.

    Args:
        frames: In the order of time.
        least: Likeness from which MOTA and IDF1 count a pair.
    Raises:
        InputError: If there is no true box in any frame.

    >>> box = (0.0, 0.0, 2.0, 2.0)
    >>> scores = score_tracking([frame_of_boxes({1: box}, {7: box}), frame_of_boxes({1: box}, {8: box})])
    >>> scores.mota, scores.idf1, round(scores.hota, 3)
    (0.5, 0.5, 0.707)
    """
    truths = sum(len(frame.truth) for frame in frames)
    if not truths:
        raise InputError("expected true boxes to score tracks by, got none in any frame; leave this clip out")
    misses, false_alarms, switches, motp = _clear_mot(frames, least)
    hota, deta, assa = _hota(frames)
    mota = 1.0 - (misses + false_alarms + switches) / truths
    return TrackingScores(
        mota, motp, _id_f1(frames, least), hota, deta, assa, truths, misses, false_alarms, switches
    )  # fmt: skip


def _clear_mot(frames: Sequence[TrackingFrame], least: float) -> tuple[int, int, int, float]:
    """Misses, false alarms, switches and the mean likeness of pairs.

    Source: Bernardin and Stiefelhagen, Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics, EURASIP
        JIVP 2008, section 2.1: pairs of the frame before are kept while they are valid, the rest is assigned.
    """
    last, before = dict[int, int](), dict[int, int]()
    misses = false_alarms = switches = 0
    likenesses = list[float]()
    for frame in frames:
        gain = np.where(frame.likeness >= least - _EPSILON, frame.likeness, 0.0)
        for row, identity in enumerate(frame.truth):
            for column, track in enumerate(frame.found):
                if gain[row, column] > 0.0 and before.get(identity) == track:
                    gain[row, column] += _KEPT
        pairs = best_pairs(gain)
        before = {frame.truth[row]: frame.found[column] for row, column in pairs}
        switches += sum(last.get(identity, track) != track for identity, track in before.items())
        last |= before
        misses += len(frame.truth) - len(pairs)
        false_alarms += len(frame.found) - len(pairs)
        likenesses += [float(frame.likeness[pair]) for pair in pairs]
    return misses, false_alarms, switches, float(np.mean(likenesses)) if likenesses else float("nan")


@dataclass(frozen=True, eq=False)
class _Clip:
    """Frames with identities as numbers from 0, and in how many frames each is."""

    rows: list[np.ndarray]
    columns: list[np.ndarray]
    of_truth: np.ndarray
    of_found: np.ndarray


def _numbered(frames: Sequence[TrackingFrame]) -> _Clip:
    truth = {identity: number for number, identity in enumerate(sorted({i for f in frames for i in f.truth}))}
    found = {identity: number for number, identity in enumerate(sorted({i for f in frames for i in f.found}))}
    rows = [np.array([truth[i] for i in frame.truth], np.int64) for frame in frames]
    columns = [np.array([found[i] for i in frame.found], np.int64) for frame in frames]
    counts = (
        np.bincount(np.concatenate(numbers), minlength=size) if numbers else np.zeros(size, np.int64)
        for numbers, size in ((rows, len(truth)), (columns, len(found)))
    )  # fmt: skip
    return _Clip(rows, columns, *counts)


def _id_f1(frames: Sequence[TrackingFrame], least: float) -> float:
    """F1 of boxes under the one assignment of tracks to true things for the whole clip that makes most of them right.

    Source: Ristani et al., Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking, ECCV workshops
        2016, equations 7 to 11: IDF1 = 2 IDTP / (2 IDTP + IDFP + IDFN), where the sum is that of all boxes.
    """
    clip = _numbered(frames)
    together = np.zeros((len(clip.of_truth), len(clip.of_found)))
    for frame, rows, columns in zip(frames, clip.rows, clip.columns, strict=True):
        together[np.ix_(rows, columns)] += frame.likeness >= least - _EPSILON
    right = sum(together[pair] for pair in best_pairs(together))
    return float(2.0 * right / (clip.of_truth.sum() + clip.of_found.sum()))


def _hota(frames: Sequence[TrackingFrame]) -> tuple[float, float, float]:
    """HOTA, detection and association accuracy, means over the levels.

    Source: Luiten et al., HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking, IJCV 2021, equations 4 to
        10; pairs are those that maximise the association over the clip, as in section 5.3, where the weight of a pair
        is estimated by how well the two fit over all frames.
    """
    clip = _numbered(frames)
    shape = (len(clip.of_truth), len(clip.of_found))
    alike = np.zeros(shape)
    for frame, rows, columns in zip(frames, clip.rows, clip.columns, strict=True):
        of_row, of_column = frame.likeness.sum(axis=1, keepdims=True), frame.likeness.sum(axis=0, keepdims=True)
        alike[np.ix_(rows, columns)] += frame.likeness / np.maximum(of_row + of_column - frame.likeness, _EPSILON)
    everywhere = clip.of_truth[:, None] + clip.of_found[None]
    weight = alike / np.maximum(everywhere - alike, _EPSILON)
    matched = np.zeros((len(HOTA_LEVELS), *shape))
    for frame, rows, columns in zip(frames, clip.rows, clip.columns, strict=True):
        for row, column in best_pairs(weight[np.ix_(rows, columns)] * frame.likeness):
            levels = frame.likeness[row, column] >= np.array(HOTA_LEVELS) - _EPSILON
            matched[levels, rows[row], columns[column]] += 1.0
    right = matched.sum(axis=(1, 2))
    detection = right / (clip.of_truth.sum() + clip.of_found.sum() - right)
    jaccard = matched / np.maximum(everywhere[None] - matched, 1.0)
    association = (matched * jaccard).sum(axis=(1, 2)) / np.maximum(right, 1.0)
    return float(np.sqrt(detection * association).mean()), float(detection.mean()), float(association.mean())
