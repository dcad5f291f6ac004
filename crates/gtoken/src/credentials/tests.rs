use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use gtoken_sandbox::{Config, Sandbox};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const READER: &str = "reader@gtoken-sandbox.iam.gserviceaccount.com";

/// One of each kind; a key takes a moment to be made.
static FILES: LazyLock<[Value; 4]> = LazyLock::new(|| {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    let key = sandbox.service_account_key(READER);
    let impersonated =
        sandbox.impersonated_service_account(&key, &["projects/-/serviceAccounts/123"], READER);
    let subject = json!({"file": "/var/run/token"});
    let external = sandbox.external_account(&subject, Some(READER));
    [
        sandbox.authorized_user("me@example.com"),
        external,
        impersonated,
        key,
    ]
});

fn parse(file: &Value) -> Result<Credentials, InvalidCredentials> {
    Credentials::parse(file.to_string().as_bytes())
}

#[track_caller]
fn complaint(file: &Value) -> String {
    parse(file).unwrap_err().to_string()
}

fn changed(file: &Value, field: &str, value: Value) -> Value {
    let mut file = file.clone();
    *file.pointer_mut(field).expect("a field") = value;
    file
}

#[test]
fn reads_each_type_of_googles_tools() {
    for (file, kind) in FILES.iter().zip(Kind::ALL) {
        let credentials = parse(file).unwrap();
        assert_eq!(credentials.kind(), kind);
        assert_eq!(credentials.are_of(READER), kind != Kind::AuthorizedUser);
    }
}

#[test]
fn a_file_without_urls_leads_to_google() {
    let file = json!({"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"});
    let Ok(Credentials::AuthorizedUser(user)) = parse(&file) else {
        panic!("a user")
    };
    assert_eq!(
        user.token_uri.as_str(),
        "https://oauth2.googleapis.com/token"
    );
}

#[test]
fn says_what_is_no_credentials_and_why() {
    let [user, external, impersonated, key] = &*FILES;
    let no_name = json!({"type": "AIzaSyNotAType"});
    for (file, words) in [
        (json!([]), "its `content` is not a JSON object"),
        (json!({}), "its `type` is not a text"),
        (
            json!({"type": "gdch_service_account"}),
            "its `type` is `gdch_service_account`; known are service_account, ",
        ),
        (no_name, "its `type` is no name of one"),
        (
            changed(user, "/refresh_token", json!("")),
            "its `refresh_token` is not a text",
        ),
        (
            changed(user, "/token_uri", json!("http://x/")),
            "its `token_uri` is not an https:// URL",
        ),
        (
            changed(user, "/universe_domain", json!("example.com")),
            "its `universe_domain` is not googleapis.com",
        ),
        (
            changed(key, "/private_key", json!("-----BEGIN")),
            "its `private_key` is no RSA key in PEM",
        ),
        (
            changed(key, "/client_email", Value::Null),
            "its `client_email` is not a text",
        ),
        (
            changed(key, "/client_email", json!("reader")),
            "its `client_email` is not the email of a Google service account",
        ),
        (
            changed(
                impersonated,
                "/service_account_impersonation_url",
                json!("https://x/serviceAccounts/reader:generateAccessToken"),
            ),
            "its `service_account_impersonation_url` does not end in",
        ),
        (
            changed(
                impersonated,
                "/service_account_impersonation_url",
                json!("https://x/y:z"),
            ),
            "its `service_account_impersonation_url` does not end in",
        ),
        (
            changed(impersonated, "/delegates", json!([1])),
            "its `delegates` is not a list of texts",
        ),
        (
            changed(
                impersonated,
                "/delegates",
                json!(["projects/p/serviceAccounts/a@p.iam.gserviceaccount.com"]),
            ),
            "its `delegates` is not a list of service accounts",
        ),
        (
            changed(impersonated, "/delegates", json!(["123", "reader"])),
            "its `delegates` is not a list of service accounts",
        ),
        (
            changed(impersonated, "/source_credentials", impersonated.clone()),
            "its `source_credentials` is not one that impersonates nobody itself",
        ),
        (
            changed(external, "/audience", json!(7)),
            "its `audience` is not a text",
        ),
    ] {
        let complaint = complaint(&file);
        assert!(complaint.starts_with(words), "{complaint}");
    }
    let error = Credentials::parse(b"{\"type\": hunter2}").unwrap_err();
    assert_eq!(error.to_string(), "it is not JSON (line 1, column 10)");
}

