"""The certificate: the law of growth checked on two checkpoints alone, with no forward pass.

``docs/maths.md`` section 4.  The classes of units come from a plan; the arithmetic of the planner is not
used, and operations that join or split units are followed through the graph itself.
"""

from __future__ import annotations

from .certify import certify
from .recovered import certify_checkpoints
from .result import CHECKS, Certificate, Checked, Finding

__all__ = ["CHECKS", "Certificate", "Checked", "Finding", "certify", "certify_checkpoints"]
