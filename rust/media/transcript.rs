//! What is said in a recording, as `OpenAI`'s transcription.

use std::io::Write as _;

use super::said::Said;
use super::{JSON, Made, totals, without};
use crate::stream::{Usage, write_json};

/// The words, without white space around them; at least one.
#[derive(Debug)]
pub struct Transcript(String);

impl Transcript {
    pub(super) fn of(said: &Said<'_>) -> Option<Self> {
        let text: String = said.parts().filter_map(|part| part.text.as_deref()).collect();
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    pub(super) fn write(self, is_text: bool, usage: &Usage) -> Made {
        if is_text {
            let body = (self.0 + "\n").into_bytes();
            return Made { content_type: "text/plain; charset=utf-8", body, pictures: 0 };
        }
        let mut body = b"{\"text\":".to_vec();
        write_json(&mut body, &self.0);
        if !usage.is_empty() {
            let (input, output, total) = totals(usage);
            let heard = without(usage.audio_tokens, usage.output_audio_tokens);
            let text = input.saturating_sub(heard);
            // Writing into memory cannot fail.
            let _ = write!(
                body,
                r#","usage":{{"type":"tokens","input_tokens":{input},"input_token_details":{{"audio_tokens":{heard},"text_tokens":{text}}},"output_tokens":{output},"total_tokens":{total}}}"#
            );
        }
        body.push(b'}');
        Made { content_type: JSON, body, pictures: 0 }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::media::{Wanted, make};
    use crate::stream::Usage;

    const BODY: &[u8] = br#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":" One \"two\""},{"text":" three.\n"}]}}]}"#;

    #[test]
    fn the_words_come_as_json_or_alone() {
        let usage = Usage {
            input_tokens: Some(50),
            audio_tokens: Some(40),
            output_tokens: Some(6),
            ..Usage::default()
        };
        let made = make(Wanted::Transcript { is_text: false }, BODY, &usage).unwrap().unwrap();
        let wanted = json!({
            "text": "One \"two\" three.",
            "usage": {
                "type": "tokens",
                "input_tokens": 50,
                "input_token_details": {"audio_tokens": 40, "text_tokens": 10},
                "output_tokens": 6,
                "total_tokens": 56,
            },
        });
        assert_eq!(serde_json::from_slice::<Value>(&made.body).unwrap(), wanted);
        let made = make(Wanted::Transcript { is_text: true }, BODY, &usage).unwrap().unwrap();
        assert_eq!(made.body, b"One \"two\" three.\n");
    }

    #[test]
    fn silence_is_no_answer() {
        let body = br#"{"candidates":[{"content":{"parts":[{"text":" \n"}]}}]}"#;
        let made = make(Wanted::Transcript { is_text: true }, body, &Usage::default());
        assert_eq!(made.unwrap(), None);
    }
}
