//! Mangled names, which any file can hold.

use pfsymbols::demangle;

/// Longest name that is taken apart, and longest result, bytes.
const MAX_BYTES: usize = 4096;

/// Whatever the name: it comes back as it is, or as a name of bounded length; and in bounded time, which is
/// the fuzzer's to find.
pub fn run(bytes: &[u8]) {
    let name = String::from_utf8_lossy(bytes);
    let demangled = demangle(&name);
    assert!(demangled == name || demangled.len() <= MAX_BYTES);
}

pub fn seeds() -> Vec<Vec<u8>> {
    let names = [
        "main",
        "_ZN5space3fooEibc",
        "_ZN4core3ptr4read17h0123456789abcdefE",
        "_RNvCs1234_7mycrate3foo",
        "_RINvNtC3std3mem8align_ofdE",
        "_RNvXCs1234_7mycrateINtNtB4_3foo3BarpENtB2_5Trait3fn_",
        "_ZNSt6vectorIiSaIiEE9push_backERKi",
        "_Z1fIJidEEvDpT_",
        "_ZZ4mainENKUlvE_clEv",
        "_ZN1AcvT_IiEEv",
        "_Z1f1aI1aI1bS0_1aIS1_S1_E1aIS2_S2_EEE",
        "_ZGVZ3foovE1x",
    ];
    names.map(|name| name.as_bytes().to_vec()).into()
}
