//! Are barriers reached by all invocations of a workgroup together?
//!
//! naga computes what depends on the invocation but holds every local variable for non-uniform and does not look at
//! barriers at all, so the analysis is made here, after the rules of the WGSL specification (section 15, uniformity),
//! a little stricter: a local variable is one thing for the whole function, non-uniform once anything assigns it a
//! non-uniform value or assigns it where control flow has diverged.
//!
//! Uniform are: constants, uniform buffers, `workgroup_id`, `num_workgroups`, read-only storage at a uniform index
//! (nobody can write it while the kernel runs), the result of `workgroupUniformLoad`, and what is computed from these.
//! Not uniform are: the other built-in values, workgroup and private memory, storage that the kernel may write,
//! atomics and subgroup operations.
//!
//! Control flow diverges inside an `if` or `switch` on a non-uniform value, and after a `return`, `break` or
//! `continue` in there: for the rest of the function (`return`), for the whole of the loop in all of its rounds
//! (`break`, `continue`). A call is analysed anew with the arguments of each place it is called from.

use std::collections::HashMap;

use naga::{
    AddressSpace, Binding, Block, BuiltIn, Expression, Function, Handle, LocalVariable, Module, Span, Statement,
    StorageAccess, Type, TypeInner,
};

use super::Remark;
use super::declarations::{each_statement, line};

/// Why a value or the control flow is not uniform, and the line where that begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cause {
    reason: &'static str,
    line: u32,
}

/// `None` where it is uniform.
type Uniformity = Option<Cause>;

/// The number of barriers and those of them that not all invocations reach together.
pub fn check(module: &Module, text: &str) -> (usize, Vec<Remark>) {
    let mut barriers = 0;
    let functions = module.functions.iter().map(|(_, function)| function);
    for function in functions.chain(module.entry_points.iter().map(|entry| &entry.function)) {
        each_statement(&function.body, &mut |statement, _| {
            if matches!(statement, Statement::ControlBarrier(_) | Statement::WorkGroupUniformLoad { .. }) {
                barriers += 1;
            }
        });
    }
    let mut remarks = Vec::new();
    for entry in &module.entry_points {
        let function = &entry.function;
        let arguments = function
            .arguments
            .iter()
            .map(|argument| match &module.types[argument.ty].inner {
                TypeInner::Struct { members, .. } => {
                    members.iter().find_map(|member| built_in(member.binding.as_ref()))
                }
                _ => built_in(argument.binding.as_ref()),
            })
            .collect();
        let mut walker = Walker::new(module, text, function, arguments, true);
        walker.analyse(None, &mut Some(&mut remarks));
    }
    let mut unique: Vec<Remark> = Vec::new();
    for remark in remarks {
        if !unique.contains(&remark) {
            unique.push(remark);
        }
    }
    (barriers, unique)
}

fn built_in(binding: Option<&Binding>) -> Uniformity {
    let cause = |reason| Some(Cause { reason, line: 0 });
    match binding {
        Some(Binding::BuiltIn(built_in)) => match built_in {
            BuiltIn::WorkGroupId | BuiltIn::NumWorkGroups | BuiltIn::WorkGroupSize => None,
            BuiltIn::LocalInvocationId => cause("`local_invocation_id`"),
            BuiltIn::LocalInvocationIndex => cause("`local_invocation_index`"),
            BuiltIn::GlobalInvocationId => cause("`global_invocation_id`"),
            _ => cause("a built-in value that differs between invocations"),
        },
        _ => cause("an input that is no built-in value"),
    }
}

/// Where invocations that differ leave a block early.
#[derive(Debug, Clone, Copy, Default)]
struct Exits {
    returns: Uniformity,
    breaks: Uniformity,
    continues: Uniformity,
}

impl Exits {
    fn any(self) -> Uniformity {
        self.returns.or(self.breaks).or(self.continues)
    }

    fn or(self, other: Self) -> Self {
        Self {
            returns: self.returns.or(other.returns),
            breaks: self.breaks.or(other.breaks),
            continues: self.continues.or(other.continues),
        }
    }
}

/// Where remarks go in the pass that makes them; `None` in the passes before, which only spread non-uniformity.
type Sink<'s> = Option<&'s mut Vec<Remark>>;

/// One function with the arguments of one call.
struct Walker<'a> {
    module: &'a Module,
    text: &'a str,
    function: &'a Function,
    arguments: Vec<Uniformity>,
    /// Whether arguments that are structures hold built-in values.
    entry: bool,
    locals: HashMap<Handle<LocalVariable>, Cause>,
    calls: HashMap<Handle<Expression>, Cause>,
    known: Vec<Option<Uniformity>>,
    result: Uniformity,
    changed: bool,
}

