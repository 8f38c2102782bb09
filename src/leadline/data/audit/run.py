"""The run over all samples: measured one by one, kept in a journal, judged together."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

import cv2

from leadline.data.audit.judge import Finding, findings
from leadline.data.audit.measure import measured
from leadline.data.audit.parts import Part
from leadline.data.engine import run_tasks
from leadline.errors import OutputError
from leadline.io.atomic import DISK_ERRORS

_VERSION: Final = 1
_JOURNAL: Final = "measurements.part.jsonl"


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Args:
        parts: Name of each part, what it is, and its number of samples.
        samples: Measurements of all samples, in order.
        findings: What is wrong, errors first.
    Example:
        >>> Audit((("train", "stereo shards", 0),), (), ()).broken
        False
    """

    parts: tuple[tuple[str, str, int], ...]
    samples: tuple[Mapping[str, Any], ...]
    findings: tuple[Finding, ...]

    @property
    def broken(self) -> bool:
        """Whether there is an error."""
        return any(finding.weight == "error" for finding in self.findings)

    def counts(self) -> dict[str, dict[str, int]]:
        """Number of findings by weight and kind."""
        found: dict[str, dict[str, int]] = {"error": {}, "warning": {}}
        for one in self.findings:
            found[one.weight][one.kind] = found[one.weight].get(one.kind, 0) + 1
        return found

    def as_json(self) -> dict[str, Any]:
        """Everything that JSON can hold; thumbnails, which only tell copies, are left out."""
        kept = [{name: value for name, value in sample.items() if name != "thumb"} for sample in self.samples]
        return {
            "version": _VERSION,
            "broken": self.broken,
            "parts": [dict(zip(("name", "what", "samples"), part, strict=True)) for part in self.parts],
            "counts": self.counts(),
            "findings": [asdict(finding) for finding in self.findings],
            "samples": kept,
        }


def run_audit(
    parts: Sequence[Part], folder: Path, workers: int = 0, advance: Callable[[int], None] = lambda _: None
) -> Audit:
    """Measures every sample and judges all of them.

    Each measurement is written to a journal in the folder at once; a run that was stopped goes on from there. The
    journal is gone when the run is complete.

    Args:
        parts: What to audit.
        folder: Output folder; it must exist.
        workers: Processes that decode and measure; 0 does it in this one.
        advance: Told how many samples have been measured since it was last told.
    Raises:
        OutputError: If the journal is of another audit, or cannot be written.
    """
    path = folder / _JOURNAL
    header = {"version": _VERSION, "parts": [[part.name, part.what, len(part.source)] for part in parts]}
    done = _journal(path, header)
    advance(len(done))
    places = [(number, index) for number, part in enumerate(parts) for index in range(len(part.source))]
    open_places = [place for place in places if place not in done]
    try:
        with path.open("a", encoding="utf-8") as stream:
            if not done:
                stream.truncate(0)
                _append(stream, header)
            for place, found in run_tasks(partial(_measured, list(parts)), open_places, workers):
                done[place] = found
                _append(stream, {"place": place, "found": found})
                advance(1)
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        raise OutputError(f"expected to write {path}, got {str(error.strerror).lower()}; free space") from error
    audit = _judged(parts, {place: done[place] for place in places})
    with suppress(OSError):
        path.unlink()
    return audit


def _judged(parts: Sequence[Part], measured_at: Mapping[tuple[int, int], Mapping[str, Any]]) -> Audit:
    samples = [
        {"part": parts[number].name, "key": parts[number].source.key(index), "index": index, **found}
        for (number, index), found in measured_at.items()
    ]
    lost = [Finding("damaged", "error", part.name, key, -1, why) for part in parts for key, why in part.damage]
    told = tuple((part.name, part.what, len(part.source)) for part in parts)
    return Audit(told, tuple(samples), (*lost, *findings(samples)))


def _journal(path: Path, header: Mapping[str, Any]) -> dict[tuple[int, int], Mapping[str, Any]]:
    """Measurements of an earlier run of the same audit; a line that was cut off is left out."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    if not whole:
        return {}
    if _parsed(whole[0]) != dict(header):
        raise OutputError(
            f"expected the journal of this audit in {path}, got another one's; choose another output folder, or delete "
            "the journal"
        )
    if len(whole) < len(lines):
        path.write_text("".join(whole), encoding="utf-8")
    entries = [entry for line in whole[1:] if (entry := _parsed(line)) is not None]
    return {(int(entry["place"][0]), int(entry["place"][1])): entry["found"] for entry in entries}


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _append(stream: IO[str], entry: object) -> None:
    stream.write(json.dumps(entry, allow_nan=False) + "\n")
    stream.flush()


_Place = tuple[int, int]


def _measured(parts: Sequence[Part], place: _Place) -> tuple[_Place, dict[str, Any]]:
    """The measurement of one sample; for any engine."""
    cv2.setNumThreads(1)
    number, index = place
    part = parts[number]
    return place, measured(partial(part.source.__getitem__, index), partial(part.camera, index))
