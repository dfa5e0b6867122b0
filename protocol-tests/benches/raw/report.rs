//! Medians with their ranges, and the machine they were measured on.

/// Measurements of one thing.
pub struct Figure {
    sorted: Vec<f64>,
}

impl Figure {
    pub fn of(values: &[f64]) -> Figure {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        Figure { sorted }
    }

    /// Between two measurements, in proportion to the distance to each.
    pub fn percentile(&self, percent: f64) -> f64 {
        let place = percent / 100.0 * (self.sorted.len() - 1) as f64;
        let (below, above) = (place.floor() as usize, place.ceil() as usize);
        let (low, high) = (self.sorted[below], self.sorted[above]);
        low + (high - low) * place.fract()
    }
}

/// A question and its figures, in the order they came up.
pub struct Table {
    question: String,
    rows: Vec<(String, Vec<f64>)>,
}

impl Table {
    pub fn new(question: &str) -> Table {
        Table {
            question: question.to_owned(),
            rows: Vec::new(),
        }
    }

    pub fn add(&mut self, row: &str, value: f64) {
        match self.rows.iter_mut().find(|(name, _)| name == row) {
            Some((_, values)) => values.push(value),
            None => self.rows.push((row.to_owned(), vec![value])),
        }
    }

    /// The median of a row, if it was measured.
    pub fn median(&self, row: &str) -> Option<f64> {
        let (_, values) = self.rows.iter().find(|(name, _)| name == row)?;
        Some(Figure::of(values).percentile(50.0))
    }

    pub fn print(&self) {
        println!(
            "\n## {}\n\n| | median | min | max |\n|---|---|---|---|",
            self.question
        );
        for (name, values) in &self.rows {
            let figure = Figure::of(values);
            let [median, min, max] = [50.0, 0.0, 100.0].map(|percent| figure.percentile(percent));
            println!("| {name} | {median:.2} | {min:.2} | {max:.2} |");
        }
    }
}

/// What was promised, and whether it was kept.
#[derive(Default)]
pub struct Verdicts(Vec<(String, String, bool)>);

impl Verdicts {
    /// At least so much, by the median of a row.
    pub fn at_least(&mut self, what: &str, bound: f64, table: &Table, row: &str) {
        self.judge(what, &format!("≥ {bound}"), table.median(row), |value| {
            value >= bound
        });
    }

    /// At most so much, by the median of a row.
    pub fn at_most(&mut self, what: &str, bound: f64, table: &Table, row: &str) {
        self.judge(what, &format!("≤ {bound}"), table.median(row), |value| {
            value <= bound
        });
    }

    fn judge(
        &mut self,
        what: &str,
        bound: &str,
        measured: Option<f64>,
        holds: impl FnOnce(f64) -> bool,
    ) {
        if let Some(value) = measured {
            let expected = format!("{what}: {bound}");
            self.0.push((expected, format!("{value:.2}"), holds(value)));
        }
    }

    pub fn print(&self) {
        println!("\n## expected and measured\n\n| | median | |\n|---|---|---|");
        for (expected, measured, holds) in &self.0 {
            let verdict = if *holds { "holds" } else { "**missed**" };
            println!("| {expected} | {measured} | {verdict} |");
        }
    }
}

/// The processor, the kernel, the memory.
pub fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let after_colon = |text: &str, name: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with(name))
            .map(str::to_owned);
        line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()))
            .unwrap_or_default()
    };
    let memory = after_colon(&read("/proc/meminfo"), "MemTotal");
    let kilobytes = memory.trim_end_matches(" kB").parse().unwrap_or(0.0);
    let system = read("/proc/sys/kernel/osrelease");
    let release = system.split(['-', '\n']).next().unwrap_or_default();
    format!(
        "{} x {}, {:.0} GiB, Linux {release}",
        std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        after_colon(&read("/proc/cpuinfo"), "model name"),
        kilobytes / f64::from(1 << 20),
    )
}
