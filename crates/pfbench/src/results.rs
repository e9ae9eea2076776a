//! Everything that was measured.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

use crate::goal::Goal;
use crate::table::{Cell, Table};

/// What was measured of one subject.
#[derive(Debug, Default, Serialize)]
pub struct Part {
    /// The figures.
    pub tables: Vec<Table>,
    /// What they should be.
    pub goals: Vec<Goal>,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tables.iter().try_for_each(|table| table.fmt(f))
    }
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct Results {
    /// The machine and the programs: names and values.
    machine: Vec<(String, String)>,
    #[serde(flatten)]
    all: Part,
}

impl Results {
    /// Nothing measured yet.
    pub fn of(machine: Vec<(String, String)>) -> Self {
        Self { machine, all: Part::default() }
    }

    /// Adds what was measured.
    pub fn add(&mut self, part: Part) {
        self.all.tables.extend(part.tables);
        self.all.goals.extend(part.goals);
    }

    /// The tables whose titles begin like this.
    pub fn tables_of(&self, title: &str) -> impl Iterator<Item = &Table> {
        self.all.tables.iter().filter(move |table| table.title.starts_with(title))
    }

    /// Whether each goal that could be measured is met, and each could be.
    pub fn meets_all(&self) -> bool {
        self.all.goals.iter().all(|goal| goal.is_met == Some(true))
    }

    /// The goals, and how the figures stand to them.
    pub fn verdict(&self) -> Table {
        let mut table = Table::new("Goals", &["", "goal", "measured", "unit", ""]);
        for goal in &self.all.goals {
            table.row([
                goal.what.as_str().into(),
                goal.bound.to_string().into(),
                goal.measured.into(),
                goal.unit.into(),
                goal.verdict().into(),
            ]);
        }
        table
    }

    /// Writes everything as JSON.
    pub fn write_json(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(path, text).with_context(|| format!("writing {}", path.display()))
    }

    /// Writes everything as Markdown.
    pub fn write_markdown(&self, path: &Path) -> anyhow::Result<()> {
        let mut machine = Table::new("Machine and programs", &["", ""]);
        for (name, value) in &self.machine {
            machine.row([name.as_str().into(), Cell::from(value.as_str())]);
        }
        let goals = self.verdict();
        let tables = [&machine, &goals].into_iter().chain(&self.all.tables);
        let text: String = tables.map(Table::markdown).collect();
        fs::write(path, text).with_context(|| format!("writing {}", path.display()))
    }
}
