//! Aligned text: pairs of label and value, and tables.

/// Labels and values in two columns.
pub fn pairs<'a>(items: impl Iterator<Item = (&'a str, &'a str)>) {
    let items: Vec<_> = items.collect();
    let width = items.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    for (label, value) in items {
        let indent = format!("\n{}", " ".repeat(width + 4));
        println!("  {label:width$}  {}", value.replace('\n', &indent));
    }
}

/// Rows under titles.
pub fn table(titles: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        println!("Nada a mostrar.");
        return;
    }
    let titles: Vec<String> = titles.iter().map(|title| (*title).to_owned()).collect();
    let all = || std::iter::once(&titles).chain(&rows);
    let width = |column: usize| {
        all().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..titles.len()).map(width).collect();
    for row in all() {
        let cells = row.iter().zip(&widths);
        let text: Vec<_> = cells.map(|(cell, width)| format!("{cell:width$}")).collect();
        println!("{}", text.join("  ").trim_end());
    }
}
