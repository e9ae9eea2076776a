//! The fields of samples, and what other records carry at their end (perf_event_open(2), "mmap layout").

use super::attr::{Attr, flags, sample};
use super::bytes::Bytes;

/// Fields of a sample, as far as faults are made of them; 0 or empty where the event does not have one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sample<'a> {
    pub ip: u64,
    pub pid: u32,
    pub tid: u32,
    pub time_ns: u64,
    pub addr: u64,
    pub id: u64,
    pub cpu: Option<u32>,
    /// Words of the call chain, markers among them.
    pub chain: &'a [u8],
    /// Payload of a tracepoint.
    pub raw: &'a [u8],
    /// Size of the page that holds `addr`.
    pub page_size_bytes: u64,
}

/// What a record other than a sample says of itself at its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trailer {
    pub time_ns: u64,
    pub id: u64,
    pub cpu: Option<u32>,
}

/// Takes a sample apart.
pub fn parse<'a>(body: &'a [u8], attr: &Attr) -> Option<Sample<'a>> {
    let mut fields = Bytes(body);
    let mut found = Sample::default();
    let has = |bit| attr.samples(bit);
    if has(sample::IDENTIFIER) {
        found.id = fields.u64()?;
    }
    if has(sample::IP) {
        found.ip = fields.u64()?;
    }
    if has(sample::TID) {
        (found.pid, found.tid) = (fields.u32()?, fields.u32()?);
    }
    if has(sample::TIME) {
        found.time_ns = fields.u64()?;
    }
    if has(sample::ADDR) {
        found.addr = fields.u64()?;
    }
    if has(sample::ID) {
        found.id = fields.u64()?;
    }
    if has(sample::STREAM_ID) {
        fields.u64()?;
    }
    if has(sample::CPU) {
        found.cpu = Some(fields.u32()?);
        fields.u32()?;
    }
    if has(sample::PERIOD) {
        fields.u64()?;
    }
    if has(sample::READ) {
        pass_read(&mut fields, attr.read_format)?;
    }
    if has(sample::CALLCHAIN) {
        let callers = fields.u64()?;
        found.chain = fields.take_u64(callers.checked_mul(8)?)?;
    }
    if has(sample::RAW) {
        let bytes = fields.u32()?;
        found.raw = fields.take(bytes as usize)?;
    }
    // Everything behind is of no use but for the size of the page; without it, the fault is there all the same.
    if has(sample::DATA_PAGE_SIZE) {
        found.page_size_bytes = page_size(&mut fields, attr).unwrap_or(0);
    }
    Some(found)
}

/// Passes over the counter's value, and those of its group.
fn pass_read(fields: &mut Bytes<'_>, format: u64) -> Option<()> {
    const TIMES: u64 = 0b11;
    const ID: u64 = 1 << 2;
    const GROUP: u64 = 1 << 3;
    const LOST: u64 = 1 << 4;
    let times = u64::from((format & TIMES).count_ones());
    let each = 1 + u64::from((format & (ID | LOST)).count_ones());
    let counters = if format & GROUP == 0 { 1 } else { fields.u64()? };
    let words = times.checked_add(counters.checked_mul(each)?)?;
    fields.take_u64(words.checked_mul(8)?)?;
    Some(())
}

fn page_size(fields: &mut Bytes<'_>, attr: &Attr) -> Option<u64> {
    const HARDWARE_INDEX: u64 = 1 << 17;
    const COUNTERS: u64 = 1 << 19;
    let has = |bit| attr.samples(bit);
    if has(sample::BRANCH_STACK) {
        let branches = fields.u64()?;
        if attr.branch_type & HARDWARE_INDEX != 0 {
            fields.u64()?;
        }
        let bytes = if attr.branch_type & COUNTERS == 0 { 24 } else { 32 };
        fields.take_u64(branches.checked_mul(bytes)?)?;
    }
    let registers = |fields: &mut Bytes<'_>, mask: u64| {
        let abi = fields.u64()?;
        let words = if abi == 0 { 0 } else { u64::from(mask.count_ones()) };
        fields.take_u64(words * 8).map(|_| ())
    };
    if has(sample::REGS_USER) {
        registers(fields, attr.regs_user)?;
    }
    if has(sample::STACK_USER) {
        let bytes = fields.u64()?;
        fields.take_u64(bytes)?;
        if bytes != 0 {
            fields.u64()?;
        }
    }
    for bit in [sample::WEIGHT | sample::WEIGHT_STRUCT, sample::DATA_SRC, sample::TRANSACTION] {
        if has(bit) {
            fields.u64()?;
        }
    }
    if has(sample::REGS_INTR) {
        registers(fields, attr.regs_intr)?;
    }
    for bit in [sample::PHYS_ADDR, sample::CGROUP] {
        if has(bit) {
            fields.u64()?;
        }
    }
    fields.u64()
}

