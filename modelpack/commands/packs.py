"""`modelpack verify, pack, unpack, init`: a whole pack is proved, written in another form, or made of an architecture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelpack.commands.reporting import reporting
from modelpack.limits import MOST_FIRST_BYTES

if TYPE_CHECKING:
    from modelpack.network import Network
    from modelpack.opened import OpenPack

__all__ = ["init", "pack", "unpack", "verify"]

PackPath = Annotated[Path, typer.Argument(help="A pack: a directory, or a .modelpack file.")]


def verify(path: PackPath) -> None:
    """Check a pack and compare every byte with its digests.

    Its samples are run where torch is installed.
    """
    with reporting():
        from modelpack import opened as packs
        from modelpack.console import human_bytes, progress_bar
        from modelpack.verifying import verify_digests

        with packs.open(path) as opened:
            print(f"architecture and weights agree ({_size(opened.network)})")
            with progress_bar("digests") as advance:
                verify_digests(opened.pack, lambda _, done, total: advance(done, total))
            total = sum(window.size for window in opened.pack.files.values())
            print(f"digests agree ({len(opened.pack.files)} files, {human_bytes(total)})")
            print(_verify_samples(opened))


def pack(
    directory: Annotated[Path, typer.Argument(help="A pack as a directory.")],
    file: Annotated[Path, typer.Argument(help="The file to write, ending in .modelpack.")],
) -> None:
    """Make one file of a pack that is a directory."""
    from modelpack.pack import SUFFIX

    if file.suffix != SUFFIX:
        raise typer.BadParameter(f"the file's name must end in {SUFFIX}", param_hint="FILE")
    _copy(directory, file)


def unpack(
    file: Annotated[Path, typer.Argument(help="A .modelpack file.")],
    directory: Annotated[Path, typer.Argument(help="The directory to write.")],
) -> None:
    """Make a directory of a pack that is one file."""
    from modelpack.pack import SUFFIX

    if directory.suffix == SUFFIX:
        raise typer.BadParameter(f"a directory's name must not end in {SUFFIX}", param_hint="DIRECTORY")
    _copy(file, directory)


def init(
    architecture: Annotated[Path, typer.Argument(help="An architecture file.")],
    target: Annotated[
        Path, typer.Argument(help="The pack to write: a .modelpack file, or else a directory.")
    ],
    seed: Annotated[int, typer.Option(help="Equal seeds give equal weights.", min=0)] = 0,
    max_bytes: Annotated[
        int, typer.Option(help="The most bytes that all weights together may have.", min=0)
    ] = MOST_FIRST_BYTES,
) -> None:
    """Make a pack of an architecture, its weights as `init` says.

    No framework is needed.
    """
    with reporting():
        from modelpack.checker import check_text
        from modelpack.console import progress_bar
        from modelpack.files import read_architecture
        from modelpack.pack import write_pack
        from modelpack.template import first_values

        text = read_architecture(architecture)
        network = check_text(text, str(architecture))
        values = first_values(network, seed, max_bytes)
        modes = network.architecture.modes
        with progress_bar(target.name) as advance:
            write_pack(target, architecture=text, weights=values, modes=modes, progress=advance)
        print(f"wrote {target} ({_size(network)})")


# ---------------------------------------------------------------------------------------------- steps


def _size(network: Network) -> str:
    from modelpack.summary import size_text

    return size_text(network)


def _copy(source: Path, target: Path) -> None:
    with reporting():
        from modelpack.console import progress_bar
        from modelpack.pack import copy_pack

        with progress_bar(target.name) as advance:
            copy_pack(source, target, progress=advance)
        print(f"wrote {target}")


def _verify_samples(opened: OpenPack) -> str:
    samples = opened.pack.samples
    if samples is None:
        return "samples: the pack has none"
    try:
        from modelpack.backends.torch.samples import run_samples
    except ImportError as error:
        if error.name != "torch":
            raise
        return "samples: not run, torch isn't installed (pip install 'modelpack-nn[torch]')"
    run = run_samples(opened, samples)
    how = "bit by bit" if run.exact else "within the tolerance of their dtype, not bit by bit"
    return f"samples agree {how} ({run.outputs} outputs)"
