//! Lifetimes of single accounts: tests that run side by side in one sandbox do not see each other's.

use std::time::Duration;

use gtoken_sandbox::LifetimeChange;
use gtoken_sandbox::google::GoogleIdentity;

use crate::metadata::claims;
use crate::sts::{NOW, Sts};
use crate::wire;

fn a_minute_of(account: &str) -> LifetimeChange {
    LifetimeChange {
        account: Some(account.to_owned()),
        token: Some(60),
        session: Some(60),
        grace: Some(0),
    }
}

#[test]
fn tokens_and_sessions_of_an_account_live_as_long_as_it_was_told() {
    let GoogleIdentity { email, unique_id } = GoogleIdentity::reader();
    for account in [email, unique_id] {
        let sts = Sts::start();
        sts.sandbox.change_lifetimes(&a_minute_of(&account));
        let token = sts.token();
        assert_eq!(claims(&token)["exp"], NOW + 60);
        let credentials = sts.exchange(&token);
        assert_eq!(credentials.field("Expiration"), "2027-01-15T08:01:00Z");
        sts.clock.advance(Duration::from_secs(59));
        assert_eq!(sts.exchange(&token).status, 200);
        sts.clock.advance(Duration::from_secs(1));
        let refusal = sts.exchange(&token);
        assert_eq!(refusal.refusal(), (400, "ExpiredTokenException"));
    }
}

#[test]
fn other_accounts_keep_theirs() {
    let sts = Sts::start();
    let other = a_minute_of("other@p.iam.gserviceaccount.com");
    sts.sandbox.change_lifetimes(&other);
    let token = sts.token();
    assert_eq!(claims(&token)["exp"], NOW + 3600);
    let credentials = sts.exchange(&token);
    assert_eq!(credentials.field("Expiration"), "2027-01-15T09:00:00Z");
}

#[test]
fn the_control_api_changes_them_too() {
    let sts = Sts::start();
    let url = format!("{}/lifetimes", sts.sandbox.control_url());
    let reply = sts.agent.put(url).send(r#"{"token": 90}"#).unwrap();
    assert_eq!(wire::reply(reply).unwrap().status, 204);
    assert_eq!(claims(&sts.token())["exp"], NOW + 90);
}
