//! What was measured, beside what must be and what is aimed at.

use serde_json::{Map, Value, json};

/// One row: a figure of each candidate, of which the first is ours.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) what: &'static str,
    pub(super) unit: &'static str,
    /// Whether ours should be little or much.
    pub(super) better: Better,
    /// What ours may not go past.
    pub(super) must: Option<f64>,
    /// What it should not go past.
    pub(super) aim: Option<f64>,
    /// Whether ours being more fails the run; a time never does, for it is the machine's as well.
    pub(super) decides: bool,
    /// `None` where it cannot be measured.
    pub(super) measured: Vec<Option<Figure>>,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Better {
    Less,
    More,
}

/// A number as it is shown, and the least there was where it was taken many times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Figure {
    pub(super) value: f64,
    pub(super) least: Option<f64>,
}

impl From<f64> for Figure {
    fn from(value: f64) -> Self {
        Self { value, least: None }
    }
}

/// The rows with the names of the candidates.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) names: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// How ours compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Aimed,
    Holds,
    Past,
    NotJudged,
    NotAvailable,
}

impl Row {
    fn verdict(&self) -> Verdict {
        let Some(ours) = self.measured.first().copied().flatten() else {
            return Verdict::NotAvailable;
        };
        let is_past = |limit: f64| match self.better {
            Better::Less => ours.value > limit,
            Better::More => ours.value < limit,
        };
        match (self.must, self.aim) {
            (Some(must), _) if is_past(must) => Verdict::Past,
            (_, Some(aim)) if !is_past(aim) => Verdict::Aimed,
            (Some(_), _) => Verdict::Holds,
            (None, _) => Verdict::NotJudged,
        }
    }

    fn fails(&self) -> bool {
        self.decides && self.verdict() == Verdict::Past
    }

    fn said(&self) -> &'static str {
        match (self.verdict(), self.decides) {
            (Verdict::Aimed, _) => "yes, as aimed",
            (Verdict::Holds, _) => "yes",
            (Verdict::Past, true) => "NO",
            (Verdict::Past, false) => "no, which does not count",
            (Verdict::NotJudged, _) => "",
            (Verdict::NotAvailable, _) => "not available",
        }
    }

    fn cells(&self) -> Vec<String> {
        let sign = match self.better {
            Better::Less => '≤',
            Better::More => '≥',
        };
        let limit = |limit: f64| format!("{sign} {}", number(limit));
        let mut cells = vec![format!("{}, {}", self.what, self.unit)];
        cells.extend([self.must, self.aim].map(|it| it.map_or_else(String::new, limit)));
        cells.extend(self.measured.iter().copied().map(shown));
        cells.push(self.said().to_owned());
        cells
    }

    fn json(&self, names: &[String]) -> Value {
        let of_each = |figure: fn(&Figure) -> Option<f64>| -> Map<String, Value> {
            let pairs = names.iter().zip(&self.measured);
            pairs
                .map(|(name, measured)| (name.clone(), json!(measured.as_ref().and_then(figure))))
                .collect()
        };
        let holds = match self.verdict() {
            Verdict::NotAvailable | Verdict::NotJudged => None,
            verdict => Some(verdict != Verdict::Past),
        };
        json!({
            "what": self.what,
            "unit": self.unit,
            "atLeast": self.better == Better::More,
            "must": self.must,
            "aim": self.aim,
            "decides": self.decides,
            "holds": holds,
            "measured": of_each(|figure| Some(figure.value)),
            "least": of_each(|figure| figure.least),
        })
    }
}

impl Table {
    /// Whether no row fails the run.
    pub(super) fn holds(&self) -> bool {
        !self.rows.iter().any(Row::fails)
    }

    /// The table as JSON.
    pub(super) fn json(&self) -> Value {
        let rows: Vec<_> = self.rows.iter().map(|row| row.json(&self.names)).collect();
        json!({"holds": self.holds(), "rows": rows})
    }

    /// The table as people read it.
    pub(super) fn text(&self) -> String {
        let mut head = ["", "must", "aim"].map(str::to_owned).to_vec();
        head.extend(self.names.iter().cloned());
        head.push("holds".to_owned());
        let mut lines = vec![head];
        lines.extend(self.rows.iter().map(Row::cells));
        aligned(&lines)
    }
}

