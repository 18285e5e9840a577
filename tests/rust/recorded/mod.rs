//! Recorded provider traffic, where the corpus is at hand.
#![allow(dead_code)] // each test crate uses a part

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use sluicegate::body::scan;
use sluicegate::dialect::Dialect;
use sluicegate::tokens::Asked;

/// One recorded exchange.
#[derive(serde::Deserialize)]
pub struct Exchange {
    pub id: String,
    pub provider: String,
    pub endpoint: String,
    pub status: u16,
    path: Option<String>,
    request_body: Option<String>,
    response_body: Option<String>,
    response_fidelity: Option<String>,
}

impl Exchange {
    pub fn body(&self) -> &str {
        self.response_body.as_deref().unwrap_or_default()
    }

    /// What its request asked for, as far as that changes how a model writes.
    pub fn asked(&self) -> Asked {
        let scan = scan(self.request_body.as_deref().unwrap_or_default().as_bytes());
        let scan = scan.unwrap_or_default();
        Asked {
            tools: scan.tools_bytes() > 0,
            forced: scan.forces_tool(),
            schema: scan.follows_schema(),
        }
    }

    pub fn dialect(&self) -> Option<Dialect> {
        match self.endpoint.as_str() {
            "chat_completions" => Some(Dialect::OpenAiChat),
            "messages" => Some(Dialect::Anthropic),
            "ollama_chat" => Some(Dialect::Ollama),
            "cohere_chat" if self.path.as_deref() == Some("/v2/chat") => Some(Dialect::Cohere),
            _ => None,
        }
    }

    /// Its events as (name, data), if it is a stream.
    pub fn events(&self) -> Option<Vec<(String, String)>> {
        let body = self.body();
        if self.response_fidelity.as_deref() == Some("sse_data_lines_only") {
            return Some(body.lines().map(|line| (String::new(), line.to_owned())).collect());
        }
        if self.dialect() == Some(Dialect::Ollama) {
            let lines = body.lines().filter(|line| !line.trim().is_empty());
            let lines: Vec<_> = lines.map(|line| (String::new(), line.to_owned())).collect();
            return (lines.len() > 1).then_some(lines);
        }
        let is_stream =
            ["data:", "event:", ":"].iter().any(|start| body.trim_start().starts_with(start));
        is_stream.then(|| split(body))
    }
}

/// A plain reading of server-sent events, kept apart from the parser of the crate.
pub fn split(body: &str) -> Vec<(String, String)> {
    let body = body.replace("\r\n", "\n").replace('\r', "\n");
    body.split("\n\n").filter_map(event).collect()
}

fn event(block: &str) -> Option<(String, String)> {
    let field = |name: &'static str| {
        block.lines().filter_map(move |line| {
            let value = line.strip_prefix(name)?.strip_prefix(':')?;
            Some(value.strip_prefix(' ').unwrap_or(value))
        })
    };
    let data: Vec<&str> = field("data").collect();
    (!data.is_empty())
        .then(|| (field("event").next_back().unwrap_or("").to_owned(), data.join("\n")))
}

/// Where the corpora are, if they are.
pub fn corpora() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpora");
    std::env::var_os("SLUICEGATE_CORPORA").map_or_else(|| PathBuf::from(beside), PathBuf::from)
}

/// All recorded exchanges with status 200; none, loudly, where the corpus is not there.
pub fn exchanges() -> Vec<Exchange> {
    let Ok(files) = std::fs::read_dir(corpora().join("provider_traffic")) else {
        eprintln!("SKIPPED: no recorded traffic; set SLUICEGATE_CORPORA");
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "gz"));
    paths.sort();
    paths.iter().flat_map(read).filter(|exchange| exchange.status == 200).collect()
}

fn read(path: &PathBuf) -> Vec<Exchange> {
    let lines =
        BufReader::new(flate2::read::MultiGzDecoder::new(File::open(path).unwrap())).lines();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
}
