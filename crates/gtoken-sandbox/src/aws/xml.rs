//! The XML of STS's answers, in the order of fields that AWS has.

use super::refusal::Refusal;

/// The namespace of every answer.
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// An element: its name and what it holds.
pub(crate) enum Element {
    Text(&'static str, String),
    Group(&'static str, Vec<Element>),
}

/// The answer to a successful call.
pub(crate) fn success(action: &str, result: &[Element], request_id: &str) -> String {
    let result = elements(result, 2);
    let request_id = escape(request_id);
    format!(
        "<{action}Response xmlns=\"{NAMESPACE}\">\n  <{action}Result>\n{result}  </{action}Result>\n  \
         <ResponseMetadata>\n    <RequestId>{request_id}</RequestId>\n  </ResponseMetadata>\n</{action}Response>\n"
    )
}

/// The answer to a refused call.
pub(crate) fn failure(refusal: &Refusal, request_id: &str) -> String {
    let (code, message) = (refusal.code, escape(&refusal.message));
    let request_id = escape(request_id);
    format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\">\n  <Error>\n    <Type>Sender</Type>\n    <Code>{code}</Code>\n    \
         <Message>{message}</Message>\n  </Error>\n  <RequestId>{request_id}</RequestId>\n</ErrorResponse>\n"
    )
}

fn elements(list: &[Element], depth: usize) -> String {
    let indent = "  ".repeat(depth);
    let lines = list.iter().map(|element| match element {
        Element::Text(name, text) => format!("{indent}<{name}>{}</{name}>\n", escape(text)),
        Element::Group(name, inner) => {
            let inner = elements(inner, depth + 1);
            format!("{indent}<{name}>\n{inner}{indent}</{name}>\n")
        }
    });
    lines.collect()
}

/// Text that XML 1.0 reads as it stands; control characters that it cannot hold at all become U+FFFD.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\t' | '\n' => escaped.push(character),
            control if control.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_text_stays_text() {
        assert_eq!(escape("a<b>&\"'\0"), "a&lt;b&gt;&amp;&quot;&apos;\u{fffd}");
    }

    #[test]
    fn groups_are_nested() {
        let inner = vec![Element::Text("B", "1".into())];
        let xml = success("X", &[Element::Group("A", inner)], "id");
        assert!(
            xml.contains("  <XResult>\n    <A>\n      <B>1</B>\n    </A>\n  </XResult>"),
            "{xml}"
        );
    }
}
