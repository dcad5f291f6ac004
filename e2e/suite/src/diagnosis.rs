//! What explains a failure: everything that is known of a test's pods, gathered before they are deleted.

use std::fmt::Write as _;

use serde_json::Value;

use crate::install::NAMESPACE;
use crate::kubectl::Kubectl;
use crate::tenant::Tenant;

/// The end of a log that is shown, in lines.
const TAIL: &str = "--tail=100";

/// All of it, in sections with a headline each. What cannot be had says why in its place.
pub(crate) fn of(tenant: &Tenant<'_>, since: &str) -> String {
    let (kubectl, namespace) = (&tenant.world().kubectl, tenant.namespace());
    let mut report = String::new();
    let events = [
        "get",
        "events",
        "--namespace",
        namespace,
        "--sort-by=.lastTimestamp",
    ];
    section(&mut report, "events", kubectl.run(events));
    let pods = ["get", "pods", "--namespace", namespace, "--output=yaml"];
    section(&mut report, "pods", kubectl.run(pods));
    logs(&mut report, kubectl, namespace);
    section(&mut report, "webhook", webhook(kubectl, since));
    if let Ok(cloud) = tenant.cloud() {
        let calls = cloud.calls(namespace);
        section(&mut report, "calls of STS", calls.map(|it| lines(&it)));
        let requests = cloud.requests(namespace);
        let requests = requests.map(|it| lines(&it));
        section(&mut report, "requests at the metadata server", requests);
    }
    report
}

/// What the webhook itself has to say, when it is what does not work.
pub(crate) fn of_webhook(kubectl: &Kubectl) -> String {
    let mut report = String::new();
    let pods = ["get", "pods", "--namespace", NAMESPACE, "--output=yaml"];
    section(&mut report, "pods", kubectl.run(pods));
    let events = ["get", "events", "--namespace", NAMESPACE];
    section(&mut report, "events", kubectl.run(events));
    section(&mut report, "webhook", webhook(kubectl, "10m"));
    report
}

fn webhook(kubectl: &Kubectl, since: &str) -> anyhow::Result<String> {
    kubectl.run([
        "logs",
        "--namespace",
        NAMESPACE,
        "--selector=app.kubernetes.io/name=gtoken-webhook",
        "--prefix",
        TAIL,
        &format!("--since={since}"),
    ])
}

/// The logs of each container, and of its life before this one where it had any.
fn logs(report: &mut String, kubectl: &Kubectl, namespace: &str) {
    let Ok(list) = kubectl.get(&["pods", "--namespace", namespace]) else {
        return;
    };
    for pod in list["items"].as_array().into_iter().flatten() {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        for (container, restarts) in containers(pod) {
            let mut log = |previous: &[&str]| {
                let own: &[&str] = &["logs", "--namespace", namespace, name, TAIL, "--container"];
                let said = kubectl.run([own, &[container], previous].concat());
                let headline = [&[name, container], previous].concat().join(" ");
                section(report, &format!("logs of {headline}"), said);
            };
            log(&[]);
            if restarts > 0 {
                log(&["--previous"]);
            }
        }
    }
}

/// Each container of a pod with how often it was restarted.
fn containers(pod: &Value) -> Vec<(&str, u64)> {
    let lists = ["initContainerStatuses", "containerStatuses"].iter();
    let statuses = lists
        .filter_map(|list| pod["status"][*list].as_array())
        .flatten();
    let told = statuses.filter_map(|status| {
        Some((
            status["name"].as_str()?,
            status["restartCount"].as_u64().unwrap_or_default(),
        ))
    });
    told.collect()
}

fn lines(entries: &[Value]) -> String {
    entries.iter().fold(String::new(), |mut text, entry| {
        let _ = writeln!(text, "{entry}");
        text
    })
}

fn section(report: &mut String, headline: &str, text: anyhow::Result<String>) {
    let text = text.unwrap_or_else(|error| format!("could not be had: {error:#}"));
    let _ = writeln!(report, "--- {headline}\n{}", text.trim_end());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_container_is_asked_for_its_log() {
        let pod = json!({"status": {
            "initContainerStatuses": [{"name": "gate", "restartCount": 2}],
            "containerStatuses": [{"name": "app"}],
        }});
        assert_eq!(containers(&pod), [("gate", 2), ("app", 0)]);
        assert!(containers(&json!({})).is_empty());
    }

    #[test]
    fn what_cannot_be_had_says_why() {
        let mut report = String::new();
        section(&mut report, "events", Err(anyhow::anyhow!("no route")));
        section(&mut report, "pods", Ok("web\n".into()));
        assert_eq!(
            report,
            "--- events\ncould not be had: no route\n--- pods\nweb\n"
        );
    }
}
