//! Google's APIs: each way from a file of credentials to a token that AWS takes, and Google's refusals.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gtoken_sandbox::google::{
    GoogleIdentity, IamRole, Identity, POOL_PROVIDER, Scenario, principal,
};
use rsa::PrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::signature::{SignatureEncoding, Signer};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::sts::{AUDIENCE, NOW, Sts};
use crate::wire;

const PERSON: &str = "person@example.com";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

struct Apis {
    sts: Sts,
    reader: String,
}

/// Status and body.
type Answer = (u16, Value);

impl Apis {
    fn start() -> Self {
        Self {
            sts: Sts::start(),
            reader: GoogleIdentity::reader().email,
        }
    }

    fn grant(&self, member: &str, role: IamRole) {
        let google = self.sts.sandbox.google();
        google.grant(member, role, &self.reader);
    }

    fn post(&self, url: &Value, headers: &[(&str, &str)], body: &str) -> Answer {
        let url = url.as_str().expect("a URL");
        let reply = wire::post(&self.sts.agent, url, headers, body).expect("an answer");
        let body = serde_json::from_str(&reply.body).expect("JSON");
        (reply.status, body)
    }

    /// Asks IAM Credentials about the account of the file, by an access token.
    fn iam(&self, file: &Value, verb: &str, access: &str, body: &Value) -> Answer {
        let url = file["service_account_impersonation_url"].as_str().unwrap();
        let url = url.replace("generateAccessToken", verb);
        let bearer = format!("Bearer {access}");
        self.post(
            &url.into(),
            &[("Authorization", &bearer)],
            &body.to_string(),
        )
    }

    fn id_token(&self, file: &Value, access: &str) -> Answer {
        let body = json!({"audience": AUDIENCE, "includeEmail": true});
        self.iam(file, "generateIdToken", access, &body)
    }

    fn refresh(&self, file: &Value) -> Answer {
        let text = |name: &str| file[name].as_str().unwrap();
        let form = format!(
            "grant_type=refresh_token&client_id={}&client_secret={}&refresh_token={}",
            text("client_id"),
            text("client_secret"),
            text("refresh_token")
        );
        self.post(&file["token_uri"], &[], &form)
    }

    /// An access token of the person, and the file that impersonates the reader by it.
    fn person(&self) -> (String, Value) {
        let file = self.sts.sandbox.authorized_user(PERSON);
        let (status, answer) = self.refresh(&file);
        assert_eq!(status, 200, "{answer}");
        let impersonated = self
            .sts
            .sandbox
            .impersonated_service_account(&file, &[], &self.reader);
        (text(&answer, "access_token"), impersonated)
    }

    fn assert(&self, file: &Value, claims: &Value) -> Answer {
        let form = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={}",
            signed(file, claims)
        );
        self.post(&file["token_uri"], &[], &form)
    }

    fn exchange(&self, file: &Value, audience: &str, subject: &str) -> Answer {
        let form = format!(
            "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&audience={audience}\
             &scope=https://www.googleapis.com/auth/cloud-platform\
             &requested_token_type=urn:ietf:params:oauth:token-type:access_token\
             &subject_token_type={JWT}&subject_token={subject}"
        );
        self.post(&file["token_url"], &[], &form)
    }

    #[track_caller]
    fn is_taken(&self, answer: &Answer, name: &str) -> Value {
        assert_eq!(answer.0, 200, "{}", answer.1);
        let token = text(&answer.1, name);
        let reply = self.sts.exchange(&token);
        assert_eq!(reply.status, 200, "{}: {}", reply.body, self.sts.reason());
        let claims = token.split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
    }
}

