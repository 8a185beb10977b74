//! What `bench` measured, a line each with its limit beside it, and which of the lines are over. Knows nothing of what is
//! measured.

use crate::Failure;

/// What was printed so far.
#[derive(Default)]
pub(crate) struct Figures {
    over: Vec<String>,
}

impl Figures {
    /// One line: what, the median with its spread, and the limit.
    pub(crate) fn line(&mut self, what: &str, mut values: Vec<f64>, unit: &str, limit: f64) {
        values.sort_by(f64::total_cmp);
        let (Some(least), Some(most)) = (values.first(), values.last()) else {
            println!("{what:<50} nothing was measured");
            return self.over.push(format!("{what}: nothing was measured"));
        };
        let median = values[values.len() / 2];
        // What is no number is within nothing.
        let within = median <= limit;
        let verdict = if within { "within" } else { "OVER" };
        let (n, spread) = (values.len(), format!("({least:.2} to {most:.2}"));
        println!("{what:<50} {median:>9.2} {unit:<2} {spread}, n={n})  {verdict} {limit} {unit}");
        if !within {
            self.over.push(format!("{what}: {median:.2} {unit}, the limit is {limit} {unit}"));
        }
    }

    /// An error that names the lines that are over.
    pub(crate) fn verdict(self) -> Result<(), Failure> {
        match self.over.len() {
            0 => Ok(()),
            count => Err(format!("{count} OVER their limits:\n  {}", self.over.join("\n  ")).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_over_their_limit_make_an_error_and_it_names_them_all() {
        let mut figures = Figures::default();
        figures.line("at its limit", vec![1.0, 2.0, 9.0], "ms", 2.0);
        figures.line("without a limit", vec![1.0], "s", f64::INFINITY);
        assert!(figures.verdict().is_ok());

        let mut figures = Figures::default();
        figures.line("slow", vec![2.5], "ms", 2.0);
        figures.line("fast", vec![1.0], "ms", 2.0);
        figures.line("never run", Vec::new(), "ms", 2.0);
        let said = figures.verdict().unwrap_err().to_string();
        assert_eq!(said, "2 OVER their limits:\n  slow: 2.50 ms, the limit is 2 ms\n  never run: nothing was measured");
    }
}
