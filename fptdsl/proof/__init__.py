"""Proof: old and new network compared as functions, from the specs and the files."""

from __future__ import annotations

from .excerpt import excerpt
from .probe import Probe, load_probe
from .recipes import verify_plan
from .verdict import Gate, Reproduction, Row, Scope, Verdict, may_publish
from .verify import verify

__all__ = [
    "Gate",
    "Probe",
    "Reproduction",
    "Row",
    "Scope",
    "Verdict",
    "excerpt",
    "load_probe",
    "may_publish",
    "verify",
    "verify_plan",
]
