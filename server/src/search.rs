//! Splits texts into words for the search, in the same way for what is stored and what is searched,
//! so that accents, case, plurals and punctuation make no difference. The other half is SQL:
//! `busca_indice` and `busca_palavras` of migration 0003, which know the stems of Portuguese.

use campo_domain::busca::dobrar;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Most bytes of text that are indexed of one record. PostgreSQL limits the words of an index entry
/// to 1 MiB; each byte of text gives several bytes of words.
const BYTES_MAX: usize = 48 * 1024;
/// Most characters of a word; longer ones are cut.
const WORD_MAX: usize = 64;
/// Most words of a search; further ones are ignored.
const WORDS_MAX: usize = 8;
/// Fewest digits of a text like `0045.198` that is also found as one number.
const DIGITS_MIN: usize = 4;
/// Most digits of a telephone that count: with the area code.
const PHONE_MAX: usize = 11;
/// Fewest digits of a telephone: without the area code.
const PHONE_MIN: usize = 8;

/// The arguments of the SQL function `busca_indice`.
#[derive(Debug, PartialEq, Eq)]
pub struct Indexed {
    /// The text as it was written, cut to the limit.
    pub text: String,
    /// Without accents, in lower case.
    pub folded: String,
    /// Words that are found exactly or by their beginning, without stemming.
    pub words: BTreeSet<String>,
}

/// Splits the texts of a record, and its telephones, which are also found by their last digits.
pub fn index(texts: &[&str], phones: &[&str]) -> Indexed {
    let mut texts = texts.to_vec();
    // Shortest first, so that long texts are cut rather than numbers.
    texts.sort_by_key(|text| text.len());
    let text = cut(&texts.join("\n"));
    let folded = cut(&dobrar(&text));
    let mut words: BTreeSet<String> = folded.split(' ').flat_map(stored).collect();
    for phone in phones {
        let digits = digits(phone);
        let lengths = (PHONE_MIN..=PHONE_MAX).filter(|length| *length <= digits.len());
        words.extend(lengths.map(|length| digits[digits.len() - length..].to_owned()));
    }
    words.remove("");
    Indexed { text, folded, words }
}

/// A search as `busca_assistencias` and the like take it; `None` if it has no words.
pub fn query(text: &str) -> Option<Value> {
    let text = text.replace('\0', "");
    let all = digits(&text);
    // A telephone is one word even with spaces in it.
    let phone = all.len() >= PHONE_MIN
        && text.chars().all(|c| c.is_ascii_digit() || c.is_whitespace() || "()+-./".contains(c));
    let words: Vec<&str> = match phone {
        true => vec![text.as_str()],
        false => text.split_whitespace().take(WORDS_MAX).collect(),
    };
    let words: Vec<Value> = words
        .into_iter()
        .filter_map(|text| {
            let folded = dobrar(text);
            let mut exact = asked(&folded);
            if phone {
                exact.insert(all[all.len().saturating_sub(PHONE_MAX)..].to_owned());
            }
            exact.remove("");
            let exact: Vec<String> = exact.iter().map(|word| lexeme(word)).collect();
            let word = json!({ "texto": text, "dobrado": folded, "exato": exact.join(" | ") });
            (!exact.is_empty()).then_some(word)
        })
        .collect();
    (!words.is_empty()).then_some(Value::Array(words))
}

/// All words by which a folded piece of text (without spaces) is found.
fn stored(piece: &str) -> BTreeSet<String> {
    let mut words = asked(piece);
    for part in piece.split(|c: char| !c.is_alphanumeric()) {
        words.extend([word(part), singular(part)]);
    }
    let numbers = words.iter().filter(|word| word.bytes().all(|b| b.is_ascii_digit()));
    let numbers: Vec<String> =
        numbers.map(|number| number.trim_start_matches('0').to_owned()).collect();
    words.extend(numbers);
    words
}

