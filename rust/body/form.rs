//! The fields of a `multipart/form-data` body that the gateway acts on; files in it stay where they are.
//!
//! Two readers must not see two requests: what could be read in more than one way is refused. Source: RFC 7578, RFC 2046.

use std::ops::Range;

use memchr::memmem;

use super::number::whole_number;
use super::scan::Scan;
use crate::error::Error;

/// Longest boundary. Source: RFC 2046, section 5.1.1.
const MAX_BOUNDARY: usize = 70;
/// What the head of one part may be.
const MAX_HEAD: usize = 4096;

/// The boundary that a content type names; `None` where it is no form's, or names none that all readers agree on.
pub fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let mut found = None;
    for parameter in parameters.split(';') {
        let (name, value) = parameter.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("boundary") {
            let value = value.trim();
            let bare = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
            if found.replace(bare).is_some() {
                return None;
            }
        }
    }
    found.filter(|bare| {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&b);
        (1..=MAX_BOUNDARY).contains(&bare.len()) && bare.bytes().all(is_plain)
    })
}

/// One part of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormPart<'a> {
    /// The field.
    pub name: &'a str,
    /// What its file is called, where it is one; empty where it does not say it plainly.
    pub file_name: Option<&'a str>,
    /// Its content type, where it says one.
    pub content_type: Option<&'a str>,
    /// Where its value stands.
    pub value: Range<usize>,
}

/// All parts of a form. Cost: one search through the body.
pub fn form_parts<'a>(body: &'a [u8], boundary: &str) -> Result<Vec<FormPart<'a>>, Error> {
    let mut parts = Vec::new();
    for_each_part(body, boundary, |head, value| {
        let Head { name, file_name, content_type, .. } = *head;
        parts.push(FormPart { name, file_name, content_type, value });
        Ok(())
    })?;
    Ok(parts)
}

/// What a form says to the gateway: `model`, `stream`, `n` and others, and how much is in it. Cost: one search through
/// the body.
pub fn scan_form(body: &[u8], boundary: &str) -> Result<Scan, Error> {
    let mut scan = Scan::default();
    for_each_part(body, boundary, |head, value| scan.form_field(head, body, value))?;
    Ok(scan)
}

fn for_each_part<'a>(
    body: &'a [u8],
    boundary: &str,
    mut each: impl FnMut(&Head<'a>, Range<usize>) -> Result<(), Error>,
) -> Result<(), Error> {
    let broken = |offset, reason| Error::InvalidField { field: "form", offset, reason };
    let open = format!("--{boundary}");
    if !body.starts_with(open.as_bytes()) {
        return Err(broken(0, "does not begin with its boundary"));
    }
    let between = format!("\r\n{open}");
    let mut from = open.len();
    for end in memmem::find_iter(body, &between) {
        let part = body.get(from..end).unwrap_or_default();
        let within = part.get(..MAX_HEAD.min(part.len())).unwrap_or_default();
        let head = memmem::find(within, b"\r\n\r\n").filter(|_| part.starts_with(b"\r\n"));
        let head = head.ok_or_else(|| broken(from, "has a part without a head"))?;
        let read = Head::read(part.get(..head).unwrap_or_default());
        let read = read.ok_or_else(|| broken(from, "has a part that can be read in two ways"))?;
        each(&read, from + head + 4..end)?;
        from = end + between.len();
        let rest = body.get(from..).unwrap_or_default();
        if let Some(behind) = rest.strip_prefix(b"--") {
            let is_over = behind.trim_ascii().is_empty();
            return if is_over { Ok(()) } else { Err(broken(from, "goes on behind its end")) };
        }
    }
    Err(broken(body.len(), "does not end with its boundary"))
}

/// What the head of one part says.
#[derive(Debug, Clone, Copy)]
struct Head<'a> {
    name: &'a str,
    file_name: Option<&'a str>,
    content_type: Option<&'a str>,
}

