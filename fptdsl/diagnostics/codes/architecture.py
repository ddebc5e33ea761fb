"""F2xx: names, operations, arguments, wiring and shapes of an architecture."""

CODES: dict[str, str] = {}
