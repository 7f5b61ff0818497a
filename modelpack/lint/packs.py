"""What a pack lacks that others will want."""

from __future__ import annotations

from collections.abc import Iterator

from modelpack.errors import Problem
from modelpack.files import MANIFEST
from modelpack.findings import Severity
from modelpack.lint.rule import Rule
from modelpack.lint.subject import Subject

__all__ = ["RULES"]


def no_licence(subject: Subject) -> Iterator[Problem]:
    """The manifest says no licence. Without one nobody else may use the weights, and a pack that is built of parts can't say
    what holds for it. *Way out:* `licence=` where it is saved, an SPDX identifier by custom.

    ```python bad
    write_pack("net.modelpack", architecture=text, weights=weights, samples=samples)
    ```

    ```python good
    write_pack("net.modelpack", architecture=text, weights=weights, samples=samples, licence="Apache-2.0")
    ```
    """
    if subject.pack is not None and (subject.pack.manifest is None or not subject.pack.manifest.licence):
        yield Problem("MP841", "the pack says no licence", path=MANIFEST, hint="licence= where it is saved")


def no_samples(subject: Subject) -> Iterator[Problem]:
    """The pack has weights, but no samples: inputs with the outputs that they must give. With them whoever gets it can prove,
    by `modelpack verify`, that the network is the one that was saved. *Way out:* save it from a running model, which makes
    them.

    ```python bad
    write_pack("net.modelpack", architecture=text, weights=weights, licence="Apache-2.0")
    ```

    ```python good
    write_pack("net.modelpack", architecture=text, weights=weights, samples=samples, licence="Apache-2.0")
    ```
    """
    if (
        subject.pack is not None
        and subject.pack.pack.weights is not None
        and subject.pack.pack.samples is None
    ):
        told = "the pack has weights, but no samples that prove them"
        yield Problem("MP842", told, path="samples.safetensors")


RULES = (
    Rule("MP841", Severity.NOTE, no_licence),
    Rule("MP842", Severity.NOTE, no_samples),
)
