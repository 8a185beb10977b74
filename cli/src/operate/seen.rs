//! The ids that came by lately, so that what is read twice is told once. Must not know what the ids are of.

use std::collections::{HashSet, VecDeque};

/// The last ids, of a bounded number.
pub struct Seen {
    most: usize,
    ids: HashSet<String>,
    order: VecDeque<String>,
}

impl Seen {
    /// None yet, and never more than `most`.
    pub fn of(most: usize) -> Self {
        Self { most, ids: HashSet::new(), order: VecDeque::new() }
    }

    /// Whether the id comes for the first time; it is remembered, and the oldest one forgotten for it.
    pub fn first_time(&mut self, id: &str) -> bool {
        if !self.ids.insert(id.into()) {
            return false;
        }
        self.order.push_back(id.into());
        if self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a34_an_id_is_new_once_until_it_is_the_oldest_of_too_many() {
        let mut seen = Seen::of(3);
        assert!(seen.first_time("a") && seen.first_time("b"));
        assert!(!seen.first_time("a"));
        assert!(seen.first_time("c") && !seen.first_time("a"));
        assert!(seen.first_time("d"));
        assert_eq!((seen.ids.len(), seen.order.len()), (3, 3));
        assert!(!seen.first_time("b"));
        assert!(seen.first_time("a"), "it was the oldest");
    }
}
