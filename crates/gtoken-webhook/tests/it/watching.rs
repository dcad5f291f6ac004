//! The index stays in step with the cluster, whatever happens to the watch.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gtoken_inject::Dialect;
use gtoken_sandbox::kubernetes::{Fault, Kubernetes};
use gtoken_sandbox::{Config, Sandbox};
use gtoken_webhook::accounts::api::ServiceAccounts;
use gtoken_webhook::accounts::index::{Doubt, Lookup};
use gtoken_webhook::accounts::{Accounts, Key, watch};
use gtoken_webhook::cluster;
use gtoken_webhook::metrics::Metrics;
use gtoken_webhook::ready::Readiness;
use tempfile::TempDir;

use crate::harness::{ROLE, Webhook, awaited, file, put_role};
use crate::reviews::{review, role, stored};

fn numbered(number: usize) -> String {
    format!("arn:aws:iam::123456789012:role/reader-{number}")
}

/// Changes the role of `reader` and waits until pods get it, which only the watch can bring about.
#[track_caller]
fn assert_in_step(webhook: &Webhook, number: usize) {
    let wanted = numbered(number);
    put_role(webhook.kubernetes(), "reader", &wanted);
    let review = review("reader");
    awaited("the changed role", || {
        let pod = stored(&review, &webhook.review(&review));
        (role(&pod) == Some(wanted.as_str())).then_some(())
    });
}

#[test]
fn a_service_account_changed_between_two_pods_is_right_for_both() {
    let webhook = Webhook::start();
    assert_in_step(&webhook, 1);
    assert_in_step(&webhook, 2);
    webhook
        .kubernetes()
        .delete_service_account("team-a", "reader");
    awaited("the deletion", || {
        webhook
            .review(&review("reader"))
            .get("patch")
            .is_none()
            .then_some(())
    });
}

#[test]
fn the_watch_comes_back_after_every_fault() {
    let webhook = Webhook::start();
    let faults = [
        Fault::None,
        Fault::WatchRefused,
        Fault::WatchClosedAtOnce,
        Fault::WatchGone,
        Fault::ErrorInStream,
        Fault::HalfObject,
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        webhook.kubernetes().play(fault.times(1));
        webhook.kubernetes().close_watches();
        assert_in_step(&webhook, 2 * number);
        // The first change may have come by a list; the second comes over the watch.
        assert_in_step(&webhook, 2 * number + 1);
    }
    webhook.kubernetes().compact();
    webhook.kubernetes().close_watches();
    assert_in_step(&webhook, 100);
}

#[test]
fn the_watch_comes_back_when_the_api_server_does() {
    let webhook = Webhook::start();
    webhook.kubernetes().play(Fault::Away);
    awaited("the end of the watch", || {
        (webhook.kubernetes().open_watches() == 0).then_some(())
    });
    webhook.kubernetes().play(Fault::None);
    assert_in_step(&webhook, 1);
}

#[test]
fn hundreds_of_service_accounts_are_read_page_by_page() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    for number in 0..250 {
        put_role(
            sandbox.kubernetes(),
            &format!("reader-{number}"),
            &numbered(number),
        );
    }
    sandbox.kubernetes().play(Fault::StreamRefused);
    let webhook = Webhook::beside(sandbox, &[]);
    webhook.assert_counted(r#"gtoken_webhook_service_accounts{state="bound"} 250"#);
    assert_eq!(pages(&webhook), 3);
    let last = review("reader-249");
    assert_eq!(
        role(&stored(&last, &webhook.review(&last))),
        Some(numbered(249).as_str())
    );
    assert_asks_for_metadata_only(&webhook);
}

#[test]
fn where_the_server_streams_its_list_no_page_is_asked_for() {
    let webhook = Webhook::start();
    assert_in_step(&webhook, 1);
    assert_eq!(pages(&webhook), 0);
    assert_asks_for_metadata_only(&webhook);
}

#[test]
fn where_a_stream_keeps_silent_or_breaks_off_pages_are_read() {
    for fault in [
        Fault::RadioSilence,
        Fault::HalfObject,
        Fault::ErrorInStream,
        Fault::WatchClosedAtOnce,
    ] {
        let sandbox = Sandbox::start(Config::default()).unwrap();
        put_role(sandbox.kubernetes(), "reader", ROLE);
        sandbox.kubernetes().play(fault.times(1));
        let webhook = Webhook::beside(sandbox, &[]);
        assert_eq!(pages(&webhook), 1, "{fault:?}");
        assert_in_step(&webhook, 1);
    }
}

#[test]
fn a_slow_list_is_waited_for_and_not_ready_meanwhile() {
    let sandbox = Sandbox::start(Config::default()).unwrap();
    put_role(sandbox.kubernetes(), "reader", ROLE);
    sandbox.kubernetes().play(Fault::StreamRefused);
    sandbox
        .kubernetes()
        .play(Fault::ListSlow(Duration::from_secs(3)).times(1));
    let webhook = Webhook::listening(sandbox, &[]);
    awaited("the question for a page", || {
        (pages(&webhook) == 1).then_some(())
    });
    let unready = webhook.get("/readyz");
    assert_eq!(unready.status, 503, "{unready:?}");
    // Whoever has to be known meanwhile is asked for.
    let known = review("reader");
    assert_eq!(role(&stored(&known, &webhook.review(&known))), Some(ROLE));
    awaited("readiness", || {
        (webhook.get("/readyz").status == 200).then_some(())
    });
    assert_eq!(pages(&webhook), 1);
    assert_in_step(&webhook, 1);
}

