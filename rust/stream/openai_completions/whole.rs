//! A whole answer as `text_completion`.

use serde_json::{Value, json};

use super::encoder::{answer_id, word};
use crate::stream::collected::{Block, Choice, Collected};
use crate::stream::openai_chat::write_usage;
use crate::stream::{FinishReason, Options};

/// Appends the answer.
pub fn write_whole(answer: &Collected, options: &Options, out: &mut Vec<u8>) {
    let model = options.model.as_ref().unwrap_or(&answer.model);
    let choices: Vec<Value> =
        answer.choices.iter().map(|(index, choice)| write_choice(*index, choice)).collect();
    let body = json!({
        "id": answer_id(&answer.id, options),
        "object": "text_completion",
        "created": answer.created_s.unwrap_or(options.created_s),
        "model": model,
        "choices": choices,
    });
    let begin = out.len();
    // Values of our own making always serialise.
    let _ = serde_json::to_writer(&mut *out, &body);
    if !answer.usage.is_empty() && out.len() > begin {
        out.pop();
        out.extend_from_slice(b",\"usage\":");
        write_usage(&answer.usage, None, out);
        out.push(b'}');
    }
}

fn write_choice(index: u32, choice: &Choice) -> Value {
    let said = choice.blocks.iter().filter_map(|block| match block {
        Block::Text { text, .. } | Block::Refusal { text } => Some(text.as_str()),
        _ => None,
    });
    let text: String = said.collect();
    let finish = word(choice.finish.unwrap_or(FinishReason::Stop));
    json!({"index": index, "text": text, "logprobs": null, "finish_reason": finish})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;
    use crate::stream::Decoder;

    #[test]
    fn an_answer_of_another_dialect_is_one_text() {
        let body = br#"{"id":"msg_1","type":"message","model":"c","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"one "},{"type":"text","text":"two"}],"stop_reason":"max_tokens","usage":{"input_tokens":3,"output_tokens":2}}"#;
        let mut collected = Collected::default();
        Decoder::new(Dialect::Anthropic).whole(body, |delta| collected.delta(delta)).unwrap();
        let mut out = Vec::new();
        write_whole(&collected, &Options { created_s: 7, ..Options::default() }, &mut out);
        let value: Value = serde_json::from_slice(&out).unwrap();
        let choice = json!({"index":0,"text":"one two","logprobs":null,"finish_reason":"length"});
        assert_eq!(value["choices"], json!([choice]));
        assert_eq!((&value["object"], &value["created"]), (&json!("text_completion"), &json!(7)));
        assert_eq!(value["usage"]["total_tokens"], json!(5));
    }
}
