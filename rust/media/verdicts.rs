//! Verdicts of moderation, with what `OpenAI`'s clients read first.

use serde_json::Value;

/// The answer with `flagged` in each result that lacks it, as Mistral's do: whether one of its categories is. `None` where
/// it is whole as it came. Source: <https://docs.mistral.ai/capabilities/guardrailing/>.
pub fn with_flags(body: &[u8]) -> Option<Vec<u8>> {
    let mut answer: Value = serde_json::from_slice(body).ok()?;
    let mut has_changed = false;
    for result in answer.get_mut("results")?.as_array_mut()? {
        let Some(result) = result.as_object_mut().filter(|result| !result.contains_key("flagged"))
        else {
            continue;
        };
        let categories = result.get("categories").and_then(Value::as_object);
        let flagged =
            categories.is_some_and(|all| all.values().any(|one| *one == Value::Bool(true)));
        result.insert("flagged".to_owned(), flagged.into());
        has_changed = true;
    }
    has_changed.then(|| answer.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::with_flags;

    #[test]
    fn a_result_is_flagged_where_a_category_is() {
        let told = json!({"id": "m", "results": [
            {"categories": {"sexual": false, "pii": true}, "category_scores": {"pii": 0.9}},
            {"categories": {"sexual": false}},
        ]});
        let whole = with_flags(told.to_string().as_bytes()).unwrap();
        let whole: Value = serde_json::from_slice(&whole).unwrap();
        assert_eq!(whole["results"][0]["flagged"], json!(true));
        assert_eq!(whole["results"][1]["flagged"], json!(false));
        assert_eq!(whole["results"][0]["category_scores"], json!({"pii": 0.9}));
    }

    #[test]
    fn what_is_whole_or_of_another_shape_stays() {
        for body in
            [r#"{"results":[{"flagged":true,"categories":{}}]}"#, r#"{"results":{}}"#, "[]", "no"]
        {
            assert_eq!(with_flags(body.as_bytes()), None, "{body}");
        }
    }
}
