use pft::record::CgroupRecord;

use super::{Bench, raw, told};

fn seen(time_ns: u64, pid: u32, path: &[u8]) -> CgroupRecord {
    CgroupRecord { time_ns, pid, path: path.to_vec() }
}

#[test]
fn a_control_group_is_news_once_until_another_process_has_the_number() {
    let mut bench = Bench::new(&[10]);
    bench.feed(0, &raw::mmap2(told(10, (10, 10), 100), &(0x1000..0x5000)));
    let is_news = |bench: &mut Bench, path: &[u8]| bench.drain.learn_cgroup(&seen(1, 10, path));
    assert!(is_news(&mut bench, b"/a"));
    assert!(!is_news(&mut bench, b"/a"));
    assert!(is_news(&mut bench, b"/b"));
    // It stays the same process.
    bench.feed(0, &raw::comm(told(10, (10, 10), 200), true));
    assert_eq!(bench.drain.executed, [10]);
    assert!(!is_news(&mut bench, b"/b"));
    // A segment of a flight recorder begins.
    bench.drain.forget_cgroups();
    assert!(is_news(&mut bench, b"/b"));
    assert!(!is_news(&mut bench, b"/b"));
    bench.feed(0, &raw::exit(told(10, (10, 10), 300)));
    // It was read before the end was.
    assert!(is_news(&mut bench, b"/b"));
    bench.feed(0, &raw::mmap2(told(10, (10, 10), 400), &(0x1000..0x5000)));
    assert!(is_news(&mut bench, b"/b"));
    assert!(!is_news(&mut bench, b"/b"));
}
