"""A Sphinx extension that writes two pages of the reference before each build.

`api/python.rst` documents every name of `leadline.__all__`; `api/commands.rst` holds the help of every command. The
build warns if a public name has no entry, which fails a build with -W.
"""

import io
import os
from pathlib import Path

from rich.console import Console
from sphinx.application import Sphinx
from sphinx.util.logging import getLogger

import leadline
from leadline.apps.cli import main as command_line

WIDTH = 84
"""Columns of a command's help."""

log = getLogger(__name__)


def python_page() -> str:
    """The names that `import leadline` offers, each with its full entry."""
    lines = ["Python", "======", "", "What ``import leadline`` offers. Each name is loaded at its first use.", ""]
    for name in sorted(leadline.__all__):
        target = getattr(leadline, name)
        if is_exception(target):
            # Docstrings name exceptions without their module: a second entry would make these names ambiguous.
            lines += [f".. autoexception:: leadline.{name}", "   :no-index:", ""]
        elif isinstance(target, type):
            lines += [f".. autoclass:: leadline.{name}", "   :members:", "   :special-members: __call__", ""]
        elif callable(target):
            lines += [f".. autofunction:: leadline.{name}", ""]
        else:
            lines += [f".. py:data:: leadline.{name}", ""]
    return "\n".join(lines)


def is_exception(target: object) -> bool:
    """Whether a public name is an exception's class."""
    return isinstance(target, type) and issubclass(target, BaseException)


def commands_page() -> str:
    """The help of every command, as the command line prints it."""
    lines = ["Commands", "========", "", "What ``leadline COMMAND --help`` prints.", ""]
    for command in command_line._COMMANDS:
        stream = io.StringIO()
        console = Console(file=stream, width=WIDTH, force_terminal=False, color_system=None)
        command_line.make_app(command).help_print([*command], console=console)
        title = f"leadline {' '.join(command)}"
        lines += [title, "-" * len(title), "", ".. code-block:: text", ""]
        lines += [f"   {line}".rstrip() for line in stream.getvalue().splitlines()]
        lines += [""]
    return "\n".join(lines)


def write_pages(app: Sphinx) -> None:
    """Write both pages where they changed."""
    folder = Path(app.srcdir) / "api"
    folder.mkdir(exist_ok=True)
    for name, text in (("python.rst", python_page()), ("commands.rst", commands_page())):
        page = folder / name
        if not page.is_file() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def check_names(app: Sphinx, _env: object) -> None:
    """Warn about a public name without an entry."""
    documented = app.env.get_domain("py").objects
    for name in leadline.__all__:
        target = getattr(leadline, name)
        home = target.__module__ if is_exception(target) else "leadline"
        if f"{home}.{name}" not in documented:
            log.warning("expected an entry for leadline.%s in the reference, got none", name)


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before the sources are read."""
    os.environ.setdefault("COLUMNS", str(WIDTH))
    app.connect("builder-inited", write_pages)
    app.connect("env-check-consistency", check_names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
