//! The standard `OTEL_*` variables, as far as they are ours to read; the exporter reads those of its
//! connection (`OTEL_EXPORTER_OTLP_HEADERS`, `…_TIMEOUT`, and their `…_TRACES_…` forms) itself.
//!
//! Source: <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>. An
//! empty variable counts as unset, and a number that cannot be read as its default.

use std::time::Duration;

const TRACES_PATH: &str = "v1/traces";

/// Where spans go, and which. Nowhere, unless an endpoint is named.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "OpenTelemetry")]
pub struct TelemetryConfig {
    /// The collector, such as http://127.0.0.1:4318 (`/v1/traces` is appended). Not set: no spans.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", global = true, hide_short_help = true)]
    pub otel_endpoint: Option<String>,
    /// The same for spans alone, taken as it is.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", global = true, hide_short_help = true)]
    pub otel_traces_endpoint: Option<String>,
    /// How it is spoken to: http/protobuf and nothing else.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_PROTOCOL", global = true, hide_short_help = true)]
    pub otel_protocol: Option<String>,
    /// otlp, or none.
    #[arg(long, env = "OTEL_TRACES_EXPORTER", global = true, hide_short_help = true)]
    pub otel_traces_exporter: Option<String>,
    /// `true` switches all of it off.
    #[arg(long, env = "OTEL_SDK_DISABLED", global = true, hide_short_help = true)]
    pub otel_sdk_disabled: Option<String>,
    /// What this process is called in traces. Default: valerix, or valerix-SUBCOMMAND.
    #[arg(long, env = "OTEL_SERVICE_NAME", global = true, hide_short_help = true)]
    pub otel_service_name: Option<String>,
    /// Which traces are kept: always_on, always_off, traceidratio, or parentbased_… of these.
    /// Default: parentbased_always_on.
    #[arg(
        long = "otel-sampler",
        env = "OTEL_TRACES_SAMPLER",
        global = true,
        hide_short_help = true
    )]
    pub sampler: Option<String>,
    /// The ratio of traceidratio (0 to 1). Default: 1.
    #[arg(
        long = "otel-sampler-arg",
        env = "OTEL_TRACES_SAMPLER_ARG",
        global = true,
        hide_short_help = true
    )]
    pub sampler_argument: Option<String>,
    /// Milliseconds between two sendings (1 to 60000). Default: 5000.
    #[arg(long, env = "OTEL_BSP_SCHEDULE_DELAY", global = true, hide_short_help = true)]
    pub otel_schedule_delay: Option<String>,
    /// Spans that wait at most (1 to 1000000); what comes beyond is dropped. Default: 16384.
    #[arg(long, env = "OTEL_BSP_MAX_QUEUE_SIZE", global = true, hide_short_help = true)]
    pub otel_queue_max: Option<String>,
    /// Spans of one sending (1 to 10000). Default: 512.
    #[arg(long, env = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", global = true, hide_short_help = true)]
    pub otel_batch_max: Option<String>,
}

/// How often is sent, and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) every: Duration,
    pub(super) batch_max: usize,
}

/// Why spans are not sent, although a collector is named.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// There is no TLS in here: a collector beside this process speaks it.
    #[error(
        "{0:?} is not a collector's http:// URL; for https, run a collector beside this process"
    )]
    Endpoint(String),
    /// Only one protocol is spoken.
    #[error("OTEL_EXPORTER_OTLP_PROTOCOL={0:?}: only http/protobuf is spoken (port 4318 mostly)")]
    Protocol(String),
    /// Only one exporter is there.
    #[error("OTEL_TRACES_EXPORTER={0:?}: only otlp and none are known")]
    Exporter(String),
    /// The sampler is not known, or its argument is no ratio.
    #[error("OTEL_TRACES_SAMPLER={0:?} (or its argument) is not known")]
    Sampler(String),
    /// The exporter refuses its settings.
    #[error("the exporter cannot be set up")]
    Setup(#[from] opentelemetry_otlp::ExporterBuildError),
    /// Telemetry was begun twice.
    #[error("telemetry was begun twice")]
    Twice,
}

impl TelemetryConfig {
    /// The URL spans are posted to; `None` where nobody wants them.
    pub(super) fn endpoint(&self) -> Result<Option<String>, TelemetryError> {
        let is_disabled =
            set(self.otel_sdk_disabled.as_ref()).is_some_and(|v| v.eq_ignore_ascii_case("true"));
        let exporter = set(self.otel_traces_exporter.as_ref());
        if is_disabled || exporter == Some("none") {
            return Ok(None);
        }
        let endpoint =
            match (set(self.otel_traces_endpoint.as_ref()), set(self.otel_endpoint.as_ref())) {
                (Some(whole), _) => whole.to_owned(),
                (None, Some(base)) => format!("{}/{TRACES_PATH}", base.trim_end_matches('/')),
                (None, None) => return Ok(None),
            };
        if let Some(other) = exporter.filter(|name| *name != "otlp") {
            return Err(TelemetryError::Exporter(other.to_owned()));
        }
        if let Some(other) =
            set(self.otel_protocol.as_ref()).filter(|name| *name != "http/protobuf")
        {
            return Err(TelemetryError::Protocol(other.to_owned()));
        }
        let is_http = endpoint
            .parse::<http::Uri>()
            .is_ok_and(|uri| uri.scheme_str() == Some("http") && uri.authority().is_some());
        if is_http { Ok(Some(endpoint)) } else { Err(TelemetryError::Endpoint(endpoint)) }
    }

    pub(super) fn service_name(&self, service: &str) -> String {
        set(self.otel_service_name.as_ref()).unwrap_or(service).to_owned()
    }

    pub(super) fn queue_max(&self) -> usize {
        number(self.otel_queue_max.as_ref(), 16_384, 1_000_000)
    }

    pub(super) fn pace(&self) -> Pace {
        Pace {
            every: Duration::from_millis(
                number(self.otel_schedule_delay.as_ref(), 5_000, 60_000) as u64
            ),
            batch_max: number(self.otel_batch_max.as_ref(), 512, 10_000),
        }
    }
}

fn set(value: Option<&String>) -> Option<&str> {
    value.map(|value| value.trim()).filter(|value| !value.is_empty())
}

fn number(value: Option<&String>, default: usize, max: usize) -> usize {
    set(value).and_then(|text| text.parse().ok()).unwrap_or(default).clamp(1, max)
}

#[cfg(test)]
mod tests;