impl<'a> Head<'a> {
    /// `None` where it says nothing that all readers agree on.
    fn read(head: &'a [u8]) -> Option<Self> {
        let (mut found, mut content_type) = (None, None);
        for line in std::str::from_utf8(head).ok()?.split("\r\n").filter(|line| !line.is_empty()) {
            // Some take a folded line, or one that ends otherwise, for another header.
            if line.starts_with([' ', '\t']) || line.chars().any(|c| c.is_control() && c != '\t') {
                return None;
            }
            let (field, value) = line.split_once(':')?;
            let is_twice = match field.to_ascii_lowercase().as_str() {
                "content-disposition" => found.replace(Self::of(value)?).is_some(),
                "content-transfer-encoding" => {
                    let plain = ["binary", "8bit", "7bit"];
                    !plain.iter().any(|plain| value.trim().eq_ignore_ascii_case(plain))
                }
                "content-type" => content_type.replace(value.trim()).is_some(),
                name => name.trim() != name,
            };
            if is_twice {
                return None;
            }
        }
        found.map(|found| Self { content_type, ..found })
    }

    /// Of the value of `Content-Disposition`.
    fn of(value: &'a str) -> Option<Self> {
        let (kind, parameters) = value.split_once(';')?;
        if !kind.trim().eq_ignore_ascii_case("form-data") {
            return None;
        }
        let (mut name, mut file_name) = (None, None);
        for parameter in parameters.split(';') {
            let Some((key, value)) = parameter.split_once('=') else { continue };
            match key.trim().to_ascii_lowercase().as_str() {
                "name*" => return None,
                "name" if name.replace(bare(value.trim())?).is_some() => return None,
                "filename" => file_name = Some(bare(value.trim()).unwrap_or_default()),
                "filename*" => file_name = file_name.or(Some("")),
                _ => {}
            }
        }
        Some(Self { name: name?, file_name, content_type: None })
    }
}

/// A quoted text or a plain word.
fn bare(value: &str) -> Option<&str> {
    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b"-_.[]".contains(&b);
    let name = quoted.or_else(|| value.bytes().all(is_word).then_some(value))?;
    (!name.contains(['"', '\\', '%'])).then_some(name)
}

