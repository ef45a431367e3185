//! The choice among variants: by measurement, never of one that is wrong.

use std::sync::Arc;
use std::time::Duration;

use parnas_kernels::cpu::{Cpu, Views};
use parnas_kernels::ops::{
    Attention, AttentionForward, Bias, Conv2d, Conv2dForward, Elastic, HeadGate, LayerNorm, LayerNormForward,
    LayerNormGradient, Matmul, RowAffine, Softmax, SoftmaxGradient,
};
use parnas_kernels::plan::{Buffers, Operand, PlanBuilder};
use parnas_kernels::tune::{Choice, usable};
use parnas_kernels::{
    Cost, DeviceFacts, DeviceKind, Executor, Form, Kernel, Record, Shader, Slot, Tuner, Tuning, Variant, Words,
};

use crate::support::{devices, numbers};

const PRODUCT: Matmul = Matmul {
    batch: 1,
    m: 70,
    n: 65,
    k: 33,
    transpose_a: false,
    transpose_b: false,
    broadcast_a: false,
    broadcast_b: false,
    bias: Bias::None,
    relu: false,
};

/// A product with a variant that does a part of the work alone: nothing is faster, and its edges look right.
#[derive(Debug, Clone)]
struct Lazy;

impl Kernel for Lazy {
    fn name(&self) -> &'static str {
        "lazy"
    }
    fn slots(&self) -> Vec<Slot> {
        PRODUCT.slots()
    }
    fn shader(&self) -> Shader {
        PRODUCT.shader()
    }
    fn parameters(&self) -> Words {
        PRODUCT.parameters()
    }
    fn grid(&self) -> [u32; 3] {
        PRODUCT.grid()
    }
    fn variants(&self) -> Vec<Variant> {
        let plain = Variant::plain(self.shader(), self.grid());
        let lazy = Variant { name: "lazy", grid: [1, 1, 1], form: Form::Apart, ..plain.clone() };
        let mut shader = plain.shader.clone();
        shader.constants.iter_mut().filter(|(name, _)| *name == "TRANSPOSE_B").for_each(|(_, value)| *value = 1);
        let turned = Variant { name: "turned", shader, ..plain.clone() };
        let mut shader = plain.shader.clone();
        shader.file = "no/such";
        let missing = Variant { name: "missing", shader, ..plain.clone() };
        vec![plain, lazy, turned, missing]
    }
    fn tuning(&self) -> Option<Tuning> {
        Some(Tuning { class: "lazy".to_owned(), sample: Arc::new(self.clone()) })
    }
    fn cost(&self) -> Cost {
        PRODUCT.cost()
    }
    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        PRODUCT.run(cpu, views);
    }
}

/// A kernel all variants of which, but the plain one, are wrong in their last workgroup alone.
#[derive(Debug, Clone)]
struct Broken<K>(K);

impl<K: Kernel + Clone> Kernel for Broken<K> {
    fn name(&self) -> &'static str {
        "broken"
    }
    fn slots(&self) -> Vec<Slot> {
        self.0.slots()
    }
    fn shader(&self) -> Shader {
        self.0.shader()
    }
    fn parameters(&self) -> Words {
        self.0.parameters()
    }
    fn grid(&self) -> [u32; 3] {
        self.0.grid()
    }
    fn variants(&self) -> Vec<Variant> {
        let mut variants = self.0.variants();
        variants.iter_mut().skip(1).for_each(|variant| variant.grid[0] -= 1);
        variants
    }
    fn tuning(&self) -> Option<Tuning> {
        Some(Tuning { class: "broken".to_owned(), sample: Arc::new(self.clone()) })
    }
    fn cost(&self) -> Cost {
        self.0.cost()
    }
    fn run(&self, cpu: &Cpu, views: Views<'_>) {
        self.0.run(cpu, views);
    }
}

/// Whether the check finds each variant of `kernel` that a device can run where it is broken, and none where it is not.
fn assert_broken_is_found(facts: &DeviceFacts, kernel: impl Kernel + Clone) {
    let others: Vec<&str> = usable(&kernel, facts).iter().skip(1).map(|variant| variant.name).collect();
    let name = kernel.name();
    let (.., rejected) = tuned(facts, Broken(kernel.clone()), Some(Tuner::new(Record::new(facts), PLENTY)));
    assert_eq!(rejected, others, "{name} on {}", facts.selector);
    let (.., rejected) = tuned(facts, kernel, Some(Tuner::new(Record::new(facts), PLENTY)));
    assert!(rejected.is_empty(), "{name} on {}: {rejected:?}", facts.selector);
}

fn adapters() -> impl Iterator<Item = DeviceFacts> {
    devices().into_iter().filter(|facts| facts.kind != DeviceKind::Cpu)
}

