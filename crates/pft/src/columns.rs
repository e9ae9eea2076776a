//! Columns of integers as bytes: a transform that makes the values small, then byte planes.
//!
//! A column of `width` w is stored as w planes of one byte per row, least significant first, so that
//! the compressor sees similar bytes side by side. A column of equal values has width 0 and no bytes.

use crate::archive::ColumnRow;
use crate::decoder::UNKNOWN_ENCODING;
use crate::record::LATENCY_UNKNOWN;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ColumnId {
    Thread = 1,
    Ip = 2,
    Time = 3,
    /// Latency plus 1, so that "unknown" becomes 0.
    Latency = 4,
    Page = 5,
    /// Address within the page.
    Offset = 6,
    Flags = 7,
    Attempts = 8,
    /// Number of the call chain, 0 for none. Only where a fault has one.
    CallChain = 9,
    /// NUMA node plus 1, so that "unknown" becomes 0. Only where one is known.
    Node = 10,
}

/// How the stored integers become values. Tag 0 stays unused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Encoding {
    /// `base` plus the stored integer.
    Direct = 1,
    /// The value before, from `base` on, plus the stored difference (zigzag).
    Delta = 2,
    /// As [`Self::Delta`], but relative to the thread's last row, from `ThreadRow::first_page` on.
    ThreadDelta = 3,
    /// As [`Self::Delta`], but relative to the value before plus the latency of its row.
    Gap = 4,
}

/// Rows transposed at a time, so that the values stay in the first-level cache.
const BLOCK_ROWS: usize = 1024;

fn zigzag(difference: u64) -> u64 {
    let signed = difference.cast_signed();
    ((signed << 1) ^ (signed >> 63)).cast_unsigned()
}

fn unzigzag(value: u64) -> u64 {
    (value >> 1) ^ (value & 1).wrapping_neg()
}

/// Appends a column of values relative to their minimum. `values` is overwritten.
pub(crate) fn encode_direct(id: ColumnId, values: &mut [u64], data: &mut Vec<u8>) -> ColumnRow {
    let base = values.iter().copied().min().unwrap_or(0);
    for value in values.iter_mut() {
        *value -= base;
    }
    store(id, Encoding::Direct, base, values, data)
}

/// Appends a column of times: differences from row to row, or from the end of each fault to the next one, whichever are
/// smaller. Where a thread faults all the time its faults take more or less time, and what it does between them nearly the
/// same: that saves a tenth of the file. `times` is overwritten.
pub(crate) fn encode_times(
    id: ColumnId,
    times: &mut [u64],
    latency_ns: &[u64],
    data: &mut Vec<u8>,
) -> ColumnRow {
    let base = times.first().copied().unwrap_or(0);
    let bits = |value: u64| u64::from(64 - zigzag(value).leading_zeros());
    let (mut last, mut end) = (base, base);
    let (mut of_differences, mut of_gaps) = (0, 0);
    for (&time, &latency_ns) in times.iter().zip(latency_ns) {
        of_differences += bits(time.wrapping_sub(last));
        of_gaps += bits(time.wrapping_sub(end));
        (last, end) = (time, end_of(time, latency_ns));
    }
    let by_gaps = of_gaps < of_differences;
    let mut from = base;
    for (time, &latency_ns) in times.iter_mut().zip(latency_ns) {
        let next = if by_gaps { end_of(*time, latency_ns) } else { *time };
        *time = zigzag(time.wrapping_sub(from));
        from = next;
    }
    store(id, if by_gaps { Encoding::Gap } else { Encoding::Delta }, base, times, data)
}

/// When a fault ended; when it began, where that is not known.
fn end_of(time_ns: u64, latency_ns: u64) -> u64 {
    time_ns.wrapping_add(if latency_ns == LATENCY_UNKNOWN { 0 } else { latency_ns })
}

/// Appends a column of differences from row to row of the same thread. `last` holds the value from
/// which each thread starts. `values` and `last` are overwritten.
pub(crate) fn encode_thread_delta(
    id: ColumnId,
    values: &mut [u64],
    threads: &[u32],
    last: &mut [u64],
    data: &mut Vec<u8>,
) -> ColumnRow {
    for (value, &thread) in values.iter_mut().zip(threads) {
        if let Some(last) = last.get_mut(thread as usize) {
            let difference = value.wrapping_sub(*last);
            *last = *value;
            *value = zigzag(difference);
        }
    }
    store(id, Encoding::ThreadDelta, 0, values, data)
}

