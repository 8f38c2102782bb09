"""Data sets as scenes that the protocols score."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from leadline.data.catalog import DatasetSpec, dataset_card, open_dataset
from leadline.data.samples import DepthSample, StereoSample
from leadline.data.source import Source
from leadline.errors import InputError
from leadline.maps import DepthMap, DisparityMap
from leadline.protocols.mono.scenes import DepthScene
from leadline.protocols.stereo.scenes import StereoScene

SceneT_co = TypeVar("SceneT_co", covariant=True)


@dataclass(frozen=True)
class LazyScene(Generic[SceneT_co]):
    """A scene that is read when it is asked for.

    Args:
        name: The sample's key, with hyphens for slashes.
        load: Reads it.
    """

    name: str
    load: Callable[[], SceneT_co]


def stereo_dataset_scenes(spec: DatasetSpec) -> tuple[LazyScene[StereoScene], ...]:
    """The scenes of a stereo data set, or of shards.

    Raises:
        InputError: As `open_dataset`.
    """
    source = open_dataset(spec, "stereo")
    return tuple(LazyScene(_name(source, i), partial(_stereo_scene, source, i)) for i in range(len(source)))


def depth_dataset_scenes(spec: DatasetSpec) -> tuple[LazyScene[DepthScene], ...]:
    """The scenes of a data set of single images with metric depth, or of shards.

    Raises:
        InputError: As `open_dataset`, or if its truth is not metric, which every protocol needs.
    """
    card = dataset_card(spec.dataset, "mono")
    if card.annotation != "metric":
        raise InputError(
            f"expected a data set with metric depth to score on, got {spec.dataset} with {card.annotation} truth, for "
            "which there is no protocol; see `leadline data list`"
        )
    source = open_dataset(spec, "mono")
    return tuple(LazyScene(_name(source, i), partial(_depth_scene, source, i)) for i in range(len(source)))


def _name(source: Source[Any], index: int) -> str:
    return source.key(index).replace("/", "-")


def _stereo_scene(source: Source[StereoSample], index: int) -> StereoScene:
    sample = source[index]
    truth = DisparityMap(sample.disparity, sample.valid)
    return StereoScene(_name(source, index), sample.left, sample.right, truth, ~sample.occluded)


def _depth_scene(source: Source[DepthSample], index: int) -> DepthScene:
    sample = source[index]
    truth = DepthMap(sample.depth, sample.valid, "metric", camera=sample.camera)
    return DepthScene(_name(source, index), sample.image, truth, sample.camera)