/// Prepares `kernel` under `tuner` and returns what it computes, and the tuner's record and rejections.
fn tuned(
    facts: &DeviceFacts,
    kernel: impl Kernel,
    tuner: Option<Tuner>,
) -> (Vec<f32>, Option<Record>, Vec<&'static str>) {
    let mut buffers = Buffers::new();
    let slots = kernel.slots();
    let ids: Vec<_> = slots.iter().map(|slot| buffers.add(slot.name, slot.len)).collect();
    let mut executor = Executor::new(facts, None, &buffers).unwrap();
    if let Some(tuner) = tuner {
        executor.tune_with(tuner);
    }
    let mut plan = PlanBuilder::new("test", &buffers);
    plan.launch("test", kernel, &ids.iter().map(|id| Operand::Persistent(*id)).collect::<Vec<_>>()).unwrap();
    for (seed, (id, slot)) in ids.iter().zip(&slots).enumerate() {
        executor.write(*id, &numbers(seed as u64, slot.len)).unwrap();
    }
    let prepared = executor.prepare(&plan.finish()).unwrap();
    executor.run(&prepared).unwrap();
    let result = executor.read(*ids.last().unwrap()).unwrap();
    let rejected = executor.tuner().map(|tuner| tuner.rejections().iter().map(|rejection| rejection.variant).collect());
    (result, executor.tuner().map(|tuner| tuner.record().clone()), rejected.unwrap_or_default())
}

const PLENTY: Duration = Duration::from_secs(600);

#[test]
fn a_variant_that_is_wrong_never_wins() {
    for facts in adapters() {
        let (right, ..) = tuned(&facts, PRODUCT, None);
        let (result, record, rejected) = tuned(&facts, Lazy, Some(Tuner::new(Record::new(&facts), PLENTY)));
        assert_eq!(rejected, ["lazy", "turned", "missing"]);
        assert_eq!(record.unwrap().choice("lazy").unwrap().variant, "plain");
        // Equal but for the order of sums.
        assert!(right.iter().zip(&result).all(|(right, got)| (right - got).abs() < 1e-4));
    }
}

#[test]
fn variants_of_every_family_are_found_where_they_are_broken() {
    let norm = LayerNorm {
        architectures: 2,
        rows: 300,
        width: 130,
        epsilon: 1e-3,
        centred: true,
        affine: RowAffine::Scale,
        shared_affine: true,
        elastic: None,
    };
    let attention = Attention {
        architectures: 2,
        batch: 1,
        heads: 2,
        queries: 41,
        keys: 65,
        head_size: 20,
        scale: 0.25,
        causal: true,
        lengths: false,
        gate: HeadGate::None,
    };
    let convolution = Conv2d {
        architectures: 1,
        batch: 3,
        in_channels: 9,
        out_channels: 20,
        height: 11,
        width: 13,
        kernel: 3,
        stride: 1,
        padding: 1,
        dilation: 1,
        groups: 1,
        shared_weight: true,
        relu_input: true,
        gate: None,
        centre_of: 0,
        elastic: Elastic::FULL,
    };
    for facts in adapters() {
        assert_broken_is_found(&facts, PRODUCT);
        assert_broken_is_found(&facts, Softmax { rows: 300, width: 100, logarithm: false });
        assert_broken_is_found(&facts, SoftmaxGradient { rows: 300, width: 100, logarithm: true });
        assert_broken_is_found(&facts, LayerNormForward(norm.clone()));
        assert_broken_is_found(&facts, LayerNormGradient { norm: norm.clone(), of_weights: false });
        assert_broken_is_found(&facts, AttentionForward(attention));
        assert_broken_is_found(&facts, Conv2dForward(convolution));
    }
}

#[test]
fn a_choice_is_recorded_and_taken_again_without_measuring() {
    for facts in adapters() {
        let (_, record, rejected) = tuned(&facts, PRODUCT, Some(Tuner::new(Record::new(&facts), PLENTY)));
        assert!(rejected.is_empty(), "{rejected:?}");
        let record = record.unwrap();
        let (class, choice) = record.choices().next().unwrap();
        assert!(choice.milliseconds > 0.0 && choice.milliseconds <= choice.plain_milliseconds);
        assert!(usable(&PRODUCT, &facts).iter().any(|variant| variant.name == choice.variant), "{class}");
        // What the record says is taken, even what would not have won.
        let mut forced = Record::new(&facts);
        forced.choose("lazy", Choice { variant: "lazy".to_owned(), milliseconds: 1.0, plain_milliseconds: 2.0 });
        let (result, again, _) = tuned(&facts, Lazy, Some(Tuner::frozen(forced.clone())));
        let (right, ..) = tuned(&facts, PRODUCT, None);
        assert!(result.iter().zip(&right).any(|(got, right)| got != right));
        assert_eq!(again.unwrap(), forced);
    }
}

#[test]
fn nothing_is_measured_without_time_or_without_being_asked() {
    for facts in adapters() {
        let (_, record, _) = tuned(&facts, PRODUCT, Some(Tuner::frozen(Record::new(&facts))));
        assert!(record.unwrap().is_empty());
        let (_, record, _) = tuned(&facts, PRODUCT, None);
        assert_eq!(record, None);
        // The record of another device counts as none.
        let mut other = Record::new(&DeviceFacts { driver: "another".to_owned(), ..facts.clone() });
        other.choose("x", Choice { variant: "plain".to_owned(), milliseconds: 1.0, plain_milliseconds: 1.0 });
        let (_, record, _) = tuned(&facts, PRODUCT, Some(Tuner::frozen(other)));
        assert_eq!(record.unwrap(), Record::new(&facts));
    }
}
