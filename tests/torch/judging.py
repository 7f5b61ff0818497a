"""What the checker says of mutations, held against torch: precision and recall.

    python -m tests.torch.judging [--count 3000] [--seed 0] [--only NAME ...] [--several]

A mutation is *broken* if the network doesn't run: of reported ones so says `oracle`, at one of two sizes, in one of the modes; of
accepted ones torch, in building or running them in either mode, and a step that gives another shape or dtype than was inferred.
Where an accepted one fails at the usual sizes others are tried, as it may be a network for other images; those are counted. What
depends on values (an index that is none) isn't judged: of two sets of inputs one must do. Dtypes that torch hasn't aren't drawn.

A broken mutation is *reported rightly* if a problem stands
- `line`: on the line that was changed,
- `entry`: on another line of the same entry (a layer that is written on several lines),
- `user`: on the line of a direct user: one that mentions what was changed, by its old or new name, or takes it by standing next,
- `stop`: where torch itself stops: the first layer that can't take what the change made.
Everything else is `elsewhere`, and wrong.

    precision   of the reported, the share that is broken
    recall      of the broken, the share that is reported rightly
"""

from __future__ import annotations

import argparse
import re
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.zoo.shapes import observed
from modelpack import source
from modelpack.backends.torch.build import build
from modelpack.backends.torch.dtypes import to_torch
from modelpack.checker import check_text
from modelpack.dims import evaluate, symbols
from modelpack.errors import ArchitectureError
from modelpack.network import Network, Specs
from modelpack.tensors import TensorSpec
from tests.torch import oracle
from tests.torch.mutations import Mutation, mutations

__all__ = ["ARCHITECTURES", "Judgement", "Sizes", "figures", "judge", "judgements"]

ROOT = Path(__file__).parents[2]
_LARGE = {"bert_base", "gpt2"}


def _architectures() -> dict[str, str]:
    folders = ("tests/cases/valid", "tests/cases/packs", "examples", "tests/torch/architectures")
    files = [file for folder in folders for file in sorted((ROOT / folder).rglob("*.yaml"))]
    found: dict[str, str] = {}
    for file in files:
        name = file.parent.name if file.stem == "architecture" else file.stem
        text = file.read_text(encoding="utf-8")
        if "imports:" not in text and name not in _LARGE:
            found[name] = text
    return found


ARCHITECTURES = _architectures()
"""Valid ones with all that the language has, imports excepted: cases, examples, what was captured of small models."""

Sizes = Mapping[str, int]

USUAL: tuple[Sizes, Sizes] = (
    {"batch": 2, "length": 8, "height": 32, "width": 48, "rows": 5},
    {"batch": 4, "length": 16, "height": 48, "width": 32, "rows": 7},
)
SEARCHED: tuple[Sizes, ...] = tuple(
    {"batch": batch, "length": length, "height": length, "width": length, "rows": length}
    for batch in range(1, 20)
    for length in range(1, 40)
)
"""Where nothing else is what a network requires."""

OTHERS: tuple[Sizes, ...] = tuple(
    {"batch": batch, "length": side, "height": side, "width": side, "rows": side}
    for side in (16, 24, 1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 20, 28, 40, 64, 96, 128)
    for batch in (6, 8, 1)
)


UNMET = object()
"""The network says itself that it isn't for these sizes."""


class _Named(dict[str, int]):
    """Sizes, with one for every name that a mutation may have made: twice that of the name which is nearest, as two dimensions
    are two sizes, and what works for even ones goes on to."""

    def __missing__(self, name: str) -> int:
        return 2 * self[next(iter(get_close_matches(name, self, n=1, cutoff=0.4)), "length")]


@dataclass(frozen=True, slots=True)
class Judgement:
    """One mutation: what was said of it, and what is true."""

    architecture: str
    mutation: Mutation
    reported: tuple[tuple[int, str], ...]
    """line and message of each problem; none: accepted"""
    broken: str
    """why it is no network; empty: it is one"""
    place: str
    """`line`, `entry`, `user`, `stop` or `elsewhere`, of what is reported and broken"""
    at_other_sizes: bool = False
    """it is accepted and runs, but not at the usual sizes"""

    @property
    def right(self) -> bool:
        """Whether it is as it should be."""
        return bool(self.reported) == bool(self.broken) and self.place != "elsewhere"

    def __str__(self) -> str:
        told = "; ".join(f"{line}: {message}" for line, message in self.reported[:3]) or "accepted"
        what = "WRONG PLACE" if self.place == "elsewhere" else "MISSED" if self.broken else "FALSE ALARM"
        return f"{what} {self.architecture}: {self.mutation}\n    says: {told[:300]}\n    true: {self.broken[:300] or 'it runs'}"


