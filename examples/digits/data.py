"""The data of the demo: 1,797 handwritten digits of 8x8 pixels, which scikit-learn brings along."""

import torch
from sklearn.datasets import load_digits

torch.set_num_threads(1)  # networks this small only lose time to threads


def digits() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Images to train on, their digits, images to test with, their digits; every fourth image is for testing.

    Images are float32[n, 1, 8, 8] from 0 to 1, digits int64[n].
    """
    data = load_digits()
    images = torch.tensor(data.images, dtype=torch.float32).div(16).unsqueeze(1)
    labels = torch.tensor(data.target, dtype=torch.int64)
    test = torch.arange(len(images)) % 4 == 3
    return images[~test], labels[~test], images[test], labels[test]


def accuracy(outputs: torch.Tensor, labels: torch.Tensor) -> float:
    """The share of rows whose largest output is the right one."""
    return (outputs.argmax(1) == labels).float().mean().item()


def train(model: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, epochs: int) -> None:
    """Train what may be trained, with a progress bar; the model is in eval mode afterwards."""
    from rich.progress import track

    parameters = [each for each in model.parameters() if each.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    model.train()
    for _ in track(range(epochs), description="training"):
        for batch in torch.randperm(len(images)).split(64):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
        schedule.step()
    model.eval()
