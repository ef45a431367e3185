//! The lint over small shaders that break one rule each, over shaders that look like it and do not, and over every
//! permutation of the catalogue.

use parnas_tools::lint::{check_catalogue, check_text, declarations};

/// A kernel around `body`, with memory of every kind, and its lines numbered from 1 at the body's first line.
fn findings(helpers: &str, body: &str) -> Vec<(i64, String)> {
    let head = "struct Parameters { n: u32, m: u32 }
@group(0) @binding(0) var<uniform> parameters: Parameters;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
var<workgroup> tile: array<u32, 64>;
var<workgroup> flag: u32;
var<private> mine: u32;
";
    let main = "@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) place: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
";
    let before = format!("{head}{helpers}\n{main}");
    let text = format!("{before}{body}\n}}\n");
    let offset = before.lines().count() as i64;
    check_text(&text).remarks.into_iter().map(|remark| (i64::from(remark.line) - offset, remark.message)).collect()
}

/// The body breaks one rule: in that line, with that word in the message.
#[track_caller]
fn bad(body: &str, line: i64, word: &str) {
    bad_with("", body, line, word);
}

#[track_caller]
fn bad_with(helpers: &str, body: &str, line: i64, word: &str) {
    let found = findings(helpers, body);
    assert_eq!(found.len(), 1, "{body}\n{found:?}");
    assert_eq!(found[0].0, line, "{body}\n{found:?}");
    assert!(found[0].1.contains(word), "{body}\n{found:?}");
}

#[track_caller]
fn good(body: &str) {
    good_with("", body);
}

#[track_caller]
fn good_with(helpers: &str, body: &str) {
    let found = findings(helpers, body);
    assert!(found.is_empty(), "{body}\n{found:?}");
}

#[test]
fn barriers_under_what_differs_are_reported() {
    bad("if local < 32u {\nworkgroupBarrier(); }", 2, "`local_invocation_index`");
    bad("if group.x < 3u { if place.y == 0u {} else {\nworkgroupBarrier(); } }", 2, "`local_invocation_id`");
    bad("switch local { case 1u: {\nworkgroupBarrier(); } default: {} }", 2, "`local_invocation_index`");
    bad("if y[0] > 0u {\nworkgroupBarrier(); }", 2, "storage");
    bad("if tile[0] > 0u {\nstorageBarrier(); }", 2, "workgroup memory");
    bad("if mine > 0u {\nworkgroupBarrier(); }", 2, "private");
    bad("if x[local] > 0u {\nworkgroupBarrier(); }", 2, "`local_invocation_index`");
    bad("if local == 0u {\nlet v = workgroupUniformLoad(&flag); y[0] = v; }", 2, "`workgroupUniformLoad`");
    bad("let v = workgroupUniformLoad(&tile[local]); y[0] = v;", 1, "`workgroupUniformLoad`");
    bad("if group.x == 0u && local == 0u {\nworkgroupBarrier(); }", 2, "`local_invocation_index`");
}

#[test]
fn barriers_after_an_early_leave_are_reported() {
    bad("if local >= parameters.n { return; }\nworkgroupBarrier();", 2, "(line");
    bad("for (var i = 0u; i < 8u; i++) {\nworkgroupBarrier();\nif tile[i] == 0u { break; }\n}", 2, "workgroup memory");
    bad("for (var i = 0u; i < 8u; i++) {\nif local == i { continue; }\nworkgroupBarrier();\n}", 3, "index`");
    bad("for (var i = 0u; i < 8u; i++) {\nif local == i { return; }\n}\nworkgroupBarrier();", 4, "index`");
    bad("for (var i = 0u; i < 3u; i++) {\nif local == 1u { break; }\nworkgroupBarrier();\n}", 3, "index`");
    let rounds = "// Rounds: one.";
    bad_with(
        rounds,
        "loop {\nif local == 1u { break; } continuing {\nworkgroupBarrier();\nbreak if group.x == 0u; } }",
        3,
        "",
    );
}

