"""Write docs/diagnostics.md from the catalogue of codes.

python docs/make_diagnostics.py            # write the page
python docs/make_diagnostics.py --check    # exit with 1 when the page is out of date
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fptdsl.diagnostics.codes import CODES

PAGE = Path(__file__).resolve().parent / "diagnostics.md"

AREAS = {
    "1": ("The language", "The text of a `.fpt` file, or of `--grow`, cannot be read or resolved."),
    "2": ("The architecture", "The text is well formed, but it does not describe a network."),
    "3": ("The growth", "The directives cannot be planned as written."),
    "4": ("The checkpoint", "The file cannot be read, or does not fit the spec."),
    "5": ("The proof", "The two networks are not the same function, or that cannot be shown."),
    "6": ("Files and command line", "A path cannot be read or must not be written."),
}

HEAD = """\
# Diagnostics

<!-- Made by docs/make_diagnostics.py from fptdsl/diagnostics/codes/. Do not edit by hand. -->

Every fault that a user can cause is reported with a code that does not change between versions, the place (file,
line, column, the source line with the place underlined), what is wrong, and what to do. All faults of a file are
reported in one run. With `--json` the same facts are under `diagnostics`.

The first digit says which part found the fault.
"""


def page() -> str:
    """The whole page as Markdown."""
    lines = [HEAD]
    for digit, (title, text) in AREAS.items():
        codes = sorted(code for code in CODES if code[1] == digit)
        if codes:
            lines.append(f"## F{digit}xx: {title}\n\n{text}\n\n| code | fault |\n|---|---|")
            lines.extend(f"| `{code}` | {CODES[code]} |" for code in codes)
            lines.append("")
    return "\n".join(lines)


def main() -> int:
    text = page()
    if "--check" in sys.argv[1:]:
        return int(not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
