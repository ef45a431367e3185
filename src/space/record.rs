//! Architectures written as a flat record: keys with a value or a list of values, as JSON or as YAML.
//!
//! Once-for-all and HW-GPT-Bench write JSON objects, HAT writes YAML files; all are one level of keys over numbers and
//! words. One reader takes both syntaxes and keeps the byte position of every value, so that an error can point at it.

use super::{Activity, Architecture, DecisionLayout, SpaceError};

/// How many values stand under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// One bare value.
    Value,
    /// One value, written as a list of one.
    ListOfOne,
    /// A list with every decision, active or not.
    All,
    /// A list with the active decisions, which come first; a list with all is read as well.
    ActiveOnly,
}

/// A key and the decisions whose choices stand under it, in order.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub key: &'static str,
    pub decisions: Vec<usize>,
    pub extent: Extent,
}

/// The keys of a space in the order in which they are written.
#[derive(Clone, Debug)]
pub(super) struct RecordFormat {
    pub fields: Vec<Field>,
    /// Keys that other tools write and that decide nothing here.
    pub ignored: &'static [&'static str],
}

impl RecordFormat {
    /// Reads a record in either syntax.
    pub fn parse(&self, layout: &DecisionLayout, text: &str) -> Result<Architecture, SpaceError> {
        let space = layout.name();
        let keys = || self.fields.iter().map(|field| field.key.to_owned()).collect();
        let mut values: Vec<Option<Value>> = vec![None; self.fields.len()];
        for (key, value) in Reader::new(space, text).record()? {
            if self.ignored.contains(&key.text) {
                continue;
            }
            match self.fields.iter().position(|field| field.key == key.text) {
                Some(index) if values[index].is_none() => values[index] = Some(value),
                _ => {
                    let (space, key, position) = (space.to_owned(), key.text.to_owned(), key.position);
                    return Err(SpaceError::UnexpectedKey { space, key, position, keys: keys() });
                }
            }
        }

        let mut choices = vec![0; layout.decisions().len()];
        // Always active decisions first: they decide which of the others are looked at.
        let is_governed = |decision: &usize| layout.decisions()[*decision].activity != Activity::Always;
        for governed in [false, true] {
            let of_this_round = |field: &Field| field.decisions.iter().any(is_governed) == governed;
            for (field, value) in self.fields.iter().zip(&values).filter(|(field, _)| of_this_round(field)) {
                let Some(value) = value else {
                    let (space, key) = (space.to_owned(), field.key.to_owned());
                    return Err(SpaceError::MissingKey { space, key, keys: keys() });
                };
                let so_far = Architecture::new(choices.clone());
                let is_active = |decision: &usize| layout.is_active(&so_far, *decision);
                let active = field.decisions.iter().filter(|decision| is_active(decision)).count();
                check_value_count(space, field, active, value)?;
                let pairs = field.decisions.iter().zip(&value.tokens);
                for (&decision, token) in pairs.filter(|(decision, _)| is_active(decision)) {
                    choices[decision] = read_choice(layout, decision, token)?;
                }
            }
        }
        Ok(layout.canonical(&Architecture::new(choices)))
    }

    /// Writes a JSON object on one line.
    pub fn print_json(&self, layout: &DecisionLayout, architecture: &Architecture) -> String {
        let fields: Vec<String> = self
            .fields
            .iter()
            .map(|field| format!("\"{}\":{}", field.key, print_values(layout, architecture, field, ",")))
            .collect();
        format!("{{{}}}", fields.join(","))
    }

    /// Writes a YAML mapping, a key a line.
    pub fn print_yaml(&self, layout: &DecisionLayout, architecture: &Architecture) -> String {
        let line = |field: &Field| format!("{}: {}\n", field.key, print_values(layout, architecture, field, ", "));
        self.fields.iter().map(line).collect()
    }
}

fn print_values(layout: &DecisionLayout, architecture: &Architecture, field: &Field, separator: &str) -> String {
    let canonical = layout.canonical(architecture);
    let shown = |&&decision: &&usize| field.extent != Extent::ActiveOnly || layout.is_active(&canonical, decision);
    let print = |&decision: &usize| {
        layout.decisions()[decision].choices[usize::from(layout.choice(&canonical, decision))].as_str()
    };
    let values: Vec<&str> = field.decisions.iter().filter(shown).map(print).collect();
    match field.extent {
        Extent::Value => values.concat(),
        _ => format!("[{}]", values.join(separator)),
    }
}

fn check_value_count(space: &str, field: &Field, active: usize, value: &Value) -> Result<(), SpaceError> {
    let (found, all) = (value.tokens.len(), field.decisions.len());
    let expected = match field.extent {
        Extent::Value | Extent::ListOfOne if found == 1 => return Ok(()),
        Extent::All if value.is_list && found == all => return Ok(()),
        Extent::ActiveOnly if value.is_list && (found == active || found == all) => return Ok(()),
        Extent::Value | Extent::ListOfOne => "1".to_owned(),
        Extent::ActiveOnly if active != all => {
            format!("a list of {active} (the active layers) or {all}")
        }
        _ => format!("a list of {all}"),
    };
    let (space, key, position) = (space.to_owned(), field.key.to_owned(), value.position);
    Err(SpaceError::ValueCount { space, key, position, found, expected })
}

fn read_choice(layout: &DecisionLayout, decision: usize, token: &Token) -> Result<u16, SpaceError> {
    let decision = &layout.decisions()[decision];
    decision.choice_named(token.text).ok_or_else(|| SpaceError::UnknownChoice {
        space: layout.name().to_owned(),
        decision: decision.name.clone(),
        text: token.text.to_owned(),
        position: token.position,
        choices: decision.choices.clone(),
    })
}

