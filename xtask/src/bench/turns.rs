//! Figures that are taken in turns, for machines drift: what is compared was measured right after each other.

use super::table::Figure;

/// Measures each of `all` once a round, every other round in the opposite order; gives the figures of each.
pub(super) fn in_turns(
    rounds: usize,
    all: usize,
    mut measure: impl FnMut(usize) -> anyhow::Result<f64>,
) -> anyhow::Result<Vec<Vec<f64>>> {
    let mut figures = vec![Vec::new(); all];
    for round in 0..rounds {
        for place in 0..all {
            let turn = if round % 2 == 0 {
                place
            } else {
                all - 1 - place
            };
            figures[turn].push(measure(turn)?);
        }
    }
    Ok(figures)
}

/// The median, with the least.
pub(super) fn figure(figures: &[f64]) -> Figure {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    Figure {
        value: sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN),
        least: sorted.first().copied(),
    }
}

/// How many times the ones are the others, by rounds.
pub(super) fn ratio(ones: &[f64], others: &[f64]) -> Figure {
    let ratios: Vec<_> = ones
        .iter()
        .zip(others)
        .map(|(one, other)| one / other)
        .collect();
    figure(&ratios)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_round_goes_the_other_way() {
        let mut order = Vec::new();
        let figures = in_turns(2, 3, |turn| {
            order.push(turn);
            Ok(f64::from(u8::try_from(order.len())?))
        });
        assert_eq!(order, [0, 1, 2, 2, 1, 0]);
        assert_eq!(
            figures.unwrap(),
            [vec![1.0, 6.0], vec![2.0, 5.0], vec![3.0, 4.0]]
        );
    }

    #[test]
    fn what_a_noisy_moment_slows_down_changes_no_ratio() {
        let ours = [10.0, 100.0, 12.0];
        let theirs = [20.0, 200.0, 24.0];
        let figure_of = |value, least| Figure {
            value,
            least: Some(least),
        };
        assert_eq!(ratio(&theirs, &ours), figure_of(2.0, 2.0));
        assert_eq!(figure(&ours), figure_of(12.0, 10.0));
    }
}
