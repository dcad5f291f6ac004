//! The agent runs in every injected pod: what each one costs a node, and how soon it is there.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;

use super::candidate::{Candidate, Source};
use super::herd::{self, Herd};
use super::start;
use super::table::{Better, Figure, Row, Table};
use crate::cloud::Cloud;
use crate::dist::{self, Site};
use crate::programs;
use crate::workspace::Workspace;

/// How long the waiting agents are watched.
const WATCHED: Duration = Duration::from_secs(20);

/// Crates that an agent is too small for, by how their names begin.
const TOO_LARGE: [&str; 3] = ["tokio", "hyper", "aws-lc"];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Another program to measure in the same run: NAME=PATH where it has our flags, else with its arguments and
    /// {file} for the token file, as 'go=/tmp/gtoken --refresh=true --file={file}'; may be repeated
    #[arg(long, value_name = "NAME=PATH", value_parser = Candidate::parse)]
    beside: Vec<Candidate>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// Builds the agent as it is shipped, measures it beside the others and prints what came of it.
pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (_bytes, program) = dist::place(workspace, &Site::here(workspace)?, dist::AGENT)?;
    let mut candidates = vec![Candidate::ours(dist::AGENT.0, program)];
    candidates.extend(arguments.beside.iter().cloned());
    let programs = programs::build(workspace, &["gtoken-sandbox"])?;
    let folder = tempfile::Builder::new()
        .prefix("gtoken-bench-")
        .tempdir()
        .context("could not make a folder for what is measured")?;
    let cloud = Cloud::start(&programs, folder.path())?;
    // To sign a token anew takes the sandbox longer than the agent takes for all it does.
    cloud.play(&json!("sameToken"))?;
    let table = Bench {
        candidates,
        folder: folder.path(),
        cloud: cloud.exports(),
    }
    .measure(workspace)?;
    if arguments.json {
        println!("{:#}", table.json());
    } else {
        print!("{}", table.text());
    }
    Ok(ExitCode::from(u8::from(!table.holds())))
}

/// Who is measured, and where.
struct Bench<'a> {
    candidates: Vec<Candidate>,
    folder: &'a Path,
    cloud: &'a BTreeMap<String, String>,
}

/// What was seen of agents that wait, by candidate.
#[derive(Default)]
struct Waiting {
    resident: Vec<Option<Figure>>,
    private_dirty: Vec<Option<Figure>>,
    switches: Vec<Option<Figure>>,
}

impl Bench<'_> {
    fn measure(&self, workspace: &Workspace) -> anyhow::Result<Table> {
        let start = start::measure(&self.candidates, self.folder, self.cloud)?;
        let start = start.into_iter().map(|extra| Figure {
            value: extra.median,
            least: Some(extra.least),
        });
        let waiting = self.waiting()?;
        let mut rows = vec![
            row("binary, static", "MiB", (2.4, 2.0), self.sizes()?),
            row("RSS, waiting", "MiB", (2.0, 1.4), waiting.resident),
            row(
                "private dirty, each of 20, metadata source",
                "KiB",
                (110.0, 60.0),
                waiting.private_dirty,
            ),
            row(
                "the same after an HTTPS fetch",
                "KiB",
                (180.0, 60.0),
                self.after_https()?,
            ),
            Row {
                decides: false,
                ..row(
                    "start → token on disk, beyond /bin/true",
                    "ms",
                    (2.0, 1.0),
                    start.map(Some).collect(),
                )
            },
            Row {
                aim: None,
                ..row(
                    "context switches of 20 waiting, in 20 s",
                    "in all",
                    (0.0, 0.0),
                    waiting.switches,
                )
            },
        ];
        rows.extend(self.crates(workspace)?);
        let names = self.candidates.iter();
        let names = names.map(|candidate| candidate.name.clone()).collect();
        Ok(Table { names, rows })
    }

    fn sizes(&self) -> anyhow::Result<Vec<Option<Figure>>> {
        let size = |candidate: &Candidate| {
            let mebibytes = f64::from(candidate.size()?) / 1_048_576.0;
            Ok(Some(mebibytes.into()))
        };
        self.candidates.iter().map(size).collect()
    }

    /// All herds wait at the same time, so that a noisy moment is noisy for all.
    fn waiting(&self) -> anyhow::Result<Waiting> {
        let herd = |candidate| Herd::start(candidate, Source::Metadata, self.folder, self.cloud);
        let mut herds: Vec<_> = self.candidates.iter().map(herd).collect::<Result<_, _>>()?;
        let mut seen = Waiting::default();
        let mut before = Vec::new();
        for herd in &mut herds {
            let (resident, private_dirty) = herd.memory()?;
            seen.resident.push(Some((resident / 1024.0).into()));
            seen.private_dirty.push(Some(private_dirty.into()));
            before.push(herd.switches()?);
        }
        herd::pause(WATCHED)?;
        for (herd, before) in herds.iter_mut().zip(before) {
            let more = herd.switches()?.saturating_sub(before);
            seen.switches.push(Some(f64::from(more).into()));
        }
        Ok(seen)
    }

    fn after_https(&self) -> anyhow::Result<Vec<Option<Figure>>> {
        let private_dirty = |candidate: &Candidate| {
            if !candidate.has(Source::Https)? {
                return Ok(None);
            }
            let mut herd = Herd::start(candidate, Source::Https, self.folder, self.cloud)?;
            Ok(Some(herd.memory()?.1.into()))
        };
        self.candidates.iter().map(private_dirty).collect()
    }

    /// Nobody but cargo knows what a program is made of, and it knows ours only.
    fn crates(&self, workspace: &Workspace) -> anyhow::Result<[Row; 2]> {
        let crates = workspace.normal_dependencies(dist::AGENT.0)?;
        let too_large = crates
            .iter()
            .filter(|name| TOO_LARGE.iter().any(|start| name.starts_with(start)));
        let figures = |count: usize| {
            let count = u16::try_from(count).map(|count| f64::from(count).into());
            let mut figures = vec![count.ok()];
            figures.resize(self.candidates.len(), None);
            figures
        };
        Ok([
            row(
                "crates, normal dependencies",
                "in all",
                (40.0, 25.0),
                figures(crates.len()),
            ),
            Row {
                aim: None,
                ..row(
                    "tokio, hyper or aws-lc among them",
                    "in all",
                    (0.0, 0.0),
                    figures(too_large.count()),
                )
            },
        ])
    }
}

/// A row that decides.
fn row(
    what: &'static str,
    unit: &'static str,
    (must, aim): (f64, f64),
    measured: Vec<Option<Figure>>,
) -> Row {
    Row {
        what,
        unit,
        better: Better::Less,
        must: Some(must),
        aim: Some(aim),
        decides: true,
        measured,
    }
}
