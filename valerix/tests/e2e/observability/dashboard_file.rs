//! A dashboard as Grafana reads it (dashboard JSON model, schema version 39), as far as ours use it. Every other field is
//! refused: Grafana would take a misspelt one for none.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "that it is there, and of this type, is what is checked")]
pub(super) struct Dashboard {
    pub(super) uid: String,
    pub(super) title: String,
    description: String,
    tags: Vec<String>,
    schema_version: u32,
    version: u32,
    editable: bool,
    timezone: String,
    refresh: String,
    time: BTreeMap<String, String>,
    pub(super) templating: Variables,
    annotations: Value,
    pub(super) links: Vec<Link>,
    pub(super) panels: Vec<Panel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Variables {
    pub(super) list: Vec<Variable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "that it is there, and of this type, is what is checked")]
pub(super) struct Variable {
    pub(super) name: String,
    label: String,
    #[serde(rename = "type")]
    kind: String,
    query: String,
    current: BTreeMap<String, String>,
    hide: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "that it is there, and of this type, is what is checked")]
pub(super) struct Link {
    title: String,
    pub(super) url: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    keep_time: bool,
    #[serde(default)]
    target_blank: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Panel {
    pub(super) id: u32,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) title: String,
    pub(super) description: Option<String>,
    pub(super) datasource: Option<Source>,
    pub(super) grid_pos: GridPos,
    pub(super) field_config: Option<FieldConfig>,
    #[serde(default)]
    pub(super) targets: Vec<Target>,
    pub(super) options: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    pub(super) links: Vec<Link>,
    pub(super) collapsed: Option<bool>,
    pub(super) panels: Option<Vec<Value>>,
}

impl Panel {
    /// Of its numbers.
    pub(super) fn unit(&self) -> &str {
        self.field_config.as_ref().map_or("none", |config| &config.defaults.unit)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) uid: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GridPos {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) w: u32,
    pub(super) h: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "that it is there, and of this type, is what is checked")]
pub(super) struct FieldConfig {
    pub(super) defaults: Defaults,
    overrides: [(); 0],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "that it is there, and of this type, is what is checked")]
pub(super) struct Defaults {
    pub(super) unit: String,
    min: Option<f64>,
    max: Option<f64>,
    #[serde(default)]
    mappings: Vec<Mapping>,
    pub(super) thresholds: Option<Thresholds>,
    custom: Option<Custom>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "that it is there, and of this type, is what is checked")]
struct Mapping {
    #[serde(rename = "type")]
    kind: MappingKind,
    options: BTreeMap<String, Shown>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum MappingKind {
    Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "that it is there, and of this type, is what is checked")]
struct Shown {
    text: String,
    color: String,
    index: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "that it is there, and of this type, is what is checked")]
pub(super) struct Thresholds {
    mode: ThresholdsMode,
    pub(super) steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum ThresholdsMode {
    Absolute,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "that it is there, and of this type, is what is checked")]
pub(super) struct Step {
    color: String,
    pub(super) value: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "that it is there, and of this type, is what is checked")]
struct Custom {
    line_width: Option<u8>,
    fill_opacity: Option<u8>,
    show_points: Option<String>,
    stacking: Option<Value>,
    thresholds_style: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Target {
    pub(super) ref_id: String,
    pub(super) datasource: Source,
    pub(super) expr: String,
    pub(super) legend_format: String,
}
