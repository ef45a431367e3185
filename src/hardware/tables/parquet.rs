//! Tables as a Parquet file.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, LogicalType, Repetition, Type as PhysicalType};
use parquet::column::reader::ColumnReader;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use serde::{Deserialize, Serialize};

use super::check::{ARCHITECTURE, Fault, check};
use super::{Column, ColumnKind, Tables, TablesError};
use crate::files;

/// The value of the metadata key `parnas.schema` that this version reads and writes.
const SCHEMA: &str = "parnas-tables-1";

/// What the metadata say of a column.
#[derive(Debug, Serialize, Deserialize)]
struct Description {
    #[serde(flatten)]
    kind: Kind,
    unit: String,
    source: String,
    licence: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Kind {
    Device { device: String, batch: u32, objective: String },
    Accuracy { dataset: String, split: String, epochs: u32 },
    Other,
}

impl Tables {
    /// Checks the tables and writes them, whole or not at all.
    ///
    /// # Errors
    /// Where the file cannot be written, or could not be read back: columns of other lengths, names that appear twice.
    pub fn write(&self, path: &Path) -> Result<(), TablesError> {
        check(self).map_err(|fault| refused(path, fault))?;
        let bytes = self.to_bytes().map_err(|error| damaged(path, &error))?;
        Ok(files::write_atomically(path, &bytes)?)
    }

    /// Reads tables.
    ///
    /// # Errors
    /// Where the file cannot be read, is no Parquet, has metadata of another version, or contents that no tables have.
    pub fn read(path: &Path) -> Result<Self, TablesError> {
        let bytes = Bytes::from(files::read(path)?);
        let length = bytes.len() as i64;
        let reader = SerializedFileReader::new(bytes).map_err(|error| damaged(path, &error))?;
        // The reader takes the places of columns on trust, and panics where they cannot be.
        let mut chunks = reader.metadata().row_groups().iter().flat_map(|group| group.columns());
        let outside =
            |start: i64, size: i64| start < 0 || size < 0 || start.checked_add(size).is_none_or(|end| end > length);
        if chunks.any(|chunk| {
            let start = chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset());
            chunk.data_page_offset() < 0 || outside(start, chunk.compressed_size()) || chunk.num_values() < 0
        }) {
            let reason = "a column lies outside the file".to_owned();
            return Err(TablesError::Parquet { path: path.to_path_buf(), reason });
        }
        let pairs = reader.metadata().file_metadata().key_value_metadata();
        let metadata: HashMap<String, String> =
            pairs.into_iter().flatten().filter_map(|pair| Some((pair.key.clone(), pair.value.clone()?))).collect();
        let refuse =
            |key: &str, reason: String| TablesError::Metadata { path: path.to_path_buf(), key: key.to_owned(), reason };
        let get = |key: &str| metadata.get(key).cloned().ok_or_else(|| refuse(key, "it is not there".to_owned()));
        let schema = get("parnas.schema")?;
        if schema != SCHEMA {
            return Err(refuse("parnas.schema", format!("{schema:?}, this version reads {SCHEMA:?}")));
        }
        let names: Vec<String> = reader
            .metadata()
            .file_metadata()
            .schema_descr()
            .columns()
            .iter()
            .map(|own| own.name().to_owned())
            .collect();
        if names.first().map(String::as_str) != Some(ARCHITECTURE) {
            return Err(refuse("parnas.schema", format!("the first column is not {ARCHITECTURE}")));
        }
        let (architectures, values) = columns(&reader, names.len()).map_err(|error| damaged(path, &error))?;
        let mut described = Vec::new();
        for (name, values) in names[1..].iter().zip(values) {
            let key = format!("parnas.column.{name}");
            let description: Description =
                serde_json::from_str(&get(&key)?).map_err(|error| refuse(&key, error.to_string()))?;
            let kind = match description.kind {
                Kind::Device { device, batch, objective } => ColumnKind::Device { device, batch, objective },
                Kind::Accuracy { dataset, split, epochs } => ColumnKind::Accuracy { dataset, split, epochs },
                Kind::Other => ColumnKind::Other,
            };
            let Description { unit, source, licence, .. } = description;
            described.push(Column { name: name.clone(), kind, unit, source, licence, values });
        }
        let tables = Self {
            space: get("parnas.space")?,
            space_hash: get("parnas.space_hash")?,
            architectures,
            columns: described,
        };
        check(&tables).map_err(|fault| refused(path, fault))?;
        Ok(tables)
    }

