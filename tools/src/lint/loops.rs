//! Does an invocation take at most 65,535 rounds, through all of its loops together?
//!
//! Mesa's software device (llvmpipe) counts the rounds of all loops of a shader with one counter, nested loops and
//! those that follow each other alike, and when 65,535 are used up it ends every loop without a word
//! (`docs/wgsl.md` has the measurement).
//!
//! A kernel passes by itself where its text shows it: each loop counts a `u32` (or an `i32` from a constant) up to a
//! constant, or halves a number to zero, or doubles one up to a constant, and the sum with inner loops multiplied is
//! small enough. Any other kernel says in its header what the sum is, and its parameters refuse what would pass the limit:
//!
//! ```wgsl
//! // Rounds: 3 classes.
//! ```

use naga::{
    BinaryOperator, Block, Expression, Function, Handle, Literal, LocalVariable, MathFunction, Module, ScalarKind,
    Span, Statement, TypeInner,
};

use super::Remark;
use super::declarations::{each_statement, line};

/// The most rounds that an invocation may take through all of its loops together.
pub const ROUNDS: i64 = 65_535;

/// What opens the line of the header that says how many rounds an invocation takes.
pub const HEADER: &str = "// Rounds:";

/// The number of loops in the text, and a remark where neither they nor the header show a bound.
pub fn check(module: &Module, text: &str) -> (usize, Vec<Remark>) {
    let mut loops = 0;
    let functions = module.functions.iter().map(|(_, function)| function);
    for function in functions.chain(module.entry_points.iter().map(|entry| &entry.function)) {
        each_statement(&function.body, &mut |statement, _| {
            loops += usize::from(matches!(statement, Statement::Loop { .. }));
        });
    }
    let says = |line: &str| line.strip_prefix(HEADER).is_some_and(|reason| reason.chars().any(char::is_alphanumeric));
    if text.lines().any(says) {
        return (loops, Vec::new());
    }
    let mut remarks = Vec::new();
    for entry in &module.entry_points {
        let (span, message) = match rounds(module, &entry.function, &entry.function.body) {
            Ok(Sum { rounds, .. }) if rounds <= ROUNDS => continue,
            Ok(Sum { rounds, longest }) => (longest, format!("{rounds} rounds through all loops of an invocation")),
            Err(span) => (span, "a loop without a constant bound".to_owned()),
        };
        remarks.push(Remark {
            line: line(span, text),
            message: format!(
                "{message}: say in the header, `{HEADER} ...`, how many rounds an invocation takes through all of its \
                 loops together, and have the kernel refuse more than {ROUNDS}"
            ),
        });
    }
    (loops, remarks)
}

/// Rounds through all loops of a block, and the loop that has most of them.
struct Sum {
    rounds: i64,
    longest: Span,
}

/// The rounds of a block, those of inner loops and called functions multiplied; or the loop that shows no bound.
fn rounds(module: &Module, function: &Function, block: &Block) -> Result<Sum, Span> {
    let mut sum = Sum { rounds: 0, longest: Span::UNDEFINED };
    let mut most = -1;
    for (statement, span) in block.span_iter() {
        let mut add = |rounds: i64, place: Span| {
            sum.rounds = sum.rounds.saturating_add(rounds);
            if rounds > most {
                most = rounds;
                sum.longest = place;
            }
        };
        match statement {
            Statement::Block(inner) => {
                let inner = rounds(module, function, inner)?;
                add(inner.rounds, inner.longest);
            }
            Statement::If { accept, reject, .. } => {
                // Invocations that run side by side may take both.
                for branch in [accept, reject] {
                    let inner = rounds(module, function, branch)?;
                    add(inner.rounds, inner.longest);
                }
            }
            Statement::Switch { cases, .. } => {
                for case in cases {
                    let inner = rounds(module, function, &case.body)?;
                    add(inner.rounds, inner.longest);
                }
            }
            Statement::Loop { body, continuing, break_if } => {
                let counter = Counter { module, function, body, continuing };
                let own = if break_if.is_none() { counter.rounds() } else { None };
                let own = own.ok_or(*span)?;
                let inner = rounds(module, function, body)?.rounds + rounds(module, function, continuing)?.rounds;
                add(own.saturating_mul(inner.saturating_add(1)), *span);
            }
            Statement::Call { function, .. } => {
                let callee = &module.functions[*function];
                let inner = rounds(module, callee, &callee.body)?;
                add(inner.rounds, inner.longest);
            }
            _ => {}
        }
    }
    Ok(sum)
}

