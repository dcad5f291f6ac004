//! The negative answers of the last moments, so that a controller that keeps trying costs one GET, not one each time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gtoken_inject::Unbound;

use super::Key;

/// Negative answers, each for as long as it may be repeated.
#[derive(Debug)]
pub(super) struct Recent {
    life: Duration,
    answers: HashMap<Key, (Instant, Arc<Unbound>)>,
}

/// The most answers remembered; what comes beyond is asked for each time.
const MAX: usize = 10_000;

impl Recent {
    pub(super) fn new(life: Duration) -> Self {
        Self {
            life,
            answers: HashMap::new(),
        }
    }

    pub(super) fn answer(&self, key: &Key, now: Instant) -> Option<Arc<Unbound>> {
        let (since, unbound) = self.answers.get(key)?;
        (now.duration_since(*since) < self.life).then(|| Arc::clone(unbound))
    }

    pub(super) fn remember(&mut self, key: Key, unbound: Arc<Unbound>, now: Instant) {
        if self.answers.len() >= MAX {
            self.answers
                .retain(|_, (since, _)| now.duration_since(*since) < self.life);
        }
        if self.answers.len() < MAX || self.answers.contains_key(&key) {
            self.answers.insert(key, (now, unbound));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> Key {
        Key::new("team-a", &format!("plain-{number}")).unwrap()
    }

    #[test]
    fn an_answer_is_repeated_for_its_life() {
        let start = Instant::now();
        let mut recent = Recent::new(Duration::from_secs(2));
        recent.remember(key(1), Arc::new(Unbound::NotFound), start);
        let almost = start + Duration::from_millis(1999);
        assert_eq!(
            recent.answer(&key(1), almost),
            Some(Arc::new(Unbound::NotFound))
        );
        assert_eq!(recent.answer(&key(1), start + Duration::from_secs(2)), None);
        assert_eq!(recent.answer(&key(2), start), None);
    }

    #[test]
    fn no_more_than_ten_thousand_are_remembered_until_they_are_over() {
        let start = Instant::now();
        let mut recent = Recent::new(Duration::from_secs(2));
        for number in 0..=MAX {
            recent.remember(key(number), Arc::new(Unbound::NotFound), start);
        }
        assert_eq!(recent.answers.len(), MAX);
        assert_eq!(recent.answer(&key(MAX), start), None);
        let later = start + Duration::from_secs(2);
        recent.remember(key(MAX), Arc::new(Unbound::NotFound), later);
        assert_eq!(recent.answers.len(), 1);
    }
}
