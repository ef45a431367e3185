//! Device profiles: tables, measurements on the machine, reference architectures.
//!
//! A device is a [`DeviceProfile`]: the raw values of the space's ten reference architectures, and samples to train a
//! predictor on. Profiles come from a published table ([`read_table`]) or from a measurement file
//! ([`MeasurementFile`]). [`timing`] judges lists of times, [`statistics`] judges predictions.

mod file;
mod host;
mod measure;
mod profile;
pub mod references;
pub mod statistics;
mod table;
pub mod tables;
pub mod timing;
mod vector;

pub use file::{Expected, MeasurementError, MeasurementFile, SCHEMA};
pub use host::HostFacts;
pub use measure::{MeasureError, MeasureEvent, MeasureOptions, Meter, measure_devices, name_of};
pub use profile::{DeviceProfile, ObjectiveBlock, REFERENCE_COUNT, Sample, is_valid_name, profile_name};
pub use table::{TABLE_RUNTIME, TableError, TableProfile, read_table};
pub use vector::{VectorError, read_vector};
