//! Machines with other pages than 4 KiB, and with addresses of 48, 52 and 57 bits.

use pfmodel::names::Cause::{
    AnonFirstTouch, AnonRefault, CowAnon, CowZero, HugePage, Invalid, StackOverflow, ZeroPage,
};
use pfmodel::names::Class::{Cow, Failed, Minor};
use pfmodel::names::{Access, MapConfidence};
use pft::record::Outcome;

use crate::trace::*;

const BASE: u64 = 0x7f00_0000_0000;
/// `madvise(2)`.
const MADV_DONTNEED: u32 = 4;

/// A minor fault that installed 2 to the power of `shift` bytes.
fn sized(time: u64, addr: u64, code: u32, shift: u32) -> Fault {
    Fault { page_shift: shift, ..fault(time, addr, code) }
}

#[test]
fn bytes_of_a_base_page_have_one_history() {
    for shift in [12, 14, 16] {
        let page = 1 << shift;
        let analysis = Trace::new()
            .pages_of(1 << shift)
            .map(map(10, BASE, BASE + 4 * page, RW, "//anon"))
            .fault(sized(20, BASE + 8, READ, shift))
            .fault(sized(21, BASE + page - 8, WRITE_PRESENT, shift))
            .fault(sized(22, BASE + page, WRITE, shift))
            .fault(sized(23, BASE + 2 * page - 1, WRITE_PRESENT, shift))
            .analyse();
        let expected = [(Minor, ZeroPage), (Cow, CowZero), (Minor, AnonFirstTouch), (Cow, CowAnon)];
        assert_eq!(causes(&analysis), expected, "{shift}");
        assert_eq!(analysis.faults.nth, [1, 2, 1, 2], "{shift}");
        assert_eq!(analysis.faults.page_size_bytes.to_vec(), [page; 4], "{shift}");
    }
}

#[test]
fn a_large_page_is_known_at_each_of_its_addresses() {
    // Base page and larger ones: x86-64, and arm64 with its three base pages, contiguous entries among them.
    let machines = [(12, &[16, 21, 25, 30][..]), (14, &[21, 25, 30]), (16, &[21, 29, 34])];
    for (base, sizes) in machines {
        for &size in sizes {
            let bytes = 1 << size;
            let start = BASE.next_multiple_of(bytes);
            let analysis = Trace::new()
                .pages_of(1 << base)
                .map(map(10, start, start + 2 * bytes, RW, "//anon"))
                .fault(sized(20, start + 8, WRITE, size))
                .fork(30, 1, 2)
                .fault(sized(40, start + bytes - 8, WRITE_PRESENT, base))
                .fault(sized(41, start + bytes, WRITE, base))
                .analyse();
            let first = if size < 21 { AnonFirstTouch } else { HugePage };
            let expected = [(Minor, first), (Cow, CowAnon), (Minor, AnonFirstTouch)];
            assert_eq!(causes(&analysis), expected, "{base} {size}");
            assert_eq!(analysis.faults.nth, [1, 2, 1], "{base} {size}");
            assert_eq!(analysis.faults.page_size_bytes[0], bytes, "{base} {size}");
        }
    }
}

#[test]
fn calls_round_out_to_pages() {
    let page = 64 << 10;
    let analysis = Trace::new()
        .pages_of(64 << 10)
        .with_calls()
        .map(map(10, BASE, BASE + 4 * page, RW, "//anon"))
        .fault(sized(20, BASE, WRITE, 16))
        .fault(sized(21, BASE + page, WRITE, 16))
        .call(madvise(30, BASE, 1, MADV_DONTNEED))
        .fault(sized(40, BASE + 0xf000, WRITE, 16))
        .call(munmap(50, BASE + page, 1))
        .fault(sized(60, BASE + page + 0xffff, WRITE, 16).outcome(Outcome::Abandoned))
        .fault(sized(61, BASE + 2 * page, WRITE, 16))
        .analyse();
    let expected = [
        (Minor, AnonFirstTouch),
        (Minor, AnonFirstTouch),
        (Minor, AnonRefault),
        (Failed, Invalid),
        (Minor, AnonFirstTouch),
    ];
    assert_eq!(causes(&analysis), expected);
    assert_eq!(regions(&analysis), ["[anon]", "[anon]", "[anon]", "none", "[anon]"]);
}

