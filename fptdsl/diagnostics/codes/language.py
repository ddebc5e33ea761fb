"""F1xx: the text of a spec (syntax, limits, use)."""

CODES: dict[str, str] = {}
