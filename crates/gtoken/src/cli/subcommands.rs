//! The flags of `check` and `inspect`, which look at a token and ask nobody for one.

use std::ffi::OsStr;
use std::time::Duration;

use gtoken_contract::{Audience, GoogleIdentity, duration, flag};
use lexopt::Parser;

use super::{
    Command, JSON, UsageError, Word, from_str, needed, next_word, truth, unknown, unusable,
};
use crate::excerpt::excerpt;

/// The flag that no agent has, without the dashes.
const FOR: &str = "for";

/// A token is refreshed with a fifth of its life left at the least, which is 12 minutes of Google's hour: one that has
/// less than a minute was not refreshed for long, and a minute is what an SDK needs to try AWS a few times.
pub const DEFAULT_GOOD_FOR: Duration = Duration::from_mins(1);

/// What the first argument names besides the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subcommand {
    /// Judge the token file.
    Check,
    /// Show a token's claims.
    Inspect,
}

impl Subcommand {
    /// The subcommand of this name.
    pub fn named(word: &OsStr) -> Option<Self> {
        match word.to_str()? {
            "check" => Some(Self::Check),
            "inspect" => Some(Self::Inspect),
            _ => None,
        }
    }
}

/// What `check` was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckFlags {
    /// The token file; `None` is where an application in this container would read it.
    pub file: Option<String>,
    /// Whom the token must be meant for.
    pub audience: Audience,
    /// Whom it must name, where that was said.
    pub expect_identity: Option<GoogleIdentity>,
    /// How long it must be good from now on.
    pub good_for: Duration,
}

impl Default for CheckFlags {
    fn default() -> Self {
        Self {
            file: None,
            audience: Audience::default(),
            expect_identity: None,
            good_for: DEFAULT_GOOD_FOR,
        }
    }
}

/// What `inspect` was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InspectFlags {
    /// The file to look into; `None` is standard input, or the token file where nothing is piped.
    pub file: Option<String>,
    /// Whether a program reads the answer.
    pub json: bool,
}

/// Reads what follows the subcommand.
pub(super) fn parse(subcommand: Subcommand, parser: &mut Parser) -> Result<Command, UsageError> {
    match subcommand {
        Subcommand::Check => {
            let mut flags = CheckFlags::default();
            let other = each_flag(parser, |name, attached, parser| {
                set_check(&mut flags, name, attached, parser)
            })?;
            Ok(other.unwrap_or(Command::Check(flags)))
        }
        Subcommand::Inspect => {
            let mut flags = InspectFlags::default();
            let other = each_flag(parser, |name, attached, parser| {
                set_inspect(&mut flags, name, attached, parser)
            })?;
            Ok(other.unwrap_or(Command::Inspect(flags)))
        }
    }
}

/// Sets flag after flag, unless one asks for something else than the subcommand.
fn each_flag(
    parser: &mut Parser,
    mut set: impl FnMut(&str, Option<String>, &mut Parser) -> Result<(), UsageError>,
) -> Result<Option<Command>, UsageError> {
    while let Some(word) = next_word(parser)? {
        match word {
            Word::Flag(name, value) => match name.as_str() {
                "help" | "h" => return Ok(Some(Command::Help)),
                "version" | "v" => return Ok(Some(Command::Version)),
                name => set(name, value, parser)?,
            },
            Word::Operand(word) => return Err(UsageError::Operand(excerpt(word.as_bytes()))),
        }
    }
    Ok(None)
}

fn set_check(
    flags: &mut CheckFlags,
    name: &str,
    attached: Option<String>,
    parser: &mut Parser,
) -> Result<(), UsageError> {
    let value = |flag| needed(flag, attached, parser);
    match name {
        flag::FILE => flags.file = Some(path(value(flag::FILE)?)?),
        flag::AUDIENCE => flags.audience = from_str(flag::AUDIENCE, &value(flag::AUDIENCE)?)?,
        flag::EXPECT_IDENTITY => {
            let identity = value(flag::EXPECT_IDENTITY)?;
            flags.expect_identity = Some(from_str(flag::EXPECT_IDENTITY, &identity)?);
        }
        FOR => {
            let text = value(FOR)?;
            flags.good_for = duration::parse(&text).map_err(|e| unusable(FOR, &text, e))?;
        }
        _ => {
            let known = [flag::FILE, flag::AUDIENCE, flag::EXPECT_IDENTITY, FOR];
            return Err(unknown(name, &known));
        }
    }
    Ok(())
}

