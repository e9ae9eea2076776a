//! Each format against what was written, by the readers of Polars or byte by byte.

use std::io::{self, Cursor, Write};

use polars::prelude::{
    Column, DataFrame, DataType, FrozenCategories, IntoColumn as _, NamedFrom, Schema, Series,
    TimeUnit,
};
use polars_io::SerReader as _;
use polars_io::ipc::IpcReader;
use polars_io::parquet::read::ParquetReader;

use super::writer::BATCH_ROWS;
use super::{Format, Writer, in_memory};
use crate::error::Error;

/// Names of a few rows as an `Enum` of all of `words`.
fn names(name: &str, words: &[&str], rows: &[Option<&str>]) -> Column {
    let dtype =
        DataType::from_frozen_categories(FrozenCategories::new(words.iter().copied()).unwrap());
    Series::new(name.into(), rows).strict_cast(&dtype).unwrap().into_column()
}

fn column<V, T: ?Sized>(name: &str, values: V) -> Column
where
    Series: NamedFrom<V, T>,
{
    Series::new(name.into(), values).into_column()
}

/// Every type that tables have, with nulls.
fn everything() -> DataFrame {
    let moments = [Some(1_795_178_096_999_999_999_i64), Some(1_795_178_097_000_000_000), None];
    let moments = column("wall_time", &moments);
    let columns = vec![
        names("region", &["[heap]", "a,\"b\"", "unused"], &[Some("a,\"b\""), None, Some("[heap]")]),
        moments.cast(&DataType::Datetime(TimeUnit::Nanoseconds, None)).unwrap(),
        column("addr", &[Some(u64::MAX), None, Some(0x7f00)]),
        column("time_ns", &[Some(9_007_199_254_740_993_u64), Some(0), Some(7)]),
        column("proc", &[Some(u32::MAX), Some(0), None]),
        column("stride_pages", &[Some(-1_i64), None, Some(i64::MAX)]),
        column("share", &[Some(0.1), None, Some(2.0)]),
        column("slow", &[Some(true), Some(false), None]),
        column("chain", &[Some("back\\slash; \u{1f600}"), Some(""), None]),
    ];
    DataFrame::new(3, columns).unwrap()
}

/// The same as binary formats have it: times in UTC, names of no certain type.
fn read_back(format: Format, bytes: Vec<u8>) -> DataFrame {
    let bytes = Cursor::new(bytes);
    match format {
        Format::Parquet => ParquetReader::new(bytes).finish().unwrap(),
        _ => IpcReader::new(bytes).finish().unwrap(),
    }
}

/// With names as text and times as numbers, so that values can be compared.
fn plain(frame: &DataFrame) -> DataFrame {
    let plain = frame.columns().iter().map(|column| match column.dtype() {
        DataType::Enum(..) | DataType::Categorical(..) => column.cast(&DataType::String).unwrap(),
        DataType::Datetime(..) => column.cast(&DataType::Int64).unwrap(),
        _ => column.clone(),
    });
    DataFrame::new(frame.height(), plain.collect()).unwrap()
}

#[test]
fn text_is_exact() {
    let csv = String::from_utf8(in_memory(Format::Csv, &everything())).unwrap();
    assert_eq!(
        csv,
        "region,wall_time,addr,time_ns,proc,stride_pages,share,slow,chain\n\
         \"a,\"\"b\"\"\",2026-11-20T12:34:56.999999999Z,0xffffffffffffffff,9007199254740993,4294967295,-1,0.1,\
         true,back\\slash; \u{1f600}\n\
         ,2026-11-20T12:34:57.000000000Z,,0,0,,,false,\"\"\n\
         [heap],,0x7f00,7,,9223372036854775807,2.0,,\n"
    );
    let lines = String::from_utf8(in_memory(Format::Jsonl, &everything())).unwrap();
    assert_eq!(
        lines,
        "{\"region\":\"a,\\\"b\\\"\",\"wall_time\":\"2026-11-20T12:34:56.999999999Z\",\
         \"addr\":\"0xffffffffffffffff\",\"time_ns\":9007199254740993,\"proc\":4294967295,\
         \"stride_pages\":-1,\"share\":0.1,\"slow\":true,\"chain\":\"back\\\\slash; \u{1f600}\"}\n\
         {\"region\":null,\"wall_time\":\"2026-11-20T12:34:57.000000000Z\",\"addr\":null,\"time_ns\":0,\"proc\":0,\
         \"stride_pages\":null,\"share\":null,\"slow\":false,\"chain\":\"\"}\n\
         {\"region\":\"[heap]\",\"wall_time\":null,\"addr\":\"0x7f00\",\"time_ns\":7,\"proc\":null,\
         \"stride_pages\":9223372036854775807,\"share\":2.0,\"slow\":null,\"chain\":null}\n"
    );
}

#[test]
fn binary_formats_keep_values_and_types() {
    for format in [Format::Parquet, Format::Arrow] {
        let read = read_back(format, in_memory(format, &everything()));
        assert!(plain(&read).equals_missing(&plain(&everything())), "{format:?}: {read}");
        assert!(matches!(read.column("region").unwrap().dtype(), DataType::Categorical(..)));
        let DataType::Datetime(TimeUnit::Nanoseconds, Some(zone)) =
            read.column("wall_time").unwrap().dtype()
        else {
            panic!("{format:?}: no time with a zone");
        };
        assert_eq!(zone.as_str(), "UTC");
        assert_eq!(read.column("addr").unwrap().dtype(), &DataType::UInt64);
        assert_eq!(read.column("proc").unwrap().dtype(), &DataType::UInt32);
    }
}

