"""F6xx: outputs, plans and the file system."""

CODES: dict[str, str] = {}
