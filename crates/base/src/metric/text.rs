//! Prometheus' text format, version 0.0.4.

use super::descriptor::label_text;
use super::family::Metric;
use super::histogram::QUANTILES;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Appends the metrics of one name. (Writing to a string cannot fail.)
pub(super) fn family(page: &mut String, name: &str, help: &str, metrics: &BTreeMap<String, Metric>) {
    let Some(first) = metrics.values().next() else {
        return;
    };
    let (shown, kind) = match first {
        Metric::Counter(_) => (format!("{name}_total"), "counter"),
        Metric::Gauge(_) | Metric::Asked(_) | Metric::AskedMany(_) => (name.to_owned(), "gauge"),
        Metric::Histogram(_) => (name.to_owned(), "summary"),
    };
    let _ = writeln!(page, "# HELP {shown} {help}\n# TYPE {shown} {kind}");
    for (labels, metric) in metrics {
        match metric {
            Metric::Counter(counter) => _ = writeln!(page, "{shown}{labels} {}", counter.get()),
            Metric::Gauge(gauge) => _ = writeln!(page, "{shown}{labels} {}", gauge.get()),
            Metric::Asked(asked) => _ = writeln!(page, "{shown}{labels} {}", (asked.0)()),
            Metric::AskedMany(asked) => (asked.0)(&mut |own, value| {
                let labels = joined(labels, &label_text(own));
                let _ = writeln!(page, "{shown}{labels} {value}");
            }),
            Metric::Histogram(histogram) => {
                let summary = histogram.summary();
                for (quantile, value) in QUANTILES.iter().zip(summary.quantiles) {
                    let labels = with_quantile(labels, *quantile);
                    let _ = writeln!(page, "{name}{labels} {value}");
                }
                let _ = writeln!(page, "{name}_sum{labels} {}", summary.sum);
                let _ = writeln!(page, "{name}_count{labels} {}", summary.count);
            }
        }
    }
}

/// Labels after others.
fn joined(first: &str, then: &str) -> String {
    match (first.strip_suffix('}'), then.strip_prefix('{')) {
        (Some(first), Some(then)) => format!("{first},{then}"),
        (_, None) => first.to_owned(),
        (None, _) => then.to_owned(),
    }
}

fn with_quantile(labels: &str, quantile: f64) -> String {
    match labels.strip_suffix('}') {
        Some(others) => format!("{others},quantile=\"{quantile}\"}}"),
        None => format!("{{quantile=\"{quantile}\"}}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Descriptor, Registry, Unit};
    use expect_test::expect;

    const BYTES_IN: Descriptor = Descriptor::new("kafka.server", "BrokerTopicMetrics", "BytesInPerSec", "Bytes in.");
    const FLUSH: Descriptor = Descriptor::new("kafka.log", "LogFlushStats", "LogFlushRateAndTimeMs", "Flushes.");
    const SIZE: Descriptor = Descriptor::new("kafka.log", "Log", "Size", "Bytes.");
    const DIRTY: Descriptor = Descriptor::new("kafka.log", "LogCleanerManager", "max-dirty-percent", "Dirt.");

    #[test]
    fn the_page_has_the_names_and_kinds_that_the_jmx_exporter_gives() {
        let registry = Registry::default();
        registry.counter(&BYTES_IN, &[]).add(7);
        registry.counter(&BYTES_IN, &[("topic", "a\"b\\")]).add(3);
        registry.counter(&BYTES_IN, &[]).add(1);
        registry.histogram(&FLUSH, &[], Unit::Millis).observe(2000);
        registry.asked_gauge(&DIRTY, &[("logDirectory", "/d")], || 12.5);
        registry.asked_gauges(&SIZE, &[], |show| {
            show(&[("topic", "t"), ("partition", "0")], 3.0);
            show(&[("topic", "t"), ("partition", "1")], 4.0);
        });
        registry.asked_gauges(&SIZE, &[("is_future", "true")], |show| {
            show(&[("topic", "t")], 5.0);
            show(&[], 6.0);
        });
        let gone = Descriptor { name: "gone", ..DIRTY };
        registry.gauge(&gone, &[]).set(1.0);
        registry.forget(&gone, &[]);
        expect![[r#"
            # HELP kafka_log_log_size Bytes.
            # TYPE kafka_log_log_size gauge
            kafka_log_log_size{topic="t",partition="0"} 3
            kafka_log_log_size{topic="t",partition="1"} 4
            kafka_log_log_size{is_future="true",topic="t"} 5
            kafka_log_log_size{is_future="true"} 6
            # HELP kafka_log_logcleanermanager_max_dirty_percent Dirt.
            # TYPE kafka_log_logcleanermanager_max_dirty_percent gauge
            kafka_log_logcleanermanager_max_dirty_percent{logDirectory="/d"} 12.5
            # HELP kafka_log_logflushstats_logflushrateandtimems Flushes.
            # TYPE kafka_log_logflushstats_logflushrateandtimems summary
            kafka_log_logflushstats_logflushrateandtimems{quantile="0.5"} 1.9835
            kafka_log_logflushstats_logflushrateandtimems{quantile="0.75"} 1.9835
            kafka_log_logflushstats_logflushrateandtimems{quantile="0.95"} 1.9835
            kafka_log_logflushstats_logflushrateandtimems{quantile="0.98"} 1.9835
            kafka_log_logflushstats_logflushrateandtimems{quantile="0.99"} 1.9835
            kafka_log_logflushstats_logflushrateandtimems{quantile="0.999"} 1.9835
            kafka_log_logflushstats_logflushrateandtimems_sum 2
            kafka_log_logflushstats_logflushrateandtimems_count 1
            # HELP kafka_server_brokertopicmetrics_bytesin_total Bytes in.
            # TYPE kafka_server_brokertopicmetrics_bytesin_total counter
            kafka_server_brokertopicmetrics_bytesin_total 8
            kafka_server_brokertopicmetrics_bytesin_total{topic="a\"b\\"} 3
        "#]]
        .assert_eq(&registry.text());
    }
}
