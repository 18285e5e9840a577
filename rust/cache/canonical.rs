//! JSON in one form of its many: without white space, members in the order of their names, each string escaped one way.
//!
//! Numbers stay as they are written: two that a float would make one may be two to a model. What is read twice in one
//! object stays twice, in the order in which it came.

use std::ops::Range;

use crate::error::Error;

/// Members that decide how an answer is sent, and not what it says.
pub const OF_FORM: [&str; 2] = ["stream", "stream_options"];
/// How deep values may lie in each other; the body's scan allows no more.
const MAX_DEPTH: usize = 128;

/// A JSON object in its canonical form, without its members of these names.
///
/// Cost: one pass, and a copy of each object whose members come in another order.
pub fn canonical(json: &[u8], skip: &[&str]) -> Result<Vec<u8>, Error> {
    let mut writer = Writer { json, at: 0, out: Vec::with_capacity(json.len()) };
    writer.space();
    match json.get(writer.at) {
        Some(b'{') => writer.object(skip, 0)?,
        _ => return Err(writer.bad("not an object")),
    }
    writer.space();
    if writer.at < json.len() {
        return Err(writer.bad("something behind the object"));
    }
    Ok(writer.out)
}

struct Writer<'a> {
    json: &'a [u8],
    at: usize,
    out: Vec<u8>,
}

