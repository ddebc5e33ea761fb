"""F3xx: directives, paths and what cannot be grown."""

CODES: dict[str, str] = {
    "F301": "path matches nothing",
    "F302": "transform not available",
    "F303": "shrinking",
    "F304": "units cannot grow",
    "F305": "contradictory widths",
    "F306": "units cannot be divided as asked",
    "F307": "nothing to widen",
    "F308": "unknown size",
    "F310": "method not legal here",
    "F311": "method does not fit the directive",
    "F320": "nothing to deepen",
    "F321": "inserted layers cannot be the identity",
    "F322": "inserting where the shape changes",
    "F323": "position of an insertion",
    "F324": "name of an inserted layer",
    "F330": "requirement not met",
    "F340": "plan disagrees with the grown network",
    "F350": "grown spec not writable",
    "F351": "growth that config.json cannot express",
    "F352": "list in config.json that may or may not be one entry per layer",
}
