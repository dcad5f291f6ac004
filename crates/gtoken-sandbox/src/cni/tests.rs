use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use super::*;

const ARGS: &str = "IgnoreUnknown=1;K8S_POD_NAMESPACE=team;K8S_POD_NAME=reader;K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_UID=u1";

fn configuration(folder: &Path) -> Value {
    json!({
        "cniVersion": "1.0.0", "name": "bed", "type": "gtoken-sandbox-cni", "podsFolder": folder,
        "prevResult": {
            "cniVersion": "1.0.0", "interfaces": [{"name": "eth0"}],
            "ips": [{"address": "10.244.0.5/20", "interface": 0}, {"address": "fd00::5/64"}],
        },
    })
}

fn call(command: &str, args: &str, configuration: &Value) -> Result<String, Value> {
    let variables = HashMap::from([
        ("CNI_COMMAND", command),
        ("CNI_CONTAINERID", "c1"),
        ("CNI_ARGS", args),
    ]);
    let environment = |name: &str| variables.get(name).map(ToString::to_string);
    let now = UNIX_EPOCH + Duration::from_millis(1_500);
    run(&environment, configuration.to_string().as_bytes(), now)
        .map_err(|failure| failure.to_json())
}

#[test]
fn add_writes_each_address_and_hands_on_what_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = configuration(folder.path());
    let printed = call("ADD", ARGS, &configuration).unwrap();
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed, configuration["prevResult"]);
    for address in ["10.244.0.5", "fd00::5"] {
        let text = std::fs::read(folder.path().join(address)).unwrap();
        let entry: Value = serde_json::from_slice(&text).unwrap();
        let expected = json!({
            "namespace": "team", "name": "reader", "uid": "u1", "containerID": "c1", "since": 1500,
        });
        assert_eq!(entry, expected, "{address}");
    }
}

#[test]
fn del_takes_it_all_back_and_may_be_called_again_and_without_a_result() {
    let folder = tempfile::tempdir().unwrap();
    let mut configuration = configuration(folder.path());
    call("ADD", ARGS, &configuration).unwrap();
    configuration.as_object_mut().unwrap().remove("prevResult");
    for _ in 0..2 {
        assert_eq!(call("DEL", "", &configuration).as_deref(), Ok(""));
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}

#[test]
fn check_finds_what_add_left_and_misses_what_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = configuration(folder.path());
    call("ADD", ARGS, &configuration).unwrap();
    assert_eq!(call("CHECK", ARGS, &configuration).as_deref(), Ok(""));
    std::fs::remove_file(folder.path().join("fd00::5")).unwrap();
    let failure = call("CHECK", ARGS, &configuration).unwrap_err();
    assert_eq!(failure["code"], 100);
    assert!(
        failure["msg"].as_str().unwrap().contains("fd00::5"),
        "{failure}"
    );
}

#[test]
fn the_versions_spoken_are_told() {
    let printed = call("VERSION", "", &json!({"cniVersion": "0.4.0"})).unwrap();
    let printed: Value = serde_json::from_str(&printed).unwrap();
    let expected = json!({"cniVersion": "0.4.0", "supportedVersions": ["0.4.0", "1.0.0"]});
    assert_eq!(printed, expected);
}

#[test]
fn what_a_runtime_or_its_configuration_lacks_is_said_by_code() {
    let folder = tempfile::tempdir().unwrap();
    let good = configuration(folder.path());
    let without = |name: &str| {
        let mut spoilt = good.clone();
        spoilt.as_object_mut().unwrap().remove(name);
        spoilt
    };
    let with = |name: &str, value: Value| {
        let mut spoilt = good.clone();
        spoilt[name] = value;
        spoilt
    };
    for (command, args, configuration, code, part) in [
        ("ADD", ARGS, without("prevResult"), 7, "prevResult"),
        ("ADD", ARGS, without("podsFolder"), 7, "podsFolder"),
        (
            "ADD",
            ARGS,
            with("podsFolder", json!("pods")),
            7,
            "absolute",
        ),
        (
            "ADD",
            ARGS,
            with("prevResult", json!({"ips": []})),
            7,
            "no ips",
        ),
        (
            "ADD",
            ARGS,
            with("prevResult", json!({"ips": [{"address": "x"}]})),
            7,
            "no ips",
        ),
        (
            "ADD",
            ARGS,
            with("podsFolder", json!("/dev/null/pods")),
            5,
            "/dev/null/pods",
        ),
        (
            "ADD",
            ARGS,
            with("cniVersion", json!("0.2.0")),
            1,
            "0.4.0 and 1.0.0",
        ),
        (
            "ADD",
            "K8S_POD_NAMESPACE=team",
            good.clone(),
            4,
            "K8S_POD_NAME",
        ),
        ("STATUS", ARGS, good.clone(), 4, "STATUS"),
        ("ADD", ARGS, json!([1]), 6, "no JSON"),
    ] {
        let failure = call(command, args, &configuration).unwrap_err();
        assert_eq!(failure["code"], code, "{failure}");
        let message = failure["msg"].as_str().unwrap();
        assert!(message.contains(part), "{failure}");
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn an_id_that_would_leave_the_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let input = configuration(folder.path()).to_string();
    let environment = |name: &str| match name {
        "CNI_COMMAND" => Some("DEL".to_owned()),
        "CNI_CONTAINERID" => Some("../x".to_owned()),
        _ => None,
    };
    let failure = run(&environment, input.as_bytes(), UNIX_EPOCH).unwrap_err();
    assert_eq!(failure.to_json()["code"], 4);
}