/// Columns as wide as the widest cell, two spaces apart.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let line = |cells: &Vec<String>| {
        let padded = cells.iter().zip(&widths);
        let padded = padded.map(|(cell, &width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    lines.iter().map(line).collect()
}

fn shown(figure: Option<Figure>) -> String {
    match figure {
        None => "not available".to_owned(),
        Some(Figure { value, least: None }) => number(value),
        Some(Figure {
            value,
            least: Some(least),
        }) => format!("{} (least {})", number(value), number(least)),
    }
}

/// Two digits after the point, unless they say nothing.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(must: f64, aim: Option<f64>, decides: bool, measured: &[Option<f64>]) -> Row {
        let figure = |value: &Option<f64>| value.map(Figure::from);
        Row {
            what: "binary",
            unit: "MiB",
            better: Better::Less,
            must: Some(must),
            aim,
            decides,
            measured: measured.iter().map(figure).collect(),
        }
    }

    fn table(row: Row) -> Table {
        Table {
            names: vec!["gtoken".into(), "go".into()],
            rows: vec![row],
        }
    }

    #[test]
    fn ours_is_judged_and_the_others_are_not() {
        let judge = |ours: f64| row(2.4, Some(2.0), true, &[Some(ours), Some(13.1)]);
        assert_eq!(judge(2.0).said(), "yes, as aimed");
        assert_eq!(judge(2.4).said(), "yes");
        assert_eq!(judge(2.5).said(), "NO");
        assert!(table(judge(2.4)).holds() && !table(judge(2.5)).holds());
    }

    #[test]
    fn a_limit_of_zero_holds_for_zero_alone() {
        let judge = |ours: f64| table(row(0.0, None, true, &[Some(ours)])).holds();
        assert!(judge(0.0) && !judge(1.0));
    }

    #[test]
    fn a_share_is_judged_the_other_way_round() {
        let judge = |ours: f64| Row {
            better: Better::More,
            ..row(0.6, Some(0.85), true, &[Some(ours)])
        };
        assert_eq!(judge(0.9).said(), "yes, as aimed");
        assert_eq!(judge(0.6).said(), "yes");
        assert_eq!(judge(0.59).said(), "NO");
        assert!(judge(0.6).cells().contains(&"≥ 0.85".to_owned()));
    }

    #[test]
    fn what_only_has_an_aim_is_never_held_against_it() {
        let judge = |ours: f64| Row {
            must: None,
            ..row(0.0, Some(100.0), true, &[Some(ours)])
        };
        assert_eq!(judge(90.0).said(), "yes, as aimed");
        assert_eq!(judge(110.0).said(), "");
        assert!(table(judge(110.0)).holds());
    }

    #[test]
    fn a_time_is_shown_to_be_too_long_and_fails_nothing() {
        let late = row(2.0, None, false, &[Some(3.0)]);
        assert_eq!(late.said(), "no, which does not count");
        assert!(table(late).holds());
    }

    #[test]
    fn what_cannot_be_measured_says_so_and_fails_nothing() {
        let missing = row(180.0, Some(60.0), true, &[None, Some(200.0)]);
        assert_eq!(missing.said(), "not available");
        let table = table(missing);
        assert!(table.holds());
        assert_eq!(table.json()["rows"][0]["holds"], Value::Null);
    }

    #[test]
    fn the_table_is_aligned_and_short_of_empty_digits() {
        let mut row = row(2.4, Some(2.0), true, &[Some(1.5), Some(13.123)]);
        row.measured[1] = row.measured[1].map(|figure| Figure {
            least: Some(13.0),
            ..figure
        });
        assert_eq!(
            table(row).text(),
            "             must   aim  gtoken  go                holds\n\
             binary, MiB  ≤ 2.4  ≤ 2  1.5     13.12 (least 13)  yes, as aimed\n"
        );
    }

    #[test]
    fn the_json_has_the_numbers_by_candidate() {
        let json = table(row(2.4, None, true, &[Some(2.5), None])).json();
        assert_eq!(json["holds"], false);
        assert_eq!(
            json["rows"][0]["measured"],
            json!({"gtoken": 2.5, "go": null})
        );
    }
}
