//! Every permutation of every kernel is valid WGSL within the limits of any consumer GPU, and translates to SPIR-V
//! (Vulkan), MSL (Metal) and HLSL (DX12). Metal and DX12 are translated here, not run.

use naga::valid::{Capabilities, ValidationFlags, Validator};
use parnas_shaders::{Permutation, catalogue, specialise};

/// What any adapter grants by default (WebGPU's default limits).
const STORAGE_BUFFERS: usize = 8;
const WORKGROUP_BYTES: u32 = 16 * 1024;
const INVOCATIONS: u32 = 256;

fn check(permutation: &Permutation) -> Result<(), String> {
    let constants: Vec<(&str, u32)> =
        permutation.constants.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let text = specialise(permutation.file, &constants).map_err(|error| error.to_string())?;
    let module = naga::front::wgsl::parse_str(&text).map_err(|error| error.emit_to_string(&text))?;
    let needs = parnas_shaders::needs_subgroups(permutation.file);
    let capabilities = if needs { Capabilities::SUBGROUP } else { Capabilities::empty() };
    let info = Validator::new(ValidationFlags::all(), capabilities)
        .validate(&module)
        .map_err(|error| error.emit_to_string(&text))?;

    let storage =
        module.global_variables.iter().filter(|(_, v)| matches!(v.space, naga::AddressSpace::Storage { .. })).count();
    if storage > STORAGE_BUFFERS {
        return Err(format!("{storage} storage buffers, {STORAGE_BUFFERS} are granted everywhere"));
    }
    let mut layouter = naga::proc::Layouter::default();
    layouter.update(module.to_ctx()).map_err(|error| error.to_string())?;
    let workgroup: u32 = module
        .global_variables
        .iter()
        .filter(|(_, v)| v.space == naga::AddressSpace::WorkGroup)
        .map(|(_, v)| layouter[v.ty].size)
        .sum();
    if workgroup > WORKGROUP_BYTES {
        return Err(format!("{workgroup} bytes of workgroup memory, {WORKGROUP_BYTES} are granted everywhere"));
    }
    let entry = match module.entry_points.as_slice() {
        [entry] if entry.name == "main" => entry,
        _ => return Err("a kernel has one entry point, `main`".to_owned()),
    };
    let invocations: u32 = entry.workgroup_size.iter().product();
    if invocations > INVOCATIONS {
        return Err(format!("{invocations} invocations a workgroup, {INVOCATIONS} are granted everywhere"));
    }

    let spirv = naga::back::spv::Options { lang_version: (1, 3), ..Default::default() };
    let words = naga::back::spv::write_vec(&module, &info, &spirv, None).map_err(|error| format!("SPIR-V: {error}"))?;
    if let Some(folder) = std::env::var_os("PARNAS_SPIRV_FOLDER") {
        let name = format!(
            "{}-{}.spv",
            permutation.file.replace('/', "-"),
            permutation.constants.iter().map(|(n, v)| format!("{n}{v}")).collect::<String>()
        );
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        std::fs::write(std::path::Path::new(&folder).join(name), bytes).map_err(|error| error.to_string())?;
    }
    let metal = naga::back::msl::Options { lang_version: (2, 4), fake_missing_bindings: true, ..Default::default() };
    naga::back::msl::write_string(&module, &info, &metal, &naga::back::msl::PipelineOptions::default())
        .map_err(|error| format!("MSL: {error}"))?;
    let hlsl = naga::back::hlsl::Options { fake_missing_bindings: true, ..Default::default() };
    let mut text = String::new();
    naga::back::hlsl::Writer::new(&mut text, &hlsl, &naga::back::hlsl::PipelineOptions::default())
        .write(&module, &info, None)
        .map_err(|error| format!("HLSL: {error}"))?;
    Ok(())
}

#[test]
fn every_permutation_translates() {
    let permutations = catalogue();
    assert!(!permutations.is_empty(), "the catalogue is empty");
    let failures: Vec<String> = permutations
        .iter()
        .filter_map(|permutation| check(permutation).err().map(|error| format!("{permutation:?}\n{error}")))
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {} permutations fail:\n{}",
        failures.len(),
        permutations.len(),
        failures.join("\n")
    );
}

#[test]
fn every_kernel_opens_with_its_header() {
    for (file, text) in parnas_shaders::FILES {
        assert!(text.starts_with("// "), "{file} does not open with a comment");
        if !file.starts_with("shared/") {
            let header: Vec<&str> = text.lines().take_while(|line| line.starts_with("//")).collect();
            for word in ["Grid:", "Bindings:"] {
                assert!(header.iter().any(|line| line.contains(word)), "the header of {file} does not say `{word}`");
            }
        }
    }
}
