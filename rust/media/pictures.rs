//! Pictures, as `OpenAI`'s `images.response`.

use std::io::Write as _;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::said::Said;
use super::{JSON, Made, totals, without};
use crate::stream::{Usage, write_json};

/// How many pictures are in an answer of `OpenAI`'s; `None` where it has none in their place.
pub fn count(body: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Answer {
        data: Vec<IgnoredAny>,
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    Some(answer.data.len() as u64)
}

/// Pictures in base64, at least one.
#[derive(Debug)]
pub struct Pictures<'s>(Vec<&'s str>);

impl<'s> Pictures<'s> {
    pub(super) fn of(said: &'s Said<'_>) -> Option<Self> {
        let drawn = said.parts().filter_map(|part| part.inline_data.as_ref());
        let drawn = drawn.filter(|blob| blob.mime_type.starts_with("image/"));
        let mut all: Vec<&str> = drawn.map(|blob| blob.data.as_ref()).collect();
        let predicted = said.predictions.iter().flatten();
        all.extend(predicted.filter_map(|one| one.bytes_base64_encoded.as_deref()));
        all.extend(said.images.iter().flatten().map(|image| image.0.as_ref()));
        all.retain(|data| !data.is_empty());
        (!all.is_empty()).then_some(Self(all))
    }

    pub(super) fn write(&self, created_s: u64, usage: &Usage) -> Made {
        let mut body = Vec::with_capacity(self.0.iter().map(|data| data.len() + 32).sum());
        // Writing into memory cannot fail.
        let _ = write!(body, r#"{{"created":{created_s},"data":["#);
        for (at, data) in self.0.iter().enumerate() {
            body.extend_from_slice(if at == 0 { b"" } else { b"," });
            body.extend_from_slice(b"{\"b64_json\":");
            write_json(&mut body, data);
            body.push(b'}');
        }
        body.push(b']');
        if !usage.is_empty() {
            let (input, output, total) = totals(usage);
            let seen = without(usage.image_tokens, usage.output_image_tokens);
            let text = input.saturating_sub(seen);
            let _ = write!(
                body,
                r#","usage":{{"input_tokens":{input},"input_tokens_details":{{"image_tokens":{seen},"text_tokens":{text}}},"output_tokens":{output},"total_tokens":{total}}}"#
            );
        }
        body.push(b'}');
        Made { content_type: JSON, body, pictures: self.0.len() as u64 }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::media::{Wanted, make};
    use crate::stream::Usage;

    fn drawn(body: &str, usage: &Usage) -> Option<Value> {
        let made = make(Wanted::Pictures { created_s: 7 }, body.as_bytes(), usage).unwrap();
        made.map(|made| serde_json::from_slice(&made.body).unwrap())
    }

    #[test]
    fn pictures_of_every_vendor_are_one_list() {
        for (body, pictures) in [
            (
                r#"{"candidates":[{"content":{"parts":[{"text":"Here:"},{"thought":true,"inlineData":{"mimeType":"image/png","data":"draft"}},{"inlineData":{"mimeType":"image/png","data":"QUE="}}]}}]}"#,
                &["QUE="][..],
            ),
            (
                r#"{"predictions":[{"mimeType":"image/png","bytesBase64Encoded":"QUE="},{"bytesBase64Encoded":"QkI="}]}"#,
                &["QUE=", "QkI="],
            ),
            (r#"{"images":["QUE="],"error":null}"#, &["QUE="]),
            (r#"{"seeds":[1],"finish_reasons":[null],"images":["Q\/E="]}"#, &["Q/E="]),
        ] {
            let data: Vec<Value> = pictures.iter().map(|data| json!({"b64_json": data})).collect();
            let wanted = json!({"created": 7, "data": data});
            assert_eq!(drawn(body, &Usage::default()), Some(wanted), "{body}");
        }
    }

    #[test]
    fn an_answer_without_a_picture_is_none() {
        for body in [
            r#"{"candidates":[{"content":{"parts":[{"text":"I cannot."}]},"finishReason":"IMAGE_SAFETY"}]}"#,
            r#"{"candidates":[{"finishReason":"IMAGE_SAFETY"}]}"#,
            r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#,
            r#"{"images":null,"error":"filtered"}"#,
            r#"{"finish_reasons":["Filter reason: prompt"]}"#,
            r#"{"predictions":[]}"#,
            "{}",
        ] {
            assert_eq!(drawn(body, &Usage::default()), None, "{body}");
        }
        assert!(make(Wanted::Pictures { created_s: 7 }, b"no", &Usage::default()).is_err());
    }

    #[test]
    fn usage_is_told_in_openais_words() {
        let usage = Usage {
            input_tokens: Some(300),
            image_tokens: Some(1548),
            output_image_tokens: Some(1290),
            output_tokens: Some(1300),
            ..Usage::default()
        };
        let wanted = json!({
            "input_tokens": 300,
            "input_tokens_details": {"image_tokens": 258, "text_tokens": 42},
            "output_tokens": 1300,
            "total_tokens": 1600,
        });
        assert_eq!(drawn(r#"{"images":["QUE="]}"#, &usage).unwrap()["usage"], wanted);
    }
}
