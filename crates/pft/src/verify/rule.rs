//! The rules that are checked, each with the section of `schemas/pft.md` that it comes from.

use std::fmt;

macro_rules! rules {
    ($($rule:ident $word:literal $section:literal $says:literal,)*) => {
        /// A rule of the format. Its word stays as it is once it was released.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Rule {
            $(#[doc = $says] $rule,)*
        }

        impl Rule {
            /// Every rule, in the order of the sections.
            pub const ALL: &'static [Self] = &[$(Self::$rule),*];

            /// What it is called: `row-order`.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$rule => $word,)* }
            }

            /// The section of `schemas/pft.md` that has it: `4.5`.
            #[must_use]
            pub const fn section(self) -> &'static str {
                match self { $(Self::$rule => $section,)* }
            }

            /// What it says.
            #[must_use]
            pub const fn says(self) -> &'static str {
                match self { $(Self::$rule => $says,)* }
            }
        }
    };
}

rules! {
    Closed "closed" "1" "The file ends with an index and a trailer.",
    Gap "gap" "1" "Nothing lies between header, frames, index and trailer, nor behind the trailer.",
    Cut "cut" "1" "Each frame is as long as its header says.",
    FileHeader "file-header" "1.1" "Fields of the file header have values that this version knows.",
    FrameHeader "frame-header" "1.2" "Where a sync marker stands between frames, a valid frame header does.",
    Sequence "sequence" "1.2" "Sequence numbers begin at 0 and grow by one from frame to frame.",
    TimesEnclose "times-enclose" "1.2" "First and last time enclose every time in the frame.",
    TimesNone "times-none" "1.2" "First and last time are 0 in frames without times.",
    Trailer "trailer" "1.3" "The trailer says where the index begins and how long the file is.",
    Checksum "checksum" "1.4" "Payloads have the checksum that their frame header says.",
    Reserved "reserved" "conventions" "Reserved fields and bits are 0.",
    Zstd "zstd" "2" "A payload is exactly one zstd frame within its bounds.",
    Archive "archive" "2" "Vectors lie one behind the other in the order of their fields.",
    Padding "padding" "2" "Padding is 0, and only as much as alignment needs.",
    Strings "strings" "2" "Strings lie one behind the other and fill the text.",
    Utf8 "utf-8" "2" "Keys and values are UTF-8.",
    Parts "parts" "3" "Parts of a record are complete, agree, and lie one behind the other.",
    RowCount "row-count" "4" "The frame header says how many rows there are.",
    TaskFields "task-fields" "4.2" "Parents and names are where the kind of task record has them.",
    Protection "protection" "4.3" "A protection has no bits but those of reading, writing and executing.",
    MapRange "map-range" "4.3" "A mapping begins below its end.",
    SnapshotTimes "snapshot-times" "4.4" "A snapshot does not end before it begins.",
    SnapshotOrder "snapshot-order" "4.4" "Mappings of a snapshot are in order of address and do not overlap.",
    Columns "columns" "4.5" "Columns are there once, are as long as their rows, and have an encoding that they may have.",
    Dictionary "dictionary" "4.5" "Rows refer to threads and instruction pointers of their frame.",
    FaultValue "fault-value" "4.5" "Values of columns are within their bounds.",
    FaultFlags "fault-flags" "4.5" "Flags of a fault do not contradict each other.",
    LatencyUnknown "latency-unknown" "4.5" "A latency is unknown where the flags say so.",
    Loss "loss" "4.6" "Records are lost after the one time and before the other.",
    CheckpointEnd "checkpoint-end" "4.7" "Nothing but the index lies behind the checkpoint that closes the recording.",
    LedgerKeys "ledger-keys" "4.7" "No key is in a ledger twice.",
    CallFields "call-fields" "4.10" "Lengths, arguments and results are those that the kind of call has.",
    ChainRow "chain-row" "4.12" "A call chain has a number and at least one address.",
    ChainOfFault "chain-of-fault" "4.12" "A call chain begins where the fault that has it was.",
    ModuleRow "module-row" "4.13" "Parts of modules are counted, in order and within the address space.",
    ModulePid "module-pid" "4.13" "Only a perf map belongs to a process.",
    SymbolSize "symbol-size" "4.14" "Functions have no size.",
    SymbolOrder "symbol-order" "4.14" "Symbols of one address lie one behind the other in one frame.",
    Index "index" "4.15" "The index lists each frame before it as its header is, and lies behind all.",
    GapTimes "gap-times" "4.16" "A gap does not end before it begins.",
    Enumerated "enumerated" "4" "Kinds, reasons, states, causes and yes-or-no fields have values of the page.",
    RowOrder "row-order" "5" "Rows of a frame are in order of time.",
    SidebandFirst "sideband-first" "5" "Map and task records lie before faults that reach their time.",
    CallFirst "call-first" "5" "A call lies before faults that reach its exit, or else the end of its thread.",
    FaultFirst "fault-first" "5" "A fault lies before those that are later than two seconds behind its end.",
    CheckpointTime "checkpoint-time" "5" "What lies before a checkpoint began no later, but for snapshots and control groups.",
    ChainFirst "chain-first" "5" "A call chain lies before the faults that refer to it.",
    Definitions "definitions" "5" "What is defined again is defined as it was.",
    FactValue "fact-value" "6" "Facts have values of the form that their key says.",
    LedgerRows "ledger-rows" "7" "The ledger counts what the frames hold.",
    LedgerKernel "ledger-kernel" "7" "Captured, left out and lost add up to the kernel's count, or to less where it does not tell what it lost.",
    Codec "codec" "9" "Codec and encodings are known.",
    Refused "refused" "4" "What readers refuse for another reason.",
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Rule {
    /// The rule for which a decoder refuses a frame with these words.
    pub(super) fn of_refusal(what: &str) -> Self {
        match what {
            "the codec is unknown" | "a column has an unknown encoding" => Self::Codec,
            "the archive is invalid" => Self::Archive,
            "the number of rows differs from the frame header" | "the frame has too many rows" => {
                Self::RowCount
            }
            "a time lies outside the range in the frame header" => Self::TimesEnclose,
            "the rows are not in order of time" => Self::RowOrder,
            "a string is not behind the one before"
            | "a string reaches behind the text"
            | "the text is longer than its strings" => Self::Strings,
            "a string is not UTF-8" => Self::Utf8,
            "a column is missing"
            | "a column occurs twice"
            | "a column has a wrong length"
            | "a column has an encoding that it cannot have"
            | "the columns are longer than their data"
            | "the columns are shorter than their data" => Self::Columns,
            "a row refers to no thread" | "a row refers to no instruction pointer" => {
                Self::Dictionary
            }
            "a value exceeds 32 bits"
            | "a node exceeds 254"
            | "a page number exceeds the address space"
            | "an address lies outside its page" => Self::FaultValue,
            "a call chain has the number 0" | "a call chain is empty" => Self::ChainRow,
            "the rows count more than there is"
            | "the rows count less than there is"
            | "the sections are not in order of address"
            | "a build id is too long"
            | "a segment exceeds the address space"
            | "a section exceeds the address space" => Self::ModuleRow,
            "a gap ends before it begins" => Self::GapTimes,
            "a gap has no kind of frame" | "a flag is neither 0 nor 1" => Self::Enumerated,
            _ if what.contains(" has an unknown ") => Self::Enumerated,
            _ if what.contains("zstd") || what.contains("decompress") => Self::Zstd,
            _ => Self::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Rule;

    #[test]
    fn words_are_distinct_and_sections_are_on_the_page() {
        let words: BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.word()).collect();
        assert_eq!(words.len(), Rule::ALL.len());
        let page = include_str!("../../../../schemas/pft.md");
        for rule in Rule::ALL.iter().filter(|rule| **rule != Rule::Reserved) {
            let section = rule.section();
            let is_there = page.lines().any(|line| {
                let title = line.trim_start_matches('#');
                title.len() < line.len()
                    && (title.starts_with(&format!(" {section} "))
                        || title.starts_with(&format!(" {section}. ")))
            });
            assert!(is_there, "{rule}: section {section}");
        }
    }

    /// The words with which decoders refuse frames, as they stand in their sources.
    #[test]
    fn every_refusal_has_its_rule() {
        let sources = [
            include_str!("../decoder.rs"),
            include_str!("../decoder/records.rs"),
            include_str!("../decoder/moments.rs"),
            include_str!("../decoder/code.rs"),
            include_str!("../decoder/faults.rs"),
            include_str!("../columns.rs"),
            include_str!("../compression.rs"),
            include_str!("../archive.rs"),
            include_str!("../record/code.rs"),
        ];
        // What concerns a frame as a whole, or cannot happen to a part of one.
        let elsewhere = [
            "another frame lies here",
            "this kind of frame has no parts",
            "the parts belong to different snapshots",
            "an index frame holds no records",
            "the frame is cut short",
        ];
        let mut found = 0;
        for source in sources {
            let code = source.split("#[cfg(test)]").next().unwrap();
            let words = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            for words in words.flat_map(|line| line.split('"').skip(1).step_by(2)) {
                let is_refusal = words.starts_with("the ") || words.starts_with("a ");
                if is_refusal && !elsewhere.contains(&words) {
                    assert_ne!(Rule::of_refusal(words), Rule::Refused, "{words}");
                    found += 1;
                }
            }
        }
        assert!(found > 40, "{found}");
    }
}
