//! What a client asks: the first line of a request, of whose other lines only the end matters.

/// The longest first line. Nothing that we answer to is longer.
const MAX_LINE: usize = 128;

/// The longest head: service meshes add kilobytes of their own.
const MAX_HEAD: usize = 16 * 1024;

/// What a request asks for, or why it is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Is a good token held?
    Health,
    /// The numbers.
    Metrics,
    /// A path that there is not.
    Unknown,
    /// A method that would change something.
    OtherMethod,
    /// Bytes that are no HTTP.
    Nonsense,
    /// A head without end.
    TooLong,
}

/// A request, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// What it asks for.
    pub asked: Asked,
    /// Whether it wants no body.
    pub head_only: bool,
}

impl Request {
    fn not_answered(asked: Asked) -> Self {
        Self {
            asked,
            head_only: false,
        }
    }
}

/// The head of a request while it comes; all but its first line is forgotten at once.
#[derive(Debug)]
pub struct Head {
    first: [u8; MAX_LINE],
    length: usize,
    read: usize,
    place: Place,
}

/// Where in the head the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    FirstLine,
    LineStart,
    InLine,
}

impl Head {
    /// Takes the next bytes, and gives the request once its head is whole.
    pub fn take(&mut self, bytes: &[u8]) -> Option<Request> {
        bytes.iter().find_map(|byte| self.take_byte(*byte))
    }

    fn take_byte(&mut self, byte: u8) -> Option<Request> {
        self.read += 1;
        if self.read > MAX_HEAD {
            return Some(Request::not_answered(Asked::TooLong));
        }
        match (byte, self.place) {
            // An empty line before the first is to be ignored (RFC 9112 §2.2).
            (b'\n', Place::FirstLine) if self.length == 0 => {}
            (b'\n', Place::LineStart) => return Some(parse(self.first.get(..self.length)?)),
            (b'\n', _) => self.place = Place::LineStart,
            (b'\r', _) => {}
            (_, Place::FirstLine) => match self.first.get_mut(self.length) {
                Some(place) => {
                    *place = byte;
                    self.length += 1;
                }
                None => return Some(Request::not_answered(Asked::TooLong)),
            },
            (_, _) => self.place = Place::InLine,
        }
        None
    }
}

impl Default for Head {
    /// Nothing of it has come.
    fn default() -> Self {
        Self {
            first: [0; MAX_LINE],
            length: 0,
            read: 0,
            place: Place::FirstLine,
        }
    }
}

fn parse(line: &[u8]) -> Request {
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Request::not_answered(Asked::Nonsense);
    };
    if method.is_empty() || !version.starts_with(b"HTTP/1.") {
        return Request::not_answered(Asked::Nonsense);
    }
    let head_only = method == b"HEAD";
    if !head_only && method != b"GET" {
        return Request::not_answered(Asked::OtherMethod);
    }
    let path = target.split(|byte| *byte == b'?').next();
    let asked = match path.unwrap_or_default() {
        b"/healthz" => Asked::Health,
        b"/metrics" => Asked::Metrics,
        _ => Asked::Unknown,
    };
    Request { asked, head_only }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asked(head: &[u8]) -> Option<Asked> {
        Head::default().take(head).map(|request| request.asked)
    }

    #[test]
    fn reads_the_requests_of_kubelet_and_prometheus() {
        let kubelet =
            b"GET /healthz HTTP/1.1\r\nHost: 10.0.0.7:8080\r\nUser-Agent: kube-probe/1.34\r\n\
                        Accept: */*\r\nConnection: close\r\n\r\n";
        assert_eq!(asked(kubelet), Some(Asked::Health));
        let prometheus =
            b"GET /metrics?a=b HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text\r\n\r\n";
        assert_eq!(asked(prometheus), Some(Asked::Metrics));
        assert_eq!(asked(b"\r\nGET /healthz HTTP/1.0\n\n"), Some(Asked::Health));
        let head = Head::default()
            .take(b"HEAD /healthz HTTP/1.1\r\n\r\n")
            .unwrap();
        assert!(head.head_only);
    }

    #[test]
    fn says_why_a_request_is_not_answered() {
        for (head, why) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], Asked::Unknown),
            (b"GET /healthz/ HTTP/1.1\r\n\r\n", Asked::Unknown),
            (
                b"POST /healthz HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
                Asked::OtherMethod,
            ),
            (b"GET /healthz\r\n\r\n", Asked::Nonsense),
            (b"GET  /healthz HTTP/1.1\r\n\r\n", Asked::Nonsense),
            (b"GET /healthz SSH-2.0\r\n\r\n", Asked::Nonsense),
            (b"\x16\x03\x01 \0\n\n", Asked::Nonsense),
        ] {
            assert_eq!(asked(head), Some(why), "{}", head.escape_ascii());
        }
        assert_eq!(asked(b"GET /healthz HTTP/1.1\r\nHost: x\r\n"), None);
    }

    #[test]
    fn a_head_without_end_is_cut_off() {
        let line = [b"GET /".as_slice(), &[b'x'; MAX_LINE]].concat();
        assert_eq!(asked(&line), Some(Asked::TooLong));
        for filler in [&b"a: b\r\n"[..], b"\r\r", b"x"] {
            let mut head = Head::default();
            assert_eq!(head.take(b"GET /healthz HTTP/1.1\r\n"), None);
            let mut fed = 0;
            let cut = loop {
                fed += filler.len();
                if let Some(request) = head.take(filler) {
                    break request.asked;
                }
            };
            assert_eq!(cut, Asked::TooLong);
            assert!(fed <= MAX_HEAD + filler.len(), "{fed}");
        }
        let empty_lines = vec![b'\n'; MAX_HEAD + 1];
        assert_eq!(asked(&empty_lines), Some(Asked::TooLong));
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_request_is_the_same(
            head in "(GET|HEAD|PUT) (/healthz|/metrics|/x)(\\?y)? HTTP/1\\.[01]\r\n([A-Z]: [a-z]{0,9}\r\n){0,4}\r\n",
            cut in any::<prop::sample::Index>(),
        ) {
            let whole = Head::default().take(head.as_bytes());
            prop_assert!(whole.is_some());
            let (start, end) = head.as_bytes().split_at(cut.index(head.len()));
            let mut in_two = Head::default();
            prop_assert_eq!(in_two.take(start), None);
            prop_assert_eq!(in_two.take(end), whole);
        }

        #[test]
        fn no_bytes_make_it_panic(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..9)) {
            let mut head = Head::default();
            for chunk in chunks {
                let _ = head.take(&chunk);
            }
        }
    }
}
