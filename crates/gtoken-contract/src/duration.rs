//! Durations on the command line, in the notation of Go that Kubernetes users know.

use std::time::Duration;

/// The longest that can be said in whole seconds of 32 bits, 136 years: what is longer could not be written to be read again.
const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);

/// The text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a duration is 0 or whole numbers with units h, m, s or ms, as in 90s or 1m30s, and at most 136 years"
)]
pub struct InvalidDuration;

/// Reads `0`, `90s`, `1m30s` or `250ms`; no signs, no fractions.
pub fn parse(text: &str) -> Result<Duration, InvalidDuration> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u32 = rest[..digits].parse().map_err(|_| InvalidDuration)?;
        let letters = rest[digits..]
            .bytes()
            .take_while(u8::is_ascii_alphabetic)
            .count();
        let unit = match &rest[digits..digits + letters] {
            "h" => Duration::from_hours(1),
            "m" => Duration::from_mins(1),
            "s" => Duration::from_secs(1),
            "ms" => Duration::from_millis(1),
            _ => return Err(InvalidDuration),
        };
        total = unit
            .checked_mul(number)
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= LONGEST)
            .ok_or(InvalidDuration)?;
        rest = &rest[digits + letters..];
    }
    if text.is_empty() {
        Err(InvalidDuration)
    } else {
        Ok(total)
    }
}

/// Writes what [`parse`] reads back to the same value; what is finer than a millisecond is rounded up, since `0` often
/// means no limit.
pub fn format(duration: Duration) -> String {
    let millis = duration.as_nanos().div_ceil(1_000_000);
    match (millis / 1000, millis % 1000) {
        (0, 0) => "0".to_owned(),
        (0, millis) => format!("{millis}ms"),
        (seconds, 0) => format!("{seconds}s"),
        (seconds, millis) => format!("{seconds}s{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_the_units() {
        assert_eq!(parse("0"), Ok(Duration::ZERO));
        assert_eq!(parse("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("1h1m1s1ms"), Ok(Duration::from_millis(3_661_001)));
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "90",
            "s",
            "-1s",
            "1.5h",
            "1 s",
            "1d",
            "99999999999s",
            "1193047h",
            "4294967295s1ms",
            "1s1",
            "é",
        ] {
            assert_eq!(parse(text), Err(InvalidDuration), "{text:?}");
        }
    }

    #[test]
    fn the_finest_duration_is_not_none() {
        assert_eq!(format(Duration::from_nanos(1)), "1ms");
        assert_eq!(format(Duration::from_micros(1_000_001)), "1s1ms");
    }

    proptest! {
        #[test]
        fn reads_back_what_it_writes(millis in 0..=u64::from(u32::MAX) * 1000) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse(&format(duration)), Ok(duration));
        }
    }
}
