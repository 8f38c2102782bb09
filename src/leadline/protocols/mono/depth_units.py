"""The unit of 16-bit depth images: stated, told by the folder's layout, or judged by how far the depth would reach."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt16

from leadline.errors import InputError
from leadline.protocols.mono.scenes import MILLIMETRES, DepthFiles, read_depth_samples, samples_for_a_metre

_LOOKED_AT: Final = 9
"""Images whose samples are looked at, spread evenly."""
_LEAST_KNOWN: Final = 64
"""Samples with depth below which nothing is judged."""
_SPARSE: Final = 0.4
"""Share of pixels with depth below which they are a scanner's, not an RGB-D camera's."""
_WIDE: Final = 2.9
"""Width over height of KITTI's images and of no RGB-D camera's."""


@dataclass(frozen=True)
class _Form:
    """A unit that depth images come in, and the depth that such images show.

    Args:
        unit: As `samples_for_a_metre` takes it.
        words: For the user.
        least_m: Smallest plausible median.
        most_m: Largest plausible median.
        reach_m: What 99 of 100 samples do not exceed.
    """

    unit: str
    words: str
    least_m: float
    most_m: float
    reach_m: float

    @property
    def samples_per_m(self) -> float:
        """Samples for one metre."""
        return samples_for_a_metre(self.unit)


_MILLIMETRES: Final = _Form("mm", "millimetres", 0.1, 12.0, 40.0)
_KITTI: Final = _Form("1/256", "1/256 m, as KITTI has it", 1.5, 100.0, 150.0)
_TUM: Final = _Form("1/5000", "1/5000 m, as TUM has it", 0.5, 8.0, 13.2)
_REPLICA: Final = _Form("1/6553.5", "1/6553.5 m, as Replica has it", 0.3, 8.0, 10.1)
_MATTERPORT: Final = _Form("1/4000", "1/4000 m, as Matterport3D has it", 0.3, 12.0, 16.4)
_CENTIMETRES: Final = _Form("cm", "centimetres, as Virtual KITTI has it", 1.0, 300.0, 656.0)
_USUAL: Final = (
    _Form("mm", "millimetres", 0.1, 50.0, 65.6),
    _TUM,
    _KITTI,
    _Form("cm", "centimetres", 0.3, 300.0, 656.0),
)
_BY_NAME: Final = (
    (re.compile(r"vkitti|virtual_?kitti"), _CENTIMETRES),
    (re.compile(r"(?<![a-z])kitti|drive_\d{4}_sync|proj_depth|groundtruth_depth|drivingstereo"), _KITTI),
    (re.compile(r"(?<![a-z])tum(?![a-z])|freiburg\d|icl[-_]?nuim"), _TUM),
    (re.compile(r"(?<![a-z])replica(?![a-z])"), _REPLICA),
    (re.compile(r"(?<![a-z])(?:matterport|mp3d)"), _MATTERPORT),
)
_UNSTATED: Final = "no unit is stated, the depth images are read as"
_TUM_FILES: Final = ("rgb.txt", "depth.txt", "associations.txt", "association.txt", "associate.txt", "associated.txt")
_TIME_STAMP: Final = re.compile(r"\d{10}\.\d{3,9}")
_KITTI_NUMBER: Final = re.compile(r"\d{10}")


@dataclass(frozen=True)
class _Samples:
    """What some of the depth images hold: their known samples, share of them, and width over height."""

    known: UInt16[np.ndarray, " n"]
    share: float
    aspect: float

    def reach_m(self, form: _Form) -> tuple[float, float]:
        """Median, and what 99 of 100 samples do not exceed."""
        median, far = np.percentile(self.known, (50, 99)) / form.samples_per_m
        return float(median), float(far)

    def fits(self, form: _Form) -> bool:
        """Whether such images show such depth."""
        median, far = self.reach_m(form)
        return form.least_m <= median <= form.most_m and far <= form.reach_m

    @property
    def fives(self) -> bool:
        """Whether they are multiples of 5: a Kinect's millimetres in 1/5000 m."""
        return bool((self.known % 5 == 0).all()) and np.unique(self.known).size > _LEAST_KNOWN // 4


