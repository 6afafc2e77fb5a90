import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.FencedInstanceIdException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Forwards every record of IN to the same partition of OUT, in transactions that hold the consumed offsets too, until it is
 * killed or fenced: `ExactlyOnce NAME GROUP IN OUT SEED [KEY=VALUE of the consumer...]`. A line of standard output per
 * transaction that was committed.
 */
public final class ExactlyOnce {
    private static final FileOutputStream HISTORY = new FileOutputStream(FileDescriptor.out);

    private final String name;
    private final String group;
    private final String in;
    private final String out;
    private final Random random;
    private final List<String> settings;

    private ExactlyOnce(String[] arguments) {
        name = arguments[0];
        group = arguments[1];
        in = arguments[2];
        out = arguments[3];
        random = new Random(Long.parseUnsignedLong(arguments[4]));
        settings = List.of(arguments).subList(5, arguments.length);
    }

    public static void main(String[] arguments) throws Exception {
        var program = new ExactlyOnce(arguments);
        while (true) {
            try (var producer = program.producer(); var consumer = program.consumer()) {
                producer.initTransactions();
                consumer.subscribe(List.of(program.in));
                program.forward(producer, consumer);
            } catch (ProducerFencedException | FencedInstanceIdException fenced) {
                program.tell("fenced");
                System.exit(0);
            } catch (KafkaException problem) {
                program.tell("begins anew after " + problem.toString().replace('\n', ' '));
            }
        }
    }

    private void tell(String what) throws java.io.IOException {
        HISTORY.write((name + " " + what + "\n").getBytes(StandardCharsets.UTF_8));
    }

    private KafkaProducer<byte[], byte[]> producer() {
        var properties = new Properties();
        properties.put("bootstrap.servers", System.getenv("BOOTSTRAP"));
        properties.put("transactional.id", name);
        properties.put("linger.ms", "0");
        properties.put("max.block.ms", "6000");
        return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private KafkaConsumer<byte[], byte[]> consumer() {
        var properties = new Properties();
        properties.put("bootstrap.servers", System.getenv("BOOTSTRAP"));
        properties.put("group.id", group);
        properties.put("client.id", name);
        properties.put("auto.offset.reset", "earliest");
        properties.put("enable.auto.commit", "false");
        properties.put("isolation.level", "read_committed");
        properties.put("max.poll.records", "40");
        for (String setting : settings) {
            properties.put(setting.split("=")[0], setting.split("=")[1]);
        }
        return new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private void forward(KafkaProducer<byte[], byte[]> producer, KafkaConsumer<byte[], byte[]> consumer) throws Exception {
        while (true) {
            ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(100));
            if (records.isEmpty()) {
                continue;
            }
            try {
                transact(producer, consumer, records);
            } catch (CommitFailedException problem) {
                // The partitions are somebody else's by now.
                tell("aborts after " + problem.toString().replace('\n', ' '));
                producer.abortTransaction();
                rewind(consumer);
            }
        }
    }

    private void transact(KafkaProducer<byte[], byte[]> producer, KafkaConsumer<byte[], byte[]> consumer,
            ConsumerRecords<byte[], byte[]> records) throws Exception {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        producer.beginTransaction();
        for (ConsumerRecord<byte[], byte[]> record : records) {
            producer.send(new ProducerRecord<>(out, record.partition(), null, record.value()));
            var partition = new TopicPartition(record.topic(), record.partition());
            offsets.put(partition, new OffsetAndMetadata(record.offset() + 1));
        }
        if (random.nextInt(8) == 0) {
            // A program that thinks better of it, once everything may be written.
            producer.flush();
            producer.abortTransaction();
            rewind(consumer);
            return;
        }
        producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
        producer.commitTransaction();
        tell("committed " + records.count());
    }

    /** Back to where the last transaction that was committed ended. */
    private void rewind(KafkaConsumer<byte[], byte[]> consumer) {
        var committed = consumer.committed(consumer.assignment());
        for (TopicPartition partition : consumer.assignment()) {
            OffsetAndMetadata offset = committed.get(partition);
            consumer.seek(partition, offset == null ? 0 : offset.offset());
        }
    }
}
