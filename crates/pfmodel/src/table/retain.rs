//! Some rows of the fault table.

use super::FaultTable;

impl FaultTable {
    /// Keeps the rows that `mask` is true for, in their order. Rows behind the end of the mask are dropped.
    pub fn retain(&mut self, mask: &[bool]) {
        // A walk that was limited to a window of time adds no other rows.
        if mask.len() >= self.len() && mask.iter().all(|&is_kept| is_kept) {
            return;
        }
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
        class.retain(mask);
        cause.retain(mask);
        slow.retain(mask);
        access.retain(mask);
        kernel_mode.retain(mask);
        proc.retain(mask);
        tid.retain(mask);
        comm.retain(mask);
        cpu.retain(mask);
        keep(addr, mask);
        ip.retain(mask);
        page_size_bytes.retain(mask);
        keep(nth, mask);
        attempts.retain(mask);
        mapping.retain(mask);
        ip_mapping.retain(mask);
        map_confidence.retain(mask);
        region.retain(mask);
        code.retain(mask);
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
            class: vec![Class::Minor, Class::Major, Class::Cow, Class::Failed].into(),
            cause: vec![Cause::ZeroPage, Cause::FileRead, Cause::CowZero, Cause::Invalid].into(),
            slow: vec![true, false, true, false].into(),
            access: vec![Access::Read, Access::Write, Access::Exec, Access::Unknown].into(),
            kernel_mode: vec![false, true, false, true].into(),
            proc: numbers(20).into(),
            tid: numbers(30).into(),
            comm: numbers(40).into(),
            cpu: vec![0, 1, 2, 3].into(),
            addr: wide(50),
            ip: wide(60).into(),
            page_size_bytes: wide(70).into(),
            nth: numbers(80),
            attempts: numbers(90).into(),
            mapping: numbers(100).into(),
            ip_mapping: numbers(110).into(),
            map_confidence: vec![
                MapConfidence::Exact,
                MapConfidence::Inferred,
                MapConfidence::Unknown,
                MapConfidence::Exact,
            ]
            .into(),
            region: numbers(120).into(),
            code: numbers(130).into(),
            object: numbers(140).into(),
            call_chain: numbers(150).into(),
            node: vec![0, 1, 2, 3],
        }
    }

    #[test]
    fn every_column_keeps_the_same_rows() {
        let mut table = table();
        let all = format!("{table:?}");
        table.retain(&[true; 5]);
        assert_eq!(format!("{table:?}"), all);
        table.retain(&[false, true, false, true]);
        let expected = FaultTable {
            time_ns: vec![1, 3],
            before_ns: vec![5],
            latency_ns: vec![11, 13],
            class: vec![Class::Major, Class::Failed].into(),
            cause: vec![Cause::FileRead, Cause::Invalid].into(),
            slow: vec![false, false].into(),
            access: vec![Access::Write, Access::Unknown].into(),
            kernel_mode: vec![true, true].into(),
            proc: vec![21, 23].into(),
            tid: vec![31, 33].into(),
            comm: vec![41, 43].into(),
            cpu: vec![1, 3].into(),
            addr: vec![51, 53],
            ip: vec![61, 63].into(),
            page_size_bytes: vec![71, 73].into(),
            nth: vec![81, 83],
            attempts: vec![91, 93].into(),
            mapping: vec![101, 103].into(),
            ip_mapping: vec![111, 113].into(),
            map_confidence: vec![MapConfidence::Inferred, MapConfidence::Exact].into(),
            region: vec![121, 123].into(),
            code: vec![131, 133].into(),
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