/// A word, a number or a key, with the position of its first byte.
#[derive(Clone, Debug)]
struct Token<'text> {
    text: &'text str,
    position: usize,
}

/// What stands under a key.
#[derive(Clone, Debug)]
struct Value<'text> {
    position: usize,
    is_list: bool,
    tokens: Vec<Token<'text>>,
}

/// Walks over the text. `at` is always on a character border.
struct Reader<'text> {
    space: &'text str,
    text: &'text str,
    at: usize,
}

type Entries<'text> = Vec<(Token<'text>, Value<'text>)>;

impl<'text> Reader<'text> {
    fn new(space: &'text str, text: &'text str) -> Self {
        Self { space, text, at: 0 }
    }

    /// The whole text: a mapping in braces (JSON, or YAML's flow form), or a key a line (YAML's block form).
    fn record(mut self) -> Result<Entries<'text>, SpaceError> {
        self.skip_blank();
        let mut entries = Vec::new();
        if self.take("{") {
            self.skip_blank();
            while !self.take("}") {
                if !entries.is_empty() {
                    self.expect(",", "`,` or `}`")?;
                }
                let key = self.key()?;
                self.skip_blank();
                let value = if self.rest().starts_with('[') { self.list()? } else { self.single()? };
                entries.push((key, value));
                self.skip_blank();
            }
            self.skip_blank();
        } else {
            self.take("---");
            self.skip_blank();
            while !self.rest().is_empty() {
                let key = self.key()?;
                let value = self.block_value()?;
                entries.push((key, value));
                self.skip_blank();
            }
        }
        if self.rest().is_empty() { Ok(entries) } else { Err(self.unexpected("the end of the text")) }
    }

    /// A value of the block form: on the line of its key, or a list with a dash a line below it.
    fn block_value(&mut self) -> Result<Value<'text>, SpaceError> {
        self.skip_spaces();
        let value = match self.rest().chars().next() {
            Some('[') => self.list()?,
            None | Some('\n' | '\r' | '#') => {
                self.skip_blank();
                let mut value = Value { position: self.at, is_list: true, tokens: Vec::new() };
                while self.take("- ") {
                    self.skip_spaces();
                    value.tokens.push(self.token()?);
                    self.end_of_line()?;
                    self.skip_blank();
                }
                if value.tokens.is_empty() {
                    return Err(self.unexpected("a value"));
                }
                return Ok(value);
            }
            Some(_) => self.single()?,
        };
        self.end_of_line()?;
        Ok(value)
    }

    fn end_of_line(&mut self) -> Result<(), SpaceError> {
        self.skip_spaces();
        match self.rest().chars().next() {
            None | Some('\n' | '\r' | '#') => Ok(()),
            Some(_) => Err(self.unexpected("the end of the line")),
        }
    }

    fn key(&mut self) -> Result<Token<'text>, SpaceError> {
        self.skip_blank();
        let key = self.token()?;
        self.expect(":", "`:` after the key")?;
        Ok(key)
    }

    fn single(&mut self) -> Result<Value<'text>, SpaceError> {
        let token = self.token()?;
        Ok(Value { position: token.position, is_list: false, tokens: vec![token] })
    }

    fn list(&mut self) -> Result<Value<'text>, SpaceError> {
        let mut value = Value { position: self.at, is_list: true, tokens: Vec::new() };
        self.expect("[", "`[`")?;
        self.skip_blank();
        while !self.take("]") {
            if !value.tokens.is_empty() {
                self.expect(",", "`,` or `]`")?;
                self.skip_blank();
            }
            value.tokens.push(self.token()?);
            self.skip_blank();
        }
        Ok(value)
    }

    /// A word or number, bare or in quotes. No name of these formats needs an escape, so none is understood.
    fn token(&mut self) -> Result<Token<'text>, SpaceError> {
        let quote = self.rest().chars().next().filter(|&first| first == '"' || first == '\'');
        let position = self.at + quote.map_or(0, char::len_utf8);
        let body = &self.text[position..];
        let length = match quote {
            Some(quote) => body.find([quote, '\\', '\n']).filter(|&end| body[end..].starts_with(quote)),
            None => {
                let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '+' | '.');
                Some(body.find(|c| !is_word(c)).unwrap_or(body.len())).filter(|&length| length > 0)
            }
        };
        let Some(length) = length else {
            return Err(self.unexpected("a name or a number"));
        };
        self.at = position + length + quote.map_or(0, char::len_utf8);
        Ok(Token { text: &body[..length], position })
    }

    fn rest(&self) -> &'text str {
        &self.text[self.at..]
    }

    fn take(&mut self, wanted: &str) -> bool {
        let found = self.rest().starts_with(wanted);
        self.at += if found { wanted.len() } else { 0 };
        found
    }

    fn expect(&mut self, wanted: &str, expected: &str) -> Result<(), SpaceError> {
        self.skip_spaces();
        if self.take(wanted) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn skip_spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
    }

    /// White space, ends of lines and YAML comments.
    fn skip_blank(&mut self) {
        loop {
            self.at += self.rest().len() - self.rest().trim_start().len();
            if !self.rest().starts_with('#') {
                return;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    fn unexpected(&self, expected: &str) -> SpaceError {
        SpaceError::Syntax {
            space: self.space.to_owned(),
            text: self.rest().lines().next().unwrap_or("").chars().take(24).collect(),
            position: self.at,
            expected: expected.to_owned(),
        }
    }
}
