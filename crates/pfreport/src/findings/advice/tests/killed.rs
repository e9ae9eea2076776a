//! The rule about victims of the OOM killer.

use pfmodel::names::Cause;
use pft::record::OomRecord;

use super::{found, heap, only, titles, trace};

fn victim(pid: u32) -> OomRecord {
    OomRecord {
        time_ns: 6_000_000_000,
        pid,
        comm: Vec::new(),
        by_pid: pid,
        by_tid: pid,
        total_vm_kib: None,
        anon_rss_kib: Some(62_670),
        file_rss_kib: Some(0),
        shmem_rss_kib: None,
        pgtables_kib: Some(180),
        uid: None,
        oom_score_adj: Some(0),
    }
}

#[test]
fn a_killed_process_comes_first() {
    let mut loaded = trace((0..50).map(|i| heap(i, Cause::AnonFirstTouch)));
    assert_eq!(titles(&loaded), [""; 0]);
    loaded.oom = vec![victim(4_242)];
    let text = only(&loaded);
    assert!(
        text.starts_with(
            "Killed because memory ran out: server (pid 4242), at least 200 KiB touched in the trace \
             (50 first touches). Killed by the OOM killer at 1.000 s: server (pid 4242), anonymous \
             61.2 MiB, files 0 B, page tables 180 KiB, oom_score_adj 0. Worth trying: more memory"
        ),
        "{text}"
    );
    loaded.oom = vec![victim(77), victim(4_242), victim(78)];
    assert_eq!(found(&loaded)[0].place, "server (pid 4242) and 2 more victims");
    loaded.oom = vec![victim(77)];
    assert_eq!(found(&loaded)[0].place, "pid 77, of which no fault was recorded");
    let mut costly = trace((0..2_000).map(|i| heap(i, Cause::AnonRefault)));
    costly.oom = vec![victim(4_242)];
    assert_eq!(
        titles(&costly)[..2],
        ["Killed because memory ran out", "Memory given back and touched again"]
    );
}
