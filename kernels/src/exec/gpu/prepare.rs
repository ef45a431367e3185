//! A plan becomes pipelines and bind groups.

use std::sync::Arc;
use std::time::Duration;

use super::{Allocation, GpuExecutor, PreparedGpu, Ready, SUBMIT_SECONDS};
use crate::device::DeviceKind;
use crate::exec::scopes::Scopes;
use crate::halves::words;
use crate::launch::{Access, Shader, Slot};
use crate::plan::{BufferId, Launch, Operand, Plan, UNIFORM_STRIDE};
use crate::{Error, Result};

impl GpuExecutor {
    /// Makes a plan ready. See [`crate::Executor::prepare`].
    ///
    /// # Errors
    /// As there.
    pub fn prepare(&mut self, plan: &Plan) -> Result<PreparedGpu> {
        self.tune(plan)?;
        for (index, len) in plan.slots.iter().enumerate() {
            let fits = self.slots.get(index).is_some_and(|slot| slot.buffer.size() >= 4 * *len as u64);
            if !fits {
                let tenant = plan.transients.iter().find(|tensor| tensor.slot == index && tensor.words() == *len);
                let slot = self.allocate(tenant.map_or("slot", |tensor| &tensor.name), *len)?;
                if index < self.slots.len() {
                    // Plans prepared before keep the old buffer alive through their bind groups.
                    self.slots[index] = slot;
                } else {
                    self.slots.push(slot);
                }
            }
        }
        let uniforms = self.uniforms(plan)?;
        let mut launches = Vec::with_capacity(plan.launches.len());
        for (index, launch) in plan.launches.iter().enumerate() {
            launches.push(self.ready(plan, launch, &uniforms.buffer, index)?);
        }
        self.check(&plan.name)?;
        let own = self.slots[..plan.slots.len()].iter().chain([&uniforms]);
        let entries = own.map(|allocation| Arc::clone(&allocation.entry)).collect();
        let mut prepared = PreparedGpu { name: plan.name.clone(), launches, slices: Vec::new(), _entries: entries };
        // Software devices have no watchdog.
        let watched = self.facts.kind != DeviceKind::Software;
        prepared.slices = prepared.slices_within(if watched { SUBMIT_SECONDS } else { Duration::MAX });
        Ok(prepared)
    }

    fn uniforms(&mut self, plan: &Plan) -> Result<Allocation> {
        let stride = (UNIFORM_STRIDE / 4) as usize;
        let mut words = vec![0u32; stride * plan.launches.len().max(1)];
        for (index, launch) in plan.launches.iter().enumerate() {
            let parameters = launch.kernel.parameters();
            let parameters = parameters.as_slice();
            if parameters.len() > stride {
                return Err(Error::Parameters {
                    kernel: launch.kernel.name(),
                    message: format!("{} parameter words, at most {stride} fit", parameters.len()),
                });
            }
            words[index * stride..index * stride + parameters.len()].copy_from_slice(parameters);
        }
        let size = 4 * words.len() as u64;
        let scopes = Scopes::open(&self.device);
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("parameters"),
            size,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        self.counts.buffers += 1;
        self.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&words));
        scopes.close("parameters", &plan.name, &self.facts.name, size)?;
        Ok(Allocation { buffer, entry: Arc::new(self.ledger.enter(size)) })
    }

    fn layout(&mut self, slots: &[Slot]) -> wgpu::BindGroupLayout {
        let accesses: Vec<Access> = slots.iter().map(|slot| slot.access).collect();
        let device = &self.device;
        self.layouts
            .entry(accesses)
            .or_insert_with_key(|accesses| {
                let entry = |binding, ty| wgpu::BindGroupLayoutEntry {
                    binding,
                    visibility: wgpu::ShaderStages::COMPUTE,
                    ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
                    count: None,
                };
                let mut entries = vec![entry(0, wgpu::BufferBindingType::Uniform)];
                for (index, access) in accesses.iter().enumerate() {
                    let read_only = *access == Access::Read;
                    entries.push(entry(index as u32 + 1, wgpu::BufferBindingType::Storage { read_only }));
                }
                device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries })
            })
            .clone()
    }

    /// The pipeline of a shader whose bindings of the numbers `halves` are stored as such.
    fn pipeline(
        &mut self,
        shader: &Shader,
        halves: Vec<u32>,
        layout: &wgpu::BindGroupLayout,
    ) -> Result<wgpu::ComputePipeline> {
        let key = (shader.clone(), halves);
        if let Some(pipeline) = self.pipelines.get(&key) {
            return Ok(pipeline.clone());
        }
        let text = parnas_shaders::specialise_halves(shader.file, &shader.constants, &key.1, self.halves)?;
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(shader.file),
            source: wgpu::ShaderSource::Wgsl(text.into()),
        });
        let pipeline_layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(shader.file),
            bind_group_layouts: &[Some(layout)],
            immediate_size: 0,
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(shader.file),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            // Every kernel writes its tiles before it reads them.
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        self.counts.pipelines += 1;
        self.pipelines.insert(key, pipeline.clone());
        Ok(pipeline)
    }

    fn ready(&mut self, plan: &Plan, launch: &Launch, uniforms: &wgpu::Buffer, index: usize) -> Result<Ready> {
        let scopes = Scopes::open(&self.device);
        let slots = launch.kernel.slots();
        let layout = self.layout(&slots);
        let is_half = |(place, operand): (usize, &Operand)| plan.is_half(*operand).then_some(place as u32 + 1);
        let halves: Vec<u32> = launch.operands.iter().enumerate().filter_map(is_half).collect();
        let variant = self.variant(&*launch.kernel, &halves)?;
        let pipeline = self.pipeline(&variant.shader, halves, &layout)?;
        let mut entries = vec![wgpu::BindGroupEntry {
            binding: 0,
            resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer: uniforms,
                offset: UNIFORM_STRIDE * index as u64,
                size: wgpu::BufferSize::new(UNIFORM_STRIDE),
            }),
        }];
        for (place, (slot, operand)) in slots.iter().zip(&launch.operands).enumerate() {
            let Allocation { buffer, .. } = match operand {
                Operand::Persistent(BufferId(index)) => {
                    self.persistent.get(*index).ok_or(Error::UnknownBuffer(*index))?
                }
                Operand::Transient(index) => &self.slots[plan.transients[*index].slot],
            };
            let words = if plan.is_half(*operand) { words(slot.len) } else { slot.len };
            entries.push(wgpu::BindGroupEntry {
                binding: place as u32 + 1,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer,
                    offset: 0,
                    size: wgpu::BufferSize::new(4 * words.max(1) as u64),
                }),
            });
        }
        let bindings = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(&launch.label),
            layout: &layout,
            entries: &entries,
        });
        self.counts.bind_groups += 1;
        scopes.close(launch.kernel.name(), &launch.label, &self.facts.name, self.allocated_bytes())?;
        let seconds = self.estimate(plan.launch_cost(launch));
        Ok(Ready { pipeline, bindings, grid: variant.grid, seconds })
    }
}