fn text(answer: &Value, name: &str) -> String {
    answer[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {answer}"))
        .to_owned()
}

fn signed(file: &Value, claims: &Value) -> String {
    let pem = file["private_key"].as_str().unwrap();
    let key = SigningKey::<Sha256>::new(PrivateKey::from_pkcs8_pem(pem).unwrap());
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": file["private_key_id"]});
    let signed = format!("{}.{}", part(&header), part(claims));
    let signature = key.sign(signed.as_bytes()).to_bytes();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn claims(file: &Value) -> Value {
    json!({
        "iss": file["client_email"], "sub": file["client_email"], "aud": file["token_uri"],
        "iat": NOW, "exp": NOW + 3600, "target_audience": AUDIENCE,
    })
}

#[test]
fn a_key_asserts_its_way_to_a_token_whose_azp_is_the_email() {
    let apis = Apis::start();
    let file = apis.sts.sandbox.service_account_key(&apis.reader);
    let claims = apis.is_taken(&apis.assert(&file, &claims(&file)), "id_token");
    assert_eq!(claims["azp"], json!(apis.reader));
    assert_eq!(claims["sub"], json!(GoogleIdentity::reader().unique_id));
    assert_eq!(claims["aud"], json!(AUDIENCE));
}

#[test]
fn an_assertion_that_is_wrong_is_refused_in_googles_words() {
    let apis = Apis::start();
    let file = apis.sts.sandbox.service_account_key(&apis.reader);
    let refused = |name: &str, value: Value| {
        let mut claims = claims(&file);
        claims[name] = value;
        let (status, answer) = apis.assert(&file, &claims);
        assert_eq!(status, 400);
        text(&answer, "error_description")
    };
    assert!(refused("exp", json!(NOW + 3601)).contains("short-lived token (60 minutes)"));
    assert!(refused("iat", json!(NOW + 900)).contains("short-lived"));
    assert_eq!(
        refused("iss", json!("a@b.c")),
        "Invalid grant: account not found"
    );
    assert!(refused("aud", json!("https://elsewhere")).contains("audience check"));
    assert!(refused("scope", json!("both")).contains("scope or ID token audience"));
    apis.sts.sandbox.google().delete_keys(&apis.reader);
    assert_eq!(refused("sub", json!("anybody")), "Invalid JWT Signature.");
}

#[test]
fn a_key_gets_an_access_token_too() {
    let apis = Apis::start();
    let file = apis
        .sts
        .sandbox
        .service_account_key("ci@gtoken-sandbox.iam.gserviceaccount.com");
    let mut claims = claims(&file);
    claims.as_object_mut().unwrap().remove("target_audience");
    claims["scope"] = json!("https://www.googleapis.com/auth/cloud-platform");
    let (_, answer) = apis.assert(&file, &claims);
    let token = text(&answer, "access_token");
    let owner = apis.sts.sandbox.google().access_token_owner(&token);
    assert_eq!(owner.as_deref(), file["client_email"].as_str());
}

#[test]
fn who_may_impersonate_gets_a_token_and_nobody_else() {
    let apis = Apis::start();
    let (access, file) = apis.person();
    let (status, answer) = apis.id_token(&file, &access);
    assert_eq!(
        (status, &answer["error"]["status"]),
        (404, &json!("NOT_FOUND"))
    );
    apis.grant("somebody@example.com", IamRole::TokenCreator);
    let (status, answer) = apis.id_token(&file, &access);
    assert_eq!(status, 403);
    assert_eq!(answer["error"]["status"], "PERMISSION_DENIED");
    assert_eq!(
        answer["error"]["details"][0]["metadata"]["permission"],
        "iam.serviceAccounts.getOpenIdToken"
    );
    apis.grant(PERSON, IamRole::OpenIdTokenCreator);
    let claims = apis.is_taken(&apis.id_token(&file, &access), "token");
    assert_eq!(claims["email"], json!(apis.reader));
    let (status, _) = apis.id_token(&file, "ya29.nobody");
    assert_eq!(status, 401);
    let (status, answer) = apis.iam(
        &file,
        "generateIdToken",
        &access,
        &json!({"includeEmail": true}),
    );
    assert_eq!(
        (status, &answer["error"]["status"]),
        (400, &json!("INVALID_ARGUMENT"))
    );
    apis.sts.sandbox.google().set_iam_api_enabled(false);
    let (status, answer) = apis.id_token(&file, &access);
    assert_eq!(
        (status, &answer["error"]["details"][0]["reason"]),
        (403, &json!("SERVICE_DISABLED"))
    );
}

#[test]
fn delegates_are_a_chain_of_which_each_link_counts() {
    let apis = Apis::start();
    let (access, file) = apis.person();
    let between = "between@gtoken-sandbox.iam.gserviceaccount.com";
    let google = apis.sts.sandbox.google();
    let body = json!({
        "audience": AUDIENCE, "delegates": [format!("projects/-/serviceAccounts/{between}")],
    });
    google.grant(PERSON, IamRole::TokenCreator, between);
    apis.grant(between, IamRole::OpenIdTokenCreator);
    apis.is_taken(&apis.iam(&file, "generateIdToken", &access, &body), "token");
    google.revoke(PERSON, between);
    let (status, answer) = apis.iam(&file, "generateIdToken", &access, &body);
    assert_eq!(status, 403);
    assert!(text(&answer["error"], "message").contains("implicitDelegation"));
}

#[test]
fn an_access_token_of_another_account_acts_as_that_account() {
    let apis = Apis::start();
    let (access, file) = apis.person();
    apis.grant(PERSON, IamRole::TokenCreator);
    let body =
        json!({"scope": ["https://www.googleapis.com/auth/cloud-platform"], "lifetime": "600s"});
    let (status, answer) = apis.iam(&file, "generateAccessToken", &access, &body);
    assert_eq!(status, 200, "{answer}");
    let owner = apis
        .sts
        .sandbox
        .google()
        .access_token_owner(&text(&answer, "accessToken"));
    assert_eq!(owner, Some(apis.reader));
}

#[test]
fn a_workload_outside_exchanges_its_token() {
    let apis = Apis::start();
    let google = apis.sts.sandbox.google();
    let file = apis
        .sts
        .sandbox
        .external_account(&json!({"file": "/t"}), Some(&apis.reader));
    apis.grant(&principal("ci"), IamRole::WorkloadIdentityUser);
    let (status, answer) = apis.exchange(&file, POOL_PROVIDER, &google.subject_token("ci"));
    assert_eq!(status, 200, "{answer}");
    apis.is_taken(
        &apis.id_token(&file, &text(&answer, "access_token")),
        "token",
    );
    let (_, answer) = apis.exchange(&file, POOL_PROVIDER, &google.subject_token("another"));
    assert_eq!(apis.id_token(&file, &text(&answer, "access_token")).0, 403);
    let (status, answer) = apis.exchange(&file, "//elsewhere", &google.subject_token("ci"));
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_target")));
    let unknown = google.id_token(POOL_PROVIDER).unwrap();
    let (status, answer) = apis.exchange(&file, POOL_PROVIDER, &unknown);
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_grant")));
}

#[test]
fn a_pod_that_is_linked_to_nobody_acts_as_its_own_principal() {
    let apis = Apis::start();
    let google = apis.sts.sandbox.google();
    google.set_identity(Identity::Unlinked {
        namespace: "team".into(),
        service_account: "app".into(),
    });
    let url = format!(
        "http://{}/computeMetadata/v1/instance/service-accounts/default/token",
        apis.sts.sandbox.metadata_address()
    );
    let reply = wire::get(&apis.sts.agent, &url, &[("Metadata-Flavor", "Google")]).unwrap();
    let access = text(&serde_json::from_str(&reply.body).unwrap(), "access_token");
    let member = "gtoken-sandbox.svc.id.goog[team/app]";
    assert_eq!(google.access_token_owner(&access).as_deref(), Some(member));
    apis.grant(member, IamRole::WorkloadIdentityUser);
    let file = apis
        .sts
        .sandbox
        .external_account(&json!({}), Some(&apis.reader));
    apis.is_taken(&apis.id_token(&file, &access), "token");
}

#[test]
fn a_person_who_logged_out_or_another_client_gets_nothing() {
    let apis = Apis::start();
    let file = apis.sts.sandbox.authorized_user(PERSON);
    let mut foreign = file.clone();
    foreign["client_secret"] = json!("another");
    assert_eq!(apis.refresh(&foreign).0, 401);
    apis.sts.sandbox.google().log_out(PERSON);
    let (status, answer) = apis.refresh(&file);
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_grant")));
}

#[test]
fn scenarios_are_played_in_googles_form_and_requests_are_seen() {
    let apis = Apis::start();
    let file = apis.sts.sandbox.authorized_user(PERSON);
    let google = apis.sts.sandbox.google();
    google.play_apis_in_turn([Scenario::TooManyRequests, Scenario::Unavailable]);
    let (status, answer) = apis.refresh(&file);
    assert_eq!(
        (status, &answer["error"]["status"]),
        (429, &json!("RESOURCE_EXHAUSTED"))
    );
    assert_eq!(apis.refresh(&file).0, 503);
    assert_eq!(apis.refresh(&file).0, 200);
    google.play_apis(Scenario::ServerError);
    assert_eq!(apis.refresh(&file).0, 500);
    let paths = google.api_requests();
    assert!(paths.len() == 4 && paths.iter().all(|request| request.path == "/token"));
    assert_eq!(google.requests().len(), 0);
}
