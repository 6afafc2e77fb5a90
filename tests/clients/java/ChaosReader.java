import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * What topics hold and what groups have committed of the first of them, after a cluster suffered:
 * `ChaosReader TOPIC,TOPIC,… GROUP,GROUP,…`. Lines of JSON as `ChaosClient`'s; a transaction that never ends is told as a fatal error.
 */
public final class ChaosReader {
    private static final FileOutputStream HISTORY = new FileOutputStream(FileDescriptor.out);
    /** Longer than any transaction may take. */
    private static final long PATIENCE_MS = 120_000;

    private ChaosReader() { }

    public static void main(String[] arguments) throws Exception {
        // The standard output is the history; kafka-clients logs errors there unless told otherwise.
        System.setOut(System.err);
        String[] topics = arguments[0].split(",");
        for (String topic : topics) {
            settle(topic);
            for (String isolation : List.of("read_uncommitted", "read_committed")) {
                read(topic, isolation);
            }
        }
        try (var admin = Admin.create(properties())) {
            for (String group : arguments[1].split(",")) {
                committed(admin, group, topics[0]);
            }
        }
        Runtime.getRuntime().halt(0);
    }

    private static void tell(String line) throws Exception {
        HISTORY.write((line + "\n").getBytes(StandardCharsets.UTF_8));
    }

    private static Properties properties() {
        var properties = new Properties();
        properties.put("bootstrap.servers", System.getenv("BOOTSTRAP"));
        return properties;
    }

    private static KafkaConsumer<String, String> consumer(String isolation) {
        var properties = properties();
        properties.put("isolation.level", isolation);
        properties.put("auto.offset.reset", "none");
        properties.put("max.poll.records", "2000");
        return new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
    }

    private static List<TopicPartition> partitions(KafkaConsumer<?, ?> consumer, String topic) {
        return consumer.partitionsFor(topic).stream().map(info -> new TopicPartition(info.topic(), info.partition())).toList();
    }

    private static Map<TopicPartition, Long> ends(String topic, String isolation) {
        try (var consumer = consumer(isolation)) {
            return consumer.endOffsets(partitions(consumer, topic));
        }
    }

    /** Waits until no transaction is open. */
    private static void settle(String topic) throws Exception {
        long deadline = System.currentTimeMillis() + PATIENCE_MS;
        while (!ends(topic, "read_uncommitted").equals(ends(topic, "read_committed"))) {
            if (System.currentTimeMillis() > deadline) {
                tell("{\"did\":\"erred\",\"who\":\"reader\",\"error\":\"a transaction in " + topic + " does not end: "
                    + ends(topic, "read_uncommitted") + " " + ends(topic, "read_committed") + "\",\"severity\":\"fatal\"}");
                return;
            }
            Thread.sleep(200);
        }
    }

    private static void read(String topic, String isolation) throws Exception {
        try (var consumer = consumer(isolation)) {
            List<TopicPartition> all = partitions(consumer, topic);
            consumer.assign(all);
            all.forEach(partition -> consumer.seek(partition, 0));
            Map<TopicPartition, Long> ends = consumer.endOffsets(all);
            for (TopicPartition partition : all) {
                found(partition, isolation, "");
            }
            while (!ends.entrySet().stream().allMatch(end -> consumer.position(end.getKey()) >= end.getValue())) {
                var records = consumer.poll(Duration.ofMillis(200));
                for (TopicPartition partition : records.partitions()) {
                    var told = new StringBuilder();
                    for (var record : records.records(partition)) {
                        told.append(told.isEmpty() ? "[" : ",[").append(record.offset()).append(",\"").append(record.value())
                            .append("\"]");
                    }
                    found(partition, isolation, told.toString());
                }
            }
        }
    }

    private static void found(TopicPartition partition, String isolation, String records) throws Exception {
        tell("{\"did\":\"found\",\"topic\":\"" + partition.topic() + "\",\"partition\":" + partition.partition()
            + ",\"isolation\":\"" + isolation + "\",\"records\":[" + records + "]}");
    }

    private static void committed(Admin admin, String group, String topic) throws Exception {
        var told = new StringBuilder();
        var offsets = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        offsets.forEach((partition, offset) -> {
            if (offset != null) {
                told.append(told.isEmpty() ? "[" : ",[").append(partition.partition()).append(',').append(offset.offset()).append(']');
            }
        });
        tell("{\"did\":\"found_offsets\",\"group\":\"" + group + "\",\"topic\":\"" + topic + "\",\"offsets\":[" + told + "]}");
    }
}
