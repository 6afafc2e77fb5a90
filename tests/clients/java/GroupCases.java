import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Groups of the classic protocol. */
final class GroupCases {
    private static final String TOOL = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";

    private GroupCases() { }

    static void addTo(Map<String, Suite.Body> cases) {
        cases.put("a group shares partitions and resumes where it committed", GroupCases::sharing);
        cases.put("a static member keeps its part over a restart", GroupCases::staticMember);
        cases.put("kafka-consumer-groups", GroupCases::tool);
    }

    private static KafkaConsumer<byte[], byte[]> member(String group, String topic, Map<String, String> more) {
        var properties = new Properties();
        properties.put("bootstrap.servers", Suite.BOOTSTRAP);
        properties.put("group.id", group);
        properties.put("group.protocol", "classic");
        properties.put("auto.offset.reset", "earliest");
        properties.put("enable.auto.commit", "false");
        properties.put("heartbeat.interval.ms", "500");
        properties.put("session.timeout.ms", "6000");
        properties.putAll(more);
        var consumer = new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        consumer.subscribe(List.of(topic));
        return consumer;
    }

    /** Polls the members until together they own every partition once. */
    private static void shared(List<KafkaConsumer<byte[], byte[]>> members, int partitions) throws Exception {
        Suite.eventually(members.size() + " members share " + partitions, () -> {
            List<TopicPartition> owned = new ArrayList<>();
            boolean all = true;
            for (var member : members) {
                member.poll(Duration.ofMillis(100));
                all &= !member.assignment().isEmpty();
                owned.addAll(member.assignment());
            }
            return all && owned.size() == partitions && new HashSet<>(owned).size() == partitions;
        });
    }

    private static void sharing() throws Exception {
        for (Class<?> assignor : List.of(RangeAssignor.class, CooperativeStickyAssignor.class)) {
            String topic = AdminCases.create("jg-" + assignor.getSimpleName(), 6, Map.of());
            var settings = Map.of("partition.assignment.strategy", assignor.getName());
            var first = member(topic + "-readers", topic, settings);
            shared(List.of(first), 6);
            var second = member(topic + "-readers", topic, settings);
            shared(List.of(first, second), 6);
            second.close();
            shared(List.of(first), 6);
            List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
            Suite.numbers(60).forEach(n -> records.add(new ProducerRecord<>(topic, n % 6, null, ("" + n).getBytes())));
            ClientCases.send(Map.of(), records);
            ClientCases.read(first, 60);
            first.commitSync();
            first.close();
            try (var third = member(topic + "-readers", topic, settings)) {
                Set<TopicPartition> all = new HashSet<>();
                Suite.numbers(6).forEach(n -> all.add(new TopicPartition(topic, n)));
                long total = third.committed(all).values().stream().mapToLong(OffsetAndMetadata::offset).sum();
                Suite.equal("committed offsets", total, 60L);
                shared(List.of(third), 6);
                Suite.check(third.poll(Duration.ofMillis(200)).isEmpty(), "nothing is read again");
            }
        }
    }

    private static void staticMember() throws Exception {
        String topic = AdminCases.create("jg-static", 4, Map.of());
        var first = member(topic + "-readers", topic, Map.of("group.instance.id", "a"));
        var second = member(topic + "-readers", topic, Map.of("group.instance.id", "b"));
        shared(List.of(first, second), 4);
        var owned = Set.copyOf(second.assignment());
        int generation = first.groupMetadata().generationId();
        second.close();
        second = member(topic + "-readers", topic, Map.of("group.instance.id", "b"));
        shared(List.of(first, second), 4);
        Suite.equal("its old part", Set.copyOf(second.assignment()), owned);
        Suite.equal("generation", second.groupMetadata().generationId(), generation);
        first.close();
        second.close();
    }

    private static ToolRun tool(String... arguments) throws Exception {
        List<String> all = new ArrayList<>(List.of("--bootstrap-server", Suite.BOOTSTRAP));
        all.addAll(List.of(arguments));
        return ToolRun.of(TOOL, all.toArray(String[]::new));
    }

    private static void tool() throws Exception {
        String topic = AdminCases.create("jg-tool", 2, Map.of());
        String group = topic + "-readers";
        ClientCases.send(Map.of(), ClientCases.values(topic, 10));
        try (var member = member(group, topic, Map.of("client.id", "somebody"))) {
            shared(List.of(member), 2);
            Suite.eventually("all is read", () -> {
                member.poll(Duration.ofMillis(100));
                return member.position(new TopicPartition(topic, 0)) == 10;
            });
            member.commitSync(Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(4)));
            tool("--list").succeeds().prints(group);
            tool("--list", "--state").succeeds().prints("Stable");
            tool("--describe", "--group", group).succeeds().prints("somebody");
            tool("--describe", "--group", group, "--state").succeeds().prints("Stable").prints("range");
            tool("--describe", "--group", group, "--members", "--verbose").succeeds().prints("somebody");
        }
        tool("--reset-offsets", "--group", group, "--topic", topic, "--to-earliest", "--execute").succeeds();
        tool("--describe", "--group", group, "--offsets").succeeds().prints(topic);
        tool("--delete-offsets", "--group", group, "--topic", topic).succeeds();
        tool("--delete", "--group", group).succeeds().prints("successful");
    }
}
