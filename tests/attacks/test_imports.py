"""Hostile documents and packs that import others: paths that lead away, circles, what costs too much, what was tampered with."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import modelpack
from modelpack import opened
from modelpack.checker import check_text
from modelpack.composing import build, compose, lock
from modelpack.pack import copy_pack, write_pack
from modelpack.template import first_values
from tests.attacks.harness import attack

LINEAR = "{Linear: {in_features: 2, out_features: 2}}"


def document(layers: list[str], imports: dict[str, str] | None = None) -> str:
    """A network of `layers`, each a line, on two numbers; `imports` are name -> what it says of it."""
    told = "".join(f"  {name}: {{{each}}}\n" for name, each in (imports or {}).items())
    head = "modelpack: 1\nname: net\ninputs:\n  x: {dtype: float32, shape: [batch, 2]}\n"
    return f"{head}{'imports:' if told else ''}\n{told}layers:\n" + "".join(f"  {each}\n" for each in layers)


def packed(path: Path, layers: list[str]) -> Path:
    """A pack of a network that imports nothing."""
    text = document(layers)
    write_pack(path, architecture=text.encode(), weights=first_values(check_text(text), 0))
    return path


def importing(path: Path, **imports: str) -> Path:
    """A pack without tensors of its own, of one layer of each of its imports."""
    layers = [f"{name}: {{use: {name}, take: a}}" for name in imports]
    write_pack(path, architecture=document(layers, imports).encode(), weights=[])
    return path


def digest(path: Path) -> str | None:
    with opened.open(path) as pack:
        return pack.digest


def pinned(name: str, path: Path) -> str:
    return f"pack: '{name}', digest: '{digest(path)}'"


def open_whole(path: Path) -> None:
    with opened.open(path) as pack:
        _ = pack.network


def compose_it(path: Path) -> None:
    compose(path).close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a pack in it, and one outside."""
    inside = tmp_path / "inside"
    inside.mkdir()
    packed(inside / "part.modelpack", [f"a: {LINEAR}"])
    packed(tmp_path / "secret.modelpack", [f"a: {LINEAR}"])
    return inside


# ---------------------------------------------------------------------------------------------- where paths lead


def climbing(folder: Path) -> str:
    return "../secret.modelpack"


def climbing_from_below(folder: Path) -> str:
    (folder / "below").mkdir()
    return "below/../../secret.modelpack"


def absolute(folder: Path) -> str:
    return str(folder.parent / "secret.modelpack")


def through_a_link(folder: Path) -> str:
    (folder / "link.modelpack").symlink_to(folder.parent / "secret.modelpack")
    return "link.modelpack"


def through_a_linked_folder(folder: Path) -> str:
    (folder / "link").symlink_to(folder.parent)
    return "link/secret.modelpack"


def through_a_link_to_itself(folder: Path) -> str:
    (folder / "link.modelpack").symlink_to("link.modelpack")
    return "link.modelpack"


def at_an_address(folder: Path) -> str:
    return "http://127.0.0.1:9/secret.modelpack"


def at_a_local_address(folder: Path) -> str:
    return f"file://{folder.parent}/secret.modelpack"


def nul(folder: Path) -> str:
    return "part.modelpack\\0/../../secret.modelpack"


def at_home(folder: Path) -> str:
    return "~/secret.modelpack"


WAYS_OUT: list[tuple[Callable[[Path], str], str]] = [
    (climbing, "MP346"),
    (climbing_from_below, "MP346"),
    (absolute, "MP346"),
    (through_a_link, "MP346"),
    (through_a_linked_folder, "MP346"),
    (through_a_link_to_itself, "MP504"),
    (at_an_address, "MP346"),
    (at_a_local_address, "MP346"),
    (nul, "MP103"),
    (at_home, "MP501"),
]


@pytest.mark.parametrize(("way", "code"), WAYS_OUT, ids=[way.__name__ for way, _ in WAYS_OUT])
def test_a_pack_leads_nowhere_outside_of_its_folder(
    folder: Path, way: Callable[[Path], str], code: str
) -> None:
    told = pinned("PATH", folder.parent / "secret.modelpack").replace("'PATH'", f'"{way(folder)}"')
    attack(open_whole, importing(folder / "net.modelpack", a=told), code)


def test_the_same_pack_inside_is_followed(folder: Path) -> None:
    open_whole(importing(folder / "net.modelpack", a=pinned("part.modelpack", folder / "part.modelpack")))


