//! Top-level `secrets` and `configs` that a service mounts.

use super::super::Plan;
use super::super::Unit;
use super::super::values::Values;
use super::Storage;
use crate::discover::compose::MountSource;
use crate::discover::compose::Mounted;

impl Storage {
    pub(super) fn secret(&mut self, plan: &Plan<'_>, mounted: &Mounted, values: &mut Values<'_>) {
        let Some(shared) = plan.compose.secrets.get(&mounted.source) else { return };
        let key: String = mounted
            .source
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '-' })
            .collect();
        match &shared.source {
            MountSource::File(path) => values.file_key(&key, path, &shared.place),
            MountSource::Variable(name) => values.variable_key(name, &shared.place),
            MountSource::Content(_) => values.variable_key(&key, &shared.place),
            MountSource::External => {
                values.variable_key(&key.to_ascii_uppercase().replace(['-', '.'], "_"), &shared.place);
            }
        }
        let key = match &shared.source {
            MountSource::File(_) | MountSource::Content(_) => key,
            MountSource::Variable(name) => name.clone(),
            MountSource::External => key.to_ascii_uppercase().replace(['-', '.'], "_"),
        };
        self.mount("secret-files", &mounted.at, Some(key.clone()), true);
        self.items.insert(key, values.secret());
    }

    pub(super) fn config(
        &mut self,
        plan: &Plan<'_>,
        unit: &Unit<'_>,
        mounted: &Mounted,
        values: &mut Values<'_>,
    ) {
        let Some(shared) = plan.compose.configs.get(&mounted.source) else { return };
        match &shared.source {
            MountSource::File(path) => match plan.survey.tree.text(path) {
                Some(text) => self.file(plan.survey.tree.executable.contains(path), path, text, &mounted.at),
                None => self.note(
                    format!(
                        "`{}` mounts the config `{path}`, which is not there ({})",
                        unit.service.name, shared.place
                    ),
                    "add the file, then `todo init --force`",
                ),
            },
            MountSource::Content(text) => self.file(false, &mounted.source, text, &mounted.at),
            MountSource::Variable(name) => {
                values.variable_key(name, &shared.place);
                self.mount("secret-files", &mounted.at, Some(name.clone()), true);
                self.items.insert(name.clone(), values.secret());
            }
            MountSource::External => self.note(
                format!(
                    "`{}` mounts the config `{}`, which is made elsewhere ({})",
                    unit.service.name, mounted.source, shared.place
                ),
                "write a ConfigMap with it, and mount it",
            ),
        }
    }
}
