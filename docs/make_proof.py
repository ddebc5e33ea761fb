"""Write docs/proof.md: what the three checks are, and the mutation list that holds them to it.

python docs/make_proof.py            # write the page
python docs/make_proof.py --check    # exit with 1 when it is out of date
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from proof.mutations import MUTATIONS, Mutation  # noqa: E402

from fptdsl.proof.certificate import CHECKS  # noqa: E402

PAGE = ROOT / "docs" / "proof.md"

HEAD = """\
# Proof

<!-- Made by docs/make_proof.py. Do not edit by hand. -->

`apply` publishes nothing before three checks have run, and none of them trusts the planner. Sections, equations and
bounds are those of [maths.md](maths.md).

1. **Certificate** (section 4). From the old and the grown checkpoint, the two networks and the classes of the plan,
   with no forward pass: layer by layer, what every unit of the grown network is in terms of the old one. A layer with
   a kernel must make the units that the plan says from those that come in; operations without tensors (sums,
   concatenations, flatten, padding, norms over groups) are followed through the graph. Where the walk ends with the old
   outputs the two networks are equal in real arithmetic, by induction. It reads tensors a few rows at a time and
   uses none of the code that computed them. Units may be multiples of old ones (a rescaled stream, transfer, `x` and
   `-x`) or their mean: a factor on which plan and file agree is not right for that, but where norms, sums, activations
   and readers keep it. Two factors of a layer are multiplied out; what the rounding of both can do is allowed, and how
   far off they are is said. `approximate` and `baseline` plans claim no equality: the certificate is
   declined with the reason, and only shapes and unchanged tensors are checked. An operation for which it has no rule,
   on units that grow, makes it inconclusive. A finding forbids publishing (exit status 5).
2. **Numerical check** (section 11). Both networks are evaluated from the two specs and the two files in float64, and
   compared with the old network's own sensitivity. Where there are batch norms they are compared in train mode as well
   (V-6: statistics of the batch, no dropout): `bitwise` and `exact` plans must hold there within 1e-9 or 10 times the
   sensitivity in that mode, of `eval-only` plans the size is printed. Drift in float32, and in float16 or bfloat16
   where the file is in that (V-9), is printed and forbids nothing. Weights are loaded layer by layer, large ones a few
   rows at a time, tables only where they are looked up. Of two networks with more than a billion weights together that
   are certified, an excerpt is evaluated: one block of every kind, old and new, the others left out of both, which
   the verdict says (`--verify full` evaluates every block, `--verify certificate` none). It is compared on one batch in
   float64, without noise and drift; only where that is further off than 1e-12, with all of the above.
3. **Gradient probe** (V-8). One backward pass towards a random target on the grown network in train mode, and two
   steps of SGD: new rows that get no gradient, copies that get the gradients of their twins, and gradients of new
   parameters more than 30 times those of old ones. It warns and forbids nothing. `apply` probes networks of up to
   2 million parameters and 200 million multiply-accumulates a sample; `verify --gradients` probes any that fits into
   memory (16 bytes a parameter, and the activations of four samples).

`fptdsl verify --certificate OLD_SPEC OLD NEW_SPEC NEW` repeats the certificate later. It plans the growth again from
the receipt beside the new checkpoint. Without one it tells the units by what they look like: of a network that was only
widened, a new unit with the rows of an old one in every tensor is a copy of it, new units with equal rows are one
class, and the others are classes of their own. Where the law holds for these the two networks are certified; where it
does not, or where a unit looks like several old ones, layers were added or units rescaled, it says that it is
inconclusive and why (exit status 0).

Where a receipt lies beside the new checkpoint, `fptdsl verify` holds the digests of both against it too, and warns of
one that is not the file of the receipt. What is no tensor of the networks (ignored entries, an optimizer's state) is
looked at by this alone.

## What the certificate checks

| id | check |
|---|---|
"""

TABLE = """
## The mutation list

Faults planted in grown checkpoints, and the checks that catch them. The tests run every cell: `caught` means that the
check fails (the gradient probe: warns), `-` that it is not claimed and stays silent. Small random networks, float32.
The table was written before the checks ran on it; cells with a star were corrected after the first run.

| fault | growth | certificate | numerical check | gradient probe |
|---|---|---|---|---|
"""


def page() -> str:
    checks = "".join(f"| {name} | {words} |\n" for name, words in CHECKS.items())
    return HEAD + checks + TABLE + "".join(map(_row, MUTATIONS)) + "\n" + _summary()


def _row(mutation: Mutation) -> str:
    cells = [
        ("caught" if getattr(mutation, check) else "-") + (" *" if mutation.revised == check else "")
        for check in ("certificate", "numerical", "gradients")
    ]
    return f"| {mutation.fault} | `{mutation.grow}` | {' | '.join(cells)} |\n"


def _summary() -> str:
    by = {check: sum(getattr(m, check) for m in MUTATIONS) for check in ("certificate", "numerical", "gradients")}
    return (
        f"{len(MUTATIONS)} faults: the certificate catches {by['certificate']}, the numerical check {by['numerical']}, "
        f"the gradient probe {by['gradients']}; none is caught by nobody.\n"
        "What the certificate does not claim keeps the function: such networks compute the same and cannot learn.\n"
    )


def main() -> int:
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    return int(not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page())


if __name__ == "__main__":
    sys.exit(main())
