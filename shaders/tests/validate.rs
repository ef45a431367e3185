//! Every permutation of every kernel is valid WGSL within the limits of any consumer GPU, and translates to SPIR-V
//! (Vulkan), MSL (Metal) and HLSL (DX12); so is every one whose bindings are stored as halves. Metal and DX12 are translated here,
//! not run.

use naga::valid::{Capabilities, ValidationFlags, Validator};
use parnas_shaders::{Form, Permutation, bindings_of, catalogue, halves_of, specialise, specialise_halves};

/// What any adapter grants by default (WebGPU's default limits).
const STORAGE_BUFFERS: usize = 8;
const WORKGROUP_BYTES: u32 = 16 * 1024;
const INVOCATIONS: u32 = 256;

/// A text that a device may be given.
struct Text {
    name: String,
    text: String,
    capabilities: Capabilities,
}

fn constants_of(permutation: &Permutation) -> Vec<(&str, u32)> {
    permutation.constants.iter().map(|(name, value)| (name.as_str(), *value)).collect()
}

fn name_of(permutation: &Permutation) -> String {
    let constants = permutation.constants.iter().map(|(name, value)| format!("{name}{value}"));
    format!("{}-{}", permutation.file.replace('/', "-"), constants.collect::<String>())
}

fn plain(permutation: &Permutation) -> Result<Text, String> {
    let text = specialise(permutation.file, &constants_of(permutation)).map_err(|error| error.to_string())?;
    let needs = parnas_shaders::needs_subgroups(permutation.file);
    let capabilities = if needs { Capabilities::SUBGROUP } else { Capabilities::empty() };
    Ok(Text { name: name_of(permutation), text, capabilities })
}

/// The permutation with all of its bindings that may be halves, and with one of them at a time, in both forms. A shader that does not
/// say how it stores packed halves has only those that it reads.
fn with_halves(permutation: &Permutation) -> Result<Vec<Text>, String> {
    let plain = plain(permutation)?;
    let listed = halves_of(permutation.file);
    let bindings = bindings_of(&plain.text).into_iter().filter(|binding| listed.contains(&binding.name.as_str()));
    let (written, read): (Vec<_>, Vec<_>) = bindings.partition(|binding| binding.writes);
    let all: Vec<_> = read.iter().cloned().chain(written).collect();
    let stores_packed = plain.text.contains("\n// Packed: ");
    let mut texts = Vec::new();
    for (form, bindings) in [(Form::Native, &all), (Form::Packed, if stores_packed { &all } else { &read })] {
        let mut choices: Vec<_> = bindings.chunks(1).collect();
        if bindings.len() > 1 {
            choices.push(bindings);
        }
        for chosen in choices {
            let numbers: Vec<u32> = chosen.iter().map(|binding| binding.number).collect();
            let constants = constants_of(permutation);
            let text =
                specialise_halves(permutation.file, &constants, &numbers, form).map_err(|error| error.to_string())?;
            let f16 = match form {
                Form::Native => Capabilities::SHADER_FLOAT16,
                Form::Packed => Capabilities::SHADER_FLOAT16_IN_FLOAT32,
            };
            let name = format!("{}-{form:?}-{numbers:?}", plain.name);
            texts.push(Text { name, text, capabilities: plain.capabilities | f16 });
        }
    }
    Ok(texts)
}

fn check(Text { name, text, capabilities }: &Text) -> Result<(), String> {
    let module = naga::front::wgsl::parse_str(text).map_err(|error| error.emit_to_string(text))?;
    let info = Validator::new(ValidationFlags::all(), *capabilities)
        .validate(&module)
        .map_err(|error| error.emit_to_string(text))?;

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
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        std::fs::write(std::path::Path::new(&folder).join(format!("{name}.spv")), bytes)
            .map_err(|error| error.to_string())?;
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

/// Checks the texts that `of` makes of each permutation, on all cores.
fn check_all(of: impl Fn(&Permutation) -> Result<Vec<Text>, String> + Sync) {
    let permutations = catalogue();
    assert!(!permutations.is_empty(), "the catalogue is empty");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let part = |part: usize| -> (usize, Vec<String>) {
        let mut checked = 0;
        let mut failures = Vec::new();
        for permutation in permutations.iter().skip(part).step_by(cores) {
            match of(permutation) {
                Err(error) => failures.push(format!("{permutation:?}\n{error}")),
                Ok(texts) => {
                    checked += texts.len();
                    let failed = texts.iter().filter_map(|text| Some(format!("{}\n{}", text.name, check(text).err()?)));
                    failures.extend(failed);
                }
            }
        }
        (checked, failures)
    };
    let parts: Vec<_> = std::thread::scope(|scope| {
        let part = &part;
        let threads: Vec<_> = (0..cores).map(|core| scope.spawn(move || part(core))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no check panics")).collect()
    });
    let checked: usize = parts.iter().map(|(checked, _)| checked).sum();
    let failures: Vec<String> = parts.into_iter().flat_map(|(_, failures)| failures).collect();
    assert!(failures.is_empty(), "{} of {checked} texts fail:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_permutation_translates() {
    check_all(|permutation| Ok(vec![plain(permutation)?]));
}

#[test]
fn every_permutation_with_halves_translates() {
    check_all(with_halves);
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
