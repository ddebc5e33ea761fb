"""F3xx: directives, paths and what cannot be grown."""

CODES: dict[str, str] = {}
