//! What the unit tests share: a clock that they move, and tokens.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::{Value, json};

use crate::clock::{Clock, Woken};
use crate::token::Expectation;

/// The test clock's first reading, in seconds since 1970: 2026-11-23.
pub(crate) const NOW: u64 = 1_795_392_000;

/// A clock on which only waiting passes time, and which is set when the tests say.
#[derive(Debug, Default)]
pub(crate) struct TestClock {
    waited: Cell<Duration>,
    /// What was set so far, in seconds.
    ahead: Cell<i64>,
    /// At which uptime it will be set, and by how many seconds.
    to_be_set: RefCell<VecDeque<(Duration, i64)>>,
}

impl TestClock {
    /// Sets the time of day by so many seconds once the uptime is reached; the calls come in order of time.
    pub(crate) fn set_at(&self, uptime: Duration, by: i64) {
        self.to_be_set.borrow_mut().push_back((uptime, by));
    }

    /// What a clock shows that nobody sets.
    pub(crate) fn true_time(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(NOW) + self.waited.get()
    }
}

impl Clock for &TestClock {
    fn now(&self) -> SystemTime {
        TestClock::now(self)
    }

    fn uptime(&self) -> Duration {
        TestClock::uptime(self)
    }

    fn wait(&self, pause: Duration) -> Woken {
        TestClock::wait(self, pause)
    }
}

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        let by = Duration::from_secs(self.ahead.get().unsigned_abs());
        if self.ahead.get() < 0 {
            self.true_time() - by
        } else {
            self.true_time() + by
        }
    }

    fn uptime(&self) -> Duration {
        self.waited.get()
    }

    fn wait(&self, pause: Duration) -> Woken {
        let end = self.waited.get() + pause;
        let next = self
            .to_be_set
            .borrow_mut()
            .pop_front_if(|(at, _)| *at <= end);
        let Some((at, by)) = next else {
            self.waited.set(end);
            return Woken::InTime;
        };
        self.waited.set(at.max(self.waited.get()));
        self.ahead.set(self.ahead.get() + by);
        Woken::ClockSet
    }
}

/// What [`jwt`] fits.
pub(crate) fn expectation() -> Expectation {
    Expectation {
        audience: "aws".parse().unwrap(),
        identity: None,
    }
}

/// A token in Google's form, from when to when in seconds since 1970.
pub(crate) fn jwt(issued_at: u64, expires_at: u64) -> String {
    jwt_of(&json!({
        "aud": "aws",
        "azp": "104029999999999999999",
        "email": "reader@project.iam.gserviceaccount.com",
        "email_verified": true,
        "exp": expires_at,
        "iat": issued_at,
        "iss": "https://accounts.google.com",
        "sub": "104029999999999999999",
    }))
}

/// A token with these claims, and bytes where a signature would be.
pub(crate) fn jwt_of(claims: &Value) -> String {
    let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let header = json!({ "alg": "RS256", "kid": "b5e44c8a3f1d", "typ": "JWT" });
    let signature: Vec<u8> = (0..=255).map(|i: u8| i.wrapping_mul(151)).collect();
    format!(
        "{}.{}.{}",
        part(header.to_string().as_bytes()),
        part(claims.to_string().as_bytes()),
        part(&signature)
    )
}
