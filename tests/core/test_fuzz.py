"""Whatever an architecture says, reading and checking it ends in a network or in an ArchitectureError."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from modelpack.checker import check, check_text
from modelpack.errors import ArchitectureError
from modelpack.layers import BUILTIN
from modelpack.writer import write
from tests.strategies import documents, networks

WORDS = """
{ } [ ] , : - ' null true .nan 0 -1 1.5 99999999999 $n $ batch batch*2 (1 max(1,2) x n0 n0.0 layers inputs outputs use call with
repeat frozen init tied blocks train eval shape dtype float32 int64 bool ../x a.b.c {} [] [x,x] {train:0,eval:1}
"""
TOKENS = st.sampled_from([*WORDS.split(), *sorted(BUILTIN)])


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """The text of a random architecture with some of its words replaced, dropped or doubled."""
    text = write(draw(st.one_of(networks(), documents())))
    words = text.replace(",", " , ").replace("{", "{ ").replace("}", " }").split(" ")
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(words) - 1))
        change = draw(st.sampled_from(["replace", "drop", "double", "swap"]))
        if change == "replace":
            words[at] = draw(TOKENS) + ("\n" if words[at].endswith("\n") else "")
        elif change == "drop" and len(words) > 1:
            del words[at]
        elif change == "double":
            words.insert(at, words[at])
        else:
            other = draw(st.integers(0, len(words) - 1))
            words[at], words[other] = words[other], words[at]
    return " ".join(words)


@given(mutated())
def test_mutated_text(text):
    with suppress(ArchitectureError):
        check_text(text)


@given(documents())
def test_documents_that_need_not_check(architecture):
    with suppress(ArchitectureError):
        check(architecture)
