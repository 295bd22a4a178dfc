//! Takes one complete file in: spool, judge, submit, move. Every step can be repeated after a crash.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::artifacts::hash_bytes;
use crate::error::{Diagnostic, Diagnostics};
use crate::ids::JobId;
use crate::yaml;

use super::names;
use super::settle::Look;

/// The folders of an intake.
#[derive(Clone, Debug)]
pub struct Shelves {
    pub intake: PathBuf,
    pub spool: PathBuf,
}

impl Shelves {
    /// Makes all folders.
    ///
    /// # Errors
    /// When one can't be made.
    pub fn open(intake: PathBuf, spool: PathBuf) -> io::Result<Self> {
        for shelf in ["processing", "done", "failed", "rejected"] {
            fs::create_dir_all(intake.join(shelf))?;
        }
        fs::create_dir_all(&spool)?;
        Ok(Self { intake, spool })
    }

    #[must_use]
    pub fn shelf(&self, name: &str) -> PathBuf {
        self.intake.join(name)
    }
}

/// What a complete file turned out to be, once it lies in the spool.
pub struct Spooled {
    pub name: String,
    /// The same drop has the same id, however often it is looked at.
    pub intake_id: String,
    pub sha256: crate::ids::Sha256,
    pub bytes: Vec<u8>,
    /// The file as it was when it was read.
    pub look: Look,
    pub copy: PathBuf,
}

/// Why a file was not spooled.
pub enum NotSpooled {
    /// It changed while it was read, or is gone: look again later.
    Changed,
    /// It is nothing that can be a brief.
    Refused(Diagnostic),
}

/// The stat of a file as the settle rule compares it; `None` for what is gone.
#[must_use]
pub fn look(path: &Path) -> Option<Look> {
    let m = fs::symlink_metadata(path).ok()?;
    Some(Look {
        bytes: m.len(),
        modified_ns: i128::from(m.mtime()) * 1_000_000_000 + i128::from(m.mtime_nsec()),
        inode: m.ino(),
    })
}

/// One drop, one id: name, content, time and inode.
#[must_use]
pub fn drop_id(name: &str, content: &str, look: Look) -> String {
    let drop = format!("{name}\0{content}\0{}\0{}", look.modified_ns, look.inode);
    hash_bytes(drop.as_bytes()).0[..20].to_owned()
}

/// Copies a file of the intake folder to the spool.
///
/// It is opened without following links and without blocking, so that a pipe or a link put there can do no harm.
///
/// # Errors
/// See [`NotSpooled`].
pub fn spool(shelves: &Shelves, name: &str) -> Result<Spooled, NotSpooled> {
    let path = shelves.intake.join(name);
    let Some(before) = look(&path) else { return Err(NotSpooled::Changed) };
    let kind = fs::symlink_metadata(&path).map(|m| m.file_type());
    if !kind.is_ok_and(|k| k.is_file()) {
        let what = Diagnostic::new("not-a-file", format!("{name} is not a plain file"))
            .expected("a YAML file; links, folders and devices are not followed")
            .hint("copy the brief itself into the folder");
        return Err(NotSpooled::Refused(what));
    }
    if before.bytes > yaml::MAX_BYTES {
        return Err(NotSpooled::Refused(yaml::too_large(name, before.bytes)));
    }
    let mut bytes = Vec::new();
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let read = OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
        .open(&path)
        .and_then(|f| f.take(yaml::MAX_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            let what = Diagnostic::new("unreadable", format!("{name} can't be read: {e}"))
                .hint("give the daemon's user the right to read it, then drop it again");
            return Err(NotSpooled::Refused(what));
        }
        Err(_) => return Err(NotSpooled::Changed),
        Ok(_) if look(&path) != Some(before) || bytes.len() as u64 != before.bytes => return Err(NotSpooled::Changed),
        Ok(_) => {}
    }
    let sha256 = hash_bytes(&bytes);
    let intake_id = drop_id(name, sha256.as_str(), before);
    let copy = shelves.spool.join(format!("{intake_id}.yaml"));
    if write_durably(&copy, &bytes).is_err() {
        // Most likely the disk is full: the file stays where it is and is taken later.
        return Err(NotSpooled::Changed);
    }
    Ok(Spooled { name: name.into(), intake_id, sha256, bytes, look: before, copy })
}

/// Puts an accepted brief into `processing/`. A second call finds nothing left to do.
///
/// # Errors
/// When the file system refuses.
pub fn to_processing(shelves: &Shelves, spooled: &Spooled, job: JobId) -> io::Result<()> {
    let target = shelves.shelf("processing").join(names::with_job(&spooled.name, job.0));
    put_away(shelves, spooled, &target)
}

/// Puts a bad brief into `rejected/` and the report beside it, the report first: a file on that shelf is always
/// explained.
///
/// # Errors
/// When the file system refuses.
pub fn reject(shelves: &Shelves, spooled: &Spooled, problems: &Diagnostics) -> io::Result<()> {
    let target = rejected(shelves, &spooled.name, &spooled.intake_id, problems)?;
    put_away(shelves, spooled, &target)
}

