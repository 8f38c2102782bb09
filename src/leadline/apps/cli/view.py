"""`leadline view`: a result or a stream in the browser."""

import os
import sys
import webbrowser
from pathlib import Path

from leadline.apps.cli.extras import needs_extra
from leadline.apps.web.access import LOOPBACK, names_for, token_of_page, with_token
from leadline.errors import InputError

DEFAULT_PORT = 8808


def view(
    result: str,
    /,
    *,
    compare: Path | None = None,
    image: Path | None = None,
    tracks: Path | None = None,
    host: str = LOOPBACK,
    port: int = DEFAULT_PORT,
    token: str | None = None,
    no_browser: bool = False,
) -> int:
    """A result in the browser: layers with a wipe, values with their errors, points in 3D, objects, a time line.

    Takes what `leadline stereo`, `mono`, `flow`, `scene-flow`, `tracks`, `video`, `demo` and `live --record` write,
    folders of such folders, a .pfm or a .ply; or a camera or recording as `leadline live` takes it, which is then
    shown live. The page needs no network. Ctrl-C ends it.

    Args:
        result: Folder or file; or a source, such as uvc:0.
        compare: Another result on the same image, to be compared with a wipe.
        image: The image of a result that has none, or whose image is gone.
        tracks: Objects and their tracks, as `leadline tracks` writes them (.json).
        host: Address to listen at. Others than this machine's own, such as 0.0.0.0, let those on the network see it who
            have the token.
        port: Port to listen at; 0 for any that is free.
        token: What the page's address must end in, as ?token=TOKEN. LEADLINE_TOKEN in the environment hides it from the
            list of processes. A new one for each run where other machines reach the page and none is given.
        no_browser: Open no browser, and print the address alone.
    """
    if not Path(result).is_dir() and _is_source(result):
        if compare or image or tracks:
            raise InputError(f"expected a result to compare, with an image or tracks, got the source {result}")
        from leadline.apps.cli.live import live

        return live(result, view=True, host=host, port=port, token=token, no_browser=no_browser)
    with needs_extra("web"):
        from leadline.apps.web.running import run_app
        from leadline.apps.web.view.app import make_app
        from leadline.apps.web.view.opening import open_sides
    sides = open_sides(Path(result), compare, image, tracks)
    secret = token_of_page(host, token)
    app = make_app(sides, None, secret, names_for(secret))
    run_app(app, host, port, lambda address: show_address(with_token(address, secret), no_browser))
    return 0


def show_address(address: str, no_browser: bool) -> None:
    """Prints where the page is, and opens it where there is a screen.

    Args:
        address: Of the page.
        no_browser: Open none.
    """
    print(f"{address} (Ctrl-C ends)", flush=True)
    if not no_browser and _has_screen():
        webbrowser.open(address)


def _is_source(text: str) -> bool:
    """Whether a name is one of a camera or recording, and not of a result.

    >>> _is_source("uvc:0"), _is_source("street.mp4"), _is_source("leadline-output")
    (True, True, False)
    """
    from leadline.cameras.address import SCHEMES
    from leadline.cameras.presets import PRESETS
    from leadline.io.video import is_film

    return text.partition(":")[0] in (*SCHEMES, *PRESETS) or is_film(text)


def _has_screen() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