/// How many pages of the list were asked for.
fn pages(webhook: &Webhook) -> usize {
    let asked = webhook.kubernetes().requests();
    let pages = asked
        .iter()
        .filter(|request| request.path.contains("limit=100"));
    pages.count()
}

#[track_caller]
fn assert_asks_for_metadata_only(webhook: &Webhook) {
    let asked = webhook.kubernetes().requests();
    let metadata = |request: &gtoken_sandbox::kubernetes::SeenRequest| {
        let accept = request.accept.as_deref().unwrap_or_default();
        request.path == "/version" || accept.contains("as=PartialObjectMetadata")
    };
    assert!(asked.iter().all(metadata), "{asked:?}");
}

/// The library's own pump beside a sandbox, so that silence need not last 90 seconds.
struct Pump {
    sandbox: Sandbox,
    accounts: Arc<Accounts>,
    metrics: Arc<Metrics>,
    _folder: TempDir,
}

impl Pump {
    /// Follows a cluster that holds `team-a/reader`.
    async fn start(silence: Duration) -> Self {
        let sandbox = Sandbox::start(Config::default()).unwrap();
        put_role(sandbox.kubernetes(), "reader", ROLE);
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = file(folder.path(), "kubeconfig", &sandbox.kubeconfig());
        let variable =
            |name: &str| (name == cluster::KUBECONFIG).then(|| OsString::from(&kubeconfig));
        let client = cluster::client(variable).await.unwrap();
        let metrics = Arc::new(Metrics::default());
        let api = ServiceAccounts::new(client, Dialect::default());
        let accounts = Arc::new(Accounts::new(api, Doubt::default(), Arc::clone(&metrics)));
        let readiness = Readiness::default();
        let listed = readiness.awaits("the list");
        let doubt = Doubt {
            silence,
            ..Doubt::default()
        };
        let watched = Arc::clone(&accounts);
        tokio::spawn(async move { watch::run(watched, doubt, &listed).await });
        let pump = Self {
            sandbox,
            accounts,
            metrics,
            _folder: folder,
        };
        until(|| {
            readiness.check(std::time::SystemTime::now()).is_ok()
                && pump.kubernetes().open_watches() == 1
        })
        .await;
        pump
    }

    fn kubernetes(&self) -> &Kubernetes {
        self.sandbox.kubernetes()
    }

    /// Waits until the index has this role of `team-a/reader`.
    async fn has_role(&self, role: &str) {
        let key = Key::new("team-a", "reader").unwrap();
        until(|| {
            match self
                .accounts
                .update(|index| index.lookup(&key, Instant::now()))
            {
                Lookup::Bound(binding) => binding.role_arn.as_str() == role,
                _ => false,
            }
        })
        .await;
    }

    fn silence(&self) -> Duration {
        self.accounts.state().silence.unwrap()
    }
}

#[tokio::test]
async fn after_a_silent_watch_everything_is_read_anew() {
    let pump = Pump::start(Duration::from_millis(100)).await;
    pump.kubernetes().play(Fault::RadioSilence.times(1));
    put_role(pump.kubernetes(), "reader", &numbered(2));
    pump.has_role(&numbered(2)).await;
    let shown = pump.metrics.encode(&pump.accounts.state());
    assert!(
        shown.contains(r#"watch_restarts_total{reason="silent"}"#),
        "{shown}"
    );
}

#[tokio::test]
async fn a_cluster_restored_from_an_old_backup_is_followed() {
    let pump = Pump::start(Duration::from_millis(200)).await;
    for number in 0..20 {
        put_role(pump.kubernetes(), "reader", &numbered(number));
    }
    pump.has_role(&numbered(19)).await;
    pump.kubernetes().rewind();
    put_role(pump.kubernetes(), "reader", &numbered(100));
    pump.has_role(&numbered(100)).await;
}

#[tokio::test]
async fn bookmarks_that_stand_still_lose_no_change() {
    let pump = Pump::start(Duration::from_mins(1)).await;
    let quiet = Duration::from_millis(200);
    until(|| pump.silence() >= quiet).await;
    pump.kubernetes().play(Fault::BookmarksOnly);
    put_role(pump.kubernetes(), "reader", &numbered(2));
    pump.kubernetes().send_bookmark();
    until(|| pump.silence() < quiet).await;
    pump.has_role(ROLE).await;
    pump.kubernetes().play(Fault::None);
    pump.kubernetes().close_watches();
    pump.has_role(&numbered(2)).await;
}

#[tokio::test]
async fn a_bookmark_alone_ends_silence() {
    let pump = Pump::start(Duration::from_mins(1)).await;
    let quiet = Duration::from_millis(200);
    until(|| pump.silence() >= quiet).await;
    pump.kubernetes().send_bookmark();
    until(|| pump.silence() < quiet).await;
}

async fn until(mut is_there: impl FnMut() -> bool) {
    let waiting = async {
        while !is_there() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .unwrap();
}
