"""Data sets as scenes that the protocols score."""

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from leadline.data.catalog import DatasetSpec, dataset_card, open_dataset
from leadline.data.source import Source
from leadline.errors import InputError
from leadline.samples import DepthSample, FlowSample, StereoSample

SampleT = TypeVar("SampleT", StereoSample, DepthSample, FlowSample)


@dataclass(frozen=True)
class DatasetScene(Generic[SampleT]):
    """A sample of a data set, read when it is asked for.

    Args:
        source: The data set.
        index: Number of the sample in it.
    Example:
        >>> class Empty:
        ...     def __len__(self): return 1
        ...     def key(self, index): return "room/0001"
        ...     def __getitem__(self, index): return DepthSample(self.key(index), np.zeros((2, 3, 3), np.uint8))
        >>> import numpy as np
        >>> scene = DatasetScene(Empty(), 0)
        >>> scene.name, scene.load().image.shape
        ('room-0001', (2, 3, 3))
    """

    source: Source[SampleT]
    index: int

    @property
    def name(self) -> str:
        """The sample's key with hyphens for slashes: it names files of results."""
        return self.source.key(self.index).replace("/", "-")

    def load(self) -> SampleT:
        """Reads the sample.

        Raises:
            InputError: If a file is missing or damaged.
        """
        return replace(self.source[self.index], key=self.name)


def stereo_dataset_scenes(spec: DatasetSpec) -> tuple[DatasetScene[StereoSample], ...]:
    """The scenes of a stereo data set, or of shards.

    Raises:
        InputError: As `open_dataset`.
    """
    source: Source[StereoSample] = open_dataset(spec, "stereo")
    return tuple(DatasetScene(source, index) for index in range(len(source)))


def depth_dataset_scenes(spec: DatasetSpec) -> tuple[DatasetScene[DepthSample], ...]:
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
    source: Source[DepthSample] = open_dataset(spec, "mono")
    return tuple(DatasetScene(source, index) for index in range(len(source)))


def flow_dataset_scenes(spec: DatasetSpec) -> tuple[DatasetScene[FlowSample], ...]:
    """The pairs of a data set of optical flow, or of shards.

    Raises:
        InputError: As `open_dataset`.
    """
    source: Source[FlowSample] = open_dataset(spec, "flow")
    return tuple(DatasetScene(source, index) for index in range(len(source)))
