//! What the programs do not say of their settings: an example, and by which tests each is shown.
//!
//! `shown.rs` tries whether those tests are there and are about the setting.

use gtoken_inject::annotation::{GOOGLE_SERVICE_ACCOUNT, INJECT_LABEL, INJECTED};

/// What the programs do not say of a setting.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) example: &'static str,
    /// The case folder or test where it takes effect.
    pub(super) right: &'static str,
    /// The case folder or test where it is wrong.
    pub(super) wrong: &'static str,
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
const PARSED_AS_GO: &str = "takes_every_flag_of_the_go_gtoken";
const OVER_LIMIT: &str = "a_request_over_its_limit_would_reject_every_pod_and_is_refused";
const BAD_VALUE: &str = "a_bad_value_is_named_with_its_flag_and_the_reason";

const TLS: &str = "each_mode_of_tls_takes_its_own_flags";
const NO_TIME: &str = "durations_that_leave_no_time_to_renew_are_refused_with_the_rule";

/// Annotations by their part behind the slash, others by their whole name.
pub(super) const ANNOTATIONS: &[Row] = &[
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
    row(
        INJECT_LABEL,
        "true",
        "labelled-true-without-role",
        "labelled-perhaps",
    ),
];

/// Flags of `gtoken-webhook server`.
pub(super) const WEBHOOK: &[Row] = &[
    row("--listen-address", ":10250", PARSED_AS_GO, REFUSED),
    row(
        "--log-level",
        "debug",
        "a_review_is_logged_with_who_and_what_unless_it_asks_for_nothing",
        "an_unknown_log_level_is_refused",
    ),
    row(
        "--json",
        "true",
        "the_log_flags_stand_before_and_after_the_command",
        REFUSED,
    ),
    row(
        "--tls-mode",
        "self",
        "with_tls_off_reviews_are_answered_on_the_loopback_interface",
        REFUSED,
    ),
    row(
        "--tls-cert-file",
        "/tls/tls.crt",
        "go_gtoken_served_its_first_certificate_for_ever",
        "certificate_files_that_cannot_be_used_are_named",
    ),
    row(
        "--tls-private-key-file",
        "/tls/tls.key",
        "go_gtoken_served_its_first_certificate_for_ever",
        "certificate_files_that_cannot_be_used_are_named",
    ),
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
    row(
        "--drain-delay",
        "15s",
        "new_connections_are_served_during_the_drain_delay_but_not_called_for",
        REFUSED,
    ),
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
    row(
        "--telemetry-listen-address",
        ":8080",
        "metrics_may_have_a_listener_of_their_own",
        REFUSED,
    ),
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
        REFUSED,
    ),
    row("--aws-account-id", "123456789012", "role-name", REFUSED),
    row(
        "--aws-partition",
        "aws-cn",
        "role-name",
        "a_partition_without_its_account_is_refused_and_both_are_named",
    ),
    row("--audience", "sts.amazonaws.com", "own-settings", REFUSED),
    row(
        "--include-containers",
        "app",
        "include-containers-by-flag",
        REFUSED,
    ),
    row("--region", "eu-central-1", "region-by-flag", REFUSED),
    row(
        "--session-name",
        "gtoken-webhook-{uid}",
        "session-name-of-each-pod",
        REFUSED,
    ),
    row("--sidecar-mode", "native", "flag-forces-native", REFUSED),
    row(
        "--skip-containers",
        "istio-proxy",
        "skip-containers-by-flag",
        REFUSED,
    ),
    row(
        "--sts-regional-endpoints",
        "true",
        "sts-regional-endpoints-by-flag",
        REFUSED,
    ),
    row(
        "--token-expiration",
        "86400",
        "token-expiration-by-flag",
        REFUSED,
    ),
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
    row(
        "--agent-cpu-request",
        "5m",
        "the_flags_reach_the_pod",
        OVER_LIMIT,
    ),
    row(
        "--agent-cpu-limit",
        "200m",
        "the_flags_reach_the_pod",
        OVER_LIMIT,
    ),
    row(
        "--agent-memory-request",
        "8Mi",
        "the_flags_reach_the_pod",
        OVER_LIMIT,
    ),
    row("--agent-memory-limit", "64Mi", "own-settings", OVER_LIMIT),
    row("--agent-run-as-user", "1337", "own-settings", REFUSED),
];

/// Flags of `gtoken`.
pub(super) const AGENT: &[Row] = &[
    row(
        "--refresh",
        "false",
        "one_token_goes_to_standard_output_without_a_newline",
        "refresh_takes_a_value_only_by_an_equals_sign",
    ),
    row(
        "--file",
        "/run/token",
        "the_token_file_has_mode_0644_under_any_umask",
        "a_value_that_cannot_be_used_ends_it_with_2_and_the_reason",
    ),
    row(
        "--audience",
        "sts.amazonaws.com",
        "asks_as_a_metadata_server_wants_to_be_asked",
        "a_value_that_cannot_be_used_ends_it_with_2_and_the_reason",
    ),
    row(
        "--source",
        "metadata",
        "a_key_of_a_service_account",
        BAD_VALUE,
    ),
    row(
        "--service-account",
        "reader@my-project.iam.gserviceaccount.com",
        "iam_credentials_with_the_access_token_of_the_metadata_server",
        BAD_VALUE,
    ),
    row(
        "--expect-identity",
        "reader@my-project.iam.gserviceaccount.com",
        "the_expected_identity_is_published",
        BAD_VALUE,
    ),
    row(
        "--timeout",
        "90s",
        "a_silent_metadata_server_holds_a_one_shot_no_longer_than_its_timeout",
        "a_value_that_cannot_be_used_ends_it_with_2_and_the_reason",
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
        "a_log_for_programs_is_an_object_a_line",
        BAD_VALUE,
    ),
];

/// Variables that `gtoken` reads.
pub(super) const VARIABLES: &[Row] = &[
    row(
        "GCE_METADATA_HOST",
        "127.0.0.1:8080",
        "takes_hosts_with_and_without_a_port",
        "a_metadata_host_that_is_none_ends_it_with_2",
    ),
    row(
        "GOOGLE_APPLICATION_CREDENTIALS, CLOUDSDK_CONFIG, HOME",
        "/etc/key.json",
        "auto_takes_what_gcloud_left_at_home",
        "a_file_that_is_missing_is_named_with_what_names_it",
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
        "a_workload_with_its_subject_token_from_a_program_that_may_be_run",
    ),
    row(
        "SSL_CERT_FILE",
        "/etc/ssl/ca.pem",
        "a_server_that_nobody_vouches_for_is_told_nothing",
        "a_file_without_authorities_is_named",
    ),
    row(
        "HTTPS_PROXY, NO_PROXY",
        "http://proxy.example:3128",
        "a_proxy_is_asked_for_googles_apis_and_left_out_where_the_environment_says_so",
        "proxies_in_the_environment_are_ignored",
    ),
];
