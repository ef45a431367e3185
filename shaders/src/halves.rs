//! Shaders whose bindings are stored as halves: made from the text of the plain shader, which computes in f32 as ever.
//!
//! A header says which bindings may be halves: `// Halves: x y`. Their declarations become `array<f16>` ([`Form::Native`]), or
//! `array<u32>` with two halves a word ([`Form::Packed`]) where a device has no f16. Each `x[i]` becomes a call that widens, each
//! `y[i] = v;` one that rounds to the nearest half, ties to even, and to infinity from 65,520 on.
//!
//! A word of the packed form has one writer. How it comes to have one, a line `// Packed: ...` above the entry point says:
//!
//! - `// Packed: elements`: an invocation stores the element of its flat index. `main` becomes half as many invocations, each of
//!   which computes two elements, and stores a word.
//! - `// Packed: runs`: an invocation stores neighbours one after another, from an even one on. The even one waits for the odd one.
//! - `// Packed: pairs`: of two invocations of an even and the next odd index, the one stores the halves at even places, in whatever
//!   order, and the other the neighbours of these. `main` becomes half as many invocations, each of which runs both, one after the
//!   other, and exchanges half of a word at each store.
//!
//! Without that line a shader reads packed halves, and stores none. Elements that are the neighbours of a word must be stored by
//! the same launch: the kernel crate offers a binding as halves only where its extents say so.

use std::fmt::Write as _;

use crate::{ShaderError, source, specialise};

/// How halves lie in a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// As `f16`, which the device must have (`SHADER_F16`).
    Native,
    /// Two in a word, the even one in its low bits; any device has it.
    Packed,
}

/// How the invocations of a packed shader share the words that they store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stores {
    Elements,
    Runs,
    Pairs,
}

/// The bindings that the header of the shader `file` lists as `// Halves: x y`.
pub fn halves_of(file: &str) -> Vec<&'static str> {
    let header = source(file).into_iter().flat_map(|text| text.lines().take_while(|line| line.starts_with("//")));
    header.filter_map(|line| line.strip_prefix("// Halves:")).flat_map(str::split_whitespace).collect()
}

/// A storage binding of a specialised text that is an `array<f32>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Its number.
    pub number: u32,
    /// The variable.
    pub name: String,
    /// Whether the shader writes it.
    pub writes: bool,
}

/// The bindings of a specialised text that are `array<f32>`.
pub fn bindings_of(text: &str) -> Vec<Binding> {
    let of_line = |line: &str| -> Option<Binding> {
        let (number, rest) = line.trim().strip_prefix("@group(0) @binding(")?.split_once(") var<storage, ")?;
        let (access, rest) = rest.split_once("> ")?;
        let name = rest.strip_suffix(": array<f32>;")?.to_owned();
        Some(Binding { number: number.parse().ok()?, name, writes: access == "read_write" })
    };
    text.lines().filter_map(of_line).collect()
}

/// [`specialise`], with the bindings of these numbers stored as halves.
///
/// # Errors
/// As there, and [`ShaderError::Halves`] where the header does not list a binding, the permutation has none of that number, or it
/// stores a packed one and does not say how.
pub fn specialise_halves(
    file: &str,
    constants: &[(&str, u32)],
    bindings: &[u32],
    form: Form,
) -> Result<String, ShaderError> {
    let text = specialise(file, constants)?;
    if bindings.is_empty() {
        return Ok(text);
    }
    let refuse = |binding: &str, reason: &str| ShaderError::Halves {
        file: file.to_owned(),
        binding: binding.to_owned(),
        reason: reason.to_owned(),
    };
    let stores = text.lines().find_map(|line| match line.strip_prefix("// Packed: ")?.trim() {
        "elements" => Some(Stores::Elements),
        "runs" => Some(Stores::Runs),
        "pairs" => Some(Stores::Pairs),
        _ => None,
    });
    let listed = halves_of(file);
    let declared: Vec<Binding> = bindings_of(&text);
    let mut text = without_comments(&text);
    let mut functions = String::new();
    let mut written = Vec::new();
    for binding in bindings {
        let of_number = declared.iter().find(|known| known.number == *binding);
        let Binding { name, writes, .. } =
            of_number.ok_or_else(|| refuse(&format!("binding {binding}"), "is no `array<f32>` of this permutation"))?;
        if !listed.contains(&name.as_str()) {
            return Err(refuse(name, "is not listed as `// Halves:` in the header"));
        }
        let element = if form == Form::Native { "f16" } else { "u32" };
        text = text.replace(&format!("> {name}: array<f32>;"), &format!("> {name}: array<{element}>;"));
        text = with_calls(&text, name).map_err(|reason| refuse(name, reason))?;
        functions.push_str(&load(name, form));
        if *writes {
            functions.push_str(&store(name, form, stores));
            written.push(name.as_str());
        }
    }
    match form {
        Form::Native => text.insert_str(0, "enable f16;\n"),
        Form::Packed if written.is_empty() => {}
        Form::Packed => {
            functions.push_str(ROUNDING);
            match stores {
                None => return Err(refuse(written[0], "is stored, and no line `// Packed: ...` says by whom")),
                Some(Stores::Runs) => {}
                Some(stores) => {
                    let waiting = if stores == Stores::Pairs { &[] } else { &written[..] };
                    text = two_invocations(&text, waiting)
                        .ok_or_else(|| refuse(written[0], "has no `main` to run twice"))?;
                }
            }
        }
    }
    Ok(text + &functions)
}

