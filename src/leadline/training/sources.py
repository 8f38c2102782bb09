"""Sources of a method's samples: folders, shards or data sets; a kind that it cannot learn from is refused."""

from collections.abc import Mapping, Sequence
from typing import Final

from leadline.data.catalog import SHARDS, Annotation, DatasetSpec, dataset_card, open_dataset
from leadline.data.flow.shards import FlowShards
from leadline.data.mono.shards import DepthShards
from leadline.data.source import Source
from leadline.data.stereo.pairs import open_stereo
from leadline.data.video.frames import FrameTriplets, find_frame_folders
from leadline.data.video.shards import SequenceDepths, ShardTriplets, holds_sequences
from leadline.errors import InputError
from leadline.samples import DepthSample, FlowSample, StereoSample, VideoSample
from leadline.training.recipe import DataShare, Recipe, method_of

#: Kind of truth -> the methods that learn from it.
LEARNED_FROM: Final[Mapping[Annotation, tuple[str, ...]]] = {
    "disparity": ("stereo", "self-supervised", "semi-supervised", "distillation", "refine", "monodepth", "mixed-mono"),
    "metric": ("mono", "metric-mono", "diffusion", "intrinsic-lora", "finetune", "mixed-mono"),
    "up_to_scale": ("mono", "intrinsic-lora", "mixed-mono"),
    "affine_inverse": ("mono", "intrinsic-lora", "mixed-mono"),
    "affine_depth": ("mixed-mono",),
    "ordinal": ("mixed-mono",),
    "flow": ("flow", "self-supervised-flow"),
    "none": ("sfmlearner", "monodepth2", "geonet", "df-net", "competitive-collaboration", "loop-net"),
}


def require_learnable(place: str | DatasetSpec, method: str) -> None:
    """Refuses a data set whose truth a method cannot learn from.

    Args:
        place: A data set, or a folder or address, which is looked at when it is opened.
        method: Name in `METHODS`.
    Raises:
        InputError: If the method cannot learn from it, or there is no such data set.
    """
    if isinstance(place, str) or place.dataset == SHARDS:
        return
    card = dataset_card(place.dataset)
    able = LEARNED_FROM[card.annotation]
    if method not in able:
        told = f"learn from it with method: {' or '.join(able)}" if able else "no method learns from it"
        raise InputError(
            f"expected data that method {method} can learn from, got {place.dataset}, whose truth is "
            f"{card.annotation}; {told}"
        )


def stereo_source(place: str | DatasetSpec, method: str) -> Source[StereoSample]:
    """The stereo samples of a folder of shards or unlabelled pairs, an address of shards, or a data set.

    Raises:
        InputError: If there are none, or the method cannot learn from them.
    """
    require_learnable(place, method)
    return open_stereo(place) if isinstance(place, str) else open_dataset(place, "stereo")


def flow_source(place: str | DatasetSpec, method: str) -> Source[FlowSample]:
    """The samples with flow of a folder of shards, or of a data set.

    Raises:
        InputError: If there are none, or the method cannot learn from them.
    """
    require_learnable(place, method)
    return FlowShards(place) if isinstance(place, str) else open_dataset(place, "flow")


def depth_source(place: str | DatasetSpec, method: str) -> Source[DepthSample]:
    """The samples with depth of a folder or address of shards, or of a data set.

    Raises:
        InputError: If there are none, or the method cannot learn from them.
    """
    require_learnable(place, method)
    if not isinstance(place, str):
        return open_dataset(place, "mono")
    shards = DepthShards(place)
    if method not in (able := LEARNED_FROM[shards.annotation]):
        raise InputError(
            f"expected shards that method {method} can learn from, got {place}, whose truth is {shards.annotation}; "
            f"learn from it with method: {' or '.join(able)}"
        )
    return shards


def frame_source(place: str | DatasetSpec, method: str, stride: int, right: int) -> Source[VideoSample]:
    """The frames of shards of sequences, of a folder of frames with a calibration, or of a data set, three by three.

    Args:
        place: Which.
        method: Name in `METHODS`.
        stride: Frames between two frames of a sample.
        right: How many right views to read: of no frame, of the target, or of the following frame as well.
    Raises:
        InputError: If there are none, they have no right views, or the method cannot learn from them.
    """
    require_learnable(place, method)
    if not isinstance(place, str):
        return open_dataset(place, "video", stride=stride, right=right)
    if holds_sequences(place):
        return ShardTriplets(place, stride, right)
    return FrameTriplets(find_frame_folders(place), stride, right)


def depth_sources(recipe: Recipe, mix: Sequence[DataShare] = ()) -> tuple[list[Source[DepthSample]], list[float]]:
    """The sources that a recipe learns depth from, and their shares.

    Args:
        recipe: Its data have the weight 1.
        mix: Its further folders.
    Raises:
        InputError: If one cannot be read or learned from.
    """
    shares = (DataShare(data=recipe.data), *mix)
    method = method_of(recipe)
    sources = [depth_source(share.data, method) for share in shares]
    sky_weight = float(getattr(recipe, "sky_weight", 0.0))
    for share, source in zip(shares, sources, strict=True):
        # Whether shards are of rendered images is not known before they are opened.
        if sky_weight > 0 and isinstance(source, DepthShards) and source.annotation != "metric":
            raise _unknown_sky(f"the shards {share.data}", sky_weight)
    return sources, [share.weight for share in shares]


def require_no_sky(sky_weight: float, places: Sequence[str | DatasetSpec]) -> None:
    """Refuses to take pixels without truth for sky where they may be anything: in all data sets but rendered ones.

    Args:
        sky_weight: The recipe's.
        places: Its data.
    Raises:
        InputError: If the weight is positive and one of the places is a data set.
    """
    named = [place.dataset for place in places if isinstance(place, DatasetSpec) and place.dataset != SHARDS]
    if sky_weight > 0 and named:
        raise _unknown_sky(f"the data set {named[0]}", sky_weight)


def _unknown_sky(what: str, sky_weight: float) -> InputError:
    return InputError(
        f"expected sky_weight: 0 in a recipe with {what}, whose pixels without truth need not be sky, got "
        f"{sky_weight}; set it to 0"
    )


def validation_source(place: str | DatasetSpec) -> Source[DepthSample]:
    """Samples with metric depth to validate on.

    Raises:
        InputError: If there are none, or their depth is not metric.
    """
    if isinstance(place, str):
        if holds_sequences(place):
            return SequenceDepths(place)
        shards = DepthShards(place)
        if shards.annotation != "metric":
            raise InputError(
                f"expected shards with metric depth to validate on, got {place} with {shards.annotation}; take others"
            )
        return shards
    if (card := dataset_card(place.dataset, "mono")).annotation != "metric":
        raise InputError(
            f"expected a data set with metric depth to validate on, got {place.dataset} with {card.annotation}; take "
            "another one"
        )
    return open_dataset(place, "mono")
