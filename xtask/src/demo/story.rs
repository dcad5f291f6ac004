//! The demo's steps in their order, each told before it is taken.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::diff;
use super::pod::Container;
use super::webhook::Webhook;
use crate::cloud::Cloud;
use crate::process;
use crate::programs::Programs;
use crate::server::Server;

/// The role that the ServiceAccount asks for; the sandbox has it, with a trust policy that fits the reader.
const ROLE: &str = "arn:aws:iam::123456789012:role/reader";

/// The Google service account that the sandbox's metadata server hands out tokens of.
const GOOGLE_IDENTITY: &str = "reader@gtoken-sandbox.iam.gserviceaccount.com";

/// What the story leaves running until it is dropped, in the order in which it ends.
pub(crate) struct Story {
    _refresher: Server,
    webhook: Webhook,
    cloud: Cloud,
}

/// Tells the whole story.
pub(crate) fn tell(programs: &Programs, folder: &Path) -> anyhow::Result<Story> {
    step(
        "Start the sandbox: Google's metadata server, AWS's STS and a Kubernetes API, on this machine only",
    );
    let cloud = Cloud::start(programs, folder)?;
    for (name, value) in cloud.exports() {
        println!("  {name}={value}");
    }

    step("Annotate the ServiceAccount team-a/reader with its AWS role");
    let annotations =
        json!({"amazonaws.com/role-arn": ROLE, "iam.gke.io/gcp-service-account": GOOGLE_IDENTITY});
    cloud.annotate("team-a", "reader", &annotations)?;
    print!("{}", indented(&serde_saphyr::to_string(&annotations)?));

    step(
        "Start the webhook and ask it, as an API server would over TLS, about a pod of that ServiceAccount",
    );
    let webhook = Webhook::start(programs, &cloud, folder)?;
    let pod: Value =
        serde_saphyr::from_str(include_str!("pod.yaml")).context("pod.yaml is YAML")?;
    let patched = webhook.admit(&pod)?;
    print!("{}", diff::readable(&pod, &patched)?);

    let refresher = run_agent(programs, &cloud, &patched, &webhook, folder)?;
    let application = Container::find(&patched, "containers", "app")?;
    succeed(programs, &cloud, &application)?;
    fail(programs, &cloud, &application)?;
    Ok(Story {
        _refresher: refresher,
        webhook,
        cloud,
    })
}

impl Story {
    /// Tells how to go on by hand.
    pub(crate) fn invite(&self) {
        println!("\nEverything stays up until Ctrl-C. To use it from another shell:");
        for (name, value) in self.cloud.exports() {
            println!("  export {name}='{value}'");
        }
        println!(
            "  # the token file: {}/gtoken",
            self.webhook.token_folder().display()
        );
        println!(
            "  # the logs: {} {}",
            self.webhook.log().display(),
            self.cloud.log().display()
        );
    }
}

/// Runs the gate to its end, then starts the refresher, both just as the pod says.
fn run_agent(
    programs: &Programs,
    cloud: &Cloud,
    pod: &Value,
    webhook: &Webhook,
    folder: &Path,
) -> anyhow::Result<Server> {
    let additions = [("GCE_METADATA_HOST", cloud.export("GCE_METADATA_HOST"))];
    let program = programs.path("gtoken")?;

    step("Run the injected gate, with the command line, environment and paths of the patched pod");
    let gate = Container::find(pod, "initContainers", "generate-gcp-id-token")?;
    told(&gate, &additions);
    let output = process::captured(&mut gate.process(program, &additions))?;
    print!("{}", indented(&String::from_utf8_lossy(&output.stderr)));
    if !output.status.success() {
        bail!("the agent ended with {}", output.status);
    }
    let file = webhook.token_folder().join("gtoken");
    let token = std::fs::metadata(&file)
        .with_context(|| format!("the agent left no token at {}", file.display()))?;
    println!(
        "  → {} holds a Google-signed token of {} bytes",
        file.display(),
        token.len()
    );

    step("Start the injected refresher beside the application");
    let refresher = Container::find(pod, "containers", "update-gcp-id-token")?;
    told(&refresher, &additions);
    Server::start(
        "refresher",
        &mut refresher.process(program, &additions),
        folder,
    )
}

/// The application asks AWS who it is, and is told.
fn succeed(programs: &Programs, cloud: &Cloud, application: &Container) -> anyhow::Result<()> {
    step("Run a program with the official AWS SDK for Rust in the application's place");
    told(application, &aws(cloud));
    let output = process::captured(&mut sdk(programs, cloud, application)?)?;
    print!("{}", indented(&text(&output)));
    if !output.status.success() {
        bail!("AWS gave no credentials: {}", cloud.last_reason()?);
    }
    let identity: Value =
        serde_json::from_slice(&output.stdout).context("the program prints JSON")?;
    let arn = identity["Arn"].as_str().unwrap_or_default();
    if arn != "arn:aws:sts::123456789012:assumed-role/reader/team-a@web-0" {
        bail!("AWS knows the pod as {arn:?}, which is not the assumed role");
    }
    Ok(())
}

/// The same pod against a trust policy that names somebody else.
fn fail(programs: &Programs, cloud: &Cloud, application: &Container) -> anyhow::Result<()> {
    step("Let the role trust another Google account, and run the same program once more");
    let policy = trust_policy("999999999999999999999");
    print!(
        "{}",
        indented(&serde_saphyr::to_string(
            &policy["Statement"][0]["Condition"]
        )?)
    );
    cloud.put_role(ROLE, &policy)?;
    let output = process::captured(&mut sdk(programs, cloud, application)?)?;
    print!("{}", indented(&text(&output)));
    if output.status.success() || !text(&output).contains("AccessDenied") {
        bail!("AWS should have refused the pod with AccessDenied");
    }
    println!("  → why: {}", cloud.last_reason()?);
    Ok(())
}

/// A trust policy as our documentation has it: this one account, and only tokens that are meant for AWS.
fn trust_policy(unique_id: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Federated": "accounts.google.com"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {
                "accounts.google.com:sub": unique_id,
                "accounts.google.com:oaud": "gtoken/sts/assume-role-with-web-identity",
            }},
        }],
    })
}

/// The program in the application's place.
fn sdk(programs: &Programs, cloud: &Cloud, application: &Container) -> anyhow::Result<Command> {
    Ok(application.process(programs.path("caller-identity")?, &aws(cloud)))
}

/// Where AWS is on this machine; a pod would reach the real one without being told.
fn aws(cloud: &Cloud) -> [(&str, &str); 2] {
    ["AWS_ENDPOINT_URL_STS", "SSL_CERT_FILE"].map(|name| (name, cloud.export(name)))
}

fn step(title: &str) {
    println!("\n▸ {title}");
}

/// Shows what a container runs, and apart from it what the demo adds.
fn told(container: &Container, additions: &[(&str, &str)]) {
    if !container.command_line.is_empty() {
        println!("  $ {}", container.command_line.join(" "));
    }
    for (name, value) in &container.environment {
        println!("  {name}={value}");
    }
    for (name, value) in additions {
        println!("  {name}={value}   (added by the demo)");
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

fn indented(text: &str) -> String {
    text.lines().flat_map(|line| ["  ", line, "\n"]).collect()
}
