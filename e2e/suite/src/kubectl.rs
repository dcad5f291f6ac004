//! The cluster, by the very program that its users have.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

/// `kubectl` for one cluster.
#[derive(Clone, Debug)]
pub(crate) struct Kubectl {
    program: PathBuf,
    kubeconfig: Option<PathBuf>,
}

/// What kubectl said; warnings of the API server are on standard error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// Standard output.
    pub(crate) output: String,
    /// Standard error.
    pub(crate) errors: String,
}

/// `kubectl proxy`, as long as it lives: the API server over plain HTTP, for what kubectl has no command for.
#[derive(Debug)]
pub(crate) struct Proxy {
    child: Child,
    url: String,
}

impl Said {
    /// An error unless the API server warned in these words.
    pub(crate) fn warns(&self, warning: &str) -> anyhow::Result<()> {
        let is_said = self.errors.contains(&format!("Warning: {warning}"));
        ensure!(is_said, "no warning `{warning}` in: {}", self.errors);
        Ok(())
    }
}

impl Kubectl {
    pub(crate) fn new(program: PathBuf, kubeconfig: Option<PathBuf>) -> Self {
        Self {
            program,
            kubeconfig,
        }
    }

    /// Runs it and gives its standard output; its failure is an error that holds what it said.
    pub(crate) fn run<T: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = T>,
    ) -> anyhow::Result<String> {
        Ok(self.say(arguments, None)?.output)
    }

    /// Runs it with `input` as its standard input, if there is any, and gives all that it said.
    pub(crate) fn say<T: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = T>,
        input: Option<&str>,
    ) -> anyhow::Result<Said> {
        let mut command = self.command();
        command.args(arguments);
        let output = output(&mut command, input.unwrap_or_default())
            .with_context(|| format!("could not run {}", self.program.display()))?;
        let said = Said {
            output: String::from_utf8_lossy(&output.stdout).into_owned(),
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        if !output.status.success() {
            bail!("`{}` failed: {}", typed(&command), said.errors.trim());
        }
        Ok(said)
    }

    /// An object, or a list of them.
    pub(crate) fn get(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let text = self.run(["get", "--output=json"].iter().chain(arguments))?;
        serde_json::from_str(&text).context("kubectl wrote something that is no JSON")
    }

    /// Starts a proxy on a port that is free.
    pub(crate) fn proxy(&self) -> anyhow::Result<Proxy> {
        let mut command = self.command();
        command.args(["proxy", "--port=0"]).stdout(Stdio::piped());
        let mut child = command.spawn().context("could not start kubectl proxy")?;
        let stdout = child.stdout.take();
        // Made before it speaks, so that it is ended whatever it says.
        let mut proxy = Proxy {
            child,
            url: String::new(),
        };
        let mut line = String::new();
        BufReader::new(stdout.context("no output")?).read_line(&mut line)?;
        let address = line.trim().strip_prefix("Starting to serve on ");
        let address = address.with_context(|| format!("kubectl proxy said: {line}"))?;
        proxy.url = format!("http://{address}");
        Ok(proxy)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(file) = &self.kubeconfig {
            command.arg("--kubeconfig").arg(file);
        }
        command
    }
}

impl Proxy {
    /// Posts JSON to a path of the API server and gives the answer.
    pub(crate) fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let tried = || format!("could not POST to {path} of the API server");
        let mut response = ureq::post(format!("{}{path}", self.url))
            .content_type("application/json")
            .send(body.to_string())
            .with_context(tried)?;
        let answer = response.body_mut().read_to_string().with_context(tried)?;
        serde_json::from_str(&answer).with_context(tried)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // One that has ended by itself is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn output(command: &mut Command, input: &str) -> std::io::Result<Output> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // It reads all of its input before it writes; one that ends early says itself why.
    if let Some(mut stdin) = child.stdin.take() {
        let _ends_early = stdin.write_all(input.as_bytes());
    }
    child.wait_with_output()
}

/// The command as a person would type it: without the flags that only say which cluster.
fn typed(command: &Command) -> String {
    let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    let own = match arguments.first() {
        Some(first) if first == "--kubeconfig" => &arguments[2..],
        _ => &arguments[..],
    };
    format!("kubectl {}", own.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell() -> Kubectl {
        Kubectl::new("sh".into(), None)
    }

    #[test]
    fn what_it_reads_and_says_is_kept_apart() {
        let script = ["-c", "cat; echo beware >&2"];
        let said = shell().say(script, Some("pod")).unwrap();
        assert_eq!(
            (said.output.as_str(), said.errors.as_str()),
            ("pod", "beware\n")
        );
    }

    #[test]
    fn its_failure_holds_its_own_words() {
        let error = shell().run(["-c", "echo denied >&2; exit 1"]).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("`kubectl -c") && text.ends_with("failed: denied"),
            "{text}"
        );
    }

    #[test]
    fn a_program_that_is_missing_is_named() {
        let missing = Kubectl::new("/no/kubectl".into(), None);
        let error = missing.run(["version"]).unwrap_err();
        assert_eq!(error.to_string(), "could not run /no/kubectl");
    }
}