#[test]
fn tables_without_rows_have_columns() {
    let empty = everything().clear();
    for format in [Format::Parquet, Format::Arrow] {
        let read = read_back(format, in_memory(format, &empty));
        assert_eq!((read.height(), read.width()), (0, 9));
    }
    let names = "region,wall_time,addr,time_ns,proc,stride_pages,share,slow,chain\n";
    assert_eq!(in_memory(Format::Csv, &empty), names.as_bytes());
    assert_eq!(in_memory(Format::Jsonl, &empty), b"");
}

#[test]
fn a_column_may_have_no_value_at_all() {
    let nothing = Column::full_null("nothing".into(), 2, &DataType::Null);
    let unnamed = names("region", &[], &[None, None]);
    let frame = DataFrame::new(2, vec![column("n", [1_u64, 2]), nothing, unnamed]).unwrap();
    for format in [Format::Parquet, Format::Arrow] {
        let read = read_back(format, in_memory(format, &frame));
        assert_eq!(read.column("n").unwrap().null_count(), 0);
        assert_eq!(read.column("nothing").unwrap().null_count(), 2);
        assert_eq!(read.column("region").unwrap().null_count(), 2);
    }
    assert_eq!(in_memory(Format::Csv, &frame), b"n,nothing,region\n1,,\n2,,\n");
    let lines =
        b"{\"n\":1,\"nothing\":null,\"region\":null}\n{\"n\":2,\"nothing\":null,\"region\":null}\n";
    assert_eq!(in_memory(Format::Jsonl, &frame), lines);
}

#[test]
fn parts_and_batches_follow_each_other() {
    let rows = |range: std::ops::Range<usize>| {
        let numbers: Vec<u64> = range.clone().map(|row| row as u64).collect();
        let words: Vec<Option<&str>> =
            range.clone().map(|row| (row % 3 > 0).then_some(["a", "b"][row % 2])).collect();
        let words = names("word", &["a", "b"], &words);
        DataFrame::new(range.len(), vec![column("time_ns", &numbers), words]).unwrap()
    };
    let all = 2 * BATCH_ROWS + 5;
    let expected = plain(&rows(0..all));
    for format in Format::ALL {
        let whole = in_memory(format, &rows(0..all));
        let mut writer = Writer::new(format, rows(0..0).schema(), Vec::new(), None).unwrap();
        for part in [0..7, 7..7, 7..BATCH_ROWS + 9, BATCH_ROWS + 9..all] {
            writer.write(&rows(part)).unwrap();
        }
        let parts = writer.finish().unwrap();
        if format.is_binary() {
            for bytes in [whole, parts] {
                assert!(plain(&read_back(format, bytes)).equals_missing(&expected), "{format:?}");
            }
        } else {
            assert!(whole == parts, "{format:?}");
        }
    }
}

#[test]
fn parts_with_names_of_their_own_are_text() {
    let part = |words: &[&str], row| {
        DataFrame::new(1, vec![names("function", words, &[Some(row)])]).unwrap()
    };
    let parts = [part(&["main", "malloc"], "malloc"), part(&["free", "main"], "free")];
    let schema =
        Schema::from_iter([polars::prelude::Field::new("function".into(), DataType::String)]);
    for format in [Format::Parquet, Format::Arrow] {
        let mut writer = Writer::new(format, &schema, Vec::new(), None).unwrap();
        parts.iter().for_each(|part| writer.write(part).unwrap());
        let read = read_back(format, writer.finish().unwrap());
        let expected = DataFrame::new(2, vec![column("function", &["malloc", "free"])]).unwrap();
        assert!(plain(&read).equals(&expected), "{format:?}: {read}");

        // A name that the dictionary does not have is no null.
        let mut writer = Writer::new(format, parts[0].schema(), Vec::new(), None).unwrap();
        assert!(matches!(writer.write(&parts[1]), Err(Error::Table(_))));
    }
}

#[test]
fn a_row_group_has_only_the_names_that_occur_in_it() {
    let words: Vec<String> = (0..60_000).map(|i| format!("function_{i:06}")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let frame = DataFrame::new(2, vec![names("function", &words, &[Some(words[59_999]), None])]);
    let bytes = in_memory(Format::Parquet, &frame.unwrap());
    assert!(bytes.len() < 2_000, "{} bytes", bytes.len());
    let read = plain(&read_back(Format::Parquet, bytes));
    let expected = column("function", &[Some("function_059999"), None]);
    assert!(read.equals_missing(&DataFrame::new(2, vec![expected]).unwrap()), "{read}");
}

/// Takes so many bytes, then is full.
#[derive(Debug)]
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = bytes.len().min(self.0);
        self.0 -= room;
        if room == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(room)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_said_to_be_full_at_every_byte() {
    for format in Format::ALL {
        let length = in_memory(format, &everything()).len();
        for room in (0..length).step_by(7) {
            let write = |path| {
                let mut writer = Writer::new(format, everything().schema(), Full(room), path)?;
                writer.write(&everything())?;
                writer.finish()
            };
            let full = |error: &io::Error| error.kind() == io::ErrorKind::StorageFull;
            match write(None) {
                Err(Error::Output(error)) => assert!(full(&error)),
                other => panic!("{format:?}, {room}: {other:?}"),
            }
            match write(Some("out".into())) {
                Err(Error::Write { path, source }) => {
                    assert!(path.as_os_str() == "out" && full(&source));
                }
                other => panic!("{format:?}, {room}: {other:?}"),
            }
        }
    }
}
