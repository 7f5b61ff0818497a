"""One mistake is one problem: what follows from a wrong layer isn't told as if it were wrong itself."""

import pytest

from modelpack.examining.document import examine_text
from modelpack.findings import Severity

NET = """\
modelpack: 1
name: net
inputs:
  x: {dtype: float32, shape: [batch, 3, 32, 32]}
blocks:
  Head:
    arguments: {width: int}
    inputs: {x: {}}
    layers:
      fc: {Linear: {in_features: $width, out_features: 10}}
layers:
  conv1: {Conv2d: {in_channels: 3, out_channels: 8, kernel_size: 3, padding: 1}}
  norm1: {BatchNorm2d: {num_features: 8}}
  act1: {ReLU: {}}
  conv2: {Conv2d: {in_channels: 8, out_channels: 16, kernel_size: 3, padding: 1}, inputs: act1}
  norm2: {BatchNorm2d: {num_features: 16}}
  sum: {add: {}, inputs: [norm2, conv2]}
  act2: {ReLU: {}}
  pool: {AdaptiveAvgPool2d: {output_size: 1}}
  flat: {Flatten: {}}
  wide: {Linear: {in_features: 16, out_features: 32}}
  head: {use: Head, with: {width: 32}}
outputs: head
"""


def errors(text):
    return [
        finding.problem
        for finding in examine_text(text.encode(), "net.yaml")
        if finding.severity is Severity.ERROR
    ]


def test_the_network_itself_is_sound():
    assert errors(NET) == []


@pytest.mark.parametrize(
    ("right", "wrong", "code", "line"),
    [
        ("conv2: {Conv2d", "conv2: {Conv2e", "MP201", 15),
        ("out_channels: 16", "out_channel: 16", "MP207", 15),
        ("out_channels: 16", "out_channels: [16]", "MP209", 15),
        ("out_channels: 16", "out_channels: -16", "MP209", 15),
        ("out_channels: 16, ", "", "MP208", 15),
        ("in_channels: 8", "in_channels: 9", "MP3", 15),
        ("out_channels: 16, kernel_size: 3", "out_channels: 16, kernel_size: 300", "MP3", 15),
        ("padding: 1}, inputs: act1}", "padding: 1, groups: 3}, inputs: act1}", "MP3", 15),
        ("inputs: act1", "inputs: act9", "MP310", 15),
        ("inputs: act1", "inputs: act2", "MP", 15),
        ("inputs: act1", "inputs: act1.h", "MP", 15),
        ("inputs: act1", "inputs: [act1, norm1]", "MP", 15),
        ("inputs: act1", "inptus: act1", "MP201", 15),
        ("inputs: act1", "inputs: act1, ReLU: {}", "MP210", 15),
        ("inputs: act1", "inputs: act1, when: never", "MP", 15),
        ("inputs: act1", "inputs: act1, repeat: 2", "MP", 15),
        ("inputs: act1", "inputs: act1, frozen: [nope]", "MP", 15),
        ("norm2: {BatchNorm2d: {num_features: 16}}", "norm2: {}", "MP210", 16),
        ("norm2: {BatchNorm2d", "norm9: {BatchNorm2d", "MP310", 17),
        ("inputs: [norm2, conv2]", "inputs: [norm2, conv9]", "MP310", 17),
        ("inputs: [norm2, conv2]", "inputs: [norm2, conv1]", "MP3", 17),
        ("use: Head", "use: Haed", "MP211", 22),
        ("width: 32", "widht: 32", "MP212", 22),
        ("width: 32", "width: x", "MP213", 22),
        (", with: {width: 32}", "", "MP212", 22),
        ("fc: {Linear", "fc: {Linar", "MP201", 10),
        ("out_features: 10", "out_feature: 10", "MP207", 10),
        ("outputs: head", "outputs: haed", "MP310", 23),
        ("modelpack: 1", "modelpak: 1", "MP202", 1),
        ("modelpack: 1", "modelpack: one", "MP205", 1),
        ("name: net", "nmae: net", "MP202", 2),
        ("\ninputs:", "\nimputs:", "MP202", 3),
        ("\nlayers:", "\nlayer:", "MP202", 11),
        ("\nblocks:", "\nblock:", "MP202", 5),
        ("    inputs: {x: {}}", "    input: {x: {}}", "MP202", 8),
        ("dtype: float32", "dtype: float33", "MP", 4),
        ("dtype: float32", "dtyp: float32", "MP202", 4),
        ("shape: [batch, 3, 32, 32]", "shape: [batch, 3, 32]", "MP3", 12),
    ],
)
def test_one_mistake_is_one_problem(right, wrong, code, line):
    assert right in NET
    (problem,) = errors(NET.replace(right, wrong, 1))
    assert problem.code.startswith(code)
    assert problem.place.line == line


def test_three_mistakes_are_three_problems_in_order():
    text = NET.replace("conv1: {Conv2d", "conv1: {Conv2e").replace("inputs: act1", "inputs: act9")
    text = text.replace("in_features: 16", "in_feature: 16")
    assert [problem.place.line for problem in errors(text)] == [12, 15, 21]


def test_what_calls_into_a_layer_that_is_unknown_is_not_wrong_for_that():
    text = NET.replace("outputs: head", "  again: {call: head.fc, inputs: [wide]}\noutputs: [head, again]")
    assert errors(text) == []
    assert [each.code for each in errors(text.replace("use: Head", "use: Haed"))] == ["MP211"]
    assert [each.code for each in errors(text.replace("use: Head", "usee: Head"))] == ["MP201"]


def test_a_layer_that_cannot_be_read_takes_no_names_from_others():
    repeated = "  deep: {use: Same, repeat: 2, from: 1}\n  deep.3: {ReLU: {}}\n"
    text = NET.replace(
        "layers:\n  conv1",
        f"  Same:\n    inputs: {{x: {{}}}}\n    layers: {{r: {{ReLU: {{}}}}}}\nlayers:\n{repeated}  conv1",
    )
    text = text.replace("padding: 1}}\n  norm1", "padding: 1}, inputs: [x]}\n  norm1")
    assert errors(text) == []
    assert [each.code for each in errors(text.replace("repeat: 2", "repeat: -2"))] == ["MP209"]


def test_a_block_whose_outputs_name_nothing_is_told_where_it_is_and_not_where_it_is_used():
    inside = "      fc: {Linear: {in_features: $width, out_features: 10}}\n"
    sound = NET.replace(inside, f"{inside}    outputs: [fc, x]\n").replace("outputs: head", "outputs: head.0")
    assert errors(sound) == []
    assert [each.path for each in errors(sound.replace("[fc, x]", "[fd, x]"))] == ["blocks.Head.outputs"]