/// The half nearest to a number, ties to even, as bits: the same on every device, whatever its own conversion does.
const ROUNDING: &str = "
fn halves_bits(v: f32) -> u32 {
    let bits = bitcast<u32>(v);
    let magnitude = bits & 0x7fffffffu;
    // Below 2^-14 a half counts in steps of 2^-24.
    let small = u32(round(min(abs(v), 1.0) * 16777216.0));
    let normal = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13u) & 1u)) >> 13u;
    var half = select(normal, small, magnitude < 0x38800000u);
    half = select(half, 0x7c00u, magnitude >= 0x477ff000u);
    half = select(half, 0x7e00u, magnitude > 0x7f800000u);
    return half | ((bits >> 16u) & 0x8000u);
}
";

/// The function behind the loads of [`with_calls`]. A binding that is written may be read too, where a sum is added to it: the word of
/// an element holds what it held until the element is stored.
fn load(name: &str, form: Form) -> String {
    match form {
        Form::Native => format!("\nfn halves_load_{name}(i: u32) -> f32 {{\n    return f32({name}[i]);\n}}\n"),
        Form::Packed => format!(
            "\nfn halves_load_{name}(i: u32) -> f32 {{
    let pair = unpack2x16float({name}[i / 2u]);
    return select(pair.x, pair.y, (i & 1u) != 0u);
}}\n"
        ),
    }
}

/// The function behind the stores of [`with_calls`], and what it needs.
fn store(name: &str, form: Form, stores: Option<Stores>) -> String {
    match (form, stores) {
        (Form::Native, _) => format!("\nfn halves_store_{name}(i: u32, v: f32) {{\n    {name}[i] = f16(v);\n}}\n"),
        (Form::Packed, Some(Stores::Pairs)) => format!(
            "\nfn halves_store_{name}(i: u32, v: f32) {{
    {name}[i / 2u] = insertBits({name}[i / 2u], halves_bits(v), 16u * (i & 1u), 16u);
}}\n"
        ),
        (Form::Packed, _) => format!(
            "\n// The even half of the word that is stored next, and that word; no word is NONE.
var<private> halves_held_{name}: u32 = 0u;
var<private> halves_word_{name}: u32 = 0xffffffffu;

fn halves_store_{name}(i: u32, v: f32) {{
    let bits = halves_bits(v);
    if (i & 1u) == 0u {{
        halves_held_{name} = bits;
        halves_word_{name} = i / 2u;
    }} else {{
        {name}[i / 2u] = halves_held_{name} | (bits << 16u);
        halves_word_{name} = 0xffffffffu;
    }}
}}

// A tensor of an odd length ends with half a word.
fn halves_flush_{name}() {{
    if halves_word_{name} != 0xffffffffu {{
        {name}[halves_word_{name}] = halves_held_{name};
    }}
}}\n"
        ),
    }
}

fn without_comments(text: &str) -> String {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default().trim_end());
    code.filter(|line| !line.is_empty()).fold(String::with_capacity(text.len()), |all, line| all + line + "\n")
}

fn part_of_a_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The end of what begins with an opening bracket: the place of its closing one.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (place, character) in text.char_indices() {
        match character {
            '[' | '(' => depth += 1,
            ']' | ')' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(place);
                }
            }
            _ => {}
        }
    }
    None
}

/// `text`, without comments, with calls in the place of `name[i]` and `name[i] = v;`.
fn with_calls(text: &str, name: &str) -> Result<String, &'static str> {
    let mut output = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let (before, behind) = (&rest[..at], &rest[at + name.len()..]);
        output.push_str(before);
        let last = output.chars().next_back();
        let whole = !last.is_some_and(|last| part_of_a_word(last) || last == '.') && behind.starts_with('[');
        if !whole {
            if last == Some('&') && !behind.chars().next().is_some_and(part_of_a_word) {
                return Err("is taken by reference");
            }
            output.push_str(name);
            rest = behind;
            continue;
        }
        let end = closing(behind).ok_or("has an index without an end")?;
        let index = with_calls(&behind[1..end], name)?;
        let after = behind[end + 1..].trim_start();
        let assigned = after.strip_prefix('=').filter(|value| !value.starts_with('='));
        if let Some(value) = assigned {
            let stop = value.find(';').ok_or("is assigned without an end")?;
            let value_text = with_calls(value[..stop].trim(), name)?;
            write!(output, "halves_store_{name}({index}, {value_text})").expect("writing to a string");
            rest = &value[stop..];
        } else if ["+=", "-=", "*=", "/="].iter().any(|operator| after.starts_with(operator)) {
            return Err("is changed in place");
        } else {
            write!(output, "halves_load_{name}({index})").expect("writing to a string");
            rest = &behind[end + 1..];
        }
    }
    output.push_str(rest);
    Ok(output)
}

