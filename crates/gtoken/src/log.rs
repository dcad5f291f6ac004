//! The log: a line on standard error when something changes, for people or, as JSON, for programs.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::SystemTime;

use serde_json::Value;

use crate::excerpt::printable;
use crate::timestamp::Timestamp;

/// Whom the log is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line: `time`, `level`, `message` and what matters.
    Json,
    /// The program's name and the message; whoever collects it knows the time.
    #[default]
    Text,
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Readers have no token that works.
    Error,
    /// All is well.
    Info,
    /// Something fails, and readers do not notice yet.
    Warning,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// How much it matters.
    pub level: Level,
    /// All of it, in a sentence.
    pub message: String,
    /// What a program may want to know of it without reading the sentence.
    fields: Vec<(&'static str, Value)>,
}

impl Line {
    /// A line with nothing but its sentence.
    pub fn new(level: Level, message: impl Into<String>) -> Self {
        Self {
            level,
            message: message.into(),
            fields: Vec::new(),
        }
    }

    /// The line with something for programs.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// The line with a time for programs.
    #[must_use]
    pub fn at(self, name: &'static str, time: SystemTime) -> Self {
        self.with(name, Timestamp(time).to_string())
    }

    fn render(&self, format: Format, now: SystemTime) -> String {
        match format {
            Format::Json => self.as_json(now),
            Format::Text => format!("gtoken: {}\n", printable(&self.message)),
        }
    }

    /// In an order that people can read too.
    fn as_json(&self, now: SystemTime) -> String {
        let level = match self.level {
            Level::Error => "error",
            Level::Info => "info",
            Level::Warning => "warning",
        };
        let message = Value::from(self.message.as_str());
        let mut text = format!(
            "{{\"time\":\"{}\",\"level\":\"{level}\",\"message\":{message}",
            Timestamp(now)
        );
        for (name, value) in &self.fields {
            // Writing to a `String` cannot fail.
            let _ = write!(text, ",\"{name}\":{value}");
        }
        text.push_str("}\n");
        text
    }
}

/// Writes a line to standard error.
pub fn say(format: Format, line: &Line) {
    // One write, so that no signal cuts a line; and with nobody left to read, there is still a file to keep fresh.
    let text = line.render(format, SystemTime::now());
    let _ = std::io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::testing::NOW;

    fn rendered(format: Format) -> String {
        let now = UNIX_EPOCH + Duration::from_secs(NOW);
        Line::new(Level::Warning, "it said \"no\"\u{1b}")
            .at("expires_at", now + Duration::from_mins(5))
            .with("failed_attempts", 3)
            .with("needs_person", false)
            .render(format, now)
    }

    #[test]
    fn people_read_the_message() {
        assert_eq!(rendered(Format::Text), "gtoken: it said \"no\" \n");
    }

    #[test]
    fn programs_read_an_object_a_line() {
        let text = rendered(Format::Json);
        assert_eq!(
            text,
            "{\"time\":\"2026-11-23T00:00:00Z\",\"level\":\"warning\",\"message\":\"it said \\\"no\\\"\\u001b\",\
             \"expires_at\":\"2026-11-23T00:05:00Z\",\"failed_attempts\":3,\"needs_person\":false}\n"
        );
        assert!(serde_json::from_str::<Value>(&text).is_ok());
    }
}
