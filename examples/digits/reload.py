"""Load LeNet without its class, compare, and build a network for another task from its first two layers."""

import sys
from pathlib import Path

import torch
from data import accuracy, digits, train

import modelpack

TRUNK = ("conv1", "conv2")


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
    print(f"   {outputs.numel()} outputs equal bit by bit, accuracy {accuracy(outputs, test_labels):.4f} again")

    print(f"\n5. another task, even or odd, with the layers {' and '.join(TRUNK)}")
    architecture = Path(__file__).with_name("even_or_odd.yaml")
    parity = modelpack.Architecture.from_yaml(architecture.read_text(), str(architecture)).build(seed=0)
    with modelpack.open(pack) as opened, torch.no_grad():
        # Only these tensors are read from the file.
        for name in [name for name in opened.tensors if name.split(".")[0] in TRUNK]:
            parity.get_parameter(name).copy_(torch.from_numpy(opened[name].numpy()))
    train(parity, images, labels % 2, epochs=10)
    with torch.no_grad():
        reached = accuracy(parity(test_images), test_labels % 2)
    trained = sum(each.numel() for each in parity.parameters() if each.requires_grad)
    print(f"   test accuracy {reached:.4f}, {trained} parameters trained, those of the trunk stayed as they were")
    modelpack.save(parity, out / "even_or_odd.modelpack", args=(test_images[:2],), metrics={"accuracy": reached})

    print(f"\nThe files are in {out.resolve()}:")
    for path in sorted(out.iterdir()):
        print(f"   {path.name}  {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
