"""A beginner's slips, each with what `check` says of it: the hint alone must tell how to mend it."""

import pytest

from modelpack.architecture import Architecture
from modelpack.errors import ArchitectureError

NET = """\
modelpack: 1
name: net
inputs:
  x: {dtype: float32, shape: [batch, 20]}
blocks:
  Mlp:
    inputs: {x: {}}
    arguments: {width: int}
    layers:
      fc: {Linear: {in_features: $width, out_features: $width}}
layers:
  hidden: {Linear: {in_features: 20, out_features: 30}}
  act: {LeakyReLU: {negative_slope: 0.1}}
  drop: {Dropout: {p: 0.5}}
  mlp: {use: Mlp, with: {width: 30}}
  sum: {add: {}, inputs: [mlp, drop]}
"""

SLIPS = [
    # other frameworks' names of types
    ("LeakyReLU: {negative_slope: 0.1}", "nn.ReLU: {}", "did you mean 'ReLU'?"),
    ("LeakyReLU: {negative_slope: 0.1}", "Swish: {}", "did you mean 'SiLU'?"),
    ("hidden: {Linear: {in_features: 20", "hidden: {Dense: {units: 20", "did you mean 'Linear'?"),
    ("LeakyReLU: {negative_slope: 0.1}", "acme.Swush: {}", "types of third parties are allowed"),
    # a layer in another form
    ("{LeakyReLU: {negative_slope: 0.1}}", "ReLU", "is written {ReLU: {}}"),
    ("{LeakyReLU: {negative_slope: 0.1}}", "", "a layer has one type, such as ReLU: {}"),
    ("{Dropout: {p: 0.5}}", "nn.Dropout(0.5)", "settings have names: {Dropout: {p: …"),
    ("{Dropout: {p: 0.5}}", "{Dropout: 0.5}", "settings have names: {Dropout: {p: …}}"),
    ("{Dropout: {p: 0.5}}", "{type: Dropout, p: 0.5}", "the type is the key of its settings: {Dropout: {…}}"),
    ("{Dropout: {p: 0.5}}", "{Dropout}", "is written {Dropout: {}}"),
    (
        "{in_features: 20, out_features: 30}",
        "[20, 30]",
        "settings have names: {Linear: {in_features: …, out_features: …}}",
    ),
    ("use: Mlp, with: {width: 30}", "Mlp: {width: 30}", "{use: Mlp}"),
    ("add: {}, inputs: [mlp, drop]", "add: {inputs: [mlp, drop]}", "{add: {…}, inputs: …}"),
    # settings
    ("hidden: {Linear", "hidden: {linear", "'Linear' has it"),
    ("negative_slope", "factor", "its settings: negative_slope, inplace"),
    ("30}}\n  act", "30, activation: relu}}\n  act", "an activation is a layer of its own"),
    ("30}}\n  act", "30, bias: no}}\n  act", "write false"),
    ("30}}\n  act", "30}, frozen: yes}\n  act", "write true"),
    ("p: 0.5", "p: (0.5", "square brackets"),
    # inputs and blocks
    ("[batch, 20]", "[-1, 20]", "a free dimension is a word, such as batch"),
    ("[batch, 20]", "(batch)", "square brackets"),
    ("float32", "float", "did you mean 'float32'?"),
    ("float32", "torch.double", "did you mean 'float64'?"),
    ("inputs: {x: {}}", "inputs: [x]", "in blocks {x: {}}"),
    ("{width: int}", "[width]", "{width: int}"),
]


def test_the_network_itself_is_sound():
    Architecture.from_yaml(NET)


IMPORTS = """\
modelpack: 1
name: net
imports:
  mlp: {pack: mlp.modelpack}
inputs:
  x: {dtype: float32, shape: [batch, 20]}
layers:
  trunk: {use: mlp, take: [hidden, act]}
"""


@pytest.mark.parametrize(
    ("right", "wrong", "code", "hint"),
    [
        ("{pack: mlp.modelpack}", "mlp.modelpack", "MP204", "it is written {mlp: {pack: <path>}}"),
        ("use: mlp", "use: mpl", "MP211", "did you mean 'mlp'?"),
    ],
)
def test_a_slip_about_an_import_is_told_once(right, wrong, code, hint):
    """Not that `take` has no meaning where it stands, which is what follows."""
    Architecture.from_yaml(IMPORTS)
    with pytest.raises(ArchitectureError) as error:
        Architecture.from_yaml(IMPORTS.replace(right, wrong))
    assert [(problem.code, problem.hint) for problem in error.value.problems] == [(code, hint)]


def test_layers_as_a_list():
    text = "modelpack: 1\nname: net\ninputs:\n  x: {dtype: float32, shape: [2]}\nlayers:\n  - ReLU: {}\n"
    with pytest.raises(ArchitectureError, match="layers have names, and no dashes"):
        Architecture.from_yaml(text)


@pytest.mark.parametrize(("right", "wrong", "hint"), SLIPS, ids=[wrong for _, wrong, _ in SLIPS])
def test_the_hint_tells_how_to_mend_it(right, wrong, hint):
    assert right in NET
    with pytest.raises(ArchitectureError) as error:
        Architecture.from_yaml(NET.replace(right, wrong, 1))
    hints = [problem.hint for problem in error.value.problems]
    assert len(set(hints)) == 1
    assert hint in (hints[0] or "")
