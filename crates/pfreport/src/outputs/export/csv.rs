//! Export as CSV (RFC 4180): plain numbers, addresses as `0x…`, times as ISO 8601 in UTC, nulls empty.
//!
//! A spreadsheet runs a cell that begins with `=` and the like as a formula. Names do not get that far: such a
//! character is escaped as others are that must not be taken as they are, `\x3d`.

mod formula;

use std::collections::HashMap;
use std::num::NonZeroUsize;

use polars::prelude::{Column, DataFrame, DataType, PlSmallStr, PolarsResult, Schema};
use polars_io::SerWriter as _;
use polars_io::csv::write::{CsvWriter, QuoteStyle};

use super::with_literals;
use crate::error::Error;
use crate::rows::faults::{fixed, renamed};

/// Turns batches into lines.
#[derive(Debug)]
pub struct Encoder {
    /// The columns of names, by what they are called, with names as they stand in a file: quotes are found once, rather
    /// than looked for in each row (a third of the time). None where another column holds text.
    quoted: Option<HashMap<PlSmallStr, DataType>>,
}

impl Encoder {
    /// For these columns.
    ///
    /// # Errors
    /// [`Error::Table`] should Polars fail.
    pub fn new(schema: &Schema) -> Result<Self, Error> {
        let mut quoted = HashMap::new();
        for (name, dtype) in schema.iter() {
            if let DataType::Enum(categories, _) = dtype {
                let names: Vec<String> = categories
                    .categories()
                    .values_iter()
                    .map(|name| in_file(&formula::escaped(name)))
                    .collect();
                quoted.insert(name.clone(), fixed(names.iter().map(String::as_str))?);
            }
        }
        let is_text =
            |dtype: &DataType| matches!(dtype, DataType::String | DataType::Categorical(..));
        let has_texts = schema.iter_values().any(is_text);
        Ok(Self { quoted: (!has_texts).then_some(quoted) })
    }

    /// A batch as lines.
    ///
    /// # Errors
    /// [`Error::Table`] for a type of column that CSV does not have.
    pub fn encode(&self, frame: &DataFrame) -> Result<Vec<u8>, Error> {
        let Some(quoted) = &self.quoted else {
            let frame = formula::escaped_texts(with_literals(frame.clone())?)?;
            return text(frame, false, QuoteStyle::Necessary);
        };
        let columns = frame.columns().iter().map(|column| match quoted.get(column.name()) {
            Some(dtype) => renamed(column, dtype),
            None => Ok(column.clone()),
        });
        let columns = columns.collect::<PolarsResult<_>>()?;
        let frame = DataFrame::new(frame.height(), columns)?;
        // Addresses and times have nothing to be quoted.
        text(with_literals(frame)?, false, QuoteStyle::Never)
    }
}

/// A name as it stands in a file. An empty one is quoted: without quotes it would be null.
fn in_file(name: &str) -> String {
    if name.is_empty() || name.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", name.replace('"', "\"\""))
    } else {
        name.to_owned()
    }
}

/// The names of the columns as a line.
///
/// # Errors
/// [`Error::Table`] should Polars fail.
pub fn header(schema: &Schema) -> Result<Vec<u8>, Error> {
    let names = schema.iter_names().map(|name| formula::escaped(name).into_owned());
    let columns = names.map(|name| Column::new_empty(name.into(), &DataType::String)).collect();
    text(DataFrame::new(0, columns)?, true, QuoteStyle::Necessary)
}

