import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidRegularExpression;
import org.apache.kafka.common.errors.UnreleasedInstanceIdException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Groups of the consumer protocol (KIP-848). */
final class ConsumerGroupCases {
    private static final String TOOL = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";

    private ConsumerGroupCases() { }

    static void addTo(Map<String, Suite.Body> cases) {
        cases.put("a consumer group shares partitions and resumes where it committed", ConsumerGroupCases::sharing);
        cases.put("a consumer group's static member keeps its part over a restart", ConsumerGroupCases::staticMember);
        cases.put("a consumer group reads the topics that its pattern matches", ConsumerGroupCases::pattern);
        cases.put("a consumer group in the eyes of administrators", ConsumerGroupCases::administered);
        cases.put("a group moves to the consumer protocol and back while it works", ConsumerGroupCases::migrated);
    }

    private static KafkaConsumer<byte[], byte[]> consumer(String group, Map<String, String> more) {
        var properties = new Properties();
        properties.put("bootstrap.servers", Suite.BOOTSTRAP);
        properties.put("group.id", group);
        properties.put("group.protocol", "consumer");
        properties.put("auto.offset.reset", "earliest");
        properties.put("enable.auto.commit", "false");
        properties.put("metadata.max.age.ms", "1000");
        properties.putAll(more);
        return new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private static KafkaConsumer<byte[], byte[]> member(String group, String topic, Map<String, String> more) {
        var consumer = consumer(group, more);
        consumer.subscribe(List.of(topic));
        return consumer;
    }

    /** Polls the members until together they own every partition once. */
    private static void shared(Collection<KafkaConsumer<byte[], byte[]>> members, int partitions) throws Exception {
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

    /** The member's own polls end in an error. */
    private static void refused(Class<? extends KafkaException> kind, KafkaConsumer<byte[], byte[]> member) throws Exception {
        Suite.eventually("refused with " + kind, () -> {
            try {
                member.poll(Duration.ofMillis(100));
                return false;
            } catch (KafkaException thrown) {
                Suite.check(kind.isInstance(thrown), "wanted " + kind + ", got " + thrown);
                return true;
            }
        });
    }

    private static void sharing() throws Exception {
        for (String assignor : List.of("uniform", "range")) {
            String topic = AdminCases.create("jc-" + assignor, 6, Map.of());
            String group = topic + "-readers";
            var settings = Map.of("group.remote.assignor", assignor);
            var first = member(group, topic, settings);
            shared(List.of(first), 6);
            var second = member(group, topic, settings);
            shared(List.of(first, second), 6);
            second.close();
            shared(List.of(first), 6);
            List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
            Suite.numbers(60).forEach(n -> records.add(new ProducerRecord<>(topic, n % 6, null, ("" + n).getBytes())));
            ClientCases.send(Map.of(), records);
            ClientCases.read(first, 60);
            first.commitSync();
            first.close();
            try (var third = member(group, topic, settings)) {
                Set<TopicPartition> all = new HashSet<>();
                Suite.numbers(6).forEach(n -> all.add(new TopicPartition(topic, n)));
                shared(List.of(third), 6);
                long total = third.committed(all).values().stream().mapToLong(OffsetAndMetadata::offset).sum();
                Suite.equal("committed offsets", total, 60L);
                Suite.check(third.poll(Duration.ofMillis(200)).isEmpty(), "nothing is read again");
                try (var admin = AdminCases.admin()) {
                    admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(8))).all().get();
                }
                shared(List.of(third), 8);
            }
        }
    }

    private static void staticMember() throws Exception {
        String topic = AdminCases.create("jc-static", 4, Map.of());
        String group = topic + "-readers";
        var first = member(group, topic, Map.of("group.instance.id", "a"));
        var second = member(group, topic, Map.of("group.instance.id", "b"));
        shared(List.of(first, second), 4);
        try (var thief = member(group, topic, Map.of("group.instance.id", "a"))) {
            refused(UnreleasedInstanceIdException.class, thief);
        }
        var owned = Set.copyOf(second.assignment());
        int epoch = first.groupMetadata().generationId();
        second.close();
        second = member(group, topic, Map.of("group.instance.id", "b"));
        shared(List.of(first, second), 4);
        Suite.equal("its old part", Set.copyOf(second.assignment()), owned);
        Suite.equal("epoch", second.groupMetadata().generationId(), epoch);
        first.close();
        second.close();
    }

