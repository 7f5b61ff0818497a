"""Runs one attack in a child process of its own and holds it to a budget.

    attack(function, argument, expected_code)                 -> Outcome
    attack(function, argument, expected_code, seconds=1.0, megabytes=100)

`function` is called with `argument`, and must raise a ModelpackError that holds a Problem with `expected_code`
(`None`: it must return). It is any function that can be imported by name (defined at the top of a module: it is pickled);
`argument` is anything that pickles: the hostile bytes themselves, or the Path of a hostile file.

The child is forked from a small server process, which has imported only modelpack and one thread: its memory
begins clean, whatever ran before in the tests. Asserted are:
- the code, and that nothing but a ModelpackError comes out;
- CPU time below `seconds` (the wall clock kills at ten times that, so a hang is seen too);
- peak memory above that at the start of the call below `megabytes`;
- nothing written: the current directory, empty and fresh, stays so, and Python's audit events see no file opened for
  writing, made, moved or removed, no program started, and no connection opened.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from modelpack.errors import ModelpackError

__all__ = ["Outcome", "attack"]

_GUARD_BYTES = 2 << 30
"""Address space that the call may add: a bomb ends in a MemoryError in the child, not in a dead machine."""
_FORBIDDEN_EVENTS = frozenset({
    "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
    "os.chown", "os.utime", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "pty.spawn",
    "subprocess.Popen", "socket.connect", "socket.bind", "urllib.Request",
})  # fmt: skip
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["modelpack.source", "tests.attacks.harness"])


@dataclass(frozen=True)
class Outcome:
    """What the child saw: the codes raised and their text, or else the `failure` that isn't ours; and the cost."""

    codes: tuple[str, ...]
    message: str
    failure: str
    seconds: float
    megabytes: float
    effects: tuple[str, ...]


def attack(
    function: Callable[[Any], object],
    argument: object,
    expected_code: str | None,
    seconds: float = 1.0,
    megabytes: float = 100,
) -> Outcome:
    """Call `function(argument)` in a child, and assert what the head of this file says."""
    outcome = _run(function, argument, 10 * seconds)
    if not outcome.failure and outcome.seconds >= seconds:
        # CPU time still depends on what else runs on the machine: what is slow by itself is slow twice.
        outcome = _run(function, argument, 10 * seconds)
    assert not outcome.failure, outcome.failure
    if expected_code is None:
        assert outcome.codes == (), outcome.message
    else:
        assert expected_code in outcome.codes, outcome.message or "nothing was raised"
    assert outcome.effects == (), f"it touched the world: {outcome.effects}"
    assert outcome.seconds < seconds, f"it took {outcome.seconds:.2f} s of CPU"
    assert outcome.megabytes < megabytes, f"it took {outcome.megabytes:.0f} MB"
    return outcome


def _run(function: Callable[[Any], object], argument: object, wall_seconds: float) -> Outcome:
    receiver, sender = _context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory() as directory:
        child = _context.Process(target=_call, args=(sender, directory, function, argument))
        child.start()
        sender.close()
        # Starting the child (a fresh server, at the first call) isn't the attack's time.
        assert receiver.poll(60), "the child did not start"
        try:
            receiver.recv()
            if receiver.poll(wall_seconds):
                return receiver.recv()
            return Outcome((), "", f"no answer within {wall_seconds:.0f} s", wall_seconds, 0, ())
        except EOFError:
            child.join(5)
            return Outcome((), "", f"the child died with exit code {child.exitcode}", 0, 0, ())
        finally:
            child.kill()
            child.join()
            receiver.close()


def _call(sender: Connection, directory: str, function: Callable[[Any], object], argument: object) -> None:
    """In the child: measure one call."""
    os.chdir(directory)
    sys.dont_write_bytecode = True
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (_address_space() + _GUARD_BYTES,) * 2)
    sender.send("ready")
    effects: list[str] = []
    watching = True

    def watch(event: str, args: tuple[Any, ...]) -> None:
        if watching and (event in _FORBIDDEN_EVENTS or (event == "open" and _opens_for_writing(args))):
            effects.append(f"{event}{args}"[:200])

    sys.addaudithook(watch)
    codes, message, failure = (), "", ""
    peak, started = _peak(), time.process_time()
    try:
        function(argument)
    except ModelpackError as error:
        codes = tuple(problem.code for problem in error.problems)
        message = str(error)[:2000]
    except BaseException as error:
        failure = f"{type(error).__name__}: {error}"[:2000]
    seconds, grown = time.process_time() - started, (_peak() - peak) / 1e6
    watching = False
    effects += os.listdir(directory)
    sender.send(Outcome(codes, message, failure, seconds, grown, tuple(effects)))


def _opens_for_writing(args: tuple[Any, ...]) -> bool:
    _, mode, flags = args
    return bool(set(mode or "") & set("wax+")) or bool((flags or 0) & _WRITES)


def _peak() -> int:
    """The most resident memory of this process so far, in bytes; getrusage counts in KiB, but on macOS in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _address_space() -> int:
    """Bytes mapped by this process (Linux)."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()
