use std::time::Duration;

use gtoken_contract::{DEFAULT_TIMEOUT, Source};
use proptest::prelude::*;

use super::*;

fn parse_words(words: &[&str]) -> Result<Command, UsageError> {
    let program = ["gtoken"];
    parse(program.iter().chain(words).map(OsString::from))
}

#[track_caller]
fn flags(words: &[&str]) -> AgentFlags {
    match parse_words(words) {
        Ok(Command::Run(flags, _)) => flags,
        other => panic!("{words:?} parsed to {other:?}"),
    }
}

#[track_caller]
fn complaint(words: &[&str]) -> String {
    parse_words(words).unwrap_err().to_string()
}

#[test]
fn refreshes_by_default() {
    assert_eq!(flags(&[]), AgentFlags::default());
    assert_eq!(flags(&[]).mode, Mode::Refresh);
}

#[test]
fn refresh_takes_a_value_only_by_an_equals_sign() {
    for on in [
        "--refresh",
        "--refresh=true",
        "-refresh",
        "--refresh=T",
        "--refresh=1",
    ] {
        assert_eq!(flags(&[on]).mode, Mode::Refresh, "{on}");
    }
    for off in [
        "--refresh=false",
        "-refresh=false",
        "--refresh=0",
        "--refresh=FALSE",
    ] {
        assert_eq!(flags(&[off]).mode, Mode::OneShot, "{off}");
    }
    assert_eq!(
        complaint(&["--refresh", "false"]),
        "unexpected argument `false`; a flag's value is written --FLAG=VALUE"
    );
    assert_eq!(
        complaint(&["--refresh=maybe"]),
        "--refresh `maybe` cannot be used: it is true or false"
    );
}

#[test]
fn a_value_hangs_on_its_flag_or_follows_it() {
    for words in [
        &["--file=/tmp/t"][..],
        &["--file", "/tmp/t"],
        &["-file=/tmp/t"],
        &["-file", "/tmp/t"],
    ] {
        assert_eq!(flags(words).file.as_deref(), Some("/tmp/t"), "{words:?}");
    }
    assert_eq!(flags(&["--file", "--x"]).file.as_deref(), Some("--x"));
    assert_eq!(
        flags(&["--file="]).file,
        None,
        "standard output, as in the Go gtoken"
    );
    assert_eq!(
        complaint(&["--file"]),
        "--file needs a value, as in --file=VALUE"
    );
}

#[test]
fn of_a_flag_given_twice_the_last_counts() {
    let flags = flags(&["--file=a", "--refresh=false", "--file=b", "--refresh"]);
    assert_eq!(flags.file.as_deref(), Some("b"));
    assert_eq!(flags.mode, Mode::Refresh);
}

#[test]
fn a_timeout_of_0_is_as_long_as_it_takes() {
    assert_eq!(flags(&["--timeout=0"]).timeout, None);
    assert_eq!(flags(&["--timeout=0s"]).timeout, None);
    assert_eq!(
        flags(&["--timeout=1m30s"]).timeout,
        Some(Duration::from_secs(90))
    );
    assert_eq!(flags(&[]).timeout, Some(DEFAULT_TIMEOUT));
}

#[test]
fn the_log_is_for_people_unless_told_otherwise() {
    for (words, log) in [
        (&[][..], Format::Text),
        (&["--json"], Format::Json),
        (&["--json", "--json=false"], Format::Text),
    ] {
        let outside = Outside {
            log,
            ..Outside::default()
        };
        let run = Command::Run(AgentFlags::default(), outside);
        assert_eq!(parse_words(words), Ok(run), "{words:?}");
    }
}

#[test]
fn help_and_version_have_the_names_of_the_go_gtoken() {
    for word in ["--help", "-h", "help", "h", "-help", "--h"] {
        assert_eq!(parse_words(&[word]), Ok(Command::Help), "{word}");
    }
    for word in ["--version", "-v", "-version"] {
        assert_eq!(parse_words(&[word]), Ok(Command::Version), "{word}");
    }
    assert_eq!(
        parse_words(&["--refresh=false", "-h", "--nonsense"]),
        Ok(Command::Help)
    );
}