#[test]
fn the_gap_below_a_stack_is_counted_in_pages() {
    // 256 pages: 1 MiB or 16 MiB.
    let (start, end) = (0xffff_f000_0000, 0xffff_f002_0000);
    let below = |shift: u32, bytes: u64| {
        let analysis = Trace::new()
            .pages_of(1 << shift)
            .map(map(10, start, end, RW, "[stack]"))
            .fault(sized(20, start - bytes, WRITE, shift).outcome(Outcome::Signalled))
            .analyse();
        causes(&analysis)[0]
    };
    assert_eq!(below(12, 1 << 20), (Failed, StackOverflow));
    assert_eq!(below(12, (1 << 20) + 1), (Failed, Invalid));
    assert_eq!(below(16, 16 << 20), (Failed, StackOverflow));
    assert_eq!(below(16, (16 << 20) + 1), (Failed, Invalid));
}

#[test]
fn what_moves_keeps_its_pages() {
    for (shift, old, new) in
        [(14, BASE, 0xffff_0000_0000), (16, 0xffff_0000_0000, 0xf_ffff_0000_0000)]
    {
        let (page, len) = (1 << shift, 8 << shift);
        let analysis = Trace::new()
            .pages_of(1 << shift)
            .with_calls()
            .map(map(10, old, old + len, RW, "//anon"))
            .fault(sized(20, old + page + 8, READ, shift))
            .call(mremap(30, (old, len), (new, 2 * len), 1))
            .fault(sized(40, new + 2 * page - 8, WRITE_PRESENT, shift))
            .map(map(50, old, old + len, RW, "//anon"))
            .fault(sized(60, old + page, WRITE, shift))
            .analyse();
        let expected = [(Minor, ZeroPage), (Cow, CowZero), (Minor, AnonFirstTouch)];
        assert_eq!(causes(&analysis), expected, "{shift}");
        assert_eq!(analysis.faults.nth, [1, 2, 1], "{shift}");
    }
}

#[test]
fn addresses_of_user_space_reach_up_to_2_to_the_56() {
    let page = 64 << 10;
    // Across the end of four levels on x86 (2^47), on arm64 (2^48) and with 52 bits, and at the end of five levels.
    for middle in [1 << 47, 1 << 48, 1 << 52, (1 << 56) - page] {
        let (start, end) = (middle - page, middle + page);
        let mut file = map(10, start, end, R, "/data/model.gguf");
        file.file_offset = 0x30_0000;
        let analysis = Trace::new()
            .pages_of(64 << 10)
            .map(file)
            .fault(sized(20, middle - 1, READ, 16))
            .fault(sized(21, end - 1, READ, 16))
            .fault(sized(22, end, READ, 16).outcome(Outcome::Abandoned))
            .analyse();
        let [first, second, outside] = &places(&analysis)[..] else { panic!("three rows") };
        let of_file = |offset| ("model.gguf".to_owned(), offset, MapConfidence::Inferred);
        assert_eq!(first, &of_file(0x30_ffff), "{middle:#x}");
        assert_eq!(second, &of_file(0x31_ffff), "{middle:#x}");
        assert_eq!(outside.0, "none", "{middle:#x}");
        assert_eq!(causes(&analysis)[2], (Failed, Invalid), "{middle:#x}");
    }
}

#[test]
fn an_instruction_reaches_into_the_next_page_only() {
    let (start, ip) = (0x40_0000, 0x40_0ffc);
    let access = |bytes: u32, addr: u64| {
        let analysis = Trace::new()
            .pages_of(bytes)
            .map(map(10, start, start + 0x4_0000, RX, "/bin/app"))
            .fault(fault(20, addr, READ).blind().at(addr - 4))
            .analyse();
        analysis.faults.access[0]
    };
    assert_eq!(access(4 << 10, ip + 4), Access::Exec);
    assert_eq!(access(64 << 10, ip + 4), Access::Unknown);
    assert_eq!(access(64 << 10, start + 0x1_0000), Access::Exec);
}
