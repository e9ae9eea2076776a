use pfmodel::names::{Cause, Class};
use polars::prelude::DataType;

use super::Query;
use crate::load::Loaded;
use crate::made_up::{self, HEAP, MAIN, MODEL, Row};
use crate::outputs::export::{Format, in_memory};
use crate::rows::field::Field;

/// Three touches of the heap by a server, two slow reads by its child.
fn loaded() -> Loaded {
    let mut loaded = made_up::two_processes();
    let code = made_up::with_code().analysis;
    let analysis = &mut loaded.analysis;
    (analysis.locations, analysis.modules) = (code.locations, code.modules);
    analysis.call_chains = vec![made_up::chain(&[], &[MAIN], false)];
    for i in 0..3 {
        let row = Row {
            time: i,
            addr: 0x100_0000 + i * 4_096,
            mapping: HEAP,
            chain: 0,
            ..Row::default()
        };
        made_up::push(analysis, row);
    }
    for i in 0..2 {
        let row = Row {
            time: 10 + i,
            proc: 1,
            tid: 101,
            latency: (i == 0).then_some(3_000_000_000),
            class: Class::Major,
            cause: Cause::FileRead,
            addr: 0xffff_ffff_8100_0000 + i,
            mapping: MODEL,
            ..Row::default()
        };
        made_up::push(analysis, row);
    }
    loaded
}

