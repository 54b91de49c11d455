//! Text for searching: lower case, no accents, one space between words. The device and the office
//! search alike because both fold by this.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Folds text so that `"Pêça  QUEBRADA"` and `"peca quebrada"` are the same.
pub fn dobrar(texto: &str) -> String {
    let dobrado: String =
        texto.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect();
    dobrado.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::dobrar;

    #[test]
    fn accents_case_and_spaces_do_not_matter() {
        assert_eq!(dobrar("  Pêça \n QUEBRADA "), dobrar("peca quebrada"));
        assert_eq!(dobrar("São João d'Água"), "sao joao d'agua");
    }
}