/// All words that a folded piece of a search (without spaces) may stand for.
fn asked(piece: &str) -> BTreeSet<String> {
    let whole = piece.trim_matches(|c: char| !c.is_alphanumeric());
    let mut words = BTreeSet::from([word(whole), singular(whole)]);
    let digits = digits(whole);
    if digits.len() >= DIGITS_MIN && !whole.contains(char::is_alphabetic) {
        words.insert(word(&digits));
    }
    words
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn word(text: &str) -> String {
    text.chars().take(WORD_MAX).collect()
}

/// A folded word in the singular. Words that are not Portuguese may be changed too, but in the same
/// way when stored and when searched.
fn singular(text: &str) -> String {
    const ENDINGS: [(&str, &str); 9] = [
        ("oes", "ao"),
        ("aes", "ao"),
        ("ais", "al"),
        ("eis", "el"),
        ("ois", "ol"),
        ("res", "r"),
        ("zes", "z"),
        ("ns", "m"),
        ("s", ""),
    ];
    let text = word(text);
    if text.len() < 4 || text.contains(|c: char| !c.is_alphabetic()) {
        return text;
    }
    let ending = ENDINGS.iter().find_map(|(plural, one)| Some((text.strip_suffix(plural)?, one)));
    ending.map_or(text.clone(), |(stem, one)| format!("{stem}{one}"))
}

/// The beginning of a text, at most [`BYTES_MAX`] of it.
fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(BYTES_MAX)].to_owned()
}

