//! Golden fixtures of the wire: every message and every variant of protocol version 1, as CBOR. A
//! released byte never changes its meaning, so a difference here is a new protocol version or a
//! mistake. `CAMPO_BLESS=1` writes files that do not exist yet; it never changes one that does.

use campo_domain::ids::{DeviceId, DocumentId, HeldId, UserId};
use campo_sync::wire::{
    Bootstrap, Cursor, Entry, Hash, Limits, Outcome, PROTOCOL, Push, Reason, SyncRequest,
    SyncResponse, Verdict,
};
use std::{fmt::Debug, path::PathBuf};

const DOCUMENT: DocumentId = DocumentId::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001);
const HELD: HeldId = HeldId::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0002);
const DEVICE: DeviceId = DeviceId::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0003);
const USER: UserId = UserId::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0004);
const LIMITS: Limits = Limits {
    change_bytes_max: 1,
    push_items_max: 2,
    push_bytes_max: 3,
    page_bytes_max: 4,
    change_ops_max: 5,
};

fn hash(byte: u8) -> Hash {
    [byte; 32].into()
}

fn reason() -> Reason {
    Reason {
        code: "sem_permissao".into(), message: "Você não tem a permissão necessária.".into()
    }
}

fn outcomes() -> Vec<(&'static str, Outcome)> {
    vec![
        ("accepted", Outcome::Accepted { seq: 300 }),
        ("known", Outcome::Known { seq: 7 }),
        ("missing", Outcome::Missing { deps: vec![hash(1), hash(2)] }),
        ("held", Outcome::Held { id: HELD, reason: reason() }),
        ("refused", Outcome::Refused { reason: reason() }),
        ("stale_generation", Outcome::StaleGeneration { now: 2 }),
    ]
}

fn entries() -> Vec<(&'static str, Entry)> {
    let (seq, document, generation) = (70_000, DOCUMENT, 1);
    vec![
        ("change", Entry::Change { seq, document, generation, bytes: vec![1, 2, 3] }),
        ("snapshot", Entry::Snapshot { document, generation, bytes: vec![4, 5, 6] }),
        ("revoked", Entry::Revoked { seq, document }),
        (
            "reference",
            Entry::Reference {
                seq,
                collection: "ambiente".into(),
                key: "cozinha".into(),
                active: true,
                data: r#"{"nome":"Cozinha"}"#.into(),
            },
        ),
        ("held_decided", Entry::HeldDecided { seq, held: HELD, approved: true, note: None }),
        (
            "held_decided_with_note",
            Entry::HeldDecided { seq, held: HELD, approved: false, note: Some("Já foi.".into()) },
        ),
        ("generation", Entry::Generation { seq, document, generation: 2, bytes: vec![7] }),
        ("erased", Entry::Erased { seq, document }),
    ]
}

fn request() -> SyncRequest {
    let cursor = Cursor { seq: 12, bootstrap: Some(Bootstrap { rank: 1, after: DOCUMENT }) };
    let push = Push { document: DOCUMENT, generation: 1, change: vec![9; 3], seen: 11 };
    SyncRequest {
        protocol: PROTOCOL,
        device: DEVICE,
        epoch: 1_700_000_000_000,
        cursor,
        push: vec![push],
        limits: LIMITS,
    }
}

fn response() -> SyncResponse {
    let verdict = |(_, outcome)| Verdict { document: DOCUMENT, hash: hash(3), outcome };
    SyncResponse {
        protocol: PROTOCOL,
        verdicts: outcomes().into_iter().map(verdict).collect(),
        entries: entries().into_iter().map(|(_, entry)| entry).collect(),
        cursor: Cursor { seq: 70_001, bootstrap: None },
        more: false,
        epoch: 1_700_000_000_000,
        limits: LIMITS,
        server_time: 1_800_000_000_000,
        user: USER,
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let lines: Vec<&str> =
        digits.as_bytes().chunks(96).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join("\n") + "\n"
}

/// The message gives these bytes, and these bytes give the message.
fn golden<T>(name: &str, message: &T)
where
    T: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + PartialEq + Debug,
{
    let bytes = minicbor::to_vec(message).unwrap();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/wire/v1");
    let file = path.join(format!("{name}.hex"));
    if std::env::var_os("CAMPO_BLESS").is_some() && !file.exists() {
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(&file, hex(&bytes)).unwrap();
    }
    let stored = std::fs::read_to_string(&file);
    let stored = stored.unwrap_or_else(|_| panic!("no fixture for {name}: run with CAMPO_BLESS=1"));
    assert_eq!(hex(&bytes), stored, "the bytes of {name} have changed");
    let digits: String = stored.split_whitespace().collect();
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    let bytes: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
    let read: T = minicbor::decode(&bytes).unwrap();
    assert_eq!(&read, message, "{name} reads back as something else");
}

#[test]
fn every_message_of_version_1_keeps_its_bytes() {
    assert_eq!(PROTOCOL, 1, "a new version needs fixtures of its own beside these");
    golden("request", &request());
    golden("response", &response());
    golden("cursor_first", &Cursor::default());
    golden("limits_default", &Limits::DEFAULT);
    for (name, outcome) in outcomes() {
        golden(&format!("outcome_{name}"), &outcome);
    }
    for (name, entry) in entries() {
        golden(&format!("entry_{name}"), &entry);
    }
}

#[test]
fn a_newer_message_with_more_at_its_end_is_still_read() {
    // A later version appends fields; an array one longer is what it looks like.
    let bytes = minicbor::to_vec(Cursor { seq: 5, bootstrap: None }).unwrap();
    let mut longer = vec![0x83];
    longer.push(5);
    longer.push(0xf6);
    longer.extend(minicbor::to_vec("novo").unwrap());
    assert!(bytes.len() < longer.len());
    let cursor: Cursor = minicbor::decode(&longer).unwrap();
    assert_eq!(cursor, Cursor { seq: 5, bootstrap: None });
}
