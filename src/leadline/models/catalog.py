"""Every trainable network by name."""

from collections.abc import Callable, Mapping
from importlib import import_module

from torch import nn

from leadline.errors import InputError

#: Name -> module and class, imported only when it is built.
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


def build_model(name: str) -> nn.Module:
    """A network with random weights.

    Raises:
        InputError: If there is no such network.
    """
    if name not in BUILDERS:
        raise InputError(f"expected one of {', '.join(BUILDERS)} as the model, got {name!r}")
    module, _, attribute = BUILDERS[name].partition(":")
    builder: Callable[[], nn.Module] = getattr(import_module(module), attribute)
    return builder()
