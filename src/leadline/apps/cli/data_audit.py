"""`leadline data audit`: is this data fit to learn from?"""

import json
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from leadline.apps.cli.eval import scene_progress
from leadline.data.audit.page import audit_page
from leadline.data.audit.parts import open_parts
from leadline.data.audit.run import Audit, run_audit
from leadline.data.catalog import DatasetSpec
from leadline.data.engine import require_engine
from leadline.errors import InputError
from leadline.io.atomic import atomic_write
from leadline.io.owned import owned_folder
from leadline.results.stereo import refuse_existing

PAGE: Final = "audit.html"
VALUES: Final = "audit.json"
_MOST_TOLD: Final = 20


def data_audit(
    *targets: str,
    output: Path,
    root: Path | None = None,
    split: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    options: Annotated[list[str] | None, Parameter(name="--option", consume_multiple=True)] = None,
    workers: int = 0,
    overwrite: bool = False,
) -> int:
    """Decode and check every sample of data sets, shards or folders. Exit code 1 if something is broken.

    Errors are damaged files, copies of the same pixels, copies between parts (training and validation) even if they
    were compressed or scaled, swapped or misaligned views, truth that contradicts the images or the other view's truth,
    constant and saturated images, calibrations that do not fit, and depth in another unit. audit.html shows counts,
    distributions and the worst images; audit.json has every figure. A run that was stopped goes on where it stopped.

    Args:
        targets: Names of data sets (with --root); shards, as folders, files or addresses; or folders of scenes, stereo
            pairs, images with depth or images. Each is a part; a folder that holds train and val is two.
        output: Folder for audit.html and audit.json.
        root: Folder of the data set.
        split: Parts of the data set, one or more: train val.
        options: Further options of the data set, as NAME=VALUE; `leadline data list` names them.
        workers: Processes that decode and check; 0 does it in this one.
        overwrite: Replace results that exist in the output folder.
    """
    require_engine("processes", workers)
    parts = open_parts(targets, root, split or (), _spec(options or []))
    refuse_existing(output, (PAGE, VALUES), overwrite)
    with owned_folder(output), scene_progress() as progress:
        task = progress.add_task("auditing samples", total=sum(len(part.source) for part in parts))
        audit = run_audit(parts, output, workers, lambda count: progress.advance(task, count))
        for name, text in (
            (VALUES, json.dumps(audit.as_json(), indent=1, allow_nan=False)),
            (PAGE, audit_page(audit, parts)),
        ):
            with atomic_write(output / name) as stream:
                stream.write(text.encode())
    _tell(audit, output)
    return 1 if audit.broken else 0


def _spec(options: list[str]) -> DatasetSpec | None:
    """Options of a data set, as recipes have them."""
    if not options:
        return None
    values: dict[str, str | int | float] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or name not in DatasetSpec.__dataclass_fields__ or name in ("dataset", "root", "split"):
            raise InputError(f"expected --option NAME=VALUE, got {option!r}; `leadline data list` names the options")
        values[name] = _number(value)
    return DatasetSpec(dataset="", root="", **values)  # pyright: ignore[reportArgumentType]


def _number(value: str) -> str | int | float:
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def _tell(audit: Audit, output: Path) -> None:
    table = Table("weight", "kind", "findings")
    for weight, kinds in audit.counts().items():
        for kind, count in sorted(kinds.items(), key=lambda pair: -pair[1]):
            table.add_row(weight, kind, str(count))
    if table.row_count:
        Console().print(table)
    for one in audit.findings[:_MOST_TOLD]:
        print(f"{one.weight}: {one.part}: {one.key}: {one.kind}: {one.message}")
    if len(audit.findings) > _MOST_TOLD:
        print(f"and {len(audit.findings) - _MOST_TOLD} more")
    samples = sum(count for _, _, count in audit.parts)
    verdict = "something is broken" if audit.broken else "nothing is broken"
    print(f"{samples} samples, {verdict}; look at {output / PAGE}")