def judgements(count: int, seed: int = 0, names: Iterable[str] = ()) -> Iterator[Judgement]:
    """`count` mutations, equally many of each architecture, judged."""
    chosen = {name: text for name, text in ARCHITECTURES.items() if not names or name in names}
    for at, (name, text) in enumerate(chosen.items()):
        share = count * (at + 1) // len(chosen) - count * at // len(chosen)
        for mutation in mutations(text, share, seed):
            yield judge(name, mutation)


def judge(architecture: str, mutation: Mutation) -> Judgement:
    """What the checker says of a mutation, and what torch does."""
    try:
        network = check_text(mutation.text)
    except ArchitectureError as error:
        reported = tuple(
            (each.place.line if each.place else 0, f"{each.code} {each.message}") for each in error.problems
        )
        broken = _refused_by_torch(mutation.text)
        place = (
            _place(ARCHITECTURES[architecture], mutation, {line for line, _ in reported}) if broken else ""
        )
        return Judgement(architecture, mutation, reported, broken, place)
    broken, elsewhere = _fails(network, mutation.text)
    return Judgement(architecture, mutation, (), broken, "", elsewhere)


# ------------------------------------------------------------------------------------------------------- what is true


def _refused_by_torch(text: str) -> str:
    """Why the oracle finds `text` to be no network, at either of the usual sizes (or others, where it isn't for these)."""
    asked = 0
    for sizes in (*USUAL, *OTHERS, *SEARCHED):
        found = _plain(text, sizes)
        if isinstance(found, oracle.Wrong):
            return str(found)
        asked += found is None
        if asked == 2:
            return ""
    return "" if asked else "no sizes are allowed"


def _stops(text: str) -> set[int]:
    """The lines where torch itself stops, at some sizes or others."""
    found = [_plain(text, sizes) for sizes in (*USUAL, *OTHERS[:6])]
    return {each.line for each in found if isinstance(each, oracle.Wrong)}


def _plain(text: str, sizes: Sizes) -> oracle.Wrong | object | None:
    """What the oracle has against `text` at these sizes, whatever the values of the inputs."""
    wrong: oracle.Wrong | None = None
    for zeros in (False, True):
        try:
            for training in _modes(text):
                oracle.run(text, _Named(sizes), training=training, zeros=zeros)
        except oracle.Unmet:
            return UNMET
        except oracle.Wrong as error:
            wrong = error
        else:
            return None
    return wrong


def _fails(network: Network, text: str) -> tuple[str, bool]:
    """Why torch doesn't do what was inferred of a network that the checker accepted; and whether it does it only at sizes that
    aren't the usual ones."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = build(network, "cpu")
    except Exception as error:  # whatever it is, it isn't built
        return f"build: {type(error).__name__}: {error}", False
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            tensor.fill_(0.5 if tensor.is_floating_point() else 0)
    why = ""
    for tried in (USUAL, OTHERS, SEARCHED):
        ran = 0
        for sizes in tried:
            found, unmet = _runs(network, module, _Named(sizes))
            if found.startswith("shape"):
                return found, False
            why = why or found
            ran += not found and not unmet
            if ran == 2:
                return _by_the_plain_way(text, sizes), tried is not USUAL
        if why and tried is OTHERS:
            break
    return why or "no sizes are allowed", False


def _by_the_plain_way(text: str, sizes: Sizes) -> str:
    """What the oracle has against it: what the format forbids, torch may do."""
    wrong = _plain(text, sizes)
    return f"oracle: {wrong}" if wrong else ""


def _runs(network: Network, module: nn.Module, sizes: Sizes) -> tuple[str, bool]:
    """What goes wrong at these sizes, whatever the values of the inputs; and whether they aren't for this network."""
    why = ""
    for zeros in (False, True):
        inputs = {name: _real(spec, sizes, zeros) for name, spec in network.inputs.items()}
        try:
            for mode in network.architecture.modes:
                with warnings.catch_warnings(), torch.no_grad():
                    warnings.simplefilter("ignore")
                    seen = observed(network, module.train(mode == "train"), [], inputs)
                if seen.wrong:
                    return f"shape: {seen.wrong[0]}", False
        except Exception as error:  # torch has no error type of its own
            if "MP702" in str(error):
                return "", True
            why = f"run: {type(error).__name__}: {error}"
        else:
            return "", False
    return why, False


def _real(specs: Specs, sizes: Sizes, zeros: bool) -> Any:
    if isinstance(specs, TensorSpec):
        dtype = to_torch(specs.dtype)
        shape = [
            dim if isinstance(dim, int) else evaluate(dim, {name: sizes[name] for name in symbols(dim)})
            for dim in specs.shape
        ]
        return oracle.filled(shape, dtype, zeros=zeros)
    if isinstance(specs, Mapping):
        return {name: _real(each, sizes, zeros) for name, each in specs.items()}
    return tuple(_real(each, sizes, zeros) for each in specs or ())


def _modes(text: str) -> tuple[bool, ...]:
    """Train and eval, or the one that a text is carried in."""
    found = re.search(r"^modes: *\[(\w+)\]", text, re.MULTILINE)
    return (found[1] == "train",) if found else (True, False)


