//! Names as codes.

use std::collections::BTreeMap;

use polars::prelude::{
    CatNative as _, Categorical8Type, Categorical16Type, Categorical32Type, CategoricalChunked,
    CategoricalPhysical, ChunkedArray, Column, DataType, FrozenCategories, IntoColumn as _,
    IntoSeries as _, PolarsCategoricalType, PolarsResult, polars_bail,
    with_match_categorical_physical_type,
};

/// Code that stands for null.
const NO_CODE: u32 = u32::MAX;

/// Names from a trace, each once and in order, and which of them each source row bears.
pub struct Dictionary {
    /// The `Enum` of the names.
    pub dtype: DataType,
    codes: Vec<u32>,
}

impl Dictionary {
    /// One entry per source row; several may bear the same name, some none.
    ///
    /// # Errors
    /// More names than Polars can number.
    pub fn new(names: impl Iterator<Item = Option<String>>) -> PolarsResult<Self> {
        let names: Vec<Option<String>> = names.collect();
        let mut ids: BTreeMap<&str, u32> = names.iter().flatten().map(|n| (&**n, 0)).collect();
        for (code, id) in (0..).zip(ids.values_mut()) {
            *id = code;
        }
        let dtype = fixed(ids.keys().copied())?;
        let code = |name: &Option<String>| name.as_deref().and_then(|name| ids.get(name).copied());
        let codes = names.iter().map(|name| code(name).unwrap_or(NO_CODE)).collect();
        Ok(Self { dtype, codes })
    }

    /// The code of a source row; null for a row that does not exist.
    pub fn code(&self, row: u32) -> u32 {
        self.codes.get(row as usize).copied().unwrap_or(NO_CODE)
    }

    /// The code of the last source row.
    pub fn last(&self) -> u32 {
        self.codes.last().copied().unwrap_or(NO_CODE)
    }
}

/// The `Enum` of these names, numbered from 0.
///
/// # Errors
/// A name occurs twice.
pub fn fixed<'a>(names: impl IntoIterator<Item = &'a str>) -> PolarsResult<DataType> {
    Ok(DataType::from_frozen_categories(FrozenCategories::new(names)?))
}

/// A column of codes.
///
/// # Errors
/// `dtype` is no `Enum`.
pub fn coded(
    name: &str,
    codes: impl Iterator<Item = u32>,
    dtype: &DataType,
) -> PolarsResult<Column> {
    let DataType::Enum(categories, _) = dtype else {
        polars_bail!(ComputeError: "column {name} is no enum");
    };
    // Polars numbers names from 0 in the smallest type whose highest value stays free; codes that name
    // nothing become null.
    let null = match categories.physical() {
        CategoricalPhysical::U8 => u32::from(u8::MAX),
        CategoricalPhysical::U16 => u32::from(u16::MAX),
        CategoricalPhysical::U32 => u32::MAX,
    };
    Ok(with_match_categorical_physical_type!(categories.physical(), |$C| {
        type Physical = <$C as PolarsCategoricalType>::PolarsPhysical;
        type Native = <$C as PolarsCategoricalType>::Native;
        let ids = codes.map(|code| Native::from_cat(code.min(null))).collect();
        let ids = ChunkedArray::<Physical>::from_vec(name.into(), ids);
        CategoricalChunked::<$C>::from_cats_and_dtype(ids, dtype.clone()).into_series().into_column()
    }))
}

/// A column of names with the names of another `Enum`, which has as many.
///
/// # Errors
/// One of them is no `Enum`.
pub fn renamed(column: &Column, dtype: &DataType) -> PolarsResult<Column> {
    let DataType::Enum(categories, _) = dtype else {
        polars_bail!(ComputeError: "column {} is no enum", column.name());
    };
    let codes = column.as_materialized_series().to_physical_repr();
    Ok(with_match_categorical_physical_type!(categories.physical(), |$C| {
        type Physical = <$C as PolarsCategoricalType>::PolarsPhysical;
        let codes: &ChunkedArray<Physical> = codes.as_ref().as_ref().as_ref();
        CategoricalChunked::<$C>::from_cats_and_dtype(codes.clone(), dtype.clone()).into_series().into_column()
    }))
}