OUT_OF_A_DOCUMENT = [
    (absolute, "MP346"),
    (at_an_address, "MP346"),
    (at_a_local_address, "MP346"),
    (nul, "MP103"),
]


@pytest.mark.parametrize(
    ("way", "code"),
    [*OUT_OF_A_DOCUMENT, (at_home, "MP501")],
    ids=lambda each: getattr(each, "__name__", each),
)
def test_a_document_has_paths_that_count_from_it(folder: Path, way: Callable[[Path], str], code: str) -> None:
    """Whoever writes one may say `../`: paths are told from where it lies, as in any program's text."""
    path = folder / "new.yaml"
    path.write_text(document(["t: {use: p, take: a}"], {"p": f'pack: "{way(folder)}"'}))
    attack(compose_it, path, code)


@pytest.mark.parametrize("kind", ["fifo", "device", "folder", "text"])
def test_what_is_no_pack_is_not_read(folder: Path, kind: str) -> None:
    target = folder / "p"
    if kind == "fifo":
        os.mkfifo(target)
    elif kind == "device":
        target.symlink_to("/dev/zero")
    elif kind == "folder":
        target.mkdir()
    else:
        target.write_text("secret" * 1000)
    (folder / "new.yaml").write_text(document(["t: {use: p, take: a}"], {"p": "pack: p"}))
    outcome = attack(compose_it, folder / "new.yaml", {"folder": "MP502", "text": "MP510"}.get(kind, "MP504"))
    assert "secret" not in outcome.message


# ---------------------------------------------------------------------------------------------- circles and chains


def test_a_pack_that_imports_itself(folder: Path) -> None:
    """Its digest can't stand in it; without one it isn't followed."""
    path = importing(folder / "net.modelpack", a="pack: net.modelpack")
    attack(open_whole, path, "MP591")
    importing(path, a=pinned("net.modelpack", path))
    attack(open_whole, path, "MP590")


def test_two_packs_that_import_each_other(folder: Path) -> None:
    one = importing(folder / "one.modelpack", a="pack: two.modelpack")
    two = importing(folder / "two.modelpack", a=pinned("one.modelpack", one))
    attack(open_whole, importing(one, a=pinned("two.modelpack", two)), "MP590")


def test_a_document_that_imports_a_circle(folder: Path) -> None:
    importing(folder / "net.modelpack", a="pack: net.modelpack")
    (folder / "new.yaml").write_text(document(["t: {use: p, take: a}"], {"p": "pack: net.modelpack"}))
    attack(compose_it, folder / "new.yaml", "MP591")


def chain(folder: Path, length: int) -> Path:
    """A pack, and so many that import the one before."""
    last = folder / "part.modelpack"
    for number in range(length):
        last = importing(folder / f"net{number}.modelpack", a=pinned(last.name, last))
    return last


def test_a_chain_that_is_too_long(folder: Path) -> None:
    attack(open_whole, chain(folder, 8), None)
    attack(open_whole, chain(folder, 9), "MP225")


def test_packs_that_each_import_the_last_twice(folder: Path) -> None:
    last = folder / "part.modelpack"
    for number in range(8):
        told = pinned(last.name, last)
        last = importing(folder / f"net{number}.modelpack", a=told, b=told)
    attack(open_whole, last, None)


# ---------------------------------------------------------------------------------------------- what costs too much


def takes(folder: Path, layers: int, told: Callable[[int], str], count: int) -> Path:
    packed(folder / "p.modelpack", [f"a{number}: {LINEAR}" for number in range(layers)])
    path = folder / "new.yaml"
    lines = [f"t{number}: {{use: p, {told(number)}}}" for number in range(count)]
    path.write_text(document(lines, {"p": "pack: p.modelpack"}))
    return path


def listed(stem: str, count: int) -> str:
    return ", ".join(f"{stem}{number}" for number in range(count))


def renames(count: int) -> str:
    return ", ".join(f"a{number}: b{number}" for number in range(count))


