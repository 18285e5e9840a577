//! Writes events.

/// Appends one event. `data` may hold line feeds: each of its lines gets a `data` field.
///
/// A name must be a single line; what stands behind its first line end is left out.
pub fn encode_event(out: &mut Vec<u8>, name: Option<&str>, data: &[u8]) {
    if let Some(name) = name {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(first_line(name).as_bytes());
        out.push(b'\n');
    }
    for line in lines(data) {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
}

/// Appends a comment, which every client ignores; each of its lines is one.
pub fn encode_comment(out: &mut Vec<u8>, text: &str) {
    for line in lines(text.as_bytes()) {
        out.extend_from_slice(b": ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
}

fn first_line(text: &str) -> &str {
    text.split(['\n', '\r']).next().unwrap_or_default()
}

/// The lines of a text, whichever line end it uses: an unescaped one would end the field.
fn lines(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(data);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let Some(at) = memchr::memchr2(b'\n', b'\r', text) else { return Some(text) };
        let (line, tail) = text.split_at(at);
        rest = tail.strip_prefix(b"\r\n").or_else(|| tail.get(1..));
        Some(line)
    })
}
