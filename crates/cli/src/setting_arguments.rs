//! The options that choose the function's settings, which every command has that uses them.

use std::path::Path;

use crate::overrides::{self, SettingOverrides};

/// The chosen settings.
#[derive(clap::Args, Debug, Clone, Default)]
pub(crate) struct SettingArguments {
    /// Takes the settings of an environment of samconfig.toml, such as prod, or of a file with a
    /// KEY=VALUE on each line.
    #[arg(long, value_name = "NAME|FILE")]
    env: Option<String>,

    /// Sets one of the function's settings, as LIST_ID=… or as the template's parameter ListId=…; may
    /// be repeated, and wins over --env.
    #[arg(long, value_name = "KEY=VALUE", value_parser = overrides::parse)]
    settings: Vec<(String, String)>,
}

impl SettingArguments {
    /// Reads the environment and returns all chosen settings.
    pub(crate) fn overrides(&self) -> Result<SettingOverrides, String> {
        let environment = match &self.env {
            Some(name) => SettingOverrides::from_environment(name)?,
            None => SettingOverrides::default(),
        };
        Ok(environment.with_all(self.settings.clone()))
    }

    /// The environment of samconfig.toml, if one is named.
    pub(crate) fn environment(&self) -> Option<&str> {
        let name = self.env.as_deref()?;
        (!Path::new(name).is_file()).then_some(name)
    }
}
