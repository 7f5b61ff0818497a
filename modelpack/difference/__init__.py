"""Two networks -> Difference: layers, tensors, and whether the weights of the first fit the second.

    bodies      which layer is which: by names, contents and order (`alignment`)
    findings    what differs between two bodies; `layers` gathers it over the network
    tensors     what became of each tensor, `norms` how far it went
    verdict     compatible, with a rename map, or not
    text        in words

How a network is written isn't looked at (templates, `repeat`, the order of keys, names of blocks), only what it is.
"""

from __future__ import annotations

from modelpack.difference.bodies import Bodies
from modelpack.difference.layers import layer_changes
from modelpack.difference.report import Difference, LayerChange, Norms, Setting, TensorChange, Verdict
from modelpack.difference.tensors import Side, tensor_changes
from modelpack.difference.verdict import verdict

__all__ = ["Difference", "LayerChange", "Norms", "Setting", "Side", "TensorChange", "Verdict", "compare"]


def compare(first: Side, second: Side) -> Difference:
    """What is different in `second`.

    Raises:
        PackError: MP508 a weight file ended while it was read.
    """
    paired = Bodies(first.digests, second.digests).networks(first.network, second.network)
    same = dict(paired.tensors())
    return Difference(
        first.name,
        second.name,
        layer_changes(first.network, second.network, paired),
        tensor_changes(first, second, same),
        verdict(first.network, second.network, same),
    )
