//! What is counted, under the names that alerts use.

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The upper bounds of a review's duration in seconds: from what a pure decision takes to what a slow GET may.
const DURATIONS: [f64; 10] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 2.5,
];

/// What is counted.
pub struct Metrics {
    registry: Registry,
    reviews: Family<ReviewLabels, Counter>,
    review_duration: Histogram,
    lookups: Family<OutcomeLabels, Counter>,
    watch_restarts: Family<ReasonLabels, Counter>,
    service_accounts: Family<StateLabels, Gauge>,
    watch_silence: Gauge<f64, std::sync::atomic::AtomicU64>,
}

/// How a review was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answered {
    /// The pod is admitted, injected or as it is.
    Allowed,
    /// The pod is rejected, as it asked to be.
    Denied,
    /// It was no review that can be answered.
    Refused,
    /// What it needs is not known now; the API server may try again.
    Unavailable,
}

impl Answered {
    /// The answer in metrics and logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
        }
    }
}

/// What is known of ServiceAccounts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AccountsState {
    /// ServiceAccounts with a role.
    pub bound: usize,
    /// ServiceAccounts whose role cannot be read.
    pub invalid: usize,
    /// ServiceAccounts that ask for nothing.
    pub without_role: usize,
    /// How long nothing has come over the watch; none before the first list.
    pub silence: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReviewLabels {
    outcome: &'static str,
    answer: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

impl Metrics {
    /// Counts one review.
    pub fn review(&self, outcome: &'static str, answered: Answered, duration: Duration) {
        let answer = answered.label();
        self.reviews
            .get_or_create(&ReviewLabels { outcome, answer })
            .inc();
        self.review_duration.observe(duration.as_secs_f64());
    }

    /// Counts where an answer about a ServiceAccount came from, or why there was none.
    pub fn lookup(&self, outcome: &'static str) {
        self.lookups.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Counts a watch that had to be opened anew.
    pub fn watch_restart(&self, reason: &'static str) {
        self.watch_restarts
            .get_or_create(&ReasonLabels { reason })
            .inc();
    }

    /// Writes everything in the text format of Prometheus.
    pub fn encode(&self, accounts: &AccountsState) -> String {
        for (state, count) in [
            ("bound", accounts.bound),
            ("invalid", accounts.invalid),
            ("without-role", accounts.without_role),
        ] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.service_accounts
                .get_or_create(&StateLabels { state })
                .set(count);
        }
        let silence = accounts
            .silence
            .map_or(f64::NAN, |silence| silence.as_secs_f64());
        self.watch_silence.set(silence);
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a string never fails");
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registry: Registry::with_prefix("gtoken_webhook"),
            reviews: Family::default(),
            review_duration: Histogram::new(DURATIONS),
            lookups: Family::default(),
            watch_restarts: Family::default(),
            service_accounts: Family::default(),
            watch_silence: Gauge::default(),
        };
        metrics.registered()
    }
}

impl Metrics {
    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        let help = "Reviews by what came of them and how they were answered";
        registry.register("reviews", help, self.reviews.clone());
        let help = "From the last byte of a review to its answer; of what is refused before that, from its head";
        let duration = self.review_duration.clone();
        registry.register_with_unit("review_duration", help, Unit::Seconds, duration);
        let help =
            "Questions for a ServiceAccount by where the answer came from, or why there was none";
        registry.register("lookups", help, self.lookups.clone());
        let help = "Watches of ServiceAccounts that were opened anew, by reason";
        registry.register("watch_restarts", help, self.watch_restarts.clone());
        let help = "ServiceAccounts known, by what they ask for";
        registry.register("service_accounts", help, self.service_accounts.clone());
        let help = "How long nothing has come over the watch, bookmarks included; NaN before the first list";
        let silence = self.watch_silence.clone();
        registry.register_with_unit("watch_silence", help, Unit::Seconds, silence);
        self
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_shown_under_its_names() {
        let metrics = Metrics::default();
        metrics.review("injected", Answered::Allowed, Duration::from_micros(30));
        metrics.review("no-role", Answered::Denied, Duration::from_micros(30));
        metrics.lookup("index");
        metrics.watch_restart("gone");
        let text = metrics.encode(&AccountsState {
            bound: 3,
            invalid: 1,
            without_role: 40,
            silence: Some(Duration::from_secs(2)),
        });
        for line in [
            r#"gtoken_webhook_reviews_total{outcome="injected",answer="allowed"} 1"#,
            r#"gtoken_webhook_reviews_total{outcome="no-role",answer="denied"} 1"#,
            "gtoken_webhook_review_duration_seconds_count 2",
            r#"gtoken_webhook_lookups_total{outcome="index"} 1"#,
            r#"gtoken_webhook_watch_restarts_total{reason="gone"} 1"#,
            r#"gtoken_webhook_service_accounts{state="bound"} 3"#,
            r#"gtoken_webhook_service_accounts{state="without-role"} 40"#,
            "gtoken_webhook_watch_silence_seconds 2.0",
        ] {
            assert!(
                text.lines().any(|shown| shown == line),
                "{line} is not in\n{text}"
            );
        }
    }
}