# ------------------------------------------------------------------------------------------------------- the right place


def _place(original: str, mutation: Mutation, lines: set[int]) -> str:
    line = mutation.token.line
    entries = list(_entries(source.parse(original)))
    entry = _around(entries, line)
    if line in lines:
        return "line"
    if lines & set(entry.lines):
        return "entry"
    if lines & _users(mutation, entry):
        return "user"
    stops = [_around(entries, each) for each in _stops(mutation.text)]
    return "stop" if any(lines & set(each.lines) for each in stops) else "elsewhere"


@dataclass(frozen=True, slots=True)
class _Entry:
    """A layer, input, argument or tensor: its name, the lines from its name to its end, the block that it is in."""

    name: str
    lines: range
    block: str = ""
    declares: bool = False
    """an input or argument: what the block wants of its users"""


def _around(entries: Iterable[_Entry], line: int) -> _Entry:
    found = [each for each in entries if line in each.lines]
    return min(found, key=lambda each: len(each.lines), default=_Entry("", range(line, line + 1)))


def _entries(value: source.Value, block: str = "") -> Iterator[_Entry]:
    if not isinstance(value, source.Mapping):
        return
    for key, inner in value.entries.items():
        if not isinstance(inner, source.Mapping):
            continue
        if key in ("layers", "inputs", "parameters", "buffers", "arguments"):
            for name, entry in inner.entries.items():
                lines = range(inner.key_places[name][0], _end(entry) + 1)
                yield _Entry(name, lines, block, declares=key in ("inputs", "arguments"))
        elif key == "blocks":
            for name, body in inner.entries.items():
                yield from _entries(body, name)


def _end(value: source.Value) -> int:
    """The last line of a value."""
    if isinstance(value, source.Scalar):
        return value.line
    inner = value.items if isinstance(value, source.Sequence) else value.entries.values()
    return max([value.line, *map(_end, inner)])


def _users(mutation: Mutation, entry: _Entry) -> set[int]:
    """The lines that mention what was changed (a layer by its name, an argument by `$name`), those that use the block of which an
    input or argument was changed, and the next entry, where it says no inputs."""
    text, token = mutation.text.split("\n"), mutation.token
    words = {entry.name} if entry.name else set[str]()
    if token.kind == "reference":
        words |= {token.text, mutation.new}
    elif token.kind == "key":
        words.add(mutation.new)
    elif token.kind == "indentation":
        moved = re.match(r"\s*'?([\w.-]+)'?:", text[token.line - 1])
        words |= {moved[1]} if moved else set()
    if entry.declares and entry.block:
        words |= {entry.block, f"${entry.name}"}
    before = mutation.text[: token.start].rpartition("\n")[2]
    argument = re.search(r"with: \{[^}]*?(\w+): [^,}]*$", before)
    if argument:
        words.add(f"${argument[1]}")
    pattern = re.compile(r"(?<![\w.$])(" + "|".join(map(re.escape, words)) + r")(?!\w)") if words else None
    found = {at for at, line in enumerate(text, 1) if pattern and pattern.search(line)}
    after = next((at for at in range(entry.lines.stop, len(text) + 1) if text[at - 1].strip()), None)
    if after and "inputs:" not in text[after - 1]:
        found.add(after)
    return found


# ------------------------------------------------------------------------------------------------------- the figures


def figures(judged: Iterable[Judgement]) -> tuple[float, float]:
    """Precision and recall."""
    found = list(judged)
    reported = [each for each in found if each.reported]
    broken = [each for each in found if each.broken]
    right = [each for each in broken if each.reported and each.place != "elsewhere"]
    return sum(bool(each.broken) for each in reported) / len(reported), len(right) / len(broken)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=[], choices=list(ARCHITECTURES))
    parser.add_argument(
        "--several", action="store_true", help="show those that are reported on several lines"
    )
    options = parser.parse_args()
    start = time.perf_counter()
    judged = list(judgements(options.count, options.seed, options.only))
    for each in judged:
        if not each.right:
            print(each, flush=True)
    precision, recall = figures(judged)
    several = [each for each in judged if len({line for line, _ in each.reported}) > 1]
    if options.several:
        for each in several:
            print("SEVERAL", each)
    print(f"accepted, for other sizes than the usual: {sum(each.at_other_sizes for each in judged)}")
    print(f"problems on several lines: {len(several)} mutations")
    print(
        f"\n{len(judged)} mutations of {len({each.architecture for each in judged})} architectures, "
        f"{sum(bool(each.reported) for each in judged)} reported, {sum(bool(each.broken) for each in judged)} broken"
    )
    print("by kind:", dict(Counter(each.mutation.token.kind for each in judged)))
    print("where:", dict(Counter(each.place for each in judged if each.place)))
    print(
        f"precision {100 * precision:.2f} %, recall {100 * recall:.2f} %, {time.perf_counter() - start:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
