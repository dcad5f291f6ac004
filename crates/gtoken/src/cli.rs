//! The command line: what was typed, checked only as far as it stands on its own.

mod nearest;
mod subcommands;
#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::str::FromStr;

use gtoken_contract::{AgentFlags, Mode, duration, flag};
use lexopt::{Arg, Parser};

pub use subcommands::{CheckFlags, DEFAULT_GOOD_FOR, InspectFlags, Subcommand};

use crate::excerpt::excerpt;
use crate::health::HealthAddress;
use crate::log::Format;

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Judge the token file.
    Check(CheckFlags),
    /// Print [`HELP`].
    Help,
    /// Show a token's claims.
    Inspect(InspectFlags),
    /// Be the agent.
    Run(AgentFlags, Outside),
    /// Print [`VERSION`].
    Version,
}

/// How the agent is seen from outside. The webhook renders none of it, so it is no part of the contract: who collects
/// an injected container's log finds it as the Go gtoken left it, and the ports of a pod are its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    /// Whom the log is for.
    pub log: Format,
    /// Where to tell how it is, if anywhere.
    pub health_address: Option<HealthAddress>,
}

/// The flag for [`Outside::health_address`], without the dashes.
pub const HEALTH_ADDRESS: &str = "health-address";

/// The flag for [`Outside::log`], without the dashes.
const JSON: &str = "json";

/// What `--version` prints.
pub const VERSION: &str = concat!("gtoken ", env!("CARGO_PKG_VERSION"), "\n");

/// What `--help` prints.
pub const HELP: &str = include_str!("cli/help.txt");

/// The flags that the webhook does not know.
const OWN: [&str; 4] = [HEALTH_ADDRESS, JSON, "help", "version"];

/// What may stand first instead of a flag.
const SUBCOMMANDS: [&str; 3] = ["check", "inspect", "help"];

/// Reads the arguments, the program's own name first. Of a flag given twice the last counts, as in the Go gtoken.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, UsageError> {
    let mut args = args.into_iter().peekable();
    let program = args.next();
    let subcommand = args.next_if(|word| Subcommand::named(word).is_some());
    let subcommand = subcommand.as_deref().and_then(Subcommand::named);
    let names_another = args.peek().is_some_and(|word| is_operand(word));
    let mut parser = Parser::from_iter(program.into_iter().chain(args));
    // `-h=x` is then a flag of that very name, and unknown.
    parser.set_short_equals(false);
    match subcommand {
        Some(subcommand) => subcommands::parse(subcommand, &mut parser),
        None => parse_agent(&mut parser).map_err(|error| match error {
            UsageError::Operand(typed) if names_another => UsageError::Subcommand {
                nearest: nearest::nearest(&typed, &SUBCOMMANDS),
                typed,
            },
            other => other,
        }),
    }
}

fn is_operand(word: &OsStr) -> bool {
    !word.as_encoded_bytes().starts_with(b"-")
}

fn parse_agent(parser: &mut Parser) -> Result<Command, UsageError> {
    let (mut flags, mut outside) = (AgentFlags::default(), Outside::default());
    while let Some(word) = next_word(parser)? {
        match word {
            Word::Flag(name, value) => match name.as_str() {
                "help" | "h" => return Ok(Command::Help),
                "version" | "v" => return Ok(Command::Version),
                JSON => outside.log = log_format(value.as_deref())?,
                HEALTH_ADDRESS => {
                    let address = needed(HEALTH_ADDRESS, value, parser)?;
                    outside.health_address = Some(from_str(HEALTH_ADDRESS, &address)?);
                }
                name => set(&mut flags, name, value, parser)?,
            },
            Word::Operand(word) if word == "help" || word == "h" => return Ok(Command::Help),
            Word::Operand(word) => return Err(UsageError::Operand(excerpt(word.as_bytes()))),
        }
    }
    Ok(Command::Run(flags, outside))
}

