use std::fmt::Write as _;
use std::path::Path;

use pfmodel::table::Loss;
use pft::record::OomRecord;
use polars::prelude::DataType;

use super::{ColumnInfo, Kind, Numbers, Table, render, sorted};
use crate::error::Error;
use crate::load::{Loaded, Member};
use crate::made_up::{self, INLINED, KERNEL, LOOP, MAIN, Row, UNNAMED};
use crate::outputs::export::{Format, in_memory};
use crate::rows::field::Field;

const SECOND: u64 = 1_000_000_000;

/// A trace with something in every table.
fn loaded() -> Loaded {
    let mut loaded = made_up::with_code();
    let mut child = made_up::two_processes().analysis.processes.remove(1);
    child.exit_ns = Some(4 * SECOND);
    child.cgroups = vec![(0, 1), (SECOND, 0)];
    loaded.analysis.cgroups = vec![b"/docker/\x1b".to_vec(), b"/".to_vec()];
    loaded.analysis.processes.push(child);
    loaded.analysis.comms[1] = b"wor\x1bker".to_vec();
    loaded.analysis.call_chains = vec![
        made_up::chain(&[KERNEL], &[INLINED, LOOP, MAIN], false),
        made_up::chain(&[], &[UNNAMED, u32::MAX], true),
        made_up::chain(&[KERNEL], &[INLINED, LOOP, MAIN], false),
    ];
    loaded.analysis.exactness.losses = vec![
        Loss { from_ns: 1, to_ns: SECOND, cpu: 3, by_recorder: false, count: 1_234 },
        Loss { from_ns: 2, to_ns: 5, cpu: 0, by_recorder: true, count: 9_000 },
    ];
    loaded.oom = vec![OomRecord {
        time_ns: 7 * SECOND,
        pid: 4_243,
        comm: Vec::new(),
        by_pid: 1,
        by_tid: 2,
        total_vm_kib: Some(8),
        anon_rss_kib: Some(4),
        file_rss_kib: None,
        shmem_rss_kib: None,
        pgtables_kib: None,
        uid: Some(0),
        oom_score_adj: Some(-17),
    }];
    made_up::mark(&mut loaded, SECOND, "warm-up");
    made_up::mark(&mut loaded, 3 * SECOND, "serve");
    loaded.ledger = [("captured.minor".to_owned(), 7)].into();
    loaded.facts = [("label.x".to_owned(), "a\x1b,b".to_owned())].into();
    made_up::push(&mut loaded.analysis, Row::default());
    loaded
}

fn csv(loaded: &Loaded, table: Table) -> String {
    let mut csv = Vec::new();
    csv.extend(in_memory(Format::Csv, &table.frame(loaded).unwrap()));
    String::from_utf8(csv).unwrap()
}

