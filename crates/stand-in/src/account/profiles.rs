//! Profiles, the lists they are on, and how they are found and forgotten.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::{Account, No, Reply, accepted, all, array, expect_type, no, object, text};

/// What a profile is known by.
const IDENTIFIERS: [&str; 3] = ["email", "external_id", "phone_number"];

const PLACES: &str = "/data/attributes/profiles/data";

impl Account {
    pub(super) fn import(&mut self, body: &Value) -> Result<Reply, No> {
        expect_type(body, "/data", "profile")?;
        let found = self.matching(body, "/data/attributes")?;
        if found.len() > 1 {
            return Err(no(409, "duplicate_profile", "/data"));
        }
        let status = if found.is_empty() { 201 } else { 200 };
        let profile = self.update(found.first().copied(), object(body, "/data/attributes")?);
        Ok(Reply::new(
            status,
            json!({"data": {"type": "profile", "id": profile.to_string()}}),
        ))
    }

    pub(super) fn import_job(&mut self, body: &Value) -> Result<Reply, No> {
        expect_type(body, "/data", "profile-bulk-import-job")?;
        let count = array(body, PLACES, 10_000)?.len();
        let mut named = HashSet::new();
        let places = all((0..count).map(|index| {
            let pointer = format!("{PLACES}/{index}");
            expect_type(body, &pointer, "profile")?;
            let attributes = format!("{pointer}/attributes");
            self.matching(body, &attributes)?;
            let who = text(body, &format!("{attributes}/email"))
                .or(text(body, &format!("{attributes}/external_id")));
            if named.insert(who) {
                Ok(attributes)
            } else {
                Err(no(400, "duplicate", pointer))
            }
        }))?;
        let lists = body
            .pointer("/data/relationships/lists/data")
            .and_then(Value::as_array);
        let lists: Vec<_> = lists
            .into_iter()
            .flatten()
            .filter_map(|list| text(list, "/id").ok())
            .collect();
        for attributes in places {
            let found = self.matching(body, &attributes)?;
            let profile = self.update(found.first().copied(), object(body, &attributes)?);
            for list in &lists {
                self.lists.entry(list.clone()).or_default().insert(profile);
            }
        }
        accepted(202)
    }

    pub(super) fn remove_from_list(&mut self, list: &str, body: &Value) -> Result<Reply, No> {
        let ids = array(body, "/data", 1_000)?;
        let members = self.lists.entry(list.to_owned()).or_default();
        for id in ids {
            members.remove(
                &text(id, "/id")?
                    .parse()
                    .map_err(|_| no(404, "not_found", "/data"))?,
            );
        }
        accepted(204)
    }

    pub(super) fn delete(&mut self, body: &Value) -> Result<Reply, No> {
        expect_type(body, "/data", "data-privacy-deletion-job")?;
        let profile = "/data/attributes/profile/data";
        let id = text(body, &format!("{profile}/id")).map(|id| ("id".to_owned(), id));
        let email = text(body, &format!("{profile}/attributes/email"))
            .map(|email| ("email".to_owned(), email));
        match (id, email) {
            (Ok(one), Err(_)) | (Err(_), Ok(one)) => self.deletions.push(one),
            _ => return Err(no(400, "invalid", profile)),
        }
        accepted(202)
    }

    /// Answers a list by its id.
    pub(super) fn list(&self, path: &str) -> Result<Reply, No> {
        let id = path.trim_start_matches("/api/lists/");
        let opt_in = self
            .opt_in
            .get(id)
            .ok_or_else(|| no(404, "not_found", "/data"))?;
        Ok(Reply::new(
            200,
            json!({"data": {"type": "list", "id": id, "attributes": {"opt_in_process": opt_in}}}),
        ))
    }

    /// Answers `filter=any(<field>,["…"])`; without a filter as an account without profiles would.
    pub(super) fn find(&self, query: &str) -> Result<Reply, No> {
        if !query.contains("filter=") {
            return Ok(Reply::new(200, json!({"data": []})));
        }
        let filter = || {
            let url = reqwest::Url::parse(&format!("http://localhost/?{query}")).ok()?;
            let filter = url
                .query_pairs()
                .find(|(name, _)| name == "filter")?
                .1
                .into_owned();
            let (field, values) = filter
                .strip_prefix("any(")?
                .strip_suffix(')')?
                .split_once(',')?;
            Some((
                field.to_owned(),
                serde_json::from_str::<Vec<String>>(values).ok()?,
            ))
        };
        let (field, values) = filter().ok_or_else(|| no(400, "invalid", "filter"))?;
        let found = values
            .into_iter()
            .filter_map(|value| self.index.get(&(field.clone(), value)));
        let profile = |id: &usize| {
            let attributes = self.profiles.get(*id)?;
            Some(json!({"type": "profile", "id": id.to_string(), "attributes": attributes}))
        };
        Ok(Reply::new(
            200,
            json!({"data": found.filter_map(profile).collect::<Vec<_>>()}),
        ))
    }

    /// The profiles that the identifiers at `pointer` name.
    pub(super) fn matching(&self, body: &Value, pointer: &str) -> Result<Vec<usize>, No> {
        let given = object(body, pointer)?;
        let given: Vec<_> = IDENTIFIERS
            .iter()
            .filter_map(|name| Some((*name, given.get(*name)?.as_str()?)))
            .collect();
        if given.is_empty() {
            return Err(no(400, "invalid", pointer));
        }
        let held = given
            .iter()
            .filter_map(|(name, value)| self.index.get(&((*name).to_owned(), (*value).to_owned())));
        let mut found: Vec<usize> = held.copied().collect();
        found.dedup();
        Ok(found)
    }

    /// Creates or updates a profile: what is not given stays, `null` clears. Its index.
    pub(super) fn update(
        &mut self,
        index: Option<usize>,
        attributes: &Map<String, Value>,
    ) -> usize {
        let index = index.unwrap_or(self.profiles.len());
        if index == self.profiles.len() {
            self.profiles.push(Map::new());
        }
        if let Some(profile) = self.profiles.get_mut(index) {
            for (name, value) in attributes {
                match (profile.get_mut(name), value) {
                    (Some(Value::Object(held)), Value::Object(given)) => held.extend(given.clone()),
                    _ => {
                        profile.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        for name in IDENTIFIERS {
            if let Some(value) = attributes.get(name).and_then(Value::as_str) {
                self.index
                    .entry((name.to_owned(), value.to_owned()))
                    .or_insert(index);
            }
        }
        index
    }
}