#[test]
fn knows_where_a_subject_token_is() {
    let external = &FILES[1];
    let subject = |source: Value| {
        let Credentials::ExternalAccount(external) =
            parse(&changed(external, "/credential_source", source))?
        else {
            panic!("an external account")
        };
        Ok::<_, InvalidCredentials>(external.subject)
    };
    let json_format = json!({"type": "json", "subject_token_field_name": "id"});
    assert_eq!(
        subject(json!({"file": "/t", "format": json_format})),
        Ok(Subject::File {
            path: "/t".into(),
            format: Format::Json("id".to_owned())
        })
    );
    let url = json!({"url": "http://169.254.169.254/metadata", "headers": {"Metadata": "True"}});
    assert_eq!(
        subject(url),
        Ok(Subject::Url {
            url: "http://169.254.169.254/metadata".parse().unwrap(),
            headers: vec![("metadata".parse().unwrap(), "True".parse().unwrap())],
            format: Format::Text,
        })
    );
    let program =
        json!({"executable": {"command": "/bin/x y", "timeout_millis": 5000, "output_file": "/o"}});
    assert_eq!(
        subject(program),
        Ok(Subject::Executable {
            program: "/bin/x".to_owned(),
            arguments: vec!["y".to_owned()],
            timeout: Some(Duration::from_secs(5)),
            output_file: Some("/o".into()),
        })
    );
    for (source, words) in [
        (json!({"environment_id": "aws1"}), "comes from AWS itself"),
        (json!({"certificate": {}}), "client certificate"),
        (json!({}), "one with a file, url or executable"),
        (
            json!({"url": "ftp://x"}),
            "`credential_source.url` is no URL",
        ),
        (
            json!({"file": "/t", "format": {"type": "xml"}}),
            "text or json",
        ),
        (
            json!({"file": "/t", "format": {"type": "json"}}),
            "`subject_token_field_name` is not a text",
        ),
        (
            json!({"url": "http://x", "headers": {"a": 1}}),
            "`credential_source.headers` is not an object of names and values",
        ),
        (
            json!({"url": "http://x", "headers": {"no name": "a"}}),
            "`credential_source.headers` is not an object of names and values",
        ),
        (
            json!({"url": "http://x", "headers": {"a": "no\nvalue"}}),
            "`credential_source.headers` is not an object of names and values",
        ),
        (
            json!({"executable": {"command": "x", "timeout_millis": "5"}}),
            "a number of milliseconds",
        ),
    ] {
        let complaint = subject(source).unwrap_err().to_string();
        assert!(complaint.contains(words), "{complaint}");
    }
}

#[test]
fn an_account_between_may_be_named_in_each_way_that_google_takes() {
    let email = "between@p.iam.gserviceaccount.com";
    let named = |account: &str| format!("projects/-/serviceAccounts/{account}");
    let delegates = json!([email, "123", named(email), named("123")]);
    let file = changed(&FILES[2], "/delegates", delegates.clone());
    let Ok(Credentials::Impersonated(parsed)) = parse(&file) else {
        panic!("{:?}", parse(&file));
    };
    assert_eq!(json!(parsed.delegates), delegates);
}

#[test]
fn an_account_may_be_named_by_its_unique_id() {
    let url = "https://x/v1/projects/-/serviceAccounts/104029999999999999999:generateAccessToken";
    let account = AccountUrl::of_file(url).unwrap();
    assert_eq!(account.account(), "104029999999999999999");
}

#[test]
fn the_headers_for_a_subject_tokens_server_are_not_shown() {
    let source = json!({"url": "http://x", "headers": {"Authorization": "Bearer hunter2"}});
    let file = changed(&FILES[1], "/credential_source", source);
    let shown = format!("{:?}", parse(&file).unwrap());
    assert!(
        !shown.contains("hunter2") && shown.contains("authorization"),
        "{shown}"
    );
}

#[test]
fn an_account_keeps_its_server_for_both_kinds_of_token() {
    let file = "https://iam.private:8443/v1/projects/-/serviceAccounts/a@b.c:generateAccessToken";
    let account = AccountUrl::of_file(file).unwrap();
    assert_eq!(
        (account.account(), account.server()),
        ("a@b.c", "iam.private:8443")
    );
    assert_eq!(account.access_token(), file);
    assert!(
        account
            .id_token()
            .ends_with("/serviceAccounts/a@b.c:generateIdToken")
    );
    let base = "https://iam.private:8443/".parse().unwrap();
    assert_eq!(AccountUrl::new(&base, &"a@b.c".parse().unwrap()), account);
}

#[test]
fn an_assertion_lives_an_hour_and_names_its_key() {
    let Ok(Credentials::ServiceAccount(key)) = parse(&FILES[3]) else {
        panic!("a key")
    };
    let now = UNIX_EPOCH + Duration::from_secs(1_800_000_001);
    let assertion = key.assertion(("target_audience", "aws"), now).unwrap();
    let part = |index| {
        let part = assertion.expose().split('.').nth(index).unwrap();
        let bytes = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, part).unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()
    };
    assert_eq!(part(0)["kid"], FILES[3]["private_key_id"]);
    let claims = part(1);
    assert_eq!(
        (&claims["iat"], &claims["exp"]),
        (&json!(1_800_000_001), &json!(1_800_003_601))
    );
    assert_eq!(
        (&claims["iss"], &claims["target_audience"]),
        (&json!(READER), &json!("aws"))
    );
}

#[test]
fn secrets_are_in_no_debug_and_no_complaint() {
    let secrets: Vec<String> = FILES
        .iter()
        .flat_map(|file| {
            ["refresh_token", "client_secret", "private_key"].map(|name| file[name].clone())
        })
        .filter_map(|secret| secret.as_str().map(str::to_owned))
        .collect();
    assert_eq!(secrets.len(), 3);
    for file in FILES.iter() {
        let debug = format!("{:?}", parse(file).unwrap());
        let broken = file.to_string().replace("\"type\"", "\"typ\"");
        let complaint = Credentials::parse(broken.as_bytes()).unwrap_err();
        let shown = format!("{debug} {complaint} {complaint:?}");
        for secret in &secrets {
            assert!(!shown.contains(&secret[..12]), "{shown}");
        }
    }
}

proptest! {
    #[test]
    fn no_damage_to_a_file_makes_it_panic(
        file in 0..4_usize,
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut text = FILES[file].to_string().into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        let _ = Credentials::parse(&text);
        text.truncate(at);
        let _ = Credentials::parse(&text);
    }
}
