//! Whether JSON text that arrives in pieces is a whole value yet.

/// How deep JSON text stands after its last byte.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nesting {
    depth: u32,
    began: bool,
    in_string: bool,
    escaped: bool,
}

impl Nesting {
    /// An object or list began and did not end.
    pub(crate) fn is_open(&self) -> bool {
        self.depth > 0
    }

    /// An object or list began and ended.
    pub(crate) fn is_complete(&self) -> bool {
        self.began && self.depth == 0
    }

    /// Takes in the next piece, cut anywhere.
    pub(crate) fn push(&mut self, json: &str) {
        for byte in json.bytes() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                b'{' | b'[' if !self.in_string => {
                    self.began = true;
                    self.depth = self.depth.saturating_add(1);
                }
                b'}' | b']' if !self.in_string => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }
}
