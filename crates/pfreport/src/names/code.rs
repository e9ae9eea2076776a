//! What tables call a place in code.

use pfmodel::table::{Function, Location};

use crate::print::text::printable;

/// The function whose instruction it is, fit to print: the innermost inlined one. None if it is not known.
#[must_use]
pub fn function(location: &Location) -> Option<String> {
    innermost(location).map(|function| printable(&function.name))
}

/// The function, or where none is known the place in the module, `libfoo.so+0x1234`.
#[must_use]
pub fn function_or_place(location: &Location) -> String {
    function(location).unwrap_or_else(|| match &*location.module_label {
        [] => format!("{:#x}", location.address),
        label => format!("{}+{:#x}", printable(label), location.address),
    })
}

/// `FILE:LINE` of the function, fit to print; `FILE` if the line is not known.
#[must_use]
pub fn source(location: &Location) -> Option<String> {
    let function = innermost(location).filter(|function| !function.file.is_empty())?;
    let file = printable(&function.file);
    Some(if function.line == 0 { file } else { format!("{file}:{}", function.line) })
}

fn innermost(location: &Location) -> Option<&Function> {
    location.functions.first().filter(|function| !function.name.is_empty())
}

/// Bytes as hexadecimal digits; none for none.
#[must_use]
pub fn build_id(bytes: &[u8]) -> Option<String> {
    (!bytes.is_empty()).then(|| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::{build_id, function, function_or_place, source};
    use crate::made_up::{self, INLINED, MAIN, UNNAMED};

    #[test]
    fn places_have_the_name_of_the_innermost_function() {
        let analysis = made_up::with_code().analysis;
        let place = |location: u32| &analysis.locations[location as usize];
        assert_eq!(function(place(INLINED)).as_deref(), Some("Table::touch"));
        assert_eq!(source(place(INLINED)).as_deref(), Some("/src/table.rs:42"));
        assert_eq!(source(place(MAIN)).as_deref(), Some("/src/main.rs"));
        assert_eq!((function(place(UNNAMED)), source(place(UNNAMED))), (None, None));
        assert_eq!(function_or_place(place(UNNAMED)), "libfoo.so+0x1234");
        let mut homeless = place(UNNAMED).clone();
        homeless.module_label.clear();
        assert_eq!(function_or_place(&homeless), "0x1234");
    }

    #[test]
    fn build_ids_are_digits() {
        assert_eq!(build_id(&[0x0a, 0xff]).as_deref(), Some("0aff"));
        assert_eq!(build_id(&[]), None);
    }
}
