//! Batches as Arrow has them, for the binary formats.
//!
//! An `Enum` becomes a dictionary of plain strings, with no order; calendar times are in UTC; strings have
//! 64-bit offsets. All readers of Arrow know these.

use polars::prelude::{
    ArrayRef, ArrowField, ArrowSchema, CategoricalPhysical, Column, CompatLevel, DataFrame,
    DataType, FrozenCategories, Schema, SchemaExt as _,
};
use polars_arrow::array::{
    Array, DictionaryArray, DictionaryKey, PrimitiveArray, Utf8Array, Utf8ViewArray,
};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::datatypes::{ArrowDataType, IntegerType, TimeUnit};

use crate::error::Error;

/// How the columns of a table become arrays.
#[derive(Debug)]
pub struct Arrays {
    /// The columns.
    pub schema: ArrowSchema,
    columns: Vec<Kind>,
}

/// How one column does.
#[derive(Debug)]
enum Kind {
    /// Names, by their number.
    Names(Names),
    /// As Polars does it, from this type.
    Plain(DataType),
}

/// The names of a dictionary.
#[derive(Debug)]
struct Names {
    dtype: DataType,
    arrow: ArrowDataType,
    physical: CategoricalPhysical,
    values: ArrayRef,
}

impl Arrays {
    /// For tables of these columns.
    ///
    /// # Errors
    /// None so far.
    pub fn new(schema: &Schema) -> Result<Self, Error> {
        let mut fields = ArrowSchema::default();
        let mut columns = Vec::new();
        for field in schema.iter_fields() {
            let (kind, arrow) = match field.dtype() {
                DataType::Enum(categories, _) => {
                    let names = Names::of(field.dtype(), categories);
                    let arrow = names.arrow.clone();
                    (Kind::Names(names), arrow)
                }
                // Their numbering is not known beforehand.
                DataType::Categorical(..) => {
                    (Kind::Plain(DataType::String), ArrowDataType::LargeUtf8)
                }
                dtype => {
                    let arrow = match dtype.to_arrow(CompatLevel::oldest()) {
                        ArrowDataType::Timestamp(unit, None) => {
                            ArrowDataType::Timestamp(unit, Some("UTC".into()))
                        }
                        arrow => arrow,
                    };
                    (Kind::Plain(dtype.clone()), arrow)
                }
            };
            let name = field.name().clone();
            fields.insert(name.clone(), ArrowField::new(name, arrow, true));
            columns.push(kind);
        }
        Ok(Self { schema: fields, columns })
    }

    /// The dictionary of each column that has one.
    pub fn names(&self) -> impl Iterator<Item = Option<&dyn Array>> {
        self.columns.iter().map(|kind| match kind {
            Kind::Names(names) => Some(&*names.values),
            Kind::Plain(_) => None,
        })
    }

    /// The columns of a batch, each as one array.
    ///
    /// # Errors
    /// [`Error::Table`] where they are not those of the table.
    pub fn of(&self, frame: &DataFrame) -> Result<Vec<ArrayRef>, Error> {
        let columns = self.schema.iter_values().zip(&self.columns);
        columns.map(|(field, kind)| kind.array(field, frame.column(&field.name)?)).collect()
    }
}

/// Whether values of an Arrow type rise from row to row in most tables: moments.
pub fn is_moment(field: &ArrowField) -> bool {
    let is_time = matches!(field.dtype, ArrowDataType::Timestamp(TimeUnit::Nanosecond, _));
    is_time || field.name.as_str() == "time_ns" && field.dtype == ArrowDataType::UInt64
}

impl Kind {
    fn array(&self, field: &ArrowField, column: &Column) -> Result<ArrayRef, Error> {
        match self {
            Self::Names(names) if *column.dtype() == names.dtype => names.array(column),
            Self::Names(names) => names.array(&column.strict_cast(&names.dtype)?),
            Self::Plain(dtype) => {
                let series = if column.dtype() == dtype {
                    column.as_materialized_series().rechunk()
                } else {
                    column.strict_cast(dtype)?.take_materialized_series().rechunk()
                };
                let field = std::borrow::Cow::Borrowed(field);
                Ok(series.to_arrow_with_field(0, field, true)?)
            }
        }
    }
}

