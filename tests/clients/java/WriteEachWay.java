import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Writes to partition 0 of each topic with every codec, and a transaction that is committed and one that is aborted, all with
 * acks=all. The standard input is the bootstrap servers, a name for the transactional id, and the topics, a line each. Prints
 * how many records of a topic a reader of committed ones is to find.
 */
class WriteEachWay {
    private static final int BATCHES = 5;
    private static final int RECORDS = 20;

    public static void main(String[] arguments) throws Exception {
        List<String> lines = new java.io.BufferedReader(new java.io.InputStreamReader(System.in)).lines().toList();
        String bootstrap = lines.get(0);
        String id = lines.get(1);
        List<String> topics = lines.subList(2, lines.size());
        int committed = 0;
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            var properties = properties(bootstrap, codec);
            try (var producer = new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer())) {
                for (int batch = 0; batch < BATCHES; batch++) {
                    write(producer, topics, id + "-" + codec + "-" + batch);
                    producer.flush();
                    committed += RECORDS;
                }
            }
        }
        var properties = properties(bootstrap, "lz4");
        properties.put("transactional.id", id);
        try (var producer = new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer())) {
            producer.initTransactions();
            producer.beginTransaction();
            write(producer, topics, id + "-committed");
            producer.commitTransaction();
            committed += RECORDS;
            producer.beginTransaction();
            write(producer, topics, id + "-aborted");
            producer.flush();
            producer.abortTransaction();
        }
        System.out.println(committed);
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    private static Properties properties(String bootstrap, String codec) {
        var properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("compression.type", codec);
        properties.put("acks", "all");
        properties.put("linger.ms", "50");
        return properties;
    }

    private static void write(KafkaProducer<String, String> producer, List<String> topics, String prefix) throws Exception {
        for (String topic : topics) {
            for (int number = 0; number < RECORDS; number++) {
                producer.send(new ProducerRecord<>(topic, 0, "key-" + number, prefix + "-value-" + number));
            }
        }
        producer.flush();
    }
}
