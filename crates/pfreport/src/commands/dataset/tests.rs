use std::fs::File;
use std::path::Path;

use pfmodel::names::Class;
use polars::prelude::{DataFrame, DataType, Schema};
use polars_io::prelude::{ParquetReader, SerReader as _};

use super::columns::{schema, stable};
use super::folder::Dataset;
use super::tables::{FaultFiles, traces_schema};
use super::{SCHEMA, about};
use crate::load::Loaded;
use crate::made_up::{self, Row};
use crate::rows::tables::{ColumnInfo, Kind, Table};

/// What a file has instead of the codes of words.
fn with_text(schema: &Schema) -> Schema {
    let plain = |dtype: &DataType| match dtype {
        DataType::Enum(..) => DataType::String,
        other => other.clone(),
    };
    schema.iter().map(|(name, dtype)| (name.clone(), plain(dtype))).collect()
}

fn faults(count: u64) -> Loaded {
    let mut loaded = made_up::with_code();
    for i in 0..count {
        let class = if i % 3 == 0 { Class::Major } else { Class::Minor };
        let latency = (i != 1).then_some(1_000 + i);
        let row = Row { time: i * 10, class, latency, addr: i << 12, ..Row::default() };
        made_up::push(&mut loaded.analysis, row);
    }
    loaded
}

#[test]
fn tables_have_the_types_that_are_promised_whatever_is_in_them() {
    for loaded in [made_up::empty(), faults(5)] {
        for &table in Table::ALL {
            let frame = stable(&table.frame(&loaded).unwrap()).unwrap();
            assert_eq!(with_text(frame.schema()), schema(table).unwrap(), "{}", table.name());
        }
        let figures = about::Figures::default();
        let frame = about::frame(&loaded, Path::new("run.pft"), &figures).unwrap();
        assert_eq!(**frame.schema(), traces_schema());
    }
}

#[test]
fn types_are_those_that_every_engine_has() {
    let schemas = Table::ALL.iter().map(|&table| schema(table).unwrap());
    for (name, dtype) in schemas.chain([traces_schema()]).flatten() {
        let is_moment = matches!(&*name, "wall_time" | "start_time");
        let expected = match dtype {
            DataType::String | DataType::Boolean | DataType::Int64 => !is_moment,
            DataType::Datetime(polars::prelude::TimeUnit::Microseconds, None) => is_moment,
            _ => false,
        };
        assert!(expected && name != "trace", "{name}: {dtype:?}");
    }
}

#[test]
fn many_faults_are_several_files() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("run.pft");
    std::fs::write(&input, "").unwrap();
    let dataset = Dataset::open(&folder.path().join("fleet")).unwrap();
    let mut staged = dataset.stage().unwrap();
    let mut files = FaultFiles::new(&input, &mut staged, 10);
    for part in [3, 0, 18, 9] {
        files.write(&faults(part)).unwrap();
    }
    let paths = files.finish().unwrap();
    let read = |path: &Path| ParquetReader::new(File::open(path).unwrap()).finish().unwrap();
    let frames: Vec<DataFrame> = paths.iter().map(|path| read(path)).collect();
    assert_eq!(frames.iter().map(DataFrame::height).collect::<Vec<_>>(), [10, 10, 10]);
    let names = paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["part-0.parquet", "part-1.parquet", "part-2.parquet"]);
    // Row 6 of the third part begins the second file: three rows of the first one came before.
    let addresses = frames[1].column("addr").unwrap().i64().unwrap();
    assert_eq!(addresses.get(0), Some(7 << 12));
    let classes = frames[1].column("class").unwrap().str().unwrap();
    assert_eq!((classes.get(0), classes.get(2)), (Some("minor"), Some("major")));
    assert_eq!(frames[0].column("latency_ns").unwrap().null_count(), 2);
}

#[test]
fn addresses_of_the_upper_half_are_negative_and_sizes_stay_the_largest() {
    use polars::prelude::Column;

    let column = |name: &str| Column::new(name.into(), [0xffff_8000_0000_1000_u64, 5]);
    let columns = vec![column("ip"), column("size_bytes"), column("trace")];
    let frame = stable(&DataFrame::new(2, columns).unwrap()).unwrap();
    let values = |name: &str| frame.column(name).unwrap().i64().unwrap().to_vec();
    assert_eq!(values("ip"), [Some(-0x7fff_ffff_f000), Some(5)]);
    assert_eq!(values("size_bytes"), [Some(i64::MAX), Some(5)]);
    assert_eq!(frame.width(), 2);
}

#[test]
fn files_name_the_version_and_carry_no_types_of_one_trace() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = Dataset::open(&folder.path().join("fleet")).unwrap();
    let mut staged = dataset.stage().unwrap();
    let mut files = FaultFiles::new(Path::new(""), &mut staged, 10);
    files.write(&faults(2)).unwrap();
    let paths = files.finish().unwrap();
    let mut file = File::open(&paths[0]).unwrap();
    let metadata = polars_parquet::read::read_metadata(&mut file).unwrap();
    let pairs = metadata.key_value_metadata().clone().unwrap();
    let keys: Vec<&str> = pairs.iter().map(|pair| &*pair.key).collect();
    assert_eq!(keys, ["pft.schema", "pft.generator"]);
    assert_eq!(pairs[0].value.as_deref(), Some(SCHEMA));
}

#[test]
fn the_page_of_datasets_has_the_columns_of_the_program() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/dataset.md");
    let page = std::fs::read_to_string(path).unwrap();
    let section = page.split("\n## `traces`\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
    let expected = about::COLUMNS.iter().map(|column| {
        let kind = match column.kind {
            Kind::Text => "text",
            Kind::Bool => "bool",
            Kind::Time => "time",
            _ => "u64",
        };
        let ColumnInfo { name, unit, null, meaning, .. } = column;
        format!("| `{name}` | {kind} | {unit} | {null} | {meaning} |")
    });
    assert_eq!(rows, expected.collect::<Vec<_>>());
    assert!(page.contains(SCHEMA));
}
