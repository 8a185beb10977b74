//! RFC 1951: what `zip` has deflated, read again. The build of this workspace has stored zips only; this is for those
//! that people upload with other tools, so it is small rather than fast.

/// The base and the extra bits of each length code (257–285) and distance code.
const LENGTHS: [(u16, u8); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];
const DISTANCES: [(u16, u8); 30] = [
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 1),
    (7, 1),
    (9, 2),
    (13, 2),
    (17, 3),
    (25, 3),
    (33, 4),
    (49, 4),
    (65, 5),
    (97, 5),
    (129, 6),
    (193, 6),
    (257, 7),
    (385, 7),
    (513, 8),
    (769, 8),
    (1025, 9),
    (1537, 9),
    (2049, 10),
    (3073, 10),
    (4097, 11),
    (6145, 11),
    (8193, 12),
    (12289, 12),
    (16385, 13),
    (24577, 13),
];
/// The order in which the lengths of the code-length code come.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const LONGEST_CODE: usize = 15;

/// Inflates to exactly `size` bytes; `None` when the data is not that.
pub(super) fn inflate(data: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut bits = Bits { data, at: 0, kept: 0, count: 0 };
    let mut out = Vec::with_capacity(size);
    loop {
        let last = bits.take(1)? == 1;
        match bits.take(2)? {
            0 => stored(&mut bits, &mut out, size)?,
            1 => block(&mut bits, &mut out, size, &fixed_literals(), &Code::new(&[5; 30]))?,
            2 => {
                let (literals, distances) = dynamic(&mut bits)?;
                block(&mut bits, &mut out, size, &literals, &distances)?;
            }
            _ => return None,
        }
        if last {
            return (out.len() == size).then_some(out);
        }
    }
}

struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    kept: u32,
    count: u8,
}

impl Bits<'_> {
    fn take(&mut self, wanted: u8) -> Option<usize> {
        while self.count < wanted {
            self.kept |= u32::from(*self.data.get(self.at)?) << self.count;
            self.at += 1;
            self.count += 8;
        }
        let value = self.kept & ((1 << wanted) - 1);
        self.kept >>= wanted;
        self.count -= wanted;
        usize::try_from(value).ok()
    }
}

/// A Huffman code: how many codes of each length, and the symbols in their order.
struct Code {
    counts: [u16; LONGEST_CODE + 1],
    symbols: Vec<u16>,
}

impl Code {
    fn new(lengths: &[u8]) -> Self {
        let mut counts = [0; LONGEST_CODE + 1];
        lengths.iter().for_each(|length| counts[usize::from(*length)] += 1);
        counts[0] = 0;
        let mut symbols: Vec<u16> =
            (0..).zip(lengths).filter(|(_, length)| **length > 0).map(|(symbol, _)| symbol).collect();
        symbols.sort_by_key(|symbol| lengths[usize::from(*symbol)]);
        Self { counts, symbols }
    }

