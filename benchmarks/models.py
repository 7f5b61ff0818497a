"""The models of the benchmarks: plain torch classes, each beside the architecture that says the same.

The classes are what a user would have written: ResNet-50 (He et al. 2015, names as in torchvision), GPT-2 small (Radford et al.
2019, in the manner of nanoGPT), a 1.1 B parameter Llama (names as in TinyLlama, bfloat16) and the perceptron of "Dive into Deep
Learning".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

# ------------------------------------------------------------------------------------------------ perceptron


class MLP(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(20, 256)
        self.output = nn.Linear(256, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.output(functional.relu(self.hidden(x)))


MLP_TEXT = """\
modelpack: 1
name: mlp
inputs:
  x: {dtype: float32, shape: [batch, 20]}
layers:
  hidden: {Linear: {in_features: 20, out_features: 256}}
  act: {ReLU: {}}
  output: {Linear: {in_features: 256, out_features: 10}}
"""

# ------------------------------------------------------------------------------------------------ ResNet-50


class Bottleneck(nn.Module):
    def __init__(self, inputs: int, planes: int, stride: int, downsample: nn.Module | None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * 4)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        identity = x if self.downsample is None else self.downsample(x)
        return self.relu(out + identity)


STAGES = ((64, 64, 3, 1), (256, 128, 4, 2), (512, 256, 6, 2), (1024, 512, 3, 2))
"""Input channels, planes, blocks and stride of each stage."""


class ResNet50(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1, self.layer2, self.layer3, self.layer4 = (self._stage(*stage) for stage in STAGES)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2048, 1000)

    @staticmethod
    def _stage(inputs: int, planes: int, blocks: int, stride: int) -> nn.Sequential:
        downsample = nn.Sequential(
            nn.Conv2d(inputs, planes * 4, 1, stride=stride, bias=False), nn.BatchNorm2d(planes * 4)
        )
        first = Bottleneck(inputs, planes, stride, downsample)
        return nn.Sequential(first, *(Bottleneck(planes * 4, planes, 1, None) for _ in range(blocks - 1)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


_BOTTLENECK = """\
      conv1: {{Conv2d: {{in_channels: $inputs, out_channels: $planes, kernel_size: 1, bias: false}}}}
      bn1: {{BatchNorm2d: {{num_features: $planes}}}}
      relu: {{ReLU: {{inplace: true}}}}
      conv2:
        Conv2d: {{in_channels: $planes, out_channels: $planes, kernel_size: 3, stride: {stride}, padding: 1, bias: false}}
      bn2: {{BatchNorm2d: {{num_features: $planes}}}}
      relu2: {{call: relu}}
      conv3: {{Conv2d: {{in_channels: $planes, out_channels: $planes * 4, kernel_size: 1, bias: false}}}}
      bn3: {{BatchNorm2d: {{num_features: $planes * 4}}}}
"""

_DOWNSAMPLE = """\
      downsample.0:
        Conv2d: {in_channels: $inputs, out_channels: $planes * 4, kernel_size: 1, stride: $stride, bias: false}
        inputs: [x]
      downsample.1: {BatchNorm2d: {num_features: $planes * 4}}
