"""`leadline serve`: depth over HTTP."""

import sys
from typing import Final

from leadline.apps.cli.extras import needs_extra
from leadline.apps.web.access import LOOPBACK, names_for, token_of_program
from leadline.apps.web.running import run_app
from leadline.runtime.mono import DEFAULT_MONO_MODEL
from leadline.runtime.onnx_session import Provider
from leadline.runtime.stereo import DEFAULT_MODEL

_MEGABYTE: Final = 1024 * 1024


def serve(
    *,
    model: str = DEFAULT_MODEL,
    mono_model: str = DEFAULT_MONO_MODEL,
    host: str = LOOPBACK,
    port: int = 8008,
    token: str | None = None,
    workers: int = 1,
    threads: int | None = None,
    provider: Provider = "cpu",
    max_megabytes: int = 64,
    max_pixels: int = 16_000_000,
    max_waiting: int = 128,
    timeout_s: float = 60.0,
) -> int:
    """Depth over HTTP: POST /stereo takes a pair, POST /mono an image, and the WebSocket /stream pair after pair.

    The answers are the files that `leadline stereo` and `leadline mono` write, bit for bit. / lists the routes,
    /openapi.json describes them for programs, /health and /metrics watch the server. Nothing is kept: the files of a
    request are removed with its answer. Ctrl-C ends the server when the last requests are answered.

    Args:
        model: Method for pairs, as of `leadline stereo`.
        mono_model: Network for single images, as of `leadline mono`.
        host: Address to listen at. Another one than this machine's own needs a token.
        port: Port to listen at; 0 takes a free one.
        token: What clients must send as the header Authorization: Bearer TOKEN. LEADLINE_TOKEN in the environment
            hides it from the list of processes.
        workers: Requests that are worked on at once; each worker holds its own session of each network.
        threads: Threads of each worker; all processors if absent.
        provider: Where networks run; never anywhere else than asked for.
        max_megabytes: Largest request, MB.
        max_pixels: Largest image.
        max_waiting: Requests that may wait for a worker; more are turned away.
        timeout_s: Longest time for a request, waiting included, seconds.
    """
    with needs_extra("web"):
        from leadline.apps.web.serve.app import make_app
    from leadline.apps.web.serve.work import Limits, Models, Workers

    secret = token_of_program(host, token)
    limits = Limits(max_megabytes * _MEGABYTE, max_pixels, max_waiting, timeout_s)
    pool = Workers(Models(model, mono_model, threads, provider), workers, limits)
    try:
        run_app(
            make_app(pool, secret, names_for(secret)),
            host,
            port,
            lambda url: print(f"leadline serves at {url}", flush=True),
            lambda: (pool.stop(), print("stopping: the last requests are answered", file=sys.stderr))[0],
        )
    finally:
        pool.close()
    return 0
