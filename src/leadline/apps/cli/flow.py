"""`leadline flow`: optical flow of two frames, or of all consecutive frames of a film or folder."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from leadline.apps.cli.batch import run_batch, say
from leadline.errors import InputError
from leadline.io.atomic import make_output_folder
from leadline.io.pairs import read_pair
from leadline.io.video import Frame, FrameSequence, is_film, is_sequence, open_frames
from leadline.loading import load_model
from leadline.results.flow import FLOW_FILES, estimate_flow, summarize_flow, write_flow_result
from leadline.results.request import describe_request, part_of, unfinished
from leadline.results.stereo import refuse_existing
from leadline.runtime.flow import DEFAULT_FLOW_MODEL, FlowMethod
from leadline.runtime.onnx_session import Provider

_LEAST_SURE: Final = 0.2
"""Share of pixels with a likely flow below which two frames hardly show the same.

Of eight real pairs it is 0.26 and more, of unrelated textures of 320x240 at most 0.13; of smaller ones up to 0.34."""


def flow(
    first: str,
    second: str | None = None,
    /,
    *,
    model: str = DEFAULT_FLOW_MODEL,
    threads: int | None = None,
    provider: Provider = "cpu",
    max_pixels: int | None = None,
    output: Path = Path("leadline-output"),
    overwrite: bool = False,
) -> int:
    """Optical flow: where each pixel of a frame goes in the next.

    Two images are one pair, which is written straight into the output folder. A film, a folder or a quoted pattern
    gives a result for each pair of consecutive frames, in a folder that has the name or number of the first of them;
    finished pairs are skipped, and a pair that fails does not stop the others. Frames of a folder are taken in natural
    order: 2 before 10. Times are those that a film states for its frames, be they even or not.

    Args:
        first: First frame; or a film (leadline[video]), a folder or a quoted pattern of frames.
        second: The next frame. Not for films, folders and patterns.
        model: leadline-flow, an ONNX file of ours, or dis (which is dis-medium), dis-fast, dis-ultrafast, farneback.
        threads: Threads to use; all processors if absent.
        provider: Where a network runs; never anywhere else than asked for.
        max_pixels: Largest frame that is read.
        output: Output folder.
        overwrite: Replace results that exist, and do finished pairs again.
    """
    options = {"model": model}
    if is_sequence(first):
        if second is not None:
            raise InputError(
                f"expected one film, folder or pattern alone, got {first} and {second}; leave out the last"
            )
        return _batch(
            _Films(open_frames(first, max_pixels=max_pixels), options), model, threads, provider, output, overwrite
        )
    if second is None:
        raise InputError(f"expected a second frame after {first}, got none; name it, or give a film, folder or pattern")
    if is_sequence(second):
        raise InputError(f"expected an image as the second frame, got {second}; give two images, or it alone")
    refuse_existing(output, FLOW_FILES, overwrite)
    pair = read_pair(first, second, max_pixels=max_pixels)
    frames = Frame(first, pair.left, notes=pair.notes), Frame(second, pair.right)
    job = _Job(load_model(model, "flow", threads=threads, provider=provider), model)
    report, lines = job.run(frames, output, describe_request([Path(first), Path(second)], options))
    say(lines)
    print(report)
    return 0


def _batch(films: "_Films", model: str, threads: int | None, provider: Provider, output: Path, overwrite: bool) -> int:
    frames = films.frames
    if len(frames) < 2:
        raise InputError(f"expected at least two frames in {frames.source}, got one; flow is between two")
    numbers = {name: index for index, name in enumerate(frames.names[:-1])}
    requests = {name: films.request(index) for name, index in numbers.items()}
    say(f"note: {line}" for line in frames.notes)
    todo, notes = unfinished(output, requests, overwrite, "pairs")
    say(notes)
    if not todo:
        return 0
    job = _Job(load_model(model, "flow", threads=threads, provider=provider), model)
    make_output_folder(output)

    def run(name: str) -> tuple[str, tuple[str, ...]]:
        index = numbers[name]
        first, second = frames.load(index, index + 1)
        return job.run((first, second), output / name, requests[name])

    return run_batch(todo, run, "estimating", "pairs")


@dataclass(eq=False)
class _Films:
    """Consecutive frames and the requests for their pairs; a film is read once for all of them."""

    frames: FrameSequence
    options: Mapping[str, object]
    _whole: dict[str, Any] | None = None

    def request(self, index: int) -> dict[str, Any]:
        """Request of the pair that begins with a frame."""
        if not is_film(self.frames.source):
            return describe_request(self.frames.files(index, index + 1), self.options)
        if self._whole is None:
            self._whole = describe_request(self.frames.files(index), self.options)
        return part_of(self._whole, (index, index + 1))


@dataclass(frozen=True, eq=False)
class _Job:
    """Work on each pair of a command."""

    method: FlowMethod
    model: str
    said: set[str] = field(default_factory=set)

    def run(self, frames: tuple[Frame, Frame], folder: Path, request: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
        """Estimates and writes one pair; returns a line about the result, and what the user must know."""
        first, second = frames
        found = estimate_flow(self.method, first.pixels, second.pixels)
        notes = tuple(dict.fromkeys((*first.notes, *second.notes)))
        origin = {"first": first.name, "second": second.name, "times_s": [first.time_s, second.time_s], **request}
        write_flow_result(folder, found.flow, {**origin, **summarize_flow(found, self.method, self.model, notes)})
        height, width = found.flow.valid.shape
        share = 100.0 * float(found.flow.valid.mean())
        report = f"{folder}: {self.model} on {width}x{height} in {found.seconds:.2f} s, {share:.0f} % valid"
        # Of many pairs, what holds for all is said with the first.
        fresh = tuple(note for note in (*notes, *found.notes) if note not in self.said)
        self.said.update(notes)
        lines = tuple(f"note: {note}" for note in fresh)
        sure = found.flow.valid if found.flow.confidence is None else found.flow.valid & (found.flow.confidence >= 0.5)
        if sure.mean() < _LEAST_SURE:
            words = "of the pixels have a flow that is likely right: are these frames of one scene?"
            lines += (f"warning: only {100 * sure.mean():.0f} % {words}",)
        return report, lines
