//! Names as their authors wrote them.

use std::fmt::{self, Write};

use cpp_demangle::{DemangleOptions, Symbol};

/// A mangled name can expand exponentially: names that are longer, mangled or not, stay as they are.
const MAX_NAME_BYTES: usize = 4096;

/// The demangled form of a Rust (legacy and v0) or C++ (Itanium) name; any other name as it is.
///
/// Hashes that Rust appends are left out. A name of more than 4 KiB, mangled or not, is not demangled.
pub fn demangle(name: &str) -> String {
    rust(name).or_else(|| cpp(name)).unwrap_or_else(|| name.to_owned())
}

fn rust(name: &str) -> Option<String> {
    if name.len() > MAX_NAME_BYTES {
        return None;
    }
    let demangled = rustc_demangle::try_demangle(name).ok()?;
    let mut out = Bounded(String::new());
    write!(out, "{demangled:#}").ok()?;
    Some(out.0)
}

fn cpp(name: &str) -> Option<String> {
    if !name.starts_with("_Z") || name.len() > MAX_NAME_BYTES {
        return None;
    }
    let symbol = Symbol::new(name).ok()?;
    let mut out = Bounded(String::new());
    symbol.structured_demangle(&mut out, &DemangleOptions::default()).ok()?;
    Some(out.0)
}

struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > MAX_NAME_BYTES {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_demangled() {
        assert_eq!(demangle("_ZN5space3fooEibc"), "space::foo(int, bool, char)");
        assert_eq!(demangle("_ZN4core3ptr4read17h0123456789abcdefE"), "core::ptr::read");
        assert_eq!(demangle("_RNvCs1234_7mycrate3foo"), "mycrate::foo");
        assert_eq!(demangle("main"), "main");
        assert_eq!(demangle(""), "");
        assert_eq!(demangle("_ZN"), "_ZN");
    }

    #[test]
    fn a_name_that_explodes_stays_mangled() {
        // Each template argument list names the one before twice: the output doubles with every step.
        let mut name = "_Z1f1aI".to_owned();
        name.push_str("1aI1bS0_");
        for step in 1..30 {
            let id = char::from_digit(step, 36).unwrap().to_ascii_uppercase();
            name.push_str(&format!("1aIS{id}_S{id}_E"));
        }
        name.push_str("EE");
        assert!(demangle(&name).len() <= MAX_NAME_BYTES);
        let long = format!("_Z{}{}v", 5000, "a".repeat(5000));
        assert_eq!(demangle(&long), long);
    }
}
