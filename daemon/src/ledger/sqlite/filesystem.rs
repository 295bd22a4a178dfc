//! Whether a ledger may lie on a file system: SQLite's WAL needs shared memory and honest locks.

use std::path::Path;

use super::super::error::{LedgerError, Result};

/// `f_type` of `statfs(2)` of the file systems on which SQLite ledgers come to grief.
const REFUSED: [(u32, &str); 6] = [
    (0x6969, "NFS"),
    (0x517B, "SMB"),
    (0xFF53_4D42, "SMB (CIFS)"),
    (0xFE53_4D42, "SMB 2"),
    (0x6573_5546, "FUSE"),
    (0x00C3_6400, "Ceph"),
];

/// Refuses folders on file systems shared with other machines.
pub(super) fn check_local(folder: &Path) -> Result<()> {
    let found =
        rustix::fs::statfs(folder).map_err(|e| LedgerError::Io { path: folder.to_path_buf(), source: e.into() })?;
    // The type is a signed word on some machines; only the low 32 bits mean anything.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a magic number, not a quantity")]
    let magic = found.f_type as u32;
    match refused(magic) {
        Some(kind) => Err(LedgerError::NetworkFilesystem { path: folder.to_path_buf(), kind }),
        None => Ok(()),
    }
}

fn refused(magic: u32) -> Option<&'static str> {
    REFUSED.iter().find(|(refused, _)| *refused == magic).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::refused;

    #[test]
    fn network_file_systems_are_refused_and_local_ones_are_not() {
        let cases = [
            (0x6969, Some("NFS")),
            (0xFF53_4D42, Some("SMB (CIFS)")),
            (0x6573_5546, Some("FUSE")),
            (0xEF53, None),      // ext4
            (0x5846_5342, None), // XFS
            (0x9123_683E, None), // Btrfs
            (0x0102_1994, None), // tmpfs
            (0x794C_7630, None), // overlayfs
        ];
        for (magic, expected) in cases {
            assert_eq!(refused(magic), expected, "{magic:#x}");
        }
    }
}