"""


def _resnet_text() -> str:
    lines = [
        "modelpack: 1",
        "name: resnet50",
        "inputs:",
        "  image: {dtype: float32, shape: [batch, 3, height, width]}",
        "blocks:",
        "  First:",
        "    arguments: {inputs: int, planes: int, stride: int}",
        "    inputs: {x: {}}",
        "    layers:",
        (_BOTTLENECK.format(stride="$stride") + _DOWNSAMPLE).rstrip(),
        "      sum: {add: {}, inputs: [bn3, downsample.1]}",
        "      out: {call: relu}",
        "  Bottleneck:",
        "    arguments: {inputs: int, planes: int}",
        "    inputs: {x: {}}",
        "    layers:",
        _BOTTLENECK.format(stride=1).rstrip(),
        "      sum: {add: {}, inputs: [bn3, x]}",
        "      out: {call: relu}",
        "layers:",
        "  conv1: {Conv2d: {in_channels: 3, out_channels: 64, kernel_size: 7, stride: 2, padding: 3, bias: false}}",
        "  bn1: {BatchNorm2d: {num_features: 64}}",
        "  relu: {ReLU: {inplace: true}}",
        "  maxpool: {MaxPool2d: {kernel_size: 3, stride: 2, padding: 1}}",
    ]
    for number, (inputs, planes, blocks, stride) in enumerate(STAGES, 1):
        first = f"inputs: {inputs}, planes: {planes}, stride: {stride}"
        lines.append(f"  layer{number}.0: {{use: First, with: {{{first}}}}}")
        for block in range(1, blocks):
            rest = f"inputs: {planes * 4}, planes: {planes}"
            lines.append(f"  layer{number}.{block}: {{use: Bottleneck, with: {{{rest}}}}}")
    lines += [
        "  avgpool: {AdaptiveAvgPool2d: {output_size: 1}}",
        "  flat: {flatten: {start_dim: 1}}",
        "  fc: {Linear: {in_features: 2048, out_features: 1000}}",
    ]
    return "\n".join(lines) + "\n"


# ------------------------------------------------------------------------------------------------ GPT-2 small


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.c_attn = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        q, k, v = self.c_attn(x).split(width, dim=2)
        q = q.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
        k = k.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
        v = v.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).reshape(batch, length, width))


class Feedforward(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.act = nn.GELU(approximate="tanh")
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.c_proj(self.act(self.c_fc(x)))


class Layer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = Feedforward(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT2(nn.Module):
    def __init__(self, width: int = 768, heads: int = 12, layers: int = 12, words: int = 50257) -> None:
        super().__init__()
        self.wte = nn.Embedding(words, width)
        self.wpe = nn.Embedding(1024, width)
        self.h = nn.ModuleList(Layer(width, heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, words, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.wte(tokens) + self.wpe(positions)
        for layer in self.h:
            x = layer(x)
        return self.lm_head(self.ln_f(x))


GPT2_TEXT = """\
modelpack: 1
name: gpt2
inputs:
  tokens: {dtype: int64, shape: [batch, length]}
blocks:
  Attention:
    inputs: {x: {dtype: float32, shape: [batch, length, 768]}}
    layers:
      c_attn: {Linear: {in_features: 768, out_features: 2304}}
      qkv: {split: {split_size: 768, dim: 2}}
      q: {reshape: {shape: [batch, length, 12, 64]}, inputs: [qkv.0]}
      k: {reshape: {shape: [batch, length, 12, 64]}, inputs: [qkv.1]}
      v: {reshape: {shape: [batch, length, 12, 64]}, inputs: [qkv.2]}
      q_heads: {transpose: {dim0: 1, dim1: 2}, inputs: [q]}
      k_heads: {transpose: {dim0: 1, dim1: 2}, inputs: [k]}
      v_heads: {transpose: {dim0: 1, dim1: 2}, inputs: [v]}
      attend: {scaled_dot_product_attention: {is_causal: true}, inputs: [q_heads, k_heads, v_heads]}
      merge: {transpose: {dim0: 1, dim1: 2}}
      joined: {reshape: {shape: [batch, length, 768]}}
      c_proj: {Linear: {in_features: 768, out_features: 768}}
  Feedforward:
    inputs: {x: {}}
    layers:
      c_fc: {Linear: {in_features: 768, out_features: 3072}}
      act: {GELU: {approximate: tanh}}
      c_proj: {Linear: {in_features: 3072, out_features: 768}}
  Layer:
    inputs: {x: {}}
    layers:
      ln_1: {LayerNorm: {normalized_shape: [768]}}
      attn: {use: Attention}
      add_1: {add: {}, inputs: [x, attn]}
      ln_2: {LayerNorm: {normalized_shape: [768]}}
      mlp: {use: Feedforward}
      add_2: {add: {}, inputs: [add_1, mlp]}
layers:
  positions: {arange: {start: 0, end: length}}
  wte: {Embedding: {num_embeddings: 50257, embedding_dim: 768}, inputs: [tokens]}
  wpe: {Embedding: {num_embeddings: 1024, embedding_dim: 768}, inputs: [positions]}
  embedded: {add: {}, inputs: [wte, wpe]}
  h: {use: Layer, repeat: 12}
  ln_f: {LayerNorm: {normalized_shape: [768]}}
  lm_head: {Linear: {in_features: 768, out_features: 50257, bias: false}}
