//! What a client calls a tool that its host knows as a function.

use std::sync::Arc;

/// A tool of the client's that is no plain function to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolForm {
    /// The function's name at the host.
    pub function: String,
    /// The tool's name.
    pub name: String,
    /// The group that it is in (`OpenAI` Responses only).
    pub namespace: Option<String>,
    /// It takes free text instead of arguments.
    pub is_free_text: bool,
}

/// All such tools of one request.
#[derive(Debug, Clone, Default)]
pub struct ToolForms(Option<Arc<[ToolForm]>>);

impl ToolForms {
    /// These tools; most requests have none.
    pub fn new(forms: Vec<ToolForm>) -> Self {
        Self(Some(forms).filter(|forms| !forms.is_empty()).map(Arc::from))
    }

    /// The tool behind a function; `None` for one that is a function to the client too.
    pub fn of(&self, function: &str) -> Option<&ToolForm> {
        self.0.iter().flat_map(|forms| forms.iter()).find(|form| form.function == function)
    }
}
