//! Columns that line up in a terminal, where a Korean syllable takes two cells.

use unicode_width::UnicodeWidthStr;

use super::printable;

const GAP: &str = "  ";

/// Rows under a heading.
#[derive(Clone, Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column titles.
    pub fn new(titles: &[&str]) -> Self {
        Table {
            rows: vec![titles.iter().map(|title| (*title).to_owned()).collect()],
        }
    }

    /// Adds a row; cells may come from strangers.
    pub fn row(&mut self, cells: &[String]) {
        let cells = cells.iter().map(|cell| printable(cell)).collect();
        self.rows.push(cells);
    }

    /// The lines, every column as wide as its widest cell.
    pub fn render(&self) -> String {
        let mut widths = Vec::new();
        for row in &self.rows {
            for (column, cell) in row.iter().enumerate() {
                if column == widths.len() {
                    widths.push(0);
                }
                widths[column] = cell.width().max(widths[column]);
            }
        }
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width - cell.width()));
                line.push_str(GAP);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_by_cells_and_not_by_characters() {
        let mut table = Table::new(&["이름", "N"]);
        table.row(&["주문".to_owned(), "1".to_owned()]);
        table.row(&["orders".to_owned(), "22".to_owned()]);
        assert_eq!(table.render(), "이름    N\n주문    1\norders  22\n");
    }

    #[test]
    fn control_characters_of_strangers_do_not_reach_the_terminal() {
        let mut table = Table::new(&["A"]);
        table.row(&["x\u{1b}[2Jy\nz".to_owned()]);
        assert_eq!(table.render(), "A\nx\\u{1b}[2Jy\\nz\n");
    }
}
