//! The table of every annotation, label, flag and variable, from what the programs themselves read and tell.

mod help;

use std::fmt::Write as _;

use anyhow::{Context as _, bail};
use gtoken_inject::annotation::{GOOGLE_SERVICE_ACCOUNT, INJECT_LABEL, INJECTED, Name, PREFIX};

use crate::process;
use crate::programs;
use crate::workspace::Workspace;
use help::Entry;

/// What the programs do not say of a setting.
struct Row {
    name: &'static str,
    example: &'static str,
    /// The case folder or test where it takes effect.
    right: &'static str,
    /// The case folder or test where it is wrong.
    wrong: &'static str,
}

const fn row(
    name: &'static str,
    example: &'static str,
    right: &'static str,
    wrong: &'static str,
) -> Row {
    Row {
        name,
        example,
        right,
        wrong,
    }
}

/// The test that refuses values which would make the API server reject every pod.
const REFUSED: &str = "values_that_would_reject_every_pod_are_refused";
const PARSED: &str = "takes_our_own_flags";
const PARSED_AS_GO: &str = "takes_every_flag_of_the_go_gtoken";
const OVER_LIMIT: &str = "a_request_over_its_limit_would_reject_every_pod_and_is_refused";
const BAD_VALUE: &str = "a_bad_value_is_named_with_its_flag_and_the_reason";

const TLS: &str = "each_mode_of_tls_takes_its_own_flags";
const NO_FILES: &str = "both_certificate_files_are_required_by_name";
const NO_TIME: &str = "durations_that_leave_no_time_to_renew_are_refused_with_the_rule";

/// Annotations by their part behind the slash, others by their whole name.
const ANNOTATIONS: &[Row] = &[
    row(
        "audience",
        "sts.amazonaws.com",
        "audience-of-the-service-account",
        "audience-with-control-characters",
    ),
    row(
        "include-containers",
        "app, job",
        "include-containers",
        "include-containers-with-an-empty-part",
    ),
    row("region", "eu-central-1", "region", "region-malformed"),
    row(
        "role-arn",
        "arn:aws:iam::123456789012:role/reader",
        "plain",
        "arn-malformed",
    ),
    row(
        "session-name",
        "{serviceaccount}@{pod}",
        "session-name",
        "session-name-of-a-node",
    ),
    row(
        "sidecar-mode",
        "native",
        "pod-forces-classic",
        "sidecar-mode-misspelt",
    ),
    row(
        "skip-containers",
        "istio-proxy",
        "skip-containers",
        "skip-containers-with-an-empty-part",
    ),
    row(
        "sts-regional-endpoints",
        "true",
        "sts-regional-endpoints",
        "sts-regional-endpoints-malformed",
    ),
    row(
        "token-expiration",
        "86400",
        "token-expiration",
        "token-expiration-out-of-range",
    ),
    row(
        "token-source",
        "cluster",
        "cluster-source",
        "token-source-misspelt",
    ),
    row(
        GOOGLE_SERVICE_ACCOUNT,
        "reader@my-project.iam.gserviceaccount.com",
        "plain",
        "google-identity-malformed",
    ),
    row(
        INJECTED,
        "{\"volume\":[\"gtoken-volume\",\"emptyDir\"]}",
        "restored-with-another-role",
        "record-malformed",
    ),
    row(INJECT_LABEL, "true", "labelled-true", "labelled-perhaps"),
];

