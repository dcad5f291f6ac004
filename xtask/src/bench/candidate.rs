//! A program that is measured, with the way to start it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::process::{self, Group};

/// What stands for the token file's path in a command line.
const FILE: &str = "{file}";

/// How an agent is started that has our flags.
const OUR_FLAGS: [&str; 2] = ["--refresh=true", "--file={file}"];

/// The account whose tokens the sandbox hands out.
const ACCOUNT: &str = "reader@gtoken-sandbox.iam.gserviceaccount.com";

/// The source that asks Google by HTTPS, as an agent's help names it.
const HTTPS_SOURCE: &str = "iam-credentials";

/// Where a token comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The metadata server, by plain HTTP.
    Metadata,
    /// Google's IAM, by HTTPS.
    Https,
}

/// A program with its name in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The head of its column.
    pub(super) name: String,
    /// Where it is.
    pub(super) program: PathBuf,
    /// How it is started; empty where it has our flags.
    arguments: Vec<String>,
}

impl Candidate {
    /// A program with our flags.
    pub(super) fn ours(name: &str, program: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            program,
            arguments: Vec::new(),
        }
    }

    /// Reads `NAME=PATH`, or `NAME=PATH ARGUMENT …` with `{file}` where the token file's path belongs.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let (name, command) = text
            .split_once('=')
            .context("it is NAME=PATH, or NAME=PATH followed by arguments")?;
        let mut words = command.split_whitespace().map(str::to_owned);
        let program = words.next().context("no path follows the name")?;
        let arguments: Vec<_> = words.collect();
        ensure!(!name.is_empty(), "no name is before the `=`");
        ensure!(
            arguments.is_empty() || arguments.iter().any(|argument| argument.contains(FILE)),
            "{FILE} has to stand in the arguments where the token file's path belongs"
        );
        Ok(Self {
            name: name.to_owned(),
            program: program.into(),
            arguments,
        })
    }

    /// The size of the program, in bytes.
    pub(super) fn size(&self) -> anyhow::Result<u32> {
        let shown = self.program.display();
        let size = fs::metadata(&self.program)
            .with_context(|| format!("could not read {shown}"))?
            .len();
        u32::try_from(size).with_context(|| format!("{shown} is larger than any agent"))
    }

    /// Whether it can be told to get its token from there, by what its help says.
    pub(super) fn has(&self, source: Source) -> anyhow::Result<bool> {
        if source == Source::Metadata {
            return Ok(true);
        }
        if !self.arguments.is_empty() {
            return Ok(false);
        }
        let help = process::captured(Command::new(&self.program).arg("--help"))?;
        let said = [help.stdout, help.stderr].concat();
        Ok(String::from_utf8_lossy(&said).contains(HTTPS_SOURCE))
    }

    /// Starts it as a refresher that writes its token to `folder/token`, with all it says in `folder/said`.
    pub(super) fn start(
        &self,
        source: Source,
        folder: &Path,
        cloud: &BTreeMap<String, String>,
    ) -> anyhow::Result<Group> {
        let said = File::create(said(folder))
            .with_context(|| format!("could not write to {}", folder.display()))?;
        let mut command = Command::new(&self.program);
        command
            .args(self.arguments(source, &token(folder)))
            .env_clear()
            .envs(self.environment(source, cloud))
            .stdout(said.try_clone()?)
            .stderr(said);
        Group::spawn(&mut command)
    }

    fn arguments(&self, source: Source, file: &Path) -> Vec<String> {
        let mut arguments = self.arguments.clone();
        if arguments.is_empty() {
            arguments.extend(OUR_FLAGS.map(str::to_owned));
            arguments.extend(match source {
                Source::Metadata => vec!["--source=metadata".to_owned()],
                Source::Https => vec![
                    format!("--source={HTTPS_SOURCE}"),
                    format!("--service-account={ACCOUNT}"),
                ],
            });
        }
        let file = file.to_string_lossy();
        let filled = arguments
            .iter()
            .map(|argument| argument.replace(FILE, &file));
        filled.collect()
    }

    /// In a pod, the metadata server is all that there is; who is started by a command of its own may need more.
    fn environment(
        &self,
        source: Source,
        cloud: &BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let mut environment = cloud.clone();
        if source == Source::Metadata && self.arguments.is_empty() {
            environment.retain(|name, _| name == "GCE_METADATA_HOST");
        }
        environment
    }
}

/// The token file of an agent that was given this folder.
pub(super) fn token(folder: &Path) -> PathBuf {
    folder.join("token")
}

/// What an agent wrote to standard output and error that was given this folder.
pub(super) fn said(folder: &Path) -> PathBuf {
    folder.join("said")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_path_are_enough_for_an_agent_with_our_flags() {
        let old = Candidate::parse("old=/tmp/gtoken").unwrap();
        assert_eq!(old, Candidate::ours("old", "/tmp/gtoken".into()));
        assert_eq!(
            old.arguments(Source::Metadata, Path::new("/t/token")),
            ["--refresh=true", "--file=/t/token", "--source=metadata"]
        );
    }

    #[test]
    fn other_flags_come_with_the_path_and_the_token_file_is_filled_in() {
        let go = Candidate::parse("go=/tmp/gtoken --refresh=true --file={file}").unwrap();
        assert_eq!(go.program, Path::new("/tmp/gtoken"));
        assert_eq!(
            go.arguments(Source::Metadata, Path::new("/t/token")),
            ["--refresh=true", "--file=/t/token"]
        );
        assert!(!go.has(Source::Https).unwrap());
    }

    #[test]
    fn what_cannot_be_started_is_refused_with_the_reason() {
        for (text, reason) in [
            ("/tmp/gtoken", "NAME=PATH"),
            ("=/tmp/gtoken", "no name"),
            ("old=", "no path"),
            ("old=/tmp/gtoken --refresh", "{file}"),
        ] {
            let error = Candidate::parse(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn only_the_metadata_server_is_told_to_an_agent_that_needs_no_more() {
        let cloud =
            ["GCE_METADATA_HOST", "SSL_CERT_FILE"].map(|name| (name.to_owned(), String::new()));
        let cloud = BTreeMap::from(cloud);
        let count = |text: &str, source| {
            let candidate = Candidate::parse(text).unwrap();
            candidate.environment(source, &cloud).len()
        };
        assert_eq!(count("a=/a", Source::Metadata), 1);
        assert_eq!(count("a=/a", Source::Https), 2);
        assert_eq!(count("a=/a {file}", Source::Metadata), 2);
    }
}
