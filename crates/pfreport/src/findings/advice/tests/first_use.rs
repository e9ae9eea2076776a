//! Rules about memory that one call would have ready.

use pfmodel::names::{Cause, Class, RegionKind};

use super::{PAGE, add, found, heap, large, titles};
use crate::load::Loaded;
use crate::made_up::{self, Row};

const START: u64 = 0x6000_0000_0000;

/// A loaded trace with faults of some causes on each page of memory of so many bytes.
fn touched(kind: RegionKind, bytes: u64, causes: &[Cause]) -> Loaded {
    let mut loaded = made_up::empty();
    let memory = large(&mut loaded, kind, START, bytes);
    for &cause in causes {
        let class = if cause == Cause::CowZero { Class::Cow } else { Class::Minor };
        let row = |i| Row {
            latency: Some(10_000),
            class,
            addr: START + i * PAGE,
            mapping: memory,
            ..heap(0, cause)
        };
        add(&mut loaded, (0..bytes / PAGE).map(row));
    }
    loaded
}

#[test]
fn shared_memory_page_by_page() {
    let mut loaded = touched(RegionKind::Shmem, 64 << 20, &[Cause::Shmem]);
    let advice = &found(&loaded)[0];
    assert_eq!(advice.title, "Shared memory touched page by page");
    assert_eq!(
        advice.cost_text,
        "16,384 minor faults of 10 µs on average, 164 ms of stall (100 % of all, 1.6 % of the wall time)"
    );
    assert_eq!(
        advice.evidence,
        ["64 MiB were mapped by small pages, one fault each, of 64 MiB of shared memory"]
    );
    assert!(advice.worth_trying.starts_with("map it in one go (MAP_POPULATE"));
    let less = touched(RegionKind::Shmem, (64 << 20) - PAGE, &[Cause::Shmem]);
    assert_eq!(titles(&less), [""; 0]);
    loaded.analysis.faults.page_size_bytes.fill(2 << 20);
    assert_eq!(titles(&loaded), [""; 0]);
}

#[test]
fn memory_read_before_it_is_written() {
    let causes = [Cause::ZeroPage, Cause::CowZero];
    let mut loaded = touched(RegionKind::Anon, 32 << 20, &causes);
    let advice = &found(&loaded)[0];
    assert_eq!(advice.title, "Memory read before it is first written");
    assert_eq!(
        advice.cost_text,
        "16,384 faults of 10 µs on average, 164 ms of stall (100 % of all, 1.6 % of the wall time)"
    );
    assert_eq!(
        advice.evidence,
        [
            "8,192 pages (32 MiB) were read before they were first written, so that each took two faults: \
          one for the zero page, one for a page of its own"
        ]
    );
    // Other pages are read than are written.
    loaded.analysis.faults.addr[8_192..].iter_mut().for_each(|addr| *addr += 1 << 30);
    assert_eq!(titles(&loaded), [""; 0]);
    let only_read = touched(RegionKind::Anon, 64 << 20, &[Cause::ZeroPage]);
    assert_eq!(titles(&only_read), [""; 0]);
}
