//! What must hold of any body. Shared by the fuzz target and the smoke test.

use serde_json::Value;
use sluicegate::body::{Edit, for_each_text, scan, splice};
use sluicegate::error::Error;

/// No panic, another parser's verdict, and a splice that is seen.
pub fn check(body: &[u8]) {
    let scanned = scan(body);
    let mut text_bytes = 0;
    for_each_text(body, |text| text_bytes += text.len());
    match (&scanned, serde_json::from_slice::<Value>(body)) {
        // What is refused for a field may be no JSON behind it.
        (Ok(_), Err(error)) => {
            // It limits the size of numbers, and depth by a level less.
            let error = error.to_string();
            assert!(error.starts_with("number out") || error.starts_with("recursion"), "{error}");
        }
        (Err(Error::InvalidJson { offset, reason }), Ok(value)) => {
            assert!(!value.is_object(), "{reason} at {offset}");
        }
        _ => {}
    }
    let Ok(scan) = scanned else { return };
    assert!(scan.text_bytes() + scan.opaque_bytes() <= 2 * body.len());
    let value = br#""x\"y""#.to_vec();
    let edit = scan.model_span().map_or_else(
        || Edit::insert("model", value.clone()),
        |span| Edit::replace(span, value.clone()),
    );
    let changed = splice(body, &[edit]);
    match sluicegate::body::scan(&changed) {
        Ok(scan) => assert_eq!(scan.model(), Some("x\"y")),
        Err(error) => panic!("a splice made what is not valid: {error}"),
    }
}
