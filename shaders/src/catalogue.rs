//! Every permutation in use, read from the headers of the shaders.

use crate::FILES;

/// A shader with values for all of its constants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permutation {
    /// The shader's name.
    pub file: &'static str,
    /// Constants by name, in the order of the header.
    pub constants: Vec<(String, u32)>,
}

/// The constants that a shader's header declares, with the values to validate: `// Consts: BM = 16 64; BIAS = 0 1`.
///
/// A line may continue on the next header line that starts with `// Consts:` again.
pub fn declared_constants(text: &str) -> Vec<(String, Vec<u32>)> {
    text.lines()
        .take_while(|line| line.starts_with("//"))
        .filter_map(|line| line.strip_prefix("// Consts:"))
        .flat_map(|line| line.split(';'))
        .filter_map(|entry| entry.split_once('='))
        .map(|(name, values)| {
            let values =
                values.split_whitespace().filter_map(|value| value.trim_end_matches('.').parse().ok()).collect();
            (name.trim().to_owned(), values)
        })
        .collect()
}

/// All permutations of all kernels: the product of the values that each header lists. Files below `shared/` are
/// imported by others and are no kernels of their own.
pub fn catalogue() -> Vec<Permutation> {
    let mut all = Vec::new();
    for (file, text) in FILES.iter().filter(|(file, _)| !file.starts_with("shared/")) {
        let mut product = vec![Vec::new()];
        for (name, values) in declared_constants(text) {
            product = product
                .into_iter()
                .flat_map(|prefix: Vec<(String, u32)>| {
                    values.iter().map({
                        let name = &name;
                        move |value| {
                            let mut constants = prefix.clone();
                            constants.push((name.clone(), *value));
                            constants
                        }
                    })
                })
                .collect();
        }
        all.extend(product.into_iter().map(|constants| Permutation { file, constants }));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_multiply() {
        let text = "// y = x\n// Consts: A = 1 2; B = 0 1.\n// Consts: C = 7\nfn f() {}\n// Consts: D = 1";
        let declared = declared_constants(text);
        assert_eq!(declared.len(), 3);
        assert_eq!(declared[1], ("B".to_owned(), vec![0, 1]));
        assert_eq!(declared[2], ("C".to_owned(), vec![7]));
    }
}
