import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * kafka-clients while a cluster suffers: `ChaosClient PLAIN PLAIN-PARTITIONS MOVED MOVED-PARTITIONS FORWARDED SEED PAUSE-MS`.
 * Idempotent producers, a consumer that is in no group, members of a classic group, a transactional producer and a read_committed
 * consumer, and a member of a KIP-848 group that forwards the plain topic to another, exactly once. Members leave and come back.
 * What they do and see is a line of JSON each on the standard output, written before a call and after its answer:
 * crates/testkit/tests/chaos/history.rs. A line on standard input ends the producers, its end the rest.
 */
public final class ChaosClient {
    private static final FileOutputStream HISTORY = new FileOutputStream(FileDescriptor.out);
    private static volatile boolean producing = true;
    private static volatile boolean consuming = true;

    private ChaosClient() { }

    private interface Body {
        void run() throws Exception;
    }

    public static void main(String[] arguments) throws Exception {
        // The standard output is the history; kafka-clients logs errors there unless told otherwise.
        System.setOut(System.err);
        String plain = arguments[0];
        int plainPartitions = Integer.parseInt(arguments[1]);
        String moved = arguments[2];
        int movedPartitions = Integer.parseInt(arguments[3]);
        String forwarded = arguments[4];
        long seed = Long.parseUnsignedLong(arguments[5]);
        int pause = Integer.parseInt(arguments[6]);
        var producers = new ArrayList<Thread>();
        var consumers = new ArrayList<Thread>();
        producers.add(thread("java-a", () -> produce("java-a", plain, plainPartitions, new Random(seed + 1), pause)));
        producers.add(thread("java-b", () -> produce("java-b", plain, plainPartitions, new Random(seed + 2), pause)));
        producers.add(thread("java-t", () -> transact("java-t", moved, movedPartitions, new Random(seed + 3), pause)));
        consumers.add(thread("java-reader", () -> read("java-reader", plain, plainPartitions, "read_uncommitted")));
        consumers.add(thread("java-committed", () -> read("java-committed", moved, movedPartitions, "read_committed")));
        consumers.add(thread("java-m1", () -> member("java-m1", "java-group", plain, null)));
        consumers.add(thread("java-m2", () -> member("java-m2", "java-group", plain, new Random(seed + 4))));
        consumers.add(thread("java-f", () -> forward("java-f", "forwarders", plain, forwarded, new Random(seed + 5))));
        System.in.read();
        producing = false;
        for (Thread thread : producers) {
            thread.join();
        }
        while (System.in.read() >= 0) {
            continue;
        }
        consuming = false;
        for (Thread thread : consumers) {
            thread.join();
        }
        tell("ended", "java", "");
        Runtime.getRuntime().halt(0);
    }

    private static Thread thread(String who, Body body) {
        var thread = new Thread(() -> {
            try {
                body.run();
            } catch (Throwable problem) {
                complain(who, problem, true);
            }
        }, who);
        thread.start();
        return thread;
    }

    // What is told

    private static void tell(String did, String who, String more) {
        String line = "{\"did\":\"" + did + "\",\"who\":\"" + who + "\"" + more + "}\n";
        try {
            // One write of one line: the file's order is the order in which things happened.
            HISTORY.write(line.getBytes(StandardCharsets.UTF_8));
        } catch (IOException problem) {
            Runtime.getRuntime().halt(3);
        }
    }

    private static String at(String topic, int partition) {
        return ",\"topic\":\"" + topic + "\",\"partition\":" + partition;
    }

    private static String error(Throwable problem, boolean fatal) {
        String text = (fatal ? problem.toString() : problem.getClass().getSimpleName()).replaceAll("[^ -~]|[\"\\\\]", " ");
        return ",\"error\":\"" + text + "\",\"severity\":\"" + (fatal ? "fatal" : "retriable") + "\"";
    }

    private static void complain(String who, Throwable problem, boolean fatal) {
        tell("erred", who, error(problem, fatal));
    }

