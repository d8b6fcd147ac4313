//! Who comes again at once when he is answered, and so how many the next call is worth waiting for.

use tokio::time::Instant;

/// How much of what was so lately is kept when a call says anew who comes again.
const KEPT: f64 = 0.5;

/// Of those who are answered, how many come again at once, as it was after the last calls.
pub(super) struct Returning {
    share: f64,
    /// Whom the last call answered, and how many came since.
    answered: usize,
    came: usize,
    /// Who comes later did not come at once. `None` while the call is not over.
    until: Option<Instant>,
}

impl Default for Returning {
    fn default() -> Self {
        Self {
            share: 1.0,
            answered: 0,
            came: 0,
            until: Some(Instant::now()),
        }
    }
}

impl Returning {
    /// So many are answered now; nobody of them comes before.
    pub(super) fn answering(&mut self, requests: usize) {
        if self.until.take().is_some() {
            self.learn();
            (self.answered, self.came) = (0, 0);
        }
        self.answered += requests;
    }

    /// A request came.
    pub(super) fn came(&mut self) {
        if self.until.is_none_or(|until| Instant::now() <= until) {
            self.came += 1;
        }
    }

    /// The call is over, and who comes by then comes at once. Whoever is expected yet.
    pub(super) fn expected(&mut self, until: Instant) -> usize {
        if self.until.replace(until).is_some() {
            // It answered nobody.
            return 0;
        }
        let expected = (self.answered as f64 * self.share).round() as usize;
        expected.saturating_sub(self.came)
    }

    /// Whether whoever comes now did not come at once.
    pub(super) fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() > until)
    }

    fn learn(&mut self) {
        if self.answered > 0 {
            let share = (self.came as f64 / self.answered as f64).min(1.0);
            self.share = KEPT * self.share + (1.0 - KEPT) * share;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SHORT: Duration = Duration::from_micros(200);

    /// A call that answers so many, of whom so many come at once and others later. How many were expected.
    async fn call(returning: &mut Returning, answered: usize, at_once: usize, later: usize) -> usize {
        returning.answering(answered);
        let expected = returning.expected(Instant::now() + SHORT);
        (0..at_once).for_each(|_| returning.came());
        tokio::time::advance(SHORT * 2).await;
        (0..later).for_each(|_| returning.came());
        expected
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_comes_again_each_time_is_expected() {
        let mut returning = Returning::default();
        for _ in 0..10 {
            assert_eq!(call(&mut returning, 16, 16, 0).await, 16);
        }
        // One is late once.
        assert_eq!(call(&mut returning, 16, 15, 1).await, 16);
        assert_eq!(call(&mut returning, 15, 15, 0).await, 15);
        assert_eq!(call(&mut returning, 16, 16, 0).await, 16);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_stays_away_is_soon_not_expected_and_is_again_when_he_comes() {
        let mut returning = Returning::default();
        let mut expected = Vec::new();
        for _ in 0..6 {
            expected.push(call(&mut returning, 8, 0, 8).await);
        }
        assert_eq!(expected, [8, 4, 2, 1, 1, 0]);
        expected.clear();
        for _ in 0..6 {
            expected.push(call(&mut returning, 8, 8, 0).await);
        }
        assert_eq!(expected, [0, 4, 6, 7, 8, 8]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_slow_of_several_are_not_expected_with_the_fast() {
        let mut returning = Returning::default();
        let mut expected = 0;
        for _ in 0..20 {
            expected = call(&mut returning, 11, 10, 1).await;
        }
        assert_eq!(expected, 10);
        assert_eq!(call(&mut returning, 10, 10, 0).await, 9);
    }

    #[tokio::test(start_paused = true)]
    async fn who_came_before_the_call_was_over_is_expected_no_more() {
        let mut returning = Returning::default();
        returning.answering(3);
        returning.came();
        returning.answering(2);
        returning.came();
        assert_eq!(returning.expected(Instant::now() + SHORT), 3);
        assert_eq!(
            returning.expected(Instant::now() + SHORT),
            0,
            "nobody was answered"
        );
    }
}
