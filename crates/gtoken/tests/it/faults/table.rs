//! The faults of a token server, by name, with what the agent makes of each.

use std::time::Duration;

use gtoken_sandbox::google::Scenario;

use Scenario::{
    BrokenOff, Chunked, Empty200, EndlessHead, ExpiredToken, ExpiryAsText, Healthy, Html200,
    JsonInstead, NoExpiry, NodesToken, OlderToken, Oversized, Redirect, Refused, Reset, SameToken,
    Silent, SilentAfterHead, Slow, Trickle, Truncated, UnbornToken, WrongAudience, WrongLength,
};

/// A fault, and what the agent makes of it.
#[derive(Clone, Copy)]
pub(super) struct Fault {
    pub(super) name: &'static str,
    pub(super) scenario: Scenario,
    pub(super) course: Course,
    /// The same of a source over HTTPS, whose answers are JSON; nothing where it has no such fault.
    pub(super) over_https: Option<Course>,
    /// Seconds that tokens live where what is left of them must outlast the fault.
    pub(super) life: u64,
}

/// How it goes.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Course {
    /// There is no token while it lasts: the log says this, and a one-shot ends with this code.
    Fails(&'static str, i32),
    /// The same, and what is said takes longer than the fault is played.
    Hangs,
    /// There is a token, but none newer than the one that is held.
    Stale,
    /// There is a token all the same.
    Succeeds,
}

/// No token in the JSON, which the answer may not even be.
const NO_TOKEN: Course = Course::Fails("there is none in its answer", 75);
const INTERCEPTED: &str = "no metadata server answers so";
const ENDED: &str = "it ended in the middle of an answer";

pub(super) const FAULTS: &[Fault] = &[
    fails("refused", Refused, ENDED, 75),
    fault("hung before the head", Silent, Course::Hangs),
    fault("hung after the head", SilentAfterHead, Course::Hangs),
    fault("a byte a second", Trickle, Course::Hangs),
    fails("broken off in the body", BrokenOff, ENDED, 75),
    fails("reset in the body", Reset, ENDED, 75),
    fails("length too long", WrongLength { by: 7 }, ENDED, 75),
    fails(
        "length too short",
        // What is left of the signature is base64url.
        WrongLength { by: -2 },
        "its signature is not whole",
        75,
    )
    .over_https(NO_TOKEN),
    fault("chunked", Chunked, Course::Succeeds),
    fails("16 MiB", Oversized, "it has 16 KiB or more", 75).over_https(NO_TOKEN),
    fails(
        "endless header",
        EndlessHead,
        "what came is no HTTP answer",
        75,
    ),
    fails("301 to elsewhere", status(301), "answered 301", 75),
    fails("302 to elsewhere", Redirect, "answered 302", 75),
    fails("400", status(400), "answered 400", 78),
    fails("401", status(401), "answered 401", 78),
    fails("403", status(403), "answered 403", 78),
    fails("404", status(404), "answered 404", 78),
    fails("408", status(408), "answered 408", 75),
    fails("429", status(429), "answered 429", 75),
    fails("429, Retry-After 2", later(429, 2), "answered 429", 75),
    Fault {
        life: 40,
        ..fails("429, Retry-After 600", later(429, 600), "answered 429", 75)
    },
    fails("499", status(499), "answered 499", 75),
    fails("500", status(500), "answered 500", 75),
    fails("502", status(502), "answered 502", 75),
    fails("503", status(503), "answered 503", 75),
    fails("503, Retry-After 2", later(503, 2), "answered 503", 75),
    fails("HTML with 200", Html200, INTERCEPTED, 75).over_https(NO_TOKEN),
    fails("JSON instead of a token", JsonInstead, INTERCEPTED, 75).over_https(NO_TOKEN),
    fails("empty", Empty200, "it is empty", 75)
        .over_https(Course::Fails("its answer is empty", 75)),
    fails("truncated", Truncated, "it is no ID token", 75).over_https(NO_TOKEN),
    fails(
        "wrong audience",
        WrongAudience,
        "the token is meant for `https://another-audience.example`",
        78,
    ),
    fails("no exp", NoExpiry, "no `exp` claim", 75),
    fails("exp as a string", ExpiryAsText, "no `exp` claim", 75),
    fails("expired", ExpiredToken, "this machine's clock reads", 75),
    fault(
        "born in a minute",
        UnbornToken(Duration::from_mins(1)),
        Course::Succeeds,
    ),
    fails(
        "born in an hour",
        UnbornToken(Duration::from_hours(1)),
        "the token is good only from",
        75,
    ),
    fault("same token again", SameToken, Course::Stale),
    fault("older token", OlderToken, Course::Stale),
    fails(
        "the node's identity",
        NodesToken,
        "--workload-metadata=GKE_METADATA",
        78,
    )
    .of_metadata_only(),
    fault("keys rotated", Healthy, Course::Succeeds),
    Fault {
        life: 80,
        ..fault(
            "an answer that takes 12 s",
            Slow(Duration::from_secs(12)),
            Course::Succeeds,
        )
    },
];

impl Fault {
    /// The same fault of an API goes another way.
    const fn over_https(self, course: Course) -> Self {
        Self {
            over_https: Some(course),
            ..self
        }
    }

    /// No API has this fault.
    const fn of_metadata_only(self) -> Self {
        Self {
            over_https: None,
            ..self
        }
    }
}

const fn fault(name: &'static str, scenario: Scenario, course: Course) -> Fault {
    Fault {
        name,
        scenario,
        course,
        over_https: Some(course),
        life: 24,
    }
}

const fn fails(name: &'static str, scenario: Scenario, says: &'static str, code: i32) -> Fault {
    fault(name, scenario, Course::Fails(says, code))
}

const fn status(code: u16) -> Scenario {
    Scenario::Status {
        code,
        retry_after: None,
    }
}

const fn later(code: u16, seconds: u64) -> Scenario {
    Scenario::Status {
        code,
        retry_after: Some(seconds),
    }
}
