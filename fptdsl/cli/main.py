"""The entry point: runs the command and turns every way of ending into an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from . import status
from .signals import Ended, ending_is_raised
from .streams import cannot_write, have_streams, is_of_stream, quiet


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    if not have_streams():
        return status.FAULT
    try:
        with ending_is_raised():
            return _run(None if arguments is None else list(arguments))
    except KeyboardInterrupt:
        return _interrupted()
    except Ended as ended:
        return _ended(ended)
    except BrokenPipeError:
        return quiet()
    except Exception as error:
        if isinstance(error, OSError) and is_of_stream(error):
            return cannot_write(error)
        return _internal(error)


def _run(arguments: list[str] | None) -> int:
    import typer
    from typer.main import get_command

    from .app import app

    # click's base class of faults in a command line; new versions of typer bring their own copy of click.
    click_error: type[Exception] = typer.BadParameter.__mro__[2]
    try:
        result = get_command(app).main(arguments, prog_name="fptdsl", standalone_mode=False)
    except click_error as error:
        return _usage(error)
    except typer.Abort:
        return _interrupted()
    if result == status.INTERRUPTED:  # typer turns Ctrl-C into this
        return _interrupted()
    return result if isinstance(result, int) else status.FINE


def _usage(error: Exception) -> int:
    """One line of what is wrong and one of where to look."""
    from ..views.printable import printable

    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "fptdsl"
    message = printable(error.format_message())  # type: ignore[attr-defined]
    print(f"{command}: {message}\nTry '{command} --help'.", file=sys.stderr)
    return status.USAGE


def _interrupted() -> int:
    print("\nInterrupted.", file=sys.stderr)
    return status.INTERRUPTED


def _ended(ended: Ended) -> int:
    with suppress(OSError):  # after a hangup there may be no terminal left
        print(f"\nEnded by {ended.number.name}.", file=sys.stderr, flush=True)
    return ended.status


def _internal(error: Exception) -> int:
    """A fault of fptdsl: one line, and how to see more."""
    if os.environ.get("FPTDSL_TRACEBACK"):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, MemoryError):
        print("fptdsl: not enough memory", file=sys.stderr)
        return status.FAULT
    from ..views.printable import printable

    first = printable((str(error).splitlines() or [""])[0])
    print(
        f"fptdsl: internal error: {type(error).__name__}: {first}\n"
        "This is a fault of fptdsl: please report it, with the output under FPTDSL_TRACEBACK=1.",
        file=sys.stderr,
    )
    return status.INTERNAL