/// A word in the syntax of `tsquery`; it finds every word that begins like it.
fn lexeme(word: &str) -> String {
    format!("'{}':*", word.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth::accounts::{self, NewCompany},
        testing,
    };
    use sqlx::PgTransaction;
    use uuid::Uuid;

    const TEXTS: [&str; 5] = [
        "2026/000123",
        "Instalação elétrica do ARMÁRIO; portas quebraram, 2 peças.",
        "SN-44/21.B",
        "NF 0045.198 e 7.311",
        "Márcia d'Ávila O'Connor\\Silva",
    ];

    /// Whether a record of those texts is found by each of the searches.
    async fn found(tx: &mut PgTransaction<'_>, indexed: &Indexed, text: &str) -> bool {
        let Some(query) = query(text) else { return false };
        let words: Vec<&String> = indexed.words.iter().collect();
        let words: Vec<&str> = words.into_iter().map(String::as_str).collect();
        sqlx::query_scalar(
            "SELECT coalesce(bool_and(busca_indice($1, $2, $3, $4) @@ q), false) \
             FROM busca_palavras($1, $5) q",
        )
        .bind(Uuid::from_u128(1))
        .bind(&indexed.text)
        .bind(&indexed.folded)
        .bind(words)
        .bind(query)
        .fetch_one(&mut **tx)
        .await
        .unwrap()
    }

    #[tokio::test]
    async fn a_record_is_found_by_number_phone_serial_and_any_form_of_its_words() {
        let test = testing::database().await.unwrap();
        let mut tx = test.db.tenant(Uuid::from_u128(1).into()).await.unwrap();
        let indexed = index(&TEXTS, &["(11) 98111-2040"]);
        for text in [
            "2026/000123",
            "000123",
            "123",
            "instalação",
            "instalacoes",
            "INSTALAÇÕES",
            "INSTALACAO",
            "instalac",
            "eletricas",
            "armários porta",
            "quebrada",
            "peça",
            "sn-44/21.b",
            "SN-44",
            "44",
            "0045.198",
            "0045198",
            "45198",
            "7311",
            "márcia d'avila",
            "o'connor\\silva",
            "connor",
            "(11) 98111-2040",
            "+55 11 98111 2040",
            "98111-2040",
            "81112040",
        ] {
            assert!(found(&mut tx, &indexed, text).await, "{text}");
        }
        for text in ["", "  ", "!!", "janela", "instalação janela", "124", "98111-2041", "t", "'"]
        {
            assert!(!found(&mut tx, &indexed, text).await, "{text}");
        }
    }

    /// Two thousand entries; what is counted is how often the words of one are worked out.
    #[tokio::test]
    async fn a_record_is_found_by_the_names_of_entries_through_their_index_alone() {
        let test = testing::database().await.unwrap();
        let new = NewCompany { nome: "Aurora", slug: "aurora", fuso: "UTC", preset: None };
        let tenant = accounts::create_company(&test.db, new).await.unwrap();
        sqlx::query(
            "INSERT INTO referencia (tenant, collection, key, data, seq) \
             SELECT $1, 'fornecedor', 'f-' || n, \
                 jsonb_build_object('nome', 'Móveis ' || n, 'dados', \
                     jsonb_build_object('telefone', '(11) 9' || 10000000 + n)), 0 \
             FROM generate_series(1000, 2999) n",
        )
        .bind(tenant.uuid())
        .execute(test.db.owner())
        .await
        .unwrap();
        sqlx::query("INSERT INTO entradas_citadas VALUES ($1, $2, 'fornecedor', 'f-1881')")
            .bind(tenant.uuid())
            .bind(Uuid::from_u128(7))
            .execute(test.db.owner())
            .await
            .unwrap();
        sqlx::query(
            "INSERT INTO clientes (tenant, id, raiz, tipo, tipo_versao, situacao, situacao_nome, \
                 fase, titulo, criado_por, criado_em, atualizado_em, conflitos, busca) \
             VALUES ($1, $2, $2, 't', 1, 's', 'S', 'fila', '', $2, now(), now(), '[]', '')",
        )
        .bind(tenant.uuid())
        .bind(Uuid::from_u128(7))
        .execute(test.db.owner())
        .await
        .unwrap();
        sqlx::raw_sql("ANALYZE").execute(test.db.owner()).await.unwrap();
        let mut tx = test.db.owner().begin().await.unwrap();
        sqlx::query("SELECT set_config('campo.tenant', $1, true)")
            .bind(tenant.to_string())
            .execute(&mut *tx)
            .await
            .unwrap();
        sqlx::query("SET LOCAL track_functions = 'all'").execute(&mut *tx).await.unwrap();
        for (text, expected) in [
            ("moveis 1881", vec![Uuid::from_u128(7)]),
            ("+55 11 91000 1881", vec![Uuid::from_u128(7)]),
            ("moveis 1882", vec![]),
        ] {
            let found: Vec<Uuid> = sqlx::query_scalar("SELECT busca_clientes($1)")
                .bind(query(text))
                .fetch_all(&mut *tx)
                .await
                .unwrap();
            assert_eq!(found, expected, "{text}");
        }
        // Once by ourselves, to see that it is counted.
        sqlx::query("SELECT busca_entrada($1, '{}')")
            .bind(tenant.uuid())
            .execute(&mut *tx)
            .await
            .unwrap();
        let calls: i64 = sqlx::query_scalar(
            "SELECT sum(calls)::bigint FROM pg_stat_xact_user_functions \
             WHERE funcname = 'busca_entrada'",
        )
        .fetch_one(&mut *tx)
        .await
        .unwrap();
        assert!((1..100).contains(&calls), "{calls}");
    }

    #[tokio::test]
    async fn no_text_is_too_much_nor_too_strange_for_the_index() {
        let test = testing::database().await.unwrap();
        let mut tx = test.db.tenant(Uuid::from_u128(1).into()).await.unwrap();
        let numbered = |word: &str, n: usize| {
            (0..n).map(|i| format!("{word}{i:x}")).collect::<Vec<_>>().join(" ")
        };
        for text in [
            numbered("", 60_000),
            numbered("a-", 60_000),
            numbered("a.b/", 30_000),
            numbered("x@y.com/", 30_000),
            "é".repeat(200_000),
            "ﷺ ".repeat(50_000),
            "'\\:*&|!()<-> ".repeat(10_000),
            "\u{1f600}\u{200d}".repeat(9_000),
        ] {
            let indexed = index(&[&text, "SN-44"], &[&text]);
            assert!(found(&mut tx, &indexed, "sn-44").await, "{}", &text[..12]);
            let beginning: String = text.chars().take(300).collect();
            found(&mut tx, &indexed, &beginning).await;
        }
    }
}
