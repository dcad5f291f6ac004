//! The `application/x-www-form-urlencoded` text of query strings and of AWS's Query API.

/// The pairs in the order they were sent; a name without `=` has an empty value.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// The first value of `name`.
pub(crate) fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// Resolves `+` and `%XX`; a `%` without two hex digits stands for itself.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        if let Some(value) = escaped.and_then(hex_byte) {
            decoded.push(value);
            at += 3;
        } else {
            decoded.push(if byte == b'+' { b' ' } else { byte });
            at += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    // `from_str_radix` alone would take `+F` for 15.
    let digits = std::str::from_utf8(digits)
        .ok()
        .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_what_clients_escape() {
        for (text, expected) in [
            ("a=b", ("a", "b")),
            ("a=b+c%20d", ("a", "b c d")),
            ("a%3Db=%2F", ("a=b", "/")),
            ("a=%+F%4", ("a", "% F%4")),
            ("a=%C3%A4", ("a", "ä")),
            ("a", ("a", "")),
            ("a=b=c", ("a", "b=c")),
        ] {
            let expected = (expected.0.to_owned(), expected.1.to_owned());
            assert_eq!(pairs(text), [expected], "{text}");
        }
        assert_eq!(pairs(""), []);
    }

    #[test]
    fn the_first_value_of_a_name_counts() {
        let pairs = pairs("a=1&b=2&a=3");
        assert_eq!(value(&pairs, "a"), Some("1"));
        assert_eq!(value(&pairs, "c"), None);
    }
}
