import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Clients that keep to their quotas. */
final class QuotaCases {
    private static final double RATE = 20_000;
    /** A little more than may be saved up: ten seconds' worth. */
    private static final int TOO_MUCH = 206_000;
    /** How long that is waited for at least, in milliseconds. */
    private static final int WAIT = 300;

    private QuotaCases() { }

    static void addTo(Map<String, Suite.Body> cases) {
        cases.put("clients over their quotas are told to wait, and do", QuotaCases::throttled);
    }

    private static void throttled() throws Exception {
        String topic = "quota" + Suite.RUN;
        String client = "client" + topic;
        try (var admin = Admin.create(Map.of("bootstrap.servers", Suite.BOOTSTRAP))) {
            admin.createTopics(List.of(new NewTopic(topic, 1, Suite.REPLICAS))).all().get();
            quotas(admin, client, RATE);
            produce(topic, client);
            consume(topic, client);
            quotas(admin, client, null);
        }
    }

    private static void quotas(Admin admin, String client, Double rate) throws Exception {
        var entity = new ClientQuotaEntity(Map.of(ClientQuotaEntity.CLIENT_ID, client));
        var produced = new ClientQuotaAlteration.Op("producer_byte_rate", rate);
        var fetched = new ClientQuotaAlteration.Op("consumer_byte_rate", rate);
        admin.alterClientQuotas(List.of(new ClientQuotaAlteration(entity, List.of(produced, fetched)))).all().get();
    }

    private static void produce(String topic, String client) throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = ClientCases.producer(Map.of("client.id", client))) {
            long[] sent = {0};
            // As soon as the broker knows of the quota.
            Suite.eventually("a producer that is told to wait", () -> {
                sent[0] = System.nanoTime();
                producer.send(new ProducerRecord<>(topic, new byte[TOO_MUCH])).get();
                return metric(producer.metrics(), "produce-throttle-time-max") >= WAIT;
            });
            producer.send(new ProducerRecord<>(topic, new byte[1])).get();
            long millis = (System.nanoTime() - sent[0]) / 1_000_000;
            Suite.check(millis >= WAIT, "the next was acknowledged after " + millis + " ms");
        }
    }

    private static void consume(String topic, String client) throws Exception {
        var properties = new Properties();
        properties.putAll(new HashMap<>(Map.of("bootstrap.servers", Suite.BOOTSTRAP, "client.id", client)));
        var bytes = new ByteArrayDeserializer();
        try (var consumer = new KafkaConsumer<>(properties, bytes, bytes)) {
            var partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            // The last that was too much: before it there may be such as were sent before the broker knew of the quota.
            consumer.seek(partition, consumer.endOffsets(List.of(partition)).get(partition) - 2);
            // It is told to wait with an empty answer, asks again, and gets what it could not before.
            Suite.check(ClientCases.read(consumer, 1).get(0).value().length == TOO_MUCH, "another record");
            Suite.check(metric(consumer.metrics(), "fetch-throttle-time-max") > 0, "it was not told to wait");
        }
    }

    private static double metric(Map<MetricName, ? extends Metric> metrics, String name) {
        return metrics.entrySet().stream()
            .filter(metric -> metric.getKey().name().equals(name))
            .mapToDouble(metric -> (Double) metric.getValue().metricValue())
            .filter(value -> !Double.isNaN(value))
            .max().orElse(0);
    }
}
