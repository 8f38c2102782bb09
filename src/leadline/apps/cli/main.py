"""The command line: finds the command, runs it, and turns what goes wrong into one line and an exit code."""

import io
import math
import os
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from difflib import get_close_matches
from importlib.metadata import version
from typing import Final, cast

from cyclopts import App, CycloptsError, Group, Parameter, UnknownCommandError

from leadline.apps.cli.words import with_options
from leadline.errors import LeadlineError, Terminated
from leadline.interrupt import stopped_by_ctrl_c

_GROUPS: Final = {
    "data": "Data sets that recipes and evaluations can name.",
    "eval": "Score methods against ground truth.",
    "bench": "Measure seconds, memory and work.",
    "render": "Render training data with exact truth.",
    "tof": "Time-of-flight sensors with 4x4 or 8x8 zones.",
}
# Command -> where its function is and what the overview says. Only the command that is asked for is imported.
_COMMANDS: Final = {
    ("demo",): ("demo:demo", "A real pair with ground truth: network and SGBM side by side."),
    ("stereo",): ("stereo:stereo", "Disparity, depth and confidence of rectified pairs."),
    ("mono",): ("mono:mono", "Depth from single images; metric where something gives the scale."),
    ("refine",): ("refine:refine", "Mend the disparity of another matcher or a sensor."),
    ("flow",): ("flow:flow", "Optical flow of two frames, a film or a folder of frames."),
    ("scene-flow",): (
        "scene_flow:scene_flow",
        "Motion in space, of the camera and of all else, from two stereo pairs.",
    ),
    ("video",): ("video:video", "Steady depth for every frame of a film."),
    ("live",): ("live:live", "Depth of a stereo camera while it runs, or of a recording."),
    ("serve",): ("serve:serve", "Depth over HTTP: pairs and images in, files out."),
    ("view",): ("view:view", "A result or a stream in the browser: layers, values, points in 3D, objects."),
    ("tracks",): ("tracks:tracks", "People and things in 3D: identity, position, velocity."),
    ("cameras",): ("cameras:cameras", "Cameras that are plugged in, and presets of well-known ones."),
    ("tof", "show"): ("tof:tof_show", "Print and plot a time-of-flight recording, or a sensor while it runs."),
    ("tof", "calibrate"): (
        "tof_calibrate:tof_calibrate",
        "Where a time-of-flight sensor is beside a camera, from walls or motions.",
    ),
    ("track-camera",): ("track_camera:track_camera", "The path of a moving camera, from one view or two."),
    ("fly",): ("fly:fly", "Velocity commands around obstacles from an 8x8 time-of-flight sensor."),
    ("simulate",): ("simulate:simulate", "Robots in simulated worlds: collisions by sensor and policy."),
    ("check",): ("check:check", "Is this pair rectified, in order, and evenly exposed?"),
    ("rectify",): ("rectify:rectify", "Bring the matches of a pair onto common rows."),
    ("calibrate",): ("calibrate:calibrate", "Calibrate a stereo camera from images of a board."),
    ("models",): ("models:models", "The bundled networks and those of the zoo: origin, licence, scores, limits."),
    ("eval", "stereo"): ("eval:stereo_eval", "Score disparity under a published protocol."),
    ("eval", "mono"): ("eval_mono:mono_eval", "Score depth from single images under a published protocol."),
    ("eval", "flow"): ("eval_flow:flow_eval", "Score optical flow under a published protocol."),
    ("eval", "video"): ("eval_video:video_eval", "Score depth over clips: steadiness and accuracy."),
    ("eval", "pose"): ("eval_pose:pose_eval", "Score a camera's trajectory: ATE, RPE, snippets."),
    ("eval", "scene-flow"): ("eval_scene_flow:scene_flow_eval", "Score scene flow as KITTI 2015 does."),
    ("eval", "synthetic"): ("classes:synthetic_eval", "What generated images of classes are worth on real ones."),
    ("data", "list"): ("data:data_list", "Name, task, truth, options, licence and source of each data set."),
    ("data", "audit"): ("data_audit:data_audit", "Decode and check every sample; what is broken, in one page."),
    ("data", "assets"): ("data:data_assets", "Packages of free models and skies for rendered worlds."),
    ("bench", "stereo"): ("bench:stereo_bench", "Every bundled network and classical matcher on one pair."),
    ("bench", "mono"): ("bench:mono_bench", "Every bundled network for single images on one image."),
    ("bench", "flow"): ("bench:flow_bench", "Every bundled network and classical method for flow on one pair."),
    ("render", "stereo"): ("render:stereo_render", "Stereo pairs with exact disparity and occlusion."),
    ("render", "mono"): ("render:mono_render", "Single images with exact metric depth."),
    ("render", "flow"): ("render:flow_render", "Pairs of frames with exact motion and occlusion."),
    ("render", "video"): ("render:video_render", "Sequences of frames with exact depth, poses and motion."),
    ("restyle",): ("restyle:restyle", "New appearance for rendered pairs, by a depth-steered diffusion network."),
    ("mine",): ("mine:mine", "Training data from 3D films."),
    ("render", "from-photos"): ("from_photos:from_photos_render", "Stereo pairs from single photographs."),
    ("render", "classes"): ("classes:classes_render", "Images of classes by a generator that is trained on yours."),
    ("train",): ("train:train", "Train a network from a recipe."),
    ("finetune",): ("finetune:finetune", "Fine-tune a network of the zoo on images with depth."),
    ("adapt",): ("adapt:adapt", "Adapt a network to a camera by its own recordings."),
    ("ablate",): ("ablate:ablate", "Ablation study: single changes of a recipe, same data, seeds and budget."),
    ("export",): ("export:export", "Turn a checkpoint into an ONNX file."),
}
_PURPOSES: Final = {
    "Depth": ("demo", "stereo", "mono", "refine", "video"),
    "Motion": ("flow", "scene-flow", "track-camera", "tracks"),
    "Cameras and calibration": ("live", "cameras", "check", "rectify", "calibrate"),
    "Robots": ("tof", "fly", "simulate"),
    "Results": ("view", "serve"),
    "Evaluation": ("eval", "bench", "models"),
    "Data": ("data", "render", "restyle", "mine"),
    "Training": ("train", "finetune", "adapt", "ablate", "export"),
}
"""How the overview groups the commands."""
_ARGUMENT: Final = re.compile(
    r"\b(pass|expected no) (accept_licence|enlarge|max_disparity|min_disparity|source|threads)(?:=True|(?= for ))"
)
"""Where a message of the library names an argument that is a flag here."""
_INTERRUPTED: Final = 130
_BROKEN_PIPE: Final = 141
_TERMINATED: Final = 143
_OPENCV_NO_MEMORY: Final = -4


