//! A real S3 server in the process of a test: it checks signatures, takes objects in parts, and
//! keeps them in a folder that goes with it.

use anyhow::Result;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use std::net::SocketAddr;
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime};

/// The bucket that is there.
const BUCKET: &str = "campo";
/// The one key that it knows.
pub const KEY: &str = "CAMPOTESTE";
/// What that key signs with.
const SECRET: &str = "o segredo do balde de teste";

/// The server; it ends when it is dropped.
#[derive(Debug)]
pub struct S3 {
    addr: SocketAddr,
    folder: TempDir,
    rt: Option<Runtime>,
}

impl S3 {
    /// One that listens, with an empty bucket.
    ///
    /// # Errors
    /// It finds no port or no folder.
    pub fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::create_dir(folder.path().join(BUCKET))?;
        let files = FileSystem::new(folder.path()).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = service.build();
        let rt =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = rt.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let addr = listener.local_addr()?;
        rt.spawn(async move {
            let http = Builder::new(TokioExecutor::new());
            while let Ok((socket, _)) = listener.accept().await {
                let connection = http.serve_connection(TokioIo::new(socket), service.clone());
                tokio::spawn(connection.into_owned());
            }
        });
        Ok(S3 { addr, folder, rt: Some(rt) })
    }

    /// For `CAMPO_OBJECTS`: the bucket, under that prefix.
    pub fn url(&self, prefix: &str) -> String {
        format!("s3://{BUCKET}/{prefix}?endpoint=http://{}&regiao=us-east-1", self.addr)
    }

    /// The settings of a server that keeps its objects here.
    pub fn settings(&self, prefix: &str) -> [(&'static str, String); 3] {
        [
            ("CAMPO_OBJECTS", self.url(prefix)),
            ("CAMPO_OBJECTS_CHAVE", KEY.to_owned()),
            ("CAMPO_OBJECTS_SEGREDO", SECRET.to_owned()),
        ]
    }

    /// The files of the bucket, each by its path in it; what the server keeps for itself left out.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn objects(&self) -> Result<Vec<String>> {
        let bucket = self.folder.path().join(BUCKET);
        let (mut left, mut found) = (vec![bucket.clone()], Vec::new());
        while let Some(folder) = left.pop() {
            for entry in std::fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    left.push(path);
                } else if let Ok(path) = path.strip_prefix(&bucket) {
                    found.push(path.display().to_string());
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        if let Some(rt) = self.rt.take() {
            rt.shutdown_background();
        }
    }
}
