"""Every trainable network by name."""

from collections.abc import Callable, Mapping
from inspect import Parameter, signature
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from torch import nn

from leadline.errors import InputError
from leadline.models.places import imported, is_place

_ANY_NUMBER: Final = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)

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

#: Networks that mend a matcher's disparity, in the same form.
REFINE_BUILDERS: Mapping[str, str] = {"leadline-refine": "leadline.models.stereo.leadline_refine:LeadlineRefine"}

#: Networks for single images, in the same form.
MONO_BUILDERS: Mapping[str, str] = {
    "leadline-mono": "leadline.models.mono.leadline_mono:LeadlineMono",
    "dpt-small": "leadline.models.mono.dpt:Dpt",
    "eigen": "leadline.models.mono.eigen:Eigen",
    "zoe-bins": "leadline.models.mono.zoe_bins:ZoeBins",
    "monodepth": "leadline.models.mono.monodepth:MonoDepth",
}

#: Optical-flow networks, in the same form.
FLOW_BUILDERS: Mapping[str, str] = {
    "leadline-flow": "leadline.models.flow.leadline_flow:LeadlineFlow",
    "plain-flow": "leadline.models.flow.plain_flow:PlainFlow",
}

#: Networks that learn by or from diffusion, in the same form; a builder may be a function.
DIFFUSION_BUILDERS: Mapping[str, str] = {
    "diffusion-depth": "leadline.models.mono.diffusion_depth:DiffusionDepth",
    "intrinsic-lora": "leadline.models.mono.intrinsic_lora_base:intrinsic_lora",
    "class-components": "leadline.models.classes.component_diffusion:ComponentDiffusion",
    "class-diffusion": "leadline.models.classes.class_diffusion:ClassDiffusion",
}


def build_model(name: str, options: Mapping[str, bool | int | float | str] | None = None) -> nn.Module:
    """A network with random weights.

    Args:
        name: One of `BUILDERS`, `REFINE_BUILDERS`, `MONO_BUILDERS`, `FLOW_BUILDERS` or `DIFFUSION_BUILDERS`, or the
            place of a torch module's class, `mypackage.module:MyNet`, which is imported: it must come from the user,
            not from a file.
        options: Arguments of its class that differ from the defaults.
    Raises:
        InputError: If there is no such network, it takes no such argument, or the argument's type is another one.
    """
    builder, options = _builder(name), options or {}
    known = signature(builder).parameters
    for option, value in options.items():
        if option not in known:
            raise InputError(f"expected options of {name} among {', '.join(known) or 'none'}, got {option!r}")
        _require_type(value, known[option].annotation, f"{name}'s {option}")
    required = [each.name for each in known.values() if each.default is each.empty and each.kind not in _ANY_NUMBER]
    if missing := [each for each in required if each not in options]:
        raise InputError(f"expected {missing[0]} of {name} in model_options, got none; its class has no default for it")
    return builder(**options)


def _builder(name: str) -> Callable[..., nn.Module]:
    builders = {**BUILDERS, **REFINE_BUILDERS, **MONO_BUILDERS, **FLOW_BUILDERS, **DIFFUSION_BUILDERS}
    if name in builders:
        return imported(builders[name], "a network")
    if not is_place(name):
        raise InputError(f"expected one of {', '.join(builders)} or mypackage.module:MyNet as the model, got {name!r}")
    builder = imported(name, "a network")
    if not (isinstance(builder, type) and issubclass(builder, nn.Module)):
        raise InputError(f"expected the class of a torch.nn.Module at {name}, got {builder!r}")
    return builder


def _require_type(value: object, annotation: Any, what: str) -> None:  # noqa: ANN401 - any annotation
    """Refuses a value that an argument's annotation does not allow; one without annotation takes anything."""
    choices = get_args(annotation)
    if get_origin(annotation) is Literal:
        if value not in choices:
            raise InputError(f"expected {' or '.join(map(str, choices))} for {what}, got {value!r}")
        return
    types = choices if get_origin(annotation) in (Union, UnionType) else (annotation,)
    if not all(isinstance(each, type) for each in types) or Parameter.empty in types:
        return
    if type(value) not in types and not (type(value) is int and float in types):
        raise InputError(f"expected {' or '.join(each.__name__ for each in types)} for {what}, got {value!r}")
