//! What the thread does with items on their way to the sink: what was hit is followed, call chains get
//! their numbers, and at the end places get their names. After a failure: what is left out is counted.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use pft::record::Checkpoint;

use super::failed::Failed;
use super::{Closed, Item, Shared, Sink, StorePlan};
use crate::Error;
use crate::drain::batch::FaultRows;
use crate::explain::{Explainer, Named};
use crate::system::precedence;

/// What is left when all is taken.
#[derive(Debug)]
pub struct Taken {
    /// The trace.
    pub closed: Closed,
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
        let mut failed: Option<Failed> = None;
        for mut item in inbox {
            if let Item::Faults(_, batch) = &item {
                shared.waiting_bytes.fetch_sub(batch.bytes(), Ordering::Relaxed);
            }
            if failed.is_none()
                && let Err(failure) = self.take(&mut sink, &mut item)
            {
                failed = Some(Failed::new(failure, sink.missing(), &item));
                shared.failed.store(true, Ordering::Relaxed);
            } else if let Some(failed) = &mut failed {
                failed.leave_out(&mut item);
            } else {
                shared.full.store(sink.is_full(), Ordering::Relaxed);
                shared.wants_segment.store(sink.wants_segment(), Ordering::Relaxed);
            }
            if let Item::Faults(_, mut batch) = item {
                batch.clear();
                // The recorder may be past its last batch.
                let _ = emptied.send(batch);
            }
        }
        match failed {
            None => Ok(Taken {
                closed: sink.close()?,
                named: self.named,
                stacks_dropped: self.explainer.stacks_dropped(),
                chains_dropped: self.explainer.chains_dropped(),
            }),
            Some(failed) => {
                let (failure, mut last) = failed.into_parts();
                Err(sink.abandon(failure, &mut last))
            }
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
                precedence::give_up();
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
