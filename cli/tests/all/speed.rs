//! What a deploy may cost, where that is the same in every run: the calls of each scenario, and how much longer a first
//! `up` takes than the longest chain of calls that depend on each other.

use chatctl::stage::Target;

use crate::sky::in_paused_time;
use crate::{chain, counts};

/// The nearest hand-written script needs 56 calls for a first deploy of the same stack.
const FIRST_UP: usize = 80;
const UNCHANGED: usize = 43;
/// How many more than an unchanged `up` one function's code may take.
const ONE_FUNCTION: usize = 3;
/// How often its longest chain a first `up` may take.
const TO_CHAIN: f64 = 1.2;

#[test]
fn no_deploy_makes_more_calls_than_it_may() {
    for target in [Target::Local, Target::Aws] {
        let counted = counts::counted(target);
        let of = |what: &str| counted.iter().find(|counted| counted.what == what).unwrap().count();
        let (first, unchanged) = (of(counts::FIRST_UP), of(counts::UNCHANGED));
        assert!(first <= FIRST_UP, "a first up on {target}: {first} calls");
        assert!(unchanged <= UNCHANGED, "nothing changed on {target}: {unchanged} calls");
        let code = of(counts::ONE_FUNCTION);
        assert!(
            code <= unchanged + ONE_FUNCTION,
            "one function's code on {target}: {code} calls, unchanged {unchanged}"
        );
    }
}

#[test]
fn a_first_up_takes_hardly_longer_than_its_longest_chain_of_calls() {
    for target in [Target::Local, Target::Aws] {
        let chain = in_paused_time(chain::of_first_up(target));
        let (ratio, took, needed) = (chain.ratio(), chain.took, chain.needed);
        assert!(ratio <= TO_CHAIN, "{target}: {took:?}, to its chain of {needed:?}: {ratio:.2}\n{:#?}", chain.links);
        // A chain that is longer than what it is the chain of was counted wrongly.
        assert!(ratio >= 1.0, "{target}: {took:?}, to its chain of {needed:?}: {ratio:.2}\n{:#?}", chain.links);
    }
}
