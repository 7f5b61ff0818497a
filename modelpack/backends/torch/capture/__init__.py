"""nn.Module -> Architecture: from any model that torch.export can follow to layers that one can read and train.

tracing   one run, every module call bracketed           regions    the graph as a tree of calls
state     the tensors, and what no run would tell        blocks     which module becomes what
scope     one call as a block                            layers, operations    one step of it, by the rows
sizes     symbolic sizes as dimensions                   mutation   in-place operators
modes     eval and train joined
"""

from modelpack.backends.torch.capture.capture import Captured, capture

__all__ = ["Captured", "capture"]
