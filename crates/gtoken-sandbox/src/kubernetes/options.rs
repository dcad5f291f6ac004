//! What a list or a watch asks for, parsed from its query once and refused as kube-apiserver refuses it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::status::Status;
use crate::form;

/// The watch timeout when the client names none; the real one is random between 30 and 60 minutes.
const WATCH_TIMEOUT: Duration = Duration::from_mins(30);

/// A query, percent-decoded.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        Self(form::pairs(text))
    }

    /// The value of a parameter; an empty one counts as absent.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.raw(name).filter(|value| !value.is_empty())
    }

    /// A boolean as the API server reads it: anything but `false` and `0` is true.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.raw(name)
            .map(|value| !matches!(value.to_ascii_lowercase().as_str(), "false" | "0"))
    }

    fn raw(&self, name: &str) -> Option<&str> {
        form::value(&self.0, name)
    }
}

/// The objects that a list or a watch is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Selection {
    namespace: Option<String>,
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq)]
struct Term {
    field: Field,
    equal: bool,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Field {
    Name,
    Namespace,
}

impl Selection {
    /// The key that everything selected begins with.
    pub(super) fn prefix(&self) -> String {
        let namespace = self.namespace.as_ref();
        namespace.map_or_else(String::new, |namespace| format!("{namespace}/"))
    }

    /// Whether it selects by fields, in which case a list cannot say how much remains.
    pub(super) fn is_filtered(&self) -> bool {
        !self.terms.is_empty()
    }

    pub(super) fn holds(&self, key: &str) -> bool {
        let (namespace, name) = key.split_once('/').unwrap_or(("", key));
        let in_namespace = self.namespace.as_ref().is_none_or(|own| own == namespace);
        in_namespace
            && self.terms.iter().all(|term| {
                let actual = match term.field {
                    Field::Name => name,
                    Field::Namespace => namespace,
                };
                (actual == term.value) == term.equal
            })
    }

    fn parse(namespace: Option<&str>, query: &Query) -> Result<Self, Status> {
        if query.value("labelSelector").is_some() {
            return Err(Status::bad_request(
                "the sandbox does not know labelSelector: select by metadata.name or metadata.namespace, or in the client",
            ));
        }
        let terms = query.value("fieldSelector").unwrap_or_default();
        let terms = terms.split(',').filter(|term| !term.is_empty());
        Ok(Self {
            namespace: namespace.map(str::to_owned),
            terms: terms.map(Term::parse).collect::<Result<_, _>>()?,
        })
    }
}

impl Term {
    fn parse(text: &str) -> Result<Self, Status> {
        let found = [("!=", false), ("==", true), ("=", true)]
            .into_iter()
            .find_map(|(sign, equal)| Some((text.split_once(sign)?, equal)));
        let Some(((field, value), equal)) = found else {
            return Err(Status::bad_request(format!(
                "invalid selector: '{text}'; can't understand '{text}'"
            )));
        };
        let field = match field {
            "metadata.name" => Field::Name,
            "metadata.namespace" => Field::Namespace,
            other => {
                return Err(Status::bad_request(format!(
                    "\"{other}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
                )));
            }
        };
        Ok(Self {
            field,
            equal,
            value: value.to_owned(),
        })
    }
}

/// The state that a list shows.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ListFrom {
    /// The newest, which must be at least this revision.
    AtLeast(u64),
    /// The one of this revision.
    Exactly(u64),
    /// The state of an earlier page (none: the newest, since that one is gone), from this key on.
    Continued {
        revision: Option<u64>,
        start: String,
    },
}

/// A list.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ListOptions {
    pub(super) selection: Selection,
    pub(super) from: ListFrom,
    /// Objects in a page; 0 is all.
    pub(super) limit: usize,
}

impl ListOptions {
    pub(super) fn parse(namespace: Option<&str>, query: &Query) -> Result<Self, Status> {
        if query.flag("sendInitialEvents").is_some() {
            return Err(forbidden(
                "sendInitialEvents",
                "sendInitialEvents is forbidden for list",
            ));
        }
        let selection = Selection::parse(namespace, query)?;
        let limit = number(query, "limit")?.unwrap_or(0);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(Self {
            from: list_from(query, limit > 0, &selection)?,
            selection,
            limit,
        })
    }
}

/// The point from which a watch tells of changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum WatchFrom {
    /// The newest state, at least of this revision, told first as `ADDED` events.
    State { at_least: u64, mark_end: bool },
    /// Now.
    Now,
    /// The first change after this revision.
    After(u64),
}

/// A watch.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct WatchOptions {
    pub(super) selection: Selection,
    pub(super) from: WatchFrom,
    pub(super) bookmarks: bool,
    pub(super) timeout: Duration,
}

impl WatchOptions {
    pub(super) fn parse(namespace: Option<&str>, query: &Query) -> Result<Self, Status> {
        let timeout = number(query, "timeoutSeconds")?.filter(|seconds| *seconds > 0);
        Ok(Self {
            selection: Selection::parse(namespace, query)?,
            from: watch_from(query)?,
            bookmarks: query.flag("allowWatchBookmarks").unwrap_or(false),
            timeout: timeout.map_or(WATCH_TIMEOUT, Duration::from_secs),
        })
    }
}

