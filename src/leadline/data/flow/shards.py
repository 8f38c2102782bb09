"""Flow samples in shards.

A sample is ``first.png``, ``second.png``, ``flow.png`` and ``backward.png`` (KITTI's code: 16 bit, red and green hold
64 u + 32768 and 64 v + 32768, blue is 1 where they are known), ``occluded.png`` (bit 0 for pixels of the first frame
that the second does not show, bit 1 for those of the second) and ``json``.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from leadline.data.shards import Shards, decode_png, decode_rgb, encode_png, require_sizes
from leadline.errors import InputError
from leadline.io.kitti_flow_png import decode_flow, encode_flow, parse_kitti_flow
from leadline.io.shards import write_shard
from leadline.maps import FlowMap
from leadline.samples import FlowSample

_BACKWARD: Final = "backward.png"
_REQUIRED: Final = ("first.png", "second.png", "flow.png", "occluded.png")


def write_flow_shard(path: Path, samples: Iterable[tuple[FlowSample, dict[str, object]]]) -> None:
    """Writes samples with notes to a shard that appears only when it is complete.

    Raises:
        InputError: If a sample lacks its truth or its occlusion mask.
        OutputError: If it cannot be written.
    Example:
        >>> import tempfile
        >>> image, nowhere = np.zeros((1, 2, 3), np.uint8), np.zeros((1, 2), bool)
        >>> truth = FlowMap(np.full((1, 2, 2), 1.5, np.float32), ~nowhere)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_flow_shard(Path(folder, "0.tar"), [(FlowSample("a", image, image, truth, nowhere), {"seed": 1})])
        ...     FlowShards(folder)[0].flow.tolist()
        [[[1.5, 1.5], [1.5, 1.5]]]
    """
    write_shard(path, ((sample.key, dict(_files(sample, notes))) for sample, notes in samples))


def _files(sample: FlowSample, notes: dict[str, object]) -> Iterator[tuple[str, bytes]]:
    if sample.truth is None or sample.occluded is None:
        raise InputError(f"expected samples with truth and occlusion for shards, got none of them for {sample.key}")
    yield "first.png", encode_png(sample.first[..., ::-1])
    yield "second.png", encode_png(sample.second[..., ::-1])
    yield "flow.png", encode_png(encode_flow(sample.flow, sample.valid)[..., ::-1])
    hidden = sample.occluded.astype(np.uint8)
    if sample.backward is not None:
        yield _BACKWARD, encode_png(encode_flow(sample.backward.flow, sample.backward.valid)[..., ::-1])
    if sample.backward_occluded is not None:
        hidden = hidden | (sample.backward_occluded.astype(np.uint8) << 1)
    yield "occluded.png", encode_png(hidden)
    yield "json", json.dumps(notes, sort_keys=True).encode()


@final
class FlowShards(Shards[FlowSample]):
    """Random access to the flow samples of a folder of shards, or of given shard files.

    Args:
        source: As for `Shards`.
        backward: Whether to decode the backward motion too, where there is one.
    """

    def __init__(self, source: Path | str | Iterable[Path], backward: bool = True) -> None:
        super().__init__(source)
        self._backward = backward

    def _names(self, present: tuple[str, ...]) -> list[str]:
        return [*_REQUIRED, _BACKWARD] if self._backward and _BACKWARD in present else list(_REQUIRED)

    def _notes(self, values: Mapping[str, Any]) -> dict[str, object]:
        return dict(values)

    def _decoded(self, found: Mapping[str, bytes], key: str) -> FlowSample:
        first, second = decode_rgb(found["first.png"]), decode_rgb(found["second.png"])
        coded = {name: parse_kitti_flow(found[name], name) for name in ("flow.png", _BACKWARD) if name in found}
        hidden = decode_png(found["occluded.png"], np.uint8)
        require_sizes(first, {"second.png": second, "occluded.png": hidden, **coded})
        truth = FlowMap(*decode_flow(coded["flow.png"]))
        if _BACKWARD not in coded:
            return FlowSample(key, first, second, truth, (hidden & 1) > 0)
        backward = FlowMap(*decode_flow(coded[_BACKWARD]))
        return FlowSample(key, first, second, truth, (hidden & 1) > 0, backward, (hidden & 2) > 0)