#[test]
fn every_column_has_its_value() {
    let expected = [
        (
            Table::Processes,
            "trace,proc,pid,parent,comm,first_seen_ns,exit_ns,cgroup\n\
             run.pft,0,4242,,server,0,,\n\
             run.pft,1,4243,0,wor\\x1bker,1000000000,4000000000,/docker/\\x1b\n",
        ),
        (
            Table::Threads,
            "trace,proc,pid,tid,from_ns,to_ns\n\
             run.pft,0,4242,100,0,10000000000\n",
        ),
        (
            Table::Mappings,
            "trace,mapping,proc,pid,start,end,size_bytes,perms,region,region_kind,path,file_offset,dev,inode,\
             module,build_id,valid_from_ns,valid_to_ns,confirmed_ns,seen_from_start\n\
             run.pft,0,0,4242,0x400000,0x500000,1048576,r-xp,server,text,/usr/bin/server,4096,0x0801,4711,\
             0,beef,0,10000000000,10000000000,true\n\
             run.pft,1,0,4242,0x1000000,0x2000000,16777216,rw-p,[heap],heap,,,,,,,0,10000000000,10000000000,\
             true\n\
             run.pft,2,0,4242,0x7f0000000000,0x7f0010000000,268435456,rw-p,model.gguf,file,\
             /srv/models/model.gguf,4096,0x0801,4711,,,0,10000000000,10000000000,true\n",
        ),
        (
            Table::Modules,
            "trace,module,kind,state,path,build_id\n\
             run.pft,0,elf,read,/usr/bin/server,beef\n\
             run.pft,1,elf,not-opened,/usr/lib/libfoo.so,\n\
             run.pft,2,kernel,read,[kernel],\n",
        ),
        (
            Table::Callchains,
            "trace,callchain,depth,mode,module,function,source,inlined,cut\n\
             run.pft,0,0,kernel,[kernel],copy_from_user,,false,false\n\
             run.pft,0,1,user,server,Table::touch,/src/table.rs:42,true,false\n\
             run.pft,0,2,user,server,Table::grow,/src/table.rs:99,false,false\n\
             run.pft,0,3,user,server,serve::loop,,false,false\n\
             run.pft,0,4,user,server,main,/src/main.rs,false,false\n\
             run.pft,1,0,user,libfoo.so,,,false,true\n\
             run.pft,1,1,user,,,,false,true\n",
        ),
        (
            Table::Losses,
            "trace,from_ns,to_ns,cpu,by,records\n\
             run.pft,1,1000000000,3,kernel,1234\n\
             run.pft,2,5,0,recorder,9000\n",
        ),
        (
            Table::Oom,
            "trace,time_ns,pid,comm,by_pid,by_tid,total_vm_bytes,anon_rss_bytes,file_rss_bytes,shmem_rss_bytes,\
             pgtables_bytes,uid,oom_score_adj\n\
             run.pft,2000000000,4243,,1,2,8192,4096,,,,0,-17\n",
        ),
        (
            Table::Marks,
            "trace,phase,from_ns,to_ns\n\
             run.pft,warm-up,1000000000,3000000000\n\
             run.pft,serve,3000000000,10000000000\n",
        ),
        (Table::Ledger, "trace,key,value\nrun.pft,captured.minor,7\n"),
        (Table::Facts, "trace,key,value\nrun.pft,label.x,\"a\\x1b,b\"\n"),
    ];
    let loaded = loaded();
    for (table, text) in expected {
        assert_eq!(csv(&loaded, table), text, "{}", table.name());
    }
    assert_eq!(expected.len() + 1, Table::ALL.len());
    assert_eq!(Table::Faults.frame(&loaded).unwrap().shape(), (1, Field::ALL.len()));
}

fn matches(info: &ColumnInfo, dtype: &DataType) -> bool {
    match info.kind {
        Kind::Text => *dtype == DataType::String,
        Kind::U32 => *dtype == DataType::UInt32,
        Kind::I32 => *dtype == DataType::Int32,
        Kind::U64 | Kind::Address => *dtype == DataType::UInt64,
        Kind::Bool => *dtype == DataType::Boolean,
        Kind::Time => matches!(dtype, DataType::Datetime(..)),
    }
}

#[test]
fn tables_have_the_columns_that_are_documented() {
    for loaded in [made_up::empty(), loaded()] {
        for table in Table::ALL {
            let frame = table.frame(&loaded).unwrap();
            let names: Vec<&str> =
                frame.get_column_names().iter().map(|name| name.as_str()).collect();
            assert_eq!(names, table.column_names());
            for (info, column) in table.columns().iter().zip(frame.columns()) {
                assert!(matches(info, column.dtype()), "{info:?}");
                assert!(info.null != "never" || column.null_count() == 0, "{info:?}");
            }
        }
    }
}

/// The part of `schemas/tables.md` that lists the columns.
fn sections() -> String {
    let mut text = String::new();
    for table in Table::ALL.iter().filter(|&&table| table != Table::Faults) {
        let (name, about) = (table.name(), table.about());
        let _ = write!(text, "\n## `{name}`\n\n{about}\n\n");
        text.push_str("| column | type | unit | null when | meaning |\n|---|---|---|---|---|\n");
        for ColumnInfo { name, kind, unit, null, meaning } in table.columns() {
            let kind = match kind {
                Kind::Text => "text",
                Kind::U32 => "u32",
                Kind::I32 => "i32",
                Kind::U64 | Kind::Address => "u64",
                Kind::Bool => "bool",
                Kind::Time => "time",
            };
            let hexadecimal = if table
                .columns()
                .iter()
                .any(|info| info.name == *name && info.kind == Kind::Address)
            {
                ", `0x…`"
            } else {
                ""
            };
            let _ =
                writeln!(text, "| `{name}` | {kind} | {unit} | {null} | {meaning}{hexadecimal} |");
        }
    }
    text
}

#[test]
fn the_document_has_the_columns_of_the_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/tables.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let begin = document.find("\n## `").unwrap_or(document.len());
    if std::env::var_os("PFT_BLESS").is_some() {
        std::fs::write(&path, document[..begin].to_owned() + &sections()).unwrap();
        return;
    }
    assert_eq!(document[begin..], sections(), "PFT_BLESS=1 rewrites it");
}