    private static boolean fatal(Throwable problem) {
        return problem instanceof AuthenticationException || !(problem instanceof RetriableException);
    }

    // Producers

    private static Properties common(String who) {
        var properties = new Properties();
        properties.put("bootstrap.servers", System.getenv("BOOTSTRAP"));
        properties.put("client.id", who);
        properties.put("request.timeout.ms", "5000");
        properties.put("reconnect.backoff.max.ms", "500");
        properties.put("metadata.max.age.ms", "5000");
        properties.put("socket.connection.setup.timeout.ms", "3000");
        return properties;
    }

    private static KafkaProducer<String, String> producer(Properties properties) {
        // Transactions have no choice.
        String acks = properties.containsKey("transactional.id") ? "all" : System.getenv().getOrDefault("ACKS", "all");
        properties.put("acks", acks);
        properties.put("enable.idempotence", String.valueOf(acks.equals("all")));
        properties.put("max.in.flight.requests.per.connection", "5");
        properties.put("delivery.timeout.ms", "60000");
        properties.put("max.block.ms", "60000");
        properties.put("linger.ms", "2");
        return new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer());
    }

    /** Sends one record and tells what comes of it. */
    private static void send(KafkaProducer<String, String> producer, String who, String topic, int partition, long sequence,
            String transaction) {
        send(producer, who, topic, partition, sequence, transaction, "");
    }

    /** The same with more in its value. */
    private static void send(KafkaProducer<String, String> producer, String who, String topic, int partition, long sequence,
            String transaction, String more) {
        String record = at(topic, partition) + ",\"sequence\":" + sequence;
        tell("sends", who, record + transaction);
        String value = who + ":" + partition + ":" + sequence + more;
        producer.send(new ProducerRecord<>(topic, partition, null, value), (written, problem) -> {
            if (problem == null) {
                tell("acknowledged", who, record + ",\"offset\":" + written.offset());
            } else {
                // What is not sent because its transaction failed already is no news.
                boolean fatal = transaction.isEmpty() && fatal(problem);
                tell("failed", who, record + error(problem, fatal));
            }
        });
    }

    private static void produce(String who, String topic, int partitions, Random random, int pause) throws Exception {
        long[] sequences = new long[partitions];
        try (var producer = producer(common(who))) {
            while (producing) {
                int partition = random.nextInt(partitions);
                send(producer, who, topic, partition, sequences[partition]++, "");
                Thread.sleep(random.nextInt(2 * pause) + 1L);
            }
        }
    }

    /** Transactions of some records in several partitions, some of them aborted. */
    private static void transact(String who, String topic, int partitions, Random random, int pause) throws Exception {
        long[] sequences = new long[partitions];
        long transaction = 0;
        while (producing) {
            var properties = common(who);
            properties.put("transactional.id", who);
            properties.put("transaction.timeout.ms", "60000");
            try (var producer = producer(properties)) {
                retry(who, producer::initTransactions);
                while (producing) {
                    transaction++;
                    producer.beginTransaction();
                    for (int count = 1 + random.nextInt(6); count > 0; count--) {
                        int partition = random.nextInt(partitions);
                        send(producer, who, topic, partition, sequences[partition]++, ",\"transaction\":" + transaction);
                        Thread.sleep(random.nextInt(pause) + 1L);
                    }
                    end(producer, who, transaction, random.nextInt(5) == 0);
                }
            } catch (RuntimeException problem) {
                // A transaction that took longer than it may is aborted for us, and a new producer takes over.
                complain(who, problem, false);
            }
        }
    }

    private static void end(KafkaProducer<String, String> producer, String who, long transaction, boolean abort) throws Exception {
        String which = ",\"transaction\":" + transaction;
        if (abort) {
            retry(who, producer::abortTransaction);
            tell("aborted", who, which);
            return;
        }
        try {
            retry(who, producer::commitTransaction);
        } catch (RuntimeException problem) {
            complain(who, problem, false);
            // A producer that may not abort any more says so here; its transaction's end stays unknown.
            producer.abortTransaction();
            return;
        }
        tell("committed", who, which);
    }

    private static void retry(String who, Body call) throws Exception {
        for (int attempt = 1; ; attempt++) {
            try {
                call.run();
                return;
            } catch (RetriableException problem) {
                complain(who, problem, false);
                if (attempt == 10) {
                    throw problem;
                }
            }
        }
    }

    // Consumers

    private static KafkaConsumer<String, String> consumer(Properties properties, String isolation) {
        properties.put("isolation.level", isolation);
        properties.put("enable.auto.commit", "false");
        properties.put("default.api.timeout.ms", "120000");
        return new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
    }

    private static void assigned(String who, String topic, Collection<Integer> partitions, String isolation, String group) {
        tell("assigned", who, ",\"topic\":\"" + topic + "\",\"partitions\":" + partitions + ",\"isolation\":\"" + isolation + "\""
            + (group == null ? "" : ",\"group\":\"" + group + "\""));
    }

    /** Tells what was polled; answers where each partition goes on. */
    private static Map<TopicPartition, OffsetAndMetadata> polled(String who, ConsumerRecords<String, String> records) {
        var ends = new HashMap<TopicPartition, OffsetAndMetadata>();
        for (TopicPartition partition : records.partitions()) {
            var found = new StringBuilder();
            for (var record : records.records(partition)) {
                found.append(found.isEmpty() ? "[" : ",[").append(record.offset()).append(",\"").append(record.value()).append("\"]");
                // Without the epoch whoever goes on there believes a leader that does not know yet that it is none any more (KIP-320).
                ends.put(partition, new OffsetAndMetadata(record.offset() + 1, record.leaderEpoch(), ""));
            }
            tell("polled", who, at(partition.topic(), partition.partition()) + ",\"records\":[" + found + "]");
        }
        return ends;
    }

    /** Reads all partitions from their beginning, in no group; an offset that is out of range is an error. */
    private static void read(String who, String topic, int partitions, String isolation) {
        var properties = common(who);
        properties.put("auto.offset.reset", "none");
        try (var consumer = consumer(properties, isolation)) {
            var all = new ArrayList<TopicPartition>();
            var numbers = new ArrayList<Integer>();
            for (int partition = 0; partition < partitions; partition++) {
                all.add(new TopicPartition(topic, partition));
                numbers.add(partition);
            }
            consumer.assign(all);
            for (TopicPartition partition : all) {
                consumer.seek(partition, 0);
            }
            assigned(who, topic, numbers, isolation, null);
            while (consuming) {
                try {
                    polled(who, consumer.poll(Duration.ofMillis(200)));
                } catch (RetriableException problem) {
                    complain(who, problem, false);
                }
            }
        }
    }

    /** A member of a classic group that commits what it has read; with chance, it leaves now and then, and comes back. */
    private static void member(String who, String group, String topic, Random chance) {
        while (consuming) {
            var properties = common(who);
            properties.put("group.id", group);
            properties.put("auto.offset.reset", "earliest");
            properties.put("session.timeout.ms", "6000");
            properties.put("heartbeat.interval.ms", "1000");
            properties.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
            try (var consumer = consumer(properties, "read_uncommitted")) {
                subscribe(consumer, who, group, topic);
                for (int polls = chance == null ? -1 : 50 + chance.nextInt(200); consuming && polls != 0; polls--) {
                    try {
                        var ends = polled(who, consumer.poll(Duration.ofMillis(200)));
                        if (!ends.isEmpty()) {
                            commit(who, group, topic, consumer, ends);
                        }
                    } catch (RetriableException problem) {
                        complain(who, problem, false);
                    }
                }
            }
        }
    }

    private static void subscribe(KafkaConsumer<String, String> consumer, String who, String group, String topic) {
        consumer.subscribe(List.of(topic), new ConsumerRebalanceListener() {
            @Override
            public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
                given(who, group, topic, partitions);
            }

            @Override
            public void onPartitionsRevoked(Collection<TopicPartition> partitions) { }
        });
    }

    private static void given(String who, String group, String topic, Collection<TopicPartition> partitions) {
        var numbers = partitions.stream().map(TopicPartition::partition).sorted().toList();
        assigned(who, topic, numbers, "read_uncommitted", group);
    }

    /**
     * A member of a KIP-848 group that forwards what it reads to the same partition of another topic, together with where the group
     * stands, in transactions of which some are aborted. A value ends with the offset of the record that it forwards. Whatever goes
     * wrong, it begins anew, as it also does now and then by itself.
     */
    private static void forward(String who, String group, String from, String to, Random random) throws Exception {
        var sequences = new HashMap<Integer, Long>();
        long[] transaction = {0};
        while (consuming) {
            var properties = common(who);
            properties.put("transactional.id", who);
            properties.put("transaction.timeout.ms", "60000");
            var reading = common(who);
            reading.put("group.id", group);
            reading.put("group.protocol", "consumer");
            reading.put("auto.offset.reset", "earliest");
            try (var producer = producer(properties); var consumer = consumer(reading, "read_uncommitted")) {
                retry(who, producer::initTransactions);
                subscribe(consumer, who, group, from);
                for (int portions = 30 + random.nextInt(100); consuming && portions > 0; portions--) {
                    var records = consumer.poll(Duration.ofMillis(200));
                    var ends = polled(who, records);
                    if (!ends.isEmpty()) {
                        transaction[0]++;
                        forward(producer, consumer, who, group, to, records, ends, sequences, transaction[0], random.nextInt(6) == 0);
                    }
                }
            } catch (RuntimeException problem) {
                complain(who, problem, false);
                Thread.sleep(200);
            }
        }
    }

    private static void forward(KafkaProducer<String, String> producer, KafkaConsumer<String, String> consumer, String who, String group,
            String to, ConsumerRecords<String, String> records, Map<TopicPartition, OffsetAndMetadata> ends,
            Map<Integer, Long> sequences, long transaction, boolean abort) throws Exception {
        String which = ",\"transaction\":" + transaction;
        producer.beginTransaction();
        for (var record : records) {
            long sequence = sequences.merge(record.partition(), 1L, Long::sum);
            send(producer, who, to, record.partition(), sequence, which, ":" + record.offset());
        }
        String from = ends.keySet().iterator().next().topic();
        if (abort) {
            retry(who, producer::abortTransaction);
            tell("aborted", who, which);
            for (TopicPartition partition : ends.keySet()) {
                consumer.seek(partition, records.records(partition).get(0).offset());
            }
            given(who, group, from, ends.keySet());
            return;
        }
        String what = offsets(group, from, ends);
        tell("committing", who, what);
        producer.sendOffsetsToTransaction(ends, consumer.groupMetadata());
        retry(who, producer::commitTransaction);
        tell("committed", who, which);
        tell("committed_offsets", who, what);
    }

    private static String offsets(String group, String topic, Map<TopicPartition, OffsetAndMetadata> ends) {
        var offsets = new TreeMap<Integer, Long>();
        ends.forEach((partition, end) -> offsets.put(partition.partition(), end.offset()));
        var told = new StringBuilder();
        offsets.forEach((partition, offset) ->
            told.append(told.isEmpty() ? "[" : ",[").append(partition).append(',').append(offset).append(']'));
        return ",\"group\":\"" + group + "\",\"topic\":\"" + topic + "\",\"offsets\":[" + told + "]";
    }

    private static void commit(String who, String group, String topic, KafkaConsumer<String, String> consumer,
            Map<TopicPartition, OffsetAndMetadata> ends) {
        String what = offsets(group, topic, ends);
        tell("committing", who, what);
        try {
            consumer.commitSync(ends);
        } catch (CommitFailedException | RebalanceInProgressException refused) {
            // The partitions are somebody else's by now.
            return;
        }
        tell("committed_offsets", who, what);
    }
}
