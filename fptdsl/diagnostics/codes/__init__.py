"""The catalogue of diagnostic codes: code -> short fixed summary without user-chosen names.

One file per area; the first digit of a code is its area.
"""

from .architecture import CODES as _ARCHITECTURE
from .checkpoint import CODES as _CHECKPOINT
from .files import CODES as _FILES
from .growth import CODES as _GROWTH
from .language import CODES as _LANGUAGE
from .proof import CODES as _PROOF

CODES: dict[str, str] = {**_LANGUAGE, **_ARCHITECTURE, **_GROWTH, **_CHECKPOINT, **_PROOF, **_FILES}