/// Why the arguments cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// A flag ends the line that needs a value.
    #[error("--{0} needs a value, as in --{0}=VALUE")]
    NoValue(&'static str),
    /// An argument is not UTF-8.
    #[error("the argument `{0}` is not UTF-8")]
    NotUtf8(String),
    /// Something that is no flag.
    #[error("unexpected argument `{0}`; a flag's value is written --FLAG=VALUE")]
    Operand(String),
    /// The first argument is no flag and no subcommand.
    #[error(
        "unknown subcommand `{typed}`; the nearest known one is `{nearest}`; the agent itself takes flags only"
    )]
    Subcommand {
        /// The subcommand, as far as it may be shown.
        typed: String,
        /// The known one that takes the fewest changes.
        nearest: &'static str,
    },
    /// A flag that does not exist.
    #[error("unknown flag `{typed}`; the nearest known flag is `--{nearest}`")]
    Unknown {
        /// The flag, as far as it may be shown.
        typed: String,
        /// The known flag that takes the fewest changes.
        nearest: &'static str,
    },
    /// A flag's value that cannot be used.
    #[error("--{flag} `{value}` cannot be used: {reason}")]
    Value {
        /// The flag's name.
        flag: &'static str,
        /// The value, as far as it may be shown.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// A piece of the command line.
enum Word {
    /// A flag's name, and the value where one hangs on it by `=`.
    Flag(String, Option<String>),
    Operand(String),
}

/// Go's flags begin with one dash or two, so `-file=x` is `--file=x` and there are no bundles of short flags.
fn next_word(parser: &mut Parser) -> Result<Option<Word>, UsageError> {
    let (first, two_dashes) = match parser.next().map_err(|error| not_utf8(&error))? {
        None => return Ok(None),
        Some(Arg::Value(word)) => return utf8(word).map(|word| Some(Word::Operand(word))),
        Some(Arg::Long(name)) => (name.to_owned(), true),
        Some(Arg::Short(letter)) => (letter.to_string(), false),
    };
    let attached = parser.optional_value().map(utf8).transpose()?;
    Ok(Some(if two_dashes {
        Word::Flag(first, attached)
    } else {
        let whole = first + attached.as_deref().unwrap_or_default();
        match whole.split_once('=') {
            Some((name, value)) => Word::Flag(name.to_owned(), Some(value.to_owned())),
            None => Word::Flag(whole, None),
        }
    }))
}

fn set(
    flags: &mut AgentFlags,
    name: &str,
    attached: Option<String>,
    parser: &mut Parser,
) -> Result<(), UsageError> {
    let mut value = |flag: &'static str, attached: Option<String>| needed(flag, attached, parser);
    match name {
        flag::REFRESH => {
            flags.mode = if truth(flag::REFRESH, attached.as_deref())? {
                Mode::Refresh
            } else {
                Mode::OneShot
            };
        }
        // As in the Go gtoken, an empty path is standard output.
        flag::FILE => {
            flags.file = Some(value(flag::FILE, attached)?).filter(|path| !path.is_empty());
        }
        flag::AUDIENCE => {
            flags.audience = from_str(flag::AUDIENCE, &value(flag::AUDIENCE, attached)?)?;
        }
        flag::SOURCE => flags.source = from_str(flag::SOURCE, &value(flag::SOURCE, attached)?)?,
        flag::SERVICE_ACCOUNT => {
            let value = value(flag::SERVICE_ACCOUNT, attached)?;
            flags.service_account = Some(from_str(flag::SERVICE_ACCOUNT, &value)?);
        }
        flag::EXPECT_IDENTITY => {
            let value = value(flag::EXPECT_IDENTITY, attached)?;
            flags.expect_identity = Some(from_str(flag::EXPECT_IDENTITY, &value)?);
        }
        flag::TIMEOUT => {
            let value = value(flag::TIMEOUT, attached)?;
            let timeout =
                duration::parse(&value).map_err(|e| unusable(flag::TIMEOUT, &value, e))?;
            flags.timeout = (!timeout.is_zero()).then_some(timeout);
        }
        _ => return Err(unknown(name, &known())),
    }
    Ok(())
}

/// The value that hangs on the flag or follows it.
fn needed(
    flag: &'static str,
    attached: Option<String>,
    parser: &mut Parser,
) -> Result<String, UsageError> {
    match attached {
        Some(value) => Ok(value),
        None => match parser.value() {
            Ok(value) => utf8(value),
            Err(_) => Err(UsageError::NoValue(flag)),
        },
    }
}

/// A flag alone is true; the spellings are those of Go's `strconv.ParseBool`.
fn truth(flag: &'static str, attached: Option<&str>) -> Result<bool, UsageError> {
    match attached {
        None | Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some(value) => Err(unusable(flag, value, "it is true or false")),
    }
}

fn log_format(attached: Option<&str>) -> Result<Format, UsageError> {
    Ok(if truth(JSON, attached)? {
        Format::Json
    } else {
        Format::Text
    })
}

/// The flags that a mistyped one may have meant.
fn known() -> Vec<&'static str> {
    [&flag::ALL[..], &OWN].concat()
}

fn unknown(name: &str, known: &[&'static str]) -> UsageError {
    UsageError::Unknown {
        typed: excerpt(format!("--{name}").as_bytes()),
        nearest: nearest::nearest(name, known),
    }
}

fn from_str<T: FromStr<Err: Display>>(flag: &'static str, value: &str) -> Result<T, UsageError> {
    value
        .parse()
        .map_err(|reason: T::Err| unusable(flag, value, reason))
}

fn unusable(flag: &'static str, value: &str, reason: impl Display) -> UsageError {
    UsageError::Value {
        flag,
        value: excerpt(value.as_bytes()),
        reason: reason.to_string(),
    }
}

fn utf8(word: OsString) -> Result<String, UsageError> {
    word.into_string()
        .map_err(|word| UsageError::NotUtf8(excerpt(word.as_encoded_bytes())))
}

/// The only complaint that lexopt has on its own is one about an option's encoding.
fn not_utf8(error: &lexopt::Error) -> UsageError {
    UsageError::NotUtf8(excerpt(error.to_string().as_bytes()))
}