impl<'a> Walker<'a> {
    fn new(module: &'a Module, text: &'a str, function: &'a Function, arguments: Vec<Uniformity>, entry: bool) -> Self {
        Self {
            module,
            text,
            function,
            arguments,
            entry,
            locals: HashMap::new(),
            calls: HashMap::new(),
            known: Vec::new(),
            result: None,
            changed: false,
        }
    }

    /// Spreads non-uniformity until nothing changes, then makes the remarks. Returns what the result depends on.
    fn analyse(&mut self, control: Uniformity, sink: &mut Sink<'_>) -> Uniformity {
        loop {
            self.changed = false;
            self.known = vec![None; self.function.expressions.len()];
            self.block(&self.function.body, control, &mut None);
            if !self.changed {
                break;
            }
        }
        if sink.is_some() {
            self.block(&self.function.body, control, sink);
        }
        self.result
    }

    fn block(&mut self, block: &'a Block, mut control: Uniformity, sink: &mut Sink<'_>) -> Exits {
        let mut exits = Exits::default();
        for (statement, span) in block.span_iter() {
            let new = self.statement(statement, *span, control, sink);
            exits = exits.or(new);
            control = control.or(new.any());
        }
        exits
    }

    fn statement(&mut self, statement: &'a Statement, span: Span, control: Uniformity, sink: &mut Sink<'_>) -> Exits {
        let mut exits = Exits::default();
        match statement {
            Statement::Block(block) => exits = self.block(block, control, sink),
            Statement::If { condition, accept, reject } => {
                let inner = control.or(self.value(*condition));
                exits = self.block(accept, inner, sink).or(self.block(reject, inner, sink));
            }
            Statement::Switch { selector, cases } => {
                let inner = control.or(self.value(*selector));
                let mut through = None;
                for case in cases {
                    let new = self.block(&case.body, inner.or(through), sink);
                    through = if case.fall_through { new.any() } else { None };
                    exits = exits.or(new);
                }
                // A `break` here leaves the switch, where all meet again.
                exits.breaks = None;
            }
            Statement::Loop { body, continuing, break_if } => {
                let diverged = self.rounds(body, continuing, *break_if, control, &mut None).any();
                let new = self.rounds(body, continuing, *break_if, control.or(diverged), sink);
                exits.returns = new.returns;
            }
            Statement::Break => exits.breaks = control,
            Statement::Continue => exits.continues = control,
            Statement::Return { value } => {
                let cause = control.or(value.and_then(|value| self.value(value)));
                if value.is_some() && self.result.is_none() && cause.is_some() {
                    self.result = cause;
                    self.changed = true;
                }
                exits.returns = control;
            }
            Statement::Kill => exits.returns = control,
            Statement::ControlBarrier(_) => self.barrier("a barrier", span, control, sink),
            Statement::WorkGroupUniformLoad { pointer, .. } => {
                let cause = control.or(self.index(*pointer));
                self.barrier("`workgroupUniformLoad`", span, cause, sink);
            }
            Statement::Store { pointer, value } => {
                let cause = control.or(self.value(*value)).or(self.index(*pointer));
                self.assign(*pointer, cause);
            }
            Statement::Call { function, arguments, result } => {
                let module = self.module;
                let callee = &module.functions[*function];
                let is_pointer = |ty: Handle<Type>| {
                    matches!(module.types[ty].inner, TypeInner::Pointer { .. } | TypeInner::ValuePointer { .. })
                };
                let through = Some(Cause { reason: "a value behind a pointer argument", line: line(span, self.text) });
                let mut values = Vec::new();
                for (argument, parameter) in arguments.iter().zip(&callee.arguments) {
                    if is_pointer(parameter.ty) {
                        // What the callee does behind a pointer is not followed: it may write anything there.
                        self.assign(*argument, through);
                        values.push(through);
                    } else {
                        values.push(self.value(*argument));
                    }
                }
                let mut walker = Walker::new(self.module, self.text, callee, values, false);
                let cause = walker.analyse(control, sink);
                if let (Some(result), Some(cause)) = (result, cause)
                    && self.calls.insert(*result, cause).is_none()
                {
                    self.changed = true;
                }
            }
            _ => {}
        }
        exits
    }

    /// The rounds of a loop: what leaves it or goes on early in there, seen from `control` at the head.
    fn rounds(
        &mut self,
        body: &'a Block,
        continuing: &'a Block,
        break_if: Option<Handle<Expression>>,
        control: Uniformity,
        sink: &mut Sink<'_>,
    ) -> Exits {
        let first = self.block(body, control, sink);
        let mut exits = first.or(self.block(continuing, control.or(first.any()), sink));
        exits.breaks = exits.breaks.or(break_if.and_then(|condition| self.value(condition)));
        exits
    }