@dataclass(frozen=True)
class _Verdict:
    """Samples for one metre of one folder, why, and what the depth then is."""

    samples_per_m: float
    because: str
    median_m: float | None = None
    otherwise: str = ""


def with_units(
    files: Sequence[DepthFiles], stated: str | None, usual: float | None = None, of_whom: str = ""
) -> tuple[tuple[DepthFiles, ...], tuple[str, ...]]:
    """The files, each folder's in the unit of its depth images.

    What is stated counts. Else the benchmark's own unit; else the one that the layout tells: TUM's lists of time
    stamps, time stamps as names, or a data set's name in the folder's; else millimetres. A unit in which the depth
    would be no camera's or scanner's is refused.

    Args:
        files: Images with depth.
        stated: mm, cm or 1/N, if someone says so.
        usual: Samples for one metre in the files of the benchmark, if it has its own.
        of_whom: The benchmark's name.
    Returns:
        The files, and notes on what was not stated.
    Raises:
        InputError: If the unit is none, or the depth is implausible in it; names those in which it is not.
    Example:
        >>> with_units((), None), with_units((), "1/256")
        (((), ()), ((), ()))
    """
    if stated is not None:
        samples_per_m = samples_for_a_metre(stated)
        return tuple(replace(scene, samples_per_m=samples_per_m) for scene in files), ()
    folders: dict[Path, list[DepthFiles]] = {}
    for scene in files:
        if scene.depth is not None:
            folders.setdefault(scene.depth.parent, []).append(scene)
    verdicts = {folder: _verdict(scenes, usual, of_whom) for folder, scenes in folders.items()}
    settled = tuple(
        scene if scene.depth is None else replace(scene, samples_per_m=verdicts[scene.depth.parent].samples_per_m)
        for scene in files
    )
    return settled, _notes(list(verdicts.values()))


def one_unit(files: Sequence[DepthFiles], stated: str | None) -> tuple[str, tuple[str, ...]]:
    """The one unit of all the depth images, as `samples_for_a_metre` takes it, and notes as of `with_units`.

    Raises:
        InputError: As `with_units`, or if the folders differ in it.
    """
    settled, notes = with_units(files, stated)
    found = sorted({scene.samples_per_m for scene in settled if scene.depth is not None})
    if len(found) > 1:
        units = " and ".join(f"1/{samples_per_m:g} m" for samples_per_m in found)
        raise InputError(f"expected depth images of one unit, got {units}; put them into folders of their own")
    return stated or (f"1/{found[0]:g}" if found and found[0] != MILLIMETRES else _MILLIMETRES.unit), notes


def _notes(verdicts: Sequence[_Verdict]) -> tuple[str, ...]:
    """One note for each reason, however many folders there are."""
    notes = list[str]()
    for because in dict.fromkeys(verdict.because for verdict in verdicts):
        alike = [verdict for verdict in verdicts if verdict.because == because]
        medians = sorted(verdict.median_m for verdict in alike if verdict.median_m is not None)
        reach = "" if not medians else f"; median {medians[0]:.3g} m"
        if len(medians) > 1:
            reach = f"; medians of {medians[0]:.3g} to {medians[-1]:.3g} m in {len(medians)} folders"
        notes.append(f"{because}{reach}{alike[0].otherwise if len(alike) == 1 else ''}")
    return tuple(notes)


def _verdict(files: Sequence[DepthFiles], usual: float | None, of_whom: str) -> _Verdict:
    """What the depth images of one folder are read as."""
    found = _looked_at(files)
    if found is None:
        default = MILLIMETRES if usual is None else usual
        words = _MILLIMETRES.words if default == MILLIMETRES else f"1/{default:g} m, as {of_whom} has it"
        return _Verdict(default, f"{_UNSTATED} {words}")
    form, because = _expected_form(files, found, usual, of_whom)
    if not found.fits(form):
        raise InputError(_refusal(files, found, form))
    if usual is None and found.share < _SPARSE and form is _MILLIMETRES:
        because += f" (only {100 * found.share:.2g} % of the pixels have depth, as a scanner's: KITTI's are in 1/256 m)"
    others = [f"{found.reach_m(other)[0]:.3g} m in {other.unit}" for other in _also(form) if found.fits(other)]
    otherwise = f" ({' or '.join(others)})" if others else ""
    return _Verdict(form.samples_per_m, because, found.reach_m(form)[0], otherwise)


