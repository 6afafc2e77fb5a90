import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Producing and consuming. */
final class ClientCases {
    private static final int BIG = 10 * 1024 * 1024;
    private static final int MANY_PARTITIONS = Suite.BROKERS == 1 ? 1000 : 300;

    private ClientCases() { }

    static void addTo(Map<String, Suite.Body> cases) {
        cases.put("produces with each codec and each acks", ClientCases::codecsAndAcks);
        cases.put("an idempotent producer writes each record once", ClientCases::idempotent);
        cases.put("keys, values and headers may be null", ClientCases::nulls);
        cases.put("consumes from beginning, end, offset and time", ClientCases::seeks);
        cases.put("a record of ten megabytes", ClientCases::bigRecord);
        cases.put("a record over the limit is refused", ClientCases::tooBig);
        cases.put("a topic of a thousand partitions", ClientCases::thousandPartitions);
        cases.put("a topic is created by producing to it", ClientCases::automaticTopic);
        cases.put("a compacted topic refuses a record without a key", ClientCases::keyRequired);
    }

    static KafkaProducer<byte[], byte[]> producer(Map<String, String> settings) {
        var properties = new Properties();
        properties.put("bootstrap.servers", Suite.BOOTSTRAP);
        properties.put("delivery.timeout.ms", "60000");
        properties.put("enable.idempotence", "false");
        properties.putAll(settings);
        return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
    }

    static KafkaConsumer<byte[], byte[]> consumer() {
        var properties = new Properties();
        properties.put("bootstrap.servers", Suite.BOOTSTRAP);
        properties.put("auto.offset.reset", "earliest");
        properties.put("enable.auto.commit", "false");
        return new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    static List<RecordMetadata> send(Map<String, String> settings, List<ProducerRecord<byte[], byte[]>> records)
            throws Exception {
        try (var producer = producer(settings)) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            records.forEach(record -> sent.add(producer.send(record)));
            producer.flush();
            List<RecordMetadata> results = new ArrayList<>();
            for (var future : sent) {
                results.add(future.get());
            }
            return results;
        }
    }

    static List<ConsumerRecord<byte[], byte[]>> read(KafkaConsumer<byte[], byte[]> consumer, int count) throws Exception {
        List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
        Suite.eventually(count + " records", () -> {
            consumer.poll(Duration.ofMillis(500)).forEach(records::add);
            return records.size() >= count;
        });
        Suite.equal("records read", records.size(), count);
        return records;
    }

    /** Records `value 0`, `value 1`, ... a second apart. */
    static List<ProducerRecord<byte[], byte[]>> values(String topic, int count) {
        return Suite.numbers(count).stream()
            .map(n -> new ProducerRecord<byte[], byte[]>(topic, 0, 1_000_000L + n * 1_000L, null, ("value " + n).getBytes()))
            .toList();
    }

    private static List<Long> offsets(List<RecordMetadata> sent) {
        return sent.stream().map(RecordMetadata::offset).toList();
    }

    private static List<Long> sequence(int count) {
        return Suite.numbers(count).stream().map(Integer::longValue).toList();
    }

