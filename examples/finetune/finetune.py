"""Train a network on digits; put its trunk into a network for another task, by YAML; adapt it to other images.

python examples/finetune/finetune.py [FOLDER] [EPOCHS]
"""

import shutil
import sys
from pathlib import Path

import torch

import modelpack

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "digits"))

from data import accuracy, digits, train  # noqa: E402


def reached(model: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    with torch.no_grad():
        return accuracy(model.eval()(images), labels)


def values(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def must(condition: bool, message: str) -> None:
    if not condition:
        sys.exit(message)


def train_base(out: Path, epochs: int) -> None:
    images, labels, test_images, test_labels = digits()
    modelpack.build(HERE / "base.yaml", out / "first.modelpack")
    model = modelpack.load(out / "first.modelpack")
    train(model, images, labels, epochs)
    score = reached(model, test_images, test_labels)
    modelpack.update(
        out / "first.modelpack", model, out / "base.modelpack", licence="CC0-1.0", metrics={"accuracy": score}
    )
    print(f"1. a network for ten digits: test accuracy {score:.4f}, saved as base.modelpack")


def other_task(out: Path, epochs: int) -> None:
    images, labels, test_images, test_labels = digits()
    shutil.copy(HERE / "even_or_odd.yaml", out)
    modelpack.lock(out / "even_or_odd.yaml")
    built = out / "built.modelpack"
    modelpack.build(out / "even_or_odd.yaml", built)
    model = modelpack.load(built)
    before = values(model)
    trunk = {name for name in before if name.startswith("trunk.")}
    train(model, images, labels % 2, epochs)
    after = values(model)
    must(all(torch.equal(before[name], after[name]) for name in trunk), "what is frozen changed")
    must(
        all(not torch.equal(before[name], after[name]) for name in before.keys() - trunk),
        "the head wasn't trained",
    )
    score = reached(model, test_images, test_labels % 2)
    # What is frozen is held against `built` once more, and an error if a bit of it differs.
    manifest = modelpack.update(built, model, out / "even_or_odd.modelpack", metrics={"accuracy": score})
    again = modelpack.load(out / "even_or_odd.modelpack")
    must(torch.equal(again(test_images), model(test_images)), "the outputs differ")
    print(
        f"2. even or odd: test accuracy {score:.4f}; {len(trunk)} tensors of the trunk are as they were, bit by bit"
    )
    with modelpack.open(out / "base.modelpack") as base:
        print(f"   what the manifest says of them, where base.modelpack is {base.digest}:")
    for name in ("trunk.stem.weight", "head.weight"):
        each = manifest.origins[name]
        print(f"   {name}: {each.tensor} of {each.pack}, {'changed' if each.changed else 'a copy'}")


def other_images(out: Path, epochs: int) -> None:
    images, labels, test_images, test_labels = (
        each.flip(-1) if each.ndim == 4 else each for each in digits()
    )
    shutil.copy(HERE / "adapter.yaml", out)
    modelpack.lock(out / "adapter.yaml")
    modelpack.build(out / "adapter.yaml", out / "adapter.modelpack", keep=["base"])
    model = modelpack.load(out / "adapter.modelpack")
    before = reached(model, test_images, test_labels)
    train(model, images, labels, epochs)
    score = reached(model, test_images, test_labels)
    modelpack.update(out / "adapter.modelpack", model, out / "adapter.modelpack", metrics={"accuracy": score})
    with modelpack.open(out / "adapter.modelpack") as pack:
        own = list(pack.tensors)
    print(
        f"3. mirrored digits: test accuracy {before:.4f} before, {score:.4f} with adapters; of {len(values(model))} tensors"
    )
    print(f"   adapter.modelpack holds {len(own)}: {', '.join(own)}")
    modelpack.build(out / "adapter.modelpack", out / "merged.modelpack")
    merged = modelpack.load(out / "merged.modelpack")
    must(torch.equal(merged(test_images), model(test_images)), "the outputs differ")
    print("   with base.modelpack put in, as merged.modelpack, it gives the same outputs, bit by bit")


def main(out: Path, epochs: int) -> None:
    torch.manual_seed(0)
    out.mkdir(parents=True, exist_ok=True)
    train_base(out, epochs)
    other_task(out, epochs)
    other_images(out, epochs)


if __name__ == "__main__":
    main(
        Path(sys.argv[1] if len(sys.argv) > 1 else "demo/finetune"),
        int(sys.argv[2]) if len(sys.argv) > 2 else 8,
    )
