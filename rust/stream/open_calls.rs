//! Tool calls that have begun and not ended, by the numbers that their stream gives them.

use crate::error::Error;

/// Far above what an answer holds; bounds what a hostile host can make us keep.
const MAX_OPEN: usize = 4096;

/// Those of one stream.
#[derive(Debug, Default)]
pub(super) struct OpenCalls {
    open: Vec<Open>,
    count: u32,
}

#[derive(Debug)]
pub(super) struct Open {
    index: u32,
    /// Which call of the answer; `None` where the vendor runs it.
    pub tool: Option<u32>,
    /// Whether some of its arguments came.
    pub has_arguments: bool,
}

impl OpenCalls {
    /// The number of a new call of the client's.
    pub(super) fn next_tool(&mut self) -> u32 {
        let tool = self.count;
        self.count = tool.saturating_add(1);
        tool
    }

    /// Whether another one may begin.
    pub(super) fn admit(&self, dialect: &'static str) -> Result<(), Error> {
        if self.open.len() < MAX_OPEN {
            return Ok(());
        }
        let reason = "more blocks than an answer can hold".to_owned();
        Err(Error::MalformedEvent { dialect, reason })
    }

    pub(super) fn begin(&mut self, index: u32, tool: Option<u32>) {
        self.end(index);
        self.open.push(Open { index, tool, has_arguments: false });
    }

    pub(super) fn at(&mut self, index: u32) -> Option<&mut Open> {
        self.open.iter_mut().find(|open| open.index == index)
    }

    pub(super) fn end(&mut self, index: u32) {
        self.open.retain(|open| open.index != index);
    }
}
