"""What is wrong with servers of packs, and with locks; each beside the same mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

import modelpack
from modelpack.checker import check_text
from modelpack.composing import build, lock
from modelpack.dtypes import DType
from modelpack.pack import write_pack
from modelpack.remote import patience
from modelpack.template import first_values
from tests.cases.cases import Act, Pair
from tests.cases.pack_cases import NET, left_alone, written
from tests.core.packs import tensor
from tests.core.ranges_server import Answer, Server, serving

# ---------------------------------------------------------------------------------------------- servers


@contextmanager
def served(folder: Path) -> Iterator[Server]:
    """A server of a pack, `net.modelpack`, and of what is in its directory, `net/`."""
    with pytest.MonkeyPatch.context() as patch, serving() as server:
        patch.setattr(patience, "PAUSES", (0.001, 0.001, 0.001))
        server.files["/net.modelpack"] = written(folder, "net.modelpack").read_bytes()
        for path in written(folder).iterdir():
            server.files[f"/net/{path.name}"] = path.read_bytes()
        try:
            yield server
        except modelpack.PackError as error:
            # The port is another each time.
            raise modelpack.PackError(
                replace(each, path=each.path.replace(server.url, "http://server")) for each in error.problems
            ) from None


def asked(path: str, prepare: Callable[[Server], object] = lambda server: None) -> Act:
    def act(folder: Path) -> None:
        with served(folder) as server:
            prepare(server)
            modelpack.open(server.url + path).close()

    return act


def answering(status: int) -> Callable[[Server], object]:
    def fault(answer: Answer) -> None:
        answer.status, answer.body = status, b""

    return lambda server: setattr(server, "always", fault)


def large(folder: Path, size: int, seed: int = 0) -> bytes:
    path = folder / "large.modelpack"
    write_pack(path, architecture=NET.encode(), weights=[tensor("a", DType.UINT8, (size,), seed)])
    return path.read_bytes()


def replaced_meanwhile(seed: int) -> Act:
    """What is at the URL is replaced while a pack is open."""

    def act(folder: Path) -> None:
        with served(folder) as server:
            server.files["/large.modelpack"] = large(folder, 200_000)
            with modelpack.open(f"{server.url}/large.modelpack") as pack:
                server.files["/large.modelpack"] = large(folder, 200_000, seed)
                pack["a"].read()

    return act


def without_ranges(size: int) -> Act:
    def act(folder: Path) -> None:
        with served(folder) as server:
            server.files["/large.modelpack"] = large(folder, size)
            server.knows_ranges = False
            modelpack.open(f"{server.url}/large.modelpack").close()

    return act


def opened_as(host: str) -> Act:
    return lambda folder: modelpack.open(f"file://{host}{written(folder)}").close()


FINE = asked("/net.modelpack")
SERVERS: dict[str, Pair] = {
    "server-that-fails": (asked("/net.modelpack", answering(500)), FINE),
    "server-that-refuses": (asked("/net.modelpack", answering(403)), FINE),
    "server-without-ranges": (without_ranges(40 << 20), without_ranges(1 << 10)),
    "file-replaced-meanwhile": (replaced_meanwhile(1), replaced_meanwhile(0)),
    "address-of-another-machine": (opened_as("elsewhere/"), opened_as("")),
    "directory-without-manifest": (
        asked("/net/", lambda server: server.files.pop("/net/manifest.json")),
        asked("/net/"),
    ),
}


# ---------------------------------------------------------------------------------------------- locks


def built_after(change: Callable[[Path], object], *, locked: bool = True) -> Act:
    """A pack is built of `new.yaml`, which takes a layer of the pack `base`, after a change in their folder."""

    def act(folder: Path) -> None:
        saved(folder, seed=0)
        head = NET.partition("layers:")[0]
        (folder / "new.yaml").write_text(
            f"{head}imports:\n  base: {{pack: base}}\nlayers:\n  head: {{use: base, take: fc}}\n"
        )
        if locked:
            lock(folder / "new.yaml")
        change(folder)
        build(folder / "new.yaml", folder / "new.modelpack")

    return act


def saved(folder: Path, seed: int) -> None:
    write_pack(folder / "base", architecture=NET.encode(), weights=first_values(check_text(NET), seed))


LOCKS: dict[str, Pair] = {
    "pack-changed-since-it-was-locked": (
        built_after(lambda folder: saved(folder, 1)),
        built_after(left_alone),
    ),
    "import-not-locked": (built_after(left_alone, locked=False), built_after(left_alone)),
    "lock-of-nothing": (
        built_after(lambda folder: (folder / "new.lock").write_text("{}")),
        built_after(left_alone),
    ),
}
