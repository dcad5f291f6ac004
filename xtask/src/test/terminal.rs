//! What people meet at a terminal: completions, typed into the shells themselves, and manual pages, rendered.

use std::io::Write as _;
use std::process::Command;

use super::{Outcome, installed};
use crate::process;
use crate::workspace::Workspace;

/// Programs that this needs, each with Debian's package of it.
const NEEDED: [(&str, &str); 6] = [
    ("bash", "bash"),
    ("fish", "fish"),
    ("groff", "groff"),
    ("man", "man-db"),
    ("script", "bsdutils"),
    ("zsh", "zsh"),
];

/// What is typed, and what must then stand there. Where zsh ends a flag with an equals sign, others leave a space.
const TYPED: [(&str, &str); 8] = [
    ("gtoken --so\tme\t", "gtoken --source metadata"),
    ("gtoken --source=me\t", "gtoken --source metadata"),
    ("gtoken --refresh=f\t", "gtoken --refresh false"),
    ("gtoken ch\t--fi\tREADM\t", "gtoken check --file README.md"),
    ("gtoken ins\t--js\t", "gtoken inspect --json"),
    (
        "gtoken-webhook --log-level=debug ser\t--dry\t",
        "gtoken-webhook --log-level debug server --dry-start",
    ),
    (
        "gtoken-webhook server --tls-mo\tse\t",
        "gtoken-webhook server --tls-mode self",
    ),
    (
        "gtoken-sandbox up --di\tcrat\t",
        "gtoken-sandbox up --dir crates",
    ),
];

/// A line, and what fish must offer for its last word.
const OFFERED: [(&str, &str); 7] = [
    ("gtoken --so", "--source"),
    ("gtoken --source me", "metadata"),
    ("gtoken --source=me", "--source=metadata"),
    ("gtoken ch", "check"),
    ("gtoken check --file READM", "README.md"),
    (
        "gtoken-webhook --log-level=debug server --tls-mode se",
        "self",
    ),
    ("gtoken-sandbox up --dir crat", "crates/"),
];

const PROGRAMS: [&str; 3] = ["gtoken", "gtoken-webhook", "gtoken-sandbox"];

/// How each shell takes up our completions, without anything else that the user has.
const BASH: (&str, &str) = (
    "bash --norc --noprofile -i",
    "for file in deploy/completions/*.bash; do . $file; done",
);
const ZSH: (&str, &str) = (
    "zsh -f -i",
    "fpath=(deploy/completions $fpath); autoload -U compinit; compinit -u -D",
);

/// Tries everything in this folder on the shells and on troff.
pub(super) fn check(workspace: &Workspace) -> anyhow::Result<Outcome> {
    if let Some(skipped) = installed(&NEEDED)? {
        return Ok(skipped);
    }
    let mut problems = typed(workspace, BASH)?;
    problems.extend(typed(workspace, ZSH)?);
    problems.extend(offered(workspace)?);
    for program in PROGRAMS {
        problems.extend(rendered(workspace, program)?);
    }
    Ok(Outcome::of(&problems))
}

/// Types everything into a shell on a terminal of its own, where functions in place of the programs tell their arguments.
fn typed(workspace: &Workspace, (shell, setup): (&str, &str)) -> anyhow::Result<Vec<String>> {
    let functions = PROGRAMS.map(|name| format!("; {name}() {{ echo \"typed: {name} $*\"; }}"));
    let lines = TYPED.map(|(typed, _)| format!("{typed}\n"));
    let keys = format!("{setup}{}\n{}exit\n", functions.concat(), lines.concat());
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(keys.as_bytes())?;
    let mut terminal = Command::new("sh");
    terminal
        .args(["-c", "exec script -qec \"$1\" /dev/null < \"$2\"", "sh"])
        .arg(shell)
        .arg(file.path())
        .current_dir(&workspace.root)
        .env("TERM", "dumb");
    let shown = process::output(&mut terminal)?;
    let told = shown.lines().filter_map(|line| {
        let (_, arguments) = line.split_once("typed: ")?;
        let is_told = PROGRAMS.iter().any(|name| arguments.starts_with(name));
        (is_told && !arguments.contains('$')).then(|| {
            let arguments = arguments.trim().trim_end_matches('/');
            arguments.replace('=', " ")
        })
    });
    let told: Vec<_> = told.collect();
    let complaint = |(typed, wanted): &(&str, &str)| {
        (!told.iter().any(|told| told == wanted))
            .then(|| format!("{shell} makes of {typed:?} no `{wanted}`, it has {told:?}"))
    };
    Ok(TYPED.iter().filter_map(complaint).collect())
}

/// Asks fish, which says what it would offer, and leaves nothing in the user's home.
fn offered(workspace: &Workspace) -> anyhow::Result<Vec<String>> {
    let home = tempfile::tempdir()?;
    let mut problems = Vec::new();
    for (line, wanted) in OFFERED {
        let mut fish = Command::new("fish");
        let sources = "for file in deploy/completions/*.fish; source $file; end";
        fish.args([
            "--no-config",
            "-c",
            &format!("{sources}; complete -C '{line}'"),
        ])
        .current_dir(&workspace.root)
        .env("HOME", home.path());
        let offers = process::output(&mut fish)?;
        let mut offers = offers.lines().map(|offer| offer.split('\t').next());
        if !offers.any(|offer| offer == Some(wanted)) {
            problems.push(format!("fish offers no {wanted} for `{line}`"));
        }
    }
    Ok(problems)
}

/// Renders a page by `man`, and by groff with all of its warnings; neither must have anything to say against it.
fn rendered(workspace: &Workspace, program: &str) -> anyhow::Result<Vec<String>> {
    let page = format!("docs/man/{program}.1");
    let mut problems = Vec::new();
    for (renderer, arguments, end) in [
        (
            "man",
            ["--warnings", "--local-file", "--pager=cat"],
            "SEE ALSO",
        ),
        ("groff", ["-man", "-ww", "-Tutf8"], &program.to_uppercase()),
    ] {
        let mut command = Command::new(renderer);
        command.args(arguments).arg(&page);
        let output = process::captured(command.current_dir(&workspace.root))?;
        let said = String::from_utf8_lossy(&output.stderr);
        let shown = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() || !said.is_empty() || !shown.contains(end) {
            problems.push(format!("{renderer} says of {page}: {}", said.trim()));
        }
    }
    Ok(problems)
}
