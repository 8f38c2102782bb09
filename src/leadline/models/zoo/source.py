"""Files of a card's network: the licence first, then the disk, then the network."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from leadline.errors import InputError
from leadline.models.zoo.cards import ZooCard
from leadline.models.zoo.folder import require_plain

_WANTED: Final = ("*.json", "*.safetensors", "*.txt")
"""Configurations, weights, vocabularies: never pickled weights."""
_UNWANTED: Final = ("*fp16*", "*non_ema*")


def require_licence(card: ZooCard, accepted: bool) -> None:
    """Refuses weights under a licence with restrictions that the caller has not accepted.

    Raises:
        InputError: If it has some and is not accepted.
    """
    if card.restriction is not None and not accepted:
        raise InputError(
            f"expected the licence of {card.name} to be accepted: {card.licence} {card.restriction}; read it at "
            f"https://huggingface.co/{card.hub_id}, then pass accept_licence=True"
        )


def model_folder(card: ZooCard, source: Path | str | None = None, wanted: Sequence[str] = _WANTED) -> Path:
    """The folder that holds a network's files; without a source, the hub's cache, filled from the network if need be.

    Args:
        card: Which network.
        source: A folder with the files of its repository.
        wanted: Patterns of the files to fetch.
    Raises:
        InputError: If the source is no folder, or the files are neither in the cache nor to be had; or they name code
            to run or pickled weights.
    """
    if source is not None:
        folder = Path(source)
        if not folder.is_dir():
            raise InputError(f"expected a folder with the files of {card.hub_id}, got {folder}; check the path")
        require_plain(folder)
        return folder
    from huggingface_hub import snapshot_download

    try:
        found = snapshot_download(
            card.hub_id, revision=card.revision, allow_patterns=list(wanted), ignore_patterns=list(_UNWANTED)
        )
    except Exception as error:  # the hub's own, the HTTP client's and the system's have no common base
        reason = " ".join(str(error).split())[:100]
        at = f" --revision {card.revision}" if card.revision else ""
        raise InputError(
            f"expected the files of {card.name}, found no copy in the cache and no network ({type(error).__name__}: "
            f"{reason}); where there is one, run `hf download {card.hub_id}{at} --local-dir FOLDER`, then give FOLDER "
            "as the source"
        ) from None
    require_plain(Path(found))
    return Path(found)
