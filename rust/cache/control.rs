//! `x-sluicegate-cache`: what a request says of the cache.

use std::fmt::Write as _;
use std::time::Duration;

/// The longest name of a tag or a namespace.
const MAX_NAME_BYTES: usize = 128;
/// The most tags of one request.
const MAX_TAGS: usize = 16;

/// What a request's header says; the default is that it says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Control {
    /// Its answer is not kept, and none that is kept is its answer.
    pub no_store: bool,
    /// It wants an answer of its own, which may be kept.
    pub no_cache: bool,
    /// It wants an answer that is kept, or none.
    pub only_if_cached: bool,
    /// How old an answer may be.
    pub max_age: Option<Duration>,
    /// How long its own may be kept; never longer than the configuration says.
    pub ttl: Option<Duration>,
    /// In which namespace.
    pub namespace: Option<String>,
    /// By which names its answer may be purged.
    pub tags: Vec<String>,
}

impl Control {
    /// What a request says that is made once more: the same, but for an answer of its own.
    pub fn anew(&self) -> String {
        let mut text = "no-cache".to_owned();
        if let Some(ttl) = self.ttl {
            let _ = write!(text, ", ttl={}", ttl.as_secs());
        }
        if let Some(namespace) = &self.namespace {
            let _ = write!(text, ", namespace={namespace}");
        }
        for tag in &self.tags {
            let _ = write!(text, ", tag={tag}");
        }
        text
    }

    /// Adds what one header says: directives with commas between. The error is what is wrong with it.
    pub fn read(&mut self, value: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(value).map_err(|_| "is not UTF-8".to_owned())?;
        for directive in text.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
            let (name, value) = match directive.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
                None => (directive, None),
            };
            self.directive(&name.to_ascii_lowercase(), value)?;
        }
        if self.only_if_cached && (self.no_cache || self.no_store) {
            return Err("says only-if-cached, and that nothing is to be read: leave one out".into());
        }
        Ok(())
    }

    fn directive(&mut self, name: &str, value: Option<&str>) -> Result<(), String> {
        match (name, value) {
            ("no-store", None) => self.no_store = true,
            ("no-cache", None) => self.no_cache = true,
            ("only-if-cached", None) => self.only_if_cached = true,
            ("max-age", Some(value)) => self.max_age = Some(seconds(name, value)?),
            ("ttl", Some(value)) => self.ttl = Some(seconds(name, value)?),
            ("namespace", Some(value)) => self.namespace = Some(named(name, value)?),
            ("tag", Some(_)) if self.tags.len() >= MAX_TAGS => {
                return Err(format!("has more than {MAX_TAGS} tags"));
            }
            ("tag", Some(value)) => self.tags.push(named(name, value)?),
            ("max-age" | "ttl", None) => return Err(format!("has {name} without =SECONDS")),
            ("namespace" | "tag", None) => return Err(format!("has {name} without =NAME")),
            ("no-store" | "no-cache" | "only-if-cached", Some(_)) => {
                return Err(format!("has a value for {name}, which takes none"));
            }
            _ => {
                let shown: String = name.chars().take(40).collect();
                return Err(format!(
                    "has {shown:?}; known are no-store, no-cache, only-if-cached, max-age=SECONDS, \
                     ttl=SECONDS, namespace=NAME, tag=NAME"
                ));
            }
        }
        Ok(())
    }
}

fn seconds(name: &str, value: &str) -> Result<Duration, String> {
    let shown: String = value.chars().take(40).collect();
    let parsed = value.parse::<u32>();
    let parsed =
        parsed.map_err(|_| format!("has {name}={shown:?}, which is no number of seconds"))?;
    Ok(Duration::from_secs(parsed.into()))
}

fn named(name: &str, value: &str) -> Result<String, String> {
    if value.is_empty() || value.len() > MAX_NAME_BYTES || value.chars().any(char::is_control) {
        return Err(format!("has a {name} that is no name of 1 to {MAX_NAME_BYTES} bytes"));
    }
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Control, String> {
        let mut control = Control::default();
        control.read(value.as_bytes()).map(|()| control)
    }

    #[test]
    fn each_directive_is_read() {
        let all = "No-Store, no-cache,, max-age=60 , ttl=\"5\", namespace=n 1, tag=a, tag=b";
        let wanted = Control {
            no_store: true,
            no_cache: true,
            only_if_cached: false,
            max_age: Some(Duration::from_mins(1)),
            ttl: Some(Duration::from_secs(5)),
            namespace: Some("n 1".to_owned()),
            tags: vec!["a".to_owned(), "b".to_owned()],
        };
        let anew = wanted.anew();
        assert_eq!(read(&anew), Ok(Control { max_age: None, no_store: false, ..wanted.clone() }));
        assert_eq!(read(all), Ok(wanted));
        assert_eq!(read(""), Ok(Control::default()));
        assert!(read("only-if-cached").unwrap().only_if_cached);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let long = format!("tag={}", "x".repeat(129));
        let many = "tag=x,".repeat(17);
        for (value, word) in [
            ("max-age", "=SECONDS"),
            ("max-age=-1", "no number"),
            ("ttl=1.5", "no number"),
            ("tag", "=NAME"),
            ("tag=", "no name"),
            ("no-cache=1", "takes none"),
            ("private", "known are"),
            ("only-if-cached, no-cache", "leave one out"),
            (&long, "no name"),
            (&many, "more than 16"),
        ] {
            assert!(read(value).unwrap_err().contains(word), "{value}");
        }
        assert!(Control::default().read(b"\xff").is_err());
    }
}
