"""Problems, where they are, and the exceptions that carry them.

A stage collects `Problem`s and goes on; a boundary (`read`, `check`, `open`, …) raises once, with all of them.
Codes are stable: a released code keeps its meaning for ever. `spec/errors.md` explains each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

__all__ = [
    "CODES",
    "ArchitectureError",
    "BuildError",
    "CaptureError",
    "CaptureWarning",
    "ModelpackError",
    "PackError",
    "Place",
    "Problem",
    "in_order",
    "printable",
    "raise_if_any",
]

# fmt: off
CODES: dict[str, str] = {
    # 1xx: the text, as YAML
    "MP101": "not valid YAML",
    "MP102": "not UTF-8",
    "MP103": "character not allowed",
    "MP104": "empty document",
    "MP105": "more than one document",
    "MP106": "directive",
    "MP107": "tag",
    "MP108": "anchor",
    "MP109": "alias",
    "MP110": "merge key",
    "MP111": "key is a collection",
    "MP112": "key is not a text",
    "MP113": "key given twice",
    "MP114": "key not in Unicode normal form C",
    "MP115": "number that YAML readers read differently",
    "MP116": "number out of range",
    "MP120": "text too long",
    "MP121": "nested too deeply",
    "MP122": "too many keys and values",
    "MP123": "value too long",
    "MP124": "key too long",
    # 2xx: the document: keys, types, settings, references
    "MP201": "unknown layer type",
    "MP202": "unknown key",
    "MP203": "missing key",
    "MP204": "wrong kind of value",
    "MP205": "unsupported format version",
    "MP206": "name not allowed",
    "MP207": "unknown setting",
    "MP208": "missing setting",
    "MP209": "setting with a wrong value",
    "MP210": "a layer that does nothing, or several things",
    "MP211": "unknown block",
    "MP212": "unknown or missing argument of a block",
    "MP213": "argument with a wrong kind or value",
    "MP215": "name taken",
    "MP216": "a block inside itself",
    "MP217": "a dimension that can't be known",
    "MP218": "unknown dtype",
    "MP220": "unknown dimension or argument",
    "MP221": "unknown initialiser",
    "MP222": "initialiser with a wrong argument",
    "MP223": "a requirement that is no comparison",
    "MP224": "an import with a wrong path or digest",
    "MP225": "too many imports",
    # 3xx: the network: wiring, shapes, dtypes
    "MP302": "an input lacks an axis or has too many",
    "MP303": "a setting differs from the axis that it describes",
    "MP304": "inputs that a layer can't take",
    "MP305": "shapes that don't broadcast",
    "MP306": "wrong dtype",
    "MP307": "a result without elements",
    "MP308": "settings that contradict one another",
    "MP309": "an input isn't as the block declares it",
    "MP310": "unknown reference",
    "MP311": "reference to what comes later",
    "MP312": "too many or too few inputs",
    "MP313": "no such output",
    "MP314": "several tensors where one is wanted",
    "MP315": "no such layer to call",
    "MP316": "nothing to give or to chain",
    "MP317": "no such tensor",
    "MP318": "a tensor whose shape isn't fixed",
    "MP319": "outputs that differ between the modes",
    "MP321": "tensors that can't be one",
    "MP322": "something of one mode used in another",
    "MP323": "an assignment that can't be made",
    "MP330": "too many steps",
    "MP331": "blocks nested too deeply",
    "MP332": "too much to check",
    "MP333": "a tensor too large",
    "MP334": "all tensors together too large",
    "MP335": "a size too complex to follow",
    "MP338": "too many tensors",
    "MP340": "no such layer to take",
    "MP341": "other tensors cross the cut",
    "MP342": "a dimension that is lost at the cut",
    "MP343": "a layer on both sides of the cut",
    "MP344": "a part that does not fit the network",
    "MP345": "something that is not in the part",
    "MP346": "an import that leads nowhere",
    "MP347": "an input that nothing feeds",
    # 4xx: the weights against the architecture
    "MP401": "tensor missing from the weights",
    "MP402": "tensor that no layer has",
    "MP403": "tensor of another shape",
    "MP404": "tensor of another dtype",
    "MP405": "tied tensor stored twice",
    "MP410": "tensor without an initialiser",
    "MP411": "initialiser that can't make a tensor",
    "MP412": "first values too large",
    # 5xx: the pack: archive, weight file, manifest
    "MP501": "there is no pack here",
    "MP502": "the pack lacks a required file",
    "MP503": "a file that doesn't belong in a pack",
    "MP504": "not a regular file",
    "MP505": "a file is larger than the limit",
    "MP506": "the set of weight shards is wrong",
    "MP507": "something that isn't a pack stands where one is to be saved",
    "MP508": "a file ended while it was read",
    "MP509": "the manifest and the files of the pack disagree",
    "MP510": "not a ZIP archive, or a truncated one",
    "MP511": "data before, after or beside the archive",
    "MP512": "malformed ZIP64 records",
    "MP513": "malformed central directory",
    "MP514": "too many members",
    "MP515": "member name not allowed",
    "MP516": "member twice",
    "MP517": "member is compressed",
    "MP518": "member is encrypted",
    "MP519": "ZIP feature not allowed",
    "MP520": "local and central record disagree",
    "MP521": "members overlap or leave a gap",
    "MP522": "member not aligned to 64 bytes",
    "MP523": "CRC-32 doesn't match",
    "MP524": "extra field not allowed",
    "MP530": "too short for a safetensors header",
    "MP531": "safetensors header larger than the limit",
    "MP532": "safetensors header runs beyond the file",
    "MP533": "JSON isn't UTF-8",
    "MP534": "not a JSON object",
    "MP535": "JSON key twice",
    "MP536": "JSON nested too deeply or of too many parts",
    "MP537": "safetensors metadata isn't text to text",
    "MP538": "malformed tensor entry",
    "MP539": "unknown dtype in a weight file",
    "MP540": "bad shape in a weight file",
    "MP541": "tensor size overflows",
    "MP542": "elements don't fill whole bytes",
    "MP543": "malformed data offsets",
    "MP544": "data offsets differ from dtype and shape",
    "MP545": "tensors overlap",
    "MP546": "bytes that belong to no tensor",
    "MP547": "tensor data beyond the end of the file",
    "MP548": "trailing data after the last tensor",
    "MP549": "misaligned tensor data",
    "MP550": "tensor name not allowed",
    "MP551": "too many tensors",
    "MP552": "tensor in two shards",
    "MP553": "no such tensor",
    "MP554": "tensor can't be written",
    "MP555": "dtype that numpy doesn't have",
    "MP560": "unsupported format version in the manifest",
    "MP561": "unknown or missing key in the manifest",
    "MP562": "wrong value in the manifest",
    "MP563": "malformed digest",
    "MP564": "digest doesn't match",
    "MP565": "no digests to verify",
    "MP570": "the network failed, several times",
    "MP571": "a file elsewhere changed, or other bytes came than were asked for",
    "MP572": "a server that sends no parts of files",
    "MP573": "a URL that can't be opened here",
    "MP574": "access refused",
    "MP575": "a directory elsewhere without a manifest",
    "MP590": "not the pack that is pinned",
    "MP591": "an import that nothing pins",
    "MP592": "malformed lock file",
    "MP593": "a pack without a digest",
    # 6xx: capture from a live model
    "MP601": "torch.export can't follow the model",
    "MP602": "an operator that is no operation of modelpack",
    "MP603": "not a module of Python",
    "MP604": "a hook on a module",
    "MP605": "a parametrized tensor that is cached",
    "MP606": "a forward that was replaced on its instance",
    "MP607": "an in-place change that something else sees",
    "MP608": "modules in different modes",
    "MP609": "inputs or outputs that aren't tensors",
    "MP610": "a module whose behaviour isn't its class's",
    "MP611": "a constructor argument or value that no setting carries",
    "MP612": "a module whose tensors aren't the declared ones",
    "MP613": "an argument of an operator that no setting carries",
    "MP614": "a tensor that a pack can't hold",
    "MP615": "a size that depends on values of tensors",
    "MP616": "the captured network gives something else",
    "MP617": "free axes that aren't what dynamic= says",
    "MP618": "a decision on sizes that no comparison says",
    "MP619": "a network that fails on its example inputs",
    # 7xx: building and running in a backend
    "MP701": "an input isn't as the network declares it",
    "MP702": "sizes that the network doesn't allow",
    "MP710": "a name that a submodule or tensor can't have",
    "MP711": "a type that the backend can't run",
    "MP712": "a setting that the backend can't change while running",
    "MP713": "a dtype that the backend hasn't",
    "MP720": "tensors without values",
    "MP721": "a tensor of another shape or dtype than the module's",
    "MP730": "the samples don't fit the network",
    "MP731": "the samples' outputs are others",
    "MP732": "the network fails on its samples",
    "MP733": "a tensor of the source that goes nowhere",
    "MP734": "a tensor of the target that nothing goes to",
    "MP735": "a transfer between shapes",
    "MP736": "a transfer between dtypes",
    "MP737": "several tensors for one",
    "MP738": "a name in map or leave that fits nothing",
    "MP739": "a tensor that can't be transferred",
    "MP740": "a mode that the network isn't carried in",
    "MP741": "a frozen tensor that changed",
    "MP742": "a tensor of an import that changed",
    "MP743": "a module other than the pack's",
    # 8xx: advice on what is sound, from modelpack.lint
    "MP801": "unused block",
    "MP802": "unused argument",
    "MP803": "unused import",
    "MP804": "unused input",
    "MP805": "unused input of a block",
    "MP806": "comment that silences nothing",
    "MP811": "a layer that runs for nothing",
    "MP812": "a layer after the output",
    "MP813": "a free dimension that is really fixed",
    "MP814": "requirements that contradict one another",
    "MP821": "a bias before a batch normalisation",
    "MP822": "dropout with probability 0",
    "MP823": "a frozen layer that trains",
    "MP831": "more parameters than the budget",
    "MP832": "more operations than the budget",
    "MP833": "more activations than the budget",
    "MP841": "no licence",
    "MP842": "no samples",
    "MP843": "values that are no numbers",
}
# fmt: on


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a text: line and column count from 1, columns in Unicode characters."""

    line: int
    column: int
    file: str = "<text>"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: a stable code, where, what, and what to do about it.

    `path` is the dotted path inside the document or the model (`layers.fc`), empty if the whole is meant.
    """

    code: str
    message: str
    place: Place | None = None
    path: str = ""
    hint: str | None = None

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        what = f"{printable(self.path)}: " if self.path else ""
        hint = "\n    hint: " + "\n".join(self.lines(self.hint)) if self.hint else ""
        return f"{printable(where)}{self.code} {what}" + "\n".join(self.lines(self.message)) + hint

    def lines(self, text: str) -> list[str]:
        """The message or hint as it is printed: in several lines where it may quote a framework. Any other may quote a file,
        which must begin no line: there are CI systems that take `::` there for a command.
        """
        lines = text.split("\n") if self.code.startswith(_OF_FRAMEWORKS) else [text]
        first, *more = map(printable, lines)
        return [first, *(_COMMAND.sub(r"\1\\\2", each) for each in more)]

    def within(self, path: str) -> Problem:
        """The same problem, told from one level further out."""
        return replace(self, path=f"{path}.{self.path}" if self.path else path)


_OF_FRAMEWORKS = ("MP6", "MP7")
"""what can't be captured, built or run"""
_COMMAND = re.compile(r"^(\s*)(::|##\[)")
"""What frameworks say may quote a file as well."""


