//! `/proc/PID/maps`, in which paths are any bytes.

use std::panic::catch_unwind;

use pfcapture::internals::fuzzing::parse_maps;
use pft::record::Vma;
use procfs::FromRead;
use procfs::process::{MMPermissions, MemoryMaps};

/// Whatever the text: mappings that are read are read again from a text made of them; and where another
/// parser reads the text as well, it finds the same numbers.
pub fn run(bytes: &[u8]) {
    let Ok(vmas) = parse_maps(bytes) else { return };
    let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    assert_eq!(vmas.len(), lines.count());
    let text: Vec<u8> = vmas.iter().flat_map(line).collect();
    assert_eq!(parse_maps(&text).expect("a line as the kernel writes it"), vmas);
    // Some paths make it panic, which is why only the fields before the path go through it.
    if let Ok(Ok(witness)) = catch_unwind(|| MemoryMaps::from_read(bytes)) {
        let found: Vec<_> = vmas.iter().map(numbers).collect();
        let expected = witness.0.iter().map(|map| {
            let has = |bit, value| if map.perms.contains(bit) { value } else { 0 };
            let prot = has(MMPermissions::READ, 1)
                | has(MMPermissions::WRITE, 2)
                | has(MMPermissions::EXECUTE, 4);
            let shared = map.perms.contains(MMPermissions::SHARED);
            (map.address.0, map.address.1, prot, shared, map.offset, map.inode)
        });
        assert_eq!(found, expected.collect::<Vec<_>>());
    }
}

fn numbers(vma: &Vma) -> (u64, u64, u32, bool, u64, u64) {
    (vma.start, vma.end, vma.prot, vma.shared, vma.file_offset, vma.inode)
}

/// A line as the kernel writes it (`show_map_vma`).
fn line(vma: &Vma) -> Vec<u8> {
    let letter = |bit: u32, letter: char| if vma.prot & bit != 0 { letter } else { '-' };
    let mut line = format!(
        "{:08x}-{:08x} {}{}{}{} {:08x} {:02x}:{:02x} {} ",
        vma.start,
        vma.end,
        letter(1, 'r'),
        letter(2, 'w'),
        letter(4, 'x'),
        if vma.shared { 's' } else { 'p' },
        vma.file_offset,
        vma.dev_major,
        vma.dev_minor,
        vma.inode,
    )
    .into_bytes();
    if !vma.path.is_empty() {
        line.resize(line.len().max(73), b' ');
        line.extend(&vma.path);
    }
    line.push(b'\n');
    line
}

pub fn seeds() -> Vec<Vec<u8>> {
    let kinds = b"559fe2a49000-559fe2a4b000 r--p 00000000 08:01 1835063                    /usr/bin/cat\n\
        559fe2a4b000-559fe2a50000 r-xp 00002000 08:01 1835063                    /usr/bin/cat\n\
        559fe4f0c000-559fe4f2d000 rw-p 00000000 00:00 0                          [heap]\n\
        7f3d1c000000-7f3d1c021000 rw-p 00000000 00:00 0 \n\
        7f3d24a00000-7f3d24b00000 rw-s 00000000 00:05 1025                       /dev/zero (deleted)\n\
        7f3d24b00000-7f3d24b01000 ---p 00000000 00:00 0                          [anon:guard \xff\x1b]\n\
        7ffc9d0f0000-7ffc9d111000 rw-p 00000000 00:00 0                          [stack]\n\
        ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";
    let odd = b"1000-2000 r--p 0 0:0 0 /SYSV00000000 (deleted)\n1000-2000 rwxs ff 103:1f 18446744073709551615 [stack:7]";
    vec![kinds.to_vec(), odd.to_vec()]
}
