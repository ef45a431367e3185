//! The preprocessor: constants, `#import`, `#if` and the numbers of bindings. Nothing else.

use std::fmt::Write as _;

use crate::{declared_constants, source};

/// Why a shader could not be specialised. Names the file and the line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShaderError {
    /// No file of that name is in the crate.
    #[error("there is no shader `{0}`: its name is its path below the crate without `.wgsl`")]
    Unknown(String),
    /// The given constants are not those that the header declares.
    #[error("shader `{file}` declares the constants {declared:?} but was given {given:?}")]
    Constants {
        /// The shader.
        file: String,
        /// What its `// Consts:` header lists.
        declared: Vec<String>,
        /// What the caller gave.
        given: Vec<String>,
    },
    /// A directive that is malformed, unbalanced or names something unknown.
    #[error("{file}.wgsl:{line}: {message}")]
    Directive {
        /// The file.
        file: String,
        /// Its line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
}

/// Specialises the shader `file` with `constants` (name, value), in any order.
///
/// Each becomes `const NAME: u32 = VALUEu;` and can be tested by `#if NAME`, `#if !NAME`, `#if NAME == VALUE`,
/// `#if NAME > VALUE`, with `#else` and `#endif`. `#import "shared/grid"` inserts another file once. `@binding(_)` takes the next number from 0 on, in
/// the order of the specialised text, so that a binding under a condition need not number those behind it twice.
///
/// # Errors
/// [`ShaderError`], where the file is unknown, the constants are not those it declares, or a directive is wrong.
pub fn specialise(file: &str, constants: &[(&str, u32)]) -> Result<String, ShaderError> {
    let text = source(file).ok_or_else(|| ShaderError::Unknown(file.to_owned()))?;
    let mut declared: Vec<String> = declared_constants(text).into_iter().map(|(name, _)| name).collect();
    let mut given: Vec<String> = constants.iter().map(|(name, _)| (*name).to_owned()).collect();
    declared.sort();
    given.sort();
    if declared != given {
        return Err(ShaderError::Constants { file: file.to_owned(), declared, given });
    }
    let mut output = String::with_capacity(text.len() * 2);
    for (name, value) in constants {
        writeln!(output, "const {name}: u32 = {value}u;").expect("writing to a string");
    }
    let mut imported = vec![file.to_owned()];
    expand(file, text, constants, &mut imported, &mut output)?;
    Ok(number_bindings(&output))
}

fn number_bindings(text: &str) -> String {
    let mut numbered = String::with_capacity(text.len());
    for (number, part) in text.split("@binding(_)").enumerate() {
        if number > 0 {
            write!(numbered, "@binding({})", number - 1).expect("writing to a string");
        }
        numbered.push_str(part);
    }
    numbered
}

fn expand(
    file: &str,
    text: &str,
    constants: &[(&str, u32)],
    imported: &mut Vec<String>,
    output: &mut String,
) -> Result<(), ShaderError> {
    // One entry an open `#if`: whether its branch is taken, and whether the code around it is.
    let mut stack: Vec<(bool, bool)> = Vec::new();
    let mut last_line = 0;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        last_line = number;
        let fail = |message: String| ShaderError::Directive { file: file.to_owned(), line: number, message };
        let live = stack.last().is_none_or(|(taken, outer)| *taken && *outer);
        let trimmed = line.trim_start();
        if let Some(condition) = trimmed.strip_prefix("#if ") {
            stack.push((evaluate(condition.trim(), constants).map_err(fail)?, live));
        } else if trimmed.starts_with("#else") {
            let top = stack.last_mut().ok_or_else(|| fail("`#else` without `#if`".to_owned()))?;
            top.0 = !top.0;
        } else if trimmed.starts_with("#endif") {
            stack.pop().ok_or_else(|| fail("`#endif` without `#if`".to_owned()))?;
        } else if let Some(name) = trimmed.strip_prefix("#import ") {
            if live {
                let name = name.trim().trim_matches('"');
                if imported.iter().all(|known| known != name) {
                    imported.push(name.to_owned());
                    let text = source(name).ok_or_else(|| fail(format!("there is no file `{name}` to import")))?;
                    expand(name, text, constants, imported, output)?;
                }
            }
        } else if trimmed.starts_with('#') {
            return Err(fail(format!(
                "unknown directive `{trimmed}`: `#import`, `#if`, `#else` and `#endif` are known"
            )));
        } else if live {
            output.push_str(line);
            output.push('\n');
        }
    }
    if stack.is_empty() {
        Ok(())
    } else {
        Err(ShaderError::Directive {
            file: file.to_owned(),
            line: last_line,
            message: "`#if` without `#endif`".to_owned(),
        })
    }
}

fn evaluate(condition: &str, constants: &[(&str, u32)]) -> Result<bool, String> {
    let value = |name: &str| {
        constants
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
            .ok_or_else(|| format!("`{name}` is not a constant of this shader"))
    };
    let number = |text: &str| text.trim().parse::<u32>().map_err(|_| format!("`{text}` is not a whole number"));
    if let Some((name, expected)) = condition.split_once("==") {
        Ok(value(name.trim())? == number(expected)?)
    } else if let Some((name, bound)) = condition.split_once('>') {
        Ok(value(name.trim())? > number(bound)?)
    } else if let Some(name) = condition.strip_prefix('!') {
        Ok(value(name.trim())? == 0)
    } else {
        Ok(value(condition)? != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, constants: &[(&str, u32)]) -> Result<String, ShaderError> {
        let mut output = String::new();
        expand("test", text, constants, &mut vec!["test".to_owned()], &mut output)?;
        Ok(output)
    }

    #[test]
    fn conditions_nest() {
        let text = "#if A\na\n#if B == 2\nb\n#else\nnot b\n#endif\n#else\nnot a\n#endif\nend";
        assert_eq!(run(text, &[("A", 1), ("B", 2)]).unwrap(), "a\nb\nend\n");
        assert_eq!(run(text, &[("A", 1), ("B", 3)]).unwrap(), "a\nnot b\nend\n");
        assert_eq!(run(text, &[("A", 0), ("B", 2)]).unwrap(), "not a\nend\n");
        assert_eq!(run("#if A > 1\na\n#endif", &[("A", 2)]).unwrap(), "a\n");
        assert_eq!(run("#if A > 1\na\n#endif", &[("A", 1)]).unwrap(), "");
    }

    #[test]
    fn bindings_are_numbered_in_their_order() {
        assert_eq!(number_bindings("a"), "a");
        assert_eq!(number_bindings("@binding(_) a; @binding(_) b;"), "@binding(0) a; @binding(1) b;");
    }

    #[test]
    fn mistakes_name_their_line() {
        for (text, line) in
            [("x\n#endif", 2), ("#if A\n", 1), ("#if Z\n#endif", 1), ("\n#pragma", 2), ("#import \"no\"", 1)]
        {
            match run(text, &[("A", 1)]) {
                Err(ShaderError::Directive { line: found, .. }) => assert_eq!(found, line, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn wrong_constants_are_refused() {
        assert!(matches!(specialise("elementwise/unary", &[]), Err(ShaderError::Constants { .. })));
        assert!(matches!(specialise("no/such", &[]), Err(ShaderError::Unknown(_))));
    }
}
