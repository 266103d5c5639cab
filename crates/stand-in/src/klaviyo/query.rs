//! The query of a request that looks something up:
//! <https://developers.klaviyo.com/en/reference/api_overview#filtering>

use std::ops::Range;

use reqwest::Url;
use serde_json::{Map, Value, json};

use super::refusal::Refusal;
use crate::request::KlaviyoRequest;

/// The sizes of the pages of an endpoint.
#[derive(Clone, Copy)]
pub(super) struct PageSizes {
    /// The number of resources on a page when the request says nothing.
    pub(super) usual: usize,
    /// The most resources on a page.
    pub(super) most: usize,
}

/// The pages of what has 20 resources on a page and at most 100.
pub(super) const PAGES: PageSizes = PageSizes {
    usual: 20,
    most: 100,
};

/// The parameters of a query.
pub(super) struct Query {
    url: Url,
}

/// A filter: the name of a field and the values that it may have.
pub(super) struct Filter {
    pub(super) field: &'static str,
    pub(super) values: Vec<String>,
}

impl Query {
    /// Parses the query of a request in which every parameter is one of `names`, a field set or the
    /// cursor of a page.
    pub(super) fn parse(request: &KlaviyoRequest, names: &[&str]) -> Result<Self, Refusal> {
        let (host, path) = (request.header("host"), request.uri.to_string());
        let host = if host.is_empty() { "localhost" } else { host };
        let url = Url::parse(&format!("http://{host}{path}"))
            .map_err(|_| Refusal::parameter(path.clone()))?;
        for (name, _) in url.query_pairs() {
            let is_usual = name == "page[cursor]" || name.starts_with("fields[");
            if !is_usual && !names.contains(&name.as_ref()) {
                return Err(Refusal::parameter(name));
            }
        }
        Ok(Query { url })
    }

    /// Returns the value of a parameter; an absent one is empty.
    fn get(&self, name: &str) -> String {
        for (found, value) in self.url.query_pairs() {
            if found == name {
                return value.into_owned();
            }
        }
        String::new()
    }

    /// Whether a parameter lists a value, separated by commas.
    pub(super) fn lists(&self, name: &str, value: &str) -> bool {
        self.get(name).split(',').any(|item| item == value)
    }

    /// Parses `any(<field>,["…"])` or `equals(<field>,"…")` of one of these fields. There may be no
    /// filter.
    pub(super) fn filter(&self, fields: &[&'static str]) -> Result<Option<Filter>, Refusal> {
        let text = self.get("filter");
        if text.is_empty() {
            return Ok(None);
        }
        match parse_filter(&text, fields) {
            Some(filter) => Ok(Some(filter)),
            None => Err(Refusal::parameter("filter")),
        }
    }

    /// Keeps the attributes that the request asks for in its field set.
    pub(super) fn select(&self, kind: &str, attributes: &mut Map<String, Value>) {
        let fields = self.get(&format!("fields[{kind}]"));
        if fields.is_empty() {
            return;
        }
        let mut wanted = Vec::new();
        for field in fields.split(',') {
            let (name, _) = field.split_once('.').unwrap_or((field, ""));
            wanted.push(name);
        }
        attributes.retain(|name, _| wanted.contains(&name.as_str()));
    }

    /// Returns the page of `count` resources that the request asks for.
    fn page(&self, count: usize, sizes: PageSizes) -> Result<Range<usize>, Refusal> {
        let mut size = sizes.usual;
        let text = self.get("page[size]");
        if !text.is_empty() {
            size = text.parse().unwrap_or(0);
        }
        if !(1..=sizes.most).contains(&size) {
            return Err(Refusal::parameter("page[size]"));
        }
        let mut start = 0;
        let cursor = self.get("page[cursor]");
        if !cursor.is_empty() {
            start = cursor
                .parse()
                .map_err(|_| Refusal::parameter("page[cursor]"))?;
        }
        Ok(start..count.min(start.saturating_add(size)))
    }

    /// Returns a page of resources with a link to the next one.
    pub(super) fn collection<T>(
        &self,
        rows: &[T],
        sizes: PageSizes,
        mut show: impl FnMut(&T) -> Value,
    ) -> Result<Value, Refusal> {
        let page = self.page(rows.len(), sizes)?;
        let mut next = Value::Null;
        if page.end < rows.len() {
            next = self.link_to(page.end).into();
        }
        let mut resources = Vec::new();
        for row in rows.get(page).unwrap_or_default() {
            resources.push(show(row));
        }
        let links = json!({"self": self.url.as_str(), "next": next});
        Ok(json!({"data": resources, "links": links}))
    }

    /// Returns the address of the page that begins after `count` resources.
    fn link_to(&self, count: usize) -> String {
        let mut url = self.url.clone();
        url.query_pairs_mut().clear();
        for (name, value) in self.url.query_pairs() {
            if name != "page[cursor]" {
                url.query_pairs_mut().append_pair(&name, &value);
            }
        }
        let cursor = count.to_string();
        url.query_pairs_mut().append_pair("page[cursor]", &cursor);
        url.into()
    }
}

fn parse_filter(filter: &str, fields: &[&'static str]) -> Option<Filter> {
    let (operator, rest) = filter.strip_suffix(')')?.split_once('(')?;
    let (field, values) = rest.split_once(',')?;
    let field = fields.iter().find(|name| **name == field)?;
    let values = match operator {
        // The id of a cookie is looked up alone.
        "any" if *field != "_kx" => serde_json::from_str(values).ok()?,
        "equals" => vec![serde_json::from_str(values).ok()?],
        _ => return None,
    };
    Some(Filter { field, values })
}
