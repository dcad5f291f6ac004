//! Counting what ran, from the lines that the test harness of Rust writes.

use std::fmt;
use std::iter::Sum;
use std::ops::AddAssign;

/// How many checks ended in which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |mut total, tally| {
            total += tally;
            total
        })
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// Reads `3 passed, 0 failed, 1 skipped`; `None` for any other line.
pub(crate) fn of_last_line(line: &str) -> Option<Tally> {
    let fields: Vec<_> = line
        .split(", ")
        .filter_map(|field| field.split_once(' '))
        .collect();
    let [(passed, "passed"), (failed, "failed"), (skipped, "skipped")] = fields[..] else {
        return None;
    };
    Some(Tally {
        passed: passed.parse().ok()?,
        failed: failed.parse().ok()?,
        skipped: skipped.parse().ok()?,
    })
}

/// Reads `test result: ok. 3 passed; 0 failed; 1 ignored; …`; `None` for any other line.
pub(super) fn of_line(line: &str) -> Option<Tally> {
    let (_verdict, counts) = line
        .trim()
        .strip_prefix("test result: ")?
        .split_once(". ")?;
    let count = |name: &str| {
        let mut fields = counts.split("; ").filter_map(|field| field.split_once(' '));
        fields
            .find(|(_, word)| *word == name)
            .and_then(|(number, _)| number.parse().ok())
    };
    Some(Tally {
        passed: count("passed")?,
        failed: count("failed")?,
        skipped: count("ignored")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_harness_is_read() {
        let line = "test result: FAILED. 12 passed; 2 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.05s";
        assert_eq!(
            of_line(line),
            Some(Tally {
                passed: 12,
                failed: 2,
                skipped: 1
            })
        );
        let line = "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(of_line(line), Some(Tally::default()));
    }

    #[test]
    fn other_lines_count_nothing() {
        for line in ["test a::b ... ok", "running 3 tests", "test result: ok", ""] {
            assert_eq!(of_line(line), None, "{line}");
        }
    }
}