#[test]
fn barriers_under_variables_that_differ_are_reported() {
    bad("var v = 0u; v = local; if v > 3u {\nworkgroupBarrier(); }", 2, "`local_invocation_index`");
    bad("var v = 0u; if local > 3u { v = 1u; } if v > 0u {\nworkgroupBarrier(); }", 2, "`local_invocation_index`");
    // The variable becomes non-uniform after its use, in an earlier round.
    bad("var v = 0u; for (var i = 0u; i < 4u; i++) { if v > 1u {\nworkgroupBarrier(); } v = local; }", 2, "index`");
    bad("var a: array<u32, 4>; a[local & 3u] = 1u; if a[0] > 0u {\nworkgroupBarrier(); }", 2, "index`");
    // Rounds of a loop that each invocation leaves at its own time.
    bad("var i = local; while i < 64u {\nworkgroupBarrier(); i += 8u; }", 2, "`local_invocation_index`");
    bad(
        "var n = 0u; for (var i = 0u; i < 9u; i++) { if i == local { break; } n += 1u; } if n > 2u {\nworkgroupBarrier(); }",
        2,
        "",
    );
}

#[test]
fn barriers_in_functions_are_followed() {
    let helper = "fn wait() { workgroupBarrier(); } fn twice(v: u32) -> u32 { return 2u * v; } \
                  fn early(v: u32) -> u32 { if v > 3u { return 1u; } return 2u; } \
                  fn assign(p: ptr<function, u32>) { *p = 1u; }";
    bad_with(helper, "if local < 3u { wait(); }", -3, "`local_invocation_index`");
    bad_with(helper, "if twice(local) < 3u {\nworkgroupBarrier(); }", 2, "`local_invocation_index`");
    bad_with(helper, "if early(local) < 3u {\nworkgroupBarrier(); }", 2, "`local_invocation_index`");
    bad_with(helper, "var v = 0u; assign(&v); if v < 3u {\nworkgroupBarrier(); }", 2, "pointer");
    good_with(helper, "if twice(group.x) < 3u { wait(); } let v = early(local); y[local] = v; wait();");
}

#[test]
fn barriers_in_uniform_control_flow_pass() {
    good("if parameters.n > 3u { workgroupBarrier(); }");
    good("if group.x >= parameters.n { return; } workgroupBarrier();");
    good("if x[group.x * parameters.m] == 0u { return; } workgroupBarrier();");
    good("if local == 0u { flag = y[0]; } let v = workgroupUniformLoad(&flag); if v > 0u { workgroupBarrier(); }");
    good("for (var i = 0u; i < 8u; i++) { if i == group.x { break; } workgroupBarrier(); } workgroupBarrier();");
    // Invocations meet again where a loop or a switch ends, and behind an `if` that nobody leaves.
    good("for (var i = local; i < 64u; i += 8u) { y[i] = 1u; } workgroupBarrier();");
    good("for (var i = 0u; i < 64u; i++) { if i == local { break; } } workgroupBarrier();");
    good("switch local { case 1u: { y[0] = 1u; break; } default: {} } workgroupBarrier();");
    good("if local < 3u { tile[local] = 1u; } workgroupBarrier();");
    good(
        "for (var s = 32u; s > 0u; s >>= 1u) { if local < s { tile[local] += tile[local + s]; } workgroupBarrier(); }",
    );
    good("let whole = group.x < 3u && parameters.n > 0u; if whole || groups.x == 1u { workgroupBarrier(); }");
}

#[test]
fn loops_without_a_bound_are_reported() {
    let word = "without a constant bound";
    bad("\nfor (var i = 0u; i < parameters.n; i++) { y[i] = 0u; }", 2, word);
    bad("for (var i = i32(local); i < 8; i++) { y[i] = 0u; }", 1, word);
    bad("for (var i = 0u; i < 8u; i += 0u) { y[i] = 0u; }", 1, word);
    bad("for (var i = 0u; i < 8u; i += local) { y[i] = 0u; }", 1, word);
    bad("for (var i = 0u; i < 8u; i++) { if y[i] > 0u { i = 0u; } }", 1, word);
    bad("for (var i = 8u; i > 0u; i += 1u) { y[i] = 0u; }", 1, word);
    bad("for (var i = 0u; i < 8u; i *= 2u) { y[i] = 0u; }", 1, word);
    bad("for (var i = 8; i != 0; i >>= 1u) { y[0] = 1u; i -= 3; }", 1, word);
    bad("for (var s = 64u; s >= min(parameters.n, 1u); s /= 2u) { y[s] = 0u; }", 1, word);
    bad("var i = 0u; while i < 8u { if y[i] > 3u { continue; } i++; }", 1, word);
    bad("var i = 0u; while i < 8u { if y[i] > 3u { i++; } }", 1, word);
    bad("loop { if y[0] > 0u { break; } }", 1, word);
    // The word alone is no reason.
    bad_with("// Rounds: .", "for (var i = 0u; i < parameters.n; i++) { y[i] = 0u; }", 1, word);
}

