//! The columns about the code that faulted.

use pfmodel::column::Values as _;
use pfmodel::table::{Analysis, NONE};
use polars::prelude::{IntoColumn as _, NewChunkedArray as _, PolarsResult, UInt32Chunked};

use super::dictionary::{Dictionary, coded};
use super::{Builder, KERNEL_MODULE, Unnamed, recorded};
use crate::names::chains::Texts;
use crate::names::code;
use crate::print::text::printable;

/// The module of a row's place in code; without one what is mapped there.
pub fn module<'a>(name: &'static str, analysis: &'a Analysis) -> PolarsResult<Builder<'a>> {
    let faults = &analysis.faults;
    let label = |label: &[u8]| (!label.is_empty()).then(|| printable(label));
    let places = analysis.locations.iter().map(|location| label(&location.module_label));
    let mapped = analysis.mappings.iter().map(|mapping| Some(printable(&mapping.region)));
    let kernel = [Some(KERNEL_MODULE.to_owned())];
    let dictionary = Dictionary::new(places.chain(mapped).chain(kernel))?;
    let in_kernel = dictionary.last();
    let places = analysis.locations.len();
    Ok(Box::new(move |rows| {
        let code = |row: usize| {
            let place = faults.code[row];
            let known = (place as usize) < places;
            match dictionary.code(place) {
                code if known && code != NONE => code,
                _ if faults.kernel_mode[row] => in_kernel,
                _ => {
                    let mapped = faults.ip_mapping[row] as usize;
                    let source = (mapped < analysis.mappings.len()).then_some(places + mapped);
                    source.map_or(NONE, |source| dictionary.code(source as u32))
                }
            }
        };
        coded(name, rows.map(code), &dictionary.dtype)
    }))
}

/// The innermost function.
pub fn function<'a>(
    name: &'static str,
    analysis: &'a Analysis,
    unnamed: Unnamed,
) -> PolarsResult<Builder<'a>> {
    let functions = analysis.locations.iter().map(|location| match unnamed {
        Unnamed::Null => code::function(location),
        Unnamed::Place => Some(code::function_or_place(location)),
    });
    recorded(name, functions, &analysis.faults.code)
}

/// Its file and line.
pub fn source<'a>(name: &'static str, analysis: &'a Analysis) -> PolarsResult<Builder<'a>> {
    recorded(name, analysis.locations.iter().map(code::source), &analysis.faults.code)
}

/// The number of the call chain, the same for chains that read alike.
pub fn call_chain<'a>(name: &'static str, analysis: &'a Analysis) -> Builder<'a> {
    let texts = Texts::of(analysis);
    Box::new(move |rows| {
        let chains = analysis.faults.call_chain.range(rows);
        let numbers = chains.map(|&chain| texts.number(chain));
        Ok(UInt32Chunked::from_iter_options(name.into(), numbers).into_column())
    })
}