/// Flags of `gtoken-webhook server`.
const WEBHOOK: &[Row] = &[
    row("--listen-address", ":10250", PARSED_AS_GO, REFUSED),
    row(
        "--log-level",
        "debug",
        PARSED_AS_GO,
        "an_unknown_log_level_is_refused",
    ),
    row(
        "--json",
        "true",
        "the_log_flags_stand_before_and_after_the_command",
        "an_unknown_flag_is_named_with_the_nearest_known_one",
    ),
    row("--tls-mode", "self", TLS, REFUSED),
    row("--tls-cert-file", "/tls/tls.crt", TLS, NO_FILES),
    row("--tls-private-key-file", "/tls/tls.key", TLS, NO_FILES),
    row(
        "--tls-min-version",
        "1.3",
        "both_versions_of_tls_are_served_unless_the_older_is_kept_out",
        REFUSED,
    ),
    row(
        "--tls-dns-names",
        "gtoken-webhook-svc.gtoken.svc",
        TLS,
        REFUSED,
    ),
    row("--tls-secret-name", "gtoken-webhook-certs", TLS, REFUSED),
    row("--webhook-configuration", "gtoken-webhook", TLS, REFUSED),
    row(
        "--webhook-entries",
        "optional.pods.gtoken",
        TLS,
        "what_is_not_ours_to_keep_ends_the_start_and_is_named",
    ),
    row("--ca-validity", "2160h", TLS, NO_TIME),
    row("--leaf-validity", "24h", TLS, NO_TIME),
    row("--ca-propagation", "2m", TLS, NO_TIME),
    row(
        "--plain-http-anywhere",
        "",
        TLS,
        "plain_http_beyond_the_loopback_interface_is_said_twice_or_not_served",
    ),
    row("--drain-delay", "15s", PARSED, REFUSED),
    row(
        "--dry-start",
        "",
        "a_dry_start_tries_everything_and_serves_nothing",
        "a_dry_start_says_all_that_is_wrong_at_once",
    ),
    row(
        "--on-unknown",
        "admit",
        "with_on_unknown_admit_no_pod_waits_for_an_api_server_but_one_that_must_have_credentials",
        REFUSED,
    ),
    row("--telemetry-listen-address", ":8080", PARSED_AS_GO, REFUSED),
    row(
        "--image",
        "registry.example/gtoken:v1",
        "own-settings",
        REFUSED,
    ),
    row("--pull-policy", "Always", "own-settings", REFUSED),
    row("--volume-name", "aws-token", "own-settings", REFUSED),
    row("--volume-path", "/aws/token", "own-settings", REFUSED),
    row("--token-file", "id", "own-settings", REFUSED),
    row(
        "--annotation-prefixes",
        "aws.example.com,amazonaws.com",
        "annotation-prefixes",
        "annotation-prefixes-others-are-not-read",
    ),
    row(
        "--aws-account-id",
        "123456789012",
        "role-name",
        "role-name-malformed",
    ),
    row(
        "--aws-partition",
        "aws-cn",
        "role-name",
        "a_partition_without_its_account_is_refused_and_both_are_named",
    ),
    row("--audience", "sts.amazonaws.com", "own-settings", REFUSED),
    row("--include-containers", "app", PARSED, REFUSED),
    row("--region", "eu-central-1", "region-malformed", REFUSED),
    row(
        "--session-name",
        "gtoken-webhook-{uid}",
        "session-name-of-each-pod",
        REFUSED,
    ),
    row("--sidecar-mode", "native", "flag-forces-native", REFUSED),
    row("--skip-containers", "istio-proxy", PARSED, REFUSED),
    row(
        "--sts-regional-endpoints",
        "true",
        "sts-regional-endpoints-malformed",
        REFUSED,
    ),
    row("--token-expiration", "86400", PARSED, REFUSED),
    row(
        "--token-source",
        "cluster",
        "cluster-source-by-flag",
        REFUSED,
    ),
    row("--agent-flag", "--json", "agent-flags", REFUSED),
    row(
        "--agent-image-pull-secret",
        "mirror",
        "image-pull-secrets",
        REFUSED,
    ),
    row("--agent-cpu-request", "5m", PARSED, OVER_LIMIT),
    row("--agent-cpu-limit", "200m", PARSED, OVER_LIMIT),
    row("--agent-memory-request", "8Mi", PARSED, OVER_LIMIT),
    row("--agent-memory-limit", "64Mi", "own-settings", OVER_LIMIT),
    row("--agent-run-as-user", "1337", "own-settings", REFUSED),
];