fn store(
    id: ColumnId,
    encoding: Encoding,
    base: u64,
    values: &[u64],
    data: &mut Vec<u8>,
) -> ColumnRow {
    let bits = 64 - values.iter().fold(0, |all, value| all | value).leading_zeros();
    let width = bits.div_ceil(8) as usize;
    let start = data.len();
    data.resize(start + width * values.len(), 0);
    let planes = data.get_mut(start..).unwrap_or_default();
    if !values.is_empty() {
        for (n, plane) in planes.chunks_exact_mut(values.len()).enumerate() {
            for (byte, value) in plane.iter_mut().zip(values) {
                *byte = (value >> (8 * n)) as u8;
            }
        }
    }
    ColumnRow {
        base,
        bytes: (width * values.len()) as u32,
        id: id as u8,
        encoding: encoding as u8,
        width: width as u8,
        reserved: 0,
    }
}

/// A column as it lies in a frame.
#[derive(Clone, Copy)]
pub(crate) struct RawColumn<'a> {
    pub(crate) base: u64,
    pub(crate) encoding: u8,
    pub(crate) width: u8,
    pub(crate) planes: &'a [u8],
}

const OUT_OF_PLACE: &str = "a column has an encoding that it cannot have";

/// What some encodings need beside the column.
pub(crate) enum Beside<'a> {
    /// The column may have none of these.
    Nothing,
    /// For [`Encoding::ThreadDelta`]: one index per row, and the value from which each thread starts.
    Threads(&'a [u32], &'a mut [u64]),
    /// For [`Encoding::Gap`]: one per row.
    LatenciesNs(&'a [u64]),
}

