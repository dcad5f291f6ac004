//! What the unit tests share: a clock that they move, and tokens.

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::token::Expectation;

/// The test clock's first reading, in seconds since 1970: 2026-11-23.
pub(crate) const NOW: u64 = 1_795_392_000;

/// A clock on which only sleep passes time.
#[derive(Debug, Default)]
pub(crate) struct TestClock {
    slept: Cell<Duration>,
    forward: Cell<Duration>,
    back: Cell<Duration>,
    jump: Cell<(Duration, Duration)>,
}

impl TestClock {
    pub(crate) fn jump_forward_at_next_sleep(&self, by: Duration) {
        self.jump.set((by, Duration::ZERO));
    }

    pub(crate) fn jump_back_at_next_sleep(&self, by: Duration) {
        self.jump.set((Duration::ZERO, by));
    }
}

impl Clock for &TestClock {
    fn now(&self) -> SystemTime {
        TestClock::now(self)
    }

    fn uptime(&self) -> Duration {
        TestClock::uptime(self)
    }

    fn sleep(&self, pause: Duration) {
        TestClock::sleep(self, pause);
    }
}

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(NOW) + self.slept.get() + self.forward.get()
            - self.back.get()
    }

    fn uptime(&self) -> Duration {
        self.slept.get()
    }

    fn sleep(&self, pause: Duration) {
        self.slept.set(self.slept.get() + pause);
        let (forward, back) = self.jump.take();
        self.forward.set(self.forward.get() + forward);
        self.back.set(self.back.get() + back);
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
