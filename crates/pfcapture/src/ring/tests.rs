use super::*;
use crate::parse::raw_records::{self, Stamp};

const LAYOUT: SampleLayout = SampleLayout { ..SampleLayout::BARE };

fn sample(time_ns: u64) -> Vec<u8> {
    let stamp = Stamp { id: 1, pid: 2, tid: 3, time_ns };
    raw_records::sample(stamp, 2, None, &raw_records::words(&[4]))
}

fn times(mut cursor: Cursor<'_>) -> (Vec<u64>, usize) {
    let mut times = Vec::new();
    while let Some(time_ns) = cursor.next_time_ns {
        assert_eq!(cursor.record().len(), 40);
        times.push(time_ns);
        cursor.advance(&LAYOUT);
    }
    (times, cursor.garbled)
}

#[test]
fn a_record_split_anywhere_is_whole() {
    let bytes: Vec<u8> = [10, 20, 30].into_iter().flat_map(sample).collect();
    for split in 0..=bytes.len() {
        let (first, second) = bytes.split_at(split);
        assert_eq!(times(Cursor::new((first, second), 0, 0, &LAYOUT)), (vec![10, 20, 30], 0));
    }
}

#[test]
fn a_record_of_any_length_is_whole() {
    let body = vec![7; 65_528 - 32];
    let stamp = Stamp { id: 1, pid: 2, tid: 3, time_ns: 20 };
    let large = raw_records::sample(stamp, 2, None, &body);
    assert_eq!(large.len(), 65_528);
    let bytes = [sample(10), large.clone(), sample(30)].concat();
    for split in [0, 39, 40, 41, 48, 30_000, large.len() + 39, large.len() + 40, bytes.len()] {
        let (first, second) = bytes.split_at(split);
        let mut cursor = Cursor::new((first, second), 0, 0, &LAYOUT);
        cursor.advance(&LAYOUT);
        assert_eq!((cursor.next_time_ns, cursor.record().as_ref()), (Some(20), &large[..]));
        cursor.advance(&LAYOUT);
        assert_eq!(cursor.next_time_ns, Some(30), "{split}");
    }
}

#[test]
fn garbage_ends_the_ring_and_is_counted() {
    let mut bytes = sample(10);
    bytes.extend([0xff; 24]);
    assert_eq!(times(Cursor::new((&bytes, &[]), 0, 0, &LAYOUT)), (vec![10], 24));
    let mut short = sample(10);
    short[6] = 4;
    assert_eq!(times(Cursor::new((&short, &[]), 0, 0, &LAYOUT)), (vec![], 40));
    // No record can be found in what the chunk leaves of the ring.
    assert_eq!(times(Cursor::new((&short, &[]), 100, 0, &LAYOUT)), (vec![], 140));
}

#[test]
fn a_clock_that_steps_back_keeps_the_order_of_the_ring() {
    let bytes: Vec<u8> = [10, 30, 20, 40].into_iter().flat_map(sample).collect();
    assert_eq!(times(Cursor::new((&bytes, &[]), 0, 0, &LAYOUT)).0, vec![10, 30, 30, 40]);
    // Nor may it run back from one chunk to the next.
    assert_eq!(times(Cursor::new((&bytes, &[]), 0, 25, &LAYOUT)).0, vec![25, 30, 30, 40]);
}

#[test]
fn rings_take_turns_by_time() {
    let a: Vec<u8> = [10, 20, 50].into_iter().flat_map(sample).collect();
    let b: Vec<u8> = [15, 60].into_iter().flat_map(sample).collect();
    let mut cursors =
        [Cursor::new((&a, &[]), 0, 0, &LAYOUT), Cursor::new((&b, &[]), 0, 0, &LAYOUT)];
    let mut order = Vec::new();
    while let Some((index, until_ns)) = earliest(&cursors, 60) {
        while let Some(time_ns) = cursors[index].next_time_ns.filter(|&t| t <= until_ns) {
            order.push((index, time_ns));
            cursors[index].advance(&LAYOUT);
        }
    }
    assert_eq!(order, [(0, 10), (1, 15), (0, 20), (0, 50)]);
}

#[test]
fn a_ring_that_goes_on_behind_its_chunk_ends_the_turn() {
    let a: Vec<u8> = [10, 20, 30].into_iter().flat_map(sample).collect();
    let b: Vec<u8> = [15, 60].into_iter().flat_map(sample).collect();
    for cut in [1, HEADER_BYTES, 39, 40] {
        let chunk = &a[..80 + cut - 40];
        let mut cursors =
            [Cursor::new((chunk, &[]), 1, 0, &LAYOUT), Cursor::new((&b, &[]), 0, 0, &LAYOUT)];
        let mut order = Vec::new();
        while let Some((index, until_ns)) = earliest(&cursors, 60) {
            while let Some(time_ns) = cursors[index].next_time_ns.filter(|&t| t <= until_ns) {
                order.push((index, time_ns));
                cursors[index].advance(&LAYOUT);
            }
        }
        let expected: &[_] = if cut == 40 { &[(0, 10), (1, 15), (0, 20)] } else { &[(0, 10)] };
        assert_eq!(order, expected, "{cut}");
        assert_eq!(cursors[0].garbled, 0);
    }
}

#[test]
fn cpu_lists() {
    assert_eq!(parse_cpu_list("0-1,4\n"), Some(vec![0, 1, 4]));
    assert_eq!(parse_cpu_list("0\n"), Some(vec![0]));
    assert_eq!(parse_cpu_list("x"), None);
}
