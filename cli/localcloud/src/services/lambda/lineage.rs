//! How often a chain of requests has gone through a function (A25): the `Lineage` in the trace header, which the runtime
//! gives a function, its SDK sends on, and a queue keeps with each message. Pure: stops nothing itself.

use std::collections::BTreeMap;
use std::fmt;

/// So often a chain may go through one function, as on AWS.
pub(crate) const TURNS: u32 = 16;
/// A header names at most so many functions; those with the fewest turns fall out.
const FUNCTIONS: usize = 8;
const LINEAGE: &str = "Lineage=";

/// A trace header: `Root=…;Parent=…;Sampled=0;Lineage=a87bd80c:1|68fd508a:5`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Trace {
    /// All but the lineage, as it came.
    own: String,
    /// Turns, by what stands for a function.
    turns: BTreeMap<String, u32>,
}

impl Trace {
    /// Reads a header; what is no lineage in it counts as none.
    pub(crate) fn parse(header: &str) -> Self {
        let (lineage, own): (Vec<&str>, Vec<&str>) = header.split(';').partition(|part| part.starts_with(LINEAGE));
        let entries = lineage.iter().flat_map(|part| part[LINEAGE.len()..].split('|'));
        let turns = entries.filter_map(|entry| {
            let (function, count) = entry.rsplit_once(':')?;
            Some((function.to_owned(), count.parse().ok()?))
        });
        Self { turns: turns.collect(), own: own.join(";") }
    }

    /// Whether the chain has gone through a function as often as it may.
    pub(crate) fn stops(&self, function: &str) -> bool {
        self.turns.get(&mark(function)).is_some_and(|turns| *turns >= TURNS)
    }

    /// The chain, once it goes through a function again.
    pub(crate) fn through(mut self, function: &str) -> Self {
        *self.turns.entry(mark(function)).or_default() += 1;
        while self.turns.len() > FUNCTIONS
            && let Some(least) = self.turns.iter().min_by_key(|(_, turns)| **turns).map(|(least, _)| least.clone())
        {
            self.turns.remove(&least);
        }
        self
    }

    /// The trace of several messages that are one event: the first one's, with the most turns of each function. What the
    /// function sends cannot be told apart by the message it is sent for.
    pub(crate) fn joined<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Self> {
        headers.map(Self::parse).reduce(|mut all, one| {
            for (function, turns) in one.turns {
                let most = all.turns.entry(function).or_default();
                *most = turns.max(*most);
            }
            all
        })
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.own)?;
        let mut before = if self.own.is_empty() { LINEAGE.to_owned() } else { format!(";{LINEAGE}") };
        for (function, turns) in &self.turns {
            write!(f, "{before}{function}:{turns}")?;
            before = "|".to_owned();
        }
        Ok(())
    }
}

/// What stands for a function in a lineage.
fn mark(function: &str) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, function.as_bytes());
    crate::random::hex(&hash.as_ref()[..4])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a25_a_chain_stops_after_sixteen_turns_through_one_function_and_goes_on_through_another() {
        let mut header = "Root=1-0-0;Parent=1;Sampled=0".to_owned();
        for turn in 0..TURNS {
            let trace = Trace::parse(&header);
            assert!(!trace.stops("f"), "turn {turn}");
            header = trace.through("f").to_string();
        }
        assert!(header.starts_with("Root=1-0-0;Parent=1;Sampled=0;Lineage="), "{header}");
        assert!(Trace::parse(&header).stops("f"));
        assert!(!Trace::parse(&header).stops("g"));
    }

    #[test]
    fn what_is_no_lineage_counts_as_none() {
        for header in ["", "Root=1", "Root=1;Lineage=", "Root=1;Lineage=x", "Root=1;Lineage=x:y|:|z"] {
            assert!(!Trace::parse(header).stops("f"), "{header}");
            assert!(!Trace::parse(header).through("f").stops("f"), "{header}");
        }
    }

    #[test]
    fn a_batch_has_the_most_turns_of_its_messages() {
        let headers =
            [Trace::parse("Root=1").through("f").through("g"), Trace::parse("Root=2").through("f").through("f")];
        let headers = headers.map(|trace| trace.to_string());
        let joined = Trace::joined(headers.iter().map(String::as_str)).unwrap();
        assert_eq!(joined, Trace::parse("Root=1").through("f").through("f").through("g"));
    }

    #[test]
    fn a_header_stays_short() {
        let busy = Trace::parse("Root=1").through("f").through("f");
        let long = (0..100).fold(busy, |trace, n| trace.through(&n.to_string()));
        assert_eq!(long.turns.len(), FUNCTIONS);
        assert_eq!(long.turns[&mark("f")], 2);
    }
}
