use super::*;

#[test]
fn lines_with_any_path() {
    let line =
        b"7f00-7f10 rw-s 00002000 08:1f 12345                      /tmp/a \xff\x1b b (deleted)";
    let vma = parse_line(line).unwrap();
    assert_eq!((vma.start, vma.end, vma.prot, vma.shared), (0x7f00, 0x7f10, 3, true));
    assert_eq!((vma.file_offset, vma.dev_major, vma.dev_minor, vma.inode), (0x2000, 8, 31, 12345));
    assert_eq!(vma.path, b"/tmp/a \xff\x1b b (deleted)");
    let anonymous = parse_line(b"1000-2000 r-xp 00000000 00:00 0 ").unwrap();
    assert_eq!((anonymous.prot, anonymous.shared, anonymous.path.len()), (5, false, 0));
    // Names that trip a parser of the path field.
    for name in ["/SYSVx", "[stack:", "[", "]"] {
        let line = format!("1000-2000 r--p 00000000 00:00 0    {name}");
        assert_eq!(parse_line(line.as_bytes()).unwrap().path, name.as_bytes());
    }
}

#[test]
fn malformed_lines_fail() {
    for line in [
        "",
        "x",
        "1000 r--p 0 00:00 0",
        "1000-2000",
        "1000-2000 r--p 0 00 0",
        "z-y r--p 0 0:0 0",
        "1000-2000  0 0:0 0 /SYSV \u{c}",
    ] {
        assert!(parse_line(line.as_bytes()).is_err(), "{line:?}");
    }
}

#[test]
fn maps_are_read_below_the_given_root() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("42")).unwrap();
    let maps = "1000-2000 r--p 00000000 00:00 0 [heap]\n2000-3000 rw-p 00000000 00:00 0 \n";
    std::fs::write(root.path().join("42/maps"), maps).unwrap();
    let snapshot = take(root.path(), 42, SnapshotReason::Start).unwrap();
    assert_eq!(snapshot.vmas.len(), 2);
    assert_eq!(snapshot.vmas[0].path, b"[heap]");
    assert!(snapshot.start_ns <= snapshot.end_ns);
    assert!(take(root.path(), 43, SnapshotReason::Start).is_err());
}

#[test]
fn the_kernel_answers_as_its_maps_say() {
    let own = std::process::id();
    let code = names as *const () as u64;
    let addrs = [code, 0x10, &raw const own as u64, code + 1];
    let Ok(answer) = query(Path::new("/proc"), own, &addrs) else {
        eprintln!("skipped: no PROCMAP_QUERY (Linux 6.11)");
        return;
    };
    let holds = |vma: &Vma, addr: u64| (vma.start..vma.end).contains(&addr);
    let all = take(Path::new("/proc"), own, SnapshotReason::Periodic).unwrap();
    // Nothing is mapped at 0x10.
    assert_eq!(answer.vmas.len(), 2);
    for addr in [addrs[0], addrs[2]] {
        let told = answer.vmas.iter().find(|vma| holds(vma, addr)).unwrap();
        let read = all.vmas.iter().find(|vma| holds(vma, addr)).unwrap();
        // Stacks of test threads are anonymous; the neighbourhood may grow meanwhile.
        assert_eq!((told.prot, told.shared, &told.path), (read.prot, read.shared, &read.path));
        assert_eq!((told.file_offset, told.inode), (read.file_offset, read.inode));
        assert_eq!((told.dev_major, told.dev_minor), (read.dev_major, read.dev_minor));
    }
}

#[test]
fn one_snapshot_of_a_process_at_a_time() {
    let pid = std::process::id();
    let mut snapshots = Snapshotter::start(None).unwrap();
    assert!(snapshots.request(pid, SnapshotReason::Periodic));
    assert!(!snapshots.request(pid, SnapshotReason::Loss));
    let reasons = |taken: Vec<Taken>| -> Vec<SnapshotReason> {
        taken.into_iter().map(|one| one.result.unwrap().reason).collect()
    };
    let patience = Duration::from_secs(60);
    assert_eq!(reasons(snapshots.wait_all(patience)), [SnapshotReason::Periodic]);
    assert!(snapshots.request(pid, SnapshotReason::Loss));
    assert_eq!(reasons(snapshots.wait_all(patience)), [SnapshotReason::Loss]);
}

#[test]
fn control_groups_come_alone_and_with_whole_snapshots() {
    let own = std::process::id();
    let Some(told) = cgroups::read(Path::new("/proc"), own) else {
        eprintln!("skipped: no control groups");
        return;
    };
    let mut snapshots = Snapshotter::start(None).unwrap();
    snapshots.look_at_cgroup(own);
    assert!(snapshots.request(own, SnapshotReason::Exec));
    let taken = snapshots.wait_all(Duration::from_secs(60)).remove(0);
    let [seen] = <[Seen; 1]>::try_from(snapshots.collect_cgroups()).unwrap();
    let [alone, beside] = [seen.cgroup, taken.cgroup].map(Option::unwrap);
    assert_eq!((&alone.path, &beside.path), (&told.path, &told.path));
    assert!(alone.time_ns <= beside.time_ns && beside.time_ns <= taken.end_ns);
    assert!(snapshots.query(own, vec![0x10]));
    assert_eq!(snapshots.wait_all(Duration::from_secs(60)).remove(0).cgroup, None);
}
