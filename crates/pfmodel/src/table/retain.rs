//! Some rows of the fault table.

use super::FaultTable;

impl FaultTable {
    /// Keeps the rows that `mask` is true for, in their order. Rows behind the end of the mask are dropped.
    pub fn retain(&mut self, mask: &[bool]) {
        // Spelled out, so that a new column cannot be forgotten.
        let Self {
            time_ns,
            before_ns,
            latency_ns,
            class,
            cause,
            slow,
            access,
            kernel_mode,
            proc,
            tid,
            comm,
            cpu,
            addr,
            ip,
            page_size_bytes,
            nth,
            attempts,
            mapping,
            ip_mapping,
            map_confidence,
            region,
            code,
            object,
            call_chain,
            node,
        } = self;
        keep(time_ns, mask);
        keep(before_ns, mask);
        keep(latency_ns, mask);
        keep(class, mask);
        keep(cause, mask);
        keep(slow, mask);
        keep(access, mask);
        keep(kernel_mode, mask);
        keep(proc, mask);
        keep(tid, mask);
        comm.retain(mask);
        keep(cpu, mask);
        keep(addr, mask);
        keep(ip, mask);
        page_size_bytes.retain(mask);
        keep(nth, mask);
        attempts.retain(mask);
        keep(mapping, mask);
        keep(ip_mapping, mask);
        keep(map_confidence, mask);
        keep(region, mask);
        keep(code, mask);
        object.retain(mask);
        call_chain.retain(mask);
        keep(node, mask);
    }
}

/// The values that `mask` is true for. A column that holds the first rows only, or none, goes on to hold
/// those of them that are kept.
fn keep<T>(column: &mut Vec<T>, mask: &[bool]) {
    let mut mask = mask.iter();
    column.retain(|_| mask.next().is_some_and(|&kept| kept));
}

#[cfg(test)]
mod tests {
    use crate::names::{Access, Cause, Class, MapConfidence};
    use crate::table::FaultTable;

    /// Four rows; two of them began before the trace.
    fn table() -> FaultTable {
        let numbers = |base: u32| (0..4).map(|row| base + row).collect::<Vec<u32>>();
        let wide = |base: u64| (0..4).map(|row| base + row).collect::<Vec<u64>>();
        FaultTable {
            time_ns: wide(0),
            before_ns: vec![7, 5],
            latency_ns: wide(10),
            class: vec![Class::Minor, Class::Major, Class::Cow, Class::Failed],
            cause: vec![Cause::ZeroPage, Cause::FileRead, Cause::CowZero, Cause::Invalid],
            slow: vec![true, false, true, false],
            access: vec![Access::Read, Access::Write, Access::Exec, Access::Unknown],
            kernel_mode: vec![false, true, false, true],
            proc: numbers(20),
            tid: numbers(30),
            comm: numbers(40).into(),
            cpu: vec![0, 1, 2, 3],
            addr: wide(50),
            ip: wide(60),
            page_size_bytes: wide(70).into(),
            nth: numbers(80),
            attempts: numbers(90).into(),
            mapping: numbers(100),
            ip_mapping: numbers(110),
            map_confidence: vec![
                MapConfidence::Exact,
                MapConfidence::Inferred,
                MapConfidence::Unknown,
                MapConfidence::Exact,
            ],
            region: numbers(120),
            code: numbers(130),
            object: numbers(140).into(),
            call_chain: numbers(150).into(),
            node: vec![0, 1, 2, 3],
        }
    }

    #[test]
    fn every_column_keeps_the_same_rows() {
        let mut table = table();
        table.retain(&[false, true, false, true]);
        let expected = FaultTable {
            time_ns: vec![1, 3],
            before_ns: vec![5],
            latency_ns: vec![11, 13],
            class: vec![Class::Major, Class::Failed],
            cause: vec![Cause::FileRead, Cause::Invalid],
            slow: vec![false, false],
            access: vec![Access::Write, Access::Unknown],
            kernel_mode: vec![true, true],
            proc: vec![21, 23],
            tid: vec![31, 33],
            comm: vec![41, 43].into(),
            cpu: vec![1, 3],
            addr: vec![51, 53],
            ip: vec![61, 63],
            page_size_bytes: vec![71, 73].into(),
            nth: vec![81, 83],
            attempts: vec![91, 93].into(),
            mapping: vec![101, 103],
            ip_mapping: vec![111, 113],
            map_confidence: vec![MapConfidence::Inferred, MapConfidence::Exact],
            region: vec![121, 123],
            code: vec![131, 133],
            object: vec![141, 143].into(),
            call_chain: vec![151, 153].into(),
            node: vec![1, 3],
        };
        assert_eq!(format!("{table:?}"), format!("{expected:?}"));
        assert_eq!((table.stall_ns(0), table.stall_ns(1)), (Some(6), Some(13)));
    }

    #[test]
    fn a_short_mask_drops_the_rest_and_an_empty_column_stays_empty() {
        let mut table = table();
        table.node.clear();
        table.retain(&[true]);
        assert_eq!((table.len(), table.before_ns(0), table.node.len()), (1, 7, 0));
    }
}
