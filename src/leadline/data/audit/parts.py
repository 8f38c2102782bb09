"""What is audited: data sets by name, shards, and folders of scenes, pairs or images, each as one or several parts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, final

import numpy as np

from leadline.data.audit.measure import Camera, Sample
from leadline.data.catalog import DATASETS, DatasetSpec, dataset_card, open_dataset
from leadline.data.flow.shards import FlowShards
from leadline.data.mono.shards import DepthShards
from leadline.data.shards import Shards
from leadline.data.source import Source
from leadline.data.stereo.pairs import StereoPairs
from leadline.data.stereo.shards import StereoShards
from leadline.data.video.shards import FIRST_FRAME, SequenceDepths
from leadline.errors import InputError, LeadlineError
from leadline.geometry.camera import Pinhole
from leadline.geometry.rig import StereoRig
from leadline.io.calib import read_stereo_calibration
from leadline.io.images import read_image
from leadline.io.pair_files import IMAGE_SUFFIXES, natural_key, search_pairs
from leadline.io.shards import ShardReader
from leadline.protocols.mono.scenes import DepthFiles, find_depth_scenes
from leadline.protocols.stereo.scenes import SceneFiles, find_scenes
from leadline.samples import DepthSample, StereoSample, VideoSample

Task = Literal["stereo", "mono", "flow"]
_KINDS: Final[tuple[tuple[str, type[Shards[Any]]], ...]] = (
    ("left.png", StereoShards),
    ("image.png", DepthShards),
    ("first.png", FlowShards),
    (FIRST_FRAME, SequenceDepths),
)
_TRAINING, _VALIDATION = ("train", "training"), ("val", "validation", "test", "testing")


@dataclass(frozen=True)
class Part:
    """Samples that are audited together; copies are looked for within a part and between parts.

    Args:
        name: For the report: a folder, or a data set and its split.
        what: In words: "stereo shards".
        source: The samples.
        damage: What could not be opened at all, and why: a shard that was cut off.
    """

    name: str
    what: str
    source: Source[Sample]
    damage: tuple[tuple[str, str], ...] = ()

    def camera(self, index: int, sample: Sample) -> Camera | None:
        """The calibration of a sample, if it has one.

        Raises:
            LeadlineError: If it cannot be read, or is impossible.
        """
        if isinstance(sample, DepthSample):
            return None if sample.camera is None else _of_pinhole(sample.camera)
        if isinstance(sample, VideoSample):
            baseline = None if sample.baseline_m is None else abs(sample.baseline_m)
            return replace(_of_pinhole(sample.camera), baseline_m=baseline)
        find = getattr(self.source, "calibration", None)
        return None if find is None else find(index, sample)


def open_parts(
    targets: Sequence[str], root: Path | None = None, splits: Sequence[str] = (), options: DatasetSpec | None = None
) -> list[Part]:
    """Opens what is to be audited.

    Args:
        targets: Names of data sets, shards (a folder, a .tar file or an address), or folders.
        root: Of a data set.
        splits: Of a data set; each becomes a part.
        options: Further options of a data set.
    Returns:
        The parts. A folder without samples of its own whose folders train and val (or validation, test) have some is
        two parts.
    Raises:
        InputError: If there is nothing to audit, or an option does not fit.
    """
    parts = list[Part]()
    for target in targets:
        if target in DATASETS and not Path(target).exists():
            parts += _dataset_parts(target, root, splits, options)
        elif root is not None or splits:
            raise InputError(f"expected the name of a data set with a root or splits, got {target}; leave them out")
        else:
            parts += _folder_parts(target)
    if not parts:
        raise InputError("expected a data set, shards or a folder to audit, got none; name one")
    names = [part.name for part in parts]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"expected different parts to audit, got {twice[0]} twice; name it once")
    return parts


def _dataset_parts(name: str, root: Path | None, splits: Sequence[str], options: DatasetSpec | None) -> list[Part]:
    if root is None:
        raise InputError(f"expected the folder of the data set {name} as root, got none; see `leadline data list`")
    card = dataset_card(name)
    base = replace(options or DatasetSpec(dataset=name, root=""), dataset=name, root=str(root))
    parts = list[Part]()
    for split in splits or (None,):
        spec = replace(base, split=split) if split is not None else base
        source = open_dataset(spec, card.task)
        parts.append(Part(name if split is None else f"{name} {split}", f"{card.title}, {card.annotation}", source))
    return parts


def _folder_parts(target: str) -> list[Part]:
    path = Path(target)
    if not path.exists() and "://" not in target:
        known = ", ".join(DATASETS)
        raise InputError(f"expected a folder, shards, or a data set out of {known}, got {target!r}; check the path")
    inside = [path / name for name in (*_TRAINING, *_VALIDATION) if (path / name).is_dir()]
    if len(inside) > 1:
        return [_one_part(str(place), place) for place in inside]
    return [_one_part(target, path)]


def _one_part(name: str, path: Path) -> Part:
    if "://" in name or path.is_file() or any(path.glob("*.tar")):
        return _shards(name, path)
    for what, find in (
        ("stereo scenes", _stereo_scenes),
        ("images with depth", _depth_scenes),
        ("stereo pairs", _pairs),
        ("images", _images),
    ):
        source = find(path)
        if source is not None and len(source):
            return Part(name, what, source)
    raise InputError(f"expected shards, scenes, pairs or images in {path}, got none; check the path")


def _shards(name: str, path: Path) -> Part:
    """Shards one by one, so that a damaged one is told and the others are audited."""
    if "://" in name:
        kind = _kind_of(ShardReader(name), name)
        return Part(name, f"{kind.__name__} at an address", _Shards([kind(name)]))
    found, damage = list[Shards[Any]](), list[tuple[str, str]]()
    for file in [path] if path.is_file() else sorted(path.glob("*.tar")):
        try:
            reader = ShardReader([file])
            if len(reader):
                found.append(_kind_of(reader, str(file))([file]))
            else:
                damage.append((file.name, "no sample in it"))
        except LeadlineError as error:
            damage.append((file.name, str(error)))
    if not found and not damage:
        raise InputError(f"expected shards in {path}, got none; check the path")
    if len({type(shards) for shards in found}) > 1:
        raise InputError(f"expected shards of one kind in {path}, got several; audit them apart")
    words = {StereoShards: "stereo shards", DepthShards: "mono shards", FlowShards: "flow shards"}
    words[SequenceDepths] = "video shards"
    return Part(name, words[type(found[0])] if found else "shards", _Shards(found), tuple(damage))


def _kind_of(reader: ShardReader, place: str) -> type[Shards[Any]]:
    for index in range(min(len(reader), 3)):
        for file, kind in _KINDS:
            if file in reader.names(index):
                return kind
    wanted = ", ".join(file for file, _ in _KINDS)
    raise InputError(f"expected samples with {wanted} in {place}, got another program's shard; write it with leadline")


@final
class _Shards:
    """Several shards as one source; calibrations stand in the writer's notes."""

    def __init__(self, shards: Sequence[Shards[Any]]) -> None:
        self._shards = list(shards)
        self._ends = np.cumsum([len(one) for one in self._shards], dtype=np.int64)

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def key(self, index: int, /) -> str:
        one, place = self._at(index)
        return one.key(place)

    def __getitem__(self, index: int, /) -> Any:  # noqa: ANN401 - any sample
        one, place = self._at(index)
        return one[place]

    def calibration(self, index: int, sample: Sample) -> Camera | None:
        one, place = self._at(index)
        if not isinstance(sample, StereoSample):
            return None
        notes = one.notes(place)
        values = [notes.get("focal_px"), notes.get("baseline_m"), *_two(notes.get("centre_px"))]
        if not all(isinstance(value, int | float) for value in values):
            return None
        focal, baseline, column, row = (float(str(value)) for value in values)
        return Camera(focal, focal, column, row, *sample.left.shape[:2], baseline_m=baseline)

    def _at(self, index: int) -> tuple[Shards[Any], int]:
        number = int(np.searchsorted(self._ends, index, side="right"))
        return self._shards[number], index - (int(self._ends[number - 1]) if number else 0)