COSTLY: dict[str, tuple[int, Callable[[int], str], int, str]] = {
    "the same part a thousand times and a wrong one": (1, lambda at: f"take: {'a0' if at else 'b'}", 1000, "MP340"),
    "four hundred ranges of as many layers": (400, lambda at: f"take: [a0, a{399 - at}]", 400, "MP332"),
    "single layers of many, each by itself": (500, lambda at: f"take: a{at}, rename: {{a{at}: b}}", 500, "MP332"),
    "a value of each of a thousand layers": (1000, lambda at: f"outputs: [{listed('a', 1000)}]", 1, "MP332"),
    "ten thousand names to reset, one wrong": (99, lambda at: f"reset: [{listed('a', 99)}, {'a1, ' * 10_000}z]", 1, "MP345"),
    "a thousand names to rename, all there": (1000, lambda at: f"rename: {{{renames(1000)}, z: y}}", 1, "MP345"),
}  # fmt: skip


@pytest.mark.parametrize(("layers", "told", "count", "code"), COSTLY.values(), ids=COSTLY)
def test_what_is_taken_keeps_to_the_budget(
    folder: Path, layers: int, told: Callable[[int], str], count: int, code: str
) -> None:
    attack(compose_it, takes(folder, layers, told, count), code)


def nested(folder: Path, depth: int) -> None:
    """A pack of blocks that use the next one twice: `t.u0.u1…`."""
    blocks = "".join(
        f"  B{at}:\n    inputs: {{x: {{}}}}\n    layers:\n      u0: {{use: B{at + 1}}}\n      u1: {{use: B{at + 1}}}\n"
        for at in range(depth)
    )
    last = f"  B{depth}:\n    inputs: {{x: {{}}}}\n    layers:\n      a: {{ReLU: {{}}}}\n"
    (folder / "p").mkdir()
    text = document(["t: {use: B0}"]).replace("layers:\n  t", f"blocks:\n{blocks}{last}layers:\n  t")
    (folder / "p" / "architecture.yaml").write_text(text)


def deep(depth: int, count: int) -> list[str]:
    return [".".join(["t", *(f"u{bit}" for bit in f"{at:0{depth}b}")]) for at in range(count)]


def test_paths_that_lead_deep_keep_to_the_budget(folder: Path) -> None:
    nested(folder, 12)
    lines = [f"t{at}: {{use: p, take: {path}}}" for at, path in enumerate(deep(11, 300))]
    (folder / "new.yaml").write_text(document(lines, {"p": "pack: p"}))
    attack(compose_it, folder / "new.yaml", "MP332")


def test_parts_with_blocks_in_common_share_them(folder: Path) -> None:
    """Whether a block is written before or after the one that uses it."""
    nested(folder, 3)
    one, other = deep(2, 2)
    lines = [f"a: {{use: p, take: [{one}, {other}]}}", f"b: {{use: p, take: [{one}, {one}]}}", "c: {use: p}"]
    (folder / "new.yaml").write_text(document(lines, {"p": "pack: p"}))
    with compose(folder / "new.yaml") as composed:
        blocks = composed.linked.network.architecture.blocks
    assert sorted(blocks) == ["B0", "B1", "B2", "B3", "p", "p_2", "p_3"]


def test_one_pack_imported_by_many_names_is_read_once(folder: Path) -> None:
    packed(folder / "p.modelpack", [f"a{number}: {LINEAR}" for number in range(300)])
    imports = {f"p{number}": "pack: p.modelpack" for number in range(256)}
    path = folder / "new.yaml"
    path.write_text(document(["t: {use: p0, take: a0}"], imports))
    attack(compose_it, path, None)
    path.write_text(document(["t: {use: p0, take: a0}"], {**imports, "q": "pack: p.modelpack"}))
    attack(compose_it, path, "MP225")


def costly_template(folder: Path) -> list[str]:
    """A short text with 190,000 steps."""
    block = "blocks:\n  B:\n    inputs: {x: {}}\n    layers:\n      a: {ReLU: {}, repeat: 1900}\n"
    text = document(["t: {use: B, repeat: 100}"]).replace("layers:\n  t", f"{block}layers:\n  t")
    names: list[str] = []
    for number in range(20):
        target = folder / f"p{number}"
        target.mkdir()
        (target / "architecture.yaml").write_text(text)
        names.append(target.name)
    return names


def test_all_packs_together_keep_to_the_budget_of_one(folder: Path) -> None:
    imports = {name: f"pack: {name}" for name in costly_template(folder)}
    path = folder / "new.yaml"
    path.write_text(document(["t: {use: p0, take: t.0}"], imports))
    attack(compose_it, path, "MP330")


