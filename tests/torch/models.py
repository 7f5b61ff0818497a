"""Networks of plain torch, written as people write them: what capture has to follow."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


class MLP(nn.Module):
    """The chapter's network, with a function where others have a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(20, 256)
        self.output = nn.Linear(256, 10)

    def forward(self, x):
        return self.output(F.relu(self.hidden(x)))


class LeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.avg_pool2d(torch.sigmoid(self.conv1(x)), 2)
        x = F.avg_pool2d(torch.sigmoid(self.conv2(x)), 2)
        x = x.view(x.size(0), -1)
        x = torch.sigmoid(self.fc1(x))
        x = torch.sigmoid(self.fc2(x))
        return self.fc3(x)


def lenet_sequential() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.Sigmoid(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Sigmoid(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.Sigmoid(),
        nn.Dropout(0.25),
        nn.Linear(120, 10),
    )


class BasicBlock(nn.Module):
    def __init__(self, before: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = None
        if stride != 1 or before != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(before, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True)
        )
        self.layer1 = nn.Sequential(BasicBlock(8, 8), BasicBlock(8, 8))
        self.layer2 = nn.Sequential(BasicBlock(8, 16, 2), BasicBlock(16, 16))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        x = self.layer2(self.layer1(self.stem(x)))
        x = torch.flatten(self.avgpool(x), 1)
        return self.fc(x)


class LSTMClassifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(30, 12, padding_idx=0)
        self.lstm = nn.LSTM(12, 16, num_layers=2, batch_first=True, bidirectional=True, dropout=0.1)
        self.head = nn.Linear(32, 4)

    def forward(self, ids):
        _, (h_n, _) = self.lstm(self.embedding(ids))
        return self.head(torch.cat([h_n[-2], h_n[-1]], dim=1))


class GRUWithState(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(5, 8, batch_first=True)

    def forward(self, x, h):
        output, last = self.gru(x, h)
        return {"output": output, "state": last}


class EncoderClassifier(nn.Module):
    """nn.TransformerEncoder with a padding mask."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
        self.embedding = nn.Embedding(30, 16)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, 3)

    def forward(self, ids):
        mask = ids == 0
        return self.head(self.encoder(self.embedding(ids), src_key_padding_mask=mask).mean(1))


class Attention(nn.Module):
    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.c_attn = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.c_attn(x).split(c, dim=2)
        q, k, v = (each.view(b, t, self.heads, c // self.heads).transpose(1, 2) for each in (q, k, v))
        p = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=p, is_causal=True)
        return self.c_proj(y.transpose(1, 2).contiguous().view(b, t, c))


class GPTBlock(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads, 0.1)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.ModuleDict({"fc": nn.Linear(width, 4 * width), "proj": nn.Linear(4 * width, width)})
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        h = F.gelu(self.mlp["fc"](self.ln_2(x)), approximate="tanh")
        return x + self.drop(self.mlp["proj"](h))


class GPT(nn.Module):
    """Learned positions, and a head that is the embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.wte = nn.Embedding(50, 16)
        self.wpe = nn.Embedding(32, 16)
        self.h = nn.ModuleList(GPTBlock(16, 4) for _ in range(3))
        self.ln_f = nn.LayerNorm(16)
        self.lm_head = nn.Linear(16, 50, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, ids):
        position = torch.arange(ids.shape[1], device=ids.device)
        x = self.wte(ids) + self.wpe(position)
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x))


class TiedByHand(nn.Module):
    """A head that takes the embedding's weight without a layer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 8)

    def forward(self, ids):
        return F.linear(self.embed(ids), self.embed.weight)


class Recommender(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.items = nn.EmbeddingBag(40, 8, mode="mean")
        self.score = nn.Bilinear(8, 3, 1)

    def forward(self, history, user):
        return torch.sigmoid(self.score(self.items(history), user))


@dataclass
class VAEOutput:
    reconstruction: torch.Tensor
    mean: torch.Tensor
    log_variance: torch.Tensor


class VAE(nn.Module):
    """A dataclass as output."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(12, 8)
        self.decoder = nn.Sequential(nn.Linear(4, 12), nn.Sigmoid())

    def forward(self, x):
        mean, log_variance = self.encoder(x).chunk(2, dim=-1)
        return VAEOutput(self.decoder(mean), mean, log_variance)