/// Flags of `gtoken`.
const AGENT: &[Row] = &[
    row(
        "--refresh",
        "false",
        "refresh_takes_a_value_only_by_an_equals_sign",
        BAD_VALUE,
    ),
    row(
        "--file",
        "/run/token",
        "flags_rendered_by_the_webhook_parse_back",
        "refuses_a_path_that_names_no_file",
    ),
    row(
        "--audience",
        "sts.amazonaws.com",
        "flags_rendered_by_the_webhook_parse_back",
        BAD_VALUE,
    ),
    row(
        "--source",
        "metadata",
        "flags_rendered_by_the_webhook_parse_back",
        BAD_VALUE,
    ),
    row(
        "--service-account",
        "reader@my-project.iam.gserviceaccount.com",
        "flags_rendered_by_the_webhook_parse_back",
        "an_account_goes_with_iam_credentials_and_only_there",
    ),
    row(
        "--expect-identity",
        "reader@my-project.iam.gserviceaccount.com",
        "flags_rendered_by_the_webhook_parse_back",
        BAD_VALUE,
    ),
    row(
        "--timeout",
        "90s",
        "flags_rendered_by_the_webhook_parse_back",
        BAD_VALUE,
    ),
    row(
        "--health-address",
        ":8080",
        "a_scrape_tells_of_the_token_and_the_attempts",
        "an_address_in_use_is_to_be_tried_again_and_one_that_is_none_is_not",
    ),
    row(
        "--json",
        "true",
        "the_log_is_for_people_unless_told_otherwise",
        "an_unknown_flag_is_named_with_its_nearest",
    ),
];

/// Variables that `gtoken` reads.
const VARIABLES: &[Row] = &[
    row(
        "GCE_METADATA_HOST",
        "127.0.0.1:8080",
        "takes_hosts_with_and_without_a_port",
        "refuses_what_is_no_host",
    ),
    row(
        "GOOGLE_APPLICATION_CREDENTIALS, CLOUDSDK_CONFIG, HOME",
        "/etc/key.json",
        "auto_takes_what_gcloud_left_at_home",
        "refuses_a_path_that_names_no_file",
    ),
    row(
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS",
        "https://iamcredentials.example/",
        "the_server_of_iam_credentials_can_be_another_with_tls",
        "the_server_of_iam_credentials_can_be_another_with_tls",
    ),
    row(
        "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1",
        "1",
        "a_workload_with_its_subject_token_from_a_program_that_may_be_run",
        "a_program_that_fails_or_is_not_there_is_said",
    ),
    row(
        "SSL_CERT_FILE",
        "/etc/ssl/ca.pem",
        "auto_takes_what_gcloud_left_at_home",
        "a_file_without_authorities_is_named",
    ),
    row(
        "HTTPS_PROXY, NO_PROXY",
        "http://proxy.example:3128",
        "a_proxy_is_asked_for_googles_apis_and_left_out_where_the_environment_says_so",
        "proxies_in_the_environment_are_ignored",
    ),
];

/// `docs/reference.md`.
pub(super) fn table(workspace: &Workspace, _: Option<&str>) -> anyhow::Result<String> {
    let programs = programs::build(workspace, &["gtoken", "gtoken-webhook"])?;
    let ask = |name: &str, args: &[&str]| -> anyhow::Result<String> {
        let mut program = std::process::Command::new(programs.path(name)?);
        // Variables would be told as if they were defaults.
        let output = process::captured_output(program.args(args).env_clear())?;
        String::from_utf8(output.stdout).with_context(|| format!("{name} --help is no text"))
    };
    let webhook = help::by_clap(&ask("gtoken-webhook", &["server", "--help"])?);
    let agent = ask("gtoken", &["--help"])?;
    let mut text = String::from(HEAD);
    annotations(&mut text, &webhook)?;
    section(
        &mut text,
        "Flags of `gtoken-webhook server`",
        &webhook,
        WEBHOOK,
    )?;
    let mut flags = help::by_hand(&agent, "Flags");
    flags.retain(|flag| !matches!(&*flag.name, "--help," | "--help" | "--version,"));
    section(&mut text, "Flags of `gtoken`", &flags, AGENT)?;
    let variables = help::by_hand(&agent, "Environment");
    section(
        &mut text,
        "Variables that `gtoken` reads",
        &variables,
        VARIABLES,
    )?;
    Ok(text)
}

const HEAD: &str = "# Reference

Made by `cargo xtask codegen` from what the programs read and tell; edit nothing here.
The last column names the test or the case folder of `crates/gtoken-inject/tests/cases` where a setting takes effect, and the one where it is wrong.
";

