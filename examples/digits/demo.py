"""Train LeNet on digits, save it, check it without torch; then `reload.py`, which has no model class, takes over."""

import subprocess
import sys
from pathlib import Path

import torch
from data import accuracy, digits, train
from torch import nn
from torch.nn import functional

import modelpack

OUT = Path("demo")
CHECK_WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # from here on, importing torch fails
from modelpack.cli import main
main()
"""


class LeNet(nn.Module):
    """LeCun et al. 1998, sized for images of 8x8, with the ReLU, max pooling and dropout of later years."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, kernel_size=3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.drop = nn.Dropout(0.3)
        self.fc1 = nn.Linear(256, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.pool(functional.relu(self.conv1(image)))
        x = self.pool(functional.relu(self.conv2(x)))
        x = functional.relu(self.fc1(self.drop(x.flatten(1))))
        return self.fc3(functional.relu(self.fc2(self.drop(x))))


def main() -> None:
    torch.manual_seed(0)
    images, labels, test_images, test_labels = digits()
    OUT.mkdir(exist_ok=True)
    pack = OUT / "lenet.modelpack"

    print(f"1. LeNet learns {len(images)} digits")
    model = LeNet()
    train(model, images, labels, epochs=30)
    with torch.no_grad():
        outputs = model(test_images)
    reached = accuracy(outputs, test_labels)
    print(f"   test accuracy {reached:.4f} on {len(test_images)} others")
    if reached < 0.97:
        sys.exit("the demo wants 0.97")

    print(f"\n2. saved as {pack}: this is its architecture")
    modelpack.save(model, pack, args=(test_images[:2],), samples=True, metrics={"accuracy": reached})
    torch.save({"outputs": outputs, "accuracy": reached}, OUT / "expected.pt")
    with modelpack.open(pack) as opened:
        print(opened.architecture.to_yaml())

    print("3. checked and shown in a process that has no torch", flush=True)
    for command in ("check", "show"):
        subprocess.run([sys.executable, "-c", CHECK_WITHOUT_TORCH, command, str(pack)], check=True)

    print("\n4. a second process, without the class, takes over", flush=True)
    subprocess.run([sys.executable, str(Path(__file__).with_name("reload.py")), str(OUT)], check=True)


if __name__ == "__main__":
    main()