class Twice(nn.Module):
    """One module called twice, and a nested structure of inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.tower = nn.Sequential(nn.Linear(6, 8), nn.Tanh())
        self.shared = BasicMLP()

    def forward(self, pair, *, scale):
        left, right = (self.shared(self.tower(each)) for each in pair)
        return (left * scale, {"right": right})


class BasicMLP(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 8)

    def forward(self, x):
        return x + torch.relu(self.fc(x))


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down1 = nn.Conv2d(1, 4, 3, padding=1)
        self.down2 = nn.Conv2d(4, 8, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.last = nn.Conv2d(8, 1, 3, padding=1)

    def forward(self, x):
        first = torch.relu(self.down1(x))
        second = torch.relu(self.down2(self.pool(first)))
        return self.last(torch.cat([first, self.up(second)], dim=1))


class ViT(nn.Module):
    """A class token and positions that are parameters of the network itself."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 4, stride=4)
        self.cls_token = nn.Parameter(torch.randn(1, 1, 16))
        self.pos_embed = nn.Parameter(torch.randn(1, 5, 16))
        self.register_buffer("temperature", torch.tensor(math.sqrt(2.0)), persistent=False)
        self.norm = nn.LayerNorm(16)
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
        self.head = nn.Linear(16, 7)

    def forward(self, image):
        x = self.patch(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], dim=1) + self.pos_embed
        y = self.norm(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return self.head(x[:, 0] / self.temperature)


class FunctionalDropout(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(6, 12)
        self.fc2 = nn.Linear(12, 3)

    def forward(self, x):
        return self.fc2(F.dropout(torch.relu(self.fc1(x)), 0.4, self.training))


class Leftovers(nn.Module):
    """Tensors that no run uses, frozen ones, a constant in the forward, a detached branch."""

    def __init__(self) -> None:
        super().__init__()
        self.used = nn.Linear(4, 4)
        self.never = nn.Linear(4, 9)
        self.spare = nn.Parameter(torch.randn(2))
        self.used.bias.requires_grad_(False)

    def forward(self, x):
        weights = torch.tensor([1.0, 2.0, 3.0, 4.0])
        with torch.no_grad():
            scale = self.used(x).mean()
        return self.used(x) * weights + scale


@dataclass(frozen=True)
class Case:
    """A model with example inputs; `free` names the dimensions at which it takes other sizes (LeNet 29 pixels for 28)."""

    make: Callable[[], nn.Module]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    free: tuple[str, ...] = ("batch",)


def ids(rows: int, columns: int, count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(1, count, (rows, columns), generator=generator)


def values(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2))


CASES: dict[str, Case] = {
    "mlp": Case(MLP, (values(3, 20),)),
    "lenet": Case(LeNet, (values(1, 1, 28, 28),), free=("batch", "height", "width")),
    "lenet_sequential": Case(lenet_sequential, (values(2, 1, 28, 28),), free=("batch", "height", "width")),
    "resnet": Case(ResNet, (values(2, 3, 16, 16),), free=("batch", "height", "width")),
    "lstm": Case(LSTMClassifier, (ids(3, 7, 30),), free=("batch", "length")),
    "gru": Case(GRUWithState, (values(3, 6, 5), values(1, 3, 8)), free=("batch", "length")),
    "encoder": Case(EncoderClassifier, (ids(3, 6, 30),), free=("batch", "length")),
    "gpt": Case(GPT, (ids(2, 9, 50),), free=("batch", "length")),
    "tied_by_hand": Case(TiedByHand, (ids(3, 5, 20),), free=("batch", "length")),
    "recommender": Case(Recommender, (ids(4, 5, 40), values(4, 3)), free=("batch", "length")),
    "vae": Case(VAE, (values(3, 12),)),
    "twice": Case(Twice, ((values(3, 6), values(3, 6)),), {"scale": values(3, 1)}, free=("batch",)),
    "unet": Case(UNet, (values(2, 1, 8, 8),), free=("batch", "height", "width")),
    "vit": Case(ViT, (values(2, 3, 8, 8),), free=("batch", "height", "width")),
    "functional_dropout": Case(FunctionalDropout, (values(5, 6),)),
    "leftovers": Case(Leftovers, (values(3, 4),)),
}
