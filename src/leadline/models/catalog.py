"""Every trainable network by name."""

from collections.abc import Callable, Mapping
from importlib import import_module
from inspect import signature
from typing import get_args

from torch import nn

from leadline.errors import InputError

#: Stereo networks: name -> module and class, imported only when it is built.
BUILDERS: Mapping[str, str] = {
    "leadline-fast": "leadline.models.stereo.leadline_fast:LeadlineFast",
    "plain": "leadline.models.stereo.plain:PlainStereo",
    "unet": "leadline.models.stereo.unet:UNetStereo",
    "resnet": "leadline.models.stereo.resnet:ResNetStereo",
    "dispnet-s": "leadline.models.stereo.dispnet:DispNetS",
    "dispnet-c": "leadline.models.stereo.dispnet:DispNetC",
    "psmnet": "leadline.models.stereo.psmnet:PSMNet",
    "anynet": "leadline.models.stereo.anynet:AnyNet",
    "edgestereo": "leadline.models.stereo.edgestereo:EdgeStereo",
}

#: Networks that mend a matcher's disparity, likewise.
REFINE_BUILDERS: Mapping[str, str] = {"leadline-refine": "leadline.models.stereo.leadline_refine:LeadlineRefine"}

#: Networks for single images, likewise.
MONO_BUILDERS: Mapping[str, str] = {
    "leadline-mono": "leadline.models.mono.leadline_mono:LeadlineMono",
    "dpt-small": "leadline.models.mono.dpt:Dpt",
    "eigen": "leadline.models.mono.eigen:Eigen",
    "zoe-bins": "leadline.models.mono.zoe_bins:ZoeBins",
    "monodepth": "leadline.models.mono.monodepth:MonoDepth",
}

#: Optical-flow networks, likewise.
FLOW_BUILDERS: Mapping[str, str] = {"leadline-flow": "leadline.models.flow.leadline_flow:LeadlineFlow"}

#: Networks that learn depth by or from diffusion, likewise; a builder may be a function.
DIFFUSION_BUILDERS: Mapping[str, str] = {
    "diffusion-depth": "leadline.models.mono.diffusion_depth:DiffusionDepth",
    "intrinsic-lora": "leadline.models.mono.intrinsic_lora_base:intrinsic_lora",
}


def build_model(name: str, options: Mapping[str, bool | int | float | str] | None = None) -> nn.Module:
    """A network with random weights.

    Args:
        name: One of `BUILDERS`, `REFINE_BUILDERS`, `MONO_BUILDERS`, `FLOW_BUILDERS` or `DIFFUSION_BUILDERS`.
        options: Arguments of its class that differ from the defaults.
    Raises:
        InputError: If there is no such network, it takes no such argument, or the argument's type is another one.
    """
    builders = {**BUILDERS, **REFINE_BUILDERS, **MONO_BUILDERS, **FLOW_BUILDERS, **DIFFUSION_BUILDERS}
    if name not in builders:
        raise InputError(f"expected one of {', '.join(builders)} as the model, got {name!r}")
    module, _, attribute = builders[name].partition(":")
    builder: Callable[..., nn.Module] = getattr(import_module(module), attribute)
    options = options or {}
    known = signature(builder).parameters
    for option, value in options.items():
        if option not in known:
            raise InputError(f"expected options of {name} among {', '.join(known) or 'none'}, got {option!r}")
        if (choices := get_args(known[option].annotation)) and value not in choices:
            raise InputError(f"expected {' or '.join(map(str, choices))} for {name}'s {option}, got {value!r}")
        if not choices and type(value) is not known[option].annotation:
            expected = known[option].annotation.__name__
            raise InputError(f"expected {expected} for {name}'s {option}, got {value!r}")
    return builder(**options)
