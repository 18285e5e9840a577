//! In which form a host has vectors: that of its dialect, or one of its own.

use serde::Deserialize;

use crate::dialect::Dialect;

/// How a host is asked for vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// `OpenAI`'s. Source: <https://platform.openai.com/docs/api-reference/embeddings>.
    #[serde(rename = "openai")]
    OpenAi,
    /// `OpenAI`'s with other names of fields. Source: <https://docs.mistral.ai/api/#tag/embeddings>.
    Mistral,
    /// The same, and its usage is a total alone. Source: <https://docs.voyageai.com/reference/embeddings-api>.
    Voyage,
    /// Gemini's. Source: <https://ai.google.dev/api/embeddings>.
    Gemini,
    /// Vertex AI's. Source: <https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api>.
    Vertex,
    /// Bedrock's: what its models have, by `InvokeModel`. Source:
    /// <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html>.
    Bedrock,
    /// Cohere's. Source: <https://docs.cohere.com/reference/embed>.
    Cohere,
    /// Ollama's. Source: <https://docs.ollama.com/api/embed>.
    Ollama,
}

impl Form {
    /// That of a client's dialect, which a host of this form gets as it is.
    pub const fn of(client: Dialect) -> Option<Self> {
        match client {
            Dialect::OpenAiChat => Some(Self::OpenAi),
            Dialect::Gemini => Some(Self::Gemini),
            _ => None,
        }
    }
}

/// Whether a model of Vertex AI's takes texts by `predict`; later ones have Gemini's methods. Source: google-genai 3.6,
/// `t_is_multimodal_embedding_model`.
pub fn is_predicted(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let first = ["gemini-embedding-001", "gemini-embedding-exp"];
    !name.contains("gemini") || first.iter().any(|first| name.starts_with(first))
}

#[cfg(test)]
mod tests {
    use super::is_predicted;

    #[test]
    fn models_of_vertex_are_told_by_their_names() {
        for (model, predicted) in [
            ("text-embedding-005", true),
            ("publishers/google/models/gemini-embedding-001", true),
            ("gemini-embedding-exp-03-07", true),
            ("gemini-embedding-2", false),
        ] {
            assert_eq!(is_predicted(model), predicted, "{model}");
        }
    }
}