#[test]
fn rounds_are_summed_over_all_loops() {
    bad("for (var i = 0u; i < 65536u; i++) { y[i] = 0u; }", 1, "65536 rounds");
    bad("for (var i = 0; i <= 65535; i++) { y[i] = 0u; }", 1, "65536 rounds");
    bad("for (var i = -9; i < 65535; i++) { y[0] = 0u; }", 1, "65544 rounds");
    // 400 rounds outside and 400 in each of them; 30,000 and then 40,000.
    bad("for (var i = 0u; i < 400u; i++) { for (var j = 0u; j < 400u; j++) { y[j] = i; } }", 1, "160400 rounds");
    let first = "for (var i = 0u; i < 30000u; i++) { y[i] = 0u; }";
    bad(&format!("{first}\nfor (var i = 0u; i < 40000u; i++) {{ y[i] = 1u; }}"), 2, "70000 rounds");
    let helper = "fn clear() { for (var i = 0u; i < 30000u; i++) { y[i] = 0u; } }";
    bad_with(helper, "for (var i = 0u; i < 3u; i++) { clear(); }", 1, "90003 rounds");
    good_with(helper, "if local == 1u { clear(); } clear();");
}

#[test]
fn loops_that_show_their_end_pass() {
    good("for (var i = 0u; i < 65535u; i++) { y[i] = 0u; }");
    good("for (var i = local; i < 100000u; i += 64u) { y[i] = 0u; if i == 9u { continue; } }");
    good("for (var i = -1; i <= 1; i++) { y[i + 1] = 0u; }");
    good("const N = 4u; for (var i = 0u; i < 2u * N; i = 1u + i) { y[i] = 0u; }");
    good("for (var i = 0u; 8u > i; i++) { y[i] = 0u; }");
    good("for (var i = 0u; i < min(parameters.n, 64u); i++) { y[i] = 0u; }");
    good("for (var s = parameters.n; s > 0u; s /= 2u) { y[s] = 0u; }");
    good("for (var s = 1u; s < 256u; s <<= 1u) { y[s] = 0u; }");
    good("var i = 0u; while i < 8u { y[i] = 0u; i += 1u; }");
    good_with("// Rounds: n, refused beyond 65,535.", "for (var i = 0u; i < parameters.n; i++) { y[i] = 0u; }");
}

#[test]
fn forbidden_declarations_are_reported() {
    let check = |text: &str| check_text(text).remarks;
    let main = "@compute @workgroup_size(1) fn main() {}";
    assert!(check(main).is_empty());
    let found = check(&format!("// y = x\noverride N: u32 = 4u;\n{main}"));
    assert!(found.len() == 1 && found[0].line == 2 && found[0].message.contains("override"), "{found:?}");
    let found = check(&format!("@group(0) @binding(0) var<storage, read_write> y: array<atomic<f32>>;\n{main}"));
    assert!(found.len() == 1 && found[0].message.contains("atomic on floats"), "{found:?}");
    let add =
        "@group(0) @binding(0) var<storage, read_write> y: atomic<u32>;\n@compute @workgroup_size(1) fn main() {\n";
    assert!(check(&format!("{add}atomicAdd(&y, 1u);\n}}")).is_empty());
    let found = check(&format!("{add}let r = atomicCompareExchangeWeak(&y, 0u, 1u);\n}}"));
    assert!(found.len() == 1 && found[0].line == 3, "{found:?}");
    let found = check("fn main( {");
    assert!(found.len() == 1 && found[0].line == 1, "{found:?}");
}

#[test]
fn headers_are_asked_for() {
    assert_eq!(declarations::check_header("a/b", "fn f() {}").len(), 1);
    assert_eq!(declarations::check_header("a/b", "// y = x\n// Grid: 1\nfn f() {}\n// Bindings: 0").len(), 1);
    assert!(declarations::check_header("a/b", "// y = x\n// Grid: 1. Bindings: 0 y\nfn f() {}").is_empty());
    assert!(declarations::check_header("shared/b", "// helpers\nfn f() {}").is_empty());
}

#[test]
fn the_catalogue_is_clean() {
    let report = check_catalogue();
    assert!(report.permutations > 0, "the catalogue is empty");
    let text: Vec<String> = report.findings.iter().map(|finding| finding.to_string()).collect();
    assert!(text.is_empty(), "{} findings:\n\n{}", text.len(), text.join("\n\n"));
}
