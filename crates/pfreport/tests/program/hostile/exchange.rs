//! Tables for other programs, read back by parsers of their formats.

use std::collections::BTreeMap;
use std::fs::{self, File};

use polars::prelude::{DataFrame, DataType};
use polars_io::SerReader as _;
use polars_io::ipc::IpcReader;
use polars_io::parquet::read::ParquetReader;
use serde_json::{Map, Value};

use super::check::{hidden, original};
use super::{TABLES, corpus_behind, hostile, originals, report, scene};
use crate::scene::text;

/// What a spreadsheet begins a formula with.
const FORMULAS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Cells that begin so and compute nothing.
fn is_number_or_permissions(cell: &str) -> bool {
    let is_permissions = cell.len() == 4 && cell.chars().all(|c| "rwxps-".contains(c));
    cell.parse::<f64>().is_ok_and(f64::is_finite) || is_permissions
}

/// A row as CSV has it: by column, the text.
pub type Row = BTreeMap<String, String>;

pub fn read_csv(bytes: &[u8], what: &str) -> Vec<Row> {
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(bytes);
    let header = reader.headers().unwrap().iter().map(|name| original(name).unwrap());
    let header: Vec<String> = header.map(|name| String::from_utf8(name).unwrap()).collect();
    let rows = reader.records().map(|record| {
        let record = record.unwrap_or_else(|error| panic!("{what}: {error}"));
        for cell in &record {
            assert_eq!(hidden(cell), None, "{what}: {cell}");
            let begins = cell.split(';').any(|part| part.starts_with(FORMULAS));
            assert!(!begins || is_number_or_permissions(cell), "{what}: {cell}");
        }
        header.iter().cloned().zip(record.iter().map(str::to_owned)).collect()
    });
    rows.collect()
}

fn read_jsonl(bytes: &[u8], what: &str) -> Vec<Map<String, Value>> {
    let lines = text(bytes).lines().map(|line| {
        let row: Map<String, Value> =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{what}: {error}: {line}"));
        for cell in row.values().filter_map(Value::as_str) {
            assert_eq!(hidden(cell), None, "{what}: {cell}");
        }
        row
    });
    lines.collect()
}

/// Columns of text of a binary file, by name.
fn texts(frame: &DataFrame) -> BTreeMap<String, Vec<Option<String>>> {
    let is_text = |dtype: &DataType| {
        matches!(dtype, DataType::String | DataType::Enum(..) | DataType::Categorical(..))
    };
    let columns = frame.columns().iter().filter(|column| is_text(column.dtype()));
    columns
        .map(|column| {
            let cells = column.cast(&DataType::String).unwrap();
            let cells = cells.str().unwrap().iter().map(|cell| cell.map(str::to_owned)).collect();
            (column.name().to_string(), cells)
        })
        .collect()
}

/// Writes what `words` ask for in all formats, reads all of them back and compares them; the rows as JSON lines
/// have them.
fn in_every_format(name: &str, words: &[&str]) -> Vec<Map<String, Value>> {
    let path = |ending: &str| scene().path(&format!("{name}.{ending}"));
    let outputs =
        ["csv", "jsonl", "parquet", "arrow"].map(|ending| format!("--{ending}={name}.{ending}"));
    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    report(hostile(), &[words, &outputs, &["-f"]].concat());
    let csv = read_csv(&fs::read(path("csv")).unwrap(), name);
    let jsonl = read_jsonl(&fs::read(path("jsonl")).unwrap(), name);
    let binary = [
        ParquetReader::new(File::open(path("parquet")).unwrap()).finish().unwrap(),
        IpcReader::new(File::open(path("arrow")).unwrap()).finish().unwrap(),
    ];
    assert_eq!(csv.len(), jsonl.len(), "{name}");
    for (line, row) in csv.iter().zip(&jsonl) {
        assert_eq!(line.len(), row.len(), "{name}");
        for (column, value) in row {
            let cell = &line[column];
            match value {
                Value::String(value) => {
                    assert_eq!(original(cell), original(value), "{name}: {cell}");
                }
                Value::Null => assert_eq!(cell, "", "{name}"),
                other => assert_eq!(*cell, other.to_string(), "{name}"),
            }
        }
    }
    for frame in &binary {
        assert_eq!(frame.height(), jsonl.len(), "{name}");
        for (column, cells) in texts(frame) {
            let expected = jsonl.iter().map(|row| row[&column].as_str().map(str::to_owned));
            assert!(cells.into_iter().eq(expected), "{name}: {column}");
        }
    }
    jsonl
}

#[test]
fn every_table_is_the_same_in_every_format() {
    let mut rows = 0;
    for table in TABLES {
        rows += in_every_format(table, &["--table", table]).len();
    }
    for (name, words) in [
        ("by", &["--by=comm,phase,region,path,function,source,object,module,callchain"][..]),
        ("patterns", &["--patterns"]),
        (
            "query",
            &[
                "--sql",
                "SELECT comm, REPLACE(comm, '[', '=') AS made, class, 'a;=1' AS \"=x\" FROM faults",
            ],
        ),
    ] {
        rows += in_every_format(name, words).len();
    }
    println!("{rows} rows of hostile names in four formats");
}

#[test]
fn names_come_back_from_csv() {
    let output = report(hostile(), &["--csv"]);
    let rows = read_csv(&output.stdout, "faults");
    assert_eq!(rows.len(), 5 * corpus_behind(b"").len());
    let column = |name: &str| originals(rows.iter().map(|row| &*row[name]));
    assert_eq!(column("comm"), corpus_behind(b""));
    let mut paths = corpus_behind(b"/srv/");
    paths.extend(corpus_behind(b"/usr/bin/"));
    assert!(column("path").is_superset(&paths));
    let mut functions = column("function");
    functions.extend(column("object"));
    assert!(functions.is_superset(&corpus_behind(b"")));
}
