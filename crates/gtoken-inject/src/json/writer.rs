//! Texts as JSON strings.

use super::scanner::plain;

/// A text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    quote(text, &mut json);
    json
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

#[cfg(test)]
mod tests {
    use super::*;

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
