//! A shard's batch in its pieces, in order: which is tried next, and what an answer means for it: done, tried again, cut
//! in two, or given up (A20). Pure: knows no function, no queue and no clock.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::batch::Verdict;
use super::mapping::Mapping;

/// What is left of a batch.
pub(super) struct Pieces(VecDeque<Piece>);

struct Piece {
    records: Vec<Value>,
    /// How often it failed, as it is counted against the mapping's bound.
    tries: u32,
    /// How often the function was called with it, or with what it was cut from.
    calls: u32,
}

/// How often a piece was tried, by its first and last record: kept, so that a kill does not begin again at nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tried {
    first: String,
    last: String,
    tries: u32,
    calls: u32,
}

/// What an answer came to.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Came {
    /// These are done.
    pub(super) done: Vec<Value>,
    /// These were tried as often as they may be.
    pub(super) given_up: Vec<Value>,
    /// How often the function was called with what is given up.
    pub(super) calls: u32,
    /// So many failures in a row of the piece that comes next: what it waits for.
    pub(super) failures: u32,
}

impl Pieces {
    /// A batch in one piece, but for one at its beginning that an earlier life had tried.
    pub(super) fn of(mut records: Vec<Value>, tried: Option<Tried>) -> Self {
        let mut pieces = VecDeque::with_capacity(2);
        if let Some(tried) = tried.filter(|tried| records.first().is_some_and(|first| sequence(first) == tried.first)) {
            let end =
                records.iter().position(|record| sequence(record) == tried.last).map_or(records.len(), |at| at + 1);
            let rest = records.split_off(end);
            pieces.push_back(Piece { records, tries: tried.tries, calls: tried.calls });
            records = rest;
        }
        if !records.is_empty() {
            pieces.push_back(Piece { records, tries: 0, calls: 0 });
        }
        Self(pieces)
    }

    /// The records to be tried now.
    pub(super) fn next(&self) -> Option<&[Value]> {
        self.0.front().map(|piece| piece.records.as_slice())
    }

    /// How often that piece was tried, if it was.
    pub(super) fn tried(&self) -> Option<Tried> {
        let piece = self.0.front().filter(|piece| piece.tries > 0)?;
        let (first, last) = (piece.records.first()?, piece.records.last()?);
        Some(Tried { first: sequence(first), last: sequence(last), tries: piece.tries, calls: piece.calls })
    }

    /// Takes out of the next piece what was written before a time, and how often the function was called with it.
    pub(super) fn older(&mut self, than_ms: i64) -> (Vec<Value>, u32) {
        let Some(piece) = self.0.front_mut() else { return (Vec::new(), 0) };
        let count = piece.records.iter().take_while(|record| written_ms(record).is_some_and(|at| at < than_ms)).count();
        let (old, calls) = (piece.records.drain(..count).collect(), piece.calls);
        if piece.records.is_empty() {
            self.0.pop_front();
        }
        (old, calls)
    }

    /// What the answer means for the piece that was tried.
    pub(super) fn judge(&mut self, verdict: &Verdict, mapping: &Mapping) -> Came {
        let Some(mut piece) = self.0.pop_front() else { return Came::default() };
        let first = match verdict {
            Verdict::Done => piece.records.len(),
            Verdict::Failed(failed) => failed.first().copied().unwrap_or_default(),
            Verdict::AllFailed | Verdict::NotCalled(_) => 0,
        };
        let mut came = Came { done: piece.records.drain(..first).collect(), ..Came::default() };
        if first > 0 {
            (piece.tries, piece.calls) = (0, 0);
        }
        if piece.records.is_empty() {
            return came;
        }
        if matches!(verdict, Verdict::NotCalled(_)) {
            self.0.push_front(piece);
            return came;
        }
        piece.calls += 1;
        if mapping.bisects && (first > 0 || piece.records.len() > 1) {
            self.cut(piece, first > 0);
            return came; // being cut does not count as a try
        }
        piece.tries += 1;
        if mapping.retries.is_some_and(|retries| piece.tries > retries) {
            (came.given_up, came.calls) = (piece.records, piece.calls);
        } else {
            came.failures = piece.tries;
            self.0.push_front(piece);
        }
        came
    }

    /// Puts a piece back: whole, where it was cut at the record that failed already, else as two halves.
    fn cut(&mut self, mut piece: Piece, cut_already: bool) {
        if !cut_already {
            let second = piece.records.split_off(piece.records.len() / 2);
            self.0.push_front(Piece { records: second, tries: 0, calls: piece.calls });
        }
        self.0.push_front(Piece { tries: 0, ..piece });
    }
}