impl Names {
    fn of(dtype: &DataType, categories: &FrozenCategories) -> Self {
        let values = large_strings(categories.categories());
        let physical = categories.physical();
        let key = match physical {
            CategoricalPhysical::U8 => IntegerType::UInt8,
            CategoricalPhysical::U16 => IntegerType::UInt16,
            CategoricalPhysical::U32 => IntegerType::UInt32,
        };
        let arrow = ArrowDataType::Dictionary(key, Box::new(values.dtype().clone()), false);
        Self { dtype: dtype.clone(), arrow, physical, values }
    }

    fn array(&self, column: &Column) -> Result<ArrayRef, Error> {
        let series = column.as_materialized_series().rechunk();
        Ok(match self.physical {
            CategoricalPhysical::U8 => {
                self.dictionary(series.cat8()?.physical().downcast_as_array())
            }
            CategoricalPhysical::U16 => {
                self.dictionary(series.cat16()?.physical().downcast_as_array())
            }
            CategoricalPhysical::U32 => {
                self.dictionary(series.cat32()?.physical().downcast_as_array())
            }
        }?)
    }

    /// What lies under a null is made a number that names something.
    fn dictionary<K: DictionaryKey>(
        &self,
        codes: &PrimitiveArray<K>,
    ) -> polars::prelude::PolarsResult<ArrayRef> {
        let codes = match codes.validity() {
            None => codes.clone(),
            Some(validity) => {
                let known = codes.values().iter().zip(validity);
                let known = known.map(|(&code, known)| if known { code } else { K::default() });
                PrimitiveArray::from_vec(known.collect()).with_validity(Some(validity.clone()))
            }
        };
        let array = DictionaryArray::try_new(self.arrow.clone(), codes, self.values.clone())?;
        Ok(array.boxed())
    }
}

fn large_strings(names: &Utf8ViewArray) -> ArrayRef {
    Utf8Array::<i64>::from_slice(names.values_iter().collect::<Vec<_>>()).boxed()
}

/// The same array with a dictionary of only those names that it has, in their order: each row group of a
/// file carries its own.
pub fn compacted(array: &ArrayRef) -> Option<ArrayRef> {
    let any = array.as_any();
    if let Some(array) = any.downcast_ref::<DictionaryArray<u32>>() {
        compacted_names(array)
    } else if let Some(array) = any.downcast_ref::<DictionaryArray<u16>>() {
        compacted_names(array)
    } else {
        None
    }
}

fn compacted_names<K: DictionaryKey + Into<u32>>(array: &DictionaryArray<K>) -> Option<ArrayRef> {
    let names = array.values().as_any().downcast_ref::<Utf8Array<i64>>()?;
    let validity: Option<&Bitmap> = array.keys().validity();
    let is_known = |row: usize| validity.is_none_or(|validity| validity.get_bit(row));
    let codes = || array.keys().values().iter().map(|&code| code.into() as usize).enumerate();
    let mut numbers = vec![u32::MAX; names.len()];
    for (row, code) in codes() {
        if is_known(row) {
            *numbers.get_mut(code)? = 0;
        }
    }
    let mut used = Vec::new();
    for (name, number) in numbers.iter_mut().enumerate().filter(|(_, number)| **number == 0) {
        *number = u32::try_from(used.len()).ok()?;
        used.push(names.value(name));
    }
    let known = codes()
        .map(|(row, code)| numbers.get(code).filter(|_| is_known(row)).copied().unwrap_or(0));
    let keys = PrimitiveArray::from_vec(known.collect()).with_validity(validity.cloned());
    let values = Utf8Array::<i64>::from_slice(used).boxed();
    Some(DictionaryArray::<u32>::try_from_keys(keys, values, false).ok()?.boxed())
}