def printable(text: str) -> str:
    """`text` with escapes for what isn't printed as itself: what a file says must not steer a terminal, and can be encoded."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text
    )


class ModelpackError(Exception):
    """Base of every error this library raises on purpose; `problems` holds at least one."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[ModelpackError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class ArchitectureError(ModelpackError):
    """The text or the network that it describes is wrong (1xx to 3xx), or can't be initialised (MP410 to MP412)."""


class PackError(ModelpackError):
    """A pack, its weights or its manifest is wrong (4xx and 5xx)."""


class CaptureError(ModelpackError):
    """A live model can't be carried exactly (6xx)."""


class CaptureWarning(UserWarning):
    """Something of the model that the pack will not have, and says so itself (`modes: [eval]`)."""


class BuildError(ModelpackError):
    """A backend can't build, fill or run a network (7xx)."""


def raise_if_any(problems: Iterable[Problem], error: type[ModelpackError]) -> None:
    """Raise `error` with all `problems`, each once, in order of place, if there are any."""
    found = in_order(problems)
    if found:
        raise error(found)


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """`problems` in order of place, each once."""
    return sorted(dict.fromkeys(problems), key=_by_place)


def _by_place(problem: Problem) -> tuple[str, int, int]:
    place = problem.place
    return (place.file, place.line, place.column) if place else ("", 0, 0)
