"""F6xx: outputs, plans and the file system."""

CODES: dict[str, str] = {
    "F600": "output exists already",
    "F601": "output would overwrite an input",
    "F602": "output is a folder",
    "F603": "folder of the output does not exist",
    "F604": "output cannot be written",
    "F605": "no space left for the output",
    "F606": "two outputs have the same name",
    "F607": "output is being written by another run",
    "F608": "spec at the place of the grown spec is not an output",
    # Pictures.
    "F610": "drawing needs matplotlib",
    "F611": "extension of the output is not that of a picture",
    "F612": "checkpoint has no such tensor",
    "F613": "tensor is not the kernel of a convolution",
    "F614": "kernels cannot be compared filter by filter",
    # Saved plans.
    "F650": "file is not a plan",
    "F651": "plan no longer fits",
    "F652": "options contradict the plan",
    "F653": "extension of the output does not fit its container",
}
