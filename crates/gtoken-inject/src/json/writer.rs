//! Texts as JSON strings.

/// A text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    quote(text, &mut json);
    json
}

/// Writes texts as JSON strings, each behind what stands before it.
pub(crate) fn write(json: &mut String, pieces: &[(&str, &str)]) {
    for (before, text) in pieces {
        json.push_str(before);
        quote(text, json);
    }
}

/// Writes a text as a JSON string in a JSON string, most of it as it is.
pub(crate) fn quote_within(text: &str, json: &mut String) {
    json.push_str(r#"\""#);
    if plain(text.as_bytes()) == text.len() {
        json.push_str(text);
    } else {
        let once = quoted(text);
        let twice = quoted(&once[1..once.len() - 1]);
        json.push_str(&twice[1..twice.len() - 1]);
    }
    json.push_str(r#"\""#);
}

/// Writes a text as a JSON string, most of it as it is.
pub(crate) fn quote(text: &str, json: &mut String) {
    json.push('"');
    let mut rest = text;
    loop {
        let (plain, special) = rest.split_at(plain(rest.as_bytes()));
        json.push_str(plain);
        let Some(byte) = special.bytes().next() else {
            break;
        };
        escape(byte, json);
        rest = &special[1..];
    }
    json.push('"');
}

fn escape(byte: u8, json: &mut String) {
    const HEX: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    match byte {
        b'"' => json.push_str(r#"\""#),
        b'\\' => json.push_str(r"\\"),
        b'\n' => json.push_str(r"\n"),
        byte => {
            json.push_str(r"\u00");
            json.extend([byte >> 4, byte & 15].map(|half| HEX[usize::from(half)]));
        }
    }
}

const ONES: u64 = u64::MAX / 255;
const HIGHS: u64 = ONES << 7;

/// How many bytes come before the first quote, backslash or control character, looked for eight at a time.
fn plain(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks();
    for (index, word) in words.iter().enumerate() {
        let found = ends(u64::from_le_bytes(*word));
        if found != 0 {
            return index * 8 + (found.trailing_zeros() / 8) as usize;
        }
    }
    let is_plain = |byte: &&u8| !matches!(byte, b'"' | b'\\' | 0..=0x1f);
    words.len() * 8 + rest.iter().take_while(is_plain).count()
}

/// Marks the bytes of a word that end plain text. The lowest mark is right; those above it may be too many, for a
/// subtraction borrows from the byte above (<https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord>).
#[inline]
fn ends(word: u64) -> u64 {
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
    // One bit away from a quote is a space, the first byte after the control characters, and those stay below it.
    let quote_or_control = below(word ^ (ONES * u64::from(b'"' ^ b' ')), b' ' + 1);
    let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
    (quote_or_control | backslash) & HIGHS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_ends_at_what_means_something() {
        for end in 0..=u8::MAX {
            let ends = matches!(end, b'"' | b'\\' | 0..=0x1f);
            for before in 0..20 {
                let mut bytes = vec![b'x'; before];
                bytes.extend([end, 0x7f, 0xff, b'!', b'[', b' ', b'#', b']', 0x80]);
                let all = bytes.len();
                assert_eq!(plain(&bytes), if ends { before } else { all }, "{end}");
            }
        }
    }

    #[test]
    fn what_is_quoted_reads_back() {
        for text in [
            "",
            "a",
            "ü\u{7f}\u{2028}",
            "a\"b\\c\nd\t\u{0}\u{1f}e",
            "\"",
            "\\\\\\",
        ] {
            let read: String = serde_json::from_str(&quoted(text)).unwrap();
            assert_eq!(read, text);
        }
    }
}
