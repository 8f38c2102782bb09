"""What is known of the external depth networks: where they lie, what their numbers mean, what their licences allow."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from leadline.errors import InputError
from leadline.maps import DepthKind

Family = Literal["depth_anything", "prompt_depth_anything", "dpt", "zoedepth", "depth_pro", "glpn", "marigold"]
"""Networks of one architecture and one way of processing; all but marigold are the library's `model_type`."""


@dataclass(frozen=True, kw_only=True)
class ZooCard:
    """An external network: none of its weights come with leadline.

    Args:
        name: What `load_zoo` takes.
        hub_id: Repository on the Hugging Face hub.
        family: Its architecture and processing.
        kind: What its numbers mean.
        licence: Of the weights; SPDX identifier, LicenseRef- where SPDX has none.
        restriction: What the licence forbids, if anything; then it must be accepted before the weights are loaded.
        commercial_use: Whether the licence allows it.
        parameters_m: Trained weights that a picture passes through, in millions, rounded.
        paper: Where it is published.
        revision: Of the repository; its main branch if absent.
        needs_prompt: Whether it takes coarse metric depth beside the picture.
    """

    name: str
    hub_id: str
    family: Family
    kind: DepthKind
    licence: str
    restriction: str | None = None
    commercial_use: bool = True
    parameters_m: int
    paper: str
    revision: str | None = None
    needs_prompt: bool = False


_DEPTH_ANYTHING: Final = "Yang et al., Depth Anything, CVPR 2024, arXiv:2401.10891"
_DEPTH_ANYTHING_V2: Final = "Yang et al., Depth Anything V2, NeurIPS 2024, arXiv:2406.09414"
_PROMPT: Final = "Lin et al., Prompting Depth Anything for 4K Resolution Accurate Metric Depth Estimation, CVPR 2025"
_DPT: Final = "Ranftl et al., Vision Transformers for Dense Prediction, ICCV 2021, arXiv:2103.13413"
_ZOE: Final = "Bhat et al., ZoeDepth, 2023, arXiv:2302.12288"
_DEPTH_PRO: Final = (
    "Bochkovskii et al., Depth Pro: Sharp Monocular Metric Depth in Less Than a Second, arXiv:2410.02073"
)
_GLPN: Final = "Kim et al., Global-Local Path Networks for Monocular Depth Estimation, 2022, arXiv:2201.07436"
_MARIGOLD: Final = "Ke et al., Repurposing Diffusion-Based Image Generators for Monocular Depth Estimation, CVPR 2024"

_SIZES_M: Final[Mapping[str, int]] = MappingProxyType({"small": 25, "base": 98, "large": 335})
_NO_COMMERCE: Final = "forbids commercial use"


def _depth_anything(size: str) -> ZooCard:
    return ZooCard(
        name=f"depth-anything-{size}",
        hub_id=f"LiheYoung/depth-anything-{size}-hf",
        family="depth_anything",
        kind="affine_inverse",
        licence="Apache-2.0",
        parameters_m=_SIZES_M[size],
        paper=_DEPTH_ANYTHING,
    )


def _depth_anything_v2(size: str, place: str | None = None) -> ZooCard:
    """Relative, or metric for a place: indoor up to 20 m (Hypersim), outdoor up to 80 m (Virtual KITTI)."""
    part = "" if place is None else f"Metric-{place.capitalize()}-"
    free = size == "small"
    return ZooCard(
        name="-".join(("depth-anything-v2", *([] if place is None else ["metric", place]), size)),
        hub_id=f"depth-anything/Depth-Anything-V2-{part}{size.capitalize()}-hf",
        family="depth_anything",
        kind="affine_inverse" if place is None else "metric",
        # The authors state it by size; the metric repositories repeat none of their own.
        licence="Apache-2.0" if free else "CC-BY-NC-4.0",
        restriction=None if free else _NO_COMMERCE,
        commercial_use=free,
        parameters_m=_SIZES_M[size],
        paper=_DEPTH_ANYTHING_V2,
    )


def _prompt_depth_anything(size: str, encoder: str, parameters_m: int) -> ZooCard:
    return ZooCard(
        name=f"prompt-depth-anything-{size}",
        hub_id=f"depth-anything/prompt-depth-anything-{encoder}-hf",
        family="prompt_depth_anything",
        kind="metric",
        licence="Apache-2.0",
        parameters_m=parameters_m,
        paper=_PROMPT,
        needs_prompt=True,
    )


def _zoedepth(trained_on: str) -> ZooCard:
    return ZooCard(
        name=f"zoedepth-{trained_on}",
        hub_id=f"Intel/zoedepth-{trained_on}",
        family="zoedepth",
        kind="metric",
        licence="MIT",
        parameters_m=345,
        paper=_ZOE,
    )


def _glpn(trained_on: str) -> ZooCard:
    return ZooCard(
        name=f"glpn-{trained_on}",
        hub_id=f"vinvino02/glpn-{trained_on}",
        family="glpn",
        kind="metric",
        licence="Apache-2.0",
        parameters_m=61,
        paper=_GLPN,
    )


_CARDS: Final = (
    *(_depth_anything(size) for size in _SIZES_M),
    *(_depth_anything_v2(size) for size in _SIZES_M),
    *(_depth_anything_v2(size, place) for place in ("indoor", "outdoor") for size in _SIZES_M),
    _prompt_depth_anything("small", "vits", 25),
    _prompt_depth_anything("small-transparent", "vits-transparent", 25),
    _prompt_depth_anything("large", "vitl", 340),
    ZooCard(
        name="dpt-large",
        hub_id="Intel/dpt-large",
        family="dpt",
        kind="affine_inverse",
        licence="Apache-2.0",
        parameters_m=343,
        paper=_DPT,
    ),
    ZooCard(
        name="midas-dpt-hybrid",
        hub_id="Intel/dpt-hybrid-midas",
        family="dpt",
        kind="affine_inverse",
        licence="Apache-2.0",
        parameters_m=123,
        paper=_DPT,
        revision="refs/pr/5",  # the main branch has pickled weights only
    ),
    *(_zoedepth(trained_on) for trained_on in ("nyu", "kitti", "nyu-kitti")),
    ZooCard(
        name="depth-pro",
        hub_id="apple/DepthPro-hf",
        family="depth_pro",
        kind="metric",
        licence="LicenseRef-Apple-AMLR",
        restriction="allows research only",
        commercial_use=False,
        parameters_m=952,
        paper=_DEPTH_PRO,
    ),
    *(_glpn(trained_on) for trained_on in ("nyu", "kitti")),
    ZooCard(
        name="marigold-v1-1",
        hub_id="prs-eth/marigold-depth-v1-1",
        family="marigold",
        kind="affine_depth",
        licence="LicenseRef-CreativeML-OpenRAIL-PP-M",
        restriction="restricts what it may be used for",
        parameters_m=950,
        paper=_MARIGOLD,
    ),
)

ZOO: Final[Mapping[str, ZooCard]] = MappingProxyType({card.name: card for card in _CARDS})
"""All external networks by name."""


def zoo_card(name: str) -> ZooCard:
    """The card of an external network.

    Raises:
        InputError: If there is none of this name.
    """
    if name not in ZOO:
        raise InputError(f"expected one of {', '.join(ZOO)} as the external model, got {name!r}")
    return ZOO[name]
