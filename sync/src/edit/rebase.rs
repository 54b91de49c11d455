//! Edits of a text that somebody else changed meanwhile.

use crate::document::DocumentError;
use automerge::{Automerge, ObjType, ROOT, ReadDoc, transaction::Transactable};

/// The text that a person wanted who changed `de` to `para`, where it reads `agora` meanwhile: both
/// changes of `de`, merged as if they had been made at the same time.
pub(super) fn rebase(de: &str, para: &str, agora: &str) -> Result<String, DocumentError> {
    if agora == de {
        return Ok(para.to_owned());
    }
    // Fixed actors: the same three texts give the same result everywhere.
    let mut theirs = Automerge::new().with_actor(vec![0].into());
    let mut tx = theirs.transaction();
    let text = tx.put_object(ROOT, "texto", ObjType::Text)?;
    tx.splice_text(&text, 0, 0, de)?;
    tx.commit();
    let mut ours = theirs.fork().with_actor(vec![1].into());
    for (side, wanted) in [(&mut theirs, agora), (&mut ours, para)] {
        let mut tx = side.transaction();
        tx.update_text(&text, wanted)?;
        tx.commit();
    }
    theirs.merge(&mut ours)?;
    Ok(theirs.text(&text)?)
}

#[cfg(test)]
mod tests {
    use super::rebase;

    #[test]
    fn an_edit_of_a_text_that_changed_meanwhile_loses_nothing() {
        let rebase = |de, para, agora| rebase(de, para, agora).unwrap();
        assert_eq!(rebase("porta", "porta riscada", "porta"), "porta riscada");
        assert_eq!(rebase("gaveta solta", "gaveta presa", "a gaveta solta!"), "a gaveta presa!");
        let both = rebase("um. dois.", "um. dois. três.", "um e meio. dois.");
        assert_eq!(both, "um e meio. dois. três.");
        let both = rebase("", "Levar nota.", "Ligar antes.");
        assert!(both.contains("Levar nota.") && both.contains("Ligar antes."), "{both}");
        assert_eq!(rebase("apagar isto", "", "apagar isto já"), " já");
    }
}
