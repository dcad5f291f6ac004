//! Each case is a folder of `tests/cases`: a review, its ServiceAccount and settings, and what comes of them.
//!
//! `README.md` says in a line what the case is about, `review.json` is the request,
//! `service-account.yaml` the ServiceAccount as the cluster has it (absent: there is none), `settings.yaml` what differs from the defaults.
//! `expected-pod.yaml` is the pod as it will be stored, and `expected-answer.yaml` all else that the answer says.
//! `UPDATE_CASES=1 cargo test -p gtoken-inject` rewrites the expected files; read the difference before you commit it.

use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use gtoken_contract::AwsAccount;
use gtoken_inject::{
    Binding, Decision, Dialect, MAX_WARNING, Options, Review, ServerVersion, Settings, Subject,
    Unbound, decide,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// Names each folder once; the tidy check compares this list with the folders.
macro_rules! cases {
    ($($test:ident => $folder:literal),* $(,)?) => {
        $(#[test] fn $test() { check($folder); })*
    };
}

cases! {
    agent_flags => "agent-flags",
    all_variables_of_the_user => "all-variables-of-the-user",
    d5_the_go_gtoken_doubled_everything_in_its_own_output => "already-injected",
    already_injected_native => "already-injected-native",
    annotation_misspelt => "annotation-misspelt",
    annotation_prefixes => "annotation-prefixes",
    annotation_prefixes_by_priority => "annotation-prefixes-by-priority",
    annotation_prefixes_others_are_not_read => "annotation-prefixes-others-are-not-read",
    arn_china => "arn-china",
    arn_european_sovereign => "arn-european-sovereign",
    arn_govcloud => "arn-govcloud",
    arn_iso => "arn-iso",
    arn_iso_b => "arn-iso-b",
    arn_iso_e => "arn-iso-e",
    arn_iso_f => "arn-iso-f",
    arn_malformed => "arn-malformed",
    arn_malformed_with_control_characters => "arn-malformed-with-control-characters",
    arn_with_path => "arn-with-path",
    d16_the_audience_was_a_constant => "audience-of-the-service-account",
    audience_with_control_characters => "audience-with-control-characters",
    clash_container_elsewhere => "clash-container-elsewhere",
    clash_container_name => "clash-container-name",
    clash_gate_among_containers => "clash-gate-among-containers",
    clash_mount_above => "clash-mount-above",
    clash_mount_below => "clash-mount-below",
    clash_mount_of_a_part => "clash-mount-of-a-part",
    d6_the_go_gtoken_mounted_over_the_mount_of_a_user => "clash-mount-path",
    clash_volume_name => "clash-volume-name",
    cluster_source => "cluster-source",
    cluster_source_by_flag => "cluster-source-by-flag",
    cluster_source_clash_mount_above => "cluster-source-clash-mount-above",
    cluster_source_clash_volume => "cluster-source-clash-volume",
    cluster_source_host_network => "cluster-source-host-network",
    cluster_source_takes_any_name => "cluster-source-takes-any-name",
    cluster_source_windows => "cluster-source-windows",
    container_added_after_injection => "container-added-after-injection",
    copied_under_another_name => "copied-under-another-name",
    deployment_forced_native => "deployment-forced-native",
    dollars_stay_dollars => "dollars-stay-dollars",
    d4_the_go_gtoken_mounted_a_volume_that_was_not_there_on_dry_run => "dry-run",
    eks_chart_with_tokens_of_the_cluster => "eks-chart-with-tokens-of-the-cluster",
    eks_role_left_over => "eks-role-left-over",
    eks_role_malformed => "eks-role-malformed",
    eks_role_with_google_account => "eks-role-with-google-account",
    empty_arrays => "empty-arrays",
    ephemeral_containers => "ephemeral-containers",
    escaped_names => "escaped-names",
    existing_volumes_and_mounts => "existing-volumes-and-mounts",
    d1_all_peers_lost_fields_that_they_did_not_know => "fields-no-version-knows",
    d1_the_go_gtoken_lost_fields_of_pods_that_asked_for_nothing => "fields-of-a-pod-that-asks-for-nothing",
    flag_forces_native => "flag-forces-native",
    gate_injected_on_an_old_cluster => "gate-injected-on-an-old-cluster",
    generate_name => "generate-name",
    generate_name_too_long => "generate-name-too-long",
    google_identity_malformed => "google-identity-malformed",
    google_identity_missing => "google-identity-missing",
    google_source_for_one_pod => "google-source-for-one-pod",
    d33_pods_on_the_network_of_the_node_got_its_identity => "host-network",
    host_network_without_role => "host-network-without-role",
    image_pull_secrets => "image-pull-secrets",
    image_pull_secrets_without_agent => "image-pull-secrets-without-agent",
    include_containers => "include-containers",
    include_containers_by_flag => "include-containers-by-flag",
    include_containers_with_an_empty_part => "include-containers-with-an-empty-part",
    init_containers => "init-containers",
    injected_by_the_go_gtoken => "injected-by-the-go-gtoken",
    job_forced_classic => "job-forced-classic",
    d7_jobs_never_ended => "job-native",
    job_on_an_old_cluster => "job-on-an-old-cluster",
    job_restarts_on_failure => "job-restarts-on-failure",
    label_as_annotation => "label-as-annotation",
    labelled_false => "labelled-false",
    labelled_perhaps => "labelled-perhaps",
    labelled_true => "labelled-true",
    labelled_true_all_skipped => "labelled-true-all-skipped",
    labelled_true_clash => "labelled-true-clash",
    labelled_true_host_network => "labelled-true-host-network",
    labelled_true_left_over => "labelled-true-left-over",
    labelled_true_malformed_role => "labelled-true-malformed-role",
    labelled_true_mirror_pod => "labelled-true-mirror-pod",
    labelled_true_windows => "labelled-true-windows",
    labelled_true_without_role => "labelled-true-without-role",
    labelled_true_without_service_account => "labelled-true-without-service-account",
    linux_by_os => "linux-by-os",
    long_names => "long-names",
    mirror_pod => "mirror-pod",
    missing_arrays => "missing-arrays",
    mount_above_writable => "mount-above-writable",
    native_on_a_very_old_cluster => "native-on-a-very-old-cluster",
    native_on_very_old_cluster_in_a_job => "native-on-very-old-cluster-in-a-job",
    no_containers => "no-containers",
    d2_an_empty_service_account_name_ended_the_go_gtoken => "no-service-account-name",
    not_a_creation => "not-a-creation",
    not_a_pod => "not-a-pod",
    null_arrays => "null-arrays",
    an_object_that_is_null_ended_the_go_gtoken => "object-null",
    own_pod_name => "own-pod-name",
    own_settings => "own-settings",
    plain => "plain",
    pod_forces_classic => "pod-forces-classic",
    pod_level_resources => "pod-level-resources",
    pod_level_resources_empty => "pod-level-resources-empty",
    record_malformed => "record-malformed",
    record_of_strangers => "record-of-strangers",
    region => "region",
    region_by_flag => "region-by-flag",
    region_malformed => "region-malformed",
    region_of_the_user => "region-of-the-user",
    reinvoked_with_a_container_added => "reinvoked-with-a-container-added",
    restored_by_a_newer_agent => "restored-by-a-newer-agent",
    restored_from_tokens_of_the_cluster => "restored-from-tokens-of-the-cluster",
    restored_to_tokens_of_the_cluster => "restored-to-tokens-of-the-cluster",
    restored_unchanged => "restored-unchanged",
    restored_with_a_change_of_the_user => "restored-with-a-change-of-the-user",
    restored_with_another_agent => "restored-with-another-agent",
    restored_with_another_role => "restored-with-another-role",
    restored_with_another_volume => "restored-with-another-volume",
    role_arn_beside_account => "role-arn-beside-account",
    role_name => "role-name",
    role_name_malformed => "role-name-malformed",
    role_name_without_account => "role-name-without-account",
    role_on_pod => "role-on-pod",
    d23_the_go_gtoken_broke_pod_security_restricted => "security-contexts",
    d2_a_service_account_that_is_missing_ended_the_go_gtoken => "service-account-missing",
    service_account_null_annotations => "service-account-null-annotations",
    service_account_without_role => "service-account-without-role",
    d27_session_names_said_nothing => "session-name",
    session_name_generated => "session-name-generated",
    session_name_of_a_node => "session-name-of-a-node",
    session_name_of_each_pod => "session-name-of-each-pod",
    several_containers => "several-containers",
    sidecar_mode_misspelt => "sidecar-mode-misspelt",
    d24_foreign_sidecars_got_a_token_that_they_could_write => "skip-containers",
    skip_containers_all => "skip-containers-all",
    skip_containers_by_flag => "skip-containers-by-flag",
    skip_containers_with_an_empty_part => "skip-containers-with-an-empty-part",
    sts_regional_endpoints => "sts-regional-endpoints",
    sts_regional_endpoints_by_flag => "sts-regional-endpoints-by-flag",
    sts_regional_endpoints_malformed => "sts-regional-endpoints-malformed",
    token_expiration => "token-expiration",
    token_expiration_by_flag => "token-expiration-by-flag",
    token_expiration_out_of_range => "token-expiration-out-of-range",
    token_source_misspelt => "token-source-misspelt",
    d6_the_go_gtoken_doubled_the_role_arn_of_a_user => "user-role-arn",
    user_session_name => "user-session-name",
    user_token_file => "user-token-file",
    user_variables_from_sources => "user-variables-from-sources",
    user_wants_ec2_metadata => "user-wants-ec2-metadata",
    v1beta1 => "v1beta1",
    windows_by_affinity => "windows-by-affinity",
    windows_by_node_selector => "windows-by-node-selector",
    windows_by_one_term_only => "windows-by-one-term-only",
    windows_by_options => "windows-by-options",
    windows_by_os => "windows-by-os",
}

/// What of the settings a case may change.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct CaseSettings {
    server_version: Option<String>,
    annotation_prefixes: Option<String>,
    aws_account_id: Option<String>,
    aws_partition: Option<String>,
    agent_flags: Vec<String>,
    image_pull_secrets: Vec<String>,
    include_containers: Option<String>,
    region: Option<String>,
    session_name: Option<String>,
    sidecar_mode: Option<String>,
    skip_containers: Option<String>,
    sts_regional_endpoints: Option<bool>,
    token_expiration: Option<String>,
    token_source: Option<String>,
    image: Option<String>,
    pull_policy: Option<String>,
    volume_name: Option<String>,
    volume_path: Option<String>,
    token_file: Option<String>,
    audience: Option<String>,
    memory_limit: Option<String>,
    run_as_user: Option<u32>,
}

/// The newest Kubernetes that the cases know, unless one says otherwise.
const SERVER: ServerVersion = ServerVersion {
    major: 1,
    minor: 34,
};

#[track_caller]
fn check(case: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases")
        .join(case);
    let body = fs::read(folder.join("review.json")).expect("each case has a review.json");
    let request: Value = serde_json::from_slice(&body).expect("review.json is JSON");
    let (settings, server) = settings(&folder);
    let review = Review::parse(&body).expect("the review can be answered");
    let answer: Value =
        serde_json::from_slice(&review.answer(&decision(&review, &folder, &settings, server)))
            .expect("the answer is JSON");

    assert_eq!(
        answer["apiVersion"], request["apiVersion"],
        "answered in the version received"
    );
    assert_eq!(answer["response"]["uid"], request["request"]["uid"]);
    let pod = patched(&request["request"]["object"], &answer["response"]);
    expect(&folder.join("expected-pod.yaml"), &pod);
    expect(
        &folder.join("expected-answer.yaml"),
        &summary(&answer["response"]),
    );
}

fn decision(
    review: &Review<'_>,
    folder: &Path,
    settings: &Settings,
    server: ServerVersion,
) -> Decision {
    match review.subject() {
        Subject::Pod(pod) => decide(
            pod,
            binding(folder, &settings.dialect).as_ref(),
            settings,
            server,
        ),
        Subject::Nothing(reason) => Decision::Skip(reason.clone()),
    }
}

fn binding(folder: &Path, dialect: &Dialect) -> Result<Binding, Unbound> {
    let path = folder.join("service-account.yaml");
    let service_account = if path.exists() {
        yaml::<Value>(&path)
    } else {
        return Err(Unbound::NotFound);
    };
    let annotations = service_account["metadata"]["annotations"].as_object();
    let texts = annotations.into_iter().flatten();
    let texts = texts.map(|(name, value)| (name.as_str(), value.as_str().expect("text")));
    Binding::parse(dialect, texts)
}

fn settings(folder: &Path) -> (Settings, ServerVersion) {
    let path = folder.join("settings.yaml");
    let case: CaseSettings = if path.exists() {
        yaml(&path)
    } else {
        CaseSettings::default()
    };
    let mut settings = Settings::default();
    let replace = |setting: &mut String, value: Option<String>| {
        if let Some(value) = value {
            *setting = value;
        }
    };
    replace(&mut settings.image, case.image);
    replace(&mut settings.volume_name, case.volume_name);
    replace(&mut settings.volume_path, case.volume_path);
    replace(&mut settings.token_file, case.token_file);
    replace(&mut settings.resources.memory_limit, case.memory_limit);
    settings.run_as_user = case.run_as_user.unwrap_or(settings.run_as_user);
    settings.agent_flags = case.agent_flags;
    settings.image_pull_secrets = case.image_pull_secrets;
    if let Some(policy) = case.pull_policy {
        settings.pull_policy = parsed(&policy);
    }
    if let Some(prefixes) = case.annotation_prefixes {
        settings.dialect.prefixes = parsed(&prefixes);
    }
    settings.dialect.account = case.aws_account_id.map(|id| AwsAccount {
        id: parsed(&id),
        partition: case
            .aws_partition
            .as_deref()
            .map(parsed)
            .unwrap_or_default(),
    });
    let defaults = settings.options;
    settings.options = Options {
        audience: case.audience.as_deref().map(parsed),
        include_containers: case.include_containers.as_deref().map(parsed),
        region: case.region.as_deref().map(parsed),
        session_name: case
            .session_name
            .as_deref()
            .map(parsed)
            .or(defaults.session_name),
        sidecar_mode: case
            .sidecar_mode
            .as_deref()
            .map(parsed)
            .or(defaults.sidecar_mode),
        skip_containers: case.skip_containers.as_deref().map(parsed),
        sts_regional_endpoints: case
            .sts_regional_endpoints
            .or(defaults.sts_regional_endpoints),
        token_expiration: case
            .token_expiration
            .as_deref()
            .map(parsed)
            .or(defaults.token_expiration),
        token_source: case
            .token_source
            .as_deref()
            .map(parsed)
            .or(defaults.token_source),
    };
    let server = case.server_version.map(|version| {
        let (major, minor) = version.split_once('.').expect("MAJOR.MINOR");
        ServerVersion::parse(major, minor).expect("a version")
    });
    (settings, server.unwrap_or(SERVER))
}

/// A setting as its flag takes it.
fn parsed<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("a value that the flag takes")
}

