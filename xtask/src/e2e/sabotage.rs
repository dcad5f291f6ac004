//! `cargo xtask e2e --sabotage`: breaks the product in one way after the other, and wants the suite to notice.
//!
//! A way is a patch in `e2e/sabotage`, which says in its first lines what it breaks and which tests must turn red. It is
//! applied to a copy of the checkout, never to the checkout; first of all, the copy as it is must pass them all.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use super::{cluster_flags, session_for_others, suite_program};
use crate::cluster::Session;
use crate::dist::Site;
use crate::test::{Tally, of_last_line};
use crate::workspace::Workspace;
use crate::{image, process};

/// Where the patches are, from the root of the checkout.
const FOLDER: &str = "e2e/sabotage";

/// How long a test waits for what never comes, in seconds: less than usual, for few of them run at once.
const PATIENCE: &str = "40";

/// One way to break the product.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sabotage {
    name: String,
    /// What users would see.
    breaks: String,
    /// The tests that must fail.
    red: Vec<String>,
    patch: PathBuf,
}

/// Breaks the product in every way whose name has one of these texts in it, if there are any.
pub(super) fn run(workspace: &Workspace, filter: &[String]) -> anyhow::Result<ExitCode> {
    let mut all = read(&workspace.root.join(FOLDER))?;
    all.retain(|it| filter.is_empty() || filter.iter().any(|part| it.name.contains(part)));
    ensure!(!all.is_empty(), "no sabotage is meant by this filter");
    let session = session_for_others(workspace)?;
    let bench = Bench::new(workspace, &session)?;
    bench.all_pass(&all)?;
    let mut tally = Tally::default();
    for sabotage in &all {
        let begun = Instant::now();
        let outcome = bench.green(sabotage);
        ensure!(!process::interrupted(), "interrupted");
        let why = match outcome {
            Ok(green) if green.is_empty() => None,
            Ok(green) => Some(format!("not red: {}", green.join(", "))),
            Err(error) => Some(format!("{error:#}")),
        };
        tally.passed += usize::from(why.is_none());
        tally.failed += usize::from(why.is_some());
        println!("{}", bench.line(sabotage, begun.elapsed(), why));
    }
    println!("\n{tally}");
    Ok(ExitCode::from(u8::from(tally.failed > 0)))
}

/// What all of them share: a copy of the checkout, and a cluster.
struct Bench<'a> {
    session: &'a Session,
    folder: PathBuf,
    site: Site,
    suite: PathBuf,
}

impl<'a> Bench<'a> {
    fn new(workspace: &'a Workspace, session: &'a Session) -> anyhow::Result<Self> {
        let folder = workspace.target.join("sabotage");
        let tree = folder.join("tree");
        copy(workspace, &tree)?;
        Ok(Self {
            session,
            site: Site::new(tree, folder.join("target"))?,
            suite: suite_program(workspace)?,
            folder,
        })
    }

    /// An error unless every test that any of them is to turn red is green by itself.
    fn all_pass(&self, all: &[Sabotage]) -> anyhow::Result<()> {
        println!("running what is to turn red on what is not broken");
        let red: BTreeSet<_> = all.iter().flat_map(|it| &it.red).cloned().collect();
        let red: Vec<_> = red.into_iter().collect();
        let output = self.suite("nothing", &red)?;
        let failed = failed(&output);
        ensure!(
            failed.is_empty(),
            "{} failed although nothing is broken (log: {})",
            failed.join(", "),
            self.log("nothing").display()
        );
        Ok(())
    }

    /// The tests that a sabotage should turn red, and does not.
    fn green(&self, sabotage: &Sabotage) -> anyhow::Result<Vec<String>> {
        self.patch(&["apply"], sabotage)?;
        let output = self.suite(&sabotage.name, &sabotage.red);
        self.patch(&["apply", "--reverse"], sabotage)?;
        let output = output.with_context(|| format!("could not try {}", sabotage.name))?;
        let failed = failed(&output);
        let is_green = |test: &&String| !failed.contains(&test.as_str());
        Ok(sabotage.red.iter().filter(is_green).cloned().collect())
    }

    fn patch(&self, arguments: &[&str], sabotage: &Sabotage) -> anyhow::Result<()> {
        let mut git = Command::new("git");
        git.current_dir(self.site.checkout())
            // Within the repository that the copy is in, git would look for the files elsewhere.
            .env("GIT_CEILING_DIRECTORIES", &self.folder)
            .args(arguments)
            .arg(&sabotage.patch);
        process::output(&mut git).map(drop)
    }

    /// Builds the copy, and gives what the suite says of it in these tests.
    fn suite(&self, name: &str, tests: &[String]) -> anyhow::Result<String> {
        let usual = self.site.checkout().join(super::MANIFEST);
        let mut text = fs::read_to_string(&usual)
            .with_context(|| format!("could not read {}", usual.display()))?;
        for (usual, own, archive) in image::altered_archives(&self.site, &self.folder, name)? {
            self.session.import(&archive)?;
            text = text.replace(usual, &own);
        }
        let manifest = self.folder.join("install.yaml");
        fs::write(&manifest, text)?;
        let mut suite = Command::new(&self.suite);
        suite.args(cluster_flags(self.session, &manifest)?);
        suite.args(["--patience", PATIENCE]);
        suite.args(tests.iter().flat_map(|test| ["--exact", test]));
        let output = process::captured(&mut suite)?;
        let said = [output.stdout, output.stderr].concat();
        let log = self.log(name);
        fs::write(&log, &said).with_context(|| format!("could not write {}", log.display()))?;
        let said = String::from_utf8_lossy(&said).into_owned();
        let is_whole = said.lines().any(|line| of_last_line(line).is_some());
        ensure!(
            is_whole,
            "the suite did not come to its end (log: {})",
            log.display()
        );
        Ok(said)
    }

