"""Networks that nobody wrote for modelpack: torchvision, timm, transformers, and plain torch.nn, with random weights."""
