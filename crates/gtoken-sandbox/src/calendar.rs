//! Dates as AWS writes them: the proleptic Gregorian calendar in UTC, without leap seconds.

/// `2026-01-02T03:04:05Z` (ISO 8601) for seconds since 1970.
pub(crate) fn iso8601(seconds: u64) -> String {
    let (year, month, day) = civil(seconds / DAY);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// `20260102T030405Z`, the form of `X-Amz-Date`.
pub(crate) fn basic(seconds: u64) -> String {
    iso8601(seconds).replace(['-', ':'], "")
}

/// Seconds since 1970 of `2026-01-02T03:04:05Z`, or of the date alone; no other form and no other zone.
pub(crate) fn parse_iso8601(text: &str) -> Option<u64> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, time.strip_suffix('Z')?),
        None => (text, "00:00:00"),
    };
    instant(digits(date, '-', [4, 2, 2])?, digits(time, ':', [2, 2, 2])?)
}

/// Seconds since 1970 of `20260102T030405Z`, the form of `X-Amz-Date`.
pub(crate) fn parse_basic(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    if date.len() != 8 || time.len() != 6 || !text.is_ascii() {
        return None;
    }
    let extended = format!(
        "{}-{}-{}T{}:{}:{}Z",
        &date[..4],
        &date[4..6],
        &date[6..],
        &time[..2],
        &time[2..4],
        &time[4..]
    );
    parse_iso8601(&extended)
}

/// Seconds of a day.
const DAY: u64 = 86_400;

/// Days of 400 years, after which the calendar repeats.
const ERA: u64 = 146_097;

/// Days from 0000-03-01, where the calculation begins, to 1970-01-01.
const EPOCH: u64 = 719_468;

/// Howard Hinnant's `civil_from_days`: <https://howardhinnant.github.io/date_algorithms.html>
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + EPOCH;
    let of_era = days % ERA;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + days / ERA * 400 + u64::from(month <= 2);
    (year, month, day)
}

fn instant([year, month, day]: [u64; 3], [hour, minute, second]: [u64; 3]) -> Option<u64> {
    let in_range = (1970..=9999).contains(&year) && (1..=12).contains(&month) && day >= 1;
    if !in_range || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let shifted_year = year - u64::from(month <= 2);
    let year_of_era = shifted_year % 400;
    let shifted = (month + 9) % 12;
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    let days = (shifted_year / 400 * ERA + of_era).checked_sub(EPOCH)?;
    // A day that its month lacks would come back as one of the next month.
    (civil(days) == (year, month, day)).then_some(days * DAY + hour * 3600 + minute * 60 + second)
}

fn digits(text: &str, separator: char, widths: [usize; 3]) -> Option<[u64; 3]> {
    let mut numbers = [0; 3];
    let mut parts = text.split(separator);
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts.next()?;
        if part.len() != width || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_and_reads_known_instants() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_440_938_160, "2015-08-30T12:36:00Z"),
            (4_102_444_799, "2099-12-31T23:59:59Z"),
        ] {
            assert_eq!(iso8601(seconds), text);
            assert_eq!(parse_iso8601(text), Some(seconds), "{text}");
        }
        assert_eq!(parse_iso8601("2015-08-30"), Some(1_440_892_800));
        assert_eq!(parse_basic("20150830T123600Z"), Some(1_440_938_160));
    }

    #[test]
    fn refuses_what_is_no_date() {
        for text in [
            "",
            "2015-02-29T00:00:00Z",
            "2015-13-01T00:00:00Z",
            "2015-01-01T24:00:00Z",
            "2015-01-01T00:00:00",
            "2015-1-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2015-01-01T00:00:00+01:00",
        ] {
            assert_eq!(parse_iso8601(text), None, "{text}");
        }
        for text in ["20150830T1236Z", "20150830123600Z", "2015083äT12360Z"] {
            assert_eq!(parse_basic(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_comes_back() {
        for day in (0..ERA).step_by(13) {
            let seconds = day * DAY + 86_399;
            assert_eq!(parse_iso8601(&iso8601(seconds)), Some(seconds));
        }
    }
}
