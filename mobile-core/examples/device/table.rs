//! Aligned text: pairs of label and value, and tables.

/// Labels and values in two columns.
pub fn pares<'a>(itens: impl Iterator<Item = (&'a str, &'a str)>) {
    let itens: Vec<_> = itens.collect();
    let largura = itens.iter().map(|(rotulo, _)| rotulo.chars().count()).max().unwrap_or(0);
    for (rotulo, valor) in itens {
        let recuo = format!("\n{}", " ".repeat(largura + 4));
        println!("  {rotulo:largura$}  {}", valor.replace('\n', &recuo));
    }
}

/// Rows under titles.
pub fn tabela(titulos: &[&str], linhas: impl Iterator<Item = Vec<String>>) {
    let linhas: Vec<_> = linhas.collect();
    if linhas.is_empty() {
        println!("Nada a mostrar.");
        return;
    }
    let titulos: Vec<String> = titulos.iter().map(|titulo| (*titulo).to_owned()).collect();
    let todas = || std::iter::once(&titulos).chain(&linhas);
    let largura = |coluna: usize| {
        todas().filter_map(|linha| linha.get(coluna)).map(|c| c.chars().count()).max().unwrap_or(0)
    };
    let larguras: Vec<_> = (0..titulos.len()).map(largura).collect();
    for linha in todas() {
        let celulas = linha.iter().zip(&larguras);
        let texto: Vec<_> = celulas.map(|(celula, largura)| format!("{celula:largura$}")).collect();
        println!("{}", texto.join("  ").trim_end());
    }
}