    private static void pattern() throws Exception {
        String group = AdminCases.create("jc-pattern-one", 1, Map.of()) + "-readers";
        AdminCases.create("jc-pattern-two", 2, Map.of());
        AdminCases.create("jc-pattern-3", 4, Map.of());
        try (var reader = consumer(group, Map.of())) {
            reader.subscribe(new SubscriptionPattern("jc-pattern-[a-z]+\\Q" + Suite.RUN + "\\E"));
            shared(List.of(reader), 3);
        }
        try (var reader = consumer(group, Map.of())) {
            reader.subscribe(new SubscriptionPattern("(unclosed"));
            refused(InvalidRegularExpression.class, reader);
        }
    }

    private static ToolRun tool(String... arguments) throws Exception {
        List<String> all = new ArrayList<>(List.of("--bootstrap-server", Suite.BOOTSTRAP));
        all.addAll(List.of(arguments));
        return ToolRun.of(TOOL, all.toArray(String[]::new));
    }

    private static void administered() throws Exception {
        String topic = AdminCases.create("jc-tool", 2, Map.of());
        String group = topic + "-readers";
        ClientCases.send(Map.of(), ClientCases.values(topic, 10));
        try (var admin = AdminCases.admin(); var member = member(group, topic, Map.of("client.id", "somebody"))) {
            var resource = new ConfigResource(ConfigResource.Type.GROUP, group);
            var change = new AlterConfigOp(new ConfigEntry("consumer.session.timeout.ms", "50000"), AlterConfigOp.OpType.SET);
            admin.incrementalAlterConfigs(Map.of(resource, List.of(change))).all().get();
            shared(List.of(member), 2);
            Suite.eventually("all is read", () -> {
                member.poll(Duration.ofMillis(100));
                return member.position(new TopicPartition(topic, 0)) == 10;
            });
            member.commitSync(Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(4)));
            var described = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
            Suite.equal("state", described.groupState(), GroupState.STABLE);
            Suite.equal("type", described.type().toString(), "Consumer");
            Suite.equal("assignor", described.partitionAssignor(), "uniform");
            var only = described.members().iterator().next();
            Suite.equal("client", only.clientId(), "somebody");
            Suite.equal("what it has", only.assignment().topicPartitions(), Set.copyOf(member.assignment()));
            Suite.equal("epoch", only.memberEpoch().get(), described.groupEpoch().get());
            tool("--list", "--state").succeeds().prints("Stable");
            tool("--list", "--type").succeeds().prints("Consumer");
            tool("--describe", "--group", group).succeeds().prints("somebody");
            tool("--describe", "--group", group, "--state").succeeds().prints("Stable").prints("uniform");
            tool("--describe", "--group", group, "--members", "--verbose").succeeds().prints("somebody");
        }
        tool("--reset-offsets", "--group", group, "--topic", topic, "--to-earliest", "--execute").succeeds();
        tool("--describe", "--group", group, "--offsets").succeeds().prints(topic);
        tool("--delete-offsets", "--group", group, "--topic", topic).succeeds();
        tool("--delete", "--group", group).succeeds().prints("successful");
    }

    private static void migrated() throws Exception {
        String topic = AdminCases.create("jc-migrated", 6, Map.of());
        String group = topic + "-readers";
        var classic = Map.of("group.protocol", "classic", "session.timeout.ms", "6000", "heartbeat.interval.ms", "500");
        var one = member(group, topic, classic);
        var two = member(group, topic, classic);
        shared(List.of(one, two), 6);
        Suite.equal("type", type(group), "Classic");
        var three = member(group, topic, Map.of());
        shared(List.of(one, two, three), 6);
        Suite.equal("type", type(group), "Consumer");
        two.close();
        var four = member(group, topic, Map.of());
        shared(List.of(one, three, four), 6);
        // The last one that speaks the consumer protocol takes it along.
        three.close();
        shared(List.of(one, four), 6);
        var five = member(group, topic, classic);
        shared(List.of(one, four, five), 6);
        four.close();
        shared(List.of(one, five), 6);
        Suite.equal("type", type(group), "Classic");
        one.close();
        five.close();
    }

    private static String type(String group) throws Exception {
        try (var admin = AdminCases.admin()) {
            var described = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
            return described.type().toString();
        }
    }
}
