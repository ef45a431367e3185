//! What the columns of published files mean, by their headers.

use super::ColumnKind;
use super::mapping::Meaning;
use crate::hardware::table::batch_of;

/// The layout of a published file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// HELP (Lee et al., NeurIPS 2021): `index,arch,<device>...`, milliseconds.
    Help,
    /// HW-NAS-Bench (Li et al., ICLR 2021): `index,<dataset>_<device>_<objective>...`.
    HwNasBench,
    /// NATS-Bench (Dong et al., TPAMI 2021): `index,arch,<dataset>_<split>_<epochs>...`.
    NatsBench,
}

impl Layout {
    /// Tells a file by its header.
    pub(super) fn of(header: &[String]) -> Option<Self> {
        let has = |test: &dyn Fn(&str) -> bool| header.iter().any(|name| test(name));
        match header.iter().map(String::as_str).take(2).collect::<Vec<_>>()[..] {
            ["index", "arch"] if has(&|name| accuracy(name).is_some()) => Some(Self::NatsBench),
            ["index", "arch"] => Some(Self::Help),
            ["index", _] if has(&|name| name.ends_with("_latency") && hardware(name).is_some()) => {
                Some(Self::HwNasBench)
            }
            _ => None,
        }
    }

    /// Where the file comes from, and its licence.
    pub(super) fn source(self) -> (&'static str, &'static str) {
        match self {
            Self::Help => ("HELP, Lee et al., NeurIPS 2021", "MIT"),
            Self::HwNasBench => ("HW-NAS-Bench, Li et al., ICLR 2021", "MIT"),
            Self::NatsBench => ("NATS-Bench, Dong et al., TPAMI 2021", "MIT"),
        }
    }

    /// What a column behind `index` and `arch` means.
    pub(super) fn meaning(self, name: &str) -> Meaning {
        match self {
            Self::Help => Meaning {
                kind: ColumnKind::Device {
                    device: name.to_owned(),
                    batch: batch_of(name),
                    objective: "latency".to_owned(),
                },
                unit: "ms".to_owned(),
                missing: None,
            },
            Self::HwNasBench => hardware(name).unwrap_or_else(other),
            Self::NatsBench => accuracy(name).unwrap_or_else(other),
        }
    }
}

/// A column that is kept as it is.
fn other() -> Meaning {
    Meaning { kind: ColumnKind::Other, unit: String::new(), missing: None }
}

/// `c10_eyeriss_latency`. The devices of CIFAR-10 have their plain names, those of the other datasets the dataset's before.
fn hardware(name: &str) -> Option<Meaning> {
    let (front, objective) = name.rsplit_once('_')?;
    let (dataset, device) = front.split_once('_')?;
    let unit = match objective {
        "latency" => "ms",
        "energy" => "mJ",
        _ => return None,
    };
    let plain = dataset == "c10";
    let named = if plain { device.to_owned() } else { format!("{dataset}.{device}") };
    Some(Meaning {
        kind: ColumnKind::Device { device: named, batch: 1, objective: objective.to_owned() },
        unit: unit.to_owned(),
        // Cells that the device does not support.
        missing: (device == "edgetpu").then_some(-1.0),
    })
}

/// `c10_test_200`.
fn accuracy(name: &str) -> Option<Meaning> {
    let mut parts = name.split('_');
    let (dataset, split, epochs) = (parts.next()?, parts.next()?, parts.next()?);
    let known = ["c10", "c100", "in16"].contains(&dataset) && ["test", "valid", "valtest"].contains(&split);
    let epochs = epochs.parse().ok().filter(|_| known && parts.next().is_none())?;
    Some(Meaning {
        kind: ColumnKind::Accuracy { dataset: dataset.to_owned(), split: split.to_owned(), epochs },
        unit: "%".to_owned(),
        missing: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(header: &str) -> Option<Layout> {
        Layout::of(&header.split(',').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn files_are_told_by_their_headers() {
        assert_eq!(layout("index,arch,1080ti_1,pixel2"), Some(Layout::Help));
        assert_eq!(layout("index,c10_edgegpu_latency,c10_edgegpu_energy"), Some(Layout::HwNasBench));
        assert_eq!(layout("index,arch,c10_test_200,n_seeds_200"), Some(Layout::NatsBench));
        assert_eq!(layout("arch,index,1080ti_1"), None);
        assert_eq!(layout("index"), None);
    }

    #[test]
    fn columns_mean_what_their_names_say() {
        let device = |layout: Layout, name: &str| match layout.meaning(name).kind {
            ColumnKind::Device { device, batch, objective } => (device, batch, objective),
            kind => panic!("{name} is {kind:?}"),
        };
        let owned = |device: &str, batch, objective: &str| (device.to_owned(), batch, objective.to_owned());
        assert_eq!(device(Layout::Help, "titan_rtx_256"), owned("titan_rtx_256", 256, "latency"));
        assert_eq!(device(Layout::Help, "gold_6226"), owned("gold_6226", 1, "latency"));
        assert_eq!(device(Layout::HwNasBench, "c10_fpga_energy"), owned("fpga", 1, "energy"));
        assert_eq!(device(Layout::HwNasBench, "in16_edgetpu_latency"), owned("in16.edgetpu", 1, "latency"));
        assert_eq!(Layout::HwNasBench.meaning("c10_edgetpu_latency").missing, Some(-1.0));
        assert_eq!(Layout::HwNasBench.meaning("c10_eyeriss_arithmetic_intensity").kind, ColumnKind::Other);
        let kind = Layout::NatsBench.meaning("in16_valtest_200").kind;
        assert_eq!(kind, ColumnKind::Accuracy { dataset: "in16".into(), split: "valtest".into(), epochs: 200 });
        assert_eq!(Layout::NatsBench.meaning("c10_valid_200_nbsuitezero").kind, ColumnKind::Other);
    }
}