impl RawColumn<'_> {
    /// Decodes `rows` values into `out`, whose former contents are dropped.
    pub(crate) fn decode(
        &self,
        rows: usize,
        beside: Beside<'_>,
        out: &mut Vec<u64>,
    ) -> Result<(), &'static str> {
        if self.width > 8 || self.planes.len() != rows * usize::from(self.width) {
            return Err("a column has a wrong length");
        }
        if let Some(value) = self.only() {
            out.clear();
            out.resize(rows, value);
            return Ok(());
        }
        self.unshuffle(rows, out);
        if self.encoding == Encoding::Direct as u8 {
            for value in out.iter_mut() {
                *value = value.wrapping_add(self.base);
            }
        } else if self.encoding == Encoding::Delta as u8 {
            let mut last = self.base;
            for value in out.iter_mut() {
                last = last.wrapping_add(unzigzag(*value));
                *value = last;
            }
        } else if self.encoding == Encoding::ThreadDelta as u8 {
            let Beside::Threads(threads, last) = beside else { return Err(OUT_OF_PLACE) };
            for (value, &thread) in out.iter_mut().zip(threads) {
                let last = last.get_mut(thread as usize).ok_or("a row refers to no thread")?;
                *last = last.wrapping_add(unzigzag(*value));
                *value = *last;
            }
        } else if self.encoding == Encoding::Gap as u8 {
            let Beside::LatenciesNs(latency_ns) = beside else { return Err(OUT_OF_PLACE) };
            let mut end = self.base;
            for (value, &latency_ns) in out.iter_mut().zip(latency_ns) {
                *value = end.wrapping_add(unzigzag(*value));
                end = end_of(*value, latency_ns);
            }
        } else {
            return Err(UNKNOWN_ENCODING);
        }
        Ok(())
    }

    /// The value of all rows, where that is known without decoding.
    fn only(&self) -> Option<u64> {
        (self.width == 0 && self.encoding == Encoding::Direct as u8).then_some(self.base)
    }

    fn unshuffle(&self, rows: usize, out: &mut Vec<u64>) {
        out.clear();
        let (lowest, others) = self.planes.split_at(rows.min(self.planes.len()));
        if lowest.is_empty() {
            out.resize(rows, 0);
            return;
        }
        out.reserve(rows);
        // The lowest bytes are put there rather than added to zeros: with `only`, a third of the time of decoding one thread.
        for (block_no, bytes) in lowest.chunks(BLOCK_ROWS).enumerate() {
            let start = block_no * BLOCK_ROWS;
            out.extend(bytes.iter().map(|&byte| u64::from(byte)));
            let block = out.get_mut(start..).unwrap_or_default();
            for (plane, shift) in others.chunks_exact(rows).zip((8..).step_by(8)) {
                let bytes = plane.get(start..).unwrap_or_default();
                for (value, &byte) in block.iter_mut().zip(bytes) {
                    *value |= u64::from(byte) << shift;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(row: &ColumnRow, data: &[u8], rows: usize, beside: Beside<'_>) -> Vec<u64> {
        let raw =
            RawColumn { base: row.base, encoding: row.encoding, width: row.width, planes: data };
        let mut out = Vec::new();
        raw.decode(rows, beside, &mut out).unwrap();
        out
    }

    #[test]
    fn zigzag_keeps_small_differences_small() {
        assert_eq!(zigzag(0), 0);
        assert_eq!(zigzag(u64::MAX), 1);
        assert_eq!(zigzag(1), 2);
        assert_eq!(zigzag(1 << 63), u64::MAX);
    }

    #[test]
    fn equal_values_take_no_bytes() {
        let mut data = Vec::new();
        let row = encode_direct(ColumnId::Attempts, &mut [9; 100], &mut data);
        assert_eq!((row.width, row.bytes, row.base), (0, 0, 9));
        assert_eq!(decoded(&row, &data, 100, Beside::Nothing), [9; 100]);
    }

    #[test]
    fn width_grows_with_the_values() {
        for width in 1..=8u32 {
            for largest in [1u64 << (8 * (width - 1)), u64::MAX >> (64 - 8 * width)] {
                let mut data = Vec::new();
                let row = encode_direct(ColumnId::Flags, &mut [0, largest], &mut data);
                assert_eq!((u32::from(row.width), row.bytes), (width, 2 * width));
                assert_eq!(decoded(&row, &data, 2, Beside::Nothing), [0, largest]);
            }
        }
    }

    #[test]
    fn planes_are_least_significant_first() {
        let mut data = Vec::new();
        encode_direct(ColumnId::Flags, &mut [0, 0x0102, 0x0304], &mut data);
        assert_eq!(data, [0, 2, 4, 0, 1, 3]);
    }

    #[test]
    fn wrong_lengths_widths_and_encodings_are_errors() {
        let good = RawColumn { base: 0, encoding: 1, width: 2, planes: &[0; 8] };
        let mut out = Vec::new();
        assert_eq!(good.decode(4, Beside::Nothing, &mut out), Ok(()));
        for (bad, rows) in [
            (good, 3),
            (good, 0),
            (RawColumn { width: 9, ..good }, 4),
            (RawColumn { encoding: 0, ..good }, 4),
            (RawColumn { encoding: 5, ..good }, 4),
            (RawColumn { encoding: 4, ..good }, 4),
            (RawColumn { encoding: 3, ..good }, 4),
        ] {
            assert!(bad.decode(rows, Beside::Nothing, &mut out).is_err());
        }
        let thread_delta = RawColumn { encoding: 3, ..good };
        let (threads, mut last) = ([0, 0, 0, 1], [0]);
        assert_eq!(
            thread_delta.decode(4, Beside::Threads(&threads, &mut last), &mut out),
            Err("a row refers to no thread")
        );
    }

    #[test]
    fn times_are_kept_as_what_differs_less() {
        // Every 100 ns after the end of the one before, and every 100 ns after its beginning.
        let latency_ns = [7000, 30, LATENCY_UNKNOWN, 500];
        let after_ends = [1000, 8100, 8230, 8330];
        let after_beginnings = [1000, 1100, 1200, 1300];
        for (times, encoding) in [(after_ends, Encoding::Gap), (after_beginnings, Encoding::Delta)]
        {
            let mut data = Vec::new();
            let times_ns = &mut times.clone();
            let row = encode_times(ColumnId::Time, times_ns, &latency_ns, &mut data);
            assert_eq!((row.encoding, row.base, row.width), (encoding as u8, 1000, 1));
            assert_eq!(data, [0, 200, 200, 200]);
            assert_eq!(decoded(&row, &data, 4, Beside::LatenciesNs(&latency_ns)), times);
        }
    }

    proptest! {
        #[test]
        fn any_values_round_trip(
            rows in prop::collection::vec((any::<u64>(), any::<u64>()), 0..2100),
        ) {
            let (values, latency_ns): (Vec<u64>, Vec<u64>) = rows.into_iter().unzip();
            let mut data = Vec::new();
            let row = encode_direct(ColumnId::Ip, &mut values.clone(), &mut data);
            prop_assert_eq!(&decoded(&row, &data, values.len(), Beside::Nothing), &values);
            let mut data = Vec::new();
            let times = &mut values.clone();
            let row = encode_times(ColumnId::Time, times, &latency_ns, &mut data);
            let beside = Beside::LatenciesNs(&latency_ns);
            prop_assert_eq!(&decoded(&row, &data, values.len(), beside), &values);
        }

        #[test]
        fn times_of_a_real_shape_round_trip(
            rows in prop::collection::vec((0..5000_u64, 0..5000_u64), 0..200),
        ) {
            let mut time_ns = 1 << 40;
            let mut times = Vec::new();
            let mut latencies_ns = Vec::new();
            for (gap_ns, latency_ns) in rows {
                time_ns += gap_ns;
                times.push(time_ns);
                let is_known = latency_ns % 9 > 0;
                latencies_ns.push(if is_known { latency_ns } else { LATENCY_UNKNOWN });
                time_ns += if is_known { latency_ns } else { 0 };
            }
            let mut data = Vec::new();
            let row = encode_times(
                ColumnId::Time,
                &mut times.clone(),
                &latencies_ns,
                &mut data,
            );
            let beside = Beside::LatenciesNs(&latencies_ns);
            prop_assert_eq!(decoded(&row, &data, times.len(), beside), times);
        }
    }
}
