//! Frames from documented columns.

use polars::prelude::{
    BooleanChunked, Column, DataFrame, Int32Chunked, IntoColumn as _, NewChunkedArray as _,
    PlSmallStr, PolarsResult, StringChunked, UInt32Chunked, UInt64Chunked,
};

use super::ColumnInfo;

/// The columns of a table, given one after another in the order in which they are documented.
pub struct Rows {
    infos: std::slice::Iter<'static, ColumnInfo>,
    height: usize,
    columns: Vec<Column>,
}

impl Rows {
    pub fn new(infos: &'static [ColumnInfo], height: usize) -> Self {
        Self { infos: infos.iter(), height, columns: Vec::new() }
    }

    fn name(&mut self) -> PlSmallStr {
        self.infos.next().map_or("", |info| info.name).into()
    }

    pub fn text(mut self, values: impl Iterator<Item = Option<String>>) -> Self {
        let name = self.name();
        self.columns.push(StringChunked::from_iter_options(name, values).into_column());
        self
    }

    pub fn u32(mut self, values: impl Iterator<Item = Option<u32>>) -> Self {
        let name = self.name();
        self.columns.push(UInt32Chunked::from_iter_options(name, values).into_column());
        self
    }

    pub fn i32(mut self, values: impl Iterator<Item = Option<i32>>) -> Self {
        let name = self.name();
        self.columns.push(Int32Chunked::from_iter_options(name, values).into_column());
        self
    }

    pub fn u64(mut self, values: impl Iterator<Item = Option<u64>>) -> Self {
        let name = self.name();
        self.columns.push(UInt64Chunked::from_iter_options(name, values).into_column());
        self
    }

    pub fn bool(mut self, values: impl Iterator<Item = bool>) -> Self {
        let name = self.name();
        let values = BooleanChunked::from_iter_options(name, values.map(Some));
        self.columns.push(values.into_column());
        self
    }

    pub fn frame(self) -> PolarsResult<DataFrame> {
        DataFrame::new(self.height, self.columns)
    }
}
