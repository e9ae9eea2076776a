//! The grouped table (`--by`) as text.

use polars::prelude::{DataFrame, IntoColumn as _, NewChunkedArray as _, StringChunked};

use crate::error::Error;
use crate::load::Loaded;
use crate::names::chains::Texts;
use crate::outputs::summary::phases::BEFORE;
use crate::print::table::{known, layout, name_cell};
use crate::print::units::{bytes, count, counted, duration};
use crate::rows::faults::Unnamed;
use crate::rows::field::Field;
use crate::rows::group::{Measures, grouped_with, rows, sorted};

/// Column with the text of call chains in grouped tables for programs.
const CHAIN: &str = "chain";

/// Faults grouped by `keys`, the first `top` groups of the order asked for (the costliest without).
/// A function that is not known is named after its place, `libfoo.so+0x1234`.
///
/// # Errors
/// [`Error::UnknownColumn`] when `sort` is no column of the result; [`Error::Table`] should Polars fail.
pub fn table(
    loaded: &Loaded,
    keys: &[Field],
    sort: Option<&str>,
    top: Option<usize>,
) -> Result<DataFrame, Error> {
    let measures = Measures { pages: true, percentiles: true };
    ordered(grouped_with(loaded, keys, measures, Unnamed::Place)?, sort, top)
}

/// The first `top` groups of the order asked for.
///
/// # Errors
/// [`Error::UnknownColumn`] when `sort` is no column of the groups.
pub fn ordered(
    groups: DataFrame,
    sort: Option<&str>,
    top: Option<usize>,
) -> Result<DataFrame, Error> {
    let groups = sort.map_or(Ok(groups.clone()), |sort| sorted(&groups, sort))?;
    Ok(top.map_or_else(|| groups.clone(), |top| groups.head(Some(top))))
}

/// A result of [`table`] for programs: behind the number of a call chain there is its text, folded.
///
/// # Errors
/// [`Error::Table`] should Polars refuse a column.
pub fn with_chains(loaded: &Loaded, groups: DataFrame) -> Result<DataFrame, Error> {
    let Some(index) = groups.get_column_index(Field::Callchain.name()) else {
        return Ok(groups);
    };
    let texts = Texts::of(&loaded.analysis);
    let numbers = groups.columns()[index].u32()?;
    let chains = numbers.iter().map(|number| number.and_then(|number| texts.text(number)));
    let chains = StringChunked::from_iter_options(CHAIN.into(), chains).into_column();
    let mut columns = groups.columns().to_vec();
    columns.insert(index + 1, chains);
    Ok(DataFrame::new(groups.height(), columns)?)
}

