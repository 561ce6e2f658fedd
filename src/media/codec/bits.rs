//! Bits of a header, most significant first. Every read past the end is `None`.

/// A reader over bytes, or over the payload of a NAL unit with its emulation prevention bytes left out
/// (ITU-T H.264 7.3.1).
pub(super) struct Bits<'a> {
    data: std::slice::Iter<'a, u8>,
    escaped: bool,
    zeros: u8,
    byte: u8,
    left: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data: data.iter(), escaped: false, zeros: 0, byte: 0, left: 0 }
    }

    /// `data` is a NAL unit after its header byte.
    pub(super) fn unit(data: &'a [u8]) -> Self {
        Self { escaped: true, ..Self::new(data) }
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        if self.left == 0 {
            self.byte = self.next_byte()?;
            self.left = 8;
        }
        self.left -= 1;
        Some(self.byte >> self.left & 1 == 1)
    }

    /// The next `count` bits, at most 32, as a number: f(n).
    pub(super) fn bits(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(self.flag()?);
        }
        Some(value)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.bits(8).and_then(|value| u8::try_from(value).ok())
    }

    /// ue(v) (ITU-T H.264 9.1) and uvlc() (AV1 4.10.3): up to 32 leading zeros.
    pub(super) fn exp_golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some(((1_u64 << zeros) - 1 + u64::from(self.bits(zeros)?)) as u32)
    }

    fn next_byte(&mut self) -> Option<u8> {
        let mut byte = *self.data.next()?;
        if self.escaped && self.zeros >= 2 && byte == 3 {
            self.zeros = 0;
            byte = *self.data.next()?;
        }
        self.zeros = if byte == 0 { self.zeros.saturating_add(1) } else { 0 };
        Some(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_are_those_of_the_table() {
        // 1 | 010 | 011 | 00100 | 00101, padded.
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let codes: Vec<_> = (0..5).map(|_| bits.exp_golomb()).collect();
        assert_eq!(codes, [Some(0), Some(1), Some(2), Some(3), Some(4)]);
        assert_eq!(Bits::new(&[0; 8]).exp_golomb(), None);
    }

    #[test]
    fn emulation_prevention_bytes_are_left_out_of_units_only() {
        let data = [0, 0, 3, 1, 0, 0, 3, 0, 0, 3];
        let read = |mut bits: Bits<'_>| std::iter::from_fn(|| bits.byte()).collect::<Vec<_>>();
        assert_eq!(read(Bits::unit(&data)), [0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(read(Bits::new(&data)), data);
    }
}
