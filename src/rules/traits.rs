//! Traits, and which of them have become fields of the profile.

use std::borrow::Cow;

use crate::json::{self, Json, JsonObject, Raw, RawObject, is_same_key};

/// A Klaviyo field, and the trait it comes from in every spelling that is read.
pub(super) type TraitMapping = (&'static str, &'static [&'static str]);

/// Traits that become fields of the profile one by one. The remaining ones are custom properties.
pub(super) struct TraitReader<'t, 'a> {
    object: &'t RawObject<'a>,
    /// Whether traits stay custom properties when they become fields.
    keeps_mapped: bool,
    consumed: Vec<Cow<'a, str>>,
    /// Traits that change list properties, by names that the message gives.
    patched: Vec<Cow<'a, str>>,
}

impl<'t, 'a> TraitReader<'t, 'a> {
    pub(super) fn new(object: &'t RawObject<'a>, keeps_mapped: bool) -> Self {
        TraitReader {
            object,
            keeps_mapped,
            consumed: Vec::new(),
            patched: Vec::new(),
        }
    }

    /// Returns all traits.
    pub(super) fn object(&self) -> &'t RawObject<'a> {
        self.object
    }

    /// Keeps a trait out of the custom properties, in every spelling.
    pub(super) fn mark_consumed(&mut self, key: &str) {
        for (name, _) in self.object.spellings(key) {
            self.consumed.push(name.clone());
        }
    }

    /// Marks a trait as mapped, which may keep it out of the custom properties.
    pub(super) fn mark_mapped(&mut self, key: &str) {
        if !self.keeps_mapped {
            self.mark_consumed(key);
        }
    }

    /// Moves a trait to its Klaviyo field.
    pub(super) fn map_field(&mut self, (field, keys): TraitMapping, target: &mut JsonObject<'a>) {
        target.push_some(field, self.read(keys));
    }

    /// Returns the value of the first trait that is text, else a `null`. Empty text, as forms send
    /// it, gives no value. A value that is no text stays a custom property.
    pub(super) fn read(&mut self, keys: &[&str]) -> Option<Json<'a>> {
        self.read_where(keys, |_| true)
    }

    /// Returns the same, where text that is not meant stays a custom property.
    pub(super) fn read_where(
        &mut self,
        keys: &[&str],
        is_meant: impl Fn(&str) -> bool,
    ) -> Option<Json<'a>> {
        let mut is_cleared = false;
        for key in keys {
            let mut text = None;
            for (name, raw) in self.object.spellings(key) {
                let value = json::text(raw).filter(|text| is_meant(text));
                if !self.keeps_mapped && (value.is_some() || json::is_blank(raw)) {
                    self.consumed.push(name.clone());
                }
                is_cleared |= json::is_null(raw);
                text = text.or(value);
            }
            if let Some(text) = text {
                return Some(Json::Text(text));
            }
        }
        if is_cleared { Some(Json::Null) } else { None }
    }

    /// Maps the members of an object among the traits. An object whose members all have
    /// a Klaviyo field is mapped; any other is also kept as a custom property.
    pub(super) fn map_object(
        &mut self,
        key: &'static str,
        mappings: &[TraitMapping],
        target: &mut JsonObject<'a>,
    ) {
        let object = self.object.object(key);
        let mut members = TraitReader::new(&object, false);
        for mapping in mappings {
            members.map_field(*mapping, target);
        }
        let is_mapped_entirely = object
            .iter()
            .all(|(name, _)| members.consumed.contains(name));
        if is_mapped_entirely && !object.is_empty() {
            self.mark_mapped(key);
        }
    }

    /// Reads values to add to list properties or to take out of them: an object of such values, or
    /// the names of traits that hold them. Such a trait is no custom property then.
    pub(super) fn list_changes(&mut self, option: Option<Raw<'a>>) -> JsonObject<'a> {
        let Some(raw) = option else {
            return JsonObject::default();
        };
        if let Some(changes) = RawObject::parse(raw) {
            return JsonObject::from_raw(&changes, changes.len(), 0);
        }
        let mut changes = JsonObject::default();
        for name in property_names(raw) {
            if let Some(value) = self.object.get(&name) {
                self.patched.push(name.clone());
                changes.push(name, Json::Raw(value));
            }
        }
        changes
    }

    /// Returns the traits that have become no field, which are custom properties.
    pub(super) fn remaining(&self) -> JsonObject<'a> {
        let mut properties = JsonObject::with_capacity(self.object.len());
        for (key, value) in self.object.iter() {
            let is_patched = self.patched.iter().any(|name| is_same_key(name, key));
            if !self.consumed.contains(key) && !is_patched {
                properties.push(key.clone(), Json::Raw(value));
            }
        }
        properties
    }
}

/// Reads the name of a property, or a list of names.
pub(super) fn property_names(raw: Raw<'_>) -> Vec<Cow<'_, str>> {
    match json::text(raw) {
        Some(name) => vec![name],
        None => json::raw_elements(raw)
            .into_iter()
            .filter_map(json::text)
            .collect(),
    }
}
