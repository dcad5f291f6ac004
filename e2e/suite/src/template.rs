//! The manifests in `manifests`, with what differs from test to test filled in.

use anyhow::bail;

/// Puts values in the places of `{{NAME}}`; a name that has no value is an error.
pub(crate) fn fill(template: &str, values: &[(&str, &str)]) -> anyhow::Result<String> {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else {
            bail!("a place that begins with {{{{ does not end");
        };
        let Some((_, value)) = values.iter().find(|(known, _)| *known == name) else {
            bail!("there is no value for {{{{{name}}}}}");
        };
        filled.extend([before, value]);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_filled() {
        let filled = fill(
            "{{role}} of {{team}}: {{role}}",
            &[("team", "a"), ("role", "r")],
        );
        assert_eq!(filled.unwrap(), "r of a: r");
    }

    #[test]
    fn a_place_without_a_value_is_named() {
        let error = fill("{{rolle}}", &[("role", "r")]).unwrap_err();
        assert_eq!(error.to_string(), "there is no value for {{rolle}}");
        assert!(fill("{{role", &[("role", "r")]).is_err());
    }
}
