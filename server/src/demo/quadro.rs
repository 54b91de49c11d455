//! A canvas for the photos of the demonstration: just enough to tell a door from a sofa. The same
//! calls always give the same pixels.

/// Width of every picture.
pub const LARGURA: i32 = 1600;
/// Height of every picture.
pub const ALTURA: i32 = 1200;

/// Red, green, blue.
pub type Cor = [u8; 3];

/// A place, from the upper left corner.
pub type Ponto = (i32, i32);

/// A picture that is being drawn.
pub struct Quadro(Vec<u8>);

impl Quadro {
    /// A wall above a floor.
    pub fn sala(parede: Cor, piso: Cor) -> Self {
        let mut quadro = Self(vec![0; (LARGURA * ALTURA * 3) as usize]);
        quadro.degrade((0, 0), (LARGURA, 860), parede, escura(parede, 40));
        quadro.degrade((0, 860), (LARGURA, ALTURA), escura(piso, 50), piso);
        quadro
    }

    /// Pixels in rows, with the noise of a sensor.
    pub fn pronto(mut self) -> Vec<u8> {
        let mut dado: u32 = 0x9e37_79b9;
        for canal in &mut self.0 {
            dado ^= dado << 13;
            dado ^= dado >> 17;
            dado ^= dado << 5;
            *canal = canal.saturating_add((dado & 7) as u8).saturating_sub(3);
        }
        self.0
    }

    fn ponto(&mut self, (x, y): Ponto, cor: Cor) {
        if (0..LARGURA).contains(&x) && (0..ALTURA).contains(&y) {
            let at = ((y * LARGURA + x) * 3) as usize;
            if let Some(pixel) = self.0.get_mut(at..at + 3) {
                pixel.copy_from_slice(&cor);
            }
        }
    }

    /// A rectangle that goes from one colour above to another below.
    pub fn degrade(&mut self, de: Ponto, ate: Ponto, cima: Cor, baixo: Cor) {
        let altura = (ate.1 - de.1).max(1);
        for y in de.1..ate.1 {
            let cor = mistura(cima, baixo, (y - de.1) * 256 / altura);
            for x in de.0..ate.0 {
                self.ponto((x, y), cor);
            }
        }
    }

    /// A board: its grain runs along it.
    pub fn tabua(&mut self, de: Ponto, ate: Ponto, cor: Cor) {
        let deitada = ate.0 - de.0 > ate.1 - de.1;
        for y in de.1..ate.1 {
            for x in de.0..ate.0 {
                let (ao_longo, atraves) = if deitada { (x, y) } else { (y, x) };
                let veio = (atraves + ao_longo / 23) % 37;
                self.ponto((x, y), escura(cor, (veio - 18).abs() * 2));
            }
        }
        let borda = escura(cor, 70);
        let cantos = [de, (ate.0, de.1), ate, (de.0, ate.1), de];
        self.traco(&cantos, 5, borda);
    }

    /// A line through points.
    pub fn traco(&mut self, pontos: &[Ponto], largura: i32, cor: Cor) {
        for par in pontos.windows(2) {
            let (de, ate) = (par[0], par[1]);
            let passos = (ate.0 - de.0).abs().max((ate.1 - de.1).abs()).max(1);
            for passo in 0..=passos {
                let x = de.0 + (ate.0 - de.0) * passo / passos;
                let y = de.1 + (ate.1 - de.1) * passo / passos;
                for dy in -largura / 2..=largura / 2 {
                    for dx in -largura / 2..=largura / 2 {
                        self.ponto((x + dx, y + dy), cor);
                    }
                }
            }
        }
    }

    /// An ellipse, lighter towards its middle.
    pub fn mancha(&mut self, meio: Ponto, raios: Ponto, cor: Cor) {
        for dy in -raios.1..=raios.1 {
            for dx in -raios.0..=raios.0 {
                let longe =
                    dx * dx * 256 / (raios.0 * raios.0) + dy * dy * 256 / (raios.1 * raios.1);
                if longe <= 256 {
                    self.ponto((meio.0 + dx, meio.1 + dy), escura(cor, longe / 10));
                }
            }
        }
    }
}

/// A colour with less light.
pub fn escura(cor: Cor, quanto: i32) -> Cor {
    let menos = quanto.clamp(0, 255) as u8;
    cor.map(|canal| canal.saturating_sub(menos))
}

fn mistura(de: Cor, para: Cor, parte: i32) -> Cor {
    let canal = |i: usize| {
        let (de, para) = (i32::from(de[i]), i32::from(para[i]));
        (de + (para - de) * parte / 256).clamp(0, 255) as u8
    };
    [canal(0), canal(1), canal(2)]
}
