//! The bytes of files: captured, kept beside the database, sent, fetched and freed. What is known
//! of them is in the documents; a file here is named by its SHA-256 and needed as long as a row of
//! `store::arquivos` names it. Never says that a photo has arrived unless the accepted document
//! says so, and frees no original before (ff08, ff09, ff12).

mod access;
mod body;
mod capture;
mod download;
mod report;
mod run;
mod send;
mod settings;
mod space;
mod upload;

pub use capture::{NewPhoto, PhotoSource};
pub use report::{PhotoShown, PhotoState, PhotoSummary};
pub use run::{Stop, UploadProgress, UploadReport};
pub use space::{Cleanup, StorageUse, UninstallCheck};
