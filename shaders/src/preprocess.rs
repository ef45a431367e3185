//! The preprocessor: constants, `#import`, `#if`, `#repeat` and the numbers of bindings. Nothing else.

use std::borrow::Cow;
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
    /// A binding that this shader cannot store as halves.
    #[error("shader `{file}`: as halves, `{binding}` {reason}")]
    Halves {
        /// The shader.
        file: String,
        /// The binding.
        binding: String,
        /// What is in the way.
        reason: String,
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
/// `#if NAME > VALUE`, with `#else` and `#endif`. `#import "shared/grid"` inserts another file once. `#repeat NAME COUNT` writes the
/// lines up to `#end` so many times, `0u`, `1u`, … in the place of the word `NAME`: what WGSL wants as a constant, such as a lane of
/// a broadcast, cannot come from a loop. `@binding(_)` takes the next number from 0 on, in the order of the specialised text, so
/// that a binding under a condition need not number those behind it twice.
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

/// The lines with their numbers from 1, those between `#repeat` and `#end` as often as it says. Repetitions do not nest.
fn unrolled<'a>(file: &str, text: &'a str) -> Result<Vec<(usize, Cow<'a, str>)>, ShaderError> {
    let mut lines: Vec<(usize, Cow<'a, str>)> = Vec::new();
    // The line, the word and the count of an open `#repeat`, and where its lines begin.
    let mut open: Option<(usize, &str, u32, usize)> = None;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let fail =
            |message: &str| ShaderError::Directive { file: file.to_owned(), line: number, message: message.into() };
        let trimmed = line.trim();
        if let Some(arguments) = trimmed.strip_prefix("#repeat ") {
            let parsed = arguments.split_once(' ').and_then(|(word, count)| Some((word, count.trim().parse().ok()?)));
            let (word, count) = parsed.ok_or_else(|| fail("it is `#repeat NAME COUNT`"))?;
            if open.replace((number, word, count, lines.len())).is_some() {
                return Err(fail("`#repeat` within `#repeat`"));
            }
        } else if trimmed == "#end" {
            let (_, word, count, start) = open.take().ok_or_else(|| fail("`#end` without `#repeat`"))?;
            let body = lines.split_off(start);
            for turn in 0..count {
                let turn = format!("{turn}u");
                lines.extend(body.iter().map(|(number, line)| (*number, Cow::Owned(substituted(line, word, &turn)))));
            }
        } else {
            lines.push((number, Cow::Borrowed(line)));
        }
    }
    match open {
        None => Ok(lines),
        Some((line, ..)) => {
            Err(ShaderError::Directive { file: file.to_owned(), line, message: "`#repeat` without `#end`".to_owned() })
        }
    }
}

/// `line` with `value` in the place of every whole `word`.
fn substituted(line: &str, word: &str, value: &str) -> String {
    let part_of_a_word = |character: char| character.is_alphanumeric() || character == '_';
    let mut output = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(word) {
        let (before, behind) = (&rest[..at], &rest[at + word.len()..]);
        let whole = !output.chars().chain(before.chars()).next_back().is_some_and(part_of_a_word)
            && !behind.chars().next().is_some_and(part_of_a_word);
        output.push_str(before);
        output.push_str(if whole { value } else { word });
        rest = behind;
    }
    output + rest
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
    for (number, line) in unrolled(file, text)? {
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
                "unknown directive `{trimmed}`: `#import`, `#if`, `#else`, `#endif`, `#repeat` and `#end` are known"
            )));
        } else if live {
            output.push_str(&line);
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
    fn repetitions_replace_whole_words() {
        let text = "#repeat I 3\n#if A > 1\nf(I, I2, xI, i) + I;\n#endif\n#end\nI";
        let lines = |n: &str| format!("f({n}, I2, xI, i) + {n};\n");
        assert_eq!(run(text, &[("A", 2)]).unwrap(), lines("0u") + &lines("1u") + &lines("2u") + "I\n");
        assert_eq!(run(text, &[("A", 1)]).unwrap(), "I\n");
    }

    #[test]
    fn bindings_are_numbered_in_their_order() {
        assert_eq!(number_bindings("a"), "a");
        assert_eq!(number_bindings("@binding(_) a; @binding(_) b;"), "@binding(0) a; @binding(1) b;");
    }

    #[test]
    fn mistakes_name_their_line() {
        for (text, line) in [
            ("x\n#endif", 2),
            ("#if A\n", 1),
            ("#if Z\n#endif", 1),
            ("\n#pragma", 2),
            ("#import \"no\"", 1),
            ("#repeat I 2\nx\n#end\n#pragma", 4),
            ("#repeat I 2\n#pragma\n#end", 2),
            ("x\n#repeat I 2\n", 2),
            ("#end", 1),
            ("#repeat I two\n#end", 1),
            ("#repeat I 2\n#repeat J 2\n#end\n#end", 2),
        ] {
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
