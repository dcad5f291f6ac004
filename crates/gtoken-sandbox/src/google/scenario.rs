//! The ways in which a metadata server has been seen to fail, by name.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What the metadata server does to the requests that reach it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Scenario {
    /// It answers as GKE's does.
    #[default]
    Healthy,
    /// It answers 200 with a page in HTML, as a captive portal or a proxy does.
    Html200,
    /// It answers 404, as where the path or the ServiceAccount is unknown.
    NotFound,
    /// It takes the request and never answers.
    Silent,
    /// It closes the connection without an answer.
    Refused,
    /// It answers 500.
    ServerError,
    /// It answers 503, as while it starts.
    Unavailable,
    /// It answers 429, as past Google's quota.
    TooManyRequests,
    /// It answers 200 with an empty body.
    Empty200,
    /// It answers 200 with a token that lost its second half.
    Truncated,
    /// It announces a whole token, sends half of it and cuts the connection.
    BrokenOff,
    /// It answers 200 with an error in JSON where a token should be.
    JsonInstead,
    /// It redirects to another server.
    Redirect,
    /// It hands out the token that it issued before for the same audience.
    SameToken,
    /// It hands out a token that ends ten minutes before the last one issued.
    OlderToken,
    /// It hands out a token that has expired.
    ExpiredToken,
    /// It hands out a token for another audience.
    WrongAudience,
    /// It answers rightly, after this long.
    Slow(#[serde(with = "milliseconds")] Duration),
}

/// The scenario being played, and those that the next requests meet first.
#[derive(Debug, Default)]
pub(crate) struct Playbill {
    lasting: Scenario,
    next: VecDeque<Scenario>,
}

impl Playbill {
    pub(crate) fn play(&mut self, scenario: Scenario) {
        self.next.clear();
        self.lasting = scenario;
    }

    pub(crate) fn play_in_turn(&mut self, scenarios: impl IntoIterator<Item = Scenario>) {
        self.next.extend(scenarios);
    }

    pub(crate) fn take(&mut self) -> Scenario {
        self.next.pop_front().unwrap_or(self.lasting)
    }
}

mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let whole = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        serializer.serialize_u64(whole)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
