"""F4xx: reading a checkpoint and holding it against a spec."""

CODES: dict[str, str] = {}