def _two(value: object) -> tuple[object, object]:
    return (value[0], value[1]) if isinstance(value, list | tuple) and len(value) == 2 else (None, None)


@final
class _Scenes:
    """Stereo scenes of a folder; calib.txt lies beside the images, or in KITTI's folder calib."""

    def __init__(self, files: Sequence[SceneFiles]) -> None:
        self._files = list(files)

    def __len__(self) -> int:
        return len(self._files)

    def key(self, index: int, /) -> str:
        return self._files[index].name

    def __getitem__(self, index: int, /) -> StereoSample:
        return self._files[index].load()

    def calibration(self, index: int, sample: Sample) -> Camera | None:
        files = self._files[index]
        size = sample.left.shape[:2] if isinstance(sample, StereoSample) else (0, 0)
        beside = files.left.parent / "calib.txt"
        kitti = files.left.parent.parent / "calib" / f"{files.left.stem.partition('_')[0]}.txt"
        place = kitti if files.layout == "kitti" else beside
        if not place.is_file():
            return None
        rig = read_stereo_calibration(place, (size[0], size[1])).rectified
        return None if rig is None else _of_rig(rig)


@final
class _Depths:
    """Images with depth, or images alone."""

    def __init__(self, files: Sequence[DepthFiles], keys: Sequence[str] | None = None) -> None:
        self._files, self._keys = list(files), list(keys or [one.name for one in files])

    def __len__(self) -> int:
        return len(self._files)

    def key(self, index: int, /) -> str:
        return self._keys[index]

    def __getitem__(self, index: int, /) -> DepthSample:
        return self._files[index].load()


@final
class _Images:
    """Images without truth."""

    def __init__(self, root: Path, files: Sequence[Path]) -> None:
        self._root, self._files = root, list(files)

    def __len__(self) -> int:
        return len(self._files)

    def key(self, index: int, /) -> str:
        return str(self._files[index].relative_to(self._root))

    def __getitem__(self, index: int, /) -> DepthSample:
        return DepthSample(self.key(index), read_image(self._files[index]).pixels)


def _stereo_scenes(path: Path) -> Source[Sample] | None:
    return _found(lambda: _Scenes(find_scenes(path)))


def _depth_scenes(path: Path) -> Source[Sample] | None:
    return _found(lambda: _Depths(find_depth_scenes(path)))


def _pairs(path: Path) -> Source[Sample] | None:
    """Pairs of files, where left and right can be told; images that hold one view are images."""
    found = _found(lambda: search_pairs(path))
    if found is None or any(pair.right is None for pair in found.pairs):
        return None
    return StereoPairs(found.pairs, right_truth=False)


def _images(path: Path) -> Source[Sample]:
    files = [file for file in path.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file()]
    shown = [file for file in files if not any(part.startswith(".") for part in file.relative_to(path).parts)]
    return _Images(path, sorted(shown, key=natural_key))


def _found(find: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever is found
    try:
        return find()
    except InputError:
        return None


def _of_pinhole(camera: Pinhole) -> Camera:
    focal = (camera.focal_x_px, camera.focal_y_px)
    return Camera(*focal, camera.center_x_px, camera.center_y_px, camera.height, camera.width)


def _of_rig(rig: StereoRig) -> Camera:
    return replace(_of_pinhole(rig.left), baseline_m=rig.baseline_m, doffs_px=rig.doffs_px)
