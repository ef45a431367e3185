"""Golden values of the graph's operations, from PyTorch on the CPU in f64.

    python3 tests/goldens/generate.py

writes one `.safetensors` file a family beside itself. A tensor is named `case/tensor`: inputs, upstream gradients
(random, as in the middle of a graph), outputs and gradients `d_<input>`. Inputs are numbers of f32, so that both sides
start from the same; results are rounded to f32 once, at the end. The same PyTorch version writes the same files.

The axis in front of every image is that of the architectures: PyTorch sees it folded into the batch, or sees one
architecture after another where statistics are kept apart.
"""

from basics import elementwise, losses, matmul, optimisers, reductions
from entanglement import elastic
from images import convolution, mixed_edge, normalisation, pooling, squeeze_excitation, supernet
from sequences import attention, layer_norm, rotary, vocabulary

if __name__ == "__main__":
    for write in (matmul, losses, elementwise, reductions, optimisers):
        write()
    for write in (convolution, pooling, normalisation, mixed_edge, supernet, squeeze_excitation):
        write()
    for write in (elastic, layer_norm, rotary, vocabulary, attention):
        write()
