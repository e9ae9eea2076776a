//! No more capabilities than a kernel asks for.

use super::*;

#[test]
fn each_kernel_asks_for_its_own() {
    let of = |machine: &Machine| about(Wish::OtherUsers, machine, &user_trials()).2;
    let of_release =
        |release: &str| Machine { kernel_release: Some(release.to_owned()), ..desktop() };
    let old = Machine { last_capability: Some(37), ..of_release("5.4.0-150-generic") };
    assert_eq!(of(&old), [SETCAP.replace("cap_perfmon", "cap_sys_admin,cap_sys_ptrace")]);
    let both = SETCAP.replace("cap_perfmon", "cap_perfmon,cap_sys_ptrace");
    for release in ["6.14.11", "5.15.0-91-generic", "strange"] {
        assert_eq!(of(&of_release(release)), [both.as_str()], "{release}");
    }
    for release in ["6.15.0", "6.15-rc1", "7.0"] {
        assert_eq!(of(&of_release(release)), [SETCAP], "{release}");
    }
}

#[test]
fn what_is_there_stays_and_what_does_not_do_is_added_to() {
    let has = |names: &[Capability]| {
        let bits = names.iter().map(|&name| 1_u64 << name as u32).sum();
        Machine { effective: Some(bits), ..desktop() }
    };
    // Maps that CAP_PERFMON does not open, as /proc with hidepid has them.
    let refused = Trials {
        foreign: Some(Foreign {
            pid: 1,
            uid: 0,
            events: Trial::Works,
            maps: Trial::Refused(libc::EACCES),
        }),
        ..root_trials()
    };
    let both = SETCAP.replace("cap_perfmon", "cap_perfmon,cap_sys_ptrace");
    let perfmon = has(&[Capability::Perfmon]);
    assert_eq!(about(Wish::OtherUsers, &perfmon, &refused).2, [both.as_str()]);
    assert_eq!(about(Wish::SystemWide, &perfmon, &refused).2, [both.as_str()]);
    let small = Ring { wanted_bytes: 8 << 20, possible_bytes: 4 << 20 };
    let small = Trials { ring: Some(small), ..root_trials() };
    let rings = |machine: &Machine| about(Wish::FullRings, machine, &small).2.pop().unwrap();
    let with = |names| format!("or: {}", SETCAP.replace("cap_perfmon", names));
    assert_eq!(rings(&perfmon), with("cap_perfmon,cap_ipc_lock"));
    let two = has(&[Capability::Perfmon, Capability::SysPtrace]);
    assert_eq!(rings(&two), with("cap_perfmon,cap_sys_ptrace,cap_ipc_lock"));
}
