"""Cards of the external depth networks: where they lie, what their numbers mean, what their licences allow."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from leadline.errors import InputError
from leadline.maps import DepthKind

Family = Literal[
    "depth_anything", "prompt_depth_anything", "dpt", "zoedepth", "depth_pro", "glpn", "marigold", "stable_diffusion"
]
"""Networks of one architecture and one way of processing; all but the last two are the library's `model_type`."""


@dataclass(frozen=True)
class PaperScore:
    """A figure that a network's authors published: leadline has not measured it.

    Args:
        dataset: As the paper names it.
        protocol: What the paper says of the evaluation.
        metric: By leadline's name.
        value: As printed.
        where: In the card's paper.
    """

    dataset: str
    protocol: str
    metric: Literal["AbsRel", "delta<1.25", "delta>1.25 %"]
    value: float
    where: str


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
        parameters_m: Trained weights that an image passes through, in millions, rounded.
        paper: Where it is published.
        revision: Of the repository; its main branch if absent.
        needs_prompt: Whether it takes coarse metric depth beside the image.
        paper_scores: Figures of the paper for these weights, of NYU and KITTI where it has them; may be empty.
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
    paper_scores: tuple[PaperScore, ...] = ()


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


def _scores(dataset: str, protocol: str, abs_rel: float, delta: float, where: str) -> tuple[PaperScore, ...]:
    return (
        PaperScore(dataset, protocol, "AbsRel", abs_rel, where),
        PaperScore(dataset, protocol, "delta<1.25", delta, where),
    )


def _zero_shot(nyu_name: str, nyu: tuple[float, float], kitti: tuple[float, float]) -> tuple[PaperScore, ...]:
    """Table 2 of both papers on Depth Anything; AbsRel and delta of each set."""
    protocol = "zero-shot relative depth"
    return (*_scores(nyu_name, protocol, *nyu, "Table 2"), *_scores("KITTI", protocol, *kitti, "Table 2"))


_DEPTH_ANYTHING_SCORES: Final[Mapping[str, tuple[PaperScore, ...]]] = MappingProxyType(
    {
        "small": _zero_shot("NYUv2", (0.053, 0.972), (0.080, 0.936)),
        "base": _zero_shot("NYUv2", (0.046, 0.979), (0.080, 0.939)),
        "large": _zero_shot("NYUv2", (0.043, 0.981), (0.076, 0.947)),
    }
)
_DEPTH_ANYTHING_V2_SCORES: Final[Mapping[str, tuple[PaperScore, ...]]] = MappingProxyType(
    {
        "small": _zero_shot("NYU-D", (0.053, 0.973), (0.078, 0.936)),
        "base": _zero_shot("NYU-D", (0.049, 0.976), (0.078, 0.939)),
        "large": _zero_shot("NYU-D", (0.045, 0.979), (0.074, 0.946)),
    }
)
_NYU_PROTOCOL: Final = "654 test images, Eigen's crop, up to 10 m"
_KITTI_PROTOCOL: Final = "697 test images, Garg's crop, up to 80 m"
_ZOE_SCORES: Final[Mapping[str, tuple[PaperScore, ...]]] = MappingProxyType(
    {
        "nyu": _scores("NYU Depth v2", _NYU_PROTOCOL, 0.075, 0.955, "Table 1"),
        # On KITTI itself the paper gives no score of this one.
        "kitti": _scores("Virtual KITTI 2", "zero-shot, Garg's crop, up to 80 m", 0.100, 0.864, "Table 4"),
        "nyu-kitti": (
            *_scores("NYU Depth v2", _NYU_PROTOCOL, 0.077, 0.953, "Table 1"),
            PaperScore("KITTI", _KITTI_PROTOCOL, "AbsRel", 0.057, "Table 2"),
        ),
    }
)
_GLPN_SCORES: Final[Mapping[str, tuple[PaperScore, ...]]] = MappingProxyType(
    {
        "nyu": _scores("NYU Depth V2", _NYU_PROTOCOL, 0.098, 0.915, "Table 1"),
        "kitti": _scores("KITTI", _KITTI_PROTOCOL, 0.057, 0.967, "Table 6"),
    }
)


def _dpt_scores(nyu: float, kitti: float) -> tuple[PaperScore, PaperScore]:
    protocol = "zero-shot, protocol of Ranftl et al. (MiDaS)"
    return (
        PaperScore("NYU", protocol, "delta>1.25 %", nyu, "Table 1"),
        PaperScore("KITTI", protocol, "delta>1.25 %", kitti, "Table 1"),
    )


def _depth_anything(size: str) -> ZooCard:
    return ZooCard(
        name=f"depth-anything-{size}",
        hub_id=f"LiheYoung/depth-anything-{size}-hf",
        family="depth_anything",
        kind="affine_inverse",
        licence="Apache-2.0",
        parameters_m=_SIZES_M[size],
        paper=_DEPTH_ANYTHING,
        paper_scores=_DEPTH_ANYTHING_SCORES[size],
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
        # The paper's metric scores are of networks fine-tuned on NYU and KITTI, which these are not.
        paper_scores=_DEPTH_ANYTHING_V2_SCORES[size] if place is None else (),
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
        paper_scores=_ZOE_SCORES[trained_on],
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
        paper_scores=_GLPN_SCORES[trained_on],
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
        paper_scores=_dpt_scores(nyu=8.32, kitti=8.46),
    ),
    ZooCard(
        name="midas-dpt-hybrid",
        hub_id="Intel/dpt-hybrid-midas",
        family="dpt",
        kind="affine_inverse",
        licence="Apache-2.0",
        parameters_m=123,
        paper=_DPT,
        paper_scores=_dpt_scores(nyu=8.69, kitti=11.56),
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
        # The authors say that the published weights were trained again and do not match the paper exactly.
        paper=_DEPTH_PRO,
    ),
    *(_glpn(trained_on) for trained_on in ("nyu", "kitti")),
    ZooCard(
        name="marigold-v1-1",
        hub_id="prs-eth/marigold-depth-v1-1",
        family="marigold",
        kind="affine_depth",
        licence="LicenseRef-OpenRAIL-PP-M",
        restriction="restricts what it may be used for",
        parameters_m=950,
        paper=_MARIGOLD,  # its scores are of version 1.0
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
