//! Long texts that several people change: what of it joins, and what is for a person to decide
//! (ADR 0020). The unit is the line: each line of a joined text was written, whole, by somebody.

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
    use super::juntar;

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
