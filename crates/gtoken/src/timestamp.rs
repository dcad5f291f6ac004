//! Times of day for people, without a calendar library.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Shows a time as RFC 3339 does, in UTC, to the second; before 1970 as 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp(pub SystemTime);

/// Shows how far a time is from now, in the unit that a person would choose: `in 43 min`, `17 min ago`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relative {
    /// The time.
    pub at: SystemTime,
    /// When it is looked at.
    pub now: SystemTime,
}

const DAY: u64 = 24 * 60 * 60;

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self
            .0
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let (year, month, day) = date(seconds / DAY);
        let (hour, minute, second) = (seconds % DAY / 3600, seconds % 3600 / 60, seconds % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

impl fmt::Display for Relative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at.duration_since(self.now) {
            Ok(until) => write!(f, "in {}", span(until)),
            Err(since) => write!(f, "{} ago", span(since.duration())),
        }
    }
}

/// The whole units that fit, of the largest one of which there are a few.
fn span(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..=89 => format!("{seconds} s"),
        seconds @ 90..=5399 => format!("{} min", seconds / 60),
        seconds if seconds < 2 * DAY => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / DAY),
    }
}

/// Year, month and day of a day since 1970, by eras of 400 years that begin in March
/// (<https://howardhinnant.github.io/date_algorithms.html#civil_from_days>).
fn date(days_since_1970: u64) -> (u64, u64, u64) {
    let days = days_since_1970 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months_since_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * months_since_march + 2) / 5 + 1;
    let month = (months_since_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_date_shows() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_392_000, "2026-11-23T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            let at = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(Timestamp(at).to_string(), text);
        }
    }
    #[test]
    fn tells_how_far_a_time_is() {
        let now = UNIX_EPOCH + Duration::from_hours(498_720);
        for (seconds, text) in [
            (0, "0 s"),
            (89, "89 s"),
            (90, "1 min"),
            (2622, "43 min"),
            (5399, "89 min"),
            (5400, "1 h"),
            (172_799, "47 h"),
            (172_800, "2 days"),
        ] {
            let far = Duration::from_secs(seconds);
            let ahead = Relative { at: now + far, now };
            assert_eq!(ahead.to_string(), format!("in {text}"));
            let behind = Relative {
                at: now - far - Duration::from_nanos(1),
                now,
            };
            assert_eq!(behind.to_string(), format!("{text} ago"));
        }
    }
}
