//! The `format` files of tracepoints.

use pfcapture::internals::fuzzing::parse_tracepoint;

/// Whatever the text: each offset, and the id, is a number that the text states.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (id, offsets) = parse_tracepoint(text);
    let states = |what: &str, number: u64| {
        text.split(what).skip(1).any(|behind| {
            let behind = behind.trim_start().trim_start_matches(['+', '0']);
            let digits =
                behind.len() - behind.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let digits = behind.get(..digits).unwrap_or_default();
            digits.parse::<u64>().unwrap_or(0) == number
        })
    };
    assert!(id.is_none_or(|id| states("ID:", id)));
    assert!(offsets.iter().all(|&offset| states("offset:", offset as u64)));
}

pub fn seeds() -> Vec<Vec<u8>> {
    let field = |declared: &str, offset: usize, size: usize| {
        format!("\tfield:{declared};\toffset:{offset};\tsize:{size};\tsigned:0;\n")
    };
    let format = |name: &str, id: u32, fields: &[String]| {
        let common = field("unsigned short common_type", 0, 2) + &field("int common_pid", 4, 4);
        format!("name: {name}\nID: {id}\nformat:\n{common}\n{}\nprint fmt: \"\"\n", fields.concat())
    };
    let long = |name: &str, offset| field(&format!("unsigned long {name}"), offset, 8);
    let fault = [long("address", 8), long("ip", 16), long("error_code", 24)];
    let signal = [field("int sig", 8, 4), field("int errno", 12, 4), field("int code", 16, 4)];
    let oom = [
        field("int pid", 8, 4),
        field("__data_loc char[] comm", 12, 4),
        long("total_vm", 16),
        long("anon_rss", 24),
        field("uid_t uid", 48, 4),
        field("short oom_score_adj", 64, 2),
    ];
    let texts = [
        format("page_fault_user", 190, &fault),
        format("signal_generate", 7, &signal),
        format("mark_victim", 609, &oom),
    ];
    texts.map(String::into_bytes).into()
}