#[test]
fn help_names_every_flag() {
    for name in known().iter().chain(&["for"]) {
        assert!(HELP.contains(&format!("--{name}")), "{name}");
    }
}

#[test]
fn an_unknown_flag_is_named_with_its_nearest() {
    for (typed, nearest) in [
        ("--audiance", "--audience"),
        ("--time-out=3s", "--timeout"),
        ("-flie", "--file"),
        ("--expected-identity", "--expect-identity"),
        ("--refesh=false", "--refresh"),
    ] {
        let typed_name = typed.trim_start_matches('-').split('=').next().unwrap();
        assert_eq!(
            complaint(&[typed]),
            format!("unknown flag `--{typed_name}`; the nearest known flag is `{nearest}`")
        );
    }
}

#[test]
fn a_bad_value_is_named_with_its_flag_and_the_reason() {
    for (words, part) in [
        (
            "--audience=",
            "--audience `` cannot be used: an audience is not empty",
        ),
        (
            "--source=vault",
            "--source `vault` cannot be used: the sources are auto, metadata",
        ),
        (
            "--service-account=reader",
            "--service-account `reader` cannot be used: a Google",
        ),
        (
            "--expect-identity=reader",
            "--expect-identity `reader` cannot be used: a Google",
        ),
        (
            "--health-address=8080",
            "--health-address `8080` cannot be used: it is :PORT, IP:PORT or",
        ),
        (
            "--json=maybe",
            "--json `maybe` cannot be used: it is true or false",
        ),
        (
            "--timeout=-1s",
            "--timeout `-1s` cannot be used: a duration",
        ),
    ] {
        let complaint = complaint(&[words]);
        assert!(complaint.starts_with(part), "{complaint}");
    }
    let long = complaint(&[&format!("--timeout={}", "9 ".repeat(5000))]);
    assert!(long.len() < 300, "{long}");
}

#[cfg(unix)]
#[test]
fn bytes_that_are_not_utf8_are_named() {
    use std::os::unix::ffi::OsStringExt as _;

    for bytes in [&b"--file=\xff"[..], b"--\xff", b"\xff", b"-f\xff"] {
        let args = [OsString::from("gtoken"), OsString::from_vec(bytes.to_vec())];
        let error = parse(args).unwrap_err();
        assert!(
            matches!(error, UsageError::NotUtf8(_) | UsageError::Unknown { .. }),
            "{error:?}"
        );
    }
}

/// All that the webhook may render; `Some(0)` and parts of a millisecond have no notation.
fn any_flags() -> impl Strategy<Value = AgentFlags> {
    let mode = prop_oneof![Just(Mode::OneShot), Just(Mode::Refresh)];
    let audience = "[^\\p{Cc}]{1,80}".prop_map(|text| text.parse().unwrap());
    let identity = || {
        "[a-z0-9-]{1,30}@[a-z0-9-]{1,30}\\.iam\\.gserviceaccount\\.com"
            .prop_map(|text| text.parse().unwrap())
    };
    let timeout = (1..u64::from(u32::MAX)).prop_map(Duration::from_millis);
    (
        mode,
        prop::option::of("[^\0]{1,40}"),
        audience,
        prop::sample::select(Source::ALL.to_vec()),
        prop::option::of(identity()),
        prop::option::of(identity()),
        prop::option::of(timeout),
    )
        .prop_map(
            |(mode, file, audience, source, service_account, expect_identity, timeout)| {
                AgentFlags {
                    mode,
                    file,
                    audience,
                    source,
                    service_account,
                    expect_identity,
                    timeout,
                }
            },
        )
}

proptest! {
    #[test]
    fn flags_rendered_by_the_webhook_parse_back(flags in any_flags()) {
        let args = flags.to_args();
        let words: Vec<&str> = args.iter().map(String::as_str).collect();
        let run = Command::Run(flags, Outside::default());
        prop_assert_eq!(parse_words(&words), Ok(run));
    }

    #[test]
    fn no_argument_makes_it_panic(words in prop::collection::vec("-{0,3}[a-z=]{0,8}.{0,8}", 0..5)) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let _ = parse_words(&words);
    }
}
