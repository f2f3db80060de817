//! Ids of the model, by the names that a recording gives those of the server: `<sid 1>`, `<pid 1>`, `<offset 1>`.

use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Names {
    ids: BTreeMap<String, String>,
}

/// A name at the beginning of a text, and what follows.
fn split_name(text: &str) -> Option<(&str, &str)> {
    let (name, _) = text.split_once('>')?;
    let known = ["<sid ", "<pid ", "<offset "].iter().any(|kind| name.starts_with(kind));
    known.then(|| text.split_at(name.len() + 1))
}

impl Names {
    /// With the model's ids for names that are known; others stay.
    pub(super) fn fill(&self, text: &str) -> String {
        self.ids.iter().fold(text.into(), |text, (name, id)| text.replace(name, id))
    }

    /// With names for the model's ids.
    pub(super) fn hide(&self, text: &str) -> String {
        let quoted = |of: &str| format!(r#""{of}""#);
        self.ids.iter().fold(text.into(), |text, (name, id)| text.replace(&quoted(id), &quoted(name)))
    }

    /// Whether the model's text is the server's. A name that is new stands for what the model has there, if no other does.
    pub(super) fn agree(&mut self, server: &str, model: &str) -> bool {
        let (mut server, mut model) = (server, model);
        loop {
            if let Some((name, rest)) = split_name(server) {
                let (id, after) = model.split_at(model.find('"').unwrap_or(model.len()));
                let known = self.ids.get(name).map(String::as_str);
                let taken = self.ids.values().any(|of| of == id);
                if id.is_empty() || known.is_some_and(|known| known != id) || (known.is_none() && taken) {
                    return false;
                }
                self.ids.insert(name.into(), id.into());
                (server, model) = (rest, after);
            } else if let (Some(a), Some(b)) = (server.chars().next(), model.chars().next()) {
                if a != b {
                    return false;
                }
                (server, model) = (&server[a.len_utf8()..], &model[b.len_utf8()..]);
            } else {
                return server.is_empty() && model.is_empty();
            }
        }
    }
}