tied:
  - [wte.weight, lm_head.weight]
"""

# ------------------------------------------------------------------------------------------------ Llama, 1.1 B


class LlamaAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q_proj = nn.Linear(2048, 2048, bias=False)
        self.k_proj = nn.Linear(2048, 256, bias=False)
        self.v_proj = nn.Linear(2048, 256, bias=False)
        self.o_proj = nn.Linear(2048, 2048, bias=False)

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        batch, length, _ = x.shape
        q = _rotated(self.q_proj(x).view(batch, length, 32, 64).transpose(1, 2), cos, sin)
        k = _rotated(self.k_proj(x).view(batch, length, 4, 64).transpose(1, 2), cos, sin)
        v = self.v_proj(x).view(batch, length, 4, 64).transpose(1, 2)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        return self.o_proj(y.transpose(1, 2).reshape(batch, length, 2048))


def _rotated(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


class LlamaMLP(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(2048, 5632, bias=False)
        self.up_proj = nn.Linear(2048, 5632, bias=False)
        self.down_proj = nn.Linear(5632, 2048, bias=False)
        self.act_fn = nn.SiLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))


class LlamaLayer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.self_attn = LlamaAttention()
        self.mlp = LlamaMLP()
        self.input_layernorm = nn.RMSNorm(2048, eps=1e-5)
        self.post_attention_layernorm = nn.RMSNorm(2048, eps=1e-5)

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("cos", torch.zeros(2048, 64))
        self.register_buffer("sin", torch.zeros(2048, 64))
        self.embed_tokens = nn.Embedding(32000, 2048)
        self.layers = nn.ModuleList(LlamaLayer() for _ in range(22))
        self.norm = nn.RMSNorm(2048, eps=1e-5)
        self.lm_head = nn.Linear(2048, 32000, bias=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        length = tokens.shape[1]
        x, cos, sin = self.embed_tokens(tokens), self.cos[:length], self.sin[:length]
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.lm_head(self.norm(x))


LLAMA_TEXT = """\
modelpack: 1
name: llama
dtype: bfloat16
inputs:
  tokens: {dtype: int64, shape: [batch, length]}
buffers:
  cos: {shape: [2048, 64]}
  sin: {shape: [2048, 64]}
blocks:
  Rotated:
    inputs: {x: {}, cos: {}, sin: {}}
    layers:
      halves: {chunk: {chunks: 2, dim: -1}, inputs: [x]}
      negated: {neg: {}, inputs: [halves.1]}
      turned: {cat: {dim: -1}, inputs: [negated, halves.0]}
      first: {mul: {}, inputs: [x, cos]}
      second: {mul: {}, inputs: [turned, sin]}
      sum: {add: {}, inputs: [first, second]}
  Attention:
    inputs: {x: {shape: [batch, length, 2048]}, cos: {}, sin: {}}
    layers:
      q_proj: {Linear: {in_features: 2048, out_features: 2048, bias: false}, inputs: [x]}
      k_proj: {Linear: {in_features: 2048, out_features: 256, bias: false}, inputs: [x]}
      v_proj: {Linear: {in_features: 2048, out_features: 256, bias: false}, inputs: [x]}
      q: {reshape: {shape: [batch, length, 32, 64]}, inputs: [q_proj]}
      k: {reshape: {shape: [batch, length, 4, 64]}, inputs: [k_proj]}
      v: {reshape: {shape: [batch, length, 4, 64]}, inputs: [v_proj]}
      q_heads: {transpose: {dim0: 1, dim1: 2}, inputs: [q]}
      k_heads: {transpose: {dim0: 1, dim1: 2}, inputs: [k]}
      v_heads: {transpose: {dim0: 1, dim1: 2}, inputs: [v]}
      q_rotated: {use: Rotated, inputs: [q_heads, cos, sin]}
      k_rotated: {use: Rotated, inputs: [k_heads, cos, sin]}
      attend: {scaled_dot_product_attention: {is_causal: true, enable_gqa: true}, inputs: [q_rotated, k_rotated, v_heads]}
      merge: {transpose: {dim0: 1, dim1: 2}}
      joined: {reshape: {shape: [batch, length, 2048]}}
      o_proj: {Linear: {in_features: 2048, out_features: 2048, bias: false}}
  MLP:
    inputs: {x: {}}
    layers:
      gate_proj: {Linear: {in_features: 2048, out_features: 5632, bias: false}}
      act_fn: {SiLU: {}}
      up_proj: {Linear: {in_features: 2048, out_features: 5632, bias: false}, inputs: [x]}
      product: {mul: {}, inputs: [act_fn, up_proj]}
      down_proj: {Linear: {in_features: 5632, out_features: 2048, bias: false}}
  Layer:
    inputs: {x: {}, cos: {}, sin: {}}
    layers:
      input_layernorm: {RMSNorm: {normalized_shape: [2048], eps: 1e-5}, inputs: [x]}
      self_attn: {use: Attention, inputs: [input_layernorm, cos, sin]}
      add_1: {add: {}, inputs: [x, self_attn]}
      post_attention_layernorm: {RMSNorm: {normalized_shape: [2048], eps: 1e-5}}
      mlp: {use: MLP}
      add_2: {add: {}, inputs: [add_1, mlp]}
