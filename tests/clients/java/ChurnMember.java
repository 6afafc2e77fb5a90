import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.StringJoiner;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Members of a group: `ChurnMember GROUP TOPIC [KEY=VALUE...]`, told on standard input who joins and who leaves.
 * Everything that befalls them is a line of standard output, written before it takes effect: crates/testkit/tests/churn.
 */
public final class ChurnMember implements ConsumerRebalanceListener {
    private static final FileOutputStream HISTORY = new FileOutputStream(FileDescriptor.out);

    private final String name;
    private final String topic;
    private final boolean classic;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private volatile boolean leaving;

    private ChurnMember(String name, String topic, Properties properties) {
        this.name = name;
        this.topic = topic;
        classic = !"consumer".equals(properties.get("group.protocol"));
        consumer = new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, ChurnMember> members = new HashMap<>();
        var commands = new BufferedReader(new InputStreamReader(System.in));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            String[] command = line.split(" ");
            if (command[0].equals("join")) {
                var member = new ChurnMember(command[1], arguments[1], settings(arguments, command));
                members.put(command[1], member);
                new Thread(member::run, command[1]).start();
            } else {
                members.remove(command[1]).leaving = true;
            }
        }
        Runtime.getRuntime().halt(0);
    }

    /** `join NAME`, or `join NAME INSTANCE SESSION_TIMEOUT` for a static member. */
    private static Properties settings(String[] arguments, String[] command) {
        var properties = new Properties();
        properties.put("bootstrap.servers", System.getenv("BOOTSTRAP"));
        properties.put("group.id", arguments[0]);
        properties.put("client.id", command[1]);
        properties.put("auto.offset.reset", "earliest");
        properties.put("enable.auto.commit", "false");
        for (String setting : List.of(arguments).subList(2, arguments.length)) {
            properties.put(setting.split("=")[0], setting.split("=")[1]);
        }
        if (!"consumer".equals(properties.get("group.protocol"))) {
            properties.put("heartbeat.interval.ms", "500");
            properties.put("session.timeout.ms", command.length > 3 ? command[3] : "6000");
        }
        if (command.length > 2) {
            properties.put("group.instance.id", command[2]);
        }
        return properties;
    }

    /** One write of one line: the file's order is the order in which things happened. */
    private void tell(String what) {
        try {
            HISTORY.write((name + " " + what + "\n").getBytes(StandardCharsets.UTF_8));
        } catch (java.io.IOException problem) {
            throw new java.io.UncheckedIOException(problem);
        }
    }

    private void run() {
        try (consumer) {
            consumer.subscribe(List.of(topic), this);
            while (!leaving) {
                var offsets = new TreeMap<Integer, Long>();
                var read = new StringJoiner(",");
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    read.add(record.partition() + ":" + record.offset());
                    offsets.put(record.partition(), record.offset() + 1);
                }
                if (!offsets.isEmpty()) {
                    tell("read " + read);
                    commit(offsets);
                }
            }
        } catch (Throwable problem) {
            problem.printStackTrace();
            tell("failed " + problem.toString().replace('\n', ' '));
            return;
        }
        tell("left");
    }

    private void commit(TreeMap<Integer, Long> offsets) {
        var wanted = new HashMap<TopicPartition, OffsetAndMetadata>();
        var list = new StringJoiner(",");
        offsets.forEach((partition, offset) -> {
            wanted.put(new TopicPartition(topic, partition), new OffsetAndMetadata(offset));
            list.add(partition + ":" + offset);
        });
        tell("committing " + list);
        try {
            consumer.commitSync(wanted);
            tell("committed " + list);
        } catch (CommitFailedException | RebalanceInProgressException problem) {
            tell("refused " + list);
        } catch (WakeupException | RetriableException problem) {
            // Nobody knows: both outcomes are fine.
        }
    }

    private static String numbers(Collection<TopicPartition> partitions) {
        return String.join(",", partitions.stream().map(each -> "" + each.partition()).sorted().toList());
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        int generation = consumer.groupMetadata().generationId();
        tell("assigned " + (classic ? generation : "-") + " " + numbers(partitions));
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        tell("revoked " + numbers(partitions));
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
        tell("lost " + numbers(partitions));
    }
}