/// The token for the next page, which begins after the key `last`.
pub(super) fn continue_after(last: &str, revision: u64) -> String {
    // A zero byte makes the least key that is greater, so a page begins even if its first object is gone.
    continue_token(&json!(revision), &format!("{last}\0"))
}

/// A token for the rest of a list whose state is gone.
pub(super) fn inconsistent_continue(start: &str) -> String {
    continue_token(&json!(-1), start)
}

/// The `resourceVersion` parameter; absent and `0` are both 0.
pub(super) fn revision(query: &Query) -> Result<u64, Status> {
    let text = query.value("resourceVersion").unwrap_or("0");
    text.parse().map_err(|_| {
        Status::bad_request(format!(
            "invalid resource version: strconv.ParseUint: parsing \"{text}\": invalid syntax"
        ))
    })
}

fn list_from(query: &Query, paged: bool, selection: &Selection) -> Result<ListFrom, Status> {
    const MATCH: &str = "resourceVersionMatch";
    let (matching, given) = (query.value(MATCH), query.value("resourceVersion"));
    if let Some(matching) = matching {
        let problem = match (matching, given, query.value("continue")) {
            (_, _, Some(_)) => "resourceVersionMatch is forbidden when continue is provided",
            (_, None, _) => "resourceVersionMatch is forbidden unless resourceVersion is provided",
            ("Exact", Some("0"), _) => {
                "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""
            }
            ("Exact" | "NotOlderThan", _, _) => "",
            _ => return Err(not_supported(MATCH, matching)),
        };
        if !problem.is_empty() {
            return Err(forbidden(MATCH, problem));
        }
    }
    let revision = revision(query)?;
    if let Some(token) = query.value("continue") {
        if revision > 0 {
            return Err(Status::bad_request(
                "specifying resource version is not allowed when using continue",
            ));
        }
        return continued(token, selection);
    }
    // Without a match, a page of a certain revision means exactly that one; a whole list means at least.
    let exact = matching.map_or(paged && revision > 0, |matching| matching == "Exact");
    Ok(if exact {
        ListFrom::Exactly(revision)
    } else {
        ListFrom::AtLeast(revision)
    })
}

fn continued(token: &str, selection: &Selection) -> Result<ListFrom, Status> {
    let invalid = |why: &str| Status::bad_request(format!("continue key is not valid: {why}"));
    let bytes = URL_SAFE_NO_PAD
        .decode(token)
        .map_err(|error| invalid(&error.to_string()))?;
    let token: Value =
        serde_json::from_slice(&bytes).map_err(|error| invalid(&error.to_string()))?;
    let start = token["start"].as_str().unwrap_or_default();
    if token["v"] != "meta.k8s.io/v1" || !start.starts_with(&selection.prefix()) {
        return Err(invalid("it belongs to another list"));
    }
    let revision = token["rv"].as_i64().ok_or_else(|| invalid("no revision"))?;
    Ok(ListFrom::Continued {
        revision: u64::try_from(revision).ok(),
        start: start.to_owned(),
    })
}

fn watch_from(query: &Query) -> Result<WatchFrom, Status> {
    const MATCH: &str = "resourceVersionMatch";
    let revision = revision(query)?;
    let initial = query.flag("sendInitialEvents");
    match (initial, query.value(MATCH)) {
        (Some(_), Some("NotOlderThan")) | (None, None) => {}
        (Some(_), _) => {
            return Err(forbidden(
                MATCH,
                "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            ));
        }
        (None, Some(_)) => {
            return Err(forbidden(
                MATCH,
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            ));
        }
    }
    Ok(match (initial, revision) {
        (Some(true), at_least) => WatchFrom::State {
            at_least,
            mark_end: true,
        },
        (None, 0) => WatchFrom::State {
            at_least: 0,
            mark_end: false,
        },
        (Some(false), 0) => WatchFrom::Now,
        (_, revision) => WatchFrom::After(revision),
    })
}

fn continue_token(revision: &Value, start: &str) -> String {
    let token = json!({"v": "meta.k8s.io/v1", "rv": revision, "start": start});
    URL_SAFE_NO_PAD.encode(token.to_string())
}

fn number(query: &Query, name: &str) -> Result<Option<u64>, Status> {
    let Some(text) = query.value(name) else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|_| {
        Status::bad_request(format!(
            "{name}: strconv.ParseInt: parsing \"{text}\": invalid syntax"
        ))
    })
}

fn forbidden(field: &str, problem: &str) -> Status {
    Status::invalid(
        "ListOptions.meta.k8s.io",
        "",
        field,
        &format!("Forbidden: {problem}"),
    )
}

fn not_supported(field: &str, value: &str) -> Status {
    let problem = format!(
        "Unsupported value: \"{value}\": supported values: \"Exact\", \"NotOlderThan\", \"\""
    );
    Status::invalid("ListOptions.meta.k8s.io", "", field, &problem)
}