#[test]
fn the_document_of_faults_has_the_columns_of_the_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/faults.md");
    let document = std::fs::read_to_string(path).unwrap();
    let columns = document.split("\n## Columns\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = columns.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(rows.collect::<Vec<_>>(), Table::Faults.column_names());
}

#[test]
fn people_get_units() {
    let loaded = loaded();
    let text = |table: Table, top| {
        let frame = table.frame(&loaded).unwrap();
        render(&frame, frame.height(), Numbers::Readable, top, None).unwrap()
    };
    assert_eq!(
        text(Table::Losses, 1),
        "  trace    from_ns  to_ns  cpu  by      records\n  \
           run.pft      1ns     1s    3  kernel    1,234\n  \
           and 1 more row (-n N shows more)\n"
    );
    let mappings = text(Table::Mappings, 20);
    assert!(
        mappings.lines().nth(2).unwrap().contains("  0x1000000       0x2000000       16MiB  rw-p "),
        "{mappings}"
    );
    assert_eq!(
        text(Table::Processes, 20).lines().last().unwrap(),
        "  run.pft     1  4243       0  wor\\x1bker             1s       4s  /docker/\\x1b"
    );
}

#[test]
fn sizes_and_counts_sort_downwards_and_the_rest_upwards() {
    let loaded = loaded();
    let order = |table: Table, by, column: &str| {
        let frame = sorted(&table.frame(&loaded).unwrap(), by).unwrap();
        let values = frame.column(column).unwrap().as_materialized_series().iter();
        values.map(|value| value.extract::<u64>().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(order(Table::Mappings, "size_bytes", "mapping"), [2, 1, 0]);
    assert_eq!(order(Table::Mappings, "region", "mapping"), [1, 2, 0]);
    assert_eq!(order(Table::Mappings, "start", "mapping"), [0, 1, 2]);
    assert_eq!(order(Table::Losses, "records", "cpu"), [0, 3]);
    let mut slower = loaded.clone();
    for (time, latency) in [(1, Some(5)), (2, None), (3, Some(7))] {
        made_up::push(&mut slower.analysis, Row { time, latency, ..Row::default() });
    }
    let faults = sorted(&Table::Faults.frame(&slower).unwrap(), "latency_ns").unwrap();
    let times = faults.column("time_ns").unwrap().u64().unwrap();
    assert_eq!(times.iter().rev().take(3).collect::<Vec<_>>(), [Some(2), Some(1), Some(3)]);
    let unknown = sorted(&Table::Facts.frame(&loaded).unwrap(), "size");
    assert_eq!(
        unknown.unwrap_err().to_string(),
        "no column `size`; the columns are trace, key, value"
    );
    assert!(matches!(
        sorted(&Table::Facts.frame(&loaded).unwrap(), ""),
        Err(Error::UnknownColumn { .. })
    ));
}

#[test]
fn rows_of_several_traces_have_the_times_of_their_own() {
    let mut loaded = loaded();
    let first = loaded.members[0].clone();
    let second = Member {
        name: "b.pft".to_owned(),
        offset_ns: SECOND,
        duration_ns: 9 * SECOND,
        ..first.clone()
    };
    loaded.members = vec![Member { duration_ns: SECOND, ..first }, second];
    loaded.analysis.processes[0].exit_ns = Some(2 * SECOND);
    assert_eq!(
        csv(&loaded, Table::Processes).lines().skip(1).collect::<Vec<_>>(),
        [
            "run.pft,0,4242,,server,0,1000000000,",
            "b.pft,1,4243,0,wor\\x1bker,0,3000000000,/docker/\\x1b"
        ]
    );
    assert_eq!(
        csv(&loaded, Table::Marks).lines().skip(1).collect::<Vec<_>>(),
        ["b.pft,warm-up,0,2000000000", "b.pft,serve,2000000000,9000000000"]
    );
    assert_eq!(csv(&loaded, Table::Ledger).lines().nth(1), Some(",captured.minor,7"));
}

#[test]
fn unknown_tables_name_the_known_ones() {
    let message = "the tables are faults, processes, threads, mappings, modules, callchains, losses, oom, marks, \
                   ledger, facts";
    assert_eq!(Table::parse("mapping").unwrap_err(), message);
    assert!(Table::ALL.iter().all(|&table| Table::parse(table.name()) == Ok(table)));
}
