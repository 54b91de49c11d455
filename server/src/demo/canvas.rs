//! A small canvas for the photos of the demonstration. The same calls always give the same pixels,
//! so that a photo has the same hash on every installation.

/// Width of every picture.
pub const WIDTH: i32 = 1600;
/// Height of every picture.
pub const HEIGHT: i32 = 1200;

/// Red, green, blue.
pub type Color = [u8; 3];

/// A place, from the upper left corner.
pub type Point = (i32, i32);

/// A picture that is being drawn.
pub struct Canvas(Vec<u8>);

impl Canvas {
    /// A wall above a floor.
    pub fn room(wall: Color, floor: Color) -> Self {
        let mut canvas = Self(vec![0; (WIDTH * HEIGHT * 3) as usize]);
        canvas.gradient((0, 0), (WIDTH, 860), wall, darker(wall, 40));
        canvas.gradient((0, 860), (WIDTH, HEIGHT), darker(floor, 50), floor);
        canvas
    }

    /// Pixels in rows, with the noise of a sensor.
    pub fn finish(mut self) -> Vec<u8> {
        let mut noise: u32 = 0x9e37_79b9;
        for channel in &mut self.0 {
            noise ^= noise << 13;
            noise ^= noise >> 17;
            noise ^= noise << 5;
            *channel = channel.saturating_add((noise & 7) as u8).saturating_sub(3);
        }
        self.0
    }

    fn point(&mut self, (x, y): Point, color: Color) {
        if (0..WIDTH).contains(&x) && (0..HEIGHT).contains(&y) {
            let at = ((y * WIDTH + x) * 3) as usize;
            if let Some(pixel) = self.0.get_mut(at..at + 3) {
                pixel.copy_from_slice(&color);
            }
        }
    }

    /// A rectangle that goes from one colour above to another below.
    pub fn gradient(&mut self, from: Point, to: Point, top: Color, bottom: Color) {
        let height = (to.1 - from.1).max(1);
        for y in from.1..to.1 {
            let color = mix(top, bottom, (y - from.1) * 256 / height);
            for x in from.0..to.0 {
                self.point((x, y), color);
            }
        }
    }

    /// A board: its grain runs along it.
    pub fn board(&mut self, from: Point, to: Point, color: Color) {
        let lying = to.0 - from.0 > to.1 - from.1;
        for y in from.1..to.1 {
            for x in from.0..to.0 {
                let (along, across) = if lying { (x, y) } else { (y, x) };
                let grain = (across + along / 23) % 37;
                self.point((x, y), darker(color, (grain - 18).abs() * 2));
            }
        }
        let edge = darker(color, 70);
        let corners = [from, (to.0, from.1), to, (from.0, to.1), from];
        self.stroke(&corners, 5, edge);
    }

    /// A line through points.
    pub fn stroke(&mut self, points: &[Point], width: i32, color: Color) {
        for pair in points.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).max(1);
            for step in 0..=steps {
                let x = from.0 + (to.0 - from.0) * step / steps;
                let y = from.1 + (to.1 - from.1) * step / steps;
                for dy in -width / 2..=width / 2 {
                    for dx in -width / 2..=width / 2 {
                        self.point((x + dx, y + dy), color);
                    }
                }
            }
        }
    }

    /// An ellipse, lighter towards its middle.
    pub fn ellipse(&mut self, middle: Point, radii: Point, color: Color) {
        for dy in -radii.1..=radii.1 {
            for dx in -radii.0..=radii.0 {
                let distance =
                    dx * dx * 256 / (radii.0 * radii.0) + dy * dy * 256 / (radii.1 * radii.1);
                if distance <= 256 {
                    self.point((middle.0 + dx, middle.1 + dy), darker(color, distance / 10));
                }
            }
        }
    }
}

/// A colour with less light.
pub fn darker(color: Color, amount: i32) -> Color {
    let less = amount.clamp(0, 255) as u8;
    color.map(|channel| channel.saturating_sub(less))
}

fn mix(from: Color, to: Color, share: i32) -> Color {
    let channel = |i: usize| {
        let (from, to) = (i32::from(from[i]), i32::from(to[i]));
        (from + (to - from) * share / 256).clamp(0, 255) as u8
    };
    [channel(0), channel(1), channel(2)]
}