# ---------------------------------------------------------------------------------------------- tampering


SOURCES = ("one", "two", "three")


@pytest.fixture
def new(folder: Path) -> Path:
    """A document with parts of three packs, locked."""
    for seed, name in enumerate(SOURCES):
        text = document([f"a: {LINEAR}", f"b: {LINEAR}"])
        write_pack(folder / name, architecture=text.encode(), weights=first_values(check_text(text), seed))
    layers = [f"{name}: {{use: {name}, take: a}}" for name in SOURCES]
    path = folder / "new.yaml"
    path.write_text(document([*layers, f"head: {LINEAR}"], {name: f"pack: {name}" for name in SOURCES}))
    lock(path)
    return path


def build_it(path: Path) -> None:
    build(path, path.parent / "out.modelpack")


def refused(new: Path, code: str) -> None:
    """Refused before anything is written."""
    attack(build_it, new, code)
    assert not [each.name for each in new.parent.iterdir() if "out" in each.name]


def test_three_sources_twice_are_the_same_bytes(new: Path) -> None:
    one, two = new.parent / "1.modelpack", new.parent / "2.modelpack"
    build(new, one, seed=5)
    build(new, two, seed=5)
    assert one.read_bytes() == two.read_bytes()
    with modelpack.open(one) as pack:
        assert pack.manifest is not None
        origins = {name: each.pack for name, each in pack.manifest.origins.items()}
    assert origins == {
        f"{name}.{tensor}": digest(new.parent / name) for name in SOURCES for tensor in ("weight", "bias")
    }


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_that_was_changed(new: Path, name: str) -> None:
    text = document([f"a: {LINEAR}", f"b: {LINEAR}"])
    write_pack(new.parent / name, architecture=text.encode(), weights=first_values(check_text(text), 9))
    refused(new, "MP590")


def test_a_manifest_that_was_changed(new: Path) -> None:
    path = new.parent / "two" / "manifest.json"
    path.write_bytes(path.read_bytes() + b"\n")
    refused(new, "MP590")


def test_a_lock_with_another_digest(new: Path) -> None:
    path = new.with_suffix(".lock")
    document = json.loads(path.read_text())
    document["imports"]["two"]["digest"] = document["imports"]["one"]["digest"]
    path.write_text(json.dumps(document))
    refused(new, "MP590")


def test_a_lock_of_another_path(new: Path) -> None:
    path = new.with_suffix(".lock")
    path.write_text(path.read_text().replace('"pack": "two"', '"pack": "one"'))
    refused(new, "MP591")


NO_LOCKS = {
    "": "MP534",
    "[]": "MP534",
    "{}": "MP592",
    '{"modelpack-lock": 1, "imports": {"one": 1}}': "MP592",
    '{"modelpack-lock": true, "imports": {}}': "MP592",
    "[" * 10**6: "MP536",
}


@pytest.mark.parametrize("text", NO_LOCKS, ids=lambda text: text[:50])
def test_a_lock_that_is_none(new: Path, text: str) -> None:
    new.with_suffix(".lock").write_text(text)
    refused(new, NO_LOCKS[text])


def test_a_part_whose_bytes_were_changed(new: Path) -> None:
    """The manifest is the pinned one, a tensor isn't that of the manifest: what was begun is no pack, and goes."""
    path = new.parent / "two" / "weights.safetensors"
    with modelpack.open(new.parent / "two") as pack:
        window = pack["a.weight"]
        at = window.window.offset + window.info.start
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(modelpack.PackError, match=r"MP564 two\.weight"):
        build_it(new)
    assert not [each.name for each in new.parent.iterdir() if "out" in each.name]


def test_bytes_that_are_not_taken_do_not_matter(new: Path) -> None:
    """Only what is needed is read: `verify` looks at the rest."""
    path = new.parent / "two" / "weights.safetensors"
    with modelpack.open(new.parent / "two") as pack:
        at = pack["b.weight"].window.offset + pack["b.weight"].info.start
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    build_it(new)


def test_an_adapter_beside_another_base(new: Path, tmp_path: Path) -> None:
    build(new, new.parent / "adapter.modelpack", keep=SOURCES)
    open_whole(new.parent / "adapter.modelpack")
    copy_pack(tmp_path / "secret.modelpack", new.parent / "three")
    attack(open_whole, new.parent / "adapter.modelpack", "MP590")
