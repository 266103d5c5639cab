//! A request as rows: what goes through under its own name is put together, everything else is a row.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::diff::plain;
use super::explanation::Explanation;
use super::fields::{Path, Step};
use super::seen::{LOOKED_UP, Request};
use super::trace::{Origin, Source};
use crate::output::escape_control;

/// Names that are written out where a value is made of many.
const NAMES: usize = 4;

/// An attribute and where it comes from, in words.
pub(super) struct Row {
    /// The attribute.
    pub(super) path: Path,
    /// Its name; of a property without `properties`.
    pub(super) name: String,
    /// Whether it is a custom property.
    pub(super) is_property: bool,
    /// Its value; of an object or a list of them, how much there is.
    pub(super) value: String,
    /// Where it comes from.
    pub(super) source: String,
    /// What would take the place of a single source.
    pub(super) instead_of: Option<String>,
}

/// Names that go through unchanged, by the object they stand in.
pub(super) type Unchanged = BTreeMap<String, Vec<String>>;

/// The rows of a request, custom properties last, and what goes through unchanged.
pub(super) fn rows(it: &Explanation, at: usize, request: &Request) -> (Vec<Row>, Unchanged) {
    let properties = Path::of(&["properties"]);
    let (mut rows, mut unchanged) = (Vec::new(), Unchanged::new());
    for (path, value) in &request.rows {
        let origins: Vec<&Origin> = it
            .origins
            .iter()
            .filter(|((n, leaf), _)| *n == at && path.holds(leaf))
            .map(|(_, origin)| origin)
            .collect();
        let name = path.below(&properties);
        if let Some(parent) = name
            .as_ref()
            .and_then(|name| home(&it.message, name, value, &origins))
        {
            unchanged
                .entry(parent)
                .or_default()
                .extend(name.map(|name| name.to_string()));
            continue;
        }
        let sources: BTreeSet<&Source> =
            origins.iter().flat_map(|origin| &origin.sources).collect();
        let instead_of: BTreeSet<&Path> = origins
            .iter()
            .flat_map(|origin| &origin.instead_of)
            .collect();
        rows.push(Row {
            is_property: name.is_some(),
            name: name.unwrap_or_else(|| path.clone()).to_string(),
            path: path.clone(),
            value: amount(value),
            instead_of: (sources.len() == 1 && !instead_of.is_empty()).then(|| fields(instead_of)),
            source: source(sources) + condition(value),
        });
    }
    rows.sort_by_key(|row| row.is_property);
    (rows, unchanged)
}

/// The object in the message in which a property stands as it is, under the same name.
fn home(message: &Value, name: &Path, value: &Value, origins: &[&Origin]) -> Option<String> {
    let sources: Vec<&Source> = origins.iter().flat_map(|origin| &origin.sources).collect();
    let Source::Field(first) = sources.first()? else {
        return None;
    };
    let step = name.0.first()?;
    let length = first.0.iter().position(|other| other == step)?;
    let (parent, whole) = (first.0.get(..length)?, first.0.get(..=length)?);
    let (parent, whole) = (Path(parent.to_vec()), Path(whole.to_vec()));
    let is_inside = |source: &&Source| matches!(source, Source::Field(path) if whole.holds(path));
    (whole.find(message) == Some(value) && sources.iter().all(is_inside))
        .then(|| parent.to_string())
}

fn amount(value: &Value) -> String {
    match value {
        Value::Array(elements) if elements.iter().any(Value::is_object) => match elements.len() {
            1 => "1 object".to_owned(),
            count => format!("{count} objects"),
        },
        Value::Array(elements) => elements.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(object) => {
            format!(
                "{{ {} }}",
                object
                    .keys()
                    .map(|key| escape_control(key))
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        }
        other => plain(other),
    }
}

/// On what it depends that there is such an attribute, which no rule decides.
fn condition(value: &Value) -> &'static str {
    let is_looked_up = value
        .as_str()
        .is_some_and(|text| text.starts_with(LOOKED_UP));
    if is_looked_up {
        ", if Klaviyo knows the profile"
    } else {
        ""
    }
}

fn source(sources: BTreeSet<&Source>) -> String {
    let mut words = Vec::new();
    let mut paths = BTreeSet::new();
    for source in sources {
        match source {
            Source::Field(path) => drop(paths.insert(path)),
            Source::Setting(name) => words.push((*name).to_owned()),
            Source::Message => words.push("a hash of the whole message".to_owned()),
            Source::Clock => words.push("the time of delivery".to_owned()),
        }
    }
    if !paths.is_empty() {
        words.insert(0, fields(paths));
    }
    if words.is_empty() {
        "always".to_owned()
    } else {
        words.join(", ")
    }
}

/// Fields by name; those of several elements are said once, and those of one object together.
fn fields(paths: BTreeSet<&Path>) -> String {
    let anywhere: BTreeSet<String> = paths.iter().map(|path| without_places(path)).collect();
    let (several, names) = match anywhere.len() < paths.len() {
        true => (true, anywhere),
        false => (false, paths.iter().map(ToString::to_string).collect()),
    };
    let mut by_parent: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in names {
        let (parent, last) = name
            .rsplit_once('.')
            .map_or(("", name.as_str()), |(parent, last)| (parent, last));
        by_parent
            .entry(parent.to_owned())
            .or_default()
            .push(last.to_owned());
    }
    let words = by_parent
        .into_iter()
        .map(|(parent, mut names)| match names.as_slice() {
            [only] if parent.is_empty() => only.clone(),
            [only] => format!("{parent}.{only}"),
            _ if parent.is_empty() => names.join(", "),
            _ if names.len() <= 2 && !several => names
                .iter()
                .map(|name| format!("{parent}.{name}"))
                .collect::<Vec<_>>()
                .join(", "),
            _ => {
                let more = names.len().saturating_sub(NAMES);
                names.truncate(NAMES);
                let more = if more > 0 {
                    format!(", {more} more")
                } else {
                    String::new()
                };
                format!("{parent}.{{{}{more}}}", names.join(", "))
            }
        });
    words.collect::<Vec<_>>().join(", ")
}

fn without_places(path: &Path) -> String {
    let mut text = String::new();
    for step in &path.0 {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(&escape_control(key)),
            Step::Key(key) => {
                text.push('.');
                text.push_str(&escape_control(key));
            }
            Step::Index(_) | Step::Rest => text.push_str("[]"),
        }
    }
    text
}
