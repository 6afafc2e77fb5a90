import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * What Kafka's own admin client, producer and consumer see of a cluster of several nodes. The standard input is three lines:
 * the bootstrap servers, the name of a topic to create, and its replication factor.
 */
class ClusterAdmin {
    private static final int PARTITIONS = 6;
    private static final int RECORDS = 300;

    public static void main(String[] arguments) throws Exception {
        List<String> lines = new java.io.BufferedReader(new java.io.InputStreamReader(System.in)).lines().toList();
        String bootstrap = lines.get(0);
        String topic = lines.get(1);
        short replicas = Short.parseShort(lines.get(2));
        try (var admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            describe(admin);
            admin.createTopics(List.of(new NewTopic(topic, Optional.of(PARTITIONS), Optional.of(replicas)))).all().get();
            untilInSync(admin, topic, replicas);
        }
        produce(bootstrap, topic);
        System.out.println("consumed " + consume(bootstrap, topic));
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    private static void describe(Admin admin) throws Exception {
        var cluster = admin.describeCluster();
        System.out.println("cluster " + cluster.clusterId().get());
        System.out.println("brokers " + cluster.nodes().get().stream().map(Node::id).collect(Collectors.toCollection(TreeSet::new)));
        var quorum = admin.describeMetadataQuorum().quorumInfo().get();
        var voters = quorum.voters().stream().map(voter -> voter.replicaId()).collect(Collectors.toCollection(TreeSet::new));
        var observers = quorum.observers().stream().map(observer -> observer.replicaId()).collect(Collectors.toCollection(TreeSet::new));
        System.out.println("voters " + voters);
        System.out.println("observers " + observers);
        System.out.println("leader is a voter: " + voters.contains(quorum.leaderId()));
    }

    private static void untilInSync(Admin admin, String topic, int replicas) throws Exception {
        while (true) {
            var leaders = leadersIfInSync(admin, topic, replicas);
            if (leaders.isPresent()) {
                System.out.println("leaders " + leaders.get());
                return;
            }
            Thread.sleep(20);
        }
    }

    /** Nothing while a replica lags, or the broker asked has not heard of the topic yet. */
    private static Optional<TreeSet<Integer>> leadersIfInSync(Admin admin, String topic, int replicas) throws Exception {
        try {
            var partitions = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions();
            boolean inSync = partitions.size() == PARTITIONS
                && partitions.stream().allMatch(partition -> partition.isr().size() == replicas && partition.leader() != null);
            return inSync
                ? Optional.of(partitions.stream().map(partition -> partition.leader().id()).collect(Collectors.toCollection(TreeSet::new)))
                : Optional.empty();
        } catch (ExecutionException error) {
            if (error.getCause() instanceof UnknownTopicOrPartitionException) {
                return Optional.empty();
            }
            throw error;
        }
    }

    private static void produce(String bootstrap, String topic) throws Exception {
        var properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        try (var producer = new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer())) {
            for (int number = 0; number < RECORDS; number++) {
                producer.send(new ProducerRecord<>(topic, "key-" + number, "value-" + number));
            }
        }
    }

    private static int consume(String bootstrap, String topic) {
        var properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("group.id", topic + "-readers");
        properties.put("auto.offset.reset", "earliest");
        Map<String, Integer> times = new HashMap<>();
        try (var consumer = new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic));
            long deadline = System.currentTimeMillis() + 60_000;
            while (times.size() < RECORDS && System.currentTimeMillis() < deadline) {
                consumer.poll(Duration.ofMillis(200)).forEach(record -> times.merge(record.value(), 1, Integer::sum));
            }
        }
        var more = new TreeMap<>(times);
        more.values().removeIf(count -> count == 1);
        if (!more.isEmpty()) {
            System.out.println("more than once " + more);
        }
        return times.size();
    }
}
