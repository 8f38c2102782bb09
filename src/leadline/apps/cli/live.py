"""`leadline live`: depth of a stereo camera while it runs."""

import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from rich.console import Console
from rich.status import Status

from leadline.apps.cli.extras import needs_extra
from leadline.apps.cli.stereo import ranged_methods, with_card
from leadline.apps.cli.view import DEFAULT_PORT, show_address
from leadline.apps.cli.words import with_options
from leadline.apps.web.access import LOOPBACK, names_for, token_of_page, with_token
from leadline.cameras.opening import open_source
from leadline.errors import InputError
from leadline.io.owned import owned_folder
from leadline.results.request import SUMMARY_FILE, describe_request
from leadline.results.rigs import RigGiven, length_unit
from leadline.results.stereo import versions, write_json
from leadline.runtime.onnx_session import Provider
from leadline.runtime.stereo import DEFAULT_MODEL
from leadline.streaming.recording import Recording
from leadline.streaming.stream import LiveFrame, LiveStream, StreamOptions

if TYPE_CHECKING:
    from leadline.apps.web.view.live import LiveView

_EVERY_S: Final = 5.0
"""Seconds between two lines where the output is no terminal."""


def live(
    source: str,
    right: str | None = None,
    /,
    *,
    calibration: Path | None = None,
    translation_unit: Literal["m", "cm", "mm"] | None = None,
    square_mm: float | None = None,
    focal_px: float | None = None,
    fov: float | None = None,
    baseline_m: float | None = None,
    model: str = DEFAULT_MODEL,
    card: str | None = None,
    max_disparity: int | None = None,
    min_disparity: int | None = None,
    threads: int | None = None,
    provider: Provider = "cpu",
    swap: bool = False,
    max_fps: float | None = None,
    max_age_ms: float | None = None,
    frames: int | None = None,
    seconds: float | None = None,
    record: Path | None = None,
    keep_free_mb: float = 500.0,
    patience_s: float = 60.0,
    view: bool = False,
    host: str = LOOPBACK,
    port: int = DEFAULT_PORT,
    token: str | None = None,
    no_browser: bool = False,
) -> int:
    """Depth of a stereo camera while it runs, with rate, latency and confidence in the terminal.

    The camera, the network and the disk each run at their own speed: the newest frame wins, and what is left out is
    counted. A camera that is unplugged is waited for. Ctrl-C ends it. A recording (a film, folders, a bag) is worked
    through frame by frame, or at its own speed with pace=real.

    Sources: `uvc:0` any UVC camera that delivers both views in one image; `realsense:`, `oak:`, `zed:`; `file:FILM`,
    `file:FOLDER` or `file:LEFT` with RIGHT; `bag:FILE` a recording of ROS 1 or 2; or a preset of `leadline cameras`.
    Options follow a question mark, in quotes: `"uvc:0?size=1280x720&fps=30&format=MJPG"`.

    Args:
        source: Camera or recording.
        right: The right view, where it has a film, folder or pattern of its own.
        calibration: Calibration file, as for `leadline stereo`. Not needed for cameras that know their own.
        translation_unit: Unit of the calibration's translation, where the file states none or a wrong one.
        square_mm: Side of a square of the calibration board, mm, where the translation is in squares.
        focal_px: Focal length of rectified images, px; instead of a calibration, with --baseline-m.
        fov: Field of view of rectified images across their width, degrees; instead of --focal-px.
        baseline_m: Distance between the cameras, metres.
        model: As for `leadline stereo`.
        card: As for `leadline stereo`.
        max_disparity: Largest disparity to look for, px.
        min_disparity: Smallest disparity to look for, px.
        threads: Threads to use; all processors if absent.
        provider: Where a network runs; never anywhere else than asked for.
        swap: Exchange the views.
        max_fps: Results a second at most.
        max_age_ms: Frames and results of a camera that are older are left out and counted.
        frames: End after this many results.
        seconds: End after this time.
        record: Folder that gets the rectified frames and their results; an earlier recording of the same source is
            continued.
        keep_free_mb: Recording ends before the disk has less free space, megabytes; the stream goes on.
        patience_s: How long an unplugged camera is waited for, seconds.
        view: Show it in the browser, too, as `leadline view` does. After the end of a recording the page stays until
            Ctrl-C, if neither --frames nor --seconds is given.
        host: Address of the page, as for `leadline view`.
        port: Port of the page; 0 for any that is free.
        token: Token of the page, as for `leadline view`.
        no_browser: Open no browser, and print the page's address alone.
    """
    for value, name in ((frames, "--frames"), (seconds, "--seconds")):
        if value is not None and not value > 0:
            raise InputError(f"expected {name} above 0, got {value}")
    model = with_card(model, card)
    unit = length_unit(translation_unit, square_mm)
    given = RigGiven(calibration, unit, focal_px, fov, baseline_m)
    options = StreamOptions(max_fps, None if max_age_ms is None else max_age_ms / 1000.0, swap)
    methods = ranged_methods(model, max_disparity, min_disparity, threads, provider)
    methods.prepare()
    asked = {
        "source": source, "right": right, "calibration": calibration, "translation_unit": translation_unit,
        "square_mm": square_mm, "focal_px": focal_px, "fov": fov, "baseline_m": baseline_m, "model": model,
        "max_disparity": max_disparity, "min_disparity": min_disparity, "swap": swap,
    }  # fmt: skip
    with ExitStack() as stack:
        screen = stack.enter_context(_screen())
        opened = stack.enter_context(open_source(source, right, patience_s, screen.say))
        recording = None
        if record is not None:
            stack.enter_context(owned_folder(record))
            request = describe_request([], asked)
            recording = Recording(record, request, keep_free_mb, not opened.is_live, screen.say)
            stack.enter_context(recording)
            if not opened.is_live:
                options = replace(options, first_number=recording.next_camera_number)
        shown = stack.enter_context(_page(opened.address, model, (host, port, token), no_browser)) if view else None
        stream = stack.enter_context(LiveStream(opened, methods, given, options, screen.say))
        try:
            _run(stream, recording, screen, shown, frames, seconds)
        finally:
            screen.stop()
            if shown is not None:
                shown.end("the stream has ended")
            code = _end(stream, recording, record, model)
        if shown is not None and frames is None and seconds is None:
            print("the page stays until Ctrl-C", flush=True)
            _wait()
    return code


