//! Where a recorder writes: not through links of others, and with capabilities of its file no further than its user
//! could.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::lent;
use crate::recording::{Lab, User, is_root};
use crate::refusals::refused;

/// A process of root in a folder, through which others might get there.
pub struct Inside(Child);

impl Inside {
    pub fn of(folder: &Path) -> Self {
        Self(Command::new("sleep").arg("600").current_dir(folder).spawn().unwrap())
    }

    /// The folder, by another name.
    pub fn cwd(&self) -> PathBuf {
        Path::new("/proc").join(self.0.id().to_string()).join("cwd")
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Nobody but root may enter the folder.
pub fn for_root_only(folder: &Path) {
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn capabilities_of_the_file_write_nowhere() {
    let all =
        "cap_perfmon,cap_sys_ptrace,cap_dac_override,cap_dac_read_search,cap_fowner,cap_sys_admin";
    let Some(lab) = lent(all) else { return };
    // A folder that anybody may write, inside of one that only root may enter.
    let hidden = lab.dir.path().join("hidden");
    let open = hidden.join("open");
    std::fs::create_dir_all(&open).unwrap();
    set_mode(&open, 0o777);
    for_root_only(&hidden);
    let precious = hidden.join("precious");
    std::fs::write(&precious, "precious").unwrap();
    let inside = Inside::of(&open);
    let through = inside.cwd().join("x");
    for place in [hidden.join("x"), open.join("x"), through, precious.clone()] {
        let touched = lab.dir.path().join("touched");
        for option in [
            &["-o"][..],
            &["-o", "own.pft", "--live", "--live-out"],
            &["--flight-recorder", "10s", "-o"],
        ] {
            let mut command = lab.pfrecord_bare();
            command.args(["-f"]).args(option).arg(&place).args(["--", "touch"]).arg(&touched);
            refused(&command.output().unwrap(), 2, "Permission denied");
            assert!(!touched.exists());
        }
    }
    assert_eq!(std::fs::read(&precious).unwrap(), b"precious");
    assert_eq!(std::fs::read_dir(&open).unwrap().count(), 0);
}

#[test]
fn what_is_written_belongs_to_the_user() {
    let Some(lab) = lent("cap_perfmon,cap_sys_ptrace") else { return };
    let mut command = lab.pfrecord();
    command.args(["-q", "--live", "--live-out", "lines", "--", "true"]);
    assert!(command.status().unwrap().success());
    for path in [lab.trace(), lab.dir.path().join("lines")] {
        let found = std::fs::metadata(&path).unwrap();
        assert_eq!((found.uid(), found.gid(), found.mode() & 0o777), (65_534, 65_534, 0o600));
    }
}

/// A folder for everybody, as `/tmp` is.
fn shared(lab: &Lab) -> PathBuf {
    let shared = lab.dir.path().join("shared");
    std::fs::create_dir(&shared).unwrap();
    set_mode(&shared, 0o1777);
    shared
}

#[test]
fn a_link_in_a_shared_folder_is_replaced_and_never_followed() {
    let lab = Lab::new(User::Own);
    let shared = shared(&lab);
    let precious = lab.dir.path().join("precious");
    std::fs::write(&precious, "precious").unwrap();
    for name in ["trace", "lines"] {
        symlink(&precious, shared.join(name)).unwrap();
    }
    let record = |options: &[&str]| {
        let mut command = lab.pfrecord_bare();
        command.args(["-q", "-o"]).arg(shared.join("trace")).args(["--live", "--live-out"]);
        command.arg(shared.join("lines")).args(options).args(["--", "true"]).output().unwrap()
    };
    refused(&record(&[]), 2, "File exists");
    assert!(record(&["-f"]).status.success());
    assert_eq!(std::fs::read(&precious).unwrap(), b"precious");
    for name in ["trace", "lines"] {
        let found = std::fs::symlink_metadata(shared.join(name)).unwrap();
        assert!(found.is_file() && found.mode() & 0o777 == 0o600, "{name}");
    }
    // Another name of a file leads to it just as well.
    std::fs::remove_file(shared.join("lines")).unwrap();
    std::fs::hard_link(&precious, shared.join("lines")).unwrap();
    assert!(record(&["-f"]).status.success());
    assert_eq!(std::fs::read(&precious).unwrap(), b"precious");
}

#[test]
fn lines_do_not_go_into_a_pipe_that_somebody_else_laid() {
    if !is_root() {
        eprintln!("skipped: needs root, to give things away");
        return;
    }
    let lab = Lab::new(User::Own);
    let shared = shared(&lab);
    let pipe = shared.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let link = shared.join("link");
    symlink(&pipe, &link).unwrap();
    let record = |place: &Path| {
        let mut command = lab.pfrecord_bare();
        command.args(["-q", "--live", "--live-out"]).arg(place).args(["--", "true"]);
        command.stderr(Stdio::piped()).output().unwrap()
    };
    for place in [&pipe, &link] {
        lchown(place, Some(65_534), Some(65_534)).unwrap();
        refused(
            &record(place),
            2,
            "it belongs to another user, in a folder that everybody may write",
        );
    }
    // One's own is written.
    chown(&pipe, Some(0), Some(0)).unwrap();
    let reader = Command::new("cat").arg(&pipe).stdout(Stdio::piped()).spawn().unwrap();
    let output = record(&pipe);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = reader.wait_with_output().unwrap().stdout;
    assert!(String::from_utf8_lossy(&lines).starts_with('['));
}

#[test]
fn the_links_of_the_machine_are_not_replaced() {
    let lab = Lab::new(User::Own);
    let link = lab.dir.path().join("stdout");
    symlink("/proc/self/fd/1", &link).unwrap();
    let into = std::fs::File::create(lab.dir.path().join("captured")).unwrap();
    let mut command = lab.pfrecord_bare();
    command.args(["-f", "-o"]).arg(&link).args(["--", "true"]).stdout(into);
    refused(&command.stderr(Stdio::piped()).output().unwrap(), 2, "is no regular file");
    assert!(link.symlink_metadata().unwrap().is_symlink());
}
