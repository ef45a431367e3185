//! Tensors that outlive a step, and the executor that holds them.

use std::collections::BTreeMap;
use std::sync::Arc;

use parnas_kernels::plan::{BufferId, Buffers, Plan};
use parnas_kernels::{DeviceFacts, Executor, Prepared};

/// What a persistent tensor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Learned; part of a checkpoint.
    Parameter,
    /// Changes from step to step (moments, statistics, the clock); part of a checkpoint.
    State,
    /// Written by the host before a step, or read by it afterwards.
    Exchange,
    /// Written once.
    Constant,
}

/// What a persistent tensor holds at first.
#[derive(Debug, Clone, PartialEq)]
pub enum Initial {
    /// One number everywhere.
    Value(f32),
    /// Uniform in `[-bound, bound)`, from the store's seed and the tensor's name.
    Uniform(f32),
    /// Normal with mean 0 and this deviation, from the store's seed and the tensor's name.
    Normal(f32),
    /// These numbers.
    Data(Vec<f32>),
    /// These whole numbers.
    Whole(Vec<u32>),
}

/// A tensor of a [`Store`]: what graphs take as input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Persistent {
    pub(super) buffer: BufferId,
    pub(super) name: Arc<str>,
    pub(super) shape: Vec<usize>,
}

impl Persistent {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

#[derive(Debug, Clone)]
struct Entry {
    persistent: Persistent,
    role: Role,
    initial: Initial,
}

/// All persistent tensors of a run, by name. Graphs are built over it; a [`Runtime`] gives it memory.
#[derive(Debug, Clone)]
pub struct Store {
    seed: u64,
    buffers: Buffers,
    entries: Vec<Entry>,
    reusing: bool,
}

impl Store {
    /// An empty store whose random initial values come from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed, buffers: Buffers::new(), entries: Vec::new(), reusing: false }
    }

    /// A store in which a second tensor of the same name and shape is the first one: for many networks in turn.
    pub fn reusing(seed: u64) -> Self {
        Self { reusing: true, ..Self::new(seed) }
    }

    /// Adds a tensor. Names are unique within a store; a second tensor of the same name gets a number appended.
    pub fn add(&mut self, name: impl Into<String>, shape: &[usize], role: Role, initial: Initial) -> Persistent {
        let mut name = name.into();
        if self.reusing {
            name = format!("{name} {shape:?}");
            if let Some(known) = self.get(&name) {
                return known.clone();
            }
        }
        if self.get(&name).is_some() {
            let number = (2..).find(|number| self.get(&format!("{name}.{number}")).is_none()).unwrap_or_default();
            name = format!("{name}.{number}");
        }
        let buffer = self.buffers.add(&name, shape.iter().product());
        let persistent = Persistent { buffer, name: name.into(), shape: shape.to_vec() };
        self.entries.push(Entry { persistent: persistent.clone(), role, initial });
        persistent
    }

    /// A learned tensor.
    pub fn parameter(&mut self, name: impl Into<String>, shape: &[usize], initial: Initial) -> Persistent {
        self.add(name, shape, Role::Parameter, initial)
    }

    /// The tensor of this name.
    pub fn get(&self, name: &str) -> Option<&Persistent> {
        self.entries.iter().map(|entry| &entry.persistent).find(|persistent| &*persistent.name == name)
    }

    /// The buffers behind the tensors, for [`super::Graph::compile`].
    pub fn buffers(&self) -> &Buffers {
        &self.buffers
    }

    /// Bytes of all persistent tensors.
    pub fn bytes(&self) -> u64 {
        self.buffers.infos().iter().map(|info| 4 * info.len as u64).sum()
    }

    /// The tensors of a checkpoint: parameters and state.
    pub fn checkpointed(&self) -> impl Iterator<Item = &Persistent> {
        self.entries
            .iter()
            .filter(|entry| matches!(entry.role, Role::Parameter | Role::State))
            .map(|entry| &entry.persistent)
    }

    fn initial(&self, entry: &Entry) -> Vec<f32> {
        let len = entry.persistent.elements();
        match &entry.initial {
            Initial::Value(value) => vec![*value; len],
            Initial::Data(data) => data.clone(),
            Initial::Whole(data) => bytemuck::cast_slice(data).to_vec(),
            Initial::Uniform(bound) => {
                let mut draw = Draw::new(self.seed, &entry.persistent.name);
                (0..len).map(|_| ((2.0 * draw.unit() - 1.0) * f64::from(*bound)) as f32).collect()
            }
            Initial::Normal(deviation) => {
                let mut draw = Draw::new(self.seed, &entry.persistent.name);
                (0..len).map(|_| (draw.normal() * f64::from(*deviation)) as f32).collect()
            }
        }
    }
}