    fn line(&self, sabotage: &Sabotage, took: Duration, why: Option<String>) -> String {
        let Sabotage { name, breaks, .. } = sabotage;
        let took = took.as_secs_f64();
        match why {
            None => format!("seen    {took:>6.1} s  {name}: {breaks}"),
            Some(why) => {
                let log = self.log(name);
                let log = log.display();
                format!("MISSED  {took:>6.1} s  {name}: {breaks}; {why} (log: {log})")
            }
        }
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.join(name).with_extension("log")
    }
}

/// The tests that failed, for what they test: one that could not be set up says nothing about the product.
fn failed(output: &str) -> Vec<&str> {
    let failures = output
        .lines()
        .filter_map(|line| line.strip_prefix("FAILED "));
    let named = failures.filter_map(|line| line.split_once(" s  ")?.1.split_once(": "));
    let tested = named.filter(|(_, why)| !why.starts_with("could not set the test up"));
    tested.map(|(name, _)| name).collect()
}

/// Makes the folder hold the files of the checkout and no others; what is the same already keeps its date, so that
/// only what changed is built again.
fn copy(workspace: &Workspace, to: &Path) -> anyhow::Result<()> {
    let mut git = workspace.git();
    git.args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
    ]);
    let listed = process::output(&mut git)?;
    let files: BTreeSet<_> = listed.split_terminator('\0').map(PathBuf::from).collect();
    for file in &files {
        let from = workspace.root.join(file);
        if from.exists() {
            copy_file(&from, &to.join(file))?;
        }
    }
    remove_others(to, to, &files)
}

fn copy_file(from: &Path, to: &Path) -> anyhow::Result<()> {
    let tried = || format!("could not copy {}", from.display());
    let bytes = fs::read(from).with_context(tried)?;
    if fs::read(to).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(tried)?;
    }
    fs::write(to, bytes).with_context(tried)
}

fn remove_others(root: &Path, folder: &Path, files: &BTreeSet<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(root, &path, files)?;
        } else if !files.contains(path.strip_prefix(root)?) {
            fs::remove_file(&path)
                .with_context(|| format!("could not remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// All patches of a folder, by name.
fn read(folder: &Path) -> anyhow::Result<Vec<Sabotage>> {
    let tried = || format!("could not read {}", folder.display());
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).with_context(tried)? {
        let patch = entry.with_context(tried)?.path();
        let text = fs::read_to_string(&patch).with_context(tried)?;
        all.push(parse(patch, &text)?);
    }
    all.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(all)
}

fn parse(patch: PathBuf, text: &str) -> anyhow::Result<Sabotage> {
    let header = || text.lines().take_while(|line| !line.is_empty());
    let values = |key: &'static str| header().filter_map(move |line| line.strip_prefix(key));
    let red: Vec<_> = values("Red: ").map(str::to_owned).collect();
    let (Some(breaks), false) = (values("Breaks: ").next(), red.is_empty()) else {
        bail!(
            "{} does not begin with `Breaks: ` and `Red: `",
            patch.display()
        );
    };
    let name = patch.file_stem().unwrap_or_default().to_string_lossy();
    Ok(Sabotage {
        name: name.into_owned(),
        breaks: breaks.to_owned(),
        red,
        patch,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    #[test]
    fn there_are_enough_of_them() {
        assert!(read(&root().join(FOLDER)).unwrap().len() >= 10);
    }

    #[test]
    fn each_still_fits_the_sources() {
        for sabotage in read(&root().join(FOLDER)).unwrap() {
            let mut git = Command::new("git");
            git.current_dir(root())
                .args(["apply", "--check"])
                .arg(&sabotage.patch);
            process::output(&mut git).unwrap();
        }
    }

    #[test]
    fn each_names_tests_that_exist() {
        let promises = root().join("e2e/suite/src/promises");
        let sources: String = fs::read_dir(promises)
            .unwrap()
            .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect();
        for Sabotage { name, red, .. } in read(&root().join(FOLDER)).unwrap() {
            for test in red {
                assert!(
                    sources.contains(&format!("fn {test}(")),
                    "{name} names {test}"
                );
            }
        }
    }

    #[test]
    fn its_first_lines_say_what_it_breaks_and_what_sees_it() {
        let parse = |text: &str| parse("/x/no-mount.patch".into(), text);
        let found = parse("Breaks: all of it\nRed: a_pod\nRed: a_job\n\nRed: no_header\n").unwrap();
        assert_eq!(
            (found.name.as_str(), found.breaks.as_str()),
            ("no-mount", "all of it")
        );
        assert_eq!(found.red, ["a_pod", "a_job"]);
        assert!(parse("Breaks: all of it\n\ndiff").is_err());
        assert!(parse("Red: a_pod\n\ndiff").is_err());
    }

    #[test]
    fn a_test_that_could_not_be_set_up_saw_nothing() {
        let output = "ok         1.2 s  a_pod\nFAILED     1.2 s  a_job: it is None\n\
                      FAILED     0.1 s  a_cron_job: could not set the test up: no route\n";
        assert_eq!(failed(output), ["a_job"]);
    }

    #[test]
    fn a_copy_holds_what_was_listed_and_nothing_else() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(from.path().join("a"), "new").unwrap();
        fs::create_dir(to.path().join("d")).unwrap();
        fs::write(to.path().join("d/b"), "old").unwrap();
        copy_file(&from.path().join("a"), &to.path().join("d/a")).unwrap();
        remove_others(to.path(), to.path(), &BTreeSet::from(["d/a".into()])).unwrap();
        assert_eq!(fs::read(to.path().join("d/a")).unwrap(), b"new");
        assert!(!to.path().join("d/b").exists());
    }
}