/// The first `top` rows of a result of [`table`] for people, in lines of `width` columns where long
/// names can give way. Measures that are known of none of these rows are left out.
///
/// # Errors
/// [`Error::Table`] should Polars refuse a column.
pub fn render(
    loaded: &Loaded,
    groups: &DataFrame,
    keys: &[Field],
    top: usize,
    width: Option<usize>,
) -> Result<String, Error> {
    let measures = ["faults", "major", "pages", "touched", "stall", "p50", "p99", "max"];
    let mut header: Vec<&str> = keys.iter().map(|key| key.name()).chain(measures).collect();
    let chains = keys.contains(&Field::Callchain).then(|| Texts::of(&loaded.analysis));
    let chain = |number: &str| chains.as_ref()?.text(number.parse().ok()?);
    let lines = rows(&groups.head(Some(top)))?.into_iter().map(|group| {
        let cell = |(i, key): (usize, &Field)| {
            let text = group.keys.get(i).and_then(Option::as_deref);
            let chain = text.filter(|_| *key == Field::Callchain).and_then(chain);
            let none = match key {
                Field::Phase if !loaded.marks.is_empty() => BEFORE,
                _ => "-",
            };
            chain.or_else(|| text.map(name_cell)).unwrap_or_else(|| none.to_owned())
        };
        let mut line: Vec<String> = keys.iter().enumerate().map(cell).collect();
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
    use pfmodel::table::NONE;

    use super::{render, table, with_chains};
    use crate::error::Error;
    use crate::load::Loaded;
    use crate::made_up::{self, HEAP, INLINED, KERNEL, LOOP, MAIN, MODEL, Row, UNNAMED};
    use crate::outputs::export::{self, Format};
    use crate::rows::field::Field;

    fn loaded() -> Loaded {
        let mut loaded = made_up::empty();
        for i in 0..1_500_u64 {
            let row = Row { addr: 0x100_0000 + i * 4_096, mapping: HEAP, ..Row::default() };
            made_up::push(&mut loaded.analysis, row);
        }
        for (addr, latency) in [(0, Some(3_000_000)), (4_096, None)] {
            made_up::push(
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
        let text =
            render(&loaded(), &table(&loaded(), &keys, None, None).unwrap(), &keys, 20, None)
                .unwrap();
        let expected = "  \
  path                    cause             faults  major  pages  touched  stall  p50  p99  max
  /srv/models/model.gguf  file-read              2      2      2     8KiB    3ms  3ms  3ms  3ms
  -                       anon-first-touch   1,500      0  1,500  5.86MiB  1.5ms  1µs  1µs  1µs
";
        assert_eq!(text, expected);
    }

    /// Faults in named and unnamed functions, with call chains and without.
    fn in_code() -> Loaded {
        let mut loaded = made_up::with_code();
        let analysis = &mut loaded.analysis;
        analysis.call_chains = vec![
            made_up::chain(&[KERNEL], &[INLINED, LOOP, MAIN], false),
            made_up::chain(&[], &[UNNAMED, MAIN], true),
        ];
        let row = Row { mapping: HEAP, ..Row::default() };
        for (code, chain, latency) in
            [(KERNEL, 0, 5_000), (UNNAMED, 1, 3_000), (INLINED, NONE, 800)]
        {
            made_up::push(analysis, Row { code, chain, latency: Some(latency), ..row });
        }
        made_up::push(analysis, Row { latency: Some(700), ..row });
        let mut elsewhere = analysis.locations[UNNAMED as usize].clone();
        elsewhere.address = 0x5678;
        analysis.locations.push(elsewhere);
        made_up::push(analysis, Row { code: 5, latency: Some(10), ..row });
        loaded
    }

    #[test]
    fn unknown_functions_have_their_place() {
        let (loaded, keys) = (in_code(), [Field::Module, Field::Function, Field::Source]);
        let groups = table(&loaded, &keys, None, None).unwrap();
        let text = render(&loaded, &groups, &keys, 20, None).unwrap();
        let names: Vec<&str> = text.lines().map(|line| &line[..46]).collect();
        let expected = [
            "  module     function          source         ",
            "  [kernel]   copy_from_user    -              ",
            "  libfoo.so  libfoo.so+0x1234  -              ",
            "  server     Table::touch      /src/table.rs:4",
            "  server     -                 -              ",
            "  libfoo.so  libfoo.so+0x5678  -              ",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn call_chains_are_folded() {
        let (loaded, keys) = (in_code(), [Field::Callchain]);
        let groups = table(&loaded, &keys, None, None).unwrap();
        let text = |width| render(&loaded, &groups, &keys, 20, width).unwrap();
        let chains = |text: String| {
            let chains =
                text.lines().skip(1).map(|line| line.split("  ").nth(1).unwrap().to_owned());
            chains.collect::<Vec<_>>()
        };
        let whole = "main;serve::loop;Table::grow;Table::touch;copy_from_user_[k]";
        assert_eq!(chains(text(None)), [whole, "[cut off];main;[libfoo.so]", "-"]);
        let short = ["main;…;Table::touch;copy_from_user_[k]", "[cut off];main;[libfoo.so]", "-"];
        assert_eq!(chains(text(Some(100))), short);
        let frame = with_chains(&loaded, groups).unwrap();
        let csv = export::in_memory(Format::Csv, &frame);
        let expected = format!(
            "callchain,chain,faults,major,pages,touched_bytes,stall_ns,p50_ns,p90_ns,p99_ns,max_ns\n\
             0,{whole},1,0,1,4096,5000,5000,5000,5000,5000\n\
             1,[cut off];main;[libfoo.so],1,0,1,4096,3000,3000,3000,3000,3000\n\
             ,,3,0,1,4096,1510,700,800,800,800\n"
        );
        assert_eq!(String::from_utf8(csv).unwrap(), expected);
    }

    #[test]
    fn measures_that_are_known_of_no_row_take_no_room() {
        let mut loaded = loaded();
        let (class, cause) = (Class::Failed, Cause::Invalid);
        for addr in [0x10, 0x2010] {
            let row = Row { latency: None, class, cause, addr, size: 0, ..Row::default() };
            made_up::push(&mut loaded.analysis, row);
        }
        let keys = [Field::Class];
        let groups = table(&loaded, &keys, Some("class"), None).unwrap();
        let last = groups.tail(Some(1));
        let text = render(&loaded, &last, &keys, 20, None).unwrap();
        assert_eq!(text, "  class   faults  major  pages\n  failed       2      0      2\n");
        let text = render(&loaded, &groups, &keys, 20, None).unwrap();
        assert!(text.lines().next().unwrap().ends_with("p50  p99  max"), "{text}");
    }

    #[test]
    fn top_follows_the_order_asked_for() {
        let loaded = loaded();
        let text = |sort, keys: &[Field]| {
            let groups = table(&loaded, keys, Some(sort), None).unwrap();
            render(&loaded, &groups, keys, 1, None)
                .unwrap()
                .lines()
                .nth(1)
                .unwrap()
                .trim_start()
                .to_owned()
        };
        assert!(text("faults", &[Field::Region]).starts_with("[heap]"));
        assert!(text("max_ns", &[Field::Region]).starts_with("model.gguf"));
        assert!(text("addr", &[Field::Addr]).starts_with("0x1000000 "));
        let unknown = table(&loaded, &[Field::Region], Some("addr"), None);
        assert!(matches!(unknown, Err(Error::UnknownColumn { .. })));
    }
}
