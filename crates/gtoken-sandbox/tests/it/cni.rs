//! The CNI plugin as container runtimes run it: by its file's name, with variables and standard input.

use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn run(mut command: Command, verb: &str, configuration: &Value) -> (bool, String) {
    let mut child = command
        .env_clear()
        .envs([
            ("CNI_COMMAND", verb),
            ("CNI_CONTAINERID", "c1"),
            ("CNI_NETNS", "/run/netns/x"),
            ("CNI_IFNAME", "eth0"),
            ("CNI_PATH", "/opt/cni/bin"),
            (
                "CNI_ARGS",
                "K8S_POD_NAMESPACE=team;K8S_POD_NAME=reader;K8S_POD_UID=u1",
            ),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let mut input = child.stdin.take().expect("piped");
    input
        .write_all(configuration.to_string().as_bytes())
        .expect("read");
    drop(input);
    let Output { status, stdout, .. } = child.wait_with_output().expect("an end");
    (status.success(), String::from_utf8(stdout).expect("UTF-8"))
}

fn linked(folder: &Path) -> Command {
    let link = folder.join("gtoken-sandbox-cni");
    if !link.exists() {
        symlink(env!("CARGO_BIN_EXE_gtoken-sandbox"), &link).expect("a link");
    }
    Command::new(link)
}

#[test]
fn by_its_name_the_program_is_the_plugin() {
    let folder = tempfile::tempdir().unwrap();
    let pods = folder.path().join("pods");
    let result = json!({"cniVersion": "1.0.0", "ips": [{"address": "10.0.0.9/24"}]});
    let configuration = json!({
        "cniVersion": "1.0.0", "name": "bed", "type": "gtoken-sandbox-cni",
        "podsFolder": pods, "prevResult": result,
    });
    let (ok, printed) = run(linked(folder.path()), "ADD", &configuration);
    assert!(ok, "{printed}");
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), result);
    let entry = std::fs::read(pods.join("10.0.0.9")).unwrap();
    let entry: Value = serde_json::from_slice(&entry).unwrap();
    assert_eq!(entry["name"], "reader");

    assert_eq!(
        run(linked(folder.path()), "CHECK", &configuration),
        (true, String::new())
    );
    assert_eq!(
        run(linked(folder.path()), "DEL", &configuration),
        (true, String::new())
    );
    assert_eq!(pods.read_dir().unwrap().count(), 0);
}

#[test]
fn as_a_command_it_is_the_plugin_too_and_refuses_in_cnis_form() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gtoken-sandbox"));
    command.arg("cni");
    let (ok, printed) = run(command, "ADD", &json!({"cniVersion": "1.0.0"}));
    assert!(!ok);
    let error: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(
        (&error["cniVersion"], &error["code"]),
        (&json!("1.0.0"), &json!(7))
    );
    assert!(error["msg"].as_str().unwrap().contains("podsFolder"));
}
