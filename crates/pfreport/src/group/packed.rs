//! Several keys as one number: Polars groups by one integer faster than by several columns.

use polars::prelude::{Column, DataFrame, DataType, PolarsResult, UInt64Chunked};

/// A column that is equal for two rows exactly when all columns of `keys` are; none when the keys do
/// not fit into 64 bits.
///
/// # Errors
/// Should Polars refuse a column.
pub fn packed(name: &str, keys: &DataFrame) -> PolarsResult<Option<UInt64Chunked>> {
    let bits: Option<Vec<u32>> = keys.columns().iter().map(bits).collect();
    let Some(bits) = bits.filter(|bits| bits.iter().sum::<u32>() <= u64::BITS) else {
        return Ok(None);
    };
    let mut packed = vec![0; keys.height()];
    for (key, bits) in keys.columns().iter().zip(bits) {
        let codes = key.to_physical_repr();
        match codes.dtype() {
            DataType::UInt8 => push(&mut packed, bits, codes.u8()?.iter()),
            DataType::UInt16 => push(&mut packed, bits, codes.u16()?.iter()),
            DataType::UInt32 => push(&mut packed, bits, codes.u32()?.iter()),
            _ => push(&mut packed, bits, codes.bool()?.iter()),
        }
    }
    Ok(Some(UInt64Chunked::from_vec(name.into(), packed)))
}

/// Moves the codes so far up and puts the next ones below them. Null is the highest code, which no
/// value has.
fn push<T: Into<u64>>(packed: &mut [u64], bits: u32, codes: impl Iterator<Item = Option<T>>) {
    let null = (1 << bits) - 1;
    for (packed, code) in packed.iter_mut().zip(codes) {
        *packed = (*packed << bits) | code.map_or(null, Into::into);
    }
}

/// Bits that hold every value of a column and one code more.
fn bits(key: &Column) -> Option<u32> {
    match key.dtype() {
        DataType::Boolean => Some(2),
        DataType::Enum(categories, _) => {
            Some(u64::BITS - (categories.categories().len() as u64).leading_zeros())
        }
        DataType::UInt32 => {
            let highest = key.as_materialized_series().max::<u64>().ok()?.unwrap_or(0);
            Some(u64::BITS - (highest + 1).leading_zeros())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::packed;
    use crate::faults::Faults;
    use crate::field::Field;
    use crate::sample::{self, MODEL, Row};

    fn keys(fields: &[Field]) -> Option<Vec<u64>> {
        let mut loaded = sample::empty();
        for (tid, mapping) in [(1, MODEL), (1, pfmodel::table::NONE), (2, MODEL), (1, MODEL)] {
            sample::push(&mut loaded.analysis, Row { tid, mapping, ..Row::default() });
        }
        let frame = Faults::new(&loaded, fields).unwrap().frame(0..usize::MAX).unwrap();
        let packed = packed("key", &frame).unwrap()?;
        Some(packed.iter().flatten().collect())
    }

    #[test]
    fn equal_keys_are_equal_numbers() {
        let keys = keys(&[Field::Tid, Field::Path, Field::Slow]).unwrap();
        assert_eq!(keys[0], keys[3]);
        assert_ne!(keys[0], keys[1]);
        assert_ne!(keys[0], keys[2]);
    }

    #[test]
    fn wide_keys_are_left_to_polars() {
        assert_eq!(keys(&[Field::Tid, Field::Addr]), None);
    }
}
