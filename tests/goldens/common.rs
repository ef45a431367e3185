//! Golden files, and cases: graphs whose inputs and expected results are tensors of a golden file.

use std::path::{Path, PathBuf};

use parnas::graph::{Graph, Initial, Persistent, Role, Runtime, Store, Tensor};
use parnas_kernels::{DeviceFacts, DeviceKind, device};
use safetensors::{Dtype, SafeTensors};

/// The largest error, relative to the largest magnitude of the tensor.
pub const BOUND: f64 = 1e-5;

/// A safetensors file.
pub struct Golden {
    path: PathBuf,
    bytes: Vec<u8>,
}

/// A tensor of a golden file; whole numbers keep their bits.
pub struct Values {
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

impl Golden {
    /// The golden file of a family of operations.
    pub fn family(name: &str) -> Self {
        Self::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/goldens/{name}.safetensors")))
    }

    /// Any safetensors file.
    pub fn open(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path: path.to_owned(), bytes }
    }

    /// The tensor of this name.
    pub fn values(&self, name: &str) -> Values {
        let what = || format!("`{name}` of {}", self.path.display());
        let tensors = SafeTensors::deserialize(&self.bytes).expect("a safetensors file");
        let view = tensors.tensor(name).unwrap_or_else(|error| panic!("{}: {error}", what()));
        assert!(matches!(view.dtype(), Dtype::F32 | Dtype::U32), "{} is {:?}", what(), view.dtype());
        let words = view.data().as_chunks::<4>().0;
        Values { shape: view.shape().to_vec(), data: words.iter().map(|word| f32::from_le_bytes(*word)).collect() }
    }
}

/// The CPU, and the first adapter or the one that `PARNAS_TEST_DEVICE` names.
pub fn devices() -> Vec<DeviceFacts> {
    let adapter = match std::env::var("PARNAS_TEST_DEVICE") {
        Ok(name) => Some(device::choose(Some(&name)).expect("PARNAS_TEST_DEVICE names a device")),
        Err(_) => device::list().into_iter().find(|facts| facts.kind != DeviceKind::Cpu),
    };
    let adapter = adapter.filter(|facts| facts.kind != DeviceKind::Cpu);
    if adapter.is_none() {
        println!("skipped on wgpu: no adapter was found");
    }
    [DeviceFacts::cpu()].into_iter().chain(adapter).collect()
}

/// Compares numbers with their golden values.
pub fn assert_close(what: &str, got: &[f32], expected: &[f32], bound: f64) {
    assert_eq!(got.len(), expected.len(), "{what}: number of elements");
    let largest = expected.iter().fold(0.0f64, |largest, value| largest.max(f64::from(value.abs())));
    for (place, (got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (f64::from(*got) - f64::from(*expected)).abs();
        // A NaN is no error at most as large as the bound.
        assert!(
            error <= bound * largest,
            "{what}: element {place} is {got}, expected {expected}; {:.1e} of the largest, {largest}",
            error / largest
        );
    }
}

/// A graph over one case of a golden file. Tensors are named as in the file, without the case.
pub struct Case<'a> {
    golden: &'a Golden,
    name: String,
    device: DeviceFacts,
    pub store: Store,
    pub graph: Graph,
    pub writes: Vec<(Persistent, Vec<f32>)>,
    expected: Vec<(String, Persistent)>,
}

impl<'a> Case<'a> {
    /// The values of a tensor.
    pub fn values(&self, tensor: &str) -> Values {
        self.golden.values(&format!("{}/{tensor}", self.name))
    }

    /// A golden tensor as input of the graph.
    pub fn input(&mut self, tensor: &str) -> Tensor {
        let Values { shape, data } = self.values(tensor);
        let persistent = self.store.add(tensor, &shape, Role::Exchange, Initial::Data(data));
        self.graph.input(&persistent)
    }

    /// Expects `tensor` to hold golden values.
    pub fn expect(&mut self, golden: &str, tensor: Tensor) {
        let shape = self.graph.shape(tensor).to_vec();
        assert_eq!(shape, self.values(golden).shape, "{}/{golden}: shape", self.name);
        let result = self.store.add(format!("result {golden}"), &shape, Role::Exchange, Initial::Value(f32::NAN));
        self.graph.store(tensor, &result).expect("a result has its tensor's size");
        self.expected.push((golden.to_owned(), result));
    }

    /// Expects `y`, and the gradients `d_<name>` of `inputs` where the gradient of `y` is `g`.
    pub fn expect_with_gradients(&mut self, y: Tensor, inputs: &[(&str, Tensor)]) {
        self.expect("y", y);
        let g = self.input("g");
        let wanted: Vec<Tensor> = inputs.iter().map(|(_, tensor)| *tensor).collect();
        let gradients = self.graph.gradients(&[(y, g)], &wanted).expect("the graph has gradients");
        for ((name, _), gradient) in inputs.iter().zip(gradients) {
            self.expect(&format!("d_{name}"), gradient);
        }
    }

    fn finish(self) {
        let mut runtime = Runtime::new(&self.device, None, &self.store).expect("the device opens");
        for (tensor, data) in &self.writes {
            runtime.write(tensor, data).expect("the tensor is written");
        }
        let plan = self.graph.compile(&self.name, self.store.buffers()).expect("the graph compiles");
        let prepared = runtime.prepare(&plan).expect("the plan is prepared");
        // Twice: what the first replay leaves in reused memory must not show in the second.
        for replay in ["first", "second"] {
            runtime.run(&prepared).expect("the plan runs");
            for (golden, result) in &self.expected {
                let got = runtime.read(result).expect("the result is read");
                let what = format!("{}/{golden} on {}, {replay} replay", self.name, self.device.selector);
                assert_close(&what, &got, &self.values(golden).data, BOUND);
            }
        }
    }
}

/// Builds a case of a golden file on every device, runs it, and compares what the builder expects.
pub fn check(golden: &Golden, name: &str, build: impl Fn(&mut Case)) {
    for device in devices() {
        let mut case = Case {
            golden,
            name: name.to_owned(),
            device,
            store: Store::new(0),
            graph: Graph::new(),
            writes: Vec::new(),
            expected: Vec::new(),
        };
        build(&mut case);
        assert!(!case.expected.is_empty(), "{name} expects something");
        case.finish();
    }
}
