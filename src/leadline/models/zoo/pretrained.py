"""Networks and processing from a folder through transformers, with the checks that the library leaves to warnings."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from leadline.errors import InputError
from leadline.models.zoo.cards import ZooCard
from leadline.models.zoo.folder import offline

# The first fusion block has nothing to add, so that published checkpoints do without the weights for it.
_UNUSED: Final = "neck.fusion_stage.layers.0.residual_layer1."


def read_settings(folder: Path, file: str, card: ZooCard) -> dict[str, Any]:
    """One of the JSON files that describe a network.

    Raises:
        InputError: If it is missing or not a JSON object.
    """
    try:
        settings = json.loads((folder / file).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"expected {file} of {card.hub_id} in {folder}, could not read it ({type(error).__name__}); download "
            "it again"
        ) from None
    if not isinstance(settings, dict):
        raise InputError(f"expected a JSON object in {folder / file}, got {type(settings).__name__}; download it again")
    return settings


def load_network(folder: Path, card: ZooCard, device: str) -> Any:  # noqa: ANN401 - the library's classes have no common type
    """A network of the card's family with all its weights, ready for inference.

    Args:
        folder: Files of its repository, with safetensors.
        card: What it should be.
        device: As torch names it: cpu, cuda, mps.
    Raises:
        InputError: If the folder holds another architecture, no safetensors, or not all weights; or the device is not
            to be had.
    """
    from transformers import AutoModelForDepthEstimation

    found = read_settings(folder, "config.json", card).get("model_type")
    if found != card.family:
        raise InputError(f"expected a network of type {card.family} for {card.name}, got {found} in {folder}")
    if not any(folder.glob("*.safetensors")):
        raise InputError(
            f"expected the weights of {card.hub_id} as safetensors in {folder}, found none, and pickled weights are "
            "never read; take a revision that has them, or convert them, and give the folder as the source"
        )
    with one_line(f"the weights of {card.hub_id} as safetensors in {folder}"), quiet():
        network, report = AutoModelForDepthEstimation.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
            output_loading_info=True,
        )
    trained = {name for name, _ in network.named_parameters()}
    missing = sorted(name for name in report["missing_keys"] if name in trained and not name.startswith(_UNUSED))
    if missing:
        raise InputError(
            f"expected all weights of {card.name} in {folder}, {len(missing)} are missing ({missing[0]}); download it "
            "again"
        )
    return placed(network, device)


def load_processor(folder: Path, card: ZooCard, **changes: object) -> Any:  # noqa: ANN401 - as above
    """The library's processing on Pillow, which gives the same numbers whatever else is installed.

    Args:
        folder: With preprocessor_config.json.
        card: For messages.
        **changes: Settings that replace the file's.
    Raises:
        InputError: If there is no such file or it is damaged.
    """
    from transformers import AutoImageProcessor

    read_settings(folder, "preprocessor_config.json", card)
    with one_line(f"preprocessor_config.json of {card.hub_id} in {folder}"), quiet():
        return AutoImageProcessor.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, backend="pil", **changes
        )


def placed(network: nn.Module, device: str) -> nn.Module:
    """The network on a device, in inference mode.

    Raises:
        InputError: If torch has no such device.
    """
    try:
        return network.to(torch.device(device)).eval()
    except (RuntimeError, AssertionError) as error:
        reason = " ".join(str(error).split())[:100]
        raise InputError(f"expected a device that this torch has, such as cpu, got {device!r}: {reason}") from None


def enlarged(layer: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    """One layer (h, w) at another size, pixel centres between pixel edges."""
    return functional.interpolate(layer[None, None], size=size, mode=mode, align_corners=False)[0, 0]


@contextmanager
def one_line(expected: str) -> Iterator[None]:
    """Turns whatever the library raises on foreign or damaged files into one line."""
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"expected {expected}, could not load them: {reason}") from None


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps the library off the network, and its bars and reports from the terminal; what they say is checked here."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with offline():
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
