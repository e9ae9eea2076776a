//! Columns of integers as bytes: a transform that makes the values small, then byte planes.
//!
//! A column of `width` w is stored as w planes of one byte per row, least significant first, so that
//! the compressor sees similar bytes side by side. A column of equal values has width 0 and no bytes.

use crate::archive::ColumnRow;
use crate::decoder::UNKNOWN_ENCODING;

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

/// Appends a column of differences from row to row. `values` is overwritten.
pub(crate) fn encode_delta(id: ColumnId, values: &mut [u64], data: &mut Vec<u8>) -> ColumnRow {
    let base = values.first().copied().unwrap_or(0);
    let mut last = base;
    for value in values.iter_mut() {
        let difference = value.wrapping_sub(last);
        last = *value;
        *value = zigzag(difference);
    }
    store(id, Encoding::Delta, base, values, data)
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

impl RawColumn<'_> {
    /// Decodes `rows` values into `out`, whose former contents are dropped. `threads` (one index per
    /// row) and `last` (the value from which each thread starts) serve [`Encoding::ThreadDelta`].
    pub(crate) fn decode(
        &self,
        rows: usize,
        threads: Option<(&[u32], &mut [u64])>,
        out: &mut Vec<u64>,
    ) -> Result<(), &'static str> {
        if self.width > 8 || self.planes.len() != rows * usize::from(self.width) {
            return Err("a column has a wrong length");
        }
        out.clear();
        out.resize(rows, 0);
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
            let (threads, last) = threads.ok_or("a column has an encoding that it cannot have")?;
            for (value, &thread) in out.iter_mut().zip(threads) {
                let last = last.get_mut(thread as usize).ok_or("a row refers to no thread")?;
                *last = last.wrapping_add(unzigzag(*value));
                *value = *last;
            }
        } else {
            return Err(UNKNOWN_ENCODING);
        }
        Ok(())
    }

    fn unshuffle(&self, rows: usize, out: &mut [u64]) {
        if rows == 0 || self.width == 0 {
            return;
        }
        for (block_no, block) in out.chunks_mut(BLOCK_ROWS).enumerate() {
            for (n, plane) in self.planes.chunks_exact(rows).enumerate() {
                let bytes = plane.get(block_no * BLOCK_ROWS..).unwrap_or_default();
                for (value, &byte) in block.iter_mut().zip(bytes) {
                    *value |= u64::from(byte) << (8 * n);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(row: &ColumnRow, data: &[u8], rows: usize) -> Vec<u64> {
        let raw =
            RawColumn { base: row.base, encoding: row.encoding, width: row.width, planes: data };
        let mut out = Vec::new();
        raw.decode(rows, None, &mut out).unwrap();
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
        assert_eq!(decoded(&row, &data, 100), [9; 100]);
    }

    #[test]
    fn width_grows_with_the_values() {
        for width in 1..=8u32 {
            for largest in [1u64 << (8 * (width - 1)), u64::MAX >> (64 - 8 * width)] {
                let mut data = Vec::new();
                let row = encode_direct(ColumnId::Flags, &mut [0, largest], &mut data);
                assert_eq!((u32::from(row.width), row.bytes), (width, 2 * width));
                assert_eq!(decoded(&row, &data, 2), [0, largest]);
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
        assert_eq!(good.decode(4, None, &mut out), Ok(()));
        for (bad, rows) in [
            (good, 3),
            (good, 0),
            (RawColumn { width: 9, ..good }, 4),
            (RawColumn { encoding: 0, ..good }, 4),
            (RawColumn { encoding: 4, ..good }, 4),
            (RawColumn { encoding: 3, ..good }, 4),
        ] {
            assert!(bad.decode(rows, None, &mut out).is_err());
        }
        let thread_delta = RawColumn { encoding: 3, ..good };
        let (threads, mut last) = ([0, 0, 0, 1], [0]);
        assert_eq!(
            thread_delta.decode(4, Some((&threads, &mut last)), &mut out),
            Err("a row refers to no thread")
        );
    }

    proptest! {
        #[test]
        fn any_values_round_trip(values in prop::collection::vec(any::<u64>(), 0..2100)) {
            let mut data = Vec::new();
            let row = encode_direct(ColumnId::Ip, &mut values.clone(), &mut data);
            prop_assert_eq!(&decoded(&row, &data, values.len()), &values);
            let mut data = Vec::new();
            let row = encode_delta(ColumnId::Time, &mut values.clone(), &mut data);
            prop_assert_eq!(&decoded(&row, &data, values.len()), &values);
        }
    }
}