layers:
  embed_tokens: {Embedding: {num_embeddings: 32000, embedding_dim: 2048}, inputs: [tokens]}
  cos_here: {slice: {dim: 0, end: length}, inputs: [cos]}
  sin_here: {slice: {dim: 0, end: length}, inputs: [sin]}
  layers: {use: Layer, repeat: 22, inputs: [embed_tokens, cos_here, sin_here]}
  norm: {RMSNorm: {normalized_shape: [2048], eps: 1e-5}}
  lm_head: {Linear: {in_features: 2048, out_features: 32000, bias: false}}
"""


def _llama() -> nn.Module:
    # Each parameter in bfloat16 from the start, as one would with 2.2 GB of them.
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        return Llama()
    finally:
        torch.set_default_dtype(before)


# ------------------------------------------------------------------------------------------------ all of them


@dataclass(frozen=True, slots=True)
class Model:
    """A class, the architecture that says the same, and inputs for a batch size."""

    name: str
    make: Callable[[], nn.Module]
    text: str
    inputs: Callable[[int], tuple[Any, ...]]


def _tokens(batch: int) -> tuple[torch.Tensor]:
    return (torch.randint(0, 32000, (batch, 64), generator=torch.Generator().manual_seed(0)),)


def _image(batch: int) -> tuple[torch.Tensor]:
    return (torch.randn(batch, 3, 224, 224, generator=torch.Generator().manual_seed(0)),)


MODELS = {
    model.name: model
    for model in (
        Model("mlp", MLP, MLP_TEXT, lambda batch: (torch.randn(batch, 20),)),
        Model("resnet50", ResNet50, _resnet_text(), _image),
        Model("gpt2", GPT2, GPT2_TEXT, _tokens),
        Model("llama", _llama, LLAMA_TEXT, _tokens),
    )
}


def filled(model: Model) -> nn.Module:
    """The model with random values that keep activations in range, made quickly whatever its size."""
    with torch.device("meta"):
        module = model.make()
    module.to_empty(device="cpu")
    retie(module)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            _fill(name, tensor, generator)
    return module.eval()


def retie(module: nn.Module) -> None:
    """Make one again what torch has parted: moving off meta and assigning both make a parameter for each name."""
    if isinstance(module, GPT2):
        module.lm_head.weight = module.wte.weight


def _fill(name: str, tensor: torch.Tensor, generator: torch.Generator) -> None:
    if not tensor.is_floating_point():
        tensor.zero_()
    elif name.endswith("running_var"):
        tensor.fill_(1)
    elif tensor.dim() < 2:
        tensor.fill_(1 if name.endswith("weight") else 0)
    else:
        fan_in = tensor[0].numel()
        tensor.uniform_(-1, 1, generator=generator).mul_(fan_in**-0.5)


def stored(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors of a `state_dict`, tied ones once."""
    seen: set[int] = set()
    for name, tensor in module.state_dict().items():
        if tensor.data_ptr() not in seen or not tensor.numel():
            seen.add(tensor.data_ptr())
            yield name, tensor