impl Writer<'_> {
    fn bad(&self, reason: &'static str) -> Error {
        Error::InvalidJson { offset: self.at, reason }
    }

    fn peek(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Past a sign that must come here, around which space may stand.
    fn sign(&mut self, sign: u8) -> Result<(), Error> {
        self.space();
        if self.peek() != Some(sign) {
            return Err(self.bad("a sign is missing"));
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(self.bad("nested too deep"));
        }
        match self.peek() {
            Some(b'{') => self.object(&[], depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string(),
            Some(_) => self.plain(),
            None => Err(self.bad("a value is missing")),
        }
    }

    /// A number or a word, as it is written.
    fn plain(&mut self) -> Result<(), Error> {
        let rest = self.json.get(self.at..).unwrap_or_default();
        let is_of_it = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
        let length = rest.iter().take_while(|byte| is_of_it(byte)).count();
        if length == 0 {
            return Err(self.bad("no value"));
        }
        self.out.extend_from_slice(rest.get(..length).unwrap_or_default());
        self.at += length;
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Result<(), Error> {
        self.sign(b'[')?;
        self.out.push(b'[');
        while self.peek() != Some(b']') {
            self.value(depth + 1)?;
            self.space();
            match self.peek() {
                Some(b',') => {
                    self.out.push(b',');
                    self.sign(b',')?;
                }
                Some(b']') => {}
                _ => return Err(self.bad("a list without an end")),
            }
        }
        self.at += 1;
        self.out.push(b']');
        Ok(())
    }

    fn object(&mut self, skip: &[&str], depth: usize) -> Result<(), Error> {
        self.sign(b'{')?;
        self.out.push(b'{');
        let begun = self.out.len();
        let mut members: Vec<Member> = Vec::new();
        while self.peek() != Some(b'}') {
            let member = self.member(depth)?;
            let name = self.out.get(member.name.clone()).unwrap_or_default();
            if skip.iter().any(|skipped| is_quoted(name, skipped)) {
                self.out.truncate(member.name.start);
            } else {
                members.push(member);
            }
            match self.peek() {
                Some(b',') => self.sign(b',')?,
                Some(b'}') => {}
                _ => return Err(self.bad("an object without an end")),
            }
        }
        self.at += 1;
        self.sort(begun, &mut members);
        self.out.push(b'}');
        Ok(())
    }

    /// Writes `"name":value,` behind the others.
    fn member(&mut self, depth: usize) -> Result<Member, Error> {
        if self.peek() != Some(b'"') {
            return Err(self.bad("a name is missing"));
        }
        let start = self.out.len();
        self.string()?;
        let name = start..self.out.len();
        self.sign(b':')?;
        self.out.push(b':');
        self.value(depth + 1)?;
        self.space();
        self.out.push(b',');
        Ok(Member { name, end: self.out.len() })
    }

    fn sort(&mut self, begun: usize, members: &mut [Member]) {
        let out = &self.out;
        let name = |member: &Member| out.get(member.name.clone()).unwrap_or_default();
        if !members.is_sorted_by(|one, next| name(one) <= name(next)) {
            members.sort_by(|one, other| name(one).cmp(name(other))); // stable: the same name twice keeps its order
            let mut sorted = Vec::with_capacity(out.len() - begun);
            for member in members.iter() {
                sorted
                    .extend_from_slice(out.get(member.name.start..member.end).unwrap_or_default());
            }
            self.out.truncate(begun);
            self.out.append(&mut sorted);
        }
        if self.out.len() > begun {
            self.out.pop(); // the last comma
        }
    }

    fn string(&mut self) -> Result<(), Error> {
        let begun = self.at;
        let rest = self.json.get(begun + 1..).unwrap_or_default();
        let Some(first) = memchr::memchr2(b'"', b'\\', rest) else {
            return Err(self.bad("a text without an end"));
        };
        if rest.get(first) == Some(&b'"') {
            self.at = begun + first + 2;
            self.out.extend_from_slice(self.json.get(begun..self.at).unwrap_or_default());
            return Ok(());
        }
        self.escaped(begun)
    }

    /// A text with escapes in it: those that need not be are undone.
    fn escaped(&mut self, begun: usize) -> Result<(), Error> {
        self.at = begun + 1;
        let mut is_own_form = true;
        loop {
            let rest = self.json.get(self.at..).unwrap_or_default();
            let Some(next) = memchr::memchr2(b'"', b'\\', rest) else {
                return Err(self.bad("a text without an end"));
            };
            self.at += next + 1;
            if rest.get(next) == Some(&b'"') {
                break;
            }
            is_own_form &= !matches!(self.peek(), Some(b'u' | b'/'));
            self.at += 1; // whatever is escaped, a quote too
        }
        let raw = self.json.get(begun..self.at).unwrap_or_default();
        if is_own_form {
            self.out.extend_from_slice(raw); // nothing but what everybody escapes in the same way
            return Ok(());
        }
        match serde_json::from_slice::<String>(raw) {
            // Writing a string into memory cannot fail.
            Ok(text) => drop(serde_json::to_writer(&mut self.out, &text)),
            // Half a surrogate pair is no text: as it is written.
            Err(_) => self.out.extend_from_slice(raw),
        }
        Ok(())
    }
}

/// Where a member stands in what is written.
struct Member {
    name: Range<usize>,
    end: usize,
}

fn is_quoted(quoted: &[u8], name: &str) -> bool {
    quoted.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) == Some(name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> String {
        String::from_utf8(canonical(json.as_bytes(), &["stream"]).unwrap()).unwrap()
    }

    #[test]
    fn one_form_stands_for_all_ways_to_write_the_same() {
        for (one, other) in [
            (r#"{"a":1,"b":2}"#, "{ \"b\" : 2 ,\r\n\t\"a\":1 }"),
            (r#"{"a":{"x":[1,2],"y":null}}"#, r#"{"a": {"y":null , "x":[ 1 , 2 ]}}"#),
            (r#"{"a":"é/\u0001"}"#, r#"{"a":"\u00e9\/\u0001"}"#),
            (r#"{"a":"\n\"\\\t"}"#, r#"{"a":"\u000A\u0022\u005c\u0009"}"#),
            (r#"{"a":1}"#, r#"{"stream":true,"a":1}"#),
            (r#"{"a":1}"#, r#"{"str\u0065am":{"x":[]},"a":1}"#),
            ("{}", "{ }"),
            (r#"{"a":[]}"#, r#"{"a":[ ]}"#),
        ] {
            assert_eq!(of(one), of(other));
        }
    }

    #[test]
    fn what_may_differ_for_a_model_differs() {
        let all = [
            r#"{"a":1}"#,
            r#"{"a":1.0}"#,
            r#"{"a":"1"}"#,
            r#"{"a":null}"#,
            r#"{"a":[1]}"#,
            r#"{"a":[1,2]}"#,
            r#"{"a":[2,1]}"#,
            r#"{"a":1,"b":{"stream":true}}"#,
            r#"{"a":1,"b":{}}"#,
            r#"{"a":1,"b":""}"#,
            r#"{"a":1,"b":" "}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a":2,"a":1}"#,
            r#"{"a":12345678901234567890123}"#,
            r#"{"a":12345678901234567890124}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":"\ud801"}"#,
            "{}",
        ];
        let forms: std::collections::HashSet<String> = all.iter().map(|json| of(json)).collect();
        assert_eq!(forms.len(), all.len());
    }

    #[test]
    fn what_is_no_object_is_an_error() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
        for json in [
            "",
            "[]",
            "1",
            "{",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1} x"#,
            r#"{"a":"x"#,
            r#"{"a":[1"#,
            &deep,
        ] {
            assert!(canonical(json.as_bytes(), &[]).is_err(), "{json}");
        }
    }

    proptest::proptest! {
        #[test]
        fn it_means_the_same_and_is_its_own_form(text in ".{0,20}", number in proptest::num::i64::ANY, names in proptest::collection::vec("[a-c\"\\\\é]{0,3}", 0..6)) {
            let inner: serde_json::Map<String, serde_json::Value> =
                names.iter().map(|name| (name.clone(), serde_json::json!([text, number]))).collect();
            let value = serde_json::json!({"z": inner, "text": text, "a": [true, null]});
            let form = canonical(serde_json::to_string_pretty(&value).unwrap().as_bytes(), &[]).unwrap();
            proptest::prop_assert_eq!(&serde_json::from_slice::<serde_json::Value>(&form).unwrap(), &value);
            proptest::prop_assert_eq!(canonical(&form, &[]).unwrap(), form);
        }
    }
}
