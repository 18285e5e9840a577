//! Finds the limits of a request among all limits in time that does not grow with their number.

use std::collections::HashMap;
use std::sync::Arc;

use super::scope::{Dimension, Subject};
use crate::budget::{Charge, Limit};

/// Between the values of several dimensions; in no value, since headers and names hold no control characters.
pub const SEPARATOR: char = '\u{1f}';

/// A limit with the dimensions that it is about.
#[derive(Debug)]
pub(super) struct Rule {
    pub limit: Arc<Limit>,
    pub scope: Vec<(Dimension, String)>,
}

/// Limits by the dimensions that they are about.
#[derive(Debug, Default)]
pub struct Index(Vec<Shape>);

/// Limits that are about the same dimensions in the same way: a handful of shapes holds thousands of limits.
#[derive(Debug)]
struct Shape {
    /// Dimensions with a value.
    fixed: Vec<Dimension>,
    /// Dimensions each value of which counts by itself.
    each: Vec<Dimension>,
    by_values: HashMap<String, Vec<Arc<Limit>>>,
}

impl Index {
    pub(super) fn new<'a>(rules: impl Iterator<Item = &'a Rule>) -> Self {
        let mut shapes: Vec<Shape> = Vec::new();
        for rule in rules {
            let of = |any: bool| {
                let scope = rule.scope.iter();
                scope.filter(|(_, v)| (v == "*") == any).map(|(d, _)| *d).collect::<Vec<_>>()
            };
            let (fixed, each) = (of(false), of(true));
            let values = rule.scope.iter().filter(|(_, v)| v != "*").map(|(_, v)| v.as_str());
            let values = joined(values).unwrap_or_default();
            let at = shapes.iter().position(|s| s.fixed == fixed && s.each == each);
            let at = at.unwrap_or_else(|| {
                shapes.push(Shape { fixed, each, by_values: HashMap::new() });
                shapes.len() - 1
            });
            if let Some(shape) = shapes.get_mut(at) {
                shape.by_values.entry(values).or_default().push(rule.limit.clone());
            }
        }
        Self(shapes)
    }

    /// Whether it holds no limit.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the limits that bind a subject. Cost: a look-up for each shape.
    pub fn collect(&self, subject: &Subject<'_>, charges: &mut Vec<Charge>) {
        for shape in &self.0 {
            let values = |of: &[Dimension]| joined(of.iter().map(|d| subject.get(*d)));
            let Some(found) = values(&shape.fixed).and_then(|v| shape.by_values.get(&v)) else {
                continue;
            };
            let Some(instance) = values(&shape.each) else { continue };
            charges.extend(found.iter().map(|limit| {
                Charge::new(limit.clone(), instance.clone()).by(subject.get(Dimension::Key))
            }));
        }
    }
}

/// Values as one text; None where one of them is missing.
pub(super) fn joined<'a>(values: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut text = String::new();
    for (at, value) in values.enumerate() {
        if value.is_empty() {
            return None;
        }
        if at > 0 {
            text.push(SEPARATOR);
        }
        text.push_str(value);
    }
    Some(text)
}
