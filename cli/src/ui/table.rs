//! Columns under a heading, as wide as what is in them. Knows no event.

use super::style::{Style, width};

/// Draws rows under headings; the last column is not padded.
pub(super) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]], style: &Style) -> String {
    let mut widths = headings.map(width);
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            widths[column] = widths[column].max(width(cell));
        }
    }
    let line = |cells: &[String; N]| {
        let mut text = String::new();
        for (column, cell) in cells.iter().enumerate() {
            text.push_str(cell);
            if column + 1 < N {
                text.push_str(&" ".repeat(widths[column] - width(cell) + 2));
            }
        }
        text.trim_end().to_string()
    };
    let mut lines = vec![style.dim(&line(&headings.map(String::from)))];
    lines.extend(rows.iter().map(line));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let rows = [["store-message".to_string(), "3".to_string()], ["é".to_string(), "12".to_string()]];
        let drawn = table(["FUNCTION", "VERSION"], &rows, &Style::default());
        assert_eq!(drawn, "FUNCTION       VERSION\nstore-message  3\né              12");
    }
}
