//! What is taken, what is refused and with which words.

use std::time::Duration;

use clap::CommandFactory as _;

use super::*;
use crate::certs::mode::Tls;

const CERTIFICATES: [&str; 2] = [
    "--tls-cert-file=/tls.crt",
    "--tls-private-key-file=/tls.key",
];

fn parse(args: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(["gtoken-webhook"].iter().chain(args))
}

fn server(args: &[&str]) -> ServerArgs {
    let args: Vec<&str> = ["server"]
        .iter()
        .chain(&CERTIFICATES)
        .chain(args)
        .copied()
        .collect();
    let Command::Server(server) = parse(&args).unwrap().command;
    *server
}

fn refusal(args: &[&str]) -> String {
    let error = parse(args).unwrap_err();
    assert_eq!(error.exit_code(), 2, "{error}");
    error.to_string()
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn without_flags_it_is_what_the_library_has_as_defaults() {
    let server = server(&[]);
    assert_eq!(server.inject.settings(), Ok(Settings::default()));
    assert_eq!(server.serve.listen_address.to_string(), ":8443");
    assert_eq!(server.serve.drain_delay, Duration::from_secs(10));
    assert_eq!(server.on_unknown, OnUnknown::Retry);
    assert!(server.admin.telemetry_listen_address.is_none());
}

#[test]
fn takes_every_flag_of_the_go_gtoken() {
    let server = server(&[
        "--log-level=debug",
        "--json",
        "--listen-address=:10250",
        "--telemetry-listen-address=:8080",
        "--image=mirror.example.com/gtoken:v1",
        "--pull-policy=Always",
        "--volume-name=aws-token",
        "--volume-path=/var/run/aws",
        "--token-file=token",
    ]);
    assert_eq!(server.serve.listen_address.to_string(), ":10250");
    assert_eq!(
        server.admin.telemetry_listen_address.unwrap().to_string(),
        ":8080"
    );
    assert_eq!(
        server.inject.settings().unwrap(),
        Settings {
            image: "mirror.example.com/gtoken:v1".to_owned(),
            pull_policy: PullPolicy::Always,
            volume_name: "aws-token".to_owned(),
            volume_path: "/var/run/aws".to_owned(),
            token_file: "token".to_owned(),
            ..Settings::default()
        }
    );
}

#[test]
fn takes_our_own_flags() {
    let server = server(&[
        "--annotation-prefixes=example.com",
        "--aws-account-id=123456789012",
        "--aws-partition=aws-cn",
        "--audience=sts.amazonaws.com",
        "--include-containers=app,job",
        "--region=eu-west-1",
        "--session-name={serviceaccount}",
        "--sidecar-mode=native",
        "--skip-containers=mesh",
        "--sts-regional-endpoints",
        "--token-expiration=7200",
        "--token-source=cluster",
        "--agent-flag=--json",
        "--agent-flag=--log-level=debug",
        "--agent-image-pull-secret=mirror",
        "--agent-image-pull-secret=other",
        "--agent-cpu-request=5m",
        "--agent-cpu-limit=0.2",
        "--agent-memory-request=8Mi",
        "--agent-memory-limit=64Mi",
        "--agent-run-as-user=1000",
        "--drain-delay=1m30s",
        "--on-unknown=admit",
    ]);
    let settings = server.inject.settings().unwrap();
    assert_eq!(settings.dialect.prefixes.to_string(), "example.com");
    let account = settings.dialect.account.unwrap();
    assert_eq!(account.partition.to_string(), "aws-cn");
    let wanted = Options {
        audience: Some("sts.amazonaws.com".parse().unwrap()),
        include_containers: Some("app,job".parse().unwrap()),
        region: Some("eu-west-1".parse().unwrap()),
        session_name: Some("{serviceaccount}".parse().unwrap()),
        sidecar_mode: Some(SidecarMode::Native),
        skip_containers: Some("mesh".parse().unwrap()),
        sts_regional_endpoints: Some(true),
        token_expiration: Some("7200".parse().unwrap()),
        token_source: Some(TokenSource::Cluster),
    };
    assert_eq!(settings.options, wanted);
    assert_eq!(settings.agent_flags, ["--json", "--log-level=debug"]);
    assert_eq!(settings.image_pull_secrets, ["mirror", "other"]);
    assert_eq!(settings.resources.cpu_limit, "0.2");
    assert_eq!(settings.run_as_user, 1000);
    assert_eq!(server.serve.drain_delay, Duration::from_secs(90));
    assert_eq!(server.on_unknown, OnUnknown::Admit);
}

#[test]
fn the_log_flags_stand_before_and_after_the_command() {
    let [one, two] = CERTIFICATES;
    for args in [
        ["--log-level=warning", "--json", "server", one, two],
        ["server", one, two, "--log-level=warning", "--json=true"],
    ] {
        let cli = parse(&args).unwrap();
        assert_eq!(cli.log.log_level, "warning".parse().unwrap(), "{args:?}");
        assert!(cli.log.json, "{args:?}");
    }
    assert!(
        !parse(&["--json=false", "server", one, two])
            .unwrap()
            .log
            .json
    );
}

#[test]
fn an_unknown_flag_is_named_with_the_nearest_known_one() {
    let text = refusal(&["server", "--listen-adress=:1"]);
    assert!(text.contains("--listen-adress"), "{text}");
    assert!(text.contains("--listen-address"), "{text}");
}

#[test]
fn an_unknown_log_level_is_refused() {
    let text = refusal(&["--log-level=verbose", "server"]);
    assert!(
        text.contains("--log-level") && text.contains("warning"),
        "{text}"
    );
}

/// What these flags of TLS mean, together with an address.
fn tls(args: &[&str]) -> Result<Tls, String> {
    let Command::Server(server) = parse(&[&["server"][..], args].concat()).unwrap().command;
    let serve = server.serve;
    let tls = serve.tls.parse(&serve.listen_address);
    tls.map_err(|error| error.to_string())
}

fn wrong_tls(args: &[&str]) -> String {
    tls(args).unwrap_err()
}

#[test]
fn both_certificate_files_are_required_by_name() {
    for given in [&[][..], &CERTIFICATES[..1], &CERTIFICATES[1..]] {
        let text = wrong_tls(given);
        assert!(text.contains("--tls-cert-file"), "{text}");
        assert!(text.contains("--tls-private-key-file"), "{text}");
    }
}

#[test]
fn each_mode_of_tls_takes_its_own_flags() {
    assert!(matches!(tls(&CERTIFICATES), Ok(Tls::Files(_))));
    let off = ["--tls-mode=off", "--listen-address=127.0.0.1:80"];
    assert!(matches!(tls(&off), Ok(Tls::Off)));
    let anywhere = ["--tls-mode=off", "--plain-http-anywhere"];
    assert!(matches!(tls(&anywhere), Ok(Tls::Off)));
    let Ok(Tls::SelfKept(kept)) = tls(&["--tls-mode=self"]) else {
        panic!("it is not kept by itself");
    };
    let (places, policy) = (kept.places("gtoken"), kept.policy("gtoken").unwrap());
    assert_eq!(
        policy.names.to_string(),
        "gtoken-webhook-svc.gtoken.svc,gtoken-webhook-svc.gtoken.svc.cluster.local"
    );
    assert_eq!(places.secret, "gtoken-webhook-certs");
    assert_eq!(places.entries.len(), 3);
    let Ok(Tls::SelfKept(kept)) = tls(&[
        "--tls-mode=self",
        "--tls-dns-names=hook.example.com",
        "--tls-secret-name=certs",
        "--webhook-configuration=mutating-gtoken-webhook-cfg",
        "--webhook-entries=gtoken.doit-intl.com",
        "--ca-validity=720h",
        "--leaf-validity=24h",
        "--ca-propagation=2m",
    ]) else {
        panic!("it is not kept by itself");
    };
    let (places, policy) = (kept.places("gtoken"), kept.policy("gtoken").unwrap());
    assert_eq!(policy.names.to_string(), "hook.example.com");
    assert_eq!(policy.authority_life, Duration::from_hours(720));
    assert_eq!(policy.leaf_life, Duration::from_hours(24));
    assert_eq!(policy.propagation, Duration::from_mins(2));
    assert_eq!(places.secret, "certs");
    assert_eq!(places.configuration, "mutating-gtoken-webhook-cfg");
    assert!(places.entries.contains("gtoken.doit-intl.com") && places.are_entries_required);
}

#[test]
fn a_flag_of_another_mode_would_have_no_effect_and_is_refused() {
    for flag in [
        "--tls-dns-names=a.b",
        "--tls-secret-name=a",
        "--webhook-configuration=a",
        "--webhook-entries=a",
        "--ca-validity=1h",
        "--leaf-validity=1h",
        "--ca-propagation=1h",
        "--plain-http-anywhere",
    ] {
        let text = wrong_tls(&[&CERTIFICATES[..], &[flag]].concat());
        let name = flag.split('=').next().unwrap();
        assert!(text.starts_with(name) && text.contains("files"), "{text}");
    }
    for flag in CERTIFICATES {
        let text = wrong_tls(&["--tls-mode=self", flag]);
        assert!(text.contains("--tls-mode=files"), "{text}");
    }
}

#[test]
fn durations_that_leave_no_time_to_renew_are_refused_with_the_rule() {
    for (flags, words) in [
        (
            &["--leaf-validity=5m"][..],
            "--leaf-validity 300s is too short",
        ),
        (
            &["--ca-validity=480h"],
            "--ca-validity 1728000s is too short",
        ),
        (&["--ca-validity=1000000h"], "--ca-validity"),
        (
            &["--ca-propagation=0"],
            "--ca-propagation 0ns is shorter than",
        ),
        (
            &["--ca-propagation=10h", "--leaf-validity=48h"],
            "--leaf-validity",
        ),
    ] {
        let text = wrong_tls(&[&["--tls-mode=self"], flags].concat());
        assert!(text.starts_with(words), "{text}");
    }
}

#[test]
fn plain_http_beyond_the_loopback_interface_is_said_twice_or_not_served() {
    for address in [":80", "10.0.0.1:80", "[::]:80"] {
        let address = format!("--listen-address={address}");
        let text = wrong_tls(&["--tls-mode=off", &address]);
        assert!(text.contains("--plain-http-anywhere"), "{text}");
    }
}

#[test]
fn a_flag_given_twice_counts_as_given_last() {
    let server = server(&["--listen-address=:1", "--listen-address=:2"]);
    assert_eq!(server.serve.listen_address.to_string(), ":2");
}

#[test]
fn a_partition_without_its_account_is_refused_and_both_are_named() {
    let args = ["--aws-partition=aws-cn"];
    let text = refusal(&[&["server"][..], &CERTIFICATES, &args].concat());
    assert!(text.contains("--aws-account-id"), "{text}");
    assert!(text.contains("--aws-partition"), "{text}");
}

#[test]
fn an_empty_telemetry_address_is_none() {
    assert!(
        server(&["--telemetry-listen-address="])
            .admin
            .telemetry_listen_address
            .is_none()
    );
}

#[test]
fn a_request_over_its_limit_would_reject_every_pod_and_is_refused() {
    for (flag, message) in [
        (
            "--agent-cpu-request=0.2",
            "--agent-cpu-request 0.2 is more than --agent-cpu-limit 100m",
        ),
        (
            "--agent-memory-limit=15M",
            "--agent-memory-request 16Mi is more than --agent-memory-limit 15M",
        ),
    ] {
        let error = server(&[flag]).inject.settings().unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn values_that_would_reject_every_pod_are_refused() {
    for flag in [
        "--image=",
        "--image=a b",
        "--pull-policy=Sometimes",
        "--volume-name=Token_Volume",
        "--volume-name=-token",
        "--volume-path=run/aws",
        "--volume-path=/",
        "--volume-path=/var/../etc",
        "--volume-path=/a:b",
        "--token-file=a/b",
        "--token-file=..",
        "--token-file=",
        "--audience=",
        "--annotation-prefixes=Example.com,",
        "--aws-account-id=1234",
        "--include-containers=a,,b",
        "--region=Frankfurt",
        "--session-name={node}",
        "--sidecar-mode=both",
        "--skip-containers=",
        "--sts-regional-endpoints=perhaps",
        "--token-expiration=599",
        "--token-source=aws",
        "--agent-flag=json",
        "--agent-flag=--timeout=1s",
        "--agent-image-pull-secret=A",
        "--agent-cpu-request=ten",
        "--agent-memory-limit=-1",
        "--agent-memory-limit=1MB",
        "--agent-run-as-user=0",
        "--agent-run-as-user=root",
        "--listen-address=8443",
        "--telemetry-listen-address=8080",
        "--drain-delay=10",
        "--drain-delay=-1s",
        "--on-unknown=refuse",
        "--tls-min-version=1.1",
        "--tls-min-version=VersionTLS11",
        "--tls-mode=on",
        "--tls-dns-names=10.0.0.1",
        "--tls-dns-names=gtoken webhook",
        "--tls-dns-names=a..b",
        "--tls-dns-names=",
        "--tls-secret-name=A",
        "--webhook-configuration=",
        "--webhook-entries=a,B",
        "--ca-validity=1y",
        "--leaf-validity=7d",
        "--ca-propagation=1",
        "--json=perhaps",
    ] {
        let text = refusal(&["server", flag]);
        let name = flag.split('=').next().unwrap();
        assert!(text.contains(name), "{text}");
    }
}

/// The list under `args:` in the one Deployment that is shipped.
fn shipped_args() -> Vec<&'static str> {
    let manifests = include_str!("../../../../deploy/install.yaml");
    let (_, args) = manifests.split_once("\n          args:\n").unwrap();
    args.lines()
        .map(str::trim_start)
        .filter(|line| !line.starts_with('#'))
        .map_while(|line| line.strip_prefix("- "))
        .map(|argument| argument.trim_matches('"'))
        .collect()
}

#[test]
fn the_manifests_start_it_with_flags_that_it_has_and_its_own_defaults() {
    let cli = parse(&shipped_args()).unwrap();
    assert!(cli.log.json);
    let Command::Server(server) = cli.command;
    assert_eq!(server.inject.settings(), Ok(Settings::default()));
    assert_eq!(server.serve.listen_address.to_string(), ":10250");
    assert!(server.admin.telemetry_listen_address.is_some());
    // Whoever leaves all of it to the chart has what the program itself takes.
    let own = tls(&["--tls-mode=self"]).map(|tls| format!("{tls:?}"));
    let tls = server.serve.tls.parse(&server.serve.listen_address);
    assert_eq!(tls.map(|tls| format!("{tls:?}")).ok(), own.ok());
}
