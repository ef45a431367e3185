"""The forward cases of `tools/compare/run` in ONNX Runtime on the CPU, f32: one JSON object a line.

    python onnx_runtime.py [--case SUBSTRING] [--rounds N] [--threads N]
"""

import numpy
import onnxruntime
from onnx import TensorProto, helper

from timing import Case, arguments, measure


def session(nodes, shapes, output, constants, threads):
    """A model of these nodes: inputs by name and shape, one output, constants by name."""
    describe = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    inputs = [describe(name, shape) for name, shape in shapes.items()]
    weights = [helper.make_tensor(name, TensorProto.FLOAT, w.shape, w.ravel()) for name, w in constants.items()]
    graph = helper.make_graph(nodes, "case", inputs, [describe("y", output)], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def cases(threads):
    random = numpy.random.default_rng(1)
    normal = lambda *shape: random.standard_normal(shape).astype(numpy.float32)

    def case(name, nodes, shapes, output, constants=None, **cost):
        # Inputs and output stay in memory of the runtime's own, so that nothing is copied in a run.
        made = session(nodes, shapes, output, constants or {}, threads)
        binding = made.io_binding()
        for key, shape in shapes.items():
            binding.bind_ortvalue_input(key, onnxruntime.OrtValue.ortvalue_from_numpy(normal(*shape)))
        binding.bind_ortvalue_output("y", onnxruntime.OrtValue.ortvalue_from_numpy(numpy.zeros(output, numpy.float32)))
        return Case(name, "forward", lambda: made.run_with_iobinding(binding), **cost)

    node = helper.make_node
    product = [node("MatMul", ["a", "b"], ["y"])]
    for size in (512, 1024):
        shapes = {"a": (size, size), "b": (size, size)}
        yield case(f"matmul {size}^3", product, shapes, (size, size), flops=2 * size**3)
    shapes = {"a": (32, 256, 64), "b": (32, 64, 256)}
    yield case("matmul 32x[256x64][64x256]", product, shapes, (32, 256, 256), flops=2 * 32 * 256 * 64 * 256)
    for name, n, c, side, k, groups in (
        ("conv 3x3 N64 C16 32x32", 64, 16, 32, 3, 1),
        ("conv 3x3 N64 C64 8x8", 64, 64, 8, 3, 1),
        ("conv 1x1 N64 C16 32x32", 64, 16, 32, 1, 1),
        ("depthwise 5x5 N32 C96 28x28", 32, 96, 28, 5, 96),
    ):
        shape = (n, c, side, side)
        nodes = [node("Conv", ["x", "w"], ["y"], kernel_shape=[k, k], pads=[k // 2] * 4, group=groups)]
        cost = 2 * n * c * (c // groups) * side * side * k * k
        yield case(name, nodes, {"x": shape}, shape, {"w": normal(c, c // groups, k, k)}, flops=cost)
    shape = (64, 16, 32, 32)
    pool = [node("AveragePool", ["x"], ["y"], kernel_shape=[3, 3], pads=[1] * 4)]
    yield case("average pool 3x3 N64 C16 32x32", pool, {"x": shape}, shape, bytes=8 * 64 * 16 * 32 * 32)
    norm = [node("LayerNormalization", ["x", "scale", "shift"], ["y"])]
    affine = {"scale": normal(384), "shift": normal(384)}
    yield case("layer norm 2048x384", norm, {"x": (2048, 384)}, (2048, 384), affine, bytes=8 * 2048 * 384)
    softmax = [node("Softmax", ["x"], ["y"], axis=1)]
    yield case("softmax 2048x1000", softmax, {"x": (2048, 1000)}, (2048, 1000), bytes=8 * 2048 * 1000)


if __name__ == "__main__":
    chosen = arguments(__doc__)
    measure("onnx-runtime", chosen, cases(chosen.threads))
