//! The grouped table (`--by`) as text.

use polars::prelude::DataFrame;

use crate::error::Error;
use crate::field::Field;
use crate::group::{Measures, grouped, rows, sorted};
use crate::load::Loaded;
use crate::table::{known, layout};
use crate::units::{bytes, count, counted, duration};

/// Faults grouped by `keys`, the first `top` groups of the order asked for (the costliest without).
///
/// # Errors
/// [`Error::UnknownColumn`] when `sort` is no column of the result; [`Error::Table`] should Polars fail.
pub fn table(
    loaded: &Loaded,
    keys: &[Field],
    sort: Option<&str>,
    top: Option<usize>,
) -> Result<DataFrame, Error> {
    let groups = grouped(loaded, keys, Measures { pages: true, percentiles: true })?;
    let groups = sort.map_or(Ok(groups.clone()), |sort| sorted(&groups, sort))?;
    Ok(top.map_or_else(|| groups.clone(), |top| groups.head(Some(top))))
}

/// The first `top` rows of a result of [`table`] for people, in lines of `width` columns where long
/// names can give way. Measures that are known of none of these rows are left out.
///
/// # Errors
/// [`Error::Table`] should Polars refuse a column.
pub fn render(
    groups: &DataFrame,
    keys: &[Field],
    top: usize,
    width: Option<usize>,
) -> Result<String, Error> {
    let measures = ["faults", "major", "pages", "touched", "stall", "p50", "p99", "max"];
    let mut header: Vec<&str> = keys.iter().map(|key| key.name()).chain(measures).collect();
    let lines = rows(&groups.head(Some(top)))?.into_iter().map(|group| {
        let mut line: Vec<String> = (0..keys.len()).map(|i| group.key(i).to_owned()).collect();
        line.extend([
            count(group.faults),
            count(group.major),
            known(group.pages, count),
            known(group.touched_bytes.filter(|&n| n > 0), bytes),
            known(group.stall_ns, duration),
            known(group.p50_ns, duration),
            known(group.p99_ns, duration),
            known(group.max_ns, duration),
        ]);
        line
    });
    let mut lines: Vec<Vec<String>> = lines.collect();
    // A measure that is known of no row, as latencies of failed accesses, takes no room.
    for i in (keys.len()..header.len()).rev() {
        if !lines.is_empty() && lines.iter().all(|line| line.get(i).is_some_and(|cell| cell == "-"))
        {
            header.remove(i);
            lines.iter_mut().for_each(|line| drop(line.remove(i)));
        }
    }
    let mut text = layout(&header, keys.len(), lines, width);
    let left_out = groups.height().saturating_sub(top);
    if left_out > 0 {
        let more = counted(left_out as u64, "more group");
        text.push_str(&format!("  and {more} (-n N shows more)\n"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use pfmodel::names::{Cause, Class};

    use super::{render, table};
    use crate::error::Error;
    use crate::field::Field;
    use crate::load::Loaded;
    use crate::sample::{self, HEAP, MODEL, Row};

    fn loaded() -> Loaded {
        let mut loaded = sample::empty();
        for i in 0..1_500_u64 {
            let row = Row { addr: 0x100_0000 + i * 4_096, mapping: HEAP, ..Row::default() };
            sample::push(&mut loaded.analysis, row);
        }
        for (addr, latency) in [(0, Some(3_000_000)), (4_096, None)] {
            sample::push(
                &mut loaded.analysis,
                Row {
                    addr: 0x7f00_0000_0000 + addr,
                    latency,
                    class: Class::Major,
                    cause: Cause::FileRead,
                    mapping: MODEL,
                    ..Row::default()
                },
            );
        }
        loaded
    }

    #[test]
    fn groups_read_well() {
        let keys = [Field::Path, Field::Cause];
        let text = render(&table(&loaded(), &keys, None, None).unwrap(), &keys, 20, None).unwrap();
        let expected = "  \
  path                    cause             faults  major  pages  touched  stall  p50  p99  max
  /srv/models/model.gguf  file-read              2      2      2     8KiB    3ms  3ms  3ms  3ms
  -                       anon-first-touch   1,500      0  1,500  5.86MiB  1.5ms  1µs  1µs  1µs
";
        assert_eq!(text, expected);
    }

    #[test]
    fn measures_that_are_known_of_no_row_take_no_room() {
        let mut loaded = loaded();
        let (class, cause) = (Class::Failed, Cause::Invalid);
        for addr in [0x10, 0x2010] {
            let row = Row { latency: None, class, cause, addr, size: 0, ..Row::default() };
            sample::push(&mut loaded.analysis, row);
        }
        let keys = [Field::Class];
        let groups = table(&loaded, &keys, Some("class"), None).unwrap();
        let last = groups.tail(Some(1));
        let text = render(&last, &keys, 20, None).unwrap();
        assert_eq!(text, "  class   faults  major  pages\n  failed       2      0      2\n");
        let text = render(&groups, &keys, 20, None).unwrap();
        assert!(text.lines().next().unwrap().ends_with("p50  p99  max"), "{text}");
    }

    #[test]
    fn top_follows_the_order_asked_for() {
        let loaded = loaded();
        let text = |sort, keys: &[Field]| {
            let groups = table(&loaded, keys, Some(sort), None).unwrap();
            render(&groups, keys, 1, None).unwrap().lines().nth(1).unwrap().trim_start().to_owned()
        };
        assert!(text("faults", &[Field::Region]).starts_with("[heap]"));
        assert!(text("max_ns", &[Field::Region]).starts_with("model.gguf"));
        assert!(text("addr", &[Field::Addr]).starts_with("0x1000000 "));
        let unknown = table(&loaded, &[Field::Region], Some("addr"), None);
        assert!(matches!(unknown, Err(Error::UnknownColumn { .. })));
    }
}
