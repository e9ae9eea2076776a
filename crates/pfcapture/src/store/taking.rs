//! What the thread does with items on their way to the sink: what was hit is followed, call chains get
//! their numbers, and at the end places get their names.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use pft::record::Checkpoint;

use super::{Item, Shared, Sink, StorePlan};
use crate::Error;
use crate::batch::FaultRows;
use crate::explain::{Explainer, Named};

/// What is left when all is taken.
#[derive(Debug)]
pub struct Taken {
    /// Size of the trace.
    pub bytes: u64,
    /// How naming went.
    pub named: Option<Named>,
    /// Copies of stacks that were not unwound for want of time.
    pub stacks_dropped: u64,
    /// Faults whose call chain found no room.
    pub chains_dropped: u64,
}

/// What the thread does with items on their way to the sink.
pub struct Taking {
    explainer: Explainer,
    start_ns: u64,
    /// The last checkpoint says that names are due.
    names_at_end: bool,
    named: Option<Named>,
}

impl Taking {
    /// Nothing was taken yet.
    pub fn new(plan: &StorePlan) -> Self {
        Self {
            explainer: Explainer::new(plan.naming.clone()),
            start_ns: plan.header.start_ns,
            names_at_end: plan.flight.is_none() && plan.naming.is_some(),
            named: None,
        }
    }

    /// Takes items until there are no more. After a failure they are only taken.
    pub fn take_all(
        mut self,
        mut sink: impl Sink,
        inbox: &Receiver<Item>,
        emptied: &Sender<FaultRows>,
        shared: &Shared,
    ) -> Result<Taken, Error> {
        let mut failure = None;
        for mut item in inbox {
            if matches!(item, Item::Faults(..)) {
                shared.waiting.fetch_sub(1, Ordering::Relaxed);
            }
            if failure.is_none() {
                failure = self.take(&mut sink, &mut item).err();
                shared.failed.store(failure.is_some(), Ordering::Relaxed);
                shared.full.store(sink.is_full(), Ordering::Relaxed);
                shared.wants_segment.store(sink.wants_segment(), Ordering::Relaxed);
            }
            if let Item::Faults(_, mut batch) = item {
                batch.clear();
                // The recorder may be past its last batch.
                let _ = emptied.send(batch);
            }
        }
        match failure {
            None => Ok(Taken {
                bytes: sink.close()?,
                named: self.named,
                stacks_dropped: self.explainer.stacks_dropped(),
                chains_dropped: self.explainer.chains_dropped(),
            }),
            Some(failure) => Err(sink.abandon(failure)),
        }
    }

    fn take(&mut self, sink: &mut impl Sink, item: &mut Item) -> pft::Result<()> {
        let chains = self.explainer.take(item);
        if !chains.is_empty() {
            sink.take(&mut Item::CallChains(chains))?;
        }
        match item {
            Item::Checkpoint(checkpoint) if checkpoint.end && self.names_at_end => {
                let recorded_ns = checkpoint.time_ns.saturating_sub(self.start_ns);
                // Whatever becomes of the recorder meanwhile, the figures are there.
                sink.take(&mut Item::Checkpoint(Checkpoint { end: false, ..checkpoint.clone() }))?;
                if let Some((explained, named)) =
                    self.explainer.name(Duration::from_nanos(recorded_ns))
                {
                    sink.take(&mut Item::Modules(explained.modules))?;
                    sink.take(&mut Item::Symbols(explained.symbols))?;
                    checkpoint.ledger.extend(named.ledger());
                    self.named = Some(named);
                }
            }
            Item::Dump(request) => request.wanted = Some(self.explainer.wanted()),
            _ => {}
        }
        sink.take(item)
    }
}
