//! Attention and its gradients, with the whole matrix of probabilities.

use parnas_kernels::ops::{Attention, HeadGate};

use crate::support::Exact;

/// Attention with its operands; `lengths` and `weights` where the kernel has them.
#[derive(Debug, Clone)]
pub struct Operands {
    pub attention: Attention,
    pub q: Vec<f64>,
    pub k: Vec<f64>,
    pub v: Vec<f64>,
    pub lengths: Vec<u32>,
    pub weights: Vec<f64>,
}

/// Outputs before their weights, logarithms of the sums, and for `dy` the gradients, all heads computed.
#[derive(Debug, Clone)]
pub struct Results {
    pub o: Vec<Exact>,
    pub lse: Vec<Exact>,
    /// The inner product of output and upstream gradient, `[A, N, H, Tq]`.
    pub products: Vec<Exact>,
    pub dq: Vec<Exact>,
    pub dk: Vec<Exact>,
    pub dv: Vec<Exact>,
}

impl Operands {
    fn extents(&self) -> [usize; 6] {
        let Attention { architectures, batch, heads, queries, keys, head_size, .. } = self.attention;
        [architectures, batch, heads, queries, keys, head_size].map(|extent| extent as usize)
    }

    /// The weight of head `h` of architecture `a`.
    pub fn weight(&self, a: usize, h: usize) -> f64 {
        match self.attention.gate {
            HeadGate::None => 1.0,
            HeadGate::PerHead => self.weights[a * self.attention.heads as usize + h],
            HeadGate::Choice(gate) => self.weights[a * gate.width as usize + gate.choice as usize],
        }
    }

    /// Probabilities and logarithm of the sum of exponentials of one query.
    fn row(&self, sequence: usize, h: usize, i: usize) -> (Vec<f64>, f64) {
        let [_, batch, heads, queries, keys, depth] = self.extents();
        let attention = &self.attention;
        let length = if attention.lengths { self.lengths[sequence % batch] as usize } else { keys };
        let seen = |j: usize| j < length && (!attention.causal || j + queries <= i + keys);
        let q = &self.q[((sequence * queries + i) * heads + h) * depth..][..depth];
        let score = |j: usize| {
            let k = &self.k[((sequence * keys + j) * heads + h) * depth..][..depth];
            f64::from(attention.scale) * q.iter().zip(k).map(|(q, k)| q * k).sum::<f64>()
        };
        let scores: Vec<Option<f64>> = (0..keys).map(|j| seen(j).then(|| score(j))).collect();
        let sum: f64 = scores.iter().flatten().map(|score| score.exp()).sum();
        (scores.iter().map(|score| score.map_or(0.0, |score| score.exp() / sum)).collect(), sum.ln())
    }

    /// Everything, for the upstream gradient `dy`.
    pub fn results(&self, dy: &[f64]) -> Results {
        let [architectures, batch, heads, queries, keys, depth] = self.extents();
        let zeros = |len: usize| vec![Exact::default(); len];
        let (of_queries, of_keys) = (zeros(self.q.len()), zeros(self.k.len()));
        let (mut lse, mut products) = (Vec::new(), Vec::new());
        let (mut o, mut dq, mut dk, mut dv) = (of_queries.clone(), of_queries, of_keys.clone(), of_keys);
        for (sequence, h) in (0..architectures * batch).flat_map(|sequence| (0..heads).map(move |h| (sequence, h))) {
            let weight = self.weight(sequence / batch, h);
            let factor = weight * f64::from(self.attention.scale);
            for i in 0..queries {
                let at = ((sequence * queries + i) * heads + h) * depth;
                let (p, logarithm) = self.row(sequence, h, i);
                let of_key = |j: usize| ((sequence * keys + j) * heads + h) * depth;
                let (mut delta, mut each) = (Exact::default(), Vec::new());
                for (j, p) in p.iter().enumerate() {
                    let mut product = Exact::default();
                    for d in 0..depth {
                        o[at + d].add(p * self.v[of_key(j) + d]);
                        product.add(dy[at + d] * self.v[of_key(j) + d]);
                        dv[of_key(j) + d].add(weight * p * dy[at + d]);
                    }
                    delta.value += p * product.value;
                    delta.magnitude += p * product.magnitude;
                    each.push(product);
                }
                for (j, p) in p.iter().enumerate() {
                    let ds = factor * p * (each[j].value - delta.value);
                    let magnitude = (factor * p).abs() * (each[j].magnitude + delta.magnitude);
                    for d in 0..depth {
                        let (q, k) = (self.q[at + d], self.k[of_key(j) + d]);
                        dq[at + d].value += ds * k;
                        dq[at + d].magnitude += magnitude * k.abs();
                        dk[of_key(j) + d].value += ds * q;
                        dk[of_key(j) + d].magnitude += magnitude * q.abs();
                    }
                }
                lse.push(Exact::of(logarithm));
                products.push(delta);
            }
        }
        Results { o, lse, products, dq, dk, dv }
    }

    /// The sum of `dy` times output, each head times its weight: what the gradients are of.
    pub fn loss(&self, dy: &[f64]) -> f64 {
        let [_, batch, heads, queries, keys, depth] = self.extents();
        let mut loss = 0.0;
        for at in (0..self.q.len()).step_by(depth) {
            let (h, row) = (at / depth % heads, at / depth / heads);
            let (sequence, i) = (row / queries, row % queries);
            for (j, p) in self.row(sequence, h, i).0.into_iter().enumerate().filter(|(_, p)| *p != 0.0) {
                let v = &self.v[((sequence * keys + j) * heads + h) * depth..][..depth];
                let product: f64 = v.iter().zip(&dy[at..]).map(|(v, dy)| v * dy).sum();
                loss += self.weight(sequence / batch, h) * p * product;
            }
        }
        loss
    }
}
