"""Two networks -> what is different in their layers: full paths, and once where a template is what changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from modelpack.architecture import Architecture
from modelpack.difference.bodies import PairedBodies
from modelpack.difference.findings import Finding, findings
from modelpack.difference.report import LayerChange, Setting
from modelpack.network import Network
from modelpack.summary import spec_text

__all__ = ["layer_changes"]


@dataclass(slots=True)
class _Group:
    """One finding with everywhere that it is: the paths of the two bodies."""

    finding: Finding
    template: str
    """the block of the second in which it is; empty in the network itself"""
    places: list[tuple[str, str, Finding]] = field(default_factory=list[tuple[str, str, Finding]])


class _Walk:
    """Goes through the pairs of bodies, those without differences left out."""

    def __init__(self) -> None:
        self._findings: dict[int, tuple[Finding, ...]] = {}
        self._differs: dict[int, bool] = {}
        self.groups: dict[object, _Group] = {}

    def visit(self, paired: PairedBodies, first: str, second: str, *, outermost: bool) -> None:
        """Add what is different in and below the bodies called `first` and `second`."""
        if not self._any(paired, outermost=outermost):
            return
        one, other = paired.first.body, paired.second.body
        template = "" if outermost else other.name
        for finding in self._of(paired, outermost=outermost):
            key = (one.name, template, finding.kind, finding.node, finding.written, finding.implied)
            self.groups.setdefault(key, _Group(finding, template)).places.append((first, second, finding))
        for pair in paired.pairs:
            if pair.inside is not None:
                self.visit(
                    pair.inside,
                    f"{first}{pair.first.name}.",
                    f"{second}{pair.second.name}.",
                    outermost=False,
                )

    def _any(self, paired: PairedBodies, *, outermost: bool) -> bool:
        known = self._differs.get(id(paired))
        if known is None:
            known = bool(self._of(paired, outermost=outermost)) or any(
                pair.inside is not None and self._any(pair.inside, outermost=False) for pair in paired.pairs
            )
            self._differs[id(paired)] = known
        return known

    def _of(self, paired: PairedBodies, *, outermost: bool) -> tuple[Finding, ...]:
        known = self._findings.get(id(paired))
        if known is None:
            known = self._findings[id(paired)] = findings(paired, outermost=outermost)
        return known


def layer_changes(first: Network, second: Network, paired: PairedBodies) -> tuple[LayerChange, ...]:
    """What is different, in the order of the second network; first what is said of the whole."""
    walk = _Walk()
    walk.visit(paired, "", "", outermost=True)
    return (*_of_network(first, second, paired), *map(_change, walk.groups.values()))


def _change(group: _Group) -> LayerChange:
    finding = group.finding
    uses = tuple(second[:-1] for _, second, _ in group.places)
    several = len(set(uses)) > 1
    equal = all(each.what == finding.what and each.settings == finding.settings for *_, each in group.places)
    template = group.template if several else ""
    return LayerChange(
        finding.kind,
        tuple(first + name for first, _, each in group.places for name in each.before),
        tuple(second + name for _, second, each in group.places for name in each.after),
        finding.what if equal else finding.written_what,
        finding.settings if equal else finding.written_settings,
        finding.implied,
        template,
        tuple(dict.fromkeys(uses)) if several else (),
        (finding.after or finding.before)[0] if several else "",
    )


# -------------------------------------------------------------------------------------------- the whole network


def _of_network(first: Network, second: Network, paired: PairedBodies) -> Iterator[LayerChange]:
    yield from _inputs(first, second, paired)
    before, after = spec_text(first.outputs), spec_text(second.outputs)
    if before != after:
        yield _said("outputs", Setting("", before, after))
    one, other = first.architecture, second.architecture
    for name in ("dtype", "modes", "requires"):
        was, now = _told(one, name), _told(other, name)
        if was != now:
            yield _said(name, Setting("", was, now))
    yield from _ties(first, second, paired)


def _said(path: str, *settings: Setting) -> LayerChange:
    return LayerChange("changed", (path,), (path,), settings=settings)


def _told(architecture: Architecture, name: str) -> str:
    match name:
        case "dtype":
            return str(architecture.dtype)
        case "modes":
            return f"[{', '.join(architecture.modes)}]"
        case _:
            return f"[{', '.join(map(str, architecture.requires))}]"


def _inputs(first: Network, second: Network, paired: PairedBodies) -> Iterator[LayerChange]:
    back = {paired.values[name]: name for name in first.inputs if name in paired.values}
    for name, specs in second.inputs.items():
        path, before = (f"inputs.{name}",), back.get(name)
        if before is None:
            takers = ", ".join(paired.second.consumers().get(name, []))
            yield LayerChange("added", (), path, f"{spec_text(specs)}{f', feeds {takers}' if takers else ''}")
            continue
        if before != name:
            yield LayerChange("renamed", (f"inputs.{before}",), path, f"inputs.{before} is now inputs.{name}")
        was = spec_text(first.inputs[before])
        if was != spec_text(specs):
            yield LayerChange(
                "changed", (f"inputs.{before}",), path, settings=(Setting("", was, spec_text(specs)),)
            )
    for name, specs in first.inputs.items():
        if name not in paired.values:
            yield LayerChange("removed", (f"inputs.{name}",), (), spec_text(specs))


def _ties(first: Network, second: Network, paired: PairedBodies) -> Iterator[LayerChange]:
    names = dict(paired.tensors())
    before = {frozenset(names.get(name, f"-{name}") for name in group): group for group in first.tied}
    after = {frozenset(group): group for group in second.tied}
    for key, group in before.items():
        if key not in after:
            yield LayerChange("removed", ("tied",), (), ", ".join(group))
    for key, group in after.items():
        if key not in before:
            yield LayerChange("added", (), ("tied",), ", ".join(group))
