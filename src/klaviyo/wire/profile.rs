//! Profiles: <https://developers.klaviyo.com/en/reference/create_or_update_profile>

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use crate::klaviyo::profile::{PhoneChange, Profile, ProfileIdentifiers, PropertyPatch};

/// A profile as `profile-import` and import jobs take it.
pub(in crate::klaviyo) struct ProfileResource<'o>(pub(in crate::klaviyo) &'o Profile<'o>);

impl Serialize for ProfileResource<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Meta<'o> {
            patch_properties: &'o PropertyPatch<'o>,
        }
        let ProfileResource(profile) = self;
        let mut resource = serializer.serialize_struct("profile", 3)?;
        resource.serialize_field("type", "profile")?;
        resource.serialize_field("attributes", &ProfileAttributes(profile))?;
        if !profile.patch.is_empty() {
            resource.serialize_field(
                "meta",
                &Meta {
                    patch_properties: &profile.patch,
                },
            )?;
        }
        resource.end()
    }
}

/// The attributes of a profile. An event carries these and no more of its profile.
pub(in crate::klaviyo) struct ProfileAttributes<'o>(pub(in crate::klaviyo) &'o Profile<'o>);

impl Serialize for ProfileAttributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ProfileAttributes(profile) = self;
        let mut map = serializer.serialize_map(None)?;
        serialize_identifiers(&profile.identifiers, &mut map)?;
        match &profile.phone_number {
            Some(PhoneChange::Set(number)) => map.serialize_entry("phone_number", number)?,
            Some(PhoneChange::Clear) => map.serialize_entry("phone_number", &())?,
            None => {}
        }
        for (name, value) in profile.attributes.iter() {
            map.serialize_entry(name, value)?;
        }
        if !profile.location.is_empty() {
            map.serialize_entry("location", &profile.location)?;
        }
        if !profile.properties.is_empty() {
            map.serialize_entry("properties", &profile.properties)?;
        }
        map.end()
    }
}

/// The attributes of a profile that is only named.
pub(in crate::klaviyo) struct IdentifierAttributes<'o>(
    pub(in crate::klaviyo) &'o ProfileIdentifiers<'o>,
);

impl Serialize for IdentifierAttributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        serialize_identifiers(self.0, &mut map)?;
        map.end()
    }
}

fn serialize_identifiers<M: SerializeMap>(
    identifiers: &ProfileIdentifiers,
    map: &mut M,
) -> Result<(), M::Error> {
    if let Some(email) = identifiers.email() {
        map.serialize_entry("email", email)?;
    }
    if let Some(external_id) = identifiers.external_id() {
        map.serialize_entry("external_id", external_id)?;
    }
    Ok(())
}

impl Serialize for PropertyPatch<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.append.is_empty() {
            map.serialize_entry("append", &self.append)?;
        }
        if !self.unappend.is_empty() {
            map.serialize_entry("unappend", &self.unappend)?;
        }
        if !self.unset.is_empty() {
            map.serialize_entry("unset", &self.unset)?;
        }
        map.end()
    }
}
