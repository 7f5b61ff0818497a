"""A slip in one token is reported where it is, or leaves a network that torch builds and runs as inferred: 300 of the 3,000
mutations that `python -m tests.torch.judging` tries, and that what judges them isn't blind."""

from __future__ import annotations

from collections import Counter

import pytest

from modelpack.checker import check_text
from modelpack.errors import ArchitectureError, Place, Problem
from tests.torch import judging, oracle
from tests.torch.judging import ARCHITECTURES, USUAL, figures, judge, judgements
from tests.torch.mutations import KINDS, Mutation, Token, mutations, tokens

MLP = ARCHITECTURES["mlp"]


def mutation(text: str, kind: str, old: str, new: str) -> Mutation:
    """`text` with the first `old` as `new`."""
    start = text.index(old)
    token = Token(kind, start, start + len(old), text.count("\n", 0, start) + 1, old)
    return Mutation(token, new, text.replace(old, new, 1))


def test_mutations_are_reported_rightly_or_run() -> None:
    judged = list(judgements(300))
    precision, recall = figures(judged)
    wrong = "\n".join(str(each) for each in judged if not each.right)
    assert len(judged) == 300
    assert {each.mutation.token.kind for each in judged} == set(KINDS)
    assert precision >= 0.99, wrong
    assert recall >= 0.99, wrong


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_oracle_runs_what_is_valid(name: str) -> None:
    text = ARCHITECTURES[name]
    check_text(text)
    for sizes in USUAL:
        for training in (True, False):
            oracle.run(text, sizes, training=training)


def test_there_are_thirty_architectures_or_more_of_all_kinds() -> None:
    everything = "\n".join(ARCHITECTURES.values())
    assert len(ARCHITECTURES) >= 30
    features = (
        "repeat from with call when tied parameters buffers requires modes frozen init arguments outputs"
    )
    for feature in features.split():
        assert f"{feature}:" in everything


def test_the_same_ones_each_time_and_each_differs_in_its_token_only() -> None:
    made = mutations(MLP, 60)
    assert made == mutations(MLP, 60)
    assert len({each.text for each in made}) == 60
    for each in made:
        start, end = each.token.start, each.token.end
        assert MLP[:start] + each.new + MLP[end:] == each.text != MLP


def test_tokens_are_where_they_are_said_to_be() -> None:
    found = tokens(ARCHITECTURES["repeat-from"])
    assert all(ARCHITECTURES["repeat-from"][each.start : each.end] == each.text for each in found)
    kinds = Counter((each.kind, each.text) for each in found)
    assert kinds["type", "Linear"] == 2
    assert kinds["setting", "in_features"] == 2
    assert kinds["reference", "$n"] == 2
    assert kinds["number", "20"] == 2
    assert kinds["key", "repeat"] == 1


@pytest.mark.parametrize(
    ("kind", "old", "new", "place", "line"),
    [
        ("type", "ReLU", "Rellu", "line", 7),
        ("setting", "out_features", "out_featurs", "line", 6),
        ("number", "256", "255", "stop", 8),
        ("reference", "x:", "y:", "", None),
        ("type", "ReLU", "GELU", "", None),
        ("indentation", "  act", "   act", "line", 7),
    ],
)
def test_judged_by_hand(kind: str, old: str, new: str, place: str, line: int | None) -> None:
    judged = judge("mlp", mutation(MLP, kind, old, new))
    assert judged.right, str(judged)
    assert judged.place == place
    assert [each for each, _ in judged.reported][:1] == ([] if line is None else [line])


def test_what_the_checker_would_let_pass_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "check_text", lambda text: check_text(MLP))
    judged = judge("mlp", mutation(MLP, "number", "256", "255"))
    assert judged.broken
    assert not judged.right
    assert str(judged).startswith("MISSED")


def test_what_is_inferred_wrongly_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    other = check_text(MLP.replace("out_features: 10", "out_features: 11"))
    built = judging.build
    monkeypatch.setattr(judging, "build", lambda network, device: built(other, device))
    judged = judge("mlp", mutation(MLP, "type", "ReLU", "GELU"))
    assert "inferred float32[batch, 10]" in judged.broken
    assert not judged.right


def test_what_is_sound_and_refused_is_a_false_alarm_and_a_wrong_place_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(text: str) -> None:
        raise ArchitectureError(Problem("MP201", "no", Place(2, 1)))

    monkeypatch.setattr(judging, "check_text", refuse)
    sound, broken = (judge("mlp", mutation(MLP, "type", "ReLU", new)) for new in ("GELU", "Rellu"))
    assert (str(sound).partition(" ")[0], sound.broken) == ("FALSE", "")
    assert (broken.place, broken.right) == ("elsewhere", False)
    assert figures([sound, broken]) == (0.5, 0.0)
