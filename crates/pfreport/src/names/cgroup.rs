//! Short names of control groups: what container runtimes and systemd call them.

use pfmodel::table::{Analysis, Process};

use crate::print::text::printable;

/// Digits of a container's id, and how many of them tell it apart: runtimes list so many.
const ID_DIGITS: usize = 64;
const SHORT_ID_DIGITS: usize = 12;

/// What stands before an id, and how that runtime is called.
const RUNTIMES: &[(&str, &str)] = &[
    ("docker", "docker"),
    ("cri-containerd", "containerd"),
    ("crio", "cri-o"),
    ("libpod", "podman"),
    ("libpod_parent", "podman"),
];

/// Path of the last control group of a process, bytes as recorded; `None` if it is not known.
#[must_use]
pub fn path<'a>(analysis: &'a Analysis, process: &Process) -> Option<&'a [u8]> {
    let path = analysis.cgroups.get(process.last_cgroup()? as usize)?;
    Some(path)
}

/// Whether processes were in more than one control group, as far as is known.
#[must_use]
pub fn are_several(analysis: &Analysis) -> bool {
    let spans = analysis.processes.iter().flat_map(|process| &process.cgroups);
    let mut paths = spans.filter_map(|&(_, cgroup)| analysis.cgroups.get(cgroup as usize));
    let first = paths.next();
    paths.any(|path| Some(path) != first)
}

/// A control group in short, fit to print: the runtime, if its path tells, and the first digits of the id of
/// a container (`docker 3f2a91bc0d4e`), the innermost one; otherwise the last component of the path
/// (`redis.service`).
#[must_use]
pub fn short(path: &[u8]) -> String {
    let mut components: Vec<&[u8]> =
        path.split(|&byte| byte == b'/').filter(|component| !component.is_empty()).collect();
    let last = components.last().copied();
    while let Some(component) = components.pop() {
        let Some((before, id)) = container(component) else { continue };
        let runtime = match before {
            "" => components.last().and_then(|parent| runtime(std::str::from_utf8(parent).ok()?)),
            before => Some(runtime(before).unwrap_or(before)),
        };
        let id = &id[..SHORT_ID_DIGITS];
        return match runtime {
            Some(runtime) => format!("{runtime} {id}"),
            None => id.to_owned(),
        };
    }
    last.map_or_else(|| "/".to_owned(), printable)
}

fn runtime(word: &str) -> Option<&'static str> {
    RUNTIMES.iter().find(|(known, _)| *known == word).map(|&(_, name)| name)
}

/// What stands before the id in a component that ends with one, and the id.
fn container(component: &[u8]) -> Option<(&str, &str)> {
    let component = std::str::from_utf8(component).ok()?;
    let component = component.strip_suffix(".scope").unwrap_or(component);
    let (before, id) = component.split_at_checked(component.len().checked_sub(ID_DIGITS)?)?;
    if !id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let word = match before.strip_suffix(['-', ':']) {
        // `SLICE:RUNTIME:ID`, where a runtime was told to name groups as systemd does, and did not have systemd.
        Some(before) => before.rsplit(':').next().unwrap_or(before),
        None if before.is_empty() => "",
        None => return None,
    };
    let is_plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    is_plain.then_some((word, id))
}

#[cfg(test)]
mod tests {
    use super::short;

    const ID: &str = "3f2a91bc0d4e8c1f6a7b5d2e9f0c4a3b2d1e8f7a6b5c4d3e2f1a0b9c8d7e6f5a";

    #[test]
    fn containers_are_called_as_their_runtimes_list_them() {
        let pod = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod5c2b.slice";
        for (path, expected) in [
            // Docker with systemd, and without it.
            (format!("/system.slice/docker-{ID}.scope"), "docker 3f2a91bc0d4e"),
            (format!("/docker/{ID}"), "docker 3f2a91bc0d4e"),
            // With systemd inside, and a shell that was started beside it.
            (format!("/system.slice/docker-{ID}.scope/init.scope"), "docker 3f2a91bc0d4e"),
            (format!("/docker/{ID}/system.slice/nginx.service"), "docker 3f2a91bc0d4e"),
            // Seen from inside of another cgroup namespace.
            (format!("/../docker-{ID}.scope"), "docker 3f2a91bc0d4e"),
            // Kubernetes.
            (format!("{pod}/cri-containerd-{ID}.scope"), "containerd 3f2a91bc0d4e"),
            (format!("{pod}/crio-{ID}.scope"), "cri-o 3f2a91bc0d4e"),
            (format!("{pod}/crio-conmon-{ID}.scope"), "crio-conmon 3f2a91bc0d4e"),
            (format!("{pod}/docker-{ID}.scope"), "docker 3f2a91bc0d4e"),
            (format!("/kubepods/besteffort/pod7f1e-22/{ID}"), "3f2a91bc0d4e"),
            (
                format!(
                    "/system.slice/containerd.service/kubepods-pod5c2b.slice:cri-containerd:{ID}"
                ),
                "containerd 3f2a91bc0d4e",
            ),
            // Podman, as root and as a user.
            (format!("/machine.slice/libpod-{ID}.scope"), "podman 3f2a91bc0d4e"),
            (
                format!(
                    "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope/container"
                ),
                "podman 3f2a91bc0d4e",
            ),
            (format!("/machine.slice/libpod-conmon-{ID}.scope"), "libpod-conmon 3f2a91bc0d4e"),
            (format!("/libpod_parent/{ID}"), "podman 3f2a91bc0d4e"),
            // Amazon ECS.
            (format!("/ecs/0b69d5c0-d655-4695-98cd-5d2d526d9d5a/{ID}"), "3f2a91bc0d4e"),
            // A node of kind: the container inside of the container.
            (
                format!(
                    "/docker/{}/kubelet/kubepods/pod1/cri-containerd-{ID}.scope",
                    "a".repeat(64)
                ),
                "containerd 3f2a91bc0d4e",
            ),
        ] {
            assert_eq!(short(path.as_bytes()), expected, "{path}");
        }
    }

    #[test]
    fn other_groups_are_called_by_their_last_component() {
        for (path, expected) in [
            ("/system.slice/redis.service", "redis.service"),
            ("/user.slice/user-1000.slice/session-3.scope", "session-3.scope"),
            ("/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service"),
            ("/lxc.payload.web", "lxc.payload.web"),
            (
                "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope",
                "machine-qemu\\\\x2d1\\\\x2dvm.scope",
            ),
            ("/init.scope", "init.scope"),
            ("/kubepods.slice", "kubepods.slice"),
            ("/a/b/", "b"),
            ("/..", ".."),
            ("/", "/"),
            ("", "/"),
        ] {
            assert_eq!(short(path.as_bytes()), expected, "{path}");
        }
    }

    #[test]
    fn what_only_resembles_an_id_is_none() {
        let of = |component: &str| short(format!("/a/{component}").as_bytes());
        for component in [
            format!("docker-{}.scope", &ID[1..]),
            format!("docker{ID}.scope"),
            format!("docker-{}", ID.to_uppercase()),
            format!("x\u{e9}{ID}"),
            format!("{ID}.service"),
            format!("a b-{ID}"),
        ] {
            assert_eq!(of(&component), component);
        }
        assert_eq!(of(&format!("\u{202e}-{ID}")), format!("\\u{{202e}}-{ID}"));
        let broken = [b"/docker-\xff".as_slice(), ID.as_bytes()].concat();
        assert_eq!(short(&broken), format!("docker-\\xff{ID}"));
    }
}
