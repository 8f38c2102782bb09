"""`leadline mine`: training data from 3D films."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from leadline.apps.cli.batch import say
from leadline.apps.cli.extras import needs_extra
from leadline.errors import InputError
from leadline.io.owned import owned_folder
from leadline.loading import load_signed_matcher


def mine(
    films: Annotated[list[str], Parameter(consume_multiple=True)],
    /,
    *,
    output: Path,
    model: str = "leadline-accurate",
    layout: Literal["side-by-side", "half-side-by-side", "over-under", "half-over-under", "two-streams"] | None = None,
    swap: bool = False,
    validation: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    test: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    width: int = 640,
    frames_per_s: float = 2.0,
    most_frames: int = 12,
    least_agreement: float = 0.4,
    least_confidence: float = 0.5,
    workers: int = 2,
    engine: Literal["processes", "ray"] = "processes",
) -> int:
    """Mine 3D films: frames with disparity, for networks that learn depth from single images.

    Of each shot sharp frames that differ are taken, their rows levelled, and their disparity matched in both
    directions, before and behind the screen. What both do not agree on, sky, subtitles, credits and black bars has no
    disparity. Shots without parallax, with exchanged views or crooked rows are refused; each refusal is counted.

    The output folder gets train/, validation/ and test/ with shards for `leadline train`, split by film; report.md,
    statistics.json, contact_sheet.png and refused_sheet.png. Depth is known up to a scale and a shift. A run that was
    stopped goes on where it stopped, by shot.

    Args:
        films: Films; LEFT::RIGHT, the files of both views of one film; or folders of MPO or JPS photographs, each
            photograph a shot.
        output: Folder of the training set. Further films may be added to it later, with the same options.
        model: Stereo method, as for `leadline stereo`.
        layout: How the views lie in all films; found for each if absent. half: each was squeezed to half.
        swap: Exchange the views of all films.
        validation: Names of films (their files' without suffix) for validation. If neither these nor --test are given,
            a tenth of three films and more goes to each.
        test: Names of films for the test.
        width: Largest width of the views in pixels; what is stored smaller is not enlarged.
        frames_per_s: Frames that are looked at in each second.
        most_frames: Frames that are taken of one shot, at most.
        least_agreement: Share of a frame's pixels that must have a disparity.
        least_confidence: Least confidence of a pixel, where the method tells it.
        workers: Shots that are mined at once; 0 mines in this process.
        engine: processes are those of this machine; ray takes the workers of a Ray cluster, of the one at RAY_ADDRESS
            if that is set; its machines see films and output at the same paths. The result is the same.
    """
    with needs_extra("train"):
        from leadline.data.engine import require_engine, run_tasks
        from leadline.data.movies.mine import MineRequest, mine_films
        from leadline.data.movies.options import MineOptions
        from leadline.data.movies.report import REPORT, SHEET, write_report
    require_engine(engine, workers)
    options = MineOptions(
        model=model,
        width=width,
        frames_per_s=frames_per_s,
        most_frames=most_frames,
        least_agreement=least_agreement,
        least_confidence=least_confidence,
    )
    request = MineRequest(
        films=tuple(films), output=output, options=options, load=load_signed_matcher, layout=layout, swap=swap,
        validation=tuple(validation or ()), test=tuple(test or ()),
    )  # fmt: skip
    # A name that stands for no model is refused before hours of decoding.
    load_signed_matcher(model, -16, 16)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with owned_folder(output), Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("opening films")
        records = mine_films(
            request,
            partial(run_tasks, workers=workers, engine=engine),
            lambda what, done, total: progress.update(bar, description=what, completed=done, total=total),
        )
        write_report(output, records)
    say(_line(film) for film in records)
    if not sum(film["frames"] for film in records):
        raise InputError(
            f"expected frames with parallax in {', '.join(films)}, got none; {output / REPORT} says why each is refused"
        )
    print(
        f"{output}: {sum(film['frames'] for film in records)} frames of {len(records)} films; look at {output / SHEET}"
    )
    return 0


def _line(film: Mapping[str, Any]) -> str:
    """What became of a film, in one line."""
    refused = ", ".join(f"{count} {reason}" for reason, count in film["refused_shots"].items()) or "none"
    return (
        f"{film['name']}: {film['layout']} ({film['because']}); {film['frames']} frames of {len(film['shots'])} shots "
        f"for {film['split']}; refused shots: {refused}"
    )
