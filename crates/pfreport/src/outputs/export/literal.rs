//! Addresses and calendar times as text.

use std::fmt::Write as _;

use polars::prelude::{
    Column, DataFrame, DataType, IntoColumn as _, PolarsResult, StringChunked,
    StringChunkedBuilder, UInt64Chunked,
};

use crate::error::Error;
use crate::print::units::civil;
use crate::rows::field::Field;

/// Columns of addresses, where they hold numbers of 64 bits.
pub const ADDRESSES: [&str; 4] = ["addr", "ip", "start", "end"];

/// The frame with addresses as `0x7f00` and calendar times as `2026-11-20T12:34:56.123456789Z`.
///
/// # Errors
/// [`Error::Table`] should Polars refuse a column.
pub fn with_literals(mut frame: DataFrame) -> Result<DataFrame, Error> {
    for name in ADDRESSES {
        // A query may call anything by these names.
        if let Ok(column) = frame.column(name)
            && let Ok(column) = column.u64()
        {
            let text = addresses(name, column);
            frame.replace(name, text.into_column())?;
        }
    }
    let name = Field::WallTime.name();
    if let Ok(column) = frame.column(name)
        && matches!(column.dtype(), DataType::Datetime(..))
    {
        let text = calendar_times(column)?;
        frame.replace(name, text)?;
    }
    Ok(frame)
}

/// Calendar times as text.
///
/// # Errors
/// The column holds no times.
pub fn calendar_times(column: &Column) -> PolarsResult<Column> {
    let ns = column.cast(&DataType::Int64)?.cast(&DataType::UInt64)?;
    Ok(times(column.name(), ns.u64()?).into_column())
}

fn addresses(name: &str, addresses: &UInt64Chunked) -> StringChunked {
    let mut text = StringChunkedBuilder::new(name.into(), addresses.len());
    let mut digits = [0; 18];
    for address in addresses.iter() {
        text.append_option(address.and_then(|address| hexadecimal(address, &mut digits)));
    }
    text.finish()
}

/// `0x` and the digits. Several times as fast as `format!`, which dominated the export.
fn hexadecimal(address: u64, digits: &mut [u8; 18]) -> Option<&str> {
    let length = (67 - (address | 1).leading_zeros() as usize) / 4;
    let mut rest = address;
    for digit in digits[2..2 + length].iter_mut().rev() {
        *digit = b"0123456789abcdef"[(rest & 15) as usize];
        rest >>= 4;
    }
    digits[..2].copy_from_slice(b"0x");
    std::str::from_utf8(&digits[..2 + length]).ok()
}

fn times(name: &str, times: &UInt64Chunked) -> StringChunked {
    const SECOND: u64 = 1_000_000_000;
    let mut text = StringChunkedBuilder::new(name.into(), times.len());
    // Neighbours mostly share their second: its text is kept.
    let (mut second, mut buffer, mut whole) = (None, String::new(), 0);
    for time in times.iter() {
        let Some(time) = time else {
            text.append_null();
            continue;
        };
        if second != Some(time / SECOND) {
            second = Some(time / SECOND);
            let [y, mo, d, h, mi, s, _] = civil(time);
            buffer.clear();
            // Writing to a String cannot fail.
            let _ = write!(buffer, "{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}.");
            whole = buffer.len();
        }
        buffer.truncate(whole);
        let mut scale = SECOND / 10;
        while scale > 0 {
            buffer.push(char::from(b'0' + (time / scale % 10) as u8));
            scale /= 10;
        }
        buffer.push('Z');
        text.append_value(&buffer);
    }
    text.finish()
}

#[cfg(test)]
mod tests {
    use super::{hexadecimal, times};
    use polars::prelude::{NewChunkedArray as _, UInt64Chunked};

    #[test]
    fn addresses_read_as_usual() {
        for address in [0, 1, 15, 16, 255, 256, 0x7f00_1234_5000, u64::MAX] {
            assert_eq!(hexadecimal(address, &mut [0; 18]), Some(&*format!("{address:#x}")));
        }
    }

    #[test]
    fn times_change_with_their_second() {
        let ns = [1_795_178_096_999_999_999, 1_795_178_097_000_000_000, 1_795_178_097_000_000_001];
        let ns = UInt64Chunked::from_slice("t".into(), &ns);
        let text: Vec<String> = times("t", &ns).iter().flatten().map(str::to_owned).collect();
        assert_eq!(
            text,
            [
                "2026-11-20T12:34:56.999999999Z",
                "2026-11-20T12:34:57.000000000Z",
                "2026-11-20T12:34:57.000000001Z"
            ]
        );
    }
}
