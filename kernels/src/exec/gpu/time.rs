//! How long the device takes, by its own clock.

use std::ops::Range;
use std::time::Instant;

use super::{GpuExecutor, PreparedGpu, Timed};
use crate::Result;
use crate::exec::scopes::Scopes;

impl GpuExecutor {
    /// Replays a plan `repeats` times in one submit, each replay a pass of its own between two timestamps, and waits.
    ///
    /// # Errors
    /// Where the device failed.
    pub fn time(&mut self, prepared: &PreparedGpu, repeats: u32) -> Result<Timed> {
        let everything = 0..prepared.launches.len();
        self.time_ranges(prepared, &vec![everything; repeats as usize])
    }

    /// Runs each range of launches as a pass of its own between two timestamps, in one submit, and waits: a profile.
    ///
    /// # Errors
    /// Where the device failed.
    pub fn time_ranges(&mut self, prepared: &PreparedGpu, ranges: &[Range<usize>]) -> Result<Timed> {
        // A query set holds at most 4,096 queries; beyond that only the wall clock is taken.
        let count = 2 * ranges.len() as u32;
        let timestamps = self.facts.timestamps && count > 0 && count <= wgpu::QUERY_SET_MAX_QUERIES;
        let scopes = Scopes::open(&self.device);
        let queries = timestamps.then(|| {
            self.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("time"),
                ty: wgpu::QueryType::Timestamp,
                count,
            })
        });
        let resolved = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("timestamps"),
            size: 8 * u64::from(count.max(1)),
            usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        self.wait()?;
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("time") });
        for (index, range) in ranges.iter().enumerate() {
            let writes = queries.as_ref().map(|query_set| wgpu::ComputePassTimestampWrites {
                query_set,
                beginning_of_pass_write_index: Some(2 * index as u32),
                end_of_pass_write_index: Some(2 * index as u32 + 1),
            });
            Self::encode_range(prepared, range.clone(), &mut encoder, writes);
        }
        if let Some(queries) = &queries {
            encoder.resolve_query_set(queries, 0..count, &resolved, 0);
        }
        let start = Instant::now();
        self.submit(encoder);
        self.wait()?;
        let wall = start.elapsed().as_nanos() as f64;
        scopes.close("time", &prepared.name, &self.facts.name, self.allocated_bytes())?;
        let mut times = Vec::new();
        if queries.is_some() {
            let period = f64::from(self.queue.get_timestamp_period());
            let bytes = self.download(&resolved, 8 * u64::from(count), "timestamps")?;
            let ticks: Vec<u64> =
                bytes.chunks_exact(8).map(|chunk| u64::from_le_bytes(chunk.try_into().unwrap_or_default())).collect();
            times = ticks.chunks_exact(2).map(|pair| (pair[0] as f64 * period, pair[1] as f64 * period)).collect();
        }
        Ok(Timed { timestamps: times, wall })
    }
}