/// Applies the answer's patch as an API server would; without one the pod stays as it was sent.
fn patched(pod: &Value, response: &Value) -> Value {
    let mut pod = pod.clone();
    if let Some(patch) = response.get("patch") {
        assert_eq!(response["patchType"], "JSONPatch");
        let bytes = base64_decode(patch.as_str().expect("a patch is base64 text"));
        let patch: json_patch::Patch =
            serde_json::from_slice(&bytes).expect("the patch is an RFC 6902 patch");
        json_patch::patch(&mut pod, &patch).expect("the patch applies to the pod that was sent");
    } else {
        assert_eq!(response.get("patchType"), None);
    }
    pod
}

fn base64_decode(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .expect("a patch is base64 text")
}

/// All that an answer says beside its patch.
fn summary(response: &Value) -> Value {
    let warnings = response.get("warnings").cloned().unwrap_or(json!([]));
    for warning in warnings.as_array().expect("warnings are a list") {
        let characters = warning.as_str().expect("a warning is text").chars().count();
        assert!(
            characters <= MAX_WARNING,
            "{characters} characters: {warning}"
        );
    }
    json!({
        "allowed": response["allowed"],
        "outcome": response["auditAnnotations"]["outcome"],
        "patched": response.get("patch").is_some(),
        "warnings": warnings,
        "message": response.get("status").map_or(&Value::Null, |status| &status["message"]),
    })
}

#[track_caller]
fn expect(path: &PathBuf, actual: &Value) {
    if std::env::var_os("UPDATE_CASES").is_some() {
        fs::write(path, serde_saphyr::to_string(actual).expect("JSON is YAML"))
            .expect("the case's folder is writable");
    }
    let expected: Value = yaml(path);
    assert!(
        expected == *actual,
        "{} differs\nexpected:\n{}\nactual:\n{}",
        path.display(),
        serde_saphyr::to_string(&expected).expect("JSON is YAML"),
        serde_saphyr::to_string(actual).expect("JSON is YAML"),
    );
}

#[track_caller]
fn yaml<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