/// `main` as a function of an invocation, and a `main` of half as many that calls it for two neighbours and then flushes
/// `waiting`. Its invocation's index is the parameter of `local_invocation_index`.
fn two_invocations(text: &str, waiting: &[&str]) -> Option<String> {
    const SIZE: &str = "@compute @workgroup_size(256)\nfn main(";
    const LOCAL: &str = "@builtin(local_invocation_index) ";
    let start = text.find(SIZE)?;
    let list = start + SIZE.len() - 1;
    let end = list + closing(&text[list..])?;
    let parts = text[list + 1..end].lines().map(|line| line.trim().trim_end_matches(','));
    let parameters: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    let mut plain = Vec::new();
    let mut arguments = [Vec::new(), Vec::new()];
    for parameter in &parameters {
        let (_, declaration) = parameter.split_once(") ")?;
        let (name, _) = declaration.split_once(':')?;
        plain.push(declaration);
        for (place, arguments) in arguments.iter_mut().enumerate() {
            let argument =
                if parameter.starts_with(LOCAL) { format!("2u * {name} + {place}u") } else { name.to_owned() };
            arguments.push(argument);
        }
    }
    let mut output = format!("{}fn halves_invocation({}{}", &text[..start], plain.join(", "), &text[end..]);
    writeln!(output, "\n@compute @workgroup_size(128)\nfn main({}) {{", parameters.join(", ")).ok()?;
    for arguments in &arguments {
        writeln!(output, "    halves_invocation({});", arguments.join(", ")).ok()?;
    }
    for name in waiting {
        writeln!(output, "    halves_flush_{name}();").ok()?;
    }
    output.push_str("}\n");
    Some(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accesses_become_calls() {
        let calls = |text: &str| with_calls(text, "x");
        assert_eq!(calls("y = x[i] + a.x[1] + xx[2] + x;").unwrap(), "y = halves_load_x(i) + a.x[1] + xx[2] + x;");
        assert_eq!(
            calls("x[x[(i)]] = x[0u] * v[1];").unwrap(),
            "halves_store_x(halves_load_x((i)), halves_load_x(0u) * v[1]);"
        );
        assert_eq!(calls("if x[i] == 1.0 {").unwrap(), "if halves_load_x(i) == 1.0 {");
        for text in ["x[i] += 1.0;", "f(&x);", "x[i", "x[i] = 1.0"] {
            assert!(calls(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_not_listed_is_refused() {
        let constants = [("OP", 1)];
        for form in [Form::Native, Form::Packed] {
            assert!(specialise_halves("elementwise/unary", &constants, &[1, 2], form).is_ok());
            for (file, constants, binding) in [
                ("elementwise/unary", &constants[..], 0),
                ("elementwise/unary", &constants, 3),
                ("optimise/unscale", &[], 1),
            ] {
                let refused = specialise_halves(file, constants, &[binding], form);
                assert!(matches!(refused, Err(ShaderError::Halves { .. })), "{refused:?}");
            }
        }
        assert_eq!(halves_of("elementwise/unary"), ["x", "y"]);
        assert!(halves_of("optimise/sgd").is_empty());
    }

    #[test]
    fn an_invocation_of_the_packed_form_stores_a_word() {
        let text = specialise_halves("elementwise/unary", &[("OP", 1)], &[2], Form::Packed).unwrap();
        assert!(text.contains("@workgroup_size(128)"), "{text}");
        assert!(text.contains("halves_invocation(workgroup, groups, 2u * local + 1u);"), "{text}");
        // Two strips of eight rows share the words of their two columns.
        let text = specialise_halves("mixed_edge/mixed_combine", &[("ACCUMULATE", 2)], &[6], Form::Packed).unwrap();
        assert!(text.contains("halves_invocation(workgroup, groups, 2u * local + 1u);"), "{text}");
        assert!(text.contains("insertBits(y[i / 2u], ") && !text.contains("halves_flush_y"), "{text}");
        let native = specialise_halves("elementwise/unary", &[("OP", 1)], &[2], Form::Native).unwrap();
        assert!(native.starts_with("enable f16;\n") && native.contains("@workgroup_size(256)"), "{native}");
    }
}
