"""The zoo's networks that are written with torch.nn alone, as tutorials write them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations, rnn

from benchmarks.zoo.case import Case, Given, of_sizes

__all__ = ["CASES"]

_WORDS = 50


class Translator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(_WORDS, 32)
        self.transformer = nn.Transformer(32, 4, 2, 2, 64, batch_first=True)
        self.head = nn.Linear(32, _WORDS)

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
        return self.head(
            self.transformer(self.embed(source), self.embed(target), tgt_mask=mask, tgt_is_causal=True)
        )


class RecurrentClassifier(nn.Module):
    """Takes the state of the call before and gives its own."""

    def __init__(self, kind: type[nn.LSTM] | type[nn.GRU]) -> None:
        super().__init__()
        self.embed = nn.Embedding(_WORDS, 16)
        self.rnn = kind(16, 32, num_layers=2, batch_first=True, dropout=0.1, bidirectional=kind is nn.GRU)
        self.head = nn.Linear(64 if kind is nn.GRU else 32, 3)

    def forward(self, ids, state=None):
        out, state = self.rnn(self.embed(ids), state)
        return self.head(out[:, -1]), state


class PackedClassifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(_WORDS, 16)
        self.rnn = nn.LSTM(16, 32, batch_first=True)
        self.head = nn.Linear(32, 3)

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        packed = rnn.pack_padded_sequence(self.embed(ids), lengths, batch_first=True, enforce_sorted=False)
        _, (hidden, _) = self.rnn(packed)
        return self.head(hidden[-1])


class CellLoop(nn.Module):
    """Unrolled over a fixed number of steps."""

    def __init__(self, steps: int = 5) -> None:
        super().__init__()
        self.steps = steps
        self.cell = nn.LSTMCell(8, 16)
        self.head = nn.Linear(16, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = x.new_zeros(x.shape[0], 16)
        memory = x.new_zeros(x.shape[0], 16)
        outputs = []
        for step in range(self.steps):
            hidden, memory = self.cell(x[:, step], (hidden, memory))
            outputs.append(self.head(hidden))
        return torch.stack(outputs, dim=1)


class MaskedAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(_WORDS, 32, padding_idx=0)
        self.attention = nn.MultiheadAttention(32, 4, dropout=0.1, batch_first=True)
        self.norm = nn.LayerNorm(32)

    def forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.embed(ids)
        length = ids.shape[1]
        causal = torch.triu(torch.ones(length, length, dtype=torch.bool, device=ids.device), diagonal=1)
        out, weights = self.attention(x, x, x, key_padding_mask=ids == 0, attn_mask=causal)
        return self.norm(x + out), weights


def _double_convolution(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down1 = _double_convolution(3, 8)
        self.down2 = _double_convolution(8, 16)
        self.bottom = _double_convolution(16, 32)
        self.up2 = nn.ConvTranspose2d(32, 16, 2, stride=2)
        self.side2 = _double_convolution(32, 16)
        self.up1 = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.side1 = _double_convolution(16, 8)
        self.head = nn.Conv2d(8, 2, 1)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        one = self.down1(x)
        two = self.down2(self.pool(one))
        three = self.bottom(self.pool(two))
        two = self.side2(torch.cat([self._fit(self.up2(three), two), two], dim=1))
        one = self.side1(torch.cat([self._fit(self.up1(two), one), one], dim=1))
        return self.head(one)

    @staticmethod
    def _fit(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        high, wide = like.shape[2] - x.shape[2], like.shape[3] - x.shape[3]
        return functional.pad(x, [wide // 2, wide - wide // 2, high // 2, high - high // 2])


class Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ConvTranspose2d(16, 32, 4, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(True),
            nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(True),
            nn.ConvTranspose2d(16, 3, 4, stride=2, padding=1),
            nn.Tanh(),
        )

    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        return self.body(noise[:, :, None, None])


class Discriminator(nn.Module):
    def __init__(self, norm: Callable[[nn.Module], nn.Module]) -> None:
        super().__init__()
        self.conv1 = norm(nn.Conv2d(3, 16, 4, stride=2, padding=1))
        self.conv2 = norm(nn.Conv2d(16, 32, 4, stride=2, padding=1))
        self.head = norm(nn.Linear(32, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.leaky_relu(self.conv1(x), 0.2)
        x = functional.leaky_relu(self.conv2(x), 0.2)
        return self.head(x.mean(dim=(2, 3)))


class VAE(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 32), nn.ReLU())
        self.mean, self.log_variance = nn.Linear(32, 4), nn.Linear(32, 4)
        self.decoder = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 64), nn.Sigmoid())

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        hidden = self.encoder(x.flatten(1))
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        code = mean
        if self.training:
            code = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        return {"reconstruction": self.decoder(code).view_as(x), "mean": mean, "log_variance": log_variance}


class Recommender(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.users = nn.Embedding(20, 8)
        self.items = nn.EmbeddingBag(_WORDS, 8, mode="mean")
        self.mlp = nn.Sequential(nn.Linear(19, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, user: torch.Tensor, items: torch.Tensor, dense: torch.Tensor) -> torch.Tensor:
        users, items = self.users(user), self.items(items)
        return torch.sigmoid(
            self.mlp(torch.cat([users, items, dense], dim=-1)) + (users * items).sum(-1, keepdim=True)
        )


class Siamese(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tower = nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 16)
        )

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return functional.cosine_similarity(self.tower(left), self.tower(right))


class TiedLanguageModel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(_WORDS, 32)
        self.rnn = nn.GRU(32, 32, batch_first=True)
        self.head = nn.Linear(32, _WORDS, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return functional.log_softmax(self.head(self.rnn(self.embed(ids))[0]), dim=-1)


class TemporalBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, dilation: int) -> None:
        super().__init__()
        self.padding = 2 * dilation
        self.conv1 = parametrizations.weight_norm(nn.Conv1d(inputs, outputs, 3, dilation=dilation))
        self.conv2 = parametrizations.weight_norm(nn.Conv1d(outputs, outputs, 3, dilation=dilation))
        self.dropout = nn.Dropout(0.1)
        self.skip = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.dropout(functional.relu(self.conv1(functional.pad(x, (self.padding, 0)))))
        out = self.dropout(functional.relu(self.conv2(functional.pad(out, (self.padding, 0)))))
        return functional.relu(out + (x if self.skip is None else self.skip(x)))


class TemporalNetwork(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(TemporalBlock(4, 16, 1), TemporalBlock(16, 16, 2), TemporalBlock(16, 16, 4))
        self.head = nn.Linear(16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x)[:, :, -1])


def _ids(batch: int, length: int) -> torch.Tensor:
    return torch.randint(1, _WORDS, (batch, length))


def _translation(batch: int, length: int) -> Given:
    return (_ids(batch, length), _ids(batch, length - 2)), {}


def _with_lstm_state(batch: int, length: int) -> Given:
    return (_ids(batch, length), (torch.randn(2, batch, 32), torch.randn(2, batch, 32))), {}


def _with_gru_state(batch: int, length: int) -> Given:
    return (_ids(batch, length), torch.randn(4, batch, 32)), {}


def _lengths(batch: int, length: int) -> Given:
    return (_ids(batch, length), torch.tensor([length, *[length - 2] * (batch - 1)])), {}


def _basket(batch: int, size: int) -> Given:
    return (torch.randint(0, 20, (batch,)), _ids(batch, size), torch.randn(batch, 3)), {}


def _images(batch: int, side: int) -> torch.Tensor:
    return torch.randn(batch, 3, side, side)


def _two_images(batch: int, side: int) -> Given:
    return (torch.randn(batch, 1, side, side), torch.randn(batch, 1, side, side)), {}


def _case(
    name: str, make: Callable[[], nn.Module], given: Callable[[int, int], Given], size: int, *others: int
) -> Case:
    return Case("plain", name, make, given, size, others)


CASES = (
    _case("transformer", Translator, _translation, 9, 13),
    _case("lstm", lambda: RecurrentClassifier(nn.LSTM), _with_lstm_state, 9, 13),
    _case("lstm-first-call", lambda: RecurrentClassifier(nn.LSTM), of_sizes(_ids), 9, 13),
    _case("gru", lambda: RecurrentClassifier(nn.GRU), _with_gru_state, 9, 13),
    _case("packed", PackedClassifier, _lengths, 9, 13),
    _case("lstm-cell", CellLoop, of_sizes(lambda batch, length: torch.randn(batch, length, 8)), 9, 13),
    _case("attention", MaskedAttention, of_sizes(_ids), 9, 13),
    _case("unet", UNet, of_sizes(_images), 32, 48, 45),
    _case("generator", Generator, of_sizes(lambda batch, _: torch.randn(batch, 16)), 1),
    _case("spectral-norm", lambda: Discriminator(parametrizations.spectral_norm), of_sizes(_images), 16, 24),
    _case("spectral-norm-hook", lambda: Discriminator(nn.utils.spectral_norm), of_sizes(_images), 16, 24),
    _case("vae", VAE, of_sizes(lambda batch, _: torch.rand(batch, 1, 8, 8)), 1),
    _case("recommender", Recommender, _basket, 6, 9),
    _case("siamese", Siamese, _two_images, 12, 17),
    _case("tied", TiedLanguageModel, of_sizes(_ids), 9, 13),
    _case("temporal", TemporalNetwork, of_sizes(lambda batch, length: torch.randn(batch, 4, length)), 20, 31),
)