/// The same for what was refused without having been read.
///
/// # Errors
/// When the file system refuses.
pub fn refuse(shelves: &Shelves, name: &str, problem: Diagnostic) -> io::Result<()> {
    let from = shelves.intake.join(name);
    let Some(look) = look(&from) else { return Ok(()) };
    let target = rejected(shelves, name, &drop_id(name, "", look), &vec![problem])?;
    move_away(&from, &target)?;
    clear_marker(shelves, name);
    Ok(())
}

/// Writes the report; gives the place for the brief.
fn rejected(shelves: &Shelves, name: &str, id: &str, problems: &Diagnostics) -> io::Result<PathBuf> {
    let (stem, ext) = names::parts(name);
    let short = id.get(..6).unwrap_or(id);
    let report = shelves.shelf("rejected").join(format!("{stem}.{short}.report.txt"));
    write_durably(&report, super::report::rejected(name, problems).as_bytes())?;
    Ok(shelves.shelf("rejected").join(format!("{stem}.{short}.{ext}")))
}

/// Moves the very file that was judged. One that was saved again meanwhile stays where it is and is a drop of its own;
/// what was judged is put onto the shelf from the bytes that were read.
fn put_away(shelves: &Shelves, spooled: &Spooled, target: &Path) -> io::Result<()> {
    let from = shelves.intake.join(&spooled.name);
    if look(&from) == Some(spooled.look) {
        move_away(&from, target)?;
        clear_marker(shelves, &spooled.name);
    } else {
        write_durably(target, &spooled.bytes)?;
    }
    // Another copy is on the shelf by now.
    let _ = fs::remove_file(&spooled.copy);
    Ok(())
}

fn clear_marker(shelves: &Shelves, name: &str) {
    // Most briefs have none.
    let _ = fs::remove_file(shelves.intake.join(format!("{name}.ready")));
}

fn move_away(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    if let Some(folder) = to.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Temp, fsync, rename, fsync of the folder.
///
/// # Errors
/// When the file system refuses; nothing half-written is left under the name.
pub fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut temp = tempfile::Builder::new().prefix(".part-").tempfile_in(folder)?;
    io::Write::write_all(&mut temp, bytes)?;
    temp.as_file().sync_all()?;
    let file = temp.persist(path).map_err(|e| e.error)?;
    // Reports are for people: readable by all, as an ordinary new file would be.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.set_permissions(mode)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelves() -> (tempfile::TempDir, Shelves) {
        let dir = tempfile::tempdir().unwrap();
        let shelves = Shelves::open(dir.path().join("briefs"), dir.path().join("spool")).unwrap();
        (dir, shelves)
    }

    #[test]
    fn the_same_drop_has_the_same_id_and_a_new_drop_another() {
        let (_dir, shelves) = shelves();
        let path = shelves.intake.join("a.yaml");
        fs::write(&path, "title: x\n").unwrap();
        let id = |s: &Shelves| spool(s, "a.yaml").map(|s| s.intake_id).ok().unwrap();
        let first = id(&shelves);
        assert_eq!(first, id(&shelves));
        fs::remove_file(&path).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::write(&path, "title: x\n").unwrap();
        assert_ne!(first, id(&shelves), "dropped again: a job of its own");
    }

    #[test]
    fn a_brief_saved_again_while_it_is_judged_stays_as_a_new_drop() {
        let (_dir, shelves) = shelves();
        let path = shelves.intake.join("a.yaml");
        fs::write(&path, "title: first\n").unwrap();
        let Ok(spooled) = spool(&shelves, "a.yaml") else { panic!("not spooled") };
        fs::write(&path, "title: corrected\n").unwrap();
        to_processing(&shelves, &spooled, JobId(7)).unwrap();
        assert_eq!(fs::read_to_string(shelves.shelf("processing").join("a.job7.yaml")).unwrap(), "title: first\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "title: corrected\n", "the correction waits to be taken");
        assert!(!spooled.copy.exists(), "the spool keeps nothing that lies on a shelf");
    }

    #[test]
    fn links_pipes_folders_and_huge_files_are_refused_unread() {
        let (dir, shelves) = shelves();
        fs::write(dir.path().join("secret"), "x").unwrap();
        std::os::unix::fs::symlink(dir.path().join("secret"), shelves.intake.join("link.yaml")).unwrap();
        fs::create_dir(shelves.intake.join("folder.yaml")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            shelves.intake.join("pipe.yaml"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        File::create(shelves.intake.join("huge.yaml")).unwrap().set_len(1 << 30).unwrap();
        for (name, expected) in [
            ("link.yaml", "not-a-file"),
            ("folder.yaml", "not-a-file"),
            ("pipe.yaml", "not-a-file"),
            ("huge.yaml", "too-large"),
        ] {
            match spool(&shelves, name) {
                Err(NotSpooled::Refused(d)) => assert_eq!(d.code, expected, "{name}"),
                _ => panic!("{name} was not refused"),
            }
        }
    }
}
