//! Texts with `*` and `?`, as actions and `StringLike` have them.

/// A text in which `*` stands for any characters and `?` for any one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(String);

impl Pattern {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole of `text` fits, case by case.
    pub(super) fn matches(&self, text: &str) -> bool {
        let pattern: Vec<char> = self.0.chars().collect();
        let text: Vec<char> = text.chars().collect();
        fits(&pattern, &text)
    }

    /// Whether the whole of `text` fits in any mixture of cases, as actions are compared.
    pub(super) fn matches_any_case(&self, text: &str) -> bool {
        Self(self.0.to_lowercase()).matches(&text.to_lowercase())
    }
}

/// Goes back to the last `*` where a literal fails, so the time is at most the product of the lengths.
fn fits(pattern: &[char], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == '?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star_at, taken)) = star else {
                    return false;
                };
                star = Some((star_at, taken + 1));
                p = star_at + 1;
                t = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_text() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("a", "a", true),
            ("a", "A", false),
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "abcabc", true),
            ("a*c", "abcab", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xaxbx", true),
            ("*?", "", false),
            ("ä?", "äö", true),
        ] {
            let pattern = Pattern::new(pattern);
            assert_eq!(pattern.matches(text), expected, "{pattern:?} {text:?}");
        }
    }

    #[test]
    fn actions_are_compared_in_any_case() {
        let pattern = Pattern::new("STS:assumerole*");
        assert!(pattern.matches_any_case("sts:AssumeRoleWithWebIdentity"));
        assert!(!pattern.matches("sts:AssumeRoleWithWebIdentity"));
    }

    /// The definition, without a thought for time.
    fn by_definition(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), None) => by_definition(rest, text),
            (Some(('*', rest)), Some((_, later))) => {
                by_definition(rest, text) || by_definition(pattern, later)
            }
            (Some((p, rest)), Some((t, later))) => {
                (*p == '?' || p == t) && by_definition(rest, later)
            }
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    proptest::proptest! {
        #[test]
        fn patterns_match_by_their_definition(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let expected = by_definition(&chars(&pattern), &chars(&text));
            proptest::prop_assert_eq!(Pattern::new(&pattern).matches(&text), expected);
        }
    }
}
