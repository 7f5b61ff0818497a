"""Load LeNet without its class, compare, and build a network for another task from its first two layers."""

import sys
from pathlib import Path

import torch
from data import accuracy, digits, train

import modelpack

TENSORS = ("conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias")


def main(out: Path) -> None:
    images, labels, test_images, test_labels = digits()
    pack = out / "lenet.modelpack"

    model = modelpack.load(pack)
    expected = torch.load(out / "expected.pt", weights_only=True)
    with torch.no_grad():
        outputs = model(test_images)
    if not torch.equal(outputs, expected["outputs"]):
        sys.exit("the outputs differ")
    if accuracy(outputs, test_labels) != expected["accuracy"]:
        sys.exit("the accuracy differs")
    print(
        f"   {outputs.numel()} outputs equal bit by bit, accuracy {accuracy(outputs, test_labels):.4f} again"
    )

    print("\n5. another task, even or odd, with LeNet's first two layers and a new head")
    architecture = Path(__file__).with_name("even_or_odd.yaml")
    parity = modelpack.Architecture.from_yaml(architecture.read_text(), str(architecture)).build(seed=0)
    with modelpack.open(pack) as opened, torch.no_grad():
        # Only these tensors are read from the file.
        trunk = {name: torch.from_numpy(opened[name].numpy()) for name in TENSORS}
        for name, values in trunk.items():
            parity.get_parameter(name).copy_(values)
    train(parity, images, labels % 2, epochs=20)
    if not all(torch.equal(parity.get_parameter(name), values) for name, values in trunk.items()):
        sys.exit("the trunk changed")
    with torch.no_grad():
        reached = accuracy(parity(test_images), test_labels % 2)
    trained = sum(each.numel() for each in parity.parameters() if each.requires_grad)
    print(
        f"   test accuracy {reached:.4f}, {trained} parameters trained, those of the first two layers stayed as they were"
    )
    modelpack.save(
        parity, out / "even_or_odd.modelpack", args=(test_images[:2],), metrics={"accuracy": reached}
    )

    print(f"\nThe files are in {out.resolve()}:")
    for path in sorted(out.iterdir()):
        print(f"   {path.name}  {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
