//! Items to frames.

use pft::record::{FaultBatch, FaultColumns};
use pft::{EncodedFrame, Encoder};

use super::Item;
use crate::drain::batch::FaultRows;

/// The frames of an item; none for one that only directs the store.
///
/// # Errors
/// Those of the [`Encoder`].
pub fn encode(encoder: &mut Encoder, item: &Item) -> pft::Result<Vec<EncodedFrame>> {
    match item {
        Item::Facts(facts) => encoder.encode_host(facts),
        Item::Tasks(tasks) => encoder.encode_tasks(tasks),
        Item::Maps(maps) => encoder.encode_maps(maps),
        Item::Snapshot(snapshot) => encoder.encode_snapshot(snapshot),
        Item::Faults(cpu, batch) => {
            encoder.encode_faults(&FaultBatch { cpu: *cpu, columns: columns(batch) })
        }
        Item::CallChains(chains) => encoder.encode_call_chains(chains),
        Item::Modules(modules) => encoder.encode_modules(modules),
        Item::Symbols(symbols) => encoder.encode_symbols(symbols),
        Item::Calls(calls) => encoder.encode_calls(calls),
        Item::StackPointers(records) => encoder.encode_stack_pointers(records),
        Item::Cgroups(cgroups) => encoder.encode_cgroups(cgroups),
        Item::Oom(victims) => encoder.encode_oom(victims),
        Item::Marks(marks) => encoder.encode_marks(marks),
        Item::Lost(lost) => encoder.encode_lost(lost),
        Item::Checkpoint(checkpoint) => encoder.encode_checkpoint(checkpoint),
        Item::Segment(_) | Item::Dump(_) => Ok(Vec::new()),
    }
}

/// The columns of a batch whose rows are in order of entry.
pub fn columns(batch: &FaultRows) -> FaultColumns {
    pfpairing::columns(&batch.rows, &batch.chain_ids)
}

#[cfg(test)]
mod tests {
    use pft::record::NODE_UNKNOWN;

    use super::*;
    use crate::drain::batch::FaultRow;
    use crate::store::tests::row;

    #[test]
    fn rows_are_stored_in_order_of_entry() {
        let mut batch = FaultRows::from(vec![row(30, 1), row(10, 2), row(20, 3)]);
        batch.put_in_order();
        let columns = columns(&batch);
        assert_eq!((columns.time_ns, columns.tid), (vec![10, 20, 30], vec![2, 3, 1]));
        assert_eq!((columns.node, columns.call_chain), (vec![], vec![]));
    }

    #[test]
    fn nodes_are_a_column_where_one_is_known() {
        let known = FaultRow { node: 2, ..row(10, 1) };
        let columns = columns(&FaultRows::from(vec![known, row(20, 1)]));
        assert_eq!(columns.node, [2, NODE_UNKNOWN]);
    }
}