/// `counter operator limit`, of which the limit is known exactly or by a number that it does not exceed.
struct Test {
    counter: Handle<LocalVariable>,
    operator: BinaryOperator,
    at_most: i64,
    exactly: Option<i64>,
}

fn mirrored(operator: BinaryOperator) -> BinaryOperator {
    match operator {
        BinaryOperator::Less => BinaryOperator::Greater,
        BinaryOperator::LessEqual => BinaryOperator::GreaterEqual,
        BinaryOperator::Greater => BinaryOperator::Less,
        BinaryOperator::GreaterEqual => BinaryOperator::LessEqual,
        other => other,
    }
}

/// How a loop changes its counter in a round.
enum Step {
    Add(i64),
    Multiply(i64),
    Divide(i64),
}

/// A loop, looked at as `for (var v = ..; v < LIMIT; v += STEP)` and its kin.
struct Counter<'a> {
    module: &'a Module,
    function: &'a Function,
    body: &'a Block,
    continuing: &'a Block,
}

impl Counter<'_> {
    /// The most rounds that the loop can take, where it shows them.
    fn rounds(&self) -> Option<i64> {
        let test = self.test()?;
        self.rounds_until(&test)
    }

    /// The test at the head of the loop, which leaves where it fails.
    fn test(&self) -> Option<Test> {
        let first = self.body.iter().find(|statement| !matches!(statement, Statement::Emit(_)))?;
        let Statement::If { condition, accept, reject } = first else { return None };
        if !accept.is_empty() || !matches!(reject.first(), Some(Statement::Break)) {
            return None;
        }
        let Expression::Binary { op, left, right } = self.function.expressions[*condition] else { return None };
        let (counter, operator, other) = match (self.variable(left), self.variable(right)) {
            (Some(counter), _) => (counter, op, right),
            (None, Some(counter)) => (counter, mirrored(op), left),
            _ => return None,
        };
        Some(Test { counter, operator, at_most: self.at_most(other)?, exactly: self.literal(other) })
    }

    fn rounds_until(&self, test: &Test) -> Option<i64> {
        use BinaryOperator::{Greater, GreaterEqual, Less, LessEqual, NotEqual};
        /// Doublings and halvings that a number of 32 bits can bear.
        const BITS: i64 = 32;
        // Far below the largest numbers, so that a last step cannot wrap round.
        let upwards = matches!(test.operator, Less | LessEqual) && test.at_most <= 1 << 30;
        let start = self.start(test.counter);
        match self.step(test.counter)? {
            Step::Add(by) if upwards && by <= 1 << 30 => {
                let end = test.at_most + i64::from(test.operator == LessEqual);
                let distance = (end - start?).max(0);
                Some((distance + by - 1) / by)
            }
            // Factors are small: a larger one could pass the limit by wrapping round to zero.
            Step::Multiply(by) if upwards && (2..=16).contains(&by) && start? >= 1 => Some(BITS),
            Step::Divide(by) if by >= 2 => {
                let to_zero = match test.operator {
                    Greater => test.exactly? >= 0,
                    GreaterEqual => test.exactly? >= 1,
                    // A number that is halved meets no other constant for certain.
                    NotEqual => test.exactly? == 0 && self.is_unsigned(test.counter),
                    _ => false,
                };
                to_zero.then_some(BITS)
            }
            _ => None,
        }
    }

    /// The one assignment of the counter within the loop, made in every round.
    fn step(&self, counter: Handle<LocalVariable>) -> Option<Step> {
        let mut stores = 0;
        let mut escapes = false;
        let mut skips = false;
        for block in [self.body, self.continuing] {
            each_statement(block, &mut |statement, _| match statement {
                Statement::Store { pointer, .. } => stores += usize::from(self.points_to(*pointer, counter)),
                Statement::Call { arguments, .. } => {
                    escapes |= arguments.iter().any(|argument| self.points_to(*argument, counter));
                }
                Statement::Continue => skips = true,
                _ => {}
            });
        }
        if stores != 1 || escapes {
            return None;
        }
        // An inner loop's `continue` counts as one of this loop, which is only ever too strict.
        let value = match self.stored(self.continuing, counter) {
            Some(value) => value,
            None if !skips => self.body.iter().find_map(|statement| match statement {
                Statement::Block(block) => self.stored(block, counter),
                _ => None,
            })?,
            None => return None,
        };
        let Expression::Binary { op, left, right } = self.function.expressions[value] else { return None };
        let (by, first) = match (self.variable(left), self.variable(right)) {
            (Some(variable), None) if variable == counter => (self.literal(right)?, true),
            (None, Some(variable)) if variable == counter => (self.literal(left)?, false),
            _ => return None,
        };
        match op {
            BinaryOperator::Add if by >= 1 => Some(Step::Add(by)),
            BinaryOperator::Multiply => Some(Step::Multiply(by)),
            BinaryOperator::ShiftLeft if first && (1..=4).contains(&by) => Some(Step::Multiply(2)),
            BinaryOperator::Divide if first => Some(Step::Divide(by)),
            BinaryOperator::ShiftRight if first && (1..=31).contains(&by) => Some(Step::Divide(2)),
            _ => None,
        }
    }

    fn stored(&self, block: &Block, counter: Handle<LocalVariable>) -> Option<Handle<Expression>> {
        block.iter().find_map(|statement| match statement {
            Statement::Store { pointer, value } if self.points_to(*pointer, counter) => Some(*value),
            _ => None,
        })
    }

    /// The least number that the counter starts from: a constant, or 0 where it is unsigned.
    fn start(&self, counter: Handle<LocalVariable>) -> Option<i64> {
        let mut starts = Vec::new();
        let mut others = 0;
        each_statement(&self.function.body, &mut |statement, _| {
            if let Statement::Store { pointer, value } = statement
                && self.points_to(*pointer, counter)
            {
                match self.literal(*value) {
                    Some(value) => starts.push(value),
                    None => others += 1,
                }
            }
        });
        match self.function.local_variables[counter].init.map(|value| self.literal(value)) {
            Some(Some(value)) => starts.push(value),
            Some(None) => others += 1,
            None => {}
        }
        // One of the others is the loop's own step.
        let constant = if others == 1 { starts.into_iter().min() } else { None };
        constant.or_else(|| self.is_unsigned(counter).then_some(0))
    }

    fn is_unsigned(&self, counter: Handle<LocalVariable>) -> bool {
        let ty = self.function.local_variables[counter].ty;
        matches!(self.module.types[ty].inner, TypeInner::Scalar(scalar) if scalar.kind == ScalarKind::Uint)
    }

    fn points_to(&self, pointer: Handle<Expression>, counter: Handle<LocalVariable>) -> bool {
        matches!(self.function.expressions[pointer], Expression::LocalVariable(local) if local == counter)
    }

    /// The local variable that an expression reads.
    fn variable(&self, expression: Handle<Expression>) -> Option<Handle<LocalVariable>> {
        match self.function.expressions[expression] {
            Expression::Load { pointer } => match self.function.expressions[pointer] {
                Expression::LocalVariable(local) => Some(local),
                _ => None,
            },
            _ => None,
        }
    }

    /// A constant that the expression does not exceed.
    fn at_most(&self, expression: Handle<Expression>) -> Option<i64> {
        match self.function.expressions[expression] {
            Expression::Math { fun: MathFunction::Min, arg, arg1: Some(other), .. } => {
                match (self.at_most(arg), self.at_most(other)) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                }
            }
            _ => self.literal(expression),
        }
    }

    fn literal(&self, expression: Handle<Expression>) -> Option<i64> {
        let literal = match self.function.expressions[expression] {
            Expression::Literal(literal) => literal,
            Expression::Constant(constant) => {
                match self.module.global_expressions[self.module.constants[constant].init] {
                    Expression::Literal(literal) => literal,
                    _ => return None,
                }
            }
            Expression::ZeroValue(_) => return Some(0),
            _ => return None,
        };
        match literal {
            Literal::U32(value) => Some(i64::from(value)),
            Literal::I32(value) => Some(i64::from(value)),
            _ => None,
        }
    }
}
