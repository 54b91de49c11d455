//! Texts as people write and paste them: what is kept of them, and how the changes of several
//! people to a long one join (ADR 0020). There the unit is the line: each line of a joined text was
//! written, whole, by somebody.

use unicode_normalization::UnicodeNormalization;

/// A text of one line as it is kept: composed (NFC), without what cannot be seen, each break or tab
/// a blank, trimmed.
pub fn linha(texto: &str) -> String {
    limpo(texto, ' ', ' ')
}

/// A text of several lines as it is kept: as [`linha`], with lines ended by LF alone, and tabs.
pub fn linhas(texto: &str) -> String {
    limpo(texto, '\n', '\t')
}

fn limpo(texto: &str, quebra: char, tab: char) -> String {
    let composed: Vec<char> = texto.replace("\r\n", "\n").nfc().collect();
    let mut kept = String::with_capacity(texto.len());
    for (at, &c) in composed.iter().enumerate() {
        match c {
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                kept.push(quebra)
            }
            '\t' => kept.push(tab),
            // Between signs it joins an emoji; between letters it is only unseen.
            '\u{200d}' => {
                let letter = |c: Option<&char>| c.is_none_or(|c| c.is_alphanumeric());
                let before = at.checked_sub(1).and_then(|at| composed.get(at));
                if !letter(before) && !letter(composed.get(at + 1)) {
                    kept.push(c);
                }
            }
            c if c.is_control() || invisivel(c) => {}
            c => kept.push(c),
        }
    }
    kept.trim().to_owned()
}

/// Whether a character means nothing that a reader could see: blanks without width, soft hyphens,
/// marks and overrides of direction, byte order marks.
pub(crate) fn invisivel(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{206f}'
            | '\u{feff}'
    )
}

/// Both changes of a text together, where they are the same or in lines that do not touch; `None`
/// where a person has to decide.
pub fn juntar(base: &str, um: &str, outro: &str) -> Option<String> {
    if um == outro || base == outro {
        return Some(um.to_owned());
    }
    if base == um {
        return Some(outro.to_owned());
    }
    // The last line ends as every other does, so that to add one after it is no change of it.
    let [base, um, outro] = [base, um, outro].map(|text| format!("{text}\n"));
    let joined = diffy::merge(&base, &um, &outro).ok()?;
    joined.strip_suffix('\n').map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{juntar, linha, linhas};

    #[test]
    fn what_is_pasted_is_kept_without_what_cannot_be_seen() {
        for (pasted, one_line, several) in [
            ("\u{feff}Gaveta torta", "Gaveta torta", "Gaveta torta"),
            ("linha um\rlinha dois", "linha um linha dois", "linha um\nlinha dois"),
            ("linha um\r\nlinha dois", "linha um linha dois", "linha um\nlinha dois"),
            ("linha um\u{b}linha dois", "linha um linha dois", "linha um\nlinha dois"),
            ("um\u{85}dois", "um dois", "um\ndois"),
            ("um\u{2028}dois", "um dois", "um\ndois"),
            ("um\tdois", "um dois", "um\tdois"),
            ("um\u{1b}[31mdois\u{7f}\0", "um[31mdois", "um[31mdois"),
            ("Gave\u{200b}ta tor\u{200d}ta", "Gaveta torta", "Gaveta torta"),
            ("Gave\u{ad}ta", "Gaveta", "Gaveta"),
            ("Gaveta \u{202e}txt.exe\u{202c}", "Gaveta txt.exe", "Gaveta txt.exe"),
            ("\u{200e}(92) 99123-4567\u{200f}", "(92) 99123-4567", "(92) 99123-4567"),
            ("Joa\u{303}o", "João", "João"),
            ("\u{200b}\u{200b}", "", ""),
            ("  Gaveta torta\n", "Gaveta torta", "Gaveta torta"),
            ("👩\u{200d}🔧 satisfeito", "👩\u{200d}🔧 satisfeito", "👩\u{200d}🔧 satisfeito"),
        ] {
            assert_eq!(linha(pasted), one_line, "{pasted:?}");
            assert_eq!(linhas(pasted), several, "{pasted:?}");
            assert_eq!(linhas(&linhas(pasted)), several, "once is enough, {pasted:?}");
        }
    }

    #[test]
    fn changes_of_different_lines_join() {
        let base = "Porta riscada.\nCor: branca.\nVão de 120 cm.";
        let um = "Porta riscada e solta.\nCor: branca.\nVão de 120 cm.";
        let outro = "Porta riscada.\nCor: branca.\nVão de 125 cm.";
        let both = "Porta riscada e solta.\nCor: branca.\nVão de 125 cm.";
        assert_eq!(juntar(base, um, outro).as_deref(), Some(both));
        assert_eq!(juntar(base, outro, um).as_deref(), Some(both));
        let more = "Porta riscada.\nCor: branca.\nVão de 120 cm.\nLevar nota.";
        let with_more = "Porta riscada e solta.\nCor: branca.\nVão de 120 cm.\nLevar nota.";
        assert_eq!(juntar(base, um, more).as_deref(), Some(with_more));
    }

    #[test]
    fn changes_of_one_line_or_of_lines_that_touch_are_for_a_person() {
        for (base, um, outro) in [
            ("R$ 150,00", "R$ 250,00", "R$ 180,00"),
            ("R$ 150,00", "R$ 1250,00", "R$ 1550,00"),
            ("(92) 99123-4567", "(11) 98765-4321", "(21) 97654-1234"),
            ("Cliente autorizou a troca.", "Cliente não autorizou a troca.", "… do tampo."),
            ("Gaveta torta.", "", "Gaveta torta e porta riscada."),
            ("", "Levar nota.", "Ligar antes."),
            ("um\ndois", "UM\ndois", "um\nDOIS"),
            ("um\ndois", "um\ndois\ntrês", "um\ndois\nquatro"),
        ] {
            assert_eq!(juntar(base, um, outro), None, "{base:?} {um:?} {outro:?}");
        }
    }

    #[test]
    fn the_same_change_twice_is_one() {
        let (base, changed) = ("Gaveta torta.", "Gaveta torta. Levar 2 corrediças.");
        assert_eq!(juntar(base, changed, changed).as_deref(), Some(changed));
        assert_eq!(juntar(base, base, changed).as_deref(), Some(changed));
        assert_eq!(juntar(base, changed, base).as_deref(), Some(changed));
    }
}
