//! Google's side: the metadata server, the tokens it signs and the keys that it publishes.
//!
//! The tokens carry the claims that GKE really gives, and are verifiable by anybody who fetches the JWKS.

mod access;
mod apis;
mod fault;
mod iam;
mod identity;
mod keys;
mod metadata;
mod oauth;
mod scenario;
mod serve;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, UNIX_EPOCH};

use access::{AccessToken, AccessTokens};
pub(crate) use apis::{ACCOUNTS_PATH, API_NAMES, EXCHANGE_PATH, TOKEN_PATH};
use iam::Iam;
pub use iam::{Grant, IamRole};
use identity::Validity;
pub use identity::{GoogleIdentity, ISSUER, Identity};
pub(crate) use keys::Key;
use keys::KeyRing;
use oauth::Clients;
pub(crate) use oauth::{CLIENT_ID, CLIENT_SECRET};
pub use oauth::{POOL_ISSUER, POOL_PROVIDER, principal};
use rsa::Generate;
use scenario::Playbills;
pub use scenario::{Scenario, Target};
use serde_json::{Value, json};
pub use serve::SeenRequest;
pub(crate) use serve::{DISCOVERY_PATH, JWKS_PATH};

use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::lifetimes::Lifetimes;
use crate::shared::{Log, Shared};

/// The project that the sandbox says it is.
pub const PROJECT_ID: &str = "gtoken-sandbox";

/// The number of that project.
pub const PROJECT_NUMBER: u64 = 104_815_162_342;

/// The audience of the token that [`Scenario::WrongAudience`] hands out.
pub const ANOTHER_AUDIENCE: &str = "https://another-audience.example";

/// Which part of its life [`Scenario::OlderToken`] ends before the last token issued.
const OLDER_BY: u64 = 6;

/// A Google with one metadata server.
pub struct Google {
    clock: Clock,
    lifetimes: Lifetimes,
    /// Where pods are told apart; without it, every caller acts as the identity that was set.
    cluster: Option<Cluster>,
    state: Shared<State>,
    requests: Log<SeenRequest>,
    api_requests: Log<SeenRequest>,
    /// The key of the issuer that the pool trusts; most sandboxes need none.
    pool_key: LazyLock<Key>,
}

struct State {
    identity: Identity,
    keys: KeyRing,
    keys_are_reachable: bool,
    playbills: Playbills,
    api_playbills: Playbills,
    /// By unique id and audience.
    issued: HashMap<(String, String), Issued>,
    access: AccessTokens,
    iam: Iam,
    iam_api_is_enabled: bool,
    clients: Clients,
}

#[derive(Clone)]
struct Issued {
    token: String,
    validity: Validity,
}

impl Google {
    pub(crate) fn new(
        clock: Clock,
        lifetimes: Lifetimes,
        identity: Identity,
        cluster: Option<Cluster>,
        key: Arc<Key>,
    ) -> Self {
        let state = State {
            identity,
            keys: KeyRing::new(key),
            keys_are_reachable: true,
            playbills: Playbills::default(),
            api_playbills: Playbills::default(),
            issued: HashMap::new(),
            access: AccessTokens::default(),
            iam: Iam::default(),
            iam_api_is_enabled: true,
            clients: Clients::default(),
        };
        Self {
            clock,
            lifetimes,
            cluster,
            state: Shared::new(state),
            requests: Log::default(),
            api_requests: Log::default(),
            pool_key: LazyLock::new(Key::generate),
        }
    }

    /// Changes whose tokens the metadata server hands out where it does not tell pods apart.
    pub fn set_identity(&self, identity: impl Into<Identity>) {
        let mut state = self.state.lock();
        state.identity = identity.into();
        state.issued.clear();
    }

    /// Whose tokens the metadata server hands out where it does not tell pods apart.
    pub fn identity(&self) -> Identity {
        self.state.lock().identity.clone()
    }

    /// Plays this scenario from the next request on.
    pub fn play(&self, scenario: Scenario) {
        self.play_to(&Target::default(), scenario);
    }

    /// Plays these scenarios to the next requests, one each, before what was played goes on.
    pub fn play_in_turn(&self, scenarios: impl IntoIterator<Item = Scenario>) {
        self.play_in_turn_to(&Target::default(), scenarios);
    }

    /// Plays this scenario to the target, from its next request on.
    pub fn play_to(&self, target: &Target, scenario: Scenario) {
        self.state.lock().playbills.play(target, scenario);
    }

    /// Plays these scenarios to the target's next requests, one each.
    pub fn play_in_turn_to(&self, target: &Target, scenarios: impl IntoIterator<Item = Scenario>) {
        let playbills = &mut self.state.lock().playbills;
        playbills.play_in_turn(target, scenarios);
    }