def _wait() -> None:
    """Waits for Ctrl-C, which is the usual end then."""
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600.0)


@contextmanager
def _page(title: str, model: str, place: tuple[str, int, str | None], no_browser: bool) -> Generator["LiveView"]:
    """The stream's page, which is served while the block runs."""
    with needs_extra("web"):
        from leadline.apps.web.running import app_beside
        from leadline.apps.web.view.app import make_app
        from leadline.apps.web.view.live import LiveView
    shown = LiveView(title, (("method", model),))
    host, port, token = place
    secret = token_of_page(host, token)
    with app_beside(make_app((), shown, secret, names_for(secret)), host, port) as address:
        show_address(with_token(address, secret), no_browser)
        try:
            yield shown
        finally:
            shown.end("the stream has ended")


def _run(
    stream: LiveStream,
    recording: Recording | None,
    screen: "_Screen",
    shown: "LiveView | None",
    frames: int | None,
    seconds: float | None,
) -> None:
    end = None if seconds is None else time.monotonic() + seconds
    for count, result in enumerate(stream, 1):
        if recording is not None:
            recording.add(result)
        if shown is not None:
            shown.publish(result, stream.statistics.line())
        screen.show(stream, result)
        if count == frames or (end is not None and time.monotonic() >= end):
            return


def _end(stream: LiveStream, recording: Recording | None, folder: Path | None, model: str) -> int:
    """Says how it went, and writes the recording's summary; the exit code."""
    found = stream.statistics
    print(f"{stream.source.address}: {found.results} results in {found.seconds:.1f} s; {found.line()}")
    if recording is None or folder is None:
        return 0
    recording.close()
    known = "" if recording.failure is None else f", then it ended early: {recording.failure}"
    missed = f", {recording.left_out} left out as the disk was slow" if recording.left_out else ""
    print(f"{folder}: {recording.written} frames recorded{missed}{known}")
    if recording.failure is None:
        summary = {
            "model": model, "frames": recording.continued + recording.written, "left_out": recording.left_out,
            "statistics": asdict(found), "versions": versions(),
        }  # fmt: skip
        write_json(folder / SUMMARY_FILE, summary)
    return 0 if recording.failure is None else 2


@dataclass(eq=False)
class _Screen:
    """A line that changes on a terminal; else a line from time to time."""

    console: Console
    status: Status | None = None
    _next_s: float = 0.0
    _said: set[str] = field(default_factory=set[str])

    def say(self, line: str) -> None:
        """Prints a line above the changing one."""
        self.console.print(with_options(line), markup=False, highlight=False, soft_wrap=True)

    def show(self, stream: LiveStream, result: LiveFrame) -> None:
        """Shows the stream's state."""
        now = time.monotonic()
        if self.status is None and now < self._next_s:
            return
        words = stream.statistics.line() + _middle(result)
        if self.status is not None:
            self.status.update(words)
        else:
            self._next_s = now + _EVERY_S
            print(words, file=sys.stderr)

    def stop(self) -> None:
        """Removes the changing line."""
        if self.status is not None:
            self.status.stop()


@contextmanager
def _screen() -> Generator[_Screen]:
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Screen(console)
        return
    with console.status("opening the camera") as status:
        yield _Screen(console, status)


def _middle(result: LiveFrame) -> str:
    """The distance of what is in the middle of the image."""
    if result.depth is None:
        return ""
    height, width = result.depth.depth.shape
    part = result.depth.depth[height // 2 - 8 : height // 2 + 8, width // 2 - 8 : width // 2 + 8]
    valid = result.depth.valid[height // 2 - 8 : height // 2 + 8, width // 2 - 8 : width // 2 + 8]
    if not valid.any():
        return ", middle unknown"
    known: Any = sorted(part[valid].tolist())
    return f", middle {known[len(known) // 2]:.2f} m"