/// Numbers from a seed and a name (splitmix64 over an FNV-1a hash): a tensor's initial values do not depend on which
/// other tensors there are.
struct Draw(u64);

impl Draw {
    fn new(seed: u64, name: &str) -> Self {
        let hash = name
            .bytes()
            .fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
        Self(hash ^ seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// Shape and values of tensors by name.
pub type Snapshot = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// A store with memory on a device, and the plans that run over it.
#[derive(Debug)]
pub struct Runtime {
    /// The executor; plans may be timed and profiled through it.
    pub executor: Executor,
}

impl Runtime {
    /// Opens the device and writes every tensor's initial value.
    ///
    /// # Errors
    /// Where the device cannot be opened or the tensors do not fit.
    pub fn new(facts: &DeviceFacts, threads: Option<usize>, store: &Store) -> parnas_kernels::Result<Self> {
        let executor = Executor::new(facts, threads, &Buffers::new())?;
        let mut runtime = Self { executor };
        runtime.extend(store)?;
        Ok(runtime)
    }

    /// Gives memory to tensors that were added to the store since, and writes their initial values.
    ///
    /// # Errors
    /// Where they do not fit.
    pub fn extend(&mut self, store: &Store) -> parnas_kernels::Result<()> {
        let known = self.executor.buffers();
        self.executor.extend(&store.buffers)?;
        for entry in &store.entries[known..] {
            self.executor.write(entry.persistent.buffer, &store.initial(entry))?;
        }
        Ok(())
    }

    /// Makes a plan ready to run.
    ///
    /// # Errors
    /// Where it does not fit or a kernel is refused.
    pub fn prepare(&mut self, plan: &Plan) -> parnas_kernels::Result<Prepared> {
        self.executor.prepare(plan)
    }

    /// Replays a plan.
    ///
    /// # Errors
    /// Where the device failed.
    pub fn run(&mut self, prepared: &Prepared) -> parnas_kernels::Result<()> {
        self.executor.run(prepared)
    }

    /// Writes a whole tensor.
    ///
    /// # Errors
    /// Where the length differs or the device failed.
    pub fn write(&mut self, tensor: &Persistent, data: &[f32]) -> parnas_kernels::Result<()> {
        self.executor.write(tensor.buffer, data)
    }

    /// Writes a whole tensor of whole numbers.
    ///
    /// # Errors
    /// Where the length differs or the device failed.
    pub fn write_u32(&mut self, tensor: &Persistent, data: &[u32]) -> parnas_kernels::Result<()> {
        self.executor.write_u32(tensor.buffer, data)
    }

    /// Reads a whole tensor.
    ///
    /// # Errors
    /// Where the device failed.
    pub fn read(&mut self, tensor: &Persistent) -> parnas_kernels::Result<Vec<f32>> {
        self.executor.read(tensor.buffer)
    }

    /// Reads a whole tensor of whole numbers.
    ///
    /// # Errors
    /// Where the device failed.
    pub fn read_u32(&mut self, tensor: &Persistent) -> parnas_kernels::Result<Vec<u32>> {
        self.executor.read_u32(tensor.buffer)
    }

    /// Writes a tensor from those of a checkpoint.
    ///
    /// # Errors
    /// Where the checkpoint lacks it, has another number of elements, or the device failed.
    pub fn restore(
        &mut self,
        tensor: &Persistent,
        snapshot: &BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    ) -> parnas_kernels::Result<()> {
        match snapshot.get(tensor.name()) {
            Some((_, data)) => self.write(tensor, data),
            None => Err(parnas_kernels::Error::Transfer {
                tensor: tensor.name().to_owned(),
                len: tensor.elements(),
                given: 0,
            }),
        }
    }

    /// Reads all tensors of a checkpoint, by name.
    ///
    /// # Errors
    /// Where the device failed.
    pub fn snapshot(&mut self, store: &Store) -> parnas_kernels::Result<Snapshot> {
        store
            .checkpointed()
            .map(|tensor| Ok((tensor.name().to_owned(), (tensor.shape.clone(), self.read(tensor)?))))
            .collect()
    }
}
