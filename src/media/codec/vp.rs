//! What VP8 and VP9 share in a file (VP Codec ISO Media File Format Binding).

/// VP9's levels (VP9 Levels and Decoder Testing): luma samples a second, luma samples of a picture, longest side,
/// and the level times ten. Left out are those for more pictures a second.
const LEVELS: [(u64, u64, u32, u8); 9] = [
    (829_440, 36_864, 512, 10),
    (2_764_800, 73_728, 768, 11),
    (4_608_000, 122_880, 960, 20),
    (9_216_000, 245_760, 1344, 21),
    (20_736_000, 552_960, 2048, 30),
    (36_864_000, 983_040, 2752, 31),
    (83_558_400, 2_228_224, 4160, 40),
    (311_951_360, 8_912_896, 8384, 50),
    (1_176_502_272, 35_651_584, 16_832, 60),
];

/// RTP tells no frame rate; this is what a level is chosen for.
const RATE: u64 = 30;

/// The lowest level that takes pictures of this size at 30 a second, times ten. VP8 has no levels of its own: the
/// binding gives it the same numbers.
pub(super) fn level(width: u32, height: u32) -> u8 {
    let picture = u64::from(width) * u64::from(height);
    let side = width.max(height);
    LEVELS
        .iter()
        .find(|(rate, size, longest, _)| picture * RATE <= *rate && picture <= *size && side <= *longest)
        .map_or(60, |(.., level)| *level)
}

#[cfg(test)]
mod tests {
    use super::level;

    #[test]
    fn levels_grow_with_the_picture() {
        let levels = [(160, 90), (320, 180), (640, 360), (640, 480), (1280, 720), (1920, 1080), (3840, 2160)];
        assert_eq!(levels.map(|(width, height)| level(width, height)), [10, 11, 21, 30, 31, 40, 50]);
        assert_eq!(level(4096, 64), 40);
        assert_eq!(level(65_536, 65_536), 60);
    }
}
