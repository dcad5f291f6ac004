//! What is counted, under the names that alerts use.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::{Duration, SystemTime};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
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
    in_flight: Gauge<i64, AtomicI64>,
    request_bytes: Counter,
    response_bytes: Counter,
    connections: Gauge<i64, AtomicI64>,
    connections_shed: Counter,
    handshakes_failed: Family<ReasonLabels, Counter>,
    certificate_expiry: Gauge<f64, AtomicU64>,
    certificate_reloads: Family<ResultLabels, Counter>,
    certificate_steps: Family<StepLabels, Counter>,
    authority_expiry: Gauge<f64, AtomicU64>,
    last_rotation: Gauge<f64, AtomicU64>,
    api_requests: Family<ApiLabels, Counter>,
    lookups: Family<OutcomeLabels, Counter>,
    watch_restarts: Family<ReasonLabels, Counter>,
    service_accounts: Family<StateLabels, Gauge>,
    watch_silence: Gauge<f64, AtomicU64>,
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
struct ResultLabels {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    step: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ApiLabels {
    resource: &'static str,
    code: String,
}

/// Something that is on its way, or open, for as long as this lives.
#[derive(Debug)]
pub struct Counted(Gauge<i64, AtomicI64>);

impl Counted {
    fn new(gauge: &Gauge<i64, AtomicI64>) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
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

    /// Counts a request as on its way until what this gives is dropped.
    pub fn in_flight(&self) -> Counted {
        Counted::new(&self.in_flight)
    }

    /// Counts the bytes of a request's body and of its answer's.
    pub fn bytes(&self, request: usize, response: usize) {
        self.request_bytes.inc_by(request as u64);
        self.response_bytes.inc_by(response as u64);
    }

    /// Counts a connection as open until what this gives is dropped.
    pub fn connection(&self) -> Counted {
        Counted::new(&self.connections)
    }

    /// Counts a connection that was closed to make room for another, or for what others need.
    pub fn connection_shed(&self) {
        self.connections_shed.inc();
    }

    /// Counts a TLS handshake that came to nothing.
    pub fn handshake_failed(&self, reason: &'static str) {
        self.handshakes_failed
            .get_or_create(&ReasonLabels { reason })
            .inc();
    }

    /// Says until when the certificate that is served is good.
    pub fn certificate_expiry(&self, expiry: SystemTime) {
        self.certificate_expiry.set(seconds(expiry));
    }

    /// Says until when our authority is good, and since when it signs.
    pub fn authority(&self, expiry: SystemTime, signing_since: Option<SystemTime>) {
        self.authority_expiry.set(seconds(expiry));
        self.last_rotation
            .set(signing_since.map_or(f64::NAN, seconds));
    }

    /// Counts a step in keeping up certificates of our own, by what came of it.
    pub fn certificate_step(&self, step: &'static str, result: &'static str) {
        self.certificate_steps
            .get_or_create(&StepLabels { step, result })
            .inc();
    }

    /// Counts a change of the certificate's files, by what came of it.
    pub fn certificate_reload(&self, result: &'static str) {
        self.certificate_reloads
            .get_or_create(&ResultLabels { result })
            .inc();
    }

    /// Counts a request to the API server by its answer's status, or `none` where there was no answer.
    pub fn api_request(&self, resource: &'static str, status: Option<u16>) {
        let code = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        self.api_requests
            .get_or_create(&ApiLabels { resource, code })
            .inc();
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
            in_flight: Gauge::default(),
            request_bytes: Counter::default(),
            response_bytes: Counter::default(),
            connections: Gauge::default(),
            connections_shed: Counter::default(),
            handshakes_failed: Family::default(),
            certificate_expiry: Gauge::default(),
            certificate_reloads: Family::default(),
            certificate_steps: Family::default(),
            authority_expiry: Gauge::default(),
            last_rotation: Gauge::default(),
            api_requests: Family::default(),
            lookups: Family::default(),
            watch_restarts: Family::default(),
            service_accounts: Family::default(),
            watch_silence: Gauge::default(),
        };
        metrics
            .with_reviews()
            .with_serving()
            .with_certificates()
            .with_accounts()
    }
}

