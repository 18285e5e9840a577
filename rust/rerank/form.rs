//! In which form a host ranks documents.

use serde::Deserialize;

/// How a host is asked for a ranking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Jina's, which hosts of `OpenAI`'s dialect have beside it (vLLM, Together, `OpenRouter`). Source:
    /// <https://jina.ai/reranker/>.
    Jina,
    /// Cohere's second. Source: <https://docs.cohere.com/reference/rerank>.
    Cohere,
    /// Source: <https://docs.voyageai.com/reference/reranker-api>.
    Voyage,
    /// `InvokeModel` of Cohere's and Amazon's models. Source:
    /// <https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-supported.html>.
    Bedrock,
}
