"""F5xx: verification."""

CODES: dict[str, str] = {}
