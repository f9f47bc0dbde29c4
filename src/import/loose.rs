//! JSON of an interface that was never promised to us: what is absent or null has its default, and
//! unknown fields are nobody's concern.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::import::{Export, Report};

/// A field that may be null.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The JSON documents of a file: one, or those of a list; what an interface wraps around them
/// (`data`) is taken off.
pub(super) fn documents(export: &Export, report: &mut Report) -> Vec<Value> {
    let value: Value = match serde_json::from_str(&export.text) {
        Ok(value) => value,
        Err(error) => {
            report.dropped(&export.path, format!("the file cannot be read: {error}"));
            return Vec::new();
        }
    };
    match unwrapped(value) {
        Value::Array(values) => values,
        value => vec![value],
    }
}

fn unwrapped(mut value: Value) -> Value {
    match value.get_mut("data").map(Value::take) {
        Some(data) => data,
        None => value,
    }
}

/// A value of a type, or a note that it could not be read.
pub(super) fn value<T: DeserializeOwned>(value: Value, path: &str, report: &mut Report) -> Option<T> {
    match serde_json::from_value(value) {
        Ok(value) => Some(value),
        Err(error) => {
            report.dropped(path, format!("cannot be read: {error}"));
            None
        }
    }
}
