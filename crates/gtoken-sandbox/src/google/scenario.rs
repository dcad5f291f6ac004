//! The ways in which a metadata server has been seen to fail, by name.

use std::collections::VecDeque;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::cluster::Pod;

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
    /// It sends the head of the right answer, and never its body.
    SilentAfterHead,
    /// It sends the right answer at one byte a second, from its first byte on.
    Trickle,
    /// It closes the connection without an answer.
    Refused,
    /// It answers 500.
    ServerError,
    /// It answers 503, as while it starts.
    Unavailable,
    /// It answers 429, as past Google's quota.
    TooManyRequests,
    /// It answers any other status, with `Retry-After` where seconds for that are given.
    #[serde(rename_all = "camelCase")]
    Status {
        /// From 200 to 599; a redirect leads to another server.
        #[serde(deserialize_with = "status")]
        code: u16,
        /// How many seconds to wait (RFC 9110, 10.2.3).
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// It answers 200 with an empty body.
    Empty200,
    /// It answers 200 with a body of 16 MiB.
    Oversized,
    /// It begins the right answer and goes on with one header after another, without end.
    EndlessHead,
    /// It answers 200 with a token that lost its second half.
    Truncated,
    /// It announces a whole token, sends half of it and cuts the connection.
    BrokenOff,
    /// It announces a whole token, sends half of it and resets the connection.
    Reset,
    /// It sends the right answer, announces so many bytes more than there are, or fewer, and closes the connection.
    WrongLength {
        /// What is added to the length.
        by: i32,
    },
    /// It sends the right answer in chunks, without announcing a length.
    Chunked,
    /// It answers 200 with an error in JSON where a token should be.
    JsonInstead,
    /// It redirects to another server by 302.
    Redirect,
    /// It hands out the token that it issued before for the same audience.
    SameToken,
    /// It hands out a token that ends a sixth of its life before the last one issued: ten minutes of an hour.
    OlderToken,
    /// It hands out a token that has expired.
    ExpiredToken,
    /// It hands out a token that begins so long after now; AWS forgives five minutes.
    UnbornToken(#[serde(with = "milliseconds")] Duration),
    /// It hands out a token for another audience.
    WrongAudience,
    /// It hands out a token without `exp`.
    NoExpiry,
    /// It hands out a token whose `exp` is a text.
    ExpiryAsText,
    /// It hands out the node's token, as where the node pool has no Workload Identity.
    NodesToken,
    /// It answers rightly, after this long.
    Slow(#[serde(with = "milliseconds")] Duration),
}

/// Whom a scenario is played to; by default, to every caller.
///
/// Where several fit a caller, the pod's own goes before its namespace's, and that before everybody's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The pods of this namespace.
    pub namespace: Option<String>,
    /// The pod of this name in it.
    pub pod: Option<String>,
    /// Only while the pod's network is younger than this.
    pub younger_than: Option<Duration>,
}

/// What is being played, and to whom.
#[derive(Debug, Default)]
pub(crate) struct Playbills(Vec<(Target, Playbill)>);

/// The scenario being played, and those that the next requests meet first.
#[derive(Debug, Default)]
struct Playbill {
    lasting: Option<Scenario>,
    next: VecDeque<Scenario>,
}

impl Target {
    /// Every pod of a namespace.
    pub fn namespace(namespace: &str) -> Self {
        Self {
            namespace: Some(namespace.to_owned()),
            ..Self::default()
        }
    }

    fn fits(&self, pod: Option<&Pod>, now: Duration) -> bool {
        let fits = |wanted: &Option<String>, has: fn(&Pod) -> &str| {
            wanted.is_none() || wanted.as_deref() == pod.map(has)
        };
        let age = pod.map(|pod| now.saturating_sub(Duration::from_millis(pod.since)));
        let is_young = |limit| age.is_some_and(|age| age < limit);
        fits(&self.namespace, |pod| &pod.namespace)
            && fits(&self.pod, |pod| &pod.name)
            && self.younger_than.is_none_or(is_young)
    }

    /// The narrower comes first.
    fn breadth(&self) -> u8 {
        u8::from(self.pod.is_none()) + u8::from(self.namespace.is_none())
    }
}

impl Playbills {
    pub(crate) fn play(&mut self, target: &Target, scenario: Scenario) {
        let bill = self.of(target);
        bill.next.clear();
        bill.lasting = Some(scenario);
    }

    pub(crate) fn play_in_turn(
        &mut self,
        target: &Target,
        scenarios: impl IntoIterator<Item = Scenario>,
    ) {
        self.of(target).next.extend(scenarios);
    }

    /// What meets the next request of this pod, or of a caller that is none; `now` is the time since 1970.
    pub(crate) fn take(&mut self, pod: Option<&Pod>, now: Duration) -> Scenario {
        let fitting = self.0.iter_mut().filter(|(to, _)| to.fits(pod, now));
        let mut taken = fitting.filter_map(|(_, bill)| bill.next.pop_front().or(bill.lasting));
        taken.next().unwrap_or_default()
    }

    /// The playbill of the target; its age may change.
    fn of(&mut self, target: &Target) -> &mut Playbill {
        let same = |(to, _): &(Target, Playbill)| {
            (&to.namespace, &to.pod) == (&target.namespace, &target.pod)
        };
        let at = self.0.iter().position(same).unwrap_or_else(|| {
            let breadth = target.breadth();
            let at = self.0.partition_point(|(to, _)| to.breadth() <= breadth);
            self.0.insert(at, (target.clone(), Playbill::default()));
            at
        });
        let (to, bill) = &mut self.0[at];
        to.younger_than = target.younger_than;
        bill
    }
}

/// A status that an answer can have.
fn status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let code = u16::deserialize(deserializer)?;
    if (200..600).contains(&code) {
        Ok(code)
    } else {
        Err(D::Error::custom(format!(
            "a status is from 200 to 599, not {code}"
        )))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(namespace: &str, name: &str) -> Pod {
        Pod {
            namespace: namespace.into(),
            name: name.into(),
            uid: "u".into(),
            container_id: "c".into(),
            since: 100_000,
        }
    }

    #[test]
    fn the_narrowest_target_that_fits_is_played() {
        let mut bills = Playbills::default();
        let own = Target {
            pod: Some("one".into()),
            ..Target::namespace("team")
        };
        bills.play(&Target::default(), Scenario::NotFound);
        bills.play_in_turn(&own, [Scenario::Empty200]);
        bills.play(&Target::namespace("team"), Scenario::Silent);
        let now = Duration::from_secs(100);
        let mut take = |pod: Option<Pod>| bills.take(pod.as_ref(), now);
        assert_eq!(take(Some(pod("team", "one"))), Scenario::Empty200);
        assert_eq!(take(Some(pod("team", "one"))), Scenario::Silent);
        assert_eq!(take(Some(pod("team", "two"))), Scenario::Silent);
        assert_eq!(take(Some(pod("crew", "one"))), Scenario::NotFound);
        assert_eq!(take(None), Scenario::NotFound);
    }

    #[test]
    fn a_scenario_for_young_pods_ends_with_their_youth() {
        let mut bills = Playbills::default();
        let young = Target {
            younger_than: Some(Duration::from_secs(20)),
            ..Target::namespace("team")
        };
        bills.play(&young, Scenario::Refused);
        let pod = pod("team", "one");
        let mut at = |seconds| bills.take(Some(&pod), Duration::from_secs(seconds));
        assert_eq!([at(100), at(119)], [Scenario::Refused; 2]);
        assert_eq!(at(120), Scenario::Healthy);
        assert_eq!(
            bills.take(None, Duration::from_secs(100)),
            Scenario::Healthy
        );
    }
}