/// A stream record's number.
pub(super) fn sequence(record: &Value) -> String {
    record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default().to_owned()
}

/// When a stream record was written.
pub(super) fn written_ms(record: &Value) -> Option<i64> {
    let seconds = record["dynamodb"]["ApproximateCreationDateTime"].as_f64()?;
    Some((seconds * 1000.0) as i64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn mapping(bisects: bool, retries: u32) -> Mapping {
        Mapping {
            uuid: "u".to_owned(),
            source_arn: String::new(),
            function: "f".to_owned(),
            qualifier: None,
            enabled: true,
            batch_size: 100,
            window_s: 0,
            filters: Vec::new(),
            reports_failures: true,
            start: None,
            retries: Some(retries),
            bisects,
            most_age_s: None,
            on_failure: None,
            at_once: None,
            modified: 0,
            tags: BTreeMap::new(),
        }
    }

    fn records(numbers: std::ops::Range<u32>) -> Vec<Value> {
        let record = |n: u32| json!({"dynamodb": {"SequenceNumber": n.to_string(), "ApproximateCreationDateTime": f64::from(n)}});
        numbers.map(record).collect()
    }

    fn numbers(records: &[Value]) -> Vec<String> {
        records.iter().map(sequence).collect()
    }

    /// A20: a function that fails as a whole, or that names what failed, whenever a poison record is in what it gets.
    #[test]
    fn a20_bisecting_gives_up_the_one_poison_record_and_does_the_others_in_their_order() {
        for names_it in [false, true] {
            let (mut pieces, mapping) = (Pieces::of(records(0..100), None), mapping(true, 2));
            let (mut done, mut given_up, mut calls) = (Vec::new(), Vec::new(), 0);
            while let Some(next) = pieces.next() {
                calls += 1;
                let verdict = match next.iter().position(|record| sequence(record) == "37") {
                    None => Verdict::Done,
                    Some(at) if names_it => Verdict::Failed(vec![at]),
                    Some(_) => Verdict::AllFailed,
                };
                let came = pieces.judge(&verdict, &mapping);
                done.extend(numbers(&came.done));
                given_up.extend(numbers(&came.given_up));
            }
            assert_eq!(given_up, ["37"]);
            let others: Vec<String> = (0..100).filter(|n| *n != 37).map(|n: u32| n.to_string()).collect();
            assert_eq!(done, others);
            assert!(calls < 25, "{calls} calls");
        }
    }

    #[test]
    fn a20_without_bisecting_what_is_left_of_the_batch_is_given_up_after_its_tries() {
        let (mut pieces, mapping) = (Pieces::of(records(0..4), None), mapping(false, 1));
        let first = pieces.judge(&Verdict::Failed(vec![1, 3]), &mapping);
        assert_eq!((numbers(&first.done), first.failures), (vec!["0".to_owned()], 1));
        let came = pieces.judge(&Verdict::AllFailed, &mapping);
        assert_eq!((numbers(&came.given_up), came.calls), (["1", "2", "3"].map(str::to_owned).to_vec(), 2));
        assert!(pieces.next().is_none());
    }

    #[test]
    fn a_function_that_could_not_be_called_costs_no_try() {
        let (mut pieces, mapping) = (Pieces::of(records(0..2), None), mapping(true, 0));
        for _ in 0..5 {
            let came = pieces.judge(&Verdict::NotCalled("throttled".to_owned()), &mapping);
            assert_eq!(came, Came::default());
        }
        assert_eq!(pieces.next().map(<[Value]>::len), Some(2));
    }

    #[test]
    fn what_is_too_old_leaves_the_front_of_the_piece() {
        let mut pieces = Pieces::of(records(10..14), None);
        let (old, calls) = pieces.older(12_000);
        assert_eq!((numbers(&old), calls), (["10", "11"].map(str::to_owned).to_vec(), 0));
        assert_eq!(pieces.next().map(numbers), Some(["12", "13"].map(str::to_owned).to_vec()));
        pieces.older(14_000);
        assert!(pieces.next().is_none());
    }

    #[test]
    fn tries_that_an_earlier_life_counted_still_count() {
        let (mut pieces, mapping) = (Pieces::of(records(0..3), None), mapping(true, 1));
        while pieces.tried().is_none() {
            pieces.judge(&Verdict::AllFailed, &mapping);
        }
        let mut next_life = Pieces::of(records(0..3), pieces.tried());
        let came = next_life.judge(&Verdict::AllFailed, &mapping);
        assert_eq!(numbers(&came.given_up), ["0"]);
        assert_eq!(next_life.next().map(numbers), Some(["1", "2"].map(str::to_owned).to_vec()));
    }
}
