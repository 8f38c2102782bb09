"""Many inputs, one after the other: a bar, a line for each, and a failure that does not stop the others."""

import sys
from collections.abc import Callable, Iterable, Sequence

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from leadline.apps.cli.main import is_out_of_memory
from leadline.apps.cli.words import with_options
from leadline.errors import CalibrationError, LeadlineError
from leadline.results.job import Report

Run = Callable[[str], tuple[str, tuple[str, ...]]]
"""Does the work of one name; returns a line about the result, and what the user must know."""


def run_batch(names: Sequence[str], run: Run, label: str, noun: str) -> int:
    """Runs all; a calibration that fails stops them, as it is the same one for all.

    Args:
        names: What there is to do.
        run: Does one.
        label: What the bar says.
        noun: What they are, in the plural: "images".
    Returns:
        The exit code: 2 if one failed.
    """
    failures = list[str]()
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(label, total=len(names))
        for name in names:
            try:
                report, lines = run(name)
            except CalibrationError:
                raise
            except LeadlineError as error:
                failures.append(f"failed: {name}: {with_options(str(error))}")
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                failures.append(f"failed: {name}: not enough free memory")
            else:
                print(report)
                say(f"{name}: {line}" for line in lines)
            progress.advance(task)
    say((f"{len(names) - len(failures)} of {len(names)} {noun} done, {len(failures)} failed", *failures))
    return 2 if failures else 0


def told(report: Report) -> tuple[str, tuple[str, ...]]:
    """A report as the command line says it: its line, and its notes and warnings with the options that they mean."""
    lines = *map(noted, report.notes), *report.warnings
    return report.line, tuple(with_options(line) for line in lines)


def noted(note: str) -> str:
    """A note as the command line says it; a warning says itself that it is one.

    >>> noted("no times"), noted("warning: no times")
    ('note: no times', 'warning: no times')
    """
    return note if note.lower().startswith("warning") else f"note: {note}"


def say(lines: Iterable[str]) -> None:
    """Prints lines on the error output."""
    for line in lines:
        print(line, file=sys.stderr)
