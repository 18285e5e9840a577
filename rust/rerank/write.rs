//! A ranking as clients of Cohere's and Jina's read it: what the one has and the other lacks stands beside it.

use std::io::Write as _;

use super::asked::Wanted;
use super::read::Ranking;
use crate::stream::write_json;

impl Wanted {
    /// The answer; None where the host ranks a document that nobody sent.
    pub fn whole(&self, ranking: &Ranking<'_>, model: &str, input_tokens: u64) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(256 + ranking.results.len() * 64);
        out.push(b'{');
        if !ranking.id.is_empty() {
            out.extend_from_slice(br#""id":"#);
            write_json(&mut out, &ranking.id);
            out.push(b',');
        }
        out.extend_from_slice(br#""object":"list","model":"#);
        write_json(&mut out, model);
        out.extend_from_slice(br#","results":["#);
        for (at, ranked) in ranking.results.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            if ranked.index >= self.count {
                return None;
            }
            let score = ranked.relevance_score.get();
            // Writing into memory cannot fail, here and below.
            let _ = write!(out, r#"{{"index":{},"relevance_score":{score}"#, ranked.index);
            if let Some(document) = self.documents.as_ref().and_then(|all| all.get(ranked.index)) {
                let _ = write!(out, r#","document":{document}"#);
            }
            out.push(b'}');
        }
        out.extend_from_slice(br#"],"meta":"#);
        if let Some(meta) = ranking.meta {
            out.extend_from_slice(meta.as_bytes());
        } else {
            let version = self.version;
            let _ = write!(out, r#"{{"api_version":{{"version":"{version}"}}}}"#);
        }
        let _ = write!(out, r#","usage":{{"total_tokens":{input_tokens}}}}}"#);
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::super::read::read;
    use super::*;
    use crate::error::Error;

    fn written(request: &str, answer: &str) -> Option<String> {
        let ranking = read(answer.as_bytes()).unwrap();
        let wanted = Wanted::by(request.as_bytes(), 2);
        let out = wanted.whole(&ranking, "m", 7)?;
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn every_form_is_read_and_written_alike() {
        let request = r#"{"query":"q","documents":["a",{"text":"b"}]}"#;
        let results =
            r#"[{"index":1,"relevance_score":0.86303437},{"index":0,"relevance_score":1e-3}]"#;
        for (answer, id, meta) in [
            (
                format!(
                    r#"{{"id":"x","results":{results},"meta":{{"billed_units":{{"search_units":1}}}}}}"#
                ),
                r#""id":"x","#,
                r#"{"billed_units":{"search_units":1}}"#,
            ),
            (format!(r#"{{"results":{results}}}"#), "", r#"{"api_version":{"version":"2"}}"#),
            (
                format!(r#"{{"object":"list","data":{results},"usage":{{"total_tokens":43}}}}"#),
                "",
                r#"{"api_version":{"version":"2"}}"#,
            ),
        ] {
            let wanted = format!(
                r#"{{{id}"object":"list","model":"m","results":{results},"meta":{meta},"usage":{{"total_tokens":7}}}}"#
            );
            assert_eq!(written(request, &answer), Some(wanted), "{answer}");
        }
    }

    #[test]
    fn documents_come_back_as_they_were_sent() {
        let request = r#"{"documents":["a\n",{"text":"b","id":3}],"return_documents":true}"#;
        let answer =
            r#"{"results":[{"index":1,"relevance_score":1},{"index":0,"relevance_score":0}]}"#;
        let out = written(request, answer).unwrap();
        assert!(out.contains(r#""relevance_score":1,"document":{"text":"b","id":3}}"#), "{out}");
        assert!(out.contains(r#""relevance_score":0,"document":{"text":"a\n"}}"#), "{out}");
        assert_eq!(written(r#"{"documents":["a"]}"#, answer), None);
    }

    #[test]
    fn what_is_no_ranking_is_told_from_an_empty_one() {
        assert!(read(b"{}").unwrap().results.is_empty());
        assert!(read(br#"{"error":{"message":"no"}}"#).unwrap().error.is_some());
        assert!(matches!(
            read(br#"{"results":[{"index":"x"}]}"#),
            Err(Error::MalformedEvent { .. })
        ));
        assert!(matches!(read(b"{"), Err(Error::InvalidJson { .. })));
    }
}
