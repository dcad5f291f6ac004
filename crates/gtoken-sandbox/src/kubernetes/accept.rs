//! Which form of an object the client takes: whole, or its metadata alone.
//!
//! <https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources>

use super::status::Status;

/// The form in which objects are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As they are.
    Whole,
    /// `PartialObjectMetadata`, for a single object and in a watch.
    Metadata,
    /// `PartialObjectMetadataList`, for a list.
    MetadataList,
}

/// Chooses a form by an `Accept` header: the acceptable entry of highest quality, the first among equals.
pub(super) fn negotiate(accept: Option<&str>) -> Result<Form, Status> {
    let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else {
        return Ok(Form::Whole);
    };
    let mut best: Option<(f32, Form)> = None;
    for (quality, form) in accept.split(',').filter_map(entry) {
        if quality > best.map_or(0.0, |(quality, _)| quality) {
            best = Some((quality, form));
        }
    }
    best.map(|(_, form)| form).ok_or_else(|| {
        Status::not_acceptable(
            "only the following media types are accepted: application/json, application/json;stream=watch",
        )
    })
}

/// One entry that can be served, with its quality; none for any other.
fn entry(text: &str) -> Option<(f32, Form)> {
    let mut parts = text.split(';').map(str::trim);
    let media_type = parts.next()?.to_ascii_lowercase();
    if !matches!(
        media_type.as_str(),
        "application/json" | "application/*" | "*/*"
    ) {
        return None;
    }
    let (mut quality, mut kind, mut group, mut version) = (1.0, "", "", "");
    for parameter in parts {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim().trim_matches('"');
        match name.trim() {
            "q" => quality = value.parse().ok()?,
            "as" => kind = value,
            "g" => group = value,
            "v" => version = value,
            "stream" if value != "watch" => return None,
            _ => {}
        }
    }
    Some((quality, form(kind, group, version)?))
}

fn form(kind: &str, group: &str, version: &str) -> Option<Form> {
    match (kind, group, version) {
        ("", "", "") => Some(Form::Whole),
        ("PartialObjectMetadata", "meta.k8s.io", "v1") => Some(Form::Metadata),
        ("PartialObjectMetadataList", "meta.k8s.io", "v1") => Some(Form::MetadataList),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

    #[test]
    fn no_wish_and_any_wish_mean_json() {
        for accept in [
            None,
            Some(""),
            Some("*/*"),
            Some("application/*"),
            Some("application/json"),
        ] {
            assert_eq!(negotiate(accept), Ok(Form::Whole), "{accept:?}");
        }
    }

    #[test]
    fn metadata_forms_are_known_by_all_their_parameters() {
        assert_eq!(negotiate(Some(METADATA)), Ok(Form::Metadata));
        let list = "application/json; g=meta.k8s.io; v=v1; as=PartialObjectMetadataList";
        assert_eq!(negotiate(Some(list)), Ok(Form::MetadataList));
        assert!(
            negotiate(Some(
                "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v2"
            ))
            .is_err()
        );
    }

    #[test]
    fn an_entry_that_cannot_be_served_is_passed_over() {
        let kubectl = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        assert_eq!(negotiate(Some(kubectl)), Ok(Form::Whole));
        let client_go = format!(
            "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,{METADATA},application/json"
        );
        assert_eq!(negotiate(Some(&client_go)), Ok(Form::Metadata));
    }

    #[test]
    fn quality_decides_and_zero_refuses() {
        assert_eq!(
            negotiate(Some(&format!("application/json;q=0.4, {METADATA};q=0.9"))),
            Ok(Form::Metadata)
        );
        assert_eq!(
            negotiate(Some(&format!("application/json, {METADATA};q=0.9"))),
            Ok(Form::Whole)
        );
        assert!(negotiate(Some("application/json;q=0")).is_err());
        assert!(negotiate(Some("application/yaml, text/html")).is_err());
    }
}
