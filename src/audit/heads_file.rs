//! `audit/heads.jsonl`: heads outside of the database, one a line, each durable when it is written. Copy it to where
//! whoever writes to the database cannot write: `tureen audit verify --head` reads it.

use crate::catalog::AuditHead;
use std::path::{Path, PathBuf};
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

/// Of the heads.
pub(super) const FILE: &str = "heads.jsonl";
/// Names this folder, so that the chains of earlier processes of it are known.
const PLACE: &str = "place";

/// The file of a folder.
#[derive(Clone, Debug)]
pub(super) struct HeadsFile {
    path: PathBuf,
    place: Uuid,
}

impl HeadsFile {
    /// The file of a folder, which is made when it is missing.
    pub(super) async fn open(folder: &Path) -> std::io::Result<Self> {
        tokio::fs::create_dir_all(folder).await?;
        let named = folder.join(PLACE);
        let place = match tokio::fs::read_to_string(&named).await {
            Ok(text) => Uuid::parse_str(text.trim())
                .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let place = Uuid::new_v4();
                tokio::fs::write(&named, place.to_string()).await?;
                place
            }
            Err(error) => return Err(error),
        };
        Ok(Self { path: folder.join(FILE), place })
    }

    /// The folder's name.
    pub(super) fn place(&self) -> Uuid {
        self.place
    }

    /// Adds a head. The file is opened for each, so that it may be moved away at any time.
    pub(super) async fn add(&self, head: &AuditHead) -> std::io::Result<()> {
        let mut line = serde_json::to_string(head)?;
        line.push('\n');
        let mut file = tokio::fs::OpenOptions::new().create(true).append(true).open(&self.path).await?;
        file.write_all(line.as_bytes()).await?;
        file.sync_data().await
    }
}
