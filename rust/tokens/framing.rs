//! Tokens that a model writes and nobody sees: what stands around its texts and calls.

/// How many, at least typically.
///
/// Measured on recorded answers that report their usage: the difference to the texts' own count, which hardly varies
/// within a family. Hidden reasoning is no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Framing {
    /// Around each answer.
    pub answer: u64,
    /// More where it has words.
    pub text: u64,
    /// Around each tool call.
    pub call: u64,
    /// More where an answer makes several calls.
    pub several_calls: u64,
    /// Around several calls that are written as one call of `multi_tool_use.parallel`; None where they are not.
    pub bundle: Option<u64>,
    /// Of a call only the arguments are written, since its tool is given.
    pub bare_calls: bool,
}

/// What was asked for, as far as it changes how a model writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    /// Tools are offered.
    pub tools: bool,
    /// One of them must be called.
    pub forced: bool,
    /// The answer must follow a schema.
    pub schema: bool,
}

impl Framing {
    /// What one answer with so many calls has around it.
    pub const fn tokens(&self, has_text: bool, calls: u64) -> u64 {
        if self.bare_calls && calls > 0 {
            return 0;
        }
        let text = if has_text { self.text } else { 0 };
        let several = if calls > 1 { self.several_calls } else { 0 };
        self.answer + text + calls * self.call + several
    }
}

/// How a family of models writes.
#[derive(Clone, Copy, Default)]
struct Habits {
    answer: u64,
    call: u64,
    several_calls: u64,
    /// Around words where tools are offered.
    beside_tools: u64,
    /// Around words that follow a schema; where tools are offered too.
    schema: (u64, u64),
    /// A tool that must be called is not named again.
    bare_when_forced: bool,
    bundle: Option<u64>,
}

impl Habits {
    const fn new(answer: u64, call: u64, several_calls: u64) -> Self {
        Self {
            answer,
            call,
            several_calls,
            beside_tools: 0,
            schema: (0, 0),
            bare_when_forced: false,
            bundle: None,
        }
    }

    const fn schema(mut self, alone: u64, beside_tools: u64) -> Self {
        self.schema = (alone, beside_tools);
        self
    }

    /// As before models reasoned.
    const fn early(mut self) -> Self {
        self.beside_tools = 1;
        self.bare_when_forced = true;
        self.bundle = Some(10);
        self.schema(0, 5)
    }

    const fn framing(self, asked: Asked) -> Framing {
        let text = match (asked.schema, asked.tools) {
            (true, true) => self.schema.1,
            (true, false) => self.schema.0,
            (false, true) => self.beside_tools,
            (false, false) => 0,
        };
        let Self { answer, call, several_calls, .. } = self;
        let bare_calls = self.bare_when_forced && asked.forced;
        let bundle = if bare_calls { None } else { self.bundle };
        Framing { answer, text, call, several_calls, bundle, bare_calls }
    }
}

/// Beginnings of model names; the first that fits counts.
const FAMILIES: &[(&str, Habits)] = &[
    ("gpt-5.", Habits::new(3, 7, 14)),
    ("gpt-5", Habits::new(9, 7, 14).schema(3, 3)),
    ("gpt-oss", Habits::new(4, 13, 0)),
    ("gpt-4", Habits::new(0, 7, 0).early()),
    ("gpt-3.5", Habits::new(0, 8, 0).early()),
    ("gpt-35", Habits::new(0, 8, 0).early()), // as Azure writes it
    ("o1", Habits::new(12, 4, 14).schema(9, 9)),
    ("o3", Habits::new(12, 4, 14).schema(9, 9)),
    ("o4", Habits::new(12, 4, 14).schema(9, 9)),
    ("qwen", Habits::new(0, 14, 0)),
];

/// What `model`, which may carry a provider's prefix, writes around its answers to such requests; nothing where nobody
/// has measured.
pub fn framing_of(model: &str, asked: Asked) -> Framing {
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    let name = name.strip_prefix("ft:").unwrap_or(&name);
    let family = FAMILIES.iter().find(|(family, _)| name.starts_with(family));
    family.map(|(_, habits)| habits.framing(asked)).unwrap_or_default()
}
