//! Tokens that a model writes and nobody sees: what stands around its texts and calls.

/// How many, at least typically.
///
/// Measured on recorded answers that report their usage: the difference to the texts' own count, which hardly varies
/// within a family. Hidden reasoning is no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Framing {
    /// Around each answer.
    pub answer: u64,
    /// Around each tool call.
    pub call: u64,
    /// More where an answer makes several calls.
    pub several_calls: u64,
}

impl Framing {
    const fn new(answer: u64, call: u64, several_calls: u64) -> Self {
        Self { answer, call, several_calls }
    }

    /// What one answer with so many calls has around it.
    pub const fn tokens(&self, calls: u64) -> u64 {
        let several = if calls > 1 { self.several_calls } else { 0 };
        self.answer + calls * self.call + several
    }
}

/// Beginnings of model names; the first that fits counts.
const FAMILIES: &[(&str, Framing)] = &[
    ("gpt-5.", Framing::new(3, 7, 14)),
    ("gpt-5", Framing::new(9, 7, 14)),
    ("gpt-oss", Framing::new(4, 13, 0)),
    ("gpt-4", Framing::new(0, 7, 14)),
    ("gpt-3.5", Framing::new(0, 8, 0)),
    ("gpt-35", Framing::new(0, 8, 0)), // as Azure writes it
    ("o1", Framing::new(12, 4, 14)),
    ("o3", Framing::new(12, 4, 14)),
    ("o4", Framing::new(12, 4, 14)),
    ("qwen", Framing::new(0, 14, 0)),
];

/// What `model`, which may carry a provider's prefix, writes around its answers; nothing where nobody has measured.
pub fn framing_of(model: &str) -> Framing {
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    let name = name.strip_prefix("ft:").unwrap_or(&name);
    let family = FAMILIES.iter().find(|(family, _)| name.starts_with(family));
    family.map(|(_, framing)| *framing).unwrap_or_default()
}
