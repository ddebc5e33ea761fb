"""Running one function of the API: progress, the result on standard output, faults on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..diagnostics import FptError
from . import status
from .progress import Bar
from .streams import cannot_write, quiet

if TYPE_CHECKING:
    from ..api.results import Result


def run(
    work: Callable[..., Result],
    *arguments: Any,
    as_json: bool,
    full: bool = False,
    bar: bool = False,
    **options: Any,
) -> int:
    """Call ``work``, show what it returns, and return the exit status.

    ``bar``: ``work`` takes ``progress``, and tells how far it is.
    """
    try:
        with Bar() as progress:
            result = work(*arguments, **options, **({"progress": progress} if bar else {}))
    except FptError as error:
        return report(error, as_json=as_json)
    emit(result.to_json(), as_json=as_json, full=full)
    return status.FINE if getattr(result, "passed", True) else status.DIFFERENT


def report(error: FptError, *, as_json: bool) -> int:
    """Show the faults: with ``--json`` as a document on standard output, else on standard error."""
    from ..diagnostics.document import document

    found = {**document(error.diagnostics), **_figures(error)}
    if as_json:
        emit(found, as_json=True)
    else:
        from ..views import render

        if "certificate" in found or "verification" in found:
            render({**found, "kind": "verify"}, sys.stderr, full=True)
            print(file=sys.stderr)
        render(found, sys.stderr)
    return error.exit_status


def _figures(error: FptError) -> dict[str, Any]:
    document = getattr(error, "document", {})
    return {part: document[part] for part in ("certificate", "verification") if document.get(part)}


def emit(document: dict[str, Any], *, as_json: bool, full: bool = False) -> None:
    """Write a result to standard output, completely (a full disk is noticed here).

    Warnings go to standard error; with ``--json`` they are in the document.
    """
    try:
        if as_json:
            import json

            json.dump(document, sys.stdout, indent=2, ensure_ascii=True, allow_nan=False)
            sys.stdout.write("\n")
        else:
            from ..views import render, render_warnings

            render_warnings(document, sys.stderr)
            render(document, sys.stdout, full=full)
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise SystemExit(quiet()) from error
    except OSError as error:
        raise SystemExit(cannot_write(error)) from error
