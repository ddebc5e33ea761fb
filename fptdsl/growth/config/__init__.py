"""Growth of a network that takes its sizes from a ``config.json``: what these tie, and which fields it needs."""
