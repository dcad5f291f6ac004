//! Google's side: the metadata server, the tokens it signs and the keys that it publishes.
//!
//! The tokens carry the claims that GKE really gives, and are verifiable by anybody who fetches the JWKS.

mod access;
mod fault;
mod identity;
mod keys;
mod metadata;
mod scenario;
mod serve;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use access::AccessTokens;
use identity::Validity;
pub use identity::{GoogleIdentity, ISSUER, Identity};
pub(crate) use keys::Key;
use keys::KeyRing;
use scenario::Playbills;
pub use scenario::{Scenario, Target};
use serde_json::Value;
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
}

struct State {
    identity: Identity,
    keys: KeyRing,
    keys_are_reachable: bool,
    playbills: Playbills,
    /// By unique id and audience.
    issued: HashMap<(String, String), Issued>,
    access: AccessTokens,
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
            issued: HashMap::new(),
            access: AccessTokens::default(),
        };
        Self {
            clock,
            lifetimes,
            cluster,
            state: Shared::new(state),
            requests: Log::default(),
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
        let (Identity::Linked(account) | Identity::Node(account)) = identity else {
            return None;
        };
        let mut state = self.state.lock();
        let place = (account.unique_id.clone(), audience.to_owned());
        let last = state.issued.get(&place).cloned();
        let last = match (scenario, last) {
            (Scenario::SameToken, Some(last)) => return Some(last.token),
            (_, last) => last.map(|last| last.validity),
        };
        let validity = self.validity(account, scenario, last);
        let mut claims = match identity {
            Identity::Node(_) => identity::node_claims(account, audience, validity, full),
            _ => identity::linked_claims(account, audience, validity),
        };
        falsify(&mut claims, scenario);
        let token = state.keys.current().sign(&claims);
        let issued = Issued {
            token: token.clone(),
            validity,
        };
        state.issued.insert(place, issued);
        Some(token)
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