    /// The account of this email, with the unique id that its tokens carry.
    pub fn account(&self, email: &str) -> GoogleIdentity {
        match (self.identity(), &self.cluster) {
            (_, Some(cluster)) => cluster.account(email),
            (Identity::Linked(own) | Identity::Node(own), None) if own.email == email => own,
            _ => GoogleIdentity::named(email),
        }
    }

    /// What reached the metadata server, oldest first; the last 10,000.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.requests.entries()
    }

    /// Plays this scenario to the requests to Google's APIs from now on; the metadata server is played to apart.
    pub fn play_apis(&self, scenario: Scenario) {
        let everybody = Target::default();
        self.state.lock().api_playbills.play(&everybody, scenario);
    }

    /// Plays these scenarios to the next requests to Google's APIs, one each.
    pub fn play_apis_in_turn(&self, scenarios: impl IntoIterator<Item = Scenario>) {
        let everybody = Target::default();
        let bills = &mut self.state.lock().api_playbills;
        bills.play_in_turn(&everybody, scenarios);
    }

    /// What reached Google's APIs, oldest first; the last 10,000.
    pub fn api_requests(&self) -> Vec<SeenRequest> {
        self.api_requests.entries()
    }

    /// Grants a role on a service account, which exists from then on.
    pub fn grant(&self, member: &str, role: IamRole, on: &str) {
        let (member, on) = (member.to_owned(), on.to_owned());
        self.state.lock().iam.grant(Grant { member, role, on });
    }

    /// Takes all roles away that the member has on the service account.
    pub fn revoke(&self, member: &str, on: &str) {
        self.state.lock().iam.revoke(member, on);
    }

    /// Whether the API of IAM Credentials is enabled in the project.
    pub fn set_iam_api_enabled(&self, enabled: bool) {
        self.state.lock().iam_api_is_enabled = enabled;
    }

    /// Deletes all keys of the service account, so that no file of one works any more.
    pub fn delete_keys(&self, email: &str) {
        self.state.lock().clients.delete_keys(email);
    }

    /// Logs a person out everywhere: no file of theirs works any more.
    pub fn log_out(&self, email: &str) {
        self.state.lock().clients.revoke_user(email);
    }

    /// A token of the issuer that the workload identity pool trusts, as a workload outside of Google has one, for a day.
    pub fn subject_token(&self, subject: &str) -> String {
        let now = self.clock.unix();
        self.pool_key.sign(&json!({
            "aud": format!("https:{POOL_PROVIDER}"),
            "exp": now + 24 * 60 * 60,
            "iat": now,
            "iss": POOL_ISSUER,
            "sub": subject,
        }))
    }

    pub(crate) fn add_key(&self, email: &str, key: Arc<Key>) {
        let mut state = self.state.lock();
        state.iam.create(email);
        state.clients.add_key(email, key);
    }

    /// Logs a person in; the refresh token.
    pub(crate) fn log_in(&self, email: &str) -> String {
        let token = format!("1//{:032x}", u128::from_be_bytes(Generate::generate()));
        self.state.lock().clients.add_user(token.clone(), email);
        token
    }

    /// Signs with a new key from now on; the older ones stay published until [`Google::retire_keys`].
    pub fn rotate_keys(&self) {
        let key = Arc::new(Key::generate());
        self.state.lock().keys.rotate(key);
    }

    /// Publishes the signing key only.
    pub fn retire_keys(&self) {
        self.state.lock().keys.retire();
    }

    /// Whether the keys can be fetched; where not, AWS cannot verify any token.
    pub fn set_keys_reachable(&self, reachable: bool) {
        self.state.lock().keys_are_reachable = reachable;
    }

    /// The public side of the keys (RFC 7517), or nothing while they cannot be fetched.
    pub fn jwks(&self) -> Option<Value> {
        let state = self.state.lock();
        state.keys_are_reachable.then(|| state.keys.jwks())
    }

    /// A token as the metadata server would give now to the identity that was set; nothing where that is unlinked.
    pub fn id_token(&self, audience: &str) -> Option<String> {
        self.issue(&self.identity(), audience, false, Scenario::Healthy)
    }

    /// Signs any claims with the current key, right or wrong: what a verifier must refuse is made with this.
    pub fn sign(&self, claims: &Value) -> String {
        self.state.lock().keys.current().sign(claims)
    }

    /// The email an access token was given to, while it is valid.
    pub fn access_token_owner(&self, access_token: &str) -> Option<String> {
        let now = self.clock.unix();
        self.state.lock().access.owner(access_token, now)
    }

    /// A token as the metadata server gives it.
    fn issue(
        &self,
        identity: &Identity,
        audience: &str,
        full: bool,
        scenario: Scenario,
    ) -> Option<String> {
        let node = Identity::Node(GoogleIdentity::node());
        let identity = match scenario {
            Scenario::NodesToken => &node,
            _ => identity,
        };
        match identity {
            Identity::Linked(account) => {
                Some(self.signed(account, audience, scenario, identity::linked_claims))
            }
            Identity::Node(account) => {
                let claims = |account: &_, audience: &_, validity| {
                    identity::node_claims(account, audience, validity, full)
                };
                Some(self.signed(account, audience, scenario, claims))
            }
            Identity::Unlinked { .. } => None,
        }
    }

    fn signed(
        &self,
        account: &GoogleIdentity,
        audience: &str,
        scenario: Scenario,
        claims: impl Fn(&GoogleIdentity, &str, Validity) -> Value,
    ) -> String {
        let mut state = self.state.lock();
        let place = (account.unique_id.clone(), audience.to_owned());
        let last = state.issued.get(&place).cloned();
        let last = match (scenario, last) {
            (Scenario::SameToken, Some(last)) => return last.token,
            (_, last) => last.map(|last| last.validity),
        };
        let validity = self.validity(account, scenario, last);
        let mut claims = claims(account, audience, validity);
        falsify(&mut claims, scenario);
        let token = state.keys.current().sign(&claims);
        let issued = Issued {
            token: token.clone(),
            validity,
        };
        state.issued.insert(place, issued);
        token
    }

    /// A token as the token endpoint gives it for the assertion of a key, whose `azp` is the email.
    fn issue_for_key(
        &self,
        account: &GoogleIdentity,
        audience: &str,
        scenario: Scenario,
    ) -> String {
        let claims = |account: &GoogleIdentity, audience: &_, validity| {
            let mut claims = identity::linked_claims(account, audience, validity);
            claims["azp"] = account.email.clone().into();
            claims
        };
        self.signed(account, audience, scenario, claims)
    }

    /// A token as IAM Credentials gives it.
    fn issue_by_api(
        &self,
        account: &GoogleIdentity,
        audience: &str,
        with_email: bool,
        scenario: Scenario,
    ) -> String {
        let claims = |account: &_, audience: &_, validity| {
            let mut claims = identity::linked_claims(account, audience, validity);
            if let Some(claims) = claims.as_object_mut().filter(|_| !with_email) {
                claims.retain(|name, _| !name.starts_with("email"));
            }
            claims
        };
        self.signed(account, audience, scenario, claims)
    }

    /// An access token of the account, person or workload that goes by this name.
    fn access_token_for(&self, owner: &str) -> AccessToken {
        let unique_id = self.account(owner).unique_id;
        let lifetime = self.lifetime(owner, &unique_id);
        let now = self.clock.unix();
        self.state.lock().access.issue(owner, now, lifetime)
    }

    /// The public side of the key that the pool trusts.
    fn pool_jwks(&self) -> Value {
        json!({"keys": [self.pool_key.public()]})
    }

    fn validity(
        &self,
        account: &GoogleIdentity,
        scenario: Scenario,
        last: Option<Validity>,
    ) -> Validity {
        let lifetime = self.lifetime(&account.email, &account.unique_id);
        let now = self.clock.unix();
        let older_by = lifetime / OLDER_BY;
        let from = match (scenario, last) {
            (Scenario::OlderToken, Some(last)) => last.from.saturating_sub(older_by),
            (Scenario::OlderToken, None) => now.saturating_sub(older_by),
            (Scenario::ExpiredToken, _) => now.saturating_sub(lifetime.saturating_add(1)),
            (Scenario::UnbornToken(after), _) => now.saturating_add(after.as_secs()),
            _ => now,
        };
        let until = from.saturating_add(lifetime);
        Validity { from, until }
    }

    /// How long tokens of the account live, in seconds.
    fn lifetime(&self, email: &str, unique_id: &str) -> u64 {
        let lifetime = self.lifetimes.of(&[unique_id, email]);
        lifetime.token.as_secs()
    }

    /// The time since 1970.
    fn now(&self) -> Duration {
        let since = self.clock.now().duration_since(UNIX_EPOCH);
        since.unwrap_or_default()
    }
}

/// Changes what the scenario wants wrong in the claims of a token.
fn falsify(claims: &mut Value, scenario: Scenario) {
    match scenario {
        Scenario::WrongAudience => claims["aud"] = ANOTHER_AUDIENCE.into(),
        Scenario::ExpiryAsText => claims["exp"] = claims["exp"].to_string().into(),
        Scenario::NoExpiry => {
            let claims = claims.as_object_mut().expect("built as an object");
            claims.remove("exp");
        }
        _ => {}
    }
}