def _also(form: _Form) -> tuple[_Form, ...]:
    """The other unit that images of such a layout often have: TUM's tools are used with millimetres, too."""
    return (_MILLIMETRES,) if form is _TUM else (_TUM,) if form is _MILLIMETRES else ()


def _expected_form(
    files: Sequence[DepthFiles], found: _Samples, usual: float | None, of_whom: str
) -> tuple[_Form, str]:
    """What the images are taken for, and the words for it."""
    if usual is not None:
        own = next((form for form in (_KITTI, _TUM, _MILLIMETRES) if form.samples_per_m == usual), None)
        form = own or _Form(f"1/{usual:g}", f"1/{usual:g} m", 0.0, np.inf, np.inf)
        return form, f"{_UNSTATED} 1/{usual:g} m, as {of_whom} has it"
    for form, sign in _signs(files, found):
        if found.fits(form):
            return form, f"{_UNSTATED} {form.words}: {sign}"
    return _MILLIMETRES, f"{_UNSTATED} millimetres"


def _signs(files: Sequence[DepthFiles], found: _Samples) -> list[tuple[_Form, str]]:
    """What the layout and the names tell, the surest first."""
    depth = next(scene.depth for scene in files if scene.depth is not None)
    folder, stems = depth.resolve().parent.parent, [scene.depth.stem for scene in files if scene.depth is not None]
    signs = list[tuple[_Form, str]]()
    listed = next((name for name in _TUM_FILES if (folder / name).is_file()), None)
    if listed is not None:
        signs.append((_TUM, f"{listed} lies beside"))
    if all(_TIME_STAMP.fullmatch(stem) for stem in stems) and (found.fives or not found.fits(_MILLIMETRES)):
        signs.append((_TUM, "the files are named by time stamps"))
    if found.fives and not found.fits(_MILLIMETRES):
        signs.append((_TUM, "all samples are multiples of 5"))
    names = "/".join((*folder.parts[-2:], depth.name)).lower()
    for pattern, form in _BY_NAME:
        match = pattern.search(names)
        if match is not None:
            signs.append((form, f"{match[0]!r} is in the name"))
    numbered = all(_KITTI_NUMBER.fullmatch(stem) for stem in stems)
    if numbered and found.aspect > _WIDE and found.share < _SPARSE:
        signs.append((_KITTI, "names, shape and sparse depth are KITTI's"))
    return signs


def _refusal(files: Sequence[DepthFiles], found: _Samples, form: _Form) -> str:
    depth = next(scene.depth for scene in files if scene.depth is not None)
    median, far = found.reach_m(form)
    likely = [other for other in _USUAL if other.unit != form.unit and found.fits(other)]
    words = " or ".join(f"{found.reach_m(other)[0]:.3g} m if they are {other.words}" for other in likely)
    example = likely[0].unit if likely else "1/N"
    return (
        f"expected depth images in {form.words}, got a median of {median:.3g} m and up to {far:.3g} m in "
        f"{depth.parent}, which such images do not show; {words + ': ' if words else ''}"
        f"state the unit, such as {example} as the unit of depth images"
    )


def _looked_at(files: Sequence[DepthFiles]) -> _Samples | None:
    """The samples of some images; None where there are too few to judge, or a file is damaged (loading says so)."""
    depths = [scene.depth for scene in files if scene.depth is not None]
    known, pixels, aspect = list[UInt16[np.ndarray, " n"]](), 0, 1.0
    for path in depths[:: max(1, -(-len(depths) // _LOOKED_AT))]:
        try:
            samples = read_depth_samples(path)
        except InputError:
            continue
        known.append(samples[samples > 0])
        pixels, aspect = pixels + samples.size, samples.shape[1] / samples.shape[0]
    values = np.concatenate(known) if known else np.empty(0, np.uint16)
    return None if values.size < _LEAST_KNOWN else _Samples(values, values.size / pixels, aspect)
