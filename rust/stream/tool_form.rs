//! What a client calls a tool that its host knows as a function.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A tool of the client's that is no plain function to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolForm {
    /// The function's name at the host.
    pub function: String,
    /// The tool's name.
    pub name: String,
    /// The group that it is in (`OpenAI` Responses only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// It takes free text instead of arguments.
    pub is_free_text: bool,
}

/// All such tools of one request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<ToolForm>", into = "Vec<ToolForm>")]
pub struct ToolForms(Option<Arc<[ToolForm]>>);

impl ToolForms {
    /// These tools; most requests have none.
    pub fn new(forms: Vec<ToolForm>) -> Self {
        Self(Some(forms).filter(|forms| !forms.is_empty()).map(Arc::from))
    }

    /// The tool behind a function; `None` for one that is a function to the client too.
    pub fn of(&self, function: &str) -> Option<&ToolForm> {
        self.each().find(|form| form.function == function)
    }

    /// All of them.
    pub fn each(&self) -> impl Iterator<Item = &ToolForm> {
        self.0.iter().flat_map(|forms| forms.iter())
    }

    /// Whether every tool is a function to the client too.
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl From<Vec<ToolForm>> for ToolForms {
    fn from(forms: Vec<ToolForm>) -> Self {
        Self::new(forms)
    }
}

impl From<ToolForms> for Vec<ToolForm> {
    fn from(forms: ToolForms) -> Self {
        forms.each().cloned().collect()
    }
}