fn set_inspect(
    flags: &mut InspectFlags,
    name: &str,
    attached: Option<String>,
    parser: &mut Parser,
) -> Result<(), UsageError> {
    match name {
        flag::FILE => flags.file = Some(path(needed(flag::FILE, attached, parser)?)?),
        JSON => flags.json = truth(JSON, attached.as_deref())?,
        _ => return Err(unknown(name, &[flag::FILE, JSON])),
    }
    Ok(())
}

fn path(value: String) -> Result<String, UsageError> {
    if value.is_empty() {
        return Err(unusable(flag::FILE, "", "it names no file"));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn parse_words(words: &[&str]) -> Result<Command, UsageError> {
        super::super::parse(["gtoken"].iter().chain(words).map(OsString::from))
    }

    #[test]
    fn check_has_the_agents_defaults_and_a_minute() {
        let flags = CheckFlags::default();
        assert_eq!(parse_words(&["check"]), Ok(Command::Check(flags.clone())));
        let words = [
            "check",
            "--file=/t",
            "-audience",
            "aws",
            "--expect-identity=a@b.c",
            "--for=0",
        ];
        let asked = CheckFlags {
            file: Some("/t".to_owned()),
            audience: "aws".parse().unwrap(),
            expect_identity: Some("a@b.c".parse().unwrap()),
            good_for: Duration::ZERO,
        };
        assert_eq!(parse_words(&words), Ok(Command::Check(asked)));
    }

    #[test]
    fn inspect_takes_a_file_and_json() {
        let asked = |file: Option<&str>, json| {
            let file = file.map(str::to_owned);
            Ok(Command::Inspect(InspectFlags { file, json }))
        };
        assert_eq!(parse_words(&["inspect"]), asked(None, false));
        let words = ["inspect", "--json", "--file", "/t"];
        assert_eq!(parse_words(&words), asked(Some("/t"), true));
        assert_eq!(parse_words(&["inspect", "--json=0"]), asked(None, false));
    }

    #[test]
    fn help_and_version_stand_after_a_subcommand_too() {
        for subcommand in ["check", "inspect"] {
            assert_eq!(parse_words(&[subcommand, "-h"]), Ok(Command::Help));
            let version = parse_words(&[subcommand, "--version"]);
            assert_eq!(version, Ok(Command::Version));
        }
    }

    #[test]
    fn what_a_subcommand_cannot_use_is_named_with_the_reason() {
        for (words, complaint) in [
            (
                &["check", "--for=-1s"][..],
                "--for `-1s` cannot be used: a duration is",
            ),
            (
                &["check", "--file="],
                "--file `` cannot be used: it names no file",
            ),
            (
                &["check", "--audience="],
                "--audience `` cannot be used: an audience is not empty",
            ),
            (
                &["check", "--fro=1m"],
                "unknown flag `--fro`; the nearest known flag is `--for`",
            ),
            (
                &["check", "--refresh"],
                "unknown flag `--refresh`; the nearest known flag is",
            ),
            (
                &["check", "/tmp/t"],
                "unexpected argument `/tmp/t`; a flag's value is",
            ),
            (
                &["inspect", "--jsn"],
                "unknown flag `--jsn`; the nearest known flag is `--json`",
            ),
            (
                &["inspect", "--json=maybe"],
                "--json `maybe` cannot be used: it is true or",
            ),
        ] {
            let error = parse_words(words).unwrap_err().to_string();
            assert!(error.starts_with(complaint), "{error}");
        }
    }

    #[test]
    fn an_unknown_subcommand_is_named_with_its_nearest() {
        for (typed, nearest) in [("chek", "check"), ("inspekt", "inspect"), ("hepl", "help")] {
            assert_eq!(
                parse_words(&[typed]).unwrap_err().to_string(),
                format!(
                    "unknown subcommand `{typed}`; the nearest known one is `{nearest}`; the agent itself takes flags only"
                )
            );
        }
    }
}
