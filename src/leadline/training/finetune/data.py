"""Data of fine-tuning: our shards, or a user's own images with depth at some of their pixels."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, final

import numpy as np
import torch
from torch.utils.data import Dataset

from leadline.data.catalog import DatasetSpec
from leadline.data.mono.shards import DepthShards
from leadline.data.source import Source
from leadline.errors import InputError
from leadline.io.remote import is_remote
from leadline.maps import DepthMap
from leadline.protocols.mono.depth_units import one_unit
from leadline.protocols.mono.scenes import MILLIMETRES, DepthFiles, find_depth_scenes
from leadline.samples import DepthSample
from leadline.training.mono.validation import MonoValidationItem
from leadline.training.sources import depth_source

_HELD_BACK: Final = 10
"""Images of which one is held back for validation where no other images are given."""
_SHOWN: Final = 4


@final
class DepthFolder:
    """Random access to the images with depth of a folder, as `leadline eval mono` takes it; unknown is invalid.

    Args:
        root: As for `find_depth_scenes`; images without a file of depth are left out.
        samples_per_m: As there.
    Raises:
        InputError: If there is no such image.
    """

    def __init__(self, root: Path, samples_per_m: float = MILLIMETRES) -> None:
        found = find_depth_scenes(root, samples_per_m)
        self._files = [files for files in found if files.depth is not None or files.image.suffix == ".npz"]
        if not self._files:
            raise InputError(
                f"expected depth for some of the {len(found)} images in {root}, got none; put it into depth under "
                "the image's name, as 16-bit PNG in millimetres, 0 where unknown"
            )

    def __len__(self) -> int:
        """Number of images."""
        return len(self._files)

    def key(self, index: int, /) -> str:
        """Name of an image."""
        return self._files[index].name

    def __getitem__(self, index: int, /) -> DepthSample:
        """One image.

        Args:
            index: From 0 to ``len(self) - 1``.
        Raises:
            InputError: If a file cannot be read or its size differs.
        """
        return self._files[index].load()


@final
class DepthPart:
    """Some samples of a source, with depth beyond a bound counted as unknown.

    Args:
        source: Where they lie.
        places: Which of them.
        farthest_m: The bound, if there is one: a network that ends at 20 m cannot learn 50 m.
    """

    def __init__(self, source: Source[DepthSample], places: Sequence[int], farthest_m: float | None = None) -> None:
        self._source, self._places, self._farthest_m = source, places, farthest_m

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._places)

    def key(self, index: int, /) -> str:
        """Name of a sample."""
        return self._source.key(self._places[index])

    def __getitem__(self, index: int, /) -> DepthSample:
        """One sample."""
        sample = self._source[self._places[index]]
        within = np.inf if self._farthest_m is None else np.float32(self._farthest_m)
        return replace(sample, truth=DepthMap(sample.depth, sample.valid & (sample.depth <= within), sample.annotation))


def unit_of_images(places: Sequence[str | DatasetSpec | None], stated: str | None) -> tuple[str, tuple[str, ...]]:
    """The one unit of the depth images in some folders, and notes on what was not stated; shards have their own.

    Raises:
        InputError: As `one_unit`.
    """
    found = list[DepthFiles]()
    for place in places:
        if not place or isinstance(place, DatasetSpec) or is_remote(place) or any(Path(place).glob("*.tar")):
            continue
        with suppress(InputError):  # whoever opens it says what is wrong
            found += find_depth_scenes(Path(place))
    return one_unit(found, stated)


def open_depth(place: str | DatasetSpec, samples_per_m: float = MILLIMETRES) -> Source[DepthSample]:
    """Samples with metric depth.

    Args:
        place: Folder or address of shards, as `leadline render mono` writes them, a folder as for `DepthFolder`, or a
            data set with metric depth.
        samples_per_m: Samples of a folder's depth images for one metre.
    Raises:
        InputError: If it is none of them.
    """
    if isinstance(place, DatasetSpec):
        return depth_source(place, "finetune")
    if is_remote(place) or any(Path(place).glob("*.tar")):
        return DepthShards(place)
    try:
        return DepthFolder(Path(place), samples_per_m)
    except InputError as error:
        raise InputError(f"expected shards (*.tar), or images with depth, in {place}: {error}") from None


def split(
    data: str | DatasetSpec,
    validation: str | DatasetSpec,
    farthest_m: float | None,
    samples_per_m: float = MILLIMETRES,
) -> tuple[DepthPart, DepthPart]:
    """Samples to learn from, and samples to validate on.

    Args:
        data: As for `open_depth`.
        validation: Likewise; if empty, every tenth of the data is held back, at least one if there are two.
        farthest_m: Depth beyond it is not learned.
        samples_per_m: Samples of a folder's depth images for one metre.
    Raises:
        InputError: If one of them cannot be read, or holds no known depth.
    """
    source = open_depth(data, samples_per_m)
    places = range(len(source))
    if validation:
        judge = open_depth(validation, samples_per_m)
        learned, judged = DepthPart(source, places, farthest_m), DepthPart(judge, range(len(judge)))
    else:
        # The only image there is has to do both.
        held = [place for place in places if place % _HELD_BACK == _HELD_BACK - 1] or [len(source) - 1]
        kept = [place for place in places if place not in set(held)] or held
        learned, judged = DepthPart(source, kept, farthest_m), DepthPart(source, held)
    _require_truth(learned, data, farthest_m)
    _require_truth(judged, validation or data, None)
    return learned, judged


def _require_truth(part: DepthPart, data: str | DatasetSpec, farthest_m: float | None) -> None:
    if not any(part[index].valid.any() for index in range(len(part))):
        place = data.root if isinstance(data, DatasetSpec) else data
        bound = "" if farthest_m is None else f" up to the network's {farthest_m:g} m"
        raise InputError(
            f"expected known depth{bound} in {place}, got none in {len(part)} images; unknown is 0, and PNG files are "
            "in millimetres"
        )


@final
class FinetuneValidation(Dataset[MonoValidationItem]):
    """Whole images to validate on, evenly spaced ones if there are many.

    Args:
        part: Where they lie.
        most: How many are looked at.
    """

    def __init__(self, part: DepthPart, most: int) -> None:
        self._part = part
        step = max(1, len(part) // max(1, most))
        self._places = range(0, len(part), step)[: max(1, most)]

    def __len__(self) -> int:
        """Number of images."""
        return len(self._places)

    def scene(self, index: int) -> DepthSample:
        """One image with its truth."""
        sample = self._part[self._places[index]]
        # Two folders may name two images alike.
        name = f"{index}-{sample.key}"
        return DepthSample(name, sample.image, DepthMap(sample.depth, sample.valid, "metric"))

    def __getitem__(self, index: int) -> MonoValidationItem:
        """One image as tensors."""
        sample = self._part[self._places[index]]
        return {
            "group": "validation",
            "name": f"{index}-{sample.key}",
            "shown": index < _SHOWN,
            "image": torch.from_numpy(np.ascontiguousarray(sample.image)),
            "depth": torch.from_numpy(np.ascontiguousarray(sample.depth)),
            "valid": torch.from_numpy(np.ascontiguousarray(sample.valid)),
        }