    fn barrier(&self, what: &str, span: Span, control: Uniformity, sink: &mut Sink<'_>) {
        if let (Some(sink), Some(cause)) = (sink, control) {
            let origin = if cause.line > 0 { format!(" (line {})", cause.line) } else { String::new() };
            sink.push(Remark {
                line: line(span, self.text),
                message: format!(
                    "{what} where control flow is not uniform over the workgroup: it depends on {}{origin}",
                    cause.reason
                ),
            });
        }
    }

    fn assign(&mut self, pointer: Handle<Expression>, cause: Uniformity) {
        let mut root = pointer;
        loop {
            match self.function.expressions[root] {
                Expression::Access { base, .. } | Expression::AccessIndex { base, .. } => root = base,
                Expression::LocalVariable(local) => {
                    if let Some(cause) = cause
                        && !self.locals.contains_key(&local)
                    {
                        self.locals.insert(local, cause);
                        self.changed = true;
                    }
                    return;
                }
                // Other memory is not uniform anyhow; the caller sees to its own variables.
                _ => return,
            }
        }
    }

    /// The uniformity of the indices of a pointer, not of what lies there.
    fn index(&mut self, pointer: Handle<Expression>) -> Uniformity {
        match self.function.expressions[pointer] {
            Expression::Access { base, index } => self.index(base).or(self.value(index)),
            Expression::AccessIndex { base, .. } => self.index(base),
            _ => None,
        }
    }

    fn value(&mut self, expression: Handle<Expression>) -> Uniformity {
        if let Some(known) = self.known[expression.index()] {
            return known;
        }
        let mut cause = self.compute(expression);
        // The innermost place in the text is the most telling one, so a line once found is kept.
        if let Some(Cause { line: place @ 0, .. }) = &mut cause {
            *place = line(self.function.expressions.get_span(expression), self.text);
        }
        self.known[expression.index()] = Some(cause);
        cause
    }

    fn compute(&mut self, expression: Handle<Expression>) -> Uniformity {
        let cause = |reason| Some(Cause { reason, line: 0 });
        match self.function.expressions[expression] {
            Expression::Literal(_)
            | Expression::Constant(_)
            | Expression::Override(_)
            | Expression::ZeroValue(_)
            | Expression::ArrayLength(_)
            | Expression::WorkGroupUniformLoadResult { .. } => None,
            Expression::Compose { ref components, .. } => {
                components.iter().find_map(|component| self.value(*component))
            }
            Expression::Access { base, index } => self.value(base).or_else(|| self.value(index)),
            Expression::AccessIndex { base, index } => {
                self.member_of_entry_argument(base, index).unwrap_or_else(|| self.value(base))
            }
            Expression::Splat { value, .. } => self.value(value),
            Expression::Swizzle { vector, .. } => self.value(vector),
            Expression::FunctionArgument(index) => match self.arguments.get(index as usize) {
                Some(argument) => *argument,
                None => cause("an argument that is not known"),
            },
            Expression::GlobalVariable(variable) => match self.module.global_variables[variable].space {
                AddressSpace::Uniform | AddressSpace::Immediate => None,
                AddressSpace::Storage { access } if !access.contains(StorageAccess::STORE) => None,
                AddressSpace::Storage { .. } => cause("storage that the kernel writes"),
                AddressSpace::WorkGroup => cause("workgroup memory (`workgroupUniformLoad` makes it uniform)"),
                _ => cause("private memory"),
            },
            Expression::LocalVariable(local) => self.locals.get(&local).copied(),
            Expression::Load { pointer } => self.value(pointer),
            Expression::Unary { expr, .. } | Expression::As { expr, .. } => self.value(expr),
            Expression::Relational { argument, .. } => self.value(argument),
            Expression::Binary { left, right, .. } => self.value(left).or_else(|| self.value(right)),
            Expression::Select { condition, accept, reject } => {
                self.value(condition).or_else(|| self.value(accept)).or_else(|| self.value(reject))
            }
            Expression::Math { arg, arg1, arg2, arg3, .. } => {
                [Some(arg), arg1, arg2, arg3].into_iter().flatten().find_map(|argument| self.value(argument))
            }
            Expression::CallResult(_) => self.calls.get(&expression).copied(),
            Expression::AtomicResult { .. } => cause("the result of an atomic"),
            _ => cause("an operation between or unlike in invocations"),
        }
    }

    /// A member of a structure of built-in values that `main` takes.
    fn member_of_entry_argument(&self, base: Handle<Expression>, member: u32) -> Option<Uniformity> {
        let Expression::FunctionArgument(index) = self.function.expressions[base] else { return None };
        let argument = self.function.arguments.get(index as usize)?;
        match &self.module.types[argument.ty].inner {
            TypeInner::Struct { members, .. } if self.entry => {
                Some(built_in(members.get(member as usize)?.binding.as_ref()))
            }
            _ => None,
        }
    }
}
