//! Makes a new migration reach the binary: `sqlx::migrate!` alone does not watch its folder.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