impl Scan {
    fn form_field(
        &mut self,
        head: &Head<'_>,
        body: &[u8],
        value: Range<usize>,
    ) -> Result<(), Error> {
        let offset = value.start;
        let fail = |field, reason| Error::InvalidField { field, offset, reason };
        if head.file_name.is_some() {
            self.media += 1;
            self.opaque_bytes += value.len();
            let is_model = head.name == "model";
            return if is_model { Err(fail("model", "is a file")) } else { Ok(()) };
        }
        self.text_bytes += value.len();
        let text = std::str::from_utf8(body.get(value.clone()).unwrap_or_default());
        match head.name {
            "model" => {
                if self.model.is_some() {
                    return Err(Error::DuplicateKey { key: head.name.to_owned() });
                }
                let text = text.map_err(|_| fail("model", "is not UTF-8"))?;
                self.model = Some(text.to_owned());
                self.model_span = Some(value);
            }
            "n" => {
                let number = text.ok().and_then(|text| whole_number(text.as_bytes()));
                let reason = "is not a whole number between 0 and 10^15";
                self.n = self.n.max(Some(number.ok_or_else(|| fail("n", reason))?));
            }
            "stream" => self.stream |= text.is_ok_and(|text| text.eq_ignore_ascii_case("true")),
            "user" => self.user = text.ok().map(str::to_owned),
            "size" => self.size = text.ok().map(str::to_owned),
            "quality" => self.quality = text.ok().map(str::to_owned),
            "response_format" => self.answer_format = text.ok().map(str::to_owned),
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(parts: &[(&str, &str)]) -> Vec<u8> {
        let part = |(head, value): &(&str, &str)| {
            format!("--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
        };
        let parts: String = parts.iter().map(part).collect();
        (parts + "--b--\r\n").into_bytes()
    }

    #[test]
    fn the_fields_and_where_the_model_stands() {
        let sound = "\0\r\n--c\u{ff}";
        let body = form(&[
            ("name=\"file\"; filename=\"a; b.mp3\"\r\nContent-Type: audio/mpeg", sound),
            ("name=\"model\"", "u/whisper-1"),
            ("name=stream", "true"),
            ("name=\"n\"", "3"),
            ("name=\"timestamp_granularities[]\"", "word"),
            ("name=\"user\"\r\nContent-Transfer-Encoding: binary", "me"),
        ]);
        let scan = scan_form(&body, "b").unwrap();
        assert_eq!((scan.model(), scan.stream()), (Some("u/whisper-1"), true));
        assert_eq!((scan.n(), scan.user()), (Some(3), Some("me")));
        assert_eq!(&body[scan.model_span().unwrap()], b"u/whisper-1");
        assert_eq!((scan.media(), scan.opaque_bytes()), (1, sound.len()));
        assert_eq!(scan.text_bytes(), "u/whisper-1true3wordme".len());
    }

    #[test]
    fn parts_say_what_they_are() {
        let file = "name=\"file\"; filename=\"a.mp3\"\r\nContent-Type: audio/mpeg";
        let body = form(&[(file, "sound"), ("name=\"response_format\"", "text")]);
        let parts = form_parts(&body, "b").unwrap();
        let told = |part: &FormPart<'_>| (part.name.to_owned(), part.file_name.is_some());
        let wanted = [("file".to_owned(), true), ("response_format".to_owned(), false)];
        assert_eq!(parts.iter().map(told).collect::<Vec<_>>(), wanted);
        assert_eq!(
            (parts[0].file_name, parts[0].content_type),
            (Some("a.mp3"), Some("audio/mpeg"))
        );
        assert_eq!(&body[parts[0].value.clone()], b"sound");
        assert_eq!(scan_form(&body, "b").unwrap().answer_format(), Some("text"));
    }

    #[test]
    fn what_two_readers_could_read_in_two_ways_is_refused() {
        let good = ("name=\"model\"", "m");
        for body in [
            form(&[good, good]),
            form(&[("name=mo\"del", "m")]),
            form(&[("name*=utf-8''model", "m")]),
            form(&[("name=\"mo\\\"del\"", "m")]),
            form(&[("name=\"mo%64el\"", "m")]),
            form(&[("name=\"a\"; name=\"model\"", "m")]),
            form(&[("name=\"a\";\r\n name=\"model\"", "m")]),
            form(&[("name=\"a\"\nContent-Disposition: form-data; name=\"model\"", "m")]),
            form(&[("name=\"a\"\r\nContent-Disposition : form-data; name=\"model\"", "m")]),
            form(&[("name=\"a\"\r\nContent-Disposition: form-data; name=\"model\"", "m")]),
            form(&[("name=\"model\"\r\nContent-Transfer-Encoding: base64", "bQ==")]),
            form(&[("filename=\"x; name=model; y\"", "m")]),
            form(&[("filename=\"x\"", "m")]),
            [b"preamble\r\n".to_vec(), form(&[good])].concat(),
            [form(&[good]), form(&[good])].concat(),
            form(&[good]).strip_suffix(b"--\r\n").unwrap().to_vec(),
            b"--b\r\n\r\n".to_vec(),
            b"--b\r\n\r\nm\r\n--b--".to_vec(),
            b"--b \r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b--".to_vec(),
            b"--b\nname\n\nm\r\n--b--".to_vec(),
            b"--b--\r\n".to_vec(),
            Vec::new(),
        ] {
            assert!(scan_form(&body, "b").is_err(), "{}", String::from_utf8_lossy(&body));
        }
    }

    #[test]
    fn a_number_that_cannot_be_acted_on_is_refused() {
        for n in ["", "1.5", "-1", "ten", "99999999999999999999"] {
            let body = form(&[("name=\"model\"", "m"), ("name=\"n\"", n)]);
            assert!(scan_form(&body, "b").is_err(), "{n}");
        }
    }

    #[test]
    fn the_boundary_is_the_headers() {
        for (kind, wanted) in [
            ("multipart/form-data; boundary=b", Some("b")),
            ("Multipart/Form-Data; charset=x; Boundary=\"b-1\"", Some("b-1")),
            ("multipart/form-data; boundary=a; boundary=b", None),
            ("multipart/form-data; boundary=\"a;b\"", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data", None),
            ("application/json; boundary=b", None),
        ] {
            assert_eq!(boundary(kind), wanted, "{kind}");
        }
    }
}
