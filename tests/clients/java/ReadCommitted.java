import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Waits for COUNT committed records in a topic, and prints all there are then, `PARTITION KEY VALUE` a line, each partition in
 * order: `ReadCommitted TOPIC COUNT`.
 */
public final class ReadCommitted {
    /** What is not there after that does not come: the caller sees what is missing. */
    private static final long PATIENCE_MS = 90_000;

    private ReadCommitted() { }

    public static void main(String[] arguments) {
        var properties = new Properties();
        properties.put("bootstrap.servers", System.getenv("BOOTSTRAP"));
        properties.put("isolation.level", "read_committed");
        properties.put("auto.offset.reset", "none");
        int wanted = Integer.parseInt(arguments[1]);
        int count = 0;
        long deadline = System.currentTimeMillis() + PATIENCE_MS;
        var printed = new StringBuilder();
        try (var consumer = new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer())) {
            List<TopicPartition> partitions = consumer.partitionsFor(arguments[0]).stream()
                .map(info -> new TopicPartition(info.topic(), info.partition())).toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            while ((count < wanted || !atEnd(consumer, partitions)) && System.currentTimeMillis() < deadline) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
                    printed.append(record.partition()).append(' ').append(record.key()).append(' ')
                        .append(record.value()).append('\n');
                    count++;
                }
            }
        }
        System.out.print(printed);
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    private static boolean atEnd(KafkaConsumer<?, ?> consumer, List<TopicPartition> partitions) {
        Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
        return ends.entrySet().stream().allMatch(end -> consumer.position(end.getKey()) >= end.getValue());
    }
}
