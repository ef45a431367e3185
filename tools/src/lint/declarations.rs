//! What a shader may not declare, and the header that it must open with.

use naga::{AtomicFunction, Block, Module, ScalarKind, Span, Statement, TypeInner};

use super::Remark;

/// `override` declarations, atomics on floats, compare-exchange.
pub fn check(module: &Module, text: &str) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let mut say = |span: Span, message: &str| {
        remarks.push(Remark { line: line(span, text), message: message.to_owned() });
    };
    for (handle, _) in module.overrides.iter() {
        say(module.overrides.get_span(handle), "`override`: constants come from the header's `Consts:` alone");
    }
    for (_, variable) in module.global_variables.iter() {
        if has_float_atomic(module, variable.ty) {
            say(Span::UNDEFINED, "an atomic on floats: their order is not fixed, so neither are the bits of the sum");
        }
    }
    let functions = module.functions.iter().map(|(_, function)| function);
    for function in functions.chain(module.entry_points.iter().map(|entry| &entry.function)) {
        each_statement(&function.body, &mut |statement, span| {
            if let Statement::Atomic { fun: AtomicFunction::Exchange { compare: Some(_) }, .. } = statement {
                say(*span, "compare-exchange: what a loop around it accumulates depends on the order of invocations");
            }
        });
    }
    remarks
}

/// A file opens with a comment that says what it does; a kernel's says its grid and its bindings too.
pub fn check_header(file: &str, text: &str) -> Vec<Remark> {
    let header: Vec<&str> = text.lines().take_while(|line| line.starts_with("//")).collect();
    let mut remarks = Vec::new();
    let mut say = |message: String| remarks.push(Remark { line: 0, message });
    if header.is_empty() {
        say("no header: a file opens with a comment of what it computes".to_owned());
    } else if !file.starts_with("shared/") {
        for word in ["Grid:", "Bindings:"] {
            if !header.iter().any(|line| line.contains(word)) {
                say(format!("the header does not say `{word}`"));
            }
        }
    }
    remarks
}

fn has_float_atomic(module: &Module, ty: naga::Handle<naga::Type>) -> bool {
    match module.types[ty].inner {
        TypeInner::Atomic(scalar) => scalar.kind == ScalarKind::Float,
        TypeInner::Array { base, .. } => has_float_atomic(module, base),
        TypeInner::Struct { ref members, .. } => members.iter().any(|member| has_float_atomic(module, member.ty)),
        _ => false,
    }
}

/// The line of a span, from 1; 0 where it is unknown.
pub(super) fn line(span: Span, text: &str) -> u32 {
    if span.is_defined() { span.location(text).line_number } else { 0 }
}

/// Calls `visit` for every statement of `block`, the inner ones too.
pub(super) fn each_statement<'a>(block: &'a Block, visit: &mut impl FnMut(&'a Statement, &'a Span)) {
    for (statement, span) in block.span_iter() {
        visit(statement, span);
        match statement {
            Statement::Block(inner) => each_statement(inner, visit),
            Statement::If { accept, reject, .. } => {
                each_statement(accept, visit);
                each_statement(reject, visit);
            }
            Statement::Switch { cases, .. } => {
                for case in cases {
                    each_statement(&case.body, visit);
                }
            }
            Statement::Loop { body, continuing, .. } => {
                each_statement(body, visit);
                each_statement(continuing, visit);
            }
            _ => {}
        }
    }
}