fn csv(sql: &str) -> String {
    let query = Query::parse(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let frame = query.run(&loaded()).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let mut csv = Vec::new();
    csv.extend(in_memory(Format::Csv, &frame));
    String::from_utf8(csv).unwrap()
}

fn error(sql: &str) -> String {
    match Query::parse(sql).and_then(|query| query.run(&loaded())) {
        Ok(frame) => panic!("{sql}: {frame:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn answers_are_exact() {
    for (sql, expected) in [
        (
            "SELECT region, COUNT(*) AS n, SUM(latency_ns) AS stall_ns FROM faults GROUP BY region ORDER BY n DESC",
            "region,n,stall_ns\n[heap],3,3000\nmodel.gguf,2,3000000000\n",
        ),
        // Without an order of its own the answer is sorted.
        ("SELECT class, COUNT(*) AS n FROM faults GROUP BY class", "class,n\nmajor,2\nminor,3\n"),
        ("SELECT DISTINCT cause FROM faults", "cause\nanon-first-touch\nfile-read\n"),
        (
            "SELECT p.pid, p.comm, MAX(f.latency_ns) AS longest_ns FROM faults f \
             JOIN processes p ON f.proc = p.proc GROUP BY p.pid, p.comm",
            "pid,comm,longest_ns\n4242,server,1000\n4243,worker,3000000000\n",
        ),
        (
            "SELECT c.function, COUNT(DISTINCT f.addr) AS pages FROM faults f \
             JOIN callchains c USING (callchain) GROUP BY c.function",
            "function,pages\nmain,3\n",
        ),
        (
            "WITH slow AS (SELECT * FROM faults WHERE latency_ns > 1e6) SELECT pid, addr FROM slow",
            "pid,addr\n4243,0xffffffff81000000\n",
        ),
        ("SELECT tid FROM faults WHERE addr = 0xffffffff81000001", "tid\n101\n"),
        ("SELECT addr, latency_ns - 5000 AS d FROM faults LIMIT 1", "addr,d\n0x1000000,-4000\n"),
        (
            "SELECT m.size_bytes, COUNT(*) AS n FROM faults JOIN mappings m USING (mapping) GROUP BY m.size_bytes",
            "size_bytes,n\n16777216,3\n268435456,2\n",
        ),
        (
            "SELECT region, size_bytes FROM mappings ORDER BY size_bytes DESC LIMIT 1",
            "region,size_bytes\nmodel.gguf,268435456\n",
        ),
        ("SELECT COUNT(*) AS n FROM threads UNION ALL SELECT COUNT(*) FROM faults", "n\n1\n5\n"),
        (
            "SELECT wall_time FROM faults WHERE wall_time < '2026-11-20T12:34:56.000000001Z'",
            "wall_time\n2026-11-20T12:34:56.000000000Z\n",
        ),
        ("SELECT SUM(latency_ns) AS s FROM faults WHERE class = 'nonsense'", "s\n\n"),
    ] {
        assert_eq!(csv(sql), expected, "{sql}");
    }
}

#[test]
fn nothing_wraps_at_32_bits() {
    assert_eq!(csv("SELECT SUM(pid * 1000000) AS s FROM faults"), "s\n21212000000\n");
    assert_eq!(csv("SELECT COUNT(*) * 1000000000 AS b FROM faults"), "b\n5000000000\n");
    assert_eq!(
        csv("SELECT COUNT(*) - 6 AS d, cpu - 2 AS c FROM faults GROUP BY cpu"),
        "d,c\n-1,-1\n"
    );
    // Sums of the very column, too: a billion of these pids are more than 32 bits hold.
    let mut loaded = loaded();
    loaded.analysis.processes[0].pid = 4_000_000_000;
    let frame = Query::parse("SELECT SUM(pid) AS s FROM faults").unwrap().run(&loaded).unwrap();
    let sum = frame.column("s").unwrap();
    assert_eq!(sum.dtype(), &DataType::Int64);
    assert_eq!(sum.i64().unwrap().get(0), Some(12_000_008_486));
}

#[test]
fn only_what_is_named_is_built() {
    let fields = |sql: &str| Query::parse(sql).unwrap().fields();
    let two = [Field::Pid, Field::Region];
    assert_eq!(
        fields("SELECT region, COUNT(*) FROM faults WHERE \"pid\" > 1 GROUP BY region"),
        two
    );
    assert_eq!(fields("SELECT COUNT(*) FROM faults"), [Field::Proc]);
    assert_eq!(fields("SELECT * FROM faults"), Field::ALL);
    assert_eq!(fields("SELECT pid FROM processes"), []);
    assert_eq!(fields("SELECT 'region' FROM faults -- path"), [Field::Proc]);
}

#[test]
fn what_is_no_query_is_told_in_one_line() {
    let columns = "; the columns of faults are trace, phase, time_ns, ";
    let tables = "; the tables are faults, processes, threads, ";
    for (sql, begin, known) in [
        ("SELEC pid FROM faults", "", tables),
        ("SELECT pid FROM fault", "relation 'fault' was not found", tables),
        ("SELECT nope FROM faults", "unable to find column \"nope\"; the columns", columns),
        (
            "SELECT size FROM mappings",
            "unable to find column \"size\"",
            "; the columns of mappings are trace, mapping, ",
        ),
        ("", "a query begins with SELECT", tables),
        ("DROP TABLE faults", "a query begins with SELECT", tables),
        ("SELECT pid FROM faults; SELECT 1", "", columns),
        ("SELECT * FROM read_csv('/etc/passwd')", "'read_csv' is not a supported", tables),
        (
            "SELECT class, COUNT(*) FROM faults GROUP BY class ORDER BY COUNT(*)",
            "ORDER BY takes columns of the answer",
            columns,
        ),
        ("SELECT pid FROM faults JOIN threads", "unsupported SQL join constraint: ", columns),
        (
            "SELECT class, SUM(COUNT(*)) OVER () FROM faults GROUP BY class",
            "an aggregate of an aggregate",
            tables,
        ),
        (
            "SELECT ROW_NUMBER() OVER (ORDER BY MAX(pid)) FROM faults GROUP BY class",
            "an aggregate of an aggregate",
            tables,
        ),
        (
            "SELECT class, SUM(nth) OVER () FROM faults GROUP BY class",
            "a window in a grouped query",
            tables,
        ),
        // These make Polars panic.
        ("SELECT GREATEST() FROM faults", "", columns),
        ("SELECT COLUMNS('(') FROM faults", "", columns),
        ("SELECT INTERVAL '1 x' FROM faults", "", columns),
    ] {
        let message = error(sql);
        assert!(message.starts_with(&format!("wrong query: {begin}")), "{sql}: {message}");
        assert!(message.contains(known), "{sql}: {message}");
        assert!(!message.contains('\n'), "{message}");
    }
}

#[test]
fn subqueries_may_aggregate_aggregates() {
    let sql = "SELECT SUM(n) AS s FROM (SELECT class, COUNT(*) AS n FROM faults GROUP BY class) t";
    assert_eq!(csv(sql), "s\n5\n");
    let share = "WITH g AS (SELECT class, COUNT(*) AS n FROM faults GROUP BY class) \
                 SELECT class, 100.0 * n / SUM(n) OVER () AS share FROM g";
    assert_eq!(csv(share), "class,share\nmajor,40.0\nminor,60.0\n");
}
