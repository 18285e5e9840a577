//! Where a host has what it is asked: at its dialect's own paths, or in a way of its own.

use std::fmt::Write as _;

use serde::Deserialize;

use super::exchange::Exchange;
use super::operation::Operation;
use super::snapshot::Target;
use super::{about, embeddings, gemini, media, reranking};
use crate::dialect::Dialect;

/// Where Vertex AI has Claude's tokens counted; the body names the model. Source:
/// <https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/count-tokens>.
const COUNT_TOKENS: &str = "count-tokens";

/// Which paths a host has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Address {
    /// Those of its dialect's vendor.
    #[default]
    Dialect,
    /// Azure `OpenAI`'s, which name the deployment. Source:
    /// <https://learn.microsoft.com/azure/ai-services/openai/reference>.
    Deployments,
    /// Claude's on Vertex AI, which name model and form. Source:
    /// <https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude>.
    RawPredict,
    /// Claude's on Bedrock, likewise. Source:
    /// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html>.
    InvokeModel,
}

/// Path and query; `None` where the host has no such operation.
pub fn path(x: &Exchange, target: &Target, dialect: Dialect) -> Option<String> {
    let mut path = match x.admission.operation {
        Operation::Embeddings => embeddings::path(x, target)?,
        Operation::Rerank => reranking::path(target)?,
        _ => own_path(x, target, dialect)?,
    };
    if let Some(errand) = about::errand(x) {
        path.push('/');
        path.push_str(&errand.tail);
    }
    let query = &target.upstream.query;
    if !query.is_empty() {
        path.push(if path.contains('?') { '&' } else { '?' });
        path.push_str(query);
    }
    Some(path)
}

/// The path that the dialect's vendor has.
fn own_path(x: &Exchange, target: &Target, dialect: Dialect) -> Option<String> {
    let a = &x.admission;
    let base = target.upstream.endpoint.base_path();
    let operation = match (a.operation.is_carried(), dialect) {
        (false, _) => a.operation.path(dialect)?,
        (true, Dialect::OpenAiChat) => a.place.route.path.strip_prefix("/v1")?,
        (true, _) => return media::path(target, dialect),
    };
    Some(match (target.upstream.address, dialect) {
        // Responses name the deployment in their body alone.
        (Address::Deployments, Dialect::OpenAiResponses) => format!("{base}{operation}"),
        (Address::Deployments, _) => deployment(base, &target.model, operation),
        (Address::Dialect, Dialect::Gemini) => {
            match a.place.verb().filter(|_| a.dialect == dialect) {
                Some(verb) => {
                    let is_events = a.scan.stream() && !a.place.as_array;
                    gemini::path(base, &target.model, verb, is_events)
                }
                None if a.scan.stream() => {
                    gemini::path(base, &target.model, ":streamGenerateContent", true)
                }
                None => gemini::path(base, &target.model, operation, false),
            }
        }
        (Address::Dialect, Dialect::Bedrock) => bedrock(
            base,
            &target.model,
            if a.scan.stream() { "converse-stream" } else { "converse" },
        ),
        (Address::Dialect, Dialect::Cohere) => beside(base, &format!("/v2{operation}")),
        (Address::Dialect, Dialect::Ollama) => beside(base, &format!("/api{operation}")),
        (Address::RawPredict, _) => match (a.operation, a.scan.stream()) {
            (Operation::CountTokens, _) => gemini::path(base, COUNT_TOKENS, ":rawPredict", false),
            (_, true) => gemini::path(base, &target.model, ":streamRawPredict", false),
            (_, false) => gemini::path(base, &target.model, ":rawPredict", false),
        },
        (Address::InvokeModel, _) => {
            let verb = if a.scan.stream() { "invoke-with-response-stream" } else { "invoke" };
            bedrock(base, &target.model, verb)
        }
        (Address::Dialect, _) => full_path(base, operation, target.upstream.unversioned),
    })
}

/// A base URL may end in `/v1` or not; a versioned path of another kind is taken as it is.
pub(super) fn full_path(base: &str, operation: &str, unversioned: bool) -> String {
    let added = if base.is_empty() && !unversioned { "/v1" } else { "" };
    format!("{base}{added}{operation}")
}

pub(super) fn deployment(base: &str, model: &str, operation: &str) -> String {
    let mut out = format!("{base}/deployments/");
    push_segment(&mut out, model);
    out.push_str(operation);
    out
}

/// Source: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html>.
pub(super) fn bedrock(base: &str, model: &str, verb: &str) -> String {
    let mut out = format!("{base}/model/");
    push_segment(&mut out, model);
    out.push('/');
    out.push_str(verb);
    out
}

/// Source: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html>.
pub(super) fn invocation(base: &str, model: &str) -> String {
    bedrock(base, model, "invoke")
}

/// Versions that a base URL may end in, where a host has its other paths.
const VERSIONS: [&str; 4] = ["/v1", "/v2", "/api", "/v1beta"];

/// A path with a version of its own, below a base URL that may name another one.
pub(super) fn beside(base: &str, path: &str) -> String {
    let root = VERSIONS.iter().find_map(|version| base.strip_suffix(version)).unwrap_or(base);
    format!("{root}{path}")
}

/// One segment with all but RFC 3986's unreserved characters encoded: a model's name may be an ARN, with colons and
/// slashes in it, and signatures are over this form.
pub(super) fn push_segment(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing into memory cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{bedrock, beside, deployment, full_path};

    #[test]
    fn base_path_may_carry_the_version_or_nothing() {
        for (base, path) in [
            ("", "/v1/chat/completions"),
            ("/v1", "/v1/chat/completions"),
            ("/openai/v1", "/openai/v1/chat/completions"),
            ("/api/paas/v4", "/api/paas/v4/chat/completions"),
        ] {
            assert_eq!(full_path(base, "/chat/completions", false), path);
        }
        assert_eq!(full_path("", "/chat/completions", true), "/chat/completions");
    }

    #[test]
    fn a_path_may_have_a_version_of_its_own() {
        for (base, path) in [
            ("", "/v2/embed"),
            ("/v1", "/v2/embed"),
            ("/v2", "/v2/embed"),
            ("/cohere/v2", "/cohere/v2/embed"),
            ("/api", "/v2/embed"),
            ("/proxy/ollama", "/proxy/ollama/v2/embed"),
        ] {
            assert_eq!(beside(base, "/v2/embed"), path);
        }
    }

    #[test]
    fn a_deployment_stands_in_the_path() {
        for (model, segment) in [("gpt-5", "gpt-5"), ("my gpt/5?", "my%20gpt%2F5%3F")] {
            let wanted = format!("/openai/deployments/{segment}/chat/completions");
            assert_eq!(deployment("/openai", model, "/chat/completions"), wanted);
        }
    }

    #[test]
    fn a_model_of_bedrock_may_be_an_arn() {
        let arn = "arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-lite-v1:0";
        let encoded =
            "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.amazon.nova-lite-v1%3A0";
        assert_eq!(
            bedrock("", arn, "converse-stream"),
            format!("/model/{encoded}/converse-stream")
        );
        assert_eq!(bedrock("/b", "m", "invoke"), "/b/model/m/invoke");
    }
}
