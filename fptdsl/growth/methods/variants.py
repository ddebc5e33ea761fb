"""What is said of the methods of widening with their options: the source of the table in ``docs/methods.md``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """``using`` is how it is asked for; ``ids`` are the entries of ``docs/maths.md``."""

    using: str
    ids: str
    kinds: str
    condition: str
    trainability: str
    place: str = "a group of units: a layer's, or a whole residual stream"


CHANNELWISE = "operations between writers and readers act on each unit alone"

VARIANTS: tuple[Variant, ...] = (
    Variant(
        "netmorph(zero=out)",
        "W-4",
        "exact",
        f"{CHANNELWISE}; a kernel reads the units",
        "readers learn from the first step, writers from the second",
    ),
    Variant(
        "netmorph(zero=in)",
        "W-4",
        "exact",
        "f(0) = 0 for everything between writers and readers",
        "writers learn from the first step, readers from the second; not behind ReLU, which is flat at zero",
    ),
    Variant(
        "netmorph",
        "T-6",
        "exact",
        "only projections make queries and keys, apart or in one kernel: no rotary positions, no norm between",
        "the zero side (keys; `zero=in`: queries) learns from the first step, the other from the second",
        "the units of a head over which queries meet keys",
    ),
    Variant(
        "net2net",
        "T-6, W-2",
        "exact with storage drift; eval-only with dropout",
        "as `netmorph` there; norms with gains may stand between, under which all units are copied alike",
        "copies part from the first step; with `split=equal` they stay equal for ever",
        "the units of a head over which queries meet keys",
    ),
    Variant(
        "net2net(split=element)",
        "W-1, W-2",
        "exact; eval-only with dropout",
        "copies may be shared among readers; under a norm over the units: copies of all alike; or pieces of a maxout",
        "copies part from the first step",
    ),
    Variant(
        "net2net(split=equal)",
        "W-1",
        "exact; eval-only with dropout",
        "as `split=element`",
        "copies stay equal for ever, without noise or dropout",
    ),
    Variant(
        "net2net(split=scalar)",
        "W-2",
        "exact; eval-only with dropout",
        "as `split=element`",
        "copies part; under Adam from the second step",
    ),
    Variant(
        "net2net(split=projection)",
        "W-2",
        "exact with storage drift; eval-only with dropout",
        "as `split=element`",
        "copies part from the first step",
    ),
    Variant(
        "net2net(noise=0.01)",
        "W-7",
        "approximate",
        "as `split=element`",
        "copies part from the first step",
    ),
    Variant(
        "r2r",
        "W-3",
        "exact; eval-only with dropout",
        f"{CHANNELWISE}; `scale` below 10",
        "all new parameters learn from the first step, and twins part at once",
    ),
    Variant(
        "r2r(transfer=true)",
        "W-8",
        "exact where everything between scales with its input and there is no norm; else approximate",
        "as `r2r`; no grouped or recurrent layer",
        "as `r2r`, with old weights in the size of the wider layer",
    ),
    Variant(
        "rescale",
        "N-5, N-6, T-7, T-8, T-9",
        "exact with storage drift",
        "every reader of the stream stands behind its norms; a layer norm must not write into it",
        "what writes the new units learns from the first step, what reads them from the second",
        "a residual stream under layer norms or RMSNorms, to any size",
    ),
    Variant(
        "rescale(copies=true)",
        "N-5, N-6, W-5",
        "exact with storage drift; eval-only with dropout",
        "as `rescale`; of units that are no stream: RMSNorms with gains, right behind the layers that make them",
        "all new parameters learn from the first step, and copies part at once",
        "as `rescale`; under layer norms copies of all units alike, and means for the rest; also heads under an "
        "RMSNorm over all queries or keys of a layer, and other units that RMSNorms see together",
    ),
    Variant("random_pad", "W-6", "baseline", "shapes", "everything learns; the function is lost"),
    Variant("random_init", "D-13", "baseline", "shapes", "everything learns; what these layers had learnt is lost"),
)
"""In the order of the documentation."""