def make_app(asked: Sequence[str] = ()) -> App:
    """The command-line application.

    Args:
        asked: The command that will run, such as ("eval", "stereo"). Its help comes from its docstring; all others
            are described by a line that needs no import.
    """
    app = App(
        name="leadline",
        help="Learned depth that people can trust, from two cameras or one.",
        version=lambda: version("leadline"),
        default_parameter=Parameter(negative=(), validator=_refuse_nan),
        group_commands=Group("Options", sort_key=len(_PURPOSES)),
        suppress_keyboard_interrupt=False,
    )
    sections = [(Group(name, sort_key=place), commands) for place, (name, commands) in enumerate(_PURPOSES.items())]
    purposes = {command: section for section, commands in sections for command in commands}
    groups = {
        name: App(name=name, help=summary, group=purposes[name], group_commands="Commands")
        for name, summary in _GROUPS.items()
    }
    for command, (place, summary) in _COMMANDS.items():
        parent = app if len(command) == 1 else groups[command[0]]
        # A summary that is given here would replace the docstring.
        is_asked = tuple(asked[: len(command)]) == command
        section = purposes[command[0]] if parent is app else None
        text = None if is_asked else summary
        parent.command(f"leadline.apps.cli.{place}", name=command[-1], help=text, group=section)
    for group in groups.values():
        app.command(group)
    app.register_install_completion_command(help="Install the completion of commands and options for your shell.")
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: Words after the program's name; those of this process if absent.
    Returns:
        The exit code: what the command says (0 if nothing), 2 for an error that the message explains, 130 after
        Ctrl-C, 141 if whoever reads the output has gone, 143 after SIGTERM where the command cleans up.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(words)
    except LeadlineError as error:
        return _failed(with_options(with_flags(str(error))))
    except UnknownCommandError as error:
        # Its own text would import every command.
        return _failed(_unknown_command(words, (error.unused_tokens or [""])[0]))
    except CycloptsError as error:
        return _failed(f"{error} See `{_help_command(words)}`")
    except Terminated:
        print("leadline: terminated", file=sys.stderr)
        return _TERMINATED
    except KeyboardInterrupt:
        print("leadline: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return _BROKEN_PIPE
    except OSError as error:
        return _failed(_system_error(error))
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return _failed("expected more free memory, got none; use smaller images or a smaller --max-disparity")


def _run(words: Sequence[str]) -> int:
    # Names of files need not be text, and what cannot be written as text is written by its numbers.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    with stopped_by_ctrl_c():
        result: object = make_app(words)(
            words, print_error=False, exit_on_error=False, verbose=False, result_action="return_value"
        )
    sys.stdout.flush()
    return result if isinstance(result, int) else 0


def _system_error(error: OSError) -> str:
    """A sentence for what the system refused and no room foresaw: the disk of the output, an endless name."""
    if error.errno is None:  # not the system's: a fault of the program
        raise error
    reason = (error.strerror or str(error)).lower()
    if error.filename is None:
        # The stream that a text went to: it would fail again when Python flushes it at its end.
        _drop_output()
        return f"expected to write to the terminal, a file or a disk, got {reason}; free space or write elsewhere"
    return f"expected a file that can be read or written, got {reason}: {str(error.filename)[:200]!r}"


def _drop_output() -> None:
    """Sends the rest of the output nowhere, as Python flushes it once more at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse_nan(_: object, value: object) -> None:
    """Refuses numbers that are none, for every option of every command."""
    parts = cast("Iterable[object]", value) if isinstance(value, list | tuple) else (value,)
    if any(isinstance(part, float) and not math.isfinite(part) for part in parts):
        raise ValueError(f"expected a finite number, got {value}; leave the option out for no bound")


def with_flags(message: str) -> str:
    """A message of the library, whose arguments are named as the command line names them.

    >>> with_flags("read it, then pass accept_licence=True")
    'read it, then pass --accept-licence'
    >>> with_flags("expected no max_disparity for leadline-mono, got 96; leave it out")
    'expected no --max-disparity for leadline-mono, got 96; leave it out'
    """
    return _ARGUMENT.sub(lambda found: f"{found[1]} --{found[2].replace('_', '-')}", message)


def is_out_of_memory(error: Exception) -> bool:
    """Whether Python, OpenCV or ONNX Runtime ran out of memory; each says it in its own way."""
    return (
        isinstance(error, MemoryError)
        or getattr(error, "code", None) == _OPENCV_NO_MEMORY
        or "Failed to allocate memory" in str(error)
    )


def _failed(message: str) -> int:
    print("leadline: error:", " ".join(message.split()), file=sys.stderr)
    return 2


def _unknown_command(words: Sequence[str], unknown: str) -> str:
    group = words[0] if words[0] in _GROUPS and words[0] != unknown else None
    names = sorted({c[0] for c in _COMMANDS} if group is None else {c[1] for c in _COMMANDS if c[0] == group})
    near = get_close_matches(unknown, names, n=1)
    return f"expected a command ({', '.join(names)}), got {unknown!r}; " + (
        f"did you mean {near[0]}?" if near else f"see `leadline {f'{group} ' if group else ''}--help`"
    )


def _help_command(words: Sequence[str]) -> str:
    """The help that explains a mistyped command."""
    known = [command for command in _COMMANDS if tuple(words[: len(command)]) == command]
    known += [(name,) for name in _GROUPS if list(words[:1]) == [name]]
    return " ".join(("leadline", *(known[0] if known else ()), "--help"))
