//! What every kernel test uses: seeded numbers, both executors, and comparison with an f64 reference under a bound
//! that grows with the sum of the magnitudes that were added.

pub mod halves;
pub mod pushed;
pub mod variants;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::OnceLock;

use halves::Stored;
use parnas_kernels::plan::{Buffers, Operand, PlanBuilder};
use parnas_kernels::{Access, DeviceFacts, DeviceKind, Executor, Kernel, device};

/// The sizes that catch wrong edges: below, at and above powers of two, and 41, where an f32 reciprocal rounds wrong.
pub const ODD: [usize; 7] = [1, 3, 31, 33, 41, 65, 127];

/// Repeatable numbers in [-1, 1], such as are stored without an error: splitmix64.
pub fn numbers(seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5851_F42D_4C95_7F2D;
    (0..len)
        .map(|_| {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            halves::rounded(((z >> 40) as f32) / (1u64 << 23) as f32 - 1.0)
        })
        .collect()
}

/// The executors that tests run on: the CPU, and the adapter of `PARNAS_TEST_DEVICE` or the first that is found.
/// Where no adapter is found, only the CPU, and a line that says so.
pub fn devices() -> Vec<DeviceFacts> {
    static DEVICES: OnceLock<Vec<DeviceFacts>> = OnceLock::new();
    DEVICES
        .get_or_init(|| {
            let mut all = vec![DeviceFacts::cpu()];
            let adapter = match std::env::var("PARNAS_TEST_DEVICE") {
                Ok(name) => Some(device::choose(Some(&name)).expect("PARNAS_TEST_DEVICE names a device")),
                Err(_) => device::list().into_iter().find(|facts| facts.kind != DeviceKind::Cpu),
            };
            match adapter {
                Some(facts) if facts.kind != DeviceKind::Cpu => all.push(facts),
                _ => println!("skipped on wgpu: no adapter was found"),
            }
            all
        })
        .iter()
        .filter(|facts| facts.kind != DeviceKind::Cpu || halves::stored() != Stored::Packed)
        .cloned()
        .collect()
}

thread_local! {
    // Opening a device takes longer than most tests: each test thread keeps what it opened, with its buffers.
    static OPEN: RefCell<HashMap<String, (Buffers, Executor)>> = RefCell::new(HashMap::new());
}

/// Gives `body` this thread's executor on a device, and its buffers.
fn with_executor<T>(facts: &DeviceFacts, body: impl FnOnce(&mut Buffers, &mut Executor) -> T) -> T {
    OPEN.with_borrow_mut(|open| {
        let name = format!("{} {:?}", facts.selector, halves::stored());
        let (buffers, executor) = open.entry(name).or_insert_with(|| {
            let buffers = Buffers::new();
            let executor = Executor::new(facts, None, &buffers).expect("the device opens");
            (buffers, halves::prepared(executor))
        });
        body(buffers, executor)
    })
}

/// What a binding of a kernel holds before the launch. Whole numbers are given as bits.
pub fn bits(values: &[u32]) -> Vec<f32> {
    values.iter().map(|value| f32::from_bits(*value)).collect()
}

/// Runs one kernel on `facts` with `inputs` as its bindings (written ones too, with what they hold before), and
/// returns the contents of the written bindings, in order.
pub fn run(facts: &DeviceFacts, kernel: impl Kernel, inputs: &[Vec<f32>]) -> Vec<Vec<f32>> {
    with_executor(facts, |buffers, executor| {
        let slots = kernel.slots();
        assert_eq!(slots.len(), inputs.len(), "one input a slot");
        let ids: Vec<_> = slots.iter().zip(inputs).map(|(slot, data)| buffers.add(slot.name, data.len())).collect();
        executor.extend(buffers).expect("the buffers fit");
        let mut plan = PlanBuilder::new(kernel.name(), buffers);
        let stands_in = |place: usize| slots[place].halves && halves::stored() != Stored::Full;
        let mut operands: Vec<Operand> = ids.iter().map(|id| Operand::Persistent(*id)).collect();
        for place in (0..slots.len()).filter(|place| stands_in(*place)) {
            operands[place] = halves::stand_in(&mut plan, ids[place], inputs[place].len());
        }
        plan.launch("test", kernel, &operands).expect("the launch is valid");
        for place in (0..slots.len()).filter(|place| stands_in(*place) && slots[*place].access == Access::Write) {
            halves::write_back(&mut plan, operands[place], ids[place], inputs[place].len());
        }
        let plan = plan.finish();
        assert!(plan.transients.iter().all(|tensor| tensor.halves), "every stand-in is stored as halves");
        for (id, data) in ids.iter().zip(inputs) {
            executor.write(*id, data).expect("the buffer is written");
        }
        let prepared = executor.prepare(&plan).expect("the plan is prepared");
        executor.run(&prepared).expect("the plan runs");
        slots
            .iter()
            .zip(&ids)
            .filter(|(slot, _)| slot.access == Access::Write)
            .map(|(_, id)| executor.read(*id).expect("the buffer is read"))
            .collect()
    })
}

/// A reference value with the sum of the magnitudes that went into it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Exact {
    pub value: f64,
    pub magnitude: f64,
}

impl Exact {
    /// A value that is no sum.
    pub fn of(value: f64) -> Self {
        Self { value, magnitude: value.abs() }
    }

    /// Adds a summand.
    pub fn add(&mut self, summand: f64) {
        self.value += summand;
        self.magnitude += summand.abs();
    }
}

/// Asserts |got - exact| <= relative * magnitude + absolute for every element, naming the first that is off.
pub fn assert_close(what: &str, got: &[f32], exact: &[Exact], relative: f64, absolute: f64) {
    assert_eq!(got.len(), exact.len(), "{what}: lengths");
    for (index, (got, exact)) in got.iter().zip(exact).enumerate() {
        let bound = relative * exact.magnitude + absolute + halves::slack(exact);
        let error = (f64::from(*got) - exact.value).abs();
        assert!(
            error <= bound,
            "{what}[{index}]: got {got}, expected {} (error {error:.3e}, bound {bound:.3e})",
            exact.value
        );
    }
}