/// Fields that a trailer may have, in their order.
const TRAILER: [u64; 6] =
    [sample::TID, sample::TIME, sample::ID, sample::STREAM_ID, sample::CPU, sample::IDENTIFIER];

/// What a record other than a sample says of itself; `None` if the event has it say nothing, or it is cut.
pub fn parse_trailer(body: &[u8], attr: &Attr) -> Option<Trailer> {
    if !attr.has(flags::SAMPLE_ID_ALL) {
        return None;
    }
    let bits = TRAILER.into_iter().filter(|&bit| attr.samples(bit));
    let bytes = bits.clone().count() * 8;
    let mut fields = Bytes(body.get(body.len().checked_sub(bytes)?..)?);
    let mut found = Trailer::default();
    for bit in bits {
        let value = fields.u64()?;
        match bit {
            sample::TIME => found.time_ns = value,
            sample::ID | sample::IDENTIFIER => found.id = value,
            // The CPU is the first half of the word.
            sample::CPU => found.cpu = u32::try_from(value & u64::from(u32::MAX)).ok(),
            _ => {}
        }
    }
    Some(found)
}

/// The time of a sample.
pub fn time(body: &[u8], attr: &Attr) -> Option<u64> {
    let before = sample::IDENTIFIER | sample::IP | sample::TID;
    let at = (attr.sample_type & before).count_ones() as usize * 8;
    let mut fields = Bytes(body.get(at..)?);
    attr.samples(sample::TIME).then(|| fields.u64()).flatten()
}

/// Offset of the id from the start of a sample.
pub fn id_offset(attr: &Attr) -> Option<usize> {
    if attr.samples(sample::IDENTIFIER) {
        return Some(0);
    }
    let before = sample::IP | sample::TID | sample::TIME | sample::ADDR;
    let words = (attr.sample_type & before).count_ones() as usize;
    attr.samples(sample::ID).then_some(words * 8)
}

/// Distance of the id from the end of other records.
pub fn id_distance(attr: &Attr) -> Option<usize> {
    if !attr.has(flags::SAMPLE_ID_ALL) {
        return None;
    }
    if attr.samples(sample::IDENTIFIER) {
        return Some(8);
    }
    let behind = sample::STREAM_ID | sample::CPU;
    let words = 1 + (attr.sample_type & behind).count_ones() as usize;
    attr.samples(sample::ID).then_some(words * 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn fields_come_in_the_order_of_the_kernel() {
        let attr = Attr {
            sample_type: sample::IP
                | sample::TID
                | sample::TIME
                | sample::ADDR
                | sample::ID
                | sample::CPU
                | sample::READ
                | sample::CALLCHAIN
                | sample::WEIGHT
                | sample::DATA_PAGE_SIZE,
            read_format: 0b1_0100,
            ..Attr::default()
        };
        let body = words(&[1, 3 << 32 | 2, 4, 5, 6, 7, 80, 81, 82, 2, 9, 10, 11, 4096]);
        let found = parse(&body, &attr).unwrap();
        assert_eq!((found.ip, found.pid, found.tid, found.time_ns), (1, 2, 3, 4));
        assert_eq!((found.addr, found.id, found.cpu), (5, 6, Some(7)));
        assert_eq!((found.chain, found.page_size_bytes), (words(&[9, 10]).as_slice(), 4096));
        assert_eq!(id_offset(&attr), Some(32));
        for len in 0..body.len() - 16 {
            assert_eq!(parse(&body[..len], &attr), None, "{len}");
        }
    }

    #[test]
    fn lengths_that_cannot_be_are_refused() {
        let chain = Attr { sample_type: sample::CALLCHAIN, ..Attr::default() };
        assert_eq!(parse(&words(&[u64::MAX]), &chain), None);
        assert_eq!(parse(&words(&[1 << 61]), &chain), None);
        let group = Attr { sample_type: sample::READ, read_format: 0b1111, ..Attr::default() };
        assert_eq!(parse(&words(&[u64::MAX / 2, 1, 2]), &group), None);
    }

    #[test]
    fn trailers_are_read_from_the_end() {
        let attr = Attr {
            sample_type: sample::TID | sample::TIME | sample::ID | sample::CPU,
            flags: flags::SAMPLE_ID_ALL,
            ..Attr::default()
        };
        let body = words(&[99, 1, 2, 3, 4]);
        let expected = Trailer { time_ns: 2, id: 3, cpu: Some(4) };
        assert_eq!(parse_trailer(&body, &attr), Some(expected));
        assert_eq!(id_distance(&attr), Some(16));
        assert_eq!(parse_trailer(&body[..24], &attr), None);
        assert_eq!(parse_trailer(&body, &Attr { flags: 0, ..attr }), None);
    }
}
