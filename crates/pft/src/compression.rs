//! zstd with bounds: nothing is allocated for a size that the frame header does not state.

use rkyv::util::AlignedVec;
use zstd::zstd_safe;

use crate::frame::MAX_RAW_BYTES;

const MAGIC: u32 = 0xfd2f_b528;
/// Largest window that a payload may ask for, bytes.
const MAX_WINDOW_BYTES: u64 = 1 << 24;

/// Decompresses a payload that must be exactly one zstd frame stating exactly `raw_bytes` of content.
pub(crate) fn decompress(stored: &[u8], raw_bytes: u32) -> Result<AlignedVec, &'static str> {
    if raw_bytes > MAX_RAW_BYTES {
        return Err("the decompressed size is above the limit");
    }
    let window_bytes = window_bytes(stored).ok_or("the zstd header is invalid")?;
    if window_bytes > MAX_WINDOW_BYTES {
        return Err("the zstd window is above the limit");
    }
    match zstd_safe::get_frame_content_size(stored) {
        Ok(Some(size)) if size == u64::from(raw_bytes) => {}
        Ok(Some(_)) => return Err("the zstd content size differs from the frame header"),
        _ => return Err("the zstd content size is missing"),
    }
    if zstd_safe::find_frame_compressed_size(stored) != Ok(stored.len()) {
        return Err("the payload is not exactly one zstd frame");
    }
    let mut raw = AlignedVec::with_capacity(raw_bytes as usize);
    raw.resize(raw_bytes as usize, 0);
    match zstd_safe::decompress(raw.as_mut_slice(), stored) {
        Ok(written) if written == raw.len() => Ok(raw),
        _ => Err("the payload does not decompress"),
    }
}

/// Window that a zstd frame asks for (RFC 8878, 3.1.1.1); `None` for what is no zstd frame or needs a
/// dictionary.
fn window_bytes(stored: &[u8]) -> Option<u64> {
    let (magic, rest) = stored.split_first_chunk::<4>()?;
    let (&descriptor, rest) = rest.split_first()?;
    let uses_dictionary = descriptor & 0b11 != 0;
    let reserved_bit = descriptor & 0b1000 != 0;
    if u32::from_le_bytes(*magic) != MAGIC || uses_dictionary || reserved_bit {
        return None;
    }
    let single_segment = descriptor & 0b10_0000 != 0;
    if single_segment {
        // The window is the content, whose size the caller compares with the frame header.
        return Some(0);
    }
    let &window = rest.first()?;
    let base = 1u64 << (10 + (window >> 3));
    Some(base + base / 8 * u64::from(window & 0b111))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compressed(data: &[u8]) -> Vec<u8> {
        zstd::bulk::compress(data, 1).unwrap()
    }

    #[test]
    fn round_trip() {
        let stored = compressed(&[7; 1000]);
        assert_eq!(decompress(&stored, 1000).unwrap().as_slice(), &[7; 1000]);
    }

    #[test]
    fn content_size_must_be_present_and_equal() {
        let stored = compressed(&[7; 1000]);
        for size in [999, 1001] {
            assert_eq!(
                decompress(&stored, size).unwrap_err(),
                "the zstd content size differs from the frame header"
            );
        }
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
        encoder.include_contentsize(false).unwrap();
        std::io::Write::write_all(&mut encoder, &[7; 1000]).unwrap();
        assert_eq!(
            decompress(&encoder.finish().unwrap(), 1000).unwrap_err(),
            "the zstd content size is missing"
        );
    }

    #[test]
    fn more_than_one_zstd_frame_is_refused() {
        let mut stored = compressed(&[7; 1000]);
        stored.extend(compressed(&[7; 10]));
        assert_eq!(
            decompress(&stored, 1000).unwrap_err(),
            "the payload is not exactly one zstd frame"
        );
    }

    #[test]
    fn windows_and_sizes_above_the_limit_are_refused() {
        assert_eq!(
            decompress(&[], MAX_RAW_BYTES + 1).unwrap_err(),
            "the decompressed size is above the limit"
        );
        // No single segment; content size of four bytes; window exponent 14 is 2^24.
        let frame = |window: u8| [0x28, 0xb5, 0x2f, 0xfd, 0x80, window, 9, 0, 0, 0];
        assert_eq!(window_bytes(&frame(14 << 3)), Some(1 << 24));
        assert_eq!(
            decompress(&frame(14 << 3 | 1), 9).unwrap_err(),
            "the zstd window is above the limit"
        );
    }

    #[test]
    fn a_dictionary_is_refused() {
        let mut stored = compressed(&[7; 1000]);
        stored[4] |= 1;
        assert_eq!(decompress(&stored, 1000).unwrap_err(), "the zstd header is invalid");
    }
}