    private static void codecsAndAcks() throws Exception {
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            for (String acks : List.of("0", "1", "all")) {
                String topic = AdminCases.create("jc-" + codec + "-" + acks, 1, Map.of());
                var sent = send(Map.of("compression.type", codec, "acks", acks, "linger.ms", "20"), values(topic, 50));
                if (!acks.equals("0")) {
                    Suite.equal("offsets of " + codec + " " + acks, offsets(sent), sequence(50));
                }
                try (var consumer = consumer()) {
                    consumer.assign(List.of(new TopicPartition(topic, 0)));
                    var values = read(consumer, 50).stream().map(record -> new String(record.value())).toList();
                    var wanted = Suite.numbers(50).stream().map(n -> "value " + n).toList();
                    Suite.equal("values of " + codec + " " + acks, values, wanted);
                }
            }
        }
    }

    private static void idempotent() throws Exception {
        String topic = AdminCases.create("jc-idempotent", 1, Map.of());
        var sent = send(Map.of("enable.idempotence", "true", "acks", "all", "batch.size", "100"), values(topic, 1000));
        Suite.equal("offsets", offsets(sent), sequence(1000));
    }

    private static void nulls() throws Exception {
        String topic = AdminCases.create("jc-nulls", 1, Map.of());
        var withHeaders = new ProducerRecord<>(topic, new byte[0], new byte[0]);
        withHeaders.headers().add("h", "1".getBytes()).add("h", null).add("empty", new byte[0]);
        send(Map.of(), List.of(
            new ProducerRecord<>(topic, null, "no key".getBytes()),
            new ProducerRecord<>(topic, "no value".getBytes(), null),
            withHeaders));
        try (var consumer = consumer()) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            var records = read(consumer, 3);
            Suite.equal("null key", records.get(0).key(), null);
            Suite.equal("null value", records.get(1).value(), null);
            Headers headers = records.get(2).headers();
            Suite.equal("headers", Arrays.asList(headers.toArray()), Arrays.asList(withHeaders.headers().toArray()));
        }
    }

    private static void seeks() throws Exception {
        String topic = AdminCases.create("jc-seek", 1, Map.of());
        send(Map.of("batch.size", "0"), values(topic, 10));
        var partition = new TopicPartition(topic, 0);
        try (var consumer = consumer()) {
            consumer.assign(List.of(partition));
            Suite.equal("beginning", consumer.beginningOffsets(List.of(partition)), Map.of(partition, 0L));
            Suite.equal("end", consumer.endOffsets(List.of(partition)), Map.of(partition, 10L));
            consumer.seek(partition, 7);
            Suite.equal("from offset 7", read(consumer, 3).get(0).offset(), 7L);
            var found = consumer.offsetsForTimes(Map.of(partition, 1_003_500L)).get(partition);
            Suite.equal("offset of a time", found.offset(), 4L);
            Suite.equal("timestamp", found.timestamp(), 1_004_000L);
            Suite.equal("a time after all", consumer.offsetsForTimes(Map.of(partition, 9_000_000L)).get(partition), null);
            consumer.seek(partition, found.offset());
            Suite.equal("from a time", read(consumer, 6).get(0).timestamp(), 1_004_000L);
            consumer.seekToEnd(List.of(partition));
            Suite.equal("position at the end", consumer.position(partition), 10L);
            send(Map.of(), values(topic, 1));
            Suite.equal("what came after the end", read(consumer, 1).get(0).offset(), 10L);
            consumer.seek(partition, 99);
            Suite.equal("reset when out of range", read(consumer, 11).get(0).offset(), 0L);
        }
    }

    private static void bigRecord() throws Exception {
        String topic = AdminCases.create("jc-big", 1, Map.of("max.message.bytes", "" + (BIG + 100_000)));
        byte[] value = new byte[BIG];
        new java.util.Random(1).nextBytes(value);
        var limits = Map.of("max.request.size", "" + (BIG + 200_000), "buffer.memory", "67108864");
        send(limits, List.of(new ProducerRecord<>(topic, value)));
        try (var consumer = consumer()) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            Suite.check(Arrays.equals(read(consumer, 1).get(0).value(), value), "the value comes back whole");
        }
    }

    private static void tooBig() throws Exception {
        String topic = AdminCases.create("jc-too-big", 1, Map.of("max.message.bytes", "1000"));
        var record = new ProducerRecord<byte[], byte[]>(topic, new byte[2000]);
        Suite.fails(RecordTooLargeException.class, () -> send(Map.of(), List.of(record)));
    }

    private static void thousandPartitions() throws Exception {
        String topic = AdminCases.create("jc-thousand", MANY_PARTITIONS, Map.of());
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        List<TopicPartition> partitions = new ArrayList<>();
        for (int n = 0; n < MANY_PARTITIONS; n++) {
            records.add(new ProducerRecord<>(topic, n, null, ("" + n).getBytes()));
            partitions.add(new TopicPartition(topic, n));
        }
        send(Map.of("enable.idempotence", "true"), records);
        try (var consumer = consumer()) {
            consumer.assign(partitions);
            for (var record : read(consumer, MANY_PARTITIONS)) {
                Suite.equal("value", new String(record.value()), "" + record.partition());
            }
        }
        AdminCases.delete(topic);
    }

    private static void automaticTopic() throws Exception {
        String topic = "jc-automatic" + Suite.RUN;
        Suite.equal("offset", send(Map.of(), values(topic, 1)).get(0).offset(), 0L);
    }

    private static void keyRequired() throws Exception {
        String topic = AdminCases.create("jc-compacted", 1, Map.of("cleanup.policy", "compact"));
        Suite.fails(org.apache.kafka.common.InvalidRecordException.class, () -> send(Map.of(), values(topic, 1)));
    }
}
