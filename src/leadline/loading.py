"""Models by name: ours, those of the zoo, ONNX files, and ONNX files of others with a card."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from leadline.errors import InputError
from leadline.models.zoo import ZOO, load_zoo
from leadline.runtime.mono import MonoMethod, mono_method
from leadline.runtime.onnx_card import load_onnx_card
from leadline.runtime.session import Provider


@dataclass(frozen=True)
class MonoModel:
    """Which network is wanted, ours or anyone's.

    Args:
        name: A bundled network, an ONNX file of ours, a card file (.yaml) of another ONNX network or the ONNX file
            beside it, or a network of the zoo.
        source: Folder with the files of a zoo network; from the hub or its cache if absent. For no other network.
        accept_licence: Whether the user accepts the licence of a zoo network, where it restricts its use.
    """

    name: str
    source: Path | None = None
    accept_licence: bool = False

    def load(self, threads: int | None, provider: Provider) -> MonoMethod:
        """The network, ready for images.

        Args:
            threads: As for `MonoSession`; torch's, for the whole process, for a network of the zoo.
            provider: As for `MonoSession`; only networks of ours run elsewhere than on the cpu.
        Raises:
            InputError: If there is no such network, or an option does not go with it.
        """
        card = self._card()
        others = self.name in ZOO or card is not None
        if others and provider != "cpu":
            raise InputError(f"expected provider cpu for {self.name}, got {provider!r}; leave it out")
        if self.name in ZOO:
            return self._load_external(threads)
        return mono_method(self.name, threads, provider) if card is None else load_onnx_card(card, threads)

    def _load_external(self, threads: int | None) -> MonoMethod:
        if ZOO[self.name].needs_prompt:
            raise InputError(
                f"expected a network that takes an image alone, got {self.name}, which needs coarse metric depth, "
                "too; use leadline.models.zoo.load_zoo in Python"
            )
        if threads is not None and threads < 1:
            raise InputError(f"expected at least 1 thread, got {threads}")
        method = load_zoo(self.name, self.source, self.accept_licence)
        if threads is not None:
            import torch

            torch.set_num_threads(threads)
        return method

    def _card(self) -> Path | None:
        """The card of another ONNX network: the file itself, or the one beside NAME.onnx."""
        path = Path(self.name)
        beside = path.with_suffix(".yaml")
        if path.suffix == ".yaml" or (path.suffix == ".onnx" and beside.is_file()):
            return beside
        return None


def mono_models(
    names: Sequence[str], sources: Sequence[str] = (), accept_licence: bool = False
) -> dict[str, MonoModel]:
    """The networks of `leadline mono`, `leadline eval mono` and `leadline bench mono`, not loaded yet.

    Args:
        names: As for `MonoModel`.
        sources: Folders with the files of networks of the zoo, each as NAME=FOLDER, or as FOLDER where only one is
            named.
        accept_licence: Whether the user accepts the licences of networks of the zoo, where they restrict their use.
    Returns:
        Name -> network.
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
    return {name: MonoModel(name, folders.get(name), accept_licence) for name in names}
