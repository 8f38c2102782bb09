"""Options --source and --accept-licence of the zoo's networks among the models of a command."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leadline.errors import InputError
from leadline.models.zoo import ZOO


def zoo_options(
    names: Sequence[str], sources: Sequence[str] = (), accept_licence: bool = False
) -> dict[str, dict[str, Any]]:
    """Options of `load_model` for each model that is a network of the zoo.

    Args:
        names: The models of a command.
        sources: Folders with the files of networks of the zoo, each as NAME=FOLDER, or as FOLDER where only one is
            named.
        accept_licence: Whether the user accepts the licences of networks of the zoo, where they restrict their use.
    Returns:
        Name -> options; none for a model that is not of the zoo.
    Raises:
        InputError: If there is a source or an acceptance without a network of the zoo, or it is not clear which one a
            source is for.
    """
    external = [name for name in names if name in ZOO]
    if (sources or accept_licence) and not external:
        raise InputError(
            f"expected a network of the zoo for --source and --accept-licence, got {', '.join(names)}; leave them out, "
            f"or choose one of {', '.join(ZOO)}"
        )
    folders: dict[str, Path] = {}
    for source in sources:
        name, _, folder = source.partition("=")
        if name not in ZOO:
            if len(external) > 1:
                raise InputError(
                    f"expected --source NAME=FOLDER with a NAME out of {', '.join(external)}, got {source}"
                )
            name, folder = external[0], source
        if name not in external or name in folders:
            raise InputError(f"expected one --source at most for each of {', '.join(external)}, got {source}")
        folders[name] = Path(folder)
    return {
        name: {"source": folders.get(name), "accept_licence": accept_licence} if name in ZOO else {} for name in names
    }