    fn read(&self, bits: &mut Bits<'_>) -> Option<usize> {
        let (mut code, mut first, mut index) = (0_usize, 0_usize, 0_usize);
        for count in &self.counts[1..] {
            code |= bits.take(1)?;
            let count = usize::from(*count);
            if code < first + count {
                return self.symbols.get(index + code - first).map(|symbol| usize::from(*symbol));
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }
}

fn stored(bits: &mut Bits<'_>, out: &mut Vec<u8>, size: usize) -> Option<()> {
    (bits.kept, bits.count) = (0, 0);
    let length = bits.take(16)?;
    let check = bits.take(16)?;
    let content = bits.data.get(bits.at..bits.at + length).filter(|_| length == !check & 0xffff)?;
    bits.at += length;
    out.extend_from_slice(content);
    (out.len() <= size).then_some(())
}

fn fixed_literals() -> Code {
    let mut lengths = [8; 288];
    lengths[144..256].fill(9);
    lengths[256..280].fill(7);
    Code::new(&lengths)
}

fn dynamic(bits: &mut Bits<'_>) -> Option<(Code, Code)> {
    let literals = bits.take(5)? + 257;
    let distances = bits.take(5)? + 1;
    let count = bits.take(4)? + 4;
    let mut of_lengths = [0; 19];
    for place in &ORDER[..count] {
        of_lengths[*place] = u8::try_from(bits.take(3)?).ok()?;
    }
    let code = Code::new(&of_lengths);
    let mut lengths: Vec<u8> = Vec::with_capacity(literals + distances);
    while lengths.len() < literals + distances {
        let (length, times) = match code.read(bits)? {
            16 => (*lengths.last()?, 3 + bits.take(2)?),
            17 => (0, 3 + bits.take(3)?),
            18 => (0, 11 + bits.take(7)?),
            plain => (u8::try_from(plain).ok()?, 1),
        };
        lengths.extend(std::iter::repeat_n(length, times));
    }
    let (for_literals, for_distances) = lengths.get(..literals + distances)?.split_at(literals);
    Some((Code::new(for_literals), Code::new(for_distances)))
}

fn block(bits: &mut Bits<'_>, out: &mut Vec<u8>, size: usize, literals: &Code, distances: &Code) -> Option<()> {
    loop {
        match literals.read(bits)? {
            256 => return Some(()),
            literal @ 0..256 => out.push(u8::try_from(literal).ok()?),
            symbol => {
                let (base, extra) = *LENGTHS.get(symbol - 257)?;
                let length = usize::from(base) + bits.take(extra)?;
                let (base, extra) = *DISTANCES.get(distances.read(bits)?)?;
                let distance = usize::from(base) + bits.take(extra)?;
                let from = out.len().checked_sub(distance)?;
                for at in from..from + length {
                    out.push(out[at]);
                }
            }
        }
        if out.len() > size {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by zlib (Python's `zlib.compressobj(level, zlib.DEFLATED, -15)`), from the text beside it.
    const DYNAMIC: &str = concat!(
        "8d574bb2dc3008dc738a7704f11182dc26954d0e90fb5790e78d35d6d36fe5b1a51a2168ba9bf4eb0bf0d7d79fbfbfff7d81",
        "7cff78bdf9e7dbeb13ea8f6faf05cae385d72aeb62f5fbe8380df41d00183e42c19406c1104ea241915538a8be8d073d6206",
        "baef15377c5c02c806f9619a1c1c29c0554832b8e08f3d127f01627792323d42805c7ee61974561ad0b22a0b14da67a9d460",
        "c0e446903fef013eb87654739a264ce6cbd261de6309afb2c5c3df7b01f959f30a11194496e798d2658962dd701f59a91007",
        "34f13b32e70e58695031209cf71ea565ce88936c232349155d94ef5b02697a762195c11f4523cc8e07725c428cd39237be37",
        "614d506dad3b67ccfaa42a9641f2a3e76625032eb4ec4736d9e78cbd822a7ab7e14ce87923101e00365a79067310a5257949",
        "513c60d37a73c8a97566467be62cf3a0c121cb8c1520eb9ae57329fbdecc4e17d3a7466371e127ce74c486a07976f160b275",
        "ced4ec80cb52ad54d05ee3fcc2feeccd9207d201a5ccc002c5d738333c207ea38aeea0d90f7d5479f299d94064838ea7ec1f",
        "812d7bd325ed73e65a1901dc6ea6a852dd6940d07d1aaa80a4b90ce89ad34227f0400830bd9400899b1404f5775a80aa2331",
        "40b3a91a106ee480980ef480b25c8240459b229077b043a6912620cb4c0dabe06d94949df6148782b5ebaa5c3661c00062e7",
        "cfc46c28a7383311b1c66bff811bbe79efb2fa3721bfeda878e18eec6a854718549f4a04165c7b362c7292c17215229e9e1b",
        "06add7896a09060d8c56749a414f1b9feb4718f44b26e3d9e01e26043b89a5d4b5cdfb73e1a931c1b5bec7063ee8e220aa4a",
        "06f1f49b30c2f450ef4e3ebccbe3b3a5591713e3d21ac5861316242e784d0b923ee605e1ded8890e33188597e958454b5759",
        "a7920301a17cc950383a929641edc42cbed808835468aa2254f2d290c78613eda5e887ca83644de4eb84d52909398dba983c",
        "db3483eecb39a67ad003dbc2e922a378fabdbb3ad36e020b388f789029c90c83e16bd74ac274e2f898f1ca2073b396f162dd",
        "d4ca32549210129f75318beb3a83994fcc72be2c771d849b92848fef26fd90ad9116875f179f7a79e5f598614773468cb1d7",
        "a0616da0098b4fa91b355c476ee63f",
    );
    const FIXED: &str = "4b4c84822400";

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    fn text() -> String {
        (0..200).map(|n| format!("{}: {}\n", n * n, "chat ".repeat(n % 7))).collect()
    }

    #[test]
    fn what_zlib_deflated_is_read_again() {
        assert_eq!(inflate(&bytes(DYNAMIC), text().len()).unwrap(), text().into_bytes());
        assert_eq!(inflate(&bytes(FIXED), 10).unwrap(), b"aaaaaaaaab");
        assert_eq!(inflate(&[1, 2, 0, 0xfd, 0xff, b'h', b'i'], 2).unwrap(), b"hi");
    }

    #[test]
    fn what_is_cut_or_of_another_size_is_not_read() {
        let data = bytes(DYNAMIC);
        assert!(inflate(&data[..data.len() / 2], text().len()).is_none());
        assert!(inflate(&data, text().len() - 1).is_none());
        assert!(inflate(&data, text().len() + 1).is_none());
        assert!(inflate(&[7], 0).is_none() && inflate(&[], 0).is_none());
    }
}