    fn to_bytes(&self) -> Result<Vec<u8>, ParquetError> {
        let text = Type::primitive_type_builder(ARCHITECTURE, PhysicalType::BYTE_ARRAY)
            .with_repetition(Repetition::REQUIRED)
            .with_logical_type(Some(LogicalType::String))
            .build()?;
        let mut fields = vec![Arc::new(text)];
        let mut metadata = vec![
            KeyValue::new("parnas.schema".to_owned(), SCHEMA.to_owned()),
            KeyValue::new("parnas.space".to_owned(), self.space.clone()),
            KeyValue::new("parnas.space_hash".to_owned(), self.space_hash.clone()),
        ];
        for column in &self.columns {
            let double = Type::primitive_type_builder(&column.name, PhysicalType::DOUBLE)
                .with_repetition(Repetition::OPTIONAL)
                .build()?;
            fields.push(Arc::new(double));
            let kind = match column.kind.clone() {
                ColumnKind::Device { device, batch, objective } => Kind::Device { device, batch, objective },
                ColumnKind::Accuracy { dataset, split, epochs } => Kind::Accuracy { dataset, split, epochs },
                ColumnKind::Other => Kind::Other,
            };
            let description = Description {
                kind,
                unit: column.unit.clone(),
                source: column.source.clone(),
                licence: column.licence.clone(),
            };
            let text = serde_json::to_string(&description).map_err(|error| ParquetError::General(error.to_string()))?;
            metadata.push(KeyValue::new(format!("parnas.column.{}", column.name), text));
        }
        let schema = Arc::new(Type::group_type_builder("tables").with_fields(fields).build()?);
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_key_value_metadata(Some(metadata))
            .build();
        let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?;
        let mut group = writer.next_row_group()?;
        if let Some(mut column) = group.next_column()? {
            let texts: Vec<ByteArray> = self.architectures.iter().map(|text| text.as_str().into()).collect();
            column.typed::<ByteArrayType>().write_batch(&texts, None, None)?;
            column.close()?;
        }
        for own in &self.columns {
            if let Some(mut column) = group.next_column()? {
                let levels: Vec<i16> = own.values.iter().map(|value| i16::from(!value.is_nan())).collect();
                let values: Vec<f64> = own.values.iter().copied().filter(|value| !value.is_nan()).collect();
                column.typed::<DoubleType>().write_batch(&values, Some(&levels), None)?;
                column.close()?;
            }
        }
        group.close()?;
        writer.into_inner()
    }
}

fn refused(path: &Path, Fault { column, reason }: Fault) -> TablesError {
    TablesError::Contents { path: path.to_path_buf(), column, reason }
}

fn damaged(path: &Path, error: &ParquetError) -> TablesError {
    TablesError::Parquet { path: path.to_path_buf(), reason: error.to_string() }
}

/// The architectures, and the values of the other columns.
fn columns(reader: &SerializedFileReader<Bytes>, count: usize) -> Result<(Vec<String>, Vec<Vec<f64>>), ParquetError> {
    let mut architectures = Vec::new();
    let mut all = vec![Vec::new(); count - 1];
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        let rows = group.metadata().num_rows() as usize;
        match group.get_column_reader(0)? {
            ColumnReader::ByteArrayColumnReader(mut column) => {
                let mut texts = Vec::new();
                column.read_records(rows, None, None, &mut texts)?;
                for text in &texts {
                    architectures.push(text.as_utf8()?.to_owned());
                }
            }
            _ => return Err(ParquetError::General(format!("the column {ARCHITECTURE} is not text"))),
        }
        for (place, own) in all.iter_mut().enumerate() {
            let ColumnReader::DoubleColumnReader(mut column) = group.get_column_reader(place + 1)? else {
                return Err(ParquetError::General(format!("column {} is not of doubles", place + 2)));
            };
            let (mut levels, mut values) = (Vec::new(), Vec::new());
            column.read_records(rows, Some(&mut levels), None, &mut values)?;
            let mut known = values.into_iter();
            for level in levels {
                own.push(if level > 0 { known.next().unwrap_or(f64::NAN) } else { f64::NAN });
            }
        }
    }
    Ok((architectures, all))
}