fn text(mut frame: DataFrame, header: bool, quotes: QuoteStyle) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let rows = NonZeroUsize::MIN.saturating_add(frame.height());
    CsvWriter::new(&mut bytes)
        .include_header(header)
        .n_threads(1)
        .with_batch_size(rows)
        .with_quote_style(quotes)
        .finish(&mut frame)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use pfmodel::names::{Cause, Class, RegionKind};
    use pfmodel::table::{NONE, Region};
    use pft::record::NODE_UNKNOWN;
    use polars::prelude::{Column, DataFrame, DataType};

    use super::fixed;
    use crate::made_up::{self, INLINED, KERNEL, MAIN, MODEL, Row, TEXT, UNNAMED};
    use crate::outputs::export::writer::BATCH_ROWS;
    use crate::outputs::export::{Format, faults_in_memory as faults, in_memory};

    const HEADER: &str = "trace,phase,time_ns,wall_time,latency_ns,class,cause,failure,slow,access,mode,proc,pid,tid,\
        comm,cpu,addr,page_size_bytes,nth,attempts,region,region_kind,path,file_offset,perms,dev,inode,\
        map_confidence,ip,module,function,source,object,callchain,build_id,node,mapping,cgroup\n";

    fn csv(loaded: &crate::load::Loaded) -> String {
        String::from_utf8(in_memory(Format::Csv, &faults(loaded))).unwrap()
    }

    #[test]
    fn every_column_has_its_value() {
        let mut loaded = made_up::with_code();
        made_up::mark(&mut loaded, 2_000_000_000, "warm-up");
        made_up::push(
            &mut loaded.analysis,
            Row {
                time: 1_500_000_001,
                latency: Some(83_000),
                class: Class::Major,
                cause: Cause::FileRead,
                addr: 0x7f00_0000_2010,
                mapping: MODEL,
                code: UNNAMED,
                ..Row::default()
            },
        );
        made_up::push(
            &mut loaded.analysis,
            Row {
                time: 2_000_000_000,
                latency: None,
                class: Class::Failed,
                cause: Cause::Efault,
                addr: 0xffff_ffff_ff60_0000,
                size: 0,
                kernel_mode: true,
                code: KERNEL,
                ..Row::default()
            },
        );
        // Nothing is known of the instruction.
        made_up::push(&mut loaded.analysis, Row { time: 2_000_000_001, ..Row::default() });
        loaded.analysis.faults.ip_mapping[2] = NONE;
        loaded.analysis.cgroups = vec![b"/".to_vec(), b"/a,b".to_vec()];
        loaded.analysis.processes[0].cgroups = vec![(1_900_000_000, 0), (2_000_000_001, 1)];
        let expected = [
            HEADER,
            "run.pft,,1500000001,2026-11-20T12:34:57.500000001Z,83000,major,file-read,,false,read,user,0,\
             4242,100,server,1,0x7f0000002010,4096,1,1,model.gguf,file,/srv/models/model.gguf,12304,\
             rw-p,0x0801,4711,exact,0x401000,libfoo.so,,,,,,,2,/\n",
            "run.pft,warm-up,2000000000,2026-11-20T12:34:58.000000000Z,,failed,efault,no mapping,false,read,kernel,0,4242,\
             100,server,1,0xffffffffff600000,,1,1,[unknown],unknown,,,,,,unknown,0x401000,[kernel],copy_from_user,,,,,,,/\n",
            "run.pft,warm-up,2000000001,2026-11-20T12:34:58.000000001Z,1000,minor,anon-first-touch,,false,read,user,0,4242,\
             100,server,1,0x1000,4096,1,1,[unknown],unknown,,,,,,unknown,,,,,,,,,,\"/a,b\"\n",
        ];
        assert_eq!(csv(&loaded), expected.concat());
    }

    #[test]
    fn columns_about_code_have_their_values() {
        let mut loaded = made_up::with_code();
        let analysis = &mut loaded.analysis;
        analysis.call_chains = vec![made_up::chain(&[], &[MAIN], false); 2];
        analysis.call_chains[0].cut = true;
        let inlined = Row { code: INLINED, chain: 1, object: 0, mapping: TEXT, ..Row::default() };
        let unnamed = Row { code: UNNAMED, mapping: MODEL, ..Row::default() };
        for row in [inlined, unnamed, Row { code: KERNEL, kernel_mode: true, ..Row::default() }] {
            made_up::push(analysis, row);
        }
        analysis.faults.node = vec![0, NODE_UNKNOWN, 3];
        let csv = csv(&loaded);
        let ends = csv.lines().skip(1).map(|line| line.split(",0x401000,").nth(1).unwrap());
        assert_eq!(
            ends.collect::<Vec<_>>(),
            [
                "server,Table::touch,/src/table.rs:42,TABLE,1,beef,0,0,",
                "libfoo.so,,,,,,,2,",
                "[kernel],copy_from_user,,,,,3,,"
            ]
        );
    }

    #[test]
    fn the_region_is_that_of_the_row() {
        let mut loaded = made_up::empty();
        let kind = RegionKind::Bss;
        loaded.analysis.regions.push(Region { kind, label: b"server .b\x1bss".to_vec() });
        made_up::push(&mut loaded.analysis, Row { mapping: TEXT, ..Row::default() });
        loaded.analysis.faults.region[0] = 3;
        let csv = csv(&loaded);
        assert!(csv.contains(",server .b\\x1bss,bss,/usr/bin/server,"), "{csv}");
    }

    #[test]
    fn what_began_before_the_start_keeps_its_moment() {
        let mut loaded = made_up::empty();
        made_up::push(&mut loaded.analysis, Row { latency: Some(900), ..Row::default() });
        made_up::push(&mut loaded.analysis, Row { time: 5, ..Row::default() });
        loaded.analysis.faults.before_ns = vec![700];
        let csv = csv(&loaded);
        assert!(csv.contains("\nrun.pft,,0,2026-11-20T12:34:55.999999300Z,900,minor,"), "{csv}");
        assert!(csv.contains("\nrun.pft,,5,2026-11-20T12:34:56.000000005Z,1000,minor,"), "{csv}");
    }

    #[test]
    fn hostile_names_are_escaped_and_quoted() {
        let mut loaded = made_up::empty();
        loaded.analysis.comms[0] = b"a,\"b\"\n\x1b[2J".to_vec();
        made_up::push(&mut loaded.analysis, Row::default());
        assert!(csv(&loaded).contains(",\"a,\"\"b\"\"\\x0a\\x1b[2J\","), "{}", csv(&loaded));
    }

    #[test]
    fn names_and_texts_are_quoted_alike() {
        let names = ["", "a,b", "=1+1,\"", "plain", "line\nbreak", "caf\u{e9} \r", "-1"];
        let frame = |dtype: DataType| {
            let names = Column::new("name".into(), names).cast(&dtype).unwrap();
            let numbers = Column::new("n".into(), [1_u32; 7]);
            DataFrame::new(7, vec![names, numbers]).unwrap()
        };
        let of = |dtype| in_memory(Format::Csv, &frame(dtype));
        assert_eq!(of(fixed(names).unwrap()), of(DataType::String));
    }

    #[test]
    fn an_empty_table_is_a_header() {
        assert_eq!(csv(&made_up::empty()), HEADER);
    }

    #[test]
    fn batches_keep_the_order_of_rows() {
        let mut loaded = made_up::empty();
        let rows = BATCH_ROWS as u64 * 3 + 5;
        for time in 0..rows {
            made_up::push(&mut loaded.analysis, Row { time, ..Row::default() });
        }
        let csv = csv(&loaded);
        let times = csv.lines().skip(1).map(|line| line.split(',').nth(2).unwrap().parse::<u64>());
        assert!(times.map(Result::unwrap).eq(0..rows));
    }
}