impl Metrics {
    fn with_reviews(mut self) -> Self {
        let registry = &mut self.registry;
        let help = "Reviews by what came of them and how they were answered";
        registry.register("reviews", help, self.reviews.clone());
        let help = "From the last byte of a review to its answer; of what is refused before that, from its head";
        let duration = self.review_duration.clone();
        registry.register_with_unit("review_duration", help, Unit::Seconds, duration);
        let help = "Requests on their way";
        registry.register("requests_in_flight", help, self.in_flight.clone());
        let help = "Bytes of the bodies of reviews";
        let bytes = self.request_bytes.clone();
        registry.register_with_unit("request", help, Unit::Bytes, bytes);
        let help = "Bytes of the answers to reviews";
        let bytes = self.response_bytes.clone();
        registry.register_with_unit("response", help, Unit::Bytes, bytes);
        self
    }

    fn with_serving(mut self) -> Self {
        let registry = &mut self.registry;
        let help = "Connections that are open";
        registry.register("connections", help, self.connections.clone());
        let help = "Connections closed to make room for others";
        registry.register("connections_shed", help, self.connections_shed.clone());
        let help = "TLS handshakes that came to nothing, by reason";
        let failed = self.handshakes_failed.clone();
        registry.register("tls_handshakes_failed", help, failed);
        let help = "Requests to the API server by what was asked for and the status of the answer";
        registry.register("api_requests", help, self.api_requests.clone());
        let help = "The program that runs";
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", help, version);
        self
    }

    fn with_certificates(mut self) -> Self {
        let registry = &mut self.registry;
        let help = "Until when the certificate that is served is good, in seconds since 1970";
        let expiry = self.certificate_expiry.clone();
        registry.register_with_unit("certificate_expiry_timestamp", help, Unit::Seconds, expiry);
        let help = "Changes of the certificate's files, by whether it could be loaded";
        let reloads = self.certificate_reloads.clone();
        registry.register("certificate_reloads", help, reloads);
        let help = "Steps in keeping up certificates of our own, by what came of them";
        let steps = self.certificate_steps.clone();
        registry.register("certificate_steps", help, steps);
        let help = "Until when our own authority is good, in seconds since 1970";
        let expiry = self.authority_expiry.clone();
        registry.register_with_unit("authority_expiry_timestamp", help, Unit::Seconds, expiry);
        let help = "When our own authority began to sign, in seconds since 1970";
        let rotation = self.last_rotation.clone();
        registry.register_with_unit("last_rotation_timestamp", help, Unit::Seconds, rotation);
        self
    }

    fn with_accounts(mut self) -> Self {
        let registry = &mut self.registry;
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

/// Seconds since 1970.
fn seconds(moment: SystemTime) -> f64 {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO).as_secs_f64()
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
        metrics.bytes(10_000, 2_000);
        metrics.certificate_expiry(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_564_805));
        metrics.certificate_reload("refused");
        metrics.certificate_step("publish", "done");
        let began = SystemTime::UNIX_EPOCH + Duration::from_hours(490_008);
        metrics.authority(began + Duration::from_hours(8760), Some(began));
        metrics.connection_shed();
        metrics.handshake_failed("untrusted");
        metrics.api_request("serviceaccounts", Some(403));
        metrics.api_request("version", None);
        let on_its_way = (metrics.in_flight(), metrics.connection());
        drop(metrics.in_flight());
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
            "gtoken_webhook_requests_in_flight 1",
            "gtoken_webhook_request_bytes_total 10000",
            "gtoken_webhook_response_bytes_total 2000",
            "gtoken_webhook_connections 1",
            "gtoken_webhook_connections_shed_total 1",
            r#"gtoken_webhook_tls_handshakes_failed_total{reason="untrusted"} 1"#,
            "gtoken_webhook_certificate_expiry_timestamp_seconds 1795564805.0",
            r#"gtoken_webhook_certificate_reloads_total{result="refused"} 1"#,
            r#"gtoken_webhook_certificate_steps_total{step="publish",result="done"} 1"#,
            "gtoken_webhook_authority_expiry_timestamp_seconds 1795564800.0",
            "gtoken_webhook_last_rotation_timestamp_seconds 1764028800.0",
            r#"gtoken_webhook_api_requests_total{resource="serviceaccounts",code="403"} 1"#,
            r#"gtoken_webhook_api_requests_total{resource="version",code="none"} 1"#,
            concat!(
                r#"gtoken_webhook_build_info{version=""#,
                env!("CARGO_PKG_VERSION"),
                r#""} 1"#
            ),
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
        drop(on_its_way);
    }
}