/// Annotations and the label. An annotation's default is the flag of its name, which also says what it does.
fn annotations(text: &mut String, flags: &[Entry]) -> anyhow::Result<()> {
    text.push_str("\n## Annotations and the label\n\n");
    text.push_str("Each annotation is read under every prefix of `--annotation-prefixes`; shown is the first. ");
    text.push_str("A pod's word goes before its ServiceAccount's, and that before the flag.\n\n");
    text.push_str(
        "| name | on | what it says | default | example | shown by |\n|---|---|---|---|---|---|\n",
    );
    for row in ANNOTATIONS {
        let option = Name::ALL.into_iter().find(|name| name.as_str() == row.name);
        let flag = format!("--{}", row.name);
        let flag = flags.iter().find(|entry| entry.name == flag);
        let (name, on, says, default) = match (option, row.name) {
            (Some(Name::RoleArn), _) => (
                format!("{PREFIX}/{}", row.name),
                "ServiceAccount",
                "The role that its pods assume, by its ARN or, with `--aws-account-id`, by its name.",
                "",
            ),
            (Some(_), _) => {
                let flag = flag.with_context(|| format!("no flag is named --{}", row.name))?;
                let name = format!("{PREFIX}/{}", row.name);
                (name, "ServiceAccount, pod", &*flag.text, "the flag")
            }
            (None, name) if name == INJECT_LABEL => (
                name.to_owned(),
                "pod (label)",
                "`true`: must not start without credentials; `false`: leave it alone.",
                "inject where it can be done",
            ),
            (None, name) if name == GOOGLE_SERVICE_ACCOUNT => (
                name.to_owned(),
                "ServiceAccount",
                "GKE's own link to a Google service account; only its tokens are published.",
                "",
            ),
            (None, name) if name == INJECTED => (
                name.to_owned(),
                "pod, by the webhook",
                "What was added, so that a pod which is restored or copied is brought up to date.",
                "",
            ),
            (None, name) => bail!("{name} is read by nobody"),
        };
        let (right, wrong, example) = (row.right, row.wrong, row.example);
        writeln!(
            text,
            "| `{name}` | {on} | {says} | {default} | `{example}` | `{right}`, `{wrong}` |"
        )?;
    }
    for name in Name::ALL.map(Name::as_str) {
        if !ANNOTATIONS.iter().any(|row| row.name == name) {
            bail!("the annotation {name} has no row in xtask/src/codegen/reference.rs");
        }
    }
    Ok(())
}

/// What a program tells, beside what is known of it here.
fn section(text: &mut String, title: &str, entries: &[Entry], rows: &[Row]) -> anyhow::Result<()> {
    write!(
        text,
        "\n## {title}\n\n| name | what it says | default | variable | example | shown by |\n|---|---|---|---|---|---|\n"
    )?;
    for entry in entries {
        let name = &entry.name;
        let row = rows.iter().find(|row| row.name == name);
        let Some(Row {
            example,
            right,
            wrong,
            ..
        }) = row
        else {
            bail!(
                "{name} has no row in xtask/src/codegen/reference.rs; say by which tests it is held"
            );
        };
        let says = entry.text.replace('|', "\\|");
        let code = |text: &str| {
            if text.is_empty() {
                String::new()
            } else {
                format!("`{text}`")
            }
        };
        let (default, variable) = (code(&entry.default), code(&entry.variable));
        let signature = format!("{name}{}", separated(&entry.value)).replace('|', "\\|");
        writeln!(
            text,
            "| `{signature}` | {says} | {default} | {variable} | {} | `{right}`, `{wrong}` |",
            code(example)
        )?;
    }
    let is_gone = |row: &&Row| !entries.iter().any(|entry| entry.name == row.name);
    if let Some(row) = rows.iter().find(is_gone) {
        bail!(
            "{} is in xtask/src/codegen/reference.rs, but no program tells of it",
            row.name
        );
    }
    Ok(())
}

/// A value behind its flag.
fn separated(value: &str) -> String {
    if value.starts_with('<') {
        format!(" {value}")
    } else {
        value.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Every Rust file below a folder, as one text.
    fn sources(folder: &Path, text: &mut String) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                sources(&path, text);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }

    #[test]
    fn each_row_names_where_it_takes_effect_and_where_it_is_wrong() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
        let mut text = String::new();
        sources(&crates, &mut text);
        let cases = crates.join("gtoken-inject/tests/cases");
        for row in [ANNOTATIONS, WEBHOOK, AGENT, VARIABLES]
            .into_iter()
            .flatten()
        {
            for proof in [row.right, row.wrong] {
                let exists = cases.join(proof).is_dir() || text.contains(&format!("fn {proof}("));
                assert!(exists, "{}: there is no {proof}", row.name);
            }
        }
    }
}
